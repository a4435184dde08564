//! Elementwise opcodes: f32 through the kernels, integers and bools here, exactly.

use crate::buffer::Element;
use crate::executable::Failed;
use crate::view::View;
use assay_kernels as kernels;
use assay_kernels::Operand;
use assay_plan::walk::Walk;
use assay_plan::{BinaryOp, CompareOp, UnaryOp};
use assay_types::tensor::DType;

pub(crate) fn unary(view: &mut View<'_>, op: UnaryOp) {
    match view.node().dtype {
        DType::F32 => {
            if let Some(op) = unary_kernel(op) {
                kernels::unary(view.isa(), op, view.operand(0), view.result());
            }
        }
        DType::I64 => unary_integer::<i64>(view, op),
        DType::I32 => unary_integer::<i32>(view, op),
        DType::I8 => unary_integer::<i8>(view, op),
        DType::U8 => unary_integer::<u8>(view, op),
        DType::Bool => each(view, |x: u8| x ^ 1),
    }
}

fn each<T: Element>(view: &mut View<'_>, function: impl Fn(T) -> T) {
    let x: &[T] = view.operand(0);
    for (y, &x) in view.result().iter_mut().zip(x) {
        *y = function(x);
    }
}

fn unary_integer<T: Integer>(view: &mut View<'_>, op: UnaryOp) {
    match op {
        UnaryOp::Neg => each(view, |x: T| T::default().wrapping_sub(x)),
        UnaryOp::Abs => each(view, |x: T| if x < T::default() { T::default().wrapping_sub(x) } else { x }),
        UnaryOp::Square => each(view, |x: T| x.wrapping_mul(x)),
        UnaryOp::BitNot => each(view, |x: T| !x),
        _ => each(view, T::sign),
    }
}

/// The kernel of a function of f32.
pub(crate) fn unary_kernel(op: UnaryOp) -> Option<kernels::Unary> {
    use kernels::Unary as K;
    Some(match op {
        UnaryOp::Neg => K::Neg,
        UnaryOp::Abs => K::Abs,
        UnaryOp::Recip => K::Recip,
        UnaryOp::Square => K::Square,
        UnaryOp::Sqrt => K::Sqrt,
        UnaryOp::Rsqrt => K::Rsqrt,
        UnaryOp::Exp => K::Exp,
        UnaryOp::Ln => K::Ln,
        UnaryOp::Tanh => K::Tanh,
        UnaryOp::Sigmoid => K::Sigmoid,
        UnaryOp::Erf => K::Erf,
        UnaryOp::Gelu => K::Gelu,
        UnaryOp::GeluTanh => K::GeluTanh,
        UnaryOp::Silu => K::Silu,
        UnaryOp::HardSwish => K::HardSwish,
        UnaryOp::LeakyRelu { alpha } => K::LeakyRelu(f32::from_bits(alpha)),
        UnaryOp::Floor => K::Floor,
        UnaryOp::Ceil => K::Ceil,
        UnaryOp::Round => K::Round,
        UnaryOp::Sign => K::Sign,
        UnaryOp::Sin => K::Sin,
        UnaryOp::Cos => K::Cos,
        UnaryOp::Tan => K::Tan,
        UnaryOp::Asin => K::Asin,
        UnaryOp::Acos => K::Acos,
        UnaryOp::Atan => K::Atan,
        UnaryOp::Sinh => K::Sinh,
        UnaryOp::Cosh => K::Cosh,
        UnaryOp::Asinh => K::Asinh,
        UnaryOp::Acosh => K::Acosh,
        UnaryOp::Atanh => K::Atanh,
        UnaryOp::Not | UnaryOp::BitNot => return None,
    })
}

/// The kernel of a function of two f32.
pub(crate) fn binary_kernel(op: BinaryOp) -> kernels::Binary {
    use kernels::Binary as K;
    match op {
        BinaryOp::Add => K::Add,
        BinaryOp::Sub => K::Sub,
        BinaryOp::Mul => K::Mul,
        BinaryOp::Div => K::Div,
        BinaryOp::Max => K::Max,
        BinaryOp::Min => K::Min,
        BinaryOp::Rem => K::Rem,
        _ => K::Pow,
    }
}

