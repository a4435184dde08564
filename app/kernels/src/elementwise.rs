//! f32 functions of one or two elements.

use crate::isa::entry;
use crate::lanes::{self, LANES, Lanes};
use crate::{math, scalar};

/// A function of one f32; the sentence that defines each is in `docs/engine.md`.
#[derive(Debug, Clone, Copy, PartialEq)]
#[allow(missing_docs)]
pub enum Unary {
    Neg,
    Abs,
    Recip,
    Square,
    Sqrt,
    Rsqrt,
    Exp,
    Ln,
    Tanh,
    Sigmoid,
    Erf,
    Gelu,
    GeluTanh,
    Silu,
    HardSwish,
    LeakyRelu(f32),
    Floor,
    Ceil,
    Round,
    Sign,
    Sin,
    Cos,
}

/// A function of two f32.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Binary {
    Add,
    Sub,
    Mul,
    Div,
    /// `b > a ? b : a`.
    Max,
    /// `b < a ? b : a`.
    Min,
    Pow,
}

/// One operand of [`binary`].
#[derive(Debug, Clone, Copy)]
pub enum Operand<'a> {
    /// As many elements as the result.
    Each(&'a [f32]),
    /// One element for all.
    All(f32),
}

entry! {
    /// `y[i] = op(x[i])`, over the shorter of the two.
    pub fn unary(op: Unary, x: &[f32], y: &mut [f32]) => unary_body
}

entry! {
    /// `y[i] = op(a[i], b[i])`, over the shortest.
    pub fn binary(op: Binary, a: Operand<'_>, b: Operand<'_>, y: &mut [f32]) => binary_body
}

/// Runs an expression over whole vectors and the rest. The expression is expanded in place, not passed as a
/// closure: a closure that is not inlined is compiled without the instruction set.
macro_rules! map {
    ($x:ident, $y:ident, |$v:ident| $body:expr) => {{
        let (xs, x_rest) = $x.as_chunks::<LANES>();
        let (ys, y_rest) = $y.as_chunks_mut::<LANES>();
        for (x, y) in xs.iter().zip(ys) {
            let $v = V::load(x);
            $body.store(y);
        }
        let count = x_rest.len().min(y_rest.len());
        if count > 0 {
            let $v = V::load_part(&x_rest[..count], 1.0);
            $body.store_part(&mut y_rest[..count]);
        }
    }};
}

fn each(x: &[f32], y: &mut [f32], function: impl Fn(f32) -> f32) {
    for (y, &x) in y.iter_mut().zip(x) {
        *y = function(x);
    }
}

#[inline(always)]
fn unary_body<V: Lanes>(op: Unary, x: &[f32], y: &mut [f32]) {
    let len = x.len().min(y.len());
    let (x, y) = (&x[..len], &mut y[..len]);
    let one = V::splat(1.0);
    match op {
        Unary::Neg => map!(x, y, |v| v.neg()),
        Unary::Abs => map!(x, y, |v| v.abs()),
        Unary::Recip => map!(x, y, |v| one.div(v)),
        Unary::Square => map!(x, y, |v| v.mul(v)),
        Unary::Sqrt => map!(x, y, |v| v.sqrt()),
        Unary::Rsqrt => map!(x, y, |v| one.div(v.sqrt())),
        Unary::Exp => map!(x, y, |v| math::exp(v)),
        Unary::Tanh => map!(x, y, |v| math::tanh(v)),
        Unary::Sigmoid => map!(x, y, |v| math::sigmoid(v)),
        Unary::Erf => map!(x, y, |v| math::erf(v)),
        Unary::Gelu => map!(x, y, |v| math::gelu(v)),
        Unary::GeluTanh => map!(x, y, |v| math::gelu_tanh(v)),
        Unary::Silu => map!(x, y, |v| v.mul(math::sigmoid(v))),
        Unary::HardSwish => map!(x, y, |v| math::hard_swish(v)),
        Unary::LeakyRelu(alpha) => {
            let alpha = V::splat(alpha);
            map!(x, y, |v| v.select_lt(V::splat(0.0), alpha.mul(v), v));
        }
        Unary::Floor => map!(x, y, |v| v.floor()),
        Unary::Ceil => map!(x, y, |v| v.ceil()),
        Unary::Round => map!(x, y, |v| v.round_even()),
        Unary::Sign => map!(x, y, |v| {
            let zero = V::splat(0.0);
            let negative = v.select_lt(zero, V::splat(-1.0), v);
            zero.select_lt(v, one, negative)
        }),
        Unary::Ln => each(x, y, scalar::ln),
        Unary::Sin => each(x, y, scalar::sin),
        Unary::Cos => each(x, y, scalar::cos),
    }
}

