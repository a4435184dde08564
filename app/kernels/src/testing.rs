//! What the tests of kernels share: values, comparison, and steps by the letter of the law.

use crate::{Binary, Isa, Operand, Other, Post, Unary, binary, unary};

/// A deterministic source of numbers.
pub(crate) struct Source(u64);

impl Source {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn word(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 8
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (self.word() % bound as u64) as usize
    }

    pub(crate) fn between(&mut self, least: usize, most: usize) -> usize {
        least + self.below(most - least + 1)
    }

    pub(crate) fn one_of<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.below(list.len())]
    }

    /// A finite value, sometimes zero, subnormal or large.
    pub(crate) fn finite(&mut self) -> f32 {
        match self.below(24) {
            0 => self.one_of(&[0.0, -0.0]),
            1 => self.one_of(&[1e-45, -1e-40, f32::MIN_POSITIVE, -3e-39]),
            2 => self.one_of(&[1e19, -1e19, 3e38]),
            _ => (self.word() as u32 as i32) as f32 * 1e-9,
        }
    }

    /// Any value.
    pub(crate) fn hostile(&mut self) -> f32 {
        match self.below(16) {
            0 => self.one_of(&[f32::NAN, -f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX]),
            1 => f32::from_bits(self.word() as u32),
            _ => self.finite(),
        }
    }

    /// A list that is all hostile, all finite, or hostile in a few places.
    pub(crate) fn list(&mut self, len: usize) -> Vec<f32> {
        match self.below(3) {
            0 => (0..len).map(|_| self.hostile()).collect(),
            1 => self.finite_list(len),
            _ => {
                (0..len).map(|_| if self.below(200) == 0 { self.hostile() } else { self.finite() }).collect()
            }
        }
    }

    pub(crate) fn finite_list(&mut self, len: usize) -> Vec<f32> {
        (0..len).map(|_| self.finite()).collect()
    }

    /// A list of zeros of both signs, whose sums show what a sum starts from.
    pub(crate) fn zeros(&mut self, len: usize) -> Vec<f32> {
        (0..len).map(|_| self.one_of(&[0.0, -0.0])).collect()
    }
}

/// Panics where two lists differ in a bit, all NaN being one.
pub(crate) fn assert_same(what: &dyn std::fmt::Display, ours: &[f32], law: &[f32]) {
    assert_eq!(ours.len(), law.len(), "{what}");
    for (i, (a, b)) in ours.iter().zip(law).enumerate() {
        let same = a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan());
        assert!(same, "{what}: element {i} is {a:e} ({:08x}), not {b:e} ({:08x})", a.to_bits(), b.to_bits());
    }
}

/// A list of steps that owns its operands.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    Unary(Unary),
    All(Binary, f32, bool),
    Columns(Binary, Vec<f32>, bool),
    Same(Binary, Vec<f32>, bool),
}

const OPS: [Binary; 6] = [Binary::Add, Binary::Sub, Binary::Mul, Binary::Div, Binary::Max, Binary::Min];
const FUNCTIONS: [Unary; 8] = [
    Unary::Neg,
    Unary::Exp,
    Unary::Tanh,
    Unary::Gelu,
    Unary::HardSwish,
    Unary::Silu,
    Unary::LeakyRelu(0.1),
    Unary::Ln,
];

impl Step {
    pub(crate) fn random(source: &mut Source, columns: usize, reach: usize) -> Self {
        let op = source.one_of(&OPS);
        let reversed = source.below(2) == 0;
        match source.below(6) {
            0 => Step::Unary(source.one_of(&FUNCTIONS)),
            1 => Step::All(op, source.hostile(), reversed),
            2 => Step::Columns(op, source.list(columns), reversed),
            3 => Step::Same(op, source.list(reach), reversed),
            4 => Step::Same(Binary::Add, source.list(reach), reversed),
            _ => Step::All(source.one_of(&[Binary::Max, Binary::Min]), source.hostile(), reversed),
        }
    }

    /// Up to four steps, often those that tiles take in registers.
    pub(crate) fn list(source: &mut Source, columns: usize, reach: usize) -> Vec<Self> {
        let count = source.below(5);
        (0..count).map(|_| Self::random(source, columns, reach)).collect()
    }

    pub(crate) fn post(&self) -> Post<'_> {
        let (op, other, reversed) = match self {
            Step::Unary(op) => return Post::Unary(*op),
            Step::All(op, value, reversed) => (*op, Other::All(*value), *reversed),
            Step::Columns(op, list, reversed) => (*op, Other::Columns(list), *reversed),
            Step::Same(op, list, reversed) => (*op, Other::Same(list), *reversed),
        };
        if reversed { Post::Reversed(op, other) } else { Post::Binary(op, other) }
    }

    /// The step for one element, by the functions of one and two elements of the reference.
    pub(crate) fn law(&self, x: f32, column: usize, at: usize) -> f32 {
        let mut y = [0.0];
        let (op, other, reversed) = match self {
            Step::Unary(op) => {
                unary(Isa::Reference, *op, &[x], &mut y);
                return y[0];
            }
            Step::All(op, value, reversed) => (*op, *value, *reversed),
            Step::Columns(op, list, reversed) => (*op, list[column], *reversed),
            Step::Same(op, list, reversed) => (*op, list[at], *reversed),
        };
        let (a, b) = if reversed { (other, x) } else { (x, other) };
        binary(Isa::Reference, op, Operand::Each(&[a]), Operand::Each(&[b]), &mut y);
        y[0]
    }
}