/// Integers that wrap.
pub(crate) trait Integer:
    Element
    + Ord
    + Default
    + std::ops::Not<Output = Self>
    + std::ops::BitAnd<Output = Self>
    + std::ops::BitOr<Output = Self>
    + std::ops::BitXor<Output = Self>
{
    fn wrapping_add(self, b: Self) -> Self;
    fn wrapping_sub(self, b: Self) -> Self;
    fn wrapping_mul(self, b: Self) -> Self;
    /// The truncated quotient; `None` for a zero divisor.
    fn quotient(self, b: Self) -> Option<Self>;
    /// The remainder of the truncated quotient; `None` for a zero divisor.
    fn remainder(self, b: Self) -> Option<Self>;
    fn sign(self) -> Self;
    /// `self * 2^b`, `b` without a sign.
    fn shift_left(self, b: Self) -> Self;
    /// `self / 2^b`, rounded down, `b` without a sign.
    fn shift_right(self, b: Self) -> Self;
    const ONE: Self;
    const MIN: Self;
    const MAX: Self;
}

macro_rules! integer {
    ($t:ident, $unsigned:ident, |$x:ident| $sign:expr) => {
        impl Integer for $t {
            fn wrapping_add(self, b: Self) -> Self {
                $t::wrapping_add(self, b)
            }
            fn wrapping_sub(self, b: Self) -> Self {
                $t::wrapping_sub(self, b)
            }
            fn wrapping_mul(self, b: Self) -> Self {
                $t::wrapping_mul(self, b)
            }
            fn quotient(self, b: Self) -> Option<Self> {
                (b != 0).then(|| self.wrapping_div(b))
            }
            fn remainder(self, b: Self) -> Option<Self> {
                (b != 0).then(|| self.wrapping_rem(b))
            }
            fn sign(self) -> Self {
                let $x = self;
                $sign
            }
            fn shift_left(self, b: Self) -> Self {
                let b = b as $unsigned as u64;
                if b < u64::from($t::BITS) { self << b } else { 0 }
            }
            fn shift_right(self, b: Self) -> Self {
                let b = b as $unsigned as u64;
                // Past the last bit only the sign is left.
                if b < u64::from($t::BITS) { self >> b } else { self >> ($t::BITS - 1) >> 1 }
            }
            const ONE: Self = 1;
            const MIN: Self = $t::MIN;
            const MAX: Self = $t::MAX;
        }
    };
}
integer!(i64, u64, |x| i64::from(x > 0) - i64::from(x < 0));
integer!(i32, u32, |x| i32::from(x > 0) - i32::from(x < 0));
integer!(i8, u8, |x| i8::from(x > 0) - i8::from(x < 0));
integer!(u8, u8, |x| x.min(1));

/// Puts the function of each pair of operands at the place of their result.
///
/// A run's operands go on or stand still; each of these ways is a loop of its own, which the compiler can make one
/// of vectors.
fn pairs<T: Element, U>(walk: &Walk<2>, a: &[T], b: &[T], y: &mut [U], mut function: impl FnMut(T, T) -> U) {
    let run = walk.run;
    let mut runs = y.chunks_exact_mut(run);
    match walk.steps {
        [1, 1] => walk.each(|[a_start, b_start]| {
            let Some(y) = runs.next() else { return };
            let operands = a[a_start..][..run].iter().zip(&b[b_start..][..run]);
            y.iter_mut().zip(operands).for_each(|(y, (&a, &b))| *y = function(a, b));
        }),
        [1, 0] => walk.each(|[a_start, b_start]| {
            let (Some(y), b) = (runs.next(), b[b_start]) else { return };
            y.iter_mut().zip(&a[a_start..][..run]).for_each(|(y, &a)| *y = function(a, b));
        }),
        [0, 1] => walk.each(|[a_start, b_start]| {
            let (Some(y), a) = (runs.next(), a[a_start]) else { return };
            y.iter_mut().zip(&b[b_start..][..run]).for_each(|(y, &b)| *y = function(a, b));
        }),
        steps => {
            let [a_step, b_step] = steps.map(|step| step as usize);
            walk.each(|[a_start, b_start]| {
                let Some(y) = runs.next() else { return };
                for (i, y) in y.iter_mut().enumerate() {
                    *y = function(a[a_start + i * a_step], b[b_start + i * b_step]);
                }
            });
        }
    }
}