/// Runs an expression over pairs of vectors; `$a` and `$b` are operands.
macro_rules! zip {
    ($a:ident, $b:ident, $y:ident, |$u:ident, $v:ident| $body:expr) => {{
        let (a_all, b_all) = (V::splat(first($a)), V::splat(first($b)));
        let (ys, rest) = $y.as_chunks_mut::<LANES>();
        let done = ys.len() * LANES;
        for (i, y) in ys.iter_mut().enumerate() {
            let $u = if let Operand::Each(a) = $a { V::load(&a.as_chunks().0[i]) } else { a_all };
            let $v = if let Operand::Each(b) = $b { V::load(&b.as_chunks().0[i]) } else { b_all };
            $body.store(y);
        }
        if !rest.is_empty() {
            let $u = if let Operand::Each(a) = $a { V::load_part(&a[done..], 1.0) } else { a_all };
            let $v = if let Operand::Each(b) = $b { V::load_part(&b[done..], 1.0) } else { b_all };
            $body.store_part(rest);
        }
    }};
}

/// [`binary`] of two elements.
#[inline(always)]
pub fn binary_one(op: Binary, a: f32, b: f32) -> f32 {
    match op {
        Binary::Add => a + b,
        Binary::Sub => a - b,
        Binary::Mul => a * b,
        Binary::Div => a / b,
        Binary::Max => lanes::max(a, b),
        Binary::Min => lanes::min(a, b),
        Binary::Pow => scalar::pow(a, b),
    }
}

#[inline(always)]
fn first(operand: Operand<'_>) -> f32 {
    match operand {
        Operand::Each(x) => x.first().copied().unwrap_or(0.0),
        Operand::All(x) => x,
    }
}

#[inline(always)]
fn at(operand: Operand<'_>, i: usize) -> f32 {
    match operand {
        Operand::Each(x) => x[i],
        Operand::All(x) => x,
    }
}

#[inline(always)]
fn binary_body<V: Lanes>(op: Binary, a: Operand<'_>, b: Operand<'_>, y: &mut [f32]) {
    let mut len = y.len();
    for operand in [a, b] {
        if let Operand::Each(x) = operand {
            len = len.min(x.len());
        }
    }
    let cut = |operand| if let Operand::Each(x) = operand { Operand::Each(&x[..len]) } else { operand };
    let (a, b, y) = (cut(a), cut(b), &mut y[..len]);
    match op {
        Binary::Add => zip!(a, b, y, |u, v| u.add(v)),
        Binary::Sub => zip!(a, b, y, |u, v| u.sub(v)),
        Binary::Mul => zip!(a, b, y, |u, v| u.mul(v)),
        Binary::Div => zip!(a, b, y, |u, v| u.div(v)),
        Binary::Max => zip!(a, b, y, |u, v| u.max(v)),
        Binary::Min => zip!(a, b, y, |u, v| u.min(v)),
        Binary::Pow => {
            for (i, y) in y.iter_mut().enumerate() {
                *y = scalar::pow(at(a, i), at(b, i));
            }
        }
    }
}
