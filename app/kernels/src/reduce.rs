//! Reductions of rows: element i goes to lane i mod 16, in ascending order; then lanes i and i + 8 combine,
//! then 4, 2 and 1 apart. Softmax and the root mean square use the same sums.

use crate::isa::entry;
use crate::lanes::{self, Arithmetic, LANES, Lanes};
use crate::{math, scalar};

/// What a row is reduced to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fold {
    /// The sum, from +0.
    Sum,
    /// `max` from minus infinity: a NaN is passed over.
    Max,
    /// `min` from plus infinity: a NaN is passed over.
    Min,
    /// The product, from 1.
    Prod,
}

entry! {
    /// `y[r]` is the fold of row `r` of x, whose rows have `n` elements.
    pub fn fold_rows(fold: Fold, n: usize, x: &[f32], y: &mut [f32]) => fold_rows_body
}

entry! {
    /// Replaces each row of `n` elements by its softmax.
    pub fn softmax_rows(n: usize, x: &mut [f32]) => softmax_body
}

entry! {
    /// Replaces each row of `n` elements by the logarithm of its softmax.
    pub fn log_softmax_rows(n: usize, x: &mut [f32]) => log_softmax_body
}

entry! {
    /// Divides each row of `n` elements by the root of its mean square plus `eps`.
    pub fn rms_norm_rows(n: usize, eps: f32, x: &mut [f32]) => rms_norm_body
}

/// The lane accumulators of a row under an expression of the accumulator and the next vector.
macro_rules! lanes_of {
    ($x:expr, $init:expr, |$acc:ident, $v:ident| $body:expr) => {{
        let (vectors, rest) = $x.as_chunks::<LANES>();
        let mut $acc = V::splat($init);
        for vector in vectors {
            let $v = V::load(vector);
            $acc = $body;
        }
        let mut lanes = $acc.to_array();
        if !rest.is_empty() {
            // Only the lanes that have an element take part: a fill value could change a NaN's or a zero's
            // fate.
            let $v = V::load_part(rest, 0.0);
            lanes[..rest.len()].copy_from_slice(&$body.to_array()[..rest.len()]);
        }
        lanes
    }};
}
pub(crate) use lanes_of;

#[inline(always)]
pub(crate) fn tree(mut lanes: [f32; LANES], combine: impl Fn(f32, f32) -> f32) -> f32 {
    for half in [8, 4, 2, 1] {
        for i in 0..half {
            lanes[i] = combine(lanes[i], lanes[i + half]);
        }
    }
    lanes[0]
}

#[inline(always)]
pub(crate) fn sum<V: Lanes>(x: &[f32]) -> f32 {
    tree(lanes_of!(x, 0.0, |acc, v| acc.add(v)), |a, b| a + b)
}

#[inline(always)]
fn greatest<V: Lanes>(x: &[f32]) -> f32 {
    tree(lanes_of!(x, lanes::opaque(f32::NEG_INFINITY), |acc, v| acc.max(v)), lanes::max)
}

#[inline(always)]
fn fold_rows_body<V: Lanes>(fold: Fold, n: usize, x: &[f32], y: &mut [f32]) {
    for (row, y) in x.chunks_exact(n.max(1)).zip(y) {
        *y = match fold {
            Fold::Sum => sum::<V>(row),
            Fold::Max => greatest::<V>(row),
            Fold::Min => tree(lanes_of!(row, lanes::opaque(f32::INFINITY), |acc, v| acc.min(v)), lanes::min),
            Fold::Prod => tree(lanes_of!(row, 1.0, |acc, v| math::product(acc, v)), math::product),
        };
    }
}

/// Replaces every element by an expression of it.
macro_rules! update {
    ($x:ident, |$v:ident| $body:expr) => {{
        let (vectors, rest) = $x.as_chunks_mut::<LANES>();
        for vector in vectors {
            let $v = V::load(vector);
            $body.store(vector);
        }
        if !rest.is_empty() {
            let $v = V::load_part(rest, 0.0);
            $body.store_part(rest);
        }
    }};
}

/// Replaces x by exp(x - shift), and gives the lanes of the sum.
macro_rules! exp_lanes {
    ($x:ident, $shift:ident) => {{
        let (vectors, rest) = $x.as_chunks_mut::<LANES>();
        let mut acc = V::splat(0.0);
        let (pairs, last) = vectors.as_chunks_mut::<2>();
        for [first, second] in pairs {
            let x = [V::load(first), V::load(second)];
            let e = $crate::math::exp(x.sub([$shift; 2]));
            e[0].store(first);
            e[1].store(second);
            acc = acc.add(e[0]).add(e[1]);
        }
        for vector in last {
            let e = $crate::math::exp(V::load(vector).sub($shift));
            e.store(vector);
            acc = acc.add(e);
        }
        let mut lanes = acc.to_array();
        if !rest.is_empty() {
            let e = $crate::math::exp(V::load_part(rest, 0.0).sub($shift));
            e.store_part(rest);
            lanes[..rest.len()].copy_from_slice(&acc.add(e).to_array()[..rest.len()]);
        }
        lanes
    }};
}
pub(crate) use exp_lanes;

#[inline(always)]
fn softmax_body<V: Lanes>(n: usize, x: &mut [f32]) {
    for row in x.chunks_exact_mut(n.max(1)) {
        let shift = V::splat(greatest::<V>(row));
        let total = tree(exp_lanes!(row, shift), |a, b| a + b);
        let scale = V::splat(1.0 / total);
        update!(row, |v| math::share(v, scale));
    }
}

#[inline(always)]
fn log_softmax_body<V: Lanes>(n: usize, x: &mut [f32]) {
    for row in x.chunks_exact_mut(n.max(1)) {
        let shift = V::splat(greatest::<V>(row));
        update!(row, |v| v.sub(shift));
        let total = tree(lanes_of!(row, 0.0, |acc, v| acc.add(math::exp(v))), |a, b| a + b);
        let shift = V::splat(scalar::ln(total));
        update!(row, |v| v.sub(shift));
    }
}

#[inline(always)]
fn rms_norm_body<V: Lanes>(n: usize, eps: f32, x: &mut [f32]) {
    for row in x.chunks_exact_mut(n.max(1)) {
        let squares = tree(lanes_of!(row, 0.0, |acc, v| math::add_square(acc, v)), |a, b| a + b);
        let scale = V::splat(1.0 / (squares / n as f32 + eps).sqrt());
        update!(row, |v| math::product(v, scale));
    }
}