pub(crate) fn binary(walk: &Walk<2>, view: &mut View<'_>, op: BinaryOp) -> Result<(), Failed> {
    match view.node().dtype {
        DType::F32 => binary_f32(walk, view, op),
        DType::I64 => return binary_integer::<i64>(walk, view, op),
        DType::I32 => return binary_integer::<i32>(walk, view, op),
        DType::I8 => return binary_integer::<i8>(walk, view, op),
        DType::U8 => return binary_integer::<u8>(walk, view, op),
        DType::Bool => {
            let (a, b, y): (&[u8], &[u8], &mut [u8]) = (view.operand(0), view.operand(1), view.result());
            match op {
                BinaryOp::And => pairs(walk, a, b, y, |a, b| a & b),
                BinaryOp::Or => pairs(walk, a, b, y, |a, b| a | b),
                _ => pairs(walk, a, b, y, |a, b| a ^ b),
            }
        }
    }
    Ok(())
}

/// Runs of fewer elements do not repay entering a kernel.
const SHORT_RUN: usize = 24;

fn binary_f32(walk: &Walk<2>, view: &mut View<'_>, op: BinaryOp) {
    use kernels::Binary as K;
    let op = binary_kernel(op);
    let (a, b, y): (&[f32], &[f32], &mut [f32]) = (view.operand(0), view.operand(1), view.result());
    if walk.run < SHORT_RUN {
        // Each function has a loop of its own, which the compiler can make one of vectors.
        macro_rules! short {
            ($($name:ident)*) => {
                match op {
                    $(K::$name => pairs(walk, a, b, y, |a, b| kernels::binary_one(K::$name, a, b)),)*
                }
            };
        }
        short!(Add Sub Mul Div Max Min Pow Rem);
        return;
    }
    let isa = view.isa();
    let mut runs = y.chunks_exact_mut(walk.run);
    walk.each(|[a_start, b_start]| {
        let Some(run) = runs.next() else { return };
        let operand = |x, start, step| slice(x, start, step, walk.run);
        kernels::binary(isa, op, operand(a, a_start, walk.steps[0]), operand(b, b_start, walk.steps[1]), run);
    });
}

fn slice(x: &[f32], start: usize, step: isize, run: usize) -> Operand<'_> {
    if step == 0 { Operand::All(x[start]) } else { Operand::Each(&x[start..][..run]) }
}

fn binary_integer<T: Integer>(walk: &Walk<2>, view: &mut View<'_>, op: BinaryOp) -> Result<(), Failed> {
    let (a, b, y): (&[T], &[T], &mut [T]) = (view.operand(0), view.operand(1), view.result());
    let mut failed = false;
    let mut checked = |value: Option<T>| {
        failed |= value.is_none();
        value.unwrap_or_default()
    };
    match op {
        BinaryOp::Add => pairs(walk, a, b, y, |a, b| a.wrapping_add(b)),
        BinaryOp::Sub => pairs(walk, a, b, y, |a, b| a.wrapping_sub(b)),
        BinaryOp::Mul => pairs(walk, a, b, y, |a, b| a.wrapping_mul(b)),
        BinaryOp::Div => pairs(walk, a, b, y, |a, b| checked(a.quotient(b))),
        BinaryOp::Rem => pairs(walk, a, b, y, |a, b| checked(a.remainder(b))),
        BinaryOp::Max => pairs(walk, a, b, y, |a, b| a.max(b)),
        BinaryOp::BitAnd => pairs(walk, a, b, y, |a, b| a & b),
        BinaryOp::BitOr => pairs(walk, a, b, y, |a, b| a | b),
        BinaryOp::BitXor => pairs(walk, a, b, y, |a, b| a ^ b),
        BinaryOp::ShiftLeft => pairs(walk, a, b, y, |a, b| a.shift_left(b)),
        BinaryOp::ShiftRight => pairs(walk, a, b, y, |a, b| a.shift_right(b)),
        _ => pairs(walk, a, b, y, |a, b| a.min(b)),
    }
    if failed { Err(Failed) } else { Ok(()) }
}

