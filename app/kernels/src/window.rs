//! Sliding windows over blocked channels: depthwise convolution and pools, 16 channels at a time.
//!
//! Taps outside the image are left out. Each result meets its taps rows first, as the law has it, in one
//! accumulator.
#![allow(unsafe_code)]

use crate::Isa;
use crate::isa::entry;
use crate::lanes::{LANES, Lanes};
use crate::pool::{Pool, PoolDivisor};
use crate::post::{self, Early, Grid, Post};
use std::ops::Range;

/// A depthwise convolution of an image: each channel has its own window.
#[derive(Debug, Clone, Copy)]
pub struct Depthwise {
    pool: Pool,
    channels: usize,
}

impl Depthwise {
    /// Prepares a convolution; `None` for a window with a zero in it.
    pub fn new(pool: Pool, channels: usize) -> Option<Self> {
        let sizes = [pool.output, pool.kernel, pool.stride, pool.dilation];
        (channels > 0 && !sizes.as_flattened().contains(&0)).then_some(Self { pool, channels })
    }

    /// Blocks of channels.
    pub fn blocks(&self) -> usize {
        self.channels.div_ceil(LANES)
    }

    /// Elements of a block of an output image.
    pub fn block_len(&self) -> usize {
        self.pool.output_len() * LANES
    }

    fn taps(&self) -> usize {
        self.pool.kernel[0] * self.pool.kernel[1]
    }

    /// Elements of the packed weights.
    pub fn packed_len(&self) -> usize {
        self.blocks() * LANES * self.taps()
    }

    /// Packs weights [channels, kernel rows, kernel columns]: block after block, tap after tap, 16 channels
    /// each, zeros beyond the last one.
    pub fn pack(&self, weights: &[f32], packed: &mut [f32]) {
        let packed = &mut packed[..self.packed_len()];
        packed.fill(0.0);
        for (i, &weight) in weights[..self.channels * self.taps()].iter().enumerate() {
            let (channel, tap) = (i / self.taps(), i % self.taps());
            packed[(channel / LANES * self.taps() + tap) * LANES + channel % LANES] = weight;
        }
    }

    /// Convolves the blocks of channels `blocks` of one image; `y` and [`Other::Same`](crate::Other::Same)
    /// hold these blocks and nothing else, everything else all channels. The bias is added after the sum (+0
    /// if there is none; -0 counts as +0). Panics if a slice is too short.
    #[allow(clippy::too_many_arguments)]
    pub fn run(
        &self,
        isa: Isa,
        blocks: Range<usize>,
        x: &[f32],
        packed: &[f32],
        bias: Option<&[f32]>,
        posts: &[Post<'_>],
        y: &mut [f32],
    ) {
        let pool = &self.pool;
        assert!(blocks.start <= blocks.end && blocks.end <= self.blocks(), "no such blocks");
        let (input, output) = (pool.input_len() * LANES, self.block_len());
        let taps = self.taps() * LANES;
        post::check(posts, self.channels, blocks.len() * output);
        let (mut early, mut late) = Early::split(posts);
        if early.residual.is_some() {
            (early, late) = (Early::NONE, posts);
        }
        for (block, y) in blocks.clone().zip(y[..blocks.len() * output].chunks_exact_mut(output)) {
            let first = block * LANES;
            let columns = LANES.min(self.channels - first);
            let mut after = After { bias: [0.0; LANES], low: early.low, high: early.high };
            if let Some(bias) = bias {
                for (slot, value) in after.bias.iter_mut().zip(&bias[first..][..columns]) {
                    *slot = value + 0.0;
                }
            }
            convolve(isa, pool, &x[block * input..][..input], &packed[block * taps..][..taps], &after, y);
            if !late.is_empty() {
                let grid = Grid { rows: pool.output_len(), columns, stride: LANES, first_column: first };
                let at = (block - blocks.start) * output;
                let y = y.as_mut_ptr();
                // SAFETY: the block holds the grid; the steps were checked for all blocks.
                unsafe { post::run(isa, late, &grid, at, y, y) }
            }
        }
    }
}

/// What comes after the sum of a depthwise convolution, in registers.
struct After {
    bias: [f32; LANES],
    low: f32,
    high: f32,
}

entry! {
    /// One block of [`Depthwise::run`].
    fn convolve(pool: &Pool, x: &[f32], w: &[f32], after: &After, y: &mut [f32]) => convolve_body
}

entry! {
    /// [`max_pool`](crate::max_pool) of blocks of 16 channels, as many as `x` holds.
    pub fn max_pool_blocks(pool: &Pool, x: &[f32], y: &mut [f32]) => max_body
}

entry! {
    /// [`sum_pool`](crate::sum_pool) of blocks of 16 channels, as many as `x` holds.
    pub fn sum_pool_blocks(pool: &Pool, divisor: PoolDivisor, x: &[f32], y: &mut [f32]) => sum_body
}

const CONVOLVE: usize = 0;
const MAX: usize = 1;
const SUM: usize = 2;

#[inline(always)]
fn convolve_body<V: Lanes>(pool: &Pool, x: &[f32], w: &[f32], after: &After, y: &mut [f32]) {
    block::<V, CONVOLVE>(pool, PoolDivisor::One, x, w, after, y);
}

const NOTHING: After = After { bias: [0.0; LANES], low: f32::NEG_INFINITY, high: f32::INFINITY };

#[inline(always)]
fn max_body<V: Lanes>(pool: &Pool, x: &[f32], y: &mut [f32]) {
    let (input, output) = (pool.input_len() * LANES, pool.output_len() * LANES);
    for (x, y) in x.chunks_exact(input.max(1)).zip(y.chunks_exact_mut(output.max(1))) {
        block::<V, MAX>(pool, PoolDivisor::One, x, &[], &NOTHING, y);
    }
}

#[inline(always)]
fn sum_body<V: Lanes>(pool: &Pool, divisor: PoolDivisor, x: &[f32], y: &mut [f32]) {
    let (input, output) = (pool.input_len() * LANES, pool.output_len() * LANES);
    for (x, y) in x.chunks_exact(input.max(1)).zip(y.chunks_exact_mut(output.max(1))) {
        block::<V, SUM>(pool, divisor, x, &[], &NOTHING, y);
    }
}

/// A row of results of one block.
struct Row<'a> {
    pool: &'a Pool,
    x: &'a [f32],
    w: &'a [f32],
    after: &'a After,
    oy: usize,
    /// The rows of taps that are inside.
    taps: (usize, usize),
}

