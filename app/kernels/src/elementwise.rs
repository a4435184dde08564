//! f32 functions of one or two elements.

use crate::isa::entry;
use crate::lanes::{Arithmetic, LANES, Lanes};

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
    Tan,
    Asin,
    Acos,
    Atan,
    Sinh,
    Cosh,
    Asinh,
    Acosh,
    Atanh,
}

/// A function of two f32.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Binary {
    Add,
    Sub,
    Mul,
    Div,
    /// `b > a ? b : a`, where of a zero b all below 2^-40 are less.
    Max,
    /// `b < a ? b : a`.
    Min,
    Pow,
    /// C's `fmod`, which is exact.
    Rem,
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

/// Expands `$run!(|v| expression)` for a [`Unary`], `v` being anything that has [`Arithmetic`]. Expressions
/// are expanded in place, not passed as closures: a closure that is not inlined is compiled without the
/// instruction set.
macro_rules! each_unary {
    ($op:expr, $run:ident) => {{
        use $crate::elementwise::Unary;
        use $crate::{arcs, math, scalar};
        match $op {
            Unary::Neg => $run!(|v| v.neg()),
            Unary::Abs => $run!(|v| v.abs()),
            Unary::Recip => $run!(|v| math::recip(v)),
            Unary::Square => $run!(|v| math::square(v)),
            Unary::Sqrt => $run!(|v| math::sqrt(v)),
            Unary::Rsqrt => $run!(|v| math::rsqrt(v)),
            Unary::Exp => $run!(|v| math::exp(v)),
            Unary::Tanh => $run!(|v| math::tanh(v)),
            Unary::Sigmoid => $run!(|v| math::sigmoid(v)),
            Unary::Erf => $run!(|v| math::erf(v)),
            Unary::Gelu => $run!(|v| math::gelu(v)),
            Unary::GeluTanh => $run!(|v| math::gelu_tanh(v)),
            Unary::Silu => $run!(|v| math::silu(v)),
            Unary::HardSwish => $run!(|v| math::hard_swish(v)),
            Unary::LeakyRelu(alpha) => $run!(|v| math::leaky_relu(v, alpha)),
            Unary::Floor => $run!(|v| v.floor()),
            Unary::Ceil => $run!(|v| v.ceil()),
            Unary::Round => $run!(|v| v.round_even()),
            Unary::Sign => $run!(|v| math::sign(v)),
            Unary::Ln => $run!(|v| v.each(scalar::ln)),
            Unary::Sin => $run!(|v| v.each(scalar::sin)),
            Unary::Cos => $run!(|v| v.each(scalar::cos)),
            Unary::Tan => $run!(|v| v.each(arcs::tan)),
            Unary::Asin => $run!(|v| v.each(arcs::asin)),
            Unary::Acos => $run!(|v| v.each(arcs::acos)),
            Unary::Atan => $run!(|v| v.each(arcs::atan)),
            Unary::Sinh => $run!(|v| v.each(arcs::sinh)),
            Unary::Cosh => $run!(|v| v.each(arcs::cosh)),
            Unary::Asinh => $run!(|v| v.each(arcs::asinh)),
            Unary::Acosh => $run!(|v| v.each(arcs::acosh)),
            Unary::Atanh => $run!(|v| v.each(arcs::atanh)),
        }
    }};
}
pub(crate) use each_unary;

/// Expands `$run!(|u, v| expression)` for a [`Binary`] of the vectors `u` and `v`.
macro_rules! each_binary {
    ($op:expr, $run:ident) => {{
        use $crate::elementwise::Binary;
        use $crate::{math, scalar};
        match $op {
            Binary::Add => $run!(|u, v| u.add(v)),
            Binary::Sub => $run!(|u, v| u.sub(v)),
            Binary::Mul => $run!(|u, v| math::product(u, v)),
            Binary::Div => $run!(|u, v| math::quotient(u, v)),
            Binary::Max => $run!(|u, v| math::greater(u, v)),
            Binary::Min => $run!(|u, v| u.min(v)),
            Binary::Pow => $run!(|u, v| u.each_pair(v, scalar::pow)),
            Binary::Rem => $run!(|u, v| u.rem(v)),
        }
    }};
}
pub(crate) use each_binary;

#[inline(always)]
fn unary_body<V: Lanes>(op: Unary, x: &[f32], y: &mut [f32]) {
    let len = x.len().min(y.len());
    let (x, y) = (&x[..len], &mut y[..len]);
    macro_rules! map {
        (|$v:ident| $body:expr) => {{
            let (xs, x_rest) = x.as_chunks::<LANES>();
            let (ys, y_rest) = y.as_chunks_mut::<LANES>();
            let (x_pairs, x_last) = xs.as_chunks::<2>();
            let (y_pairs, y_last) = ys.as_chunks_mut::<2>();
            for ([x0, x1], [y0, y1]) in x_pairs.iter().zip(y_pairs) {
                let $v = [V::load(x0), V::load(x1)];
                let [first, second] = $body;
                first.store(y0);
                second.store(y1);
            }
            for (x, y) in x_last.iter().zip(y_last) {
                let $v = V::load(x);
                $body.store(y);
            }
            if !x_rest.is_empty() {
                let $v = V::load_part(x_rest, 1.0);
                $body.store_part(y_rest);
            }
        }};
    }
    each_unary!(op, map)
}

/// [`binary`] of two elements.
#[inline(always)]
pub fn binary_one(op: Binary, a: f32, b: f32) -> f32 {
    one(op, a, b)
}

// Generic, for an f32's own `max` and `min` have other rules for NaN.
#[inline(always)]
fn one<V: Arithmetic>(op: Binary, a: V, b: V) -> V {
    macro_rules! once {
        (|$u:ident, $v:ident| $body:expr) => {{
            let ($u, $v) = (a, b);
            $body
        }};
    }
    each_binary!(op, once)
}

/// The quotient of two elements, as [`Binary::Div`] has it.
#[inline(always)]
pub fn quotient(a: f32, b: f32) -> f32 {
    crate::math::quotient(a, b)
}

/// A scale of integers: zero if it is subnormal.
#[inline(always)]
pub fn scale(x: f32) -> f32 {
    crate::math::from(x, f32::MIN_POSITIVE)
}

#[inline(always)]
fn first(operand: Operand<'_>) -> f32 {
    match operand {
        Operand::Each(x) => x.first().copied().unwrap_or(0.0),
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
    let (a_all, b_all) = (V::splat(first(a)), V::splat(first(b)));
    macro_rules! zip {
        (|$u:ident, $v:ident| $body:expr) => {{
            let (ys, rest) = y.as_chunks_mut::<LANES>();
            let done = ys.len() * LANES;
            for (i, y) in ys.iter_mut().enumerate() {
                let $u = if let Operand::Each(a) = a { V::load(&a.as_chunks().0[i]) } else { a_all };
                let $v = if let Operand::Each(b) = b { V::load(&b.as_chunks().0[i]) } else { b_all };
                $body.store(y);
            }
            if !rest.is_empty() {
                let $u = if let Operand::Each(a) = a { V::load_part(&a[done..], 1.0) } else { a_all };
                let $v = if let Operand::Each(b) = b { V::load_part(&b[done..], 1.0) } else { b_all };
                $body.store_part(rest);
            }
        }};
    }
    each_binary!(op, zip)
}