pub(crate) fn compare(walk: &Walk<2>, view: &mut View<'_>, op: CompareOp) {
    match view.operand_node(0).dtype {
        DType::F32 => compare_as::<f32>(walk, view, op),
        DType::I64 => compare_as::<i64>(walk, view, op),
        DType::I32 => compare_as::<i32>(walk, view, op),
        DType::I8 => compare_as::<i8>(walk, view, op),
        DType::U8 | DType::Bool => compare_as::<u8>(walk, view, op),
    }
}

fn compare_as<T: Element + PartialOrd>(walk: &Walk<2>, view: &mut View<'_>, op: CompareOp) {
    let (a, b, y): (&[T], &[T], &mut [u8]) = (view.operand(0), view.operand(1), view.result());
    match op {
        CompareOp::Lt => pairs(walk, a, b, y, |a, b| u8::from(a < b)),
        CompareOp::Le => pairs(walk, a, b, y, |a, b| u8::from(a <= b)),
        CompareOp::Gt => pairs(walk, a, b, y, |a, b| u8::from(a > b)),
        CompareOp::Ge => pairs(walk, a, b, y, |a, b| u8::from(a >= b)),
        CompareOp::Eq => pairs(walk, a, b, y, |a, b| u8::from(a == b)),
        CompareOp::Ne => pairs(walk, a, b, y, |a, b| u8::from(a != b)),
    }
}

pub(crate) fn select(walk: &Walk<3>, view: &mut View<'_>) {
    crate::movement::by_size!(view.node().dtype, T => select_as::<T>(walk, view));
}

fn select_as<T: Element>(walk: &Walk<3>, view: &mut View<'_>) {
    let condition: &[u8] = view.operand(0);
    let (a, b, y): (&[T], &[T], &mut [T]) = (view.operand(1), view.operand(2), view.result());
    let run = walk.run;
    let mut runs = y.chunks_exact_mut(run);
    // Both are read before one is taken: what the condition is must not be guessed.
    let either = |c: u8, a: T, b: T| std::hint::select_unpredictable(c != 0, a, b);
    match walk.steps {
        [1, 1, 1] => walk.each(|[c_start, a_start, b_start]| {
            let Some(y) = runs.next() else { return };
            let (c, a, b) = (&condition[c_start..][..run], &a[a_start..][..run], &b[b_start..][..run]);
            y.iter_mut()
                .zip(c.iter().zip(a.iter().zip(b)))
                .for_each(|(y, (&c, (&a, &b)))| *y = either(c, a, b));
        }),
        [1, 1, 0] => walk.each(|[c_start, a_start, b_start]| {
            let (Some(y), b) = (runs.next(), b[b_start]) else { return };
            let (c, a) = (&condition[c_start..][..run], &a[a_start..][..run]);
            y.iter_mut().zip(c.iter().zip(a)).for_each(|(y, (&c, &a))| *y = either(c, a, b));
        }),
        [1, 0, 1] => walk.each(|[c_start, a_start, b_start]| {
            let (Some(y), a) = (runs.next(), a[a_start]) else { return };
            let (c, b) = (&condition[c_start..][..run], &b[b_start..][..run]);
            y.iter_mut().zip(c.iter().zip(b)).for_each(|(y, (&c, &b))| *y = either(c, a, b));
        }),
        [0, a_step, b_step] => walk.each(|[c_start, a_start, b_start]| {
            let Some(y) = runs.next() else { return };
            let (x, start, step) =
                if condition[c_start] != 0 { (a, a_start, a_step) } else { (b, b_start, b_step) };
            if step == 1 { y.copy_from_slice(&x[start..][..run]) } else { y.fill(x[start]) }
        }),
        steps => {
            let [c_step, a_step, b_step] = steps.map(|step| step as usize);
            walk.each(|[c_start, a_start, b_start]| {
                let Some(y) = runs.next() else { return };
                for (i, y) in y.iter_mut().enumerate() {
                    let (a, b) = (a[a_start + i * a_step], b[b_start + i * b_step]);
                    *y = either(condition[c_start + i * c_step], a, b);
                }
            });
        }
    }
}