#[inline(always)]
fn block<V: Lanes, const KIND: usize>(
    pool: &Pool,
    divisor: PoolDivisor,
    x: &[f32],
    w: &[f32],
    after: &After,
    y: &mut [f32],
) {
    // The columns whose windows are inside from the first tap to the last.
    let last = pool.kernel[1].saturating_sub(1);
    let first = pool.reached(1, 0).0.max(pool.reached(1, last).0);
    let end = pool.reached(1, 0).1.min(pool.reached(1, last).1).max(first);
    for (oy, y) in y.chunks_exact_mut(pool.output[1].max(1) * LANES).enumerate() {
        let row = Row { pool, x, w, after, oy, taps: pool.inside(0, oy) };
        let mut ox = 0;
        while ox < first {
            row.positions::<V, KIND, 1>(ox, pool.inside(1, ox), y);
            ox += 1;
        }
        let all = (0, pool.kernel[1]);
        while ox + 6 <= end {
            row.positions::<V, KIND, 6>(ox, all, y);
            ox += 6;
        }
        while ox + 2 <= end {
            row.positions::<V, KIND, 2>(ox, all, y);
            ox += 2;
        }
        while ox < pool.output[1] {
            row.positions::<V, KIND, 1>(ox, pool.inside(1, ox), y);
            ox += 1;
        }
        if KIND == SUM && divisor != PoolDivisor::One {
            for (ox, y) in y.as_chunks_mut::<LANES>().0.iter_mut().enumerate() {
                V::load(y).div(V::splat(pool.divisor(divisor, oy, ox))).store(y);
            }
        }
    }
}

impl Row<'_> {
    /// `COUNT` neighbouring results, whose windows have the same taps inside.
    #[inline(always)]
    fn positions<V: Lanes, const KIND: usize, const COUNT: usize>(
        &self,
        ox: usize,
        columns: (usize, usize),
        y: &mut [f32],
    ) {
        let pool = self.pool;
        let step = pool.stride[1] * LANES;
        let mut sums = [V::splat(if KIND == MAX { f32::NEG_INFINITY } else { 0.0 }); COUNT];
        for ky in self.taps.0..self.taps.1 {
            let row = (self.oy * pool.stride[0] + ky * pool.dilation[0] - pool.pad[0]) * pool.input[1];
            for kx in columns.0..columns.1 {
                let column = ox * pool.stride[1] + kx * pool.dilation[1] - pool.pad[1];
                let x = &self.x[(row + column) * LANES..][..(COUNT - 1) * step + LANES];
                let tap = ky * pool.kernel[1] + kx;
                let w = if KIND == CONVOLVE {
                    V::load_part(&self.w[tap * LANES..][..LANES], 0.0)
                } else {
                    sums[0]
                };
                for (i, sum) in sums.iter_mut().enumerate() {
                    // SAFETY: `x` was cut to end with the last of these vectors.
                    let value = unsafe { V::read(x.as_ptr().add(i * step)) };
                    *sum = match KIND {
                        CONVOLVE => value.fma(w, *sum),
                        MAX => sum.max(value),
                        _ => sum.add(value),
                    };
                }
            }
        }
        let y = &mut y[ox * LANES..][..COUNT * LANES];
        for (sum, y) in sums.iter().zip(y.as_chunks_mut::<LANES>().0) {
            if KIND == CONVOLVE {
                let biased = sum.add(V::load(&self.after.bias));
                biased.max(V::splat(self.after.low)).min(V::splat(self.after.high)).store(y);
            } else {
                sum.store(y);
            }
        }
    }
}

#[cfg(test)]
mod tests;
