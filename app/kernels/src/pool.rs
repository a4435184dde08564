//! Pools: sliding windows over planes, and their geometry. See [`crate::window`] for blocked channels.

use crate::isa::entry;
use crate::lanes::{self, LANES, Lanes};
use crate::math;

/// The geometry of a window over planes of `height` by `width`.
#[derive(Debug, Clone, Copy)]
pub struct Pool {
    /// Rows and columns of a plane.
    pub input: [usize; 2],
    /// Rows and columns of a result's plane.
    pub output: [usize; 2],
    /// Taps along rows and columns.
    pub kernel: [usize; 2],
    /// Elements between windows.
    pub stride: [usize; 2],
    /// Elements between taps.
    pub dilation: [usize; 2],
    /// Positions before the first element.
    pub pad: [usize; 2],
}

/// The number that a sum is divided by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PoolDivisor {
    /// 1: no division.
    One,
    /// All taps.
    Kernel,
    /// The taps inside the plane.
    Inside,
}

impl Pool {
    /// The first tap inside and the first beyond it, along an axis, of the window at `position`.
    #[inline(always)]
    pub(crate) fn inside(&self, axis: usize, position: usize) -> (usize, usize) {
        let start = position * self.stride[axis];
        let (pad, step, size) = (self.pad[axis], self.dilation[axis].max(1), self.input[axis]);
        let first = pad.saturating_sub(start).div_ceil(step);
        let end = (size + pad).saturating_sub(start).div_ceil(step);
        (first.min(self.kernel[axis]), end.min(self.kernel[axis]).max(first.min(self.kernel[axis])))
    }

    /// The first position along an axis whose windows have tap `tap` inside, and the first that no longer has.
    #[inline(always)]
    pub(crate) fn reached(&self, axis: usize, tap: usize) -> (usize, usize) {
        let (pad, stride) = (self.pad[axis], self.stride[axis].max(1));
        let offset = tap * self.dilation[axis];
        let first = pad.saturating_sub(offset).div_ceil(stride);
        let end = (self.input[axis] + pad).saturating_sub(offset).div_ceil(stride);
        let most = self.output[axis];
        (first.min(most), end.min(most).max(first.min(most)))
    }

    pub(crate) fn input_len(&self) -> usize {
        self.input[0] * self.input[1]
    }

    pub(crate) fn output_len(&self) -> usize {
        self.output[0] * self.output[1]
    }
}

entry! {
    /// The greatest tap of each window, from minus infinity, plane after plane.
    pub fn max_pool(pool: &Pool, x: &[f32], y: &mut [f32]) => max_pool_body
}

entry! {
    /// The sum of each window's taps, from +0, divided by `divisor`, plane after plane.
    pub fn sum_pool(pool: &Pool, divisor: PoolDivisor, x: &[f32], y: &mut [f32]) => sum_pool_body
}

/// 16 elements, `step` apart.
#[inline(always)]
fn spread<V: Lanes>(x: &[f32], step: usize) -> V {
    match step {
        1 => V::load_part(&x[..LANES], 0.0),
        _ => V::load(&std::array::from_fn(|i| x[i * step])),
    }
}

/// Combines every tap with the results of its row, the taps in order: each result still meets its own taps
/// rows first.
macro_rules! rows_of_taps {
    ($pool:ident, $x:ident, $y:ident, $start:expr, |$acc:ident, $tap:ident| $vector:expr, $one:expr) => {
        for (plane, y) in
            $x.chunks_exact($pool.input_len().max(1)).zip($y.chunks_exact_mut($pool.output_len().max(1)))
        {
            for (oy, y) in y.chunks_exact_mut($pool.output[1]).enumerate() {
                y.fill($start);
                let (first, end) = $pool.inside(0, oy);
                for ky in first..end {
                    let row = oy * $pool.stride[0] + ky * $pool.dilation[0] - $pool.pad[0];
                    let row = &plane[row * $pool.input[1]..][..$pool.input[1]];
                    for kx in 0..$pool.kernel[1] {
                        let (first, end) = $pool.reached(1, kx);
                        let mut ox = first;
                        let step = $pool.stride[1];
                        let at = |ox: usize| ox * step + kx * $pool.dilation[1] - $pool.pad[1];
                        while ox + LANES <= end {
                            let ($acc, $tap) =
                                (V::load_part(&y[ox..ox + LANES], 0.0), spread::<V>(&row[at(ox)..], step));
                            $vector.store_part(&mut y[ox..ox + LANES]);
                            ox += LANES;
                        }
                        for ox in ox..end {
                            let ($acc, $tap) = (y[ox], row[at(ox)]);
                            y[ox] = $one;
                        }
                    }
                }
            }
        }
    };
}

#[inline(always)]
fn max_pool_body<V: Lanes>(pool: &Pool, x: &[f32], y: &mut [f32]) {
    rows_of_taps!(
        pool,
        x,
        y,
        lanes::opaque(f32::NEG_INFINITY),
        |acc, tap| acc.max(tap),
        lanes::max(acc, tap)
    );
}

#[inline(always)]
fn sum_pool_body<V: Lanes>(pool: &Pool, divisor: PoolDivisor, x: &[f32], y: &mut [f32]) {
    rows_of_taps!(pool, x, y, 0.0, |acc, tap| acc.add(tap), acc + tap);
    if divisor == PoolDivisor::One {
        return;
    }
    for y in y.chunks_exact_mut(pool.output_len().max(1)).take(x.len() / pool.input_len().max(1)) {
        for (oy, y) in y.chunks_exact_mut(pool.output[1]).enumerate() {
            for (ox, y) in y.iter_mut().enumerate() {
                *y = math::mean(*y, pool.divisor(divisor, oy, ox));
            }
        }
    }
}

impl Pool {
    /// What the sum at a position is divided by.
    #[inline(always)]
    pub(crate) fn divisor(&self, divisor: PoolDivisor, oy: usize, ox: usize) -> f32 {
        let count = |(first, end): (usize, usize)| end - first;
        match divisor {
            PoolDivisor::One => 1.0,
            PoolDivisor::Kernel => (self.kernel[0] * self.kernel[1]) as f32,
            PoolDivisor::Inside => (count(self.inside(0, oy)) * count(self.inside(1, ox))) as f32,
        }
    }
}
