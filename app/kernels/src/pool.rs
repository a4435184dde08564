//! Sliding windows over planes. One body: pooling is small beside the convolutions it follows.

use crate::lanes;

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

/// Calls `tap` with each tap of one window that lies inside the plane, rows first.
#[inline(always)]
fn taps(pool: &Pool, plane: &[f32], oy: usize, ox: usize, mut tap: impl FnMut(f32)) {
    for ky in 0..pool.kernel[0] {
        let y = (oy * pool.stride[0] + ky * pool.dilation[0]).wrapping_sub(pool.pad[0]);
        if y >= pool.input[0] {
            continue;
        }
        let row = &plane[y * pool.input[1]..][..pool.input[1]];
        for kx in 0..pool.kernel[1] {
            let x = (ox * pool.stride[1] + kx * pool.dilation[1]).wrapping_sub(pool.pad[1]);
            if let Some(&value) = row.get(x) {
                tap(value);
            }
        }
    }
}

fn windows(pool: &Pool, x: &[f32], y: &mut [f32], mut window: impl FnMut(&[f32], usize, usize) -> f32) {
    let (size, result) = (pool.input[0] * pool.input[1], pool.output[0] * pool.output[1]);
    for (plane, y) in x.chunks_exact(size.max(1)).zip(y.chunks_exact_mut(result.max(1))) {
        for (index, y) in y.iter_mut().enumerate() {
            *y = window(plane, index / pool.output[1], index % pool.output[1]);
        }
    }
}

/// The greatest tap of each window, from minus infinity.
pub fn max_pool(pool: &Pool, x: &[f32], y: &mut [f32]) {
    windows(pool, x, y, |plane, oy, ox| {
        let mut best = f32::NEG_INFINITY;
        taps(pool, plane, oy, ox, |value| best = lanes::max(best, value));
        best
    });
}

/// The sum of each window's taps, from +0, divided by `divisor`.
pub fn sum_pool(pool: &Pool, divisor: PoolDivisor, x: &[f32], y: &mut [f32]) {
    windows(pool, x, y, |plane, oy, ox| {
        let (mut sum, mut inside) = (0.0f32, 0usize);
        taps(pool, plane, oy, ox, |value| {
            sum += value;
            inside += 1;
        });
        match divisor {
            PoolDivisor::One => sum,
            PoolDivisor::Kernel => sum / (pool.kernel[0] * pool.kernel[1]) as f32,
            PoolDivisor::Inside => sum / inside as f32,
        }
    });
}
