//! Sliding windows over blocked channels: depthwise convolution and pools, 16 channels at a time.
//!
//! Taps outside the image are left out. Each result meets its taps rows first, as the law has it, in one
//! accumulator.
#![allow(unsafe_code)]

use crate::Isa;
use crate::isa::entry;
use crate::lanes::{LANES, Lanes, opaque};
use crate::math;
use crate::pool::{Pool, PoolDivisor};
use crate::post::{self, Early, Grid, Post};
use std::mem::MaybeUninit;
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

    /// Convolves the blocks of channels `blocks` of as many images as `x` holds; `y` and
    /// [`Other::Same`](crate::Other::Same) hold these blocks, image after image, and nothing else, everything else
    /// all channels. The bias is added after the sum (+0 if there is none; -0 counts as +0). Weights are finite if
    /// there is padding. Panics if a slice is too short.
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
        let images = x.chunks_exact((self.blocks() * input).max(1));
        let all = images.len().saturating_mul(blocks.len());
        assert!(images.len() > 0 && y.len() >= all.saturating_mul(output), "no image, or no room");
        post::check(posts, self.channels, all * output);
        let (mut early, mut late) = Early::split(posts);
        if early.residual.is_some() {
            (early, late) = (Early::NONE, posts);
        }
        let mut room = Room([MaybeUninit::uninit(); FRAME]);
        let mut frame = Frame::new(pool, &mut room);
        let each = images.flat_map(|x| blocks.clone().map(move |block| (x, block)));
        for (number, (x, block)) in each.enumerate() {
            let first = block * LANES;
            let columns = LANES.min(self.channels - first);
            let mut after =
                After { bias: [0.0; LANES], floor: early.floor, low: early.low, high: early.high };
            if let Some(bias) = bias {
                for (slot, value) in after.bias.iter_mut().zip(&bias[first..][..columns]) {
                    *slot = value + 0.0;
                }
            }
            let (x, w) = (&x[block * input..][..input], &packed[block * taps..][..taps]);
            let at = number * output;
            let y = &mut y[at..][..output];
            match &mut frame {
                Some(frame) => {
                    let inner = frame.pool;
                    convolve(isa, &inner, frame.fill(pool, x), w, &after, y);
                }
                None => convolve(isa, pool, x, w, &after, y),
            }
            if !late.is_empty() {
                let grid = Grid { rows: pool.output_len(), columns, stride: LANES, first_column: first };
                let y = y.as_mut_ptr();
                // SAFETY: the block holds the grid; the steps were checked for all blocks.
                unsafe { post::run(isa, late, &grid, at, y, y) }
            }
        }
    }
}

/// A block with its padding, for images so small that the windows at their edges would take most of the time.
/// As in [`Conv`](crate::Conv), a tap of zero has the bits of a tap left out.
struct Frame<'a> {
    block: &'a mut [f32],
    pool: Pool,
}

/// Elements of the largest frame: three quarters of the first cache.
const FRAME: usize = 6 * 1024;

/// Room for a frame. Aligned, or vectors would lie across two lines of the cache.
#[repr(align(64))]
struct Room([MaybeUninit<f32>; FRAME]);

impl<'a> Frame<'a> {
    fn new(pool: &Pool, room: &'a mut Room) -> Option<Self> {
        let covered = |axis: usize| {
            let span = (pool.kernel[axis] - 1).checked_mul(pool.dilation[axis])?.checked_add(1)?;
            (pool.output[axis] - 1).checked_mul(pool.stride[axis])?.checked_add(span)
        };
        let input = [covered(0)?, covered(1)?];
        let len = input[0].checked_mul(input[1])?.checked_mul(LANES)?;
        let needed = pool.pad != [0, 0] || input[0] > pool.input[0] || input[1] > pool.input[1];
        if len > FRAME || !needed {
            return None;
        }
        let room = &mut room.0[..len];
        room.fill(MaybeUninit::new(0.0));
        // SAFETY: all of it was written.
        let block = unsafe { &mut *(std::ptr::from_mut(room) as *mut [f32]) };
        Some(Self { block, pool: Pool { input, pad: [0, 0], ..*pool } })
    }

    /// The frame around a block of the image; what is outside it stays zero from block to block.
    fn fill(&mut self, image: &Pool, x: &[f32]) -> &[f32] {
        let line = self.pool.input[1] * LANES;
        let left = image.pad[1].min(self.pool.input[1]) * LANES;
        let width = (image.input[1] * LANES).min(line - left);
        let lines = self.block.chunks_exact_mut(line).take(self.pool.input[0]).skip(image.pad[0]);
        for (from, to) in x.chunks_exact(image.input[1] * LANES).zip(lines) {
            to[left..][..width].copy_from_slice(&from[..width]);
        }
        self.block
    }
}

/// What comes after the sum of a depthwise convolution, in registers. A greatest tap is sought from `low`.
struct After {
    bias: [f32; LANES],
    floor: f32,
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

#[inline(always)]
fn max_body<V: Lanes>(pool: &Pool, x: &[f32], y: &mut [f32]) {
    let (input, output) = (pool.input_len() * LANES, pool.output_len() * LANES);
    for (x, y) in x.chunks_exact(input.max(1)).zip(y.chunks_exact_mut(output.max(1))) {
        let low = opaque(f32::NEG_INFINITY);
        let after = After { bias: [0.0; LANES], floor: low, low, high: f32::INFINITY };
        block::<V, MAX>(pool, PoolDivisor::One, x, &[], &after, y);
    }
}

#[inline(always)]
fn sum_body<V: Lanes>(pool: &Pool, divisor: PoolDivisor, x: &[f32], y: &mut [f32]) {
    let (input, output) = (pool.input_len() * LANES, pool.output_len() * LANES);
    for (x, y) in x.chunks_exact(input.max(1)).zip(y.chunks_exact_mut(output.max(1))) {
        let after = After { bias: [0.0; LANES], floor: 0.0, low: 0.0, high: 0.0 };
        block::<V, SUM>(pool, divisor, x, &[], &after, y);
    }
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
    assert!(x.len() >= pool.input_len() * LANES && y.len() >= pool.output_len() * LANES);
    assert!(KIND != CONVOLVE || w.len() >= pool.kernel[0] * pool.kernel[1] * LANES);
    // The windows of nearly all models are known to the inner loop.
    match (KIND, pool.stride[1], pool.kernel[1]) {
        (CONVOLVE, 1, 3) => rows::<V, KIND, LANES, 3>(pool, x, w, after, y),
        (CONVOLVE, 1, 5) => rows::<V, KIND, LANES, 5>(pool, x, w, after, y),
        (CONVOLVE, 2, 3) => rows::<V, KIND, { 2 * LANES }, 3>(pool, x, w, after, y),
        (MAX, 2, _) => rows::<V, KIND, { 2 * LANES }, 0>(pool, x, w, after, y),
        _ => rows::<V, KIND, 0, 0>(pool, x, w, after, y),
    }
    if KIND != SUM || divisor == PoolDivisor::One {
        return;
    }
    for (position, y) in y.as_chunks_mut::<LANES>().0.iter_mut().take(pool.output_len()).enumerate() {
        let (oy, ox) = (position / pool.output[1], position % pool.output[1]);
        math::mean(V::load(y), V::splat(pool.divisor(divisor, oy, ox))).store(y);
    }
}

/// A row of results: where the taps of its first window begin, and which are inside.
struct Row<'a> {
    after: &'a After,
    /// Rows of taps that are inside, and columns of a kernel.
    height: usize,
    width: usize,
    /// The first tap inside of the window at column 0; this may be before the image.
    x: *const f32,
    w: *const f32,
    /// Elements from one row of taps to the next, from one tap to the next, from window to window.
    down: usize,
    across: usize,
    step: usize,
    y: *mut f32,
}

#[inline(always)]
fn rows<V: Lanes, const KIND: usize, const STEP: usize, const WIDTH: usize>(
    pool: &Pool,
    x: &[f32],
    w: &[f32],
    after: &After,
    y: &mut [f32],
) {
    // The columns whose windows are inside from the first tap to the last.
    let (width, columns) = (pool.kernel[1], pool.output[1]);
    let (left, right) = (pool.reached(1, 0), pool.reached(1, width - 1));
    let first = left.0.max(right.0);
    let end = left.1.min(right.1).max(first);
    for oy in 0..pool.output[0] {
        let taps = pool.inside(0, oy);
        let line = (oy * pool.stride[0] + taps.0 * pool.dilation[0]).wrapping_sub(pool.pad[0]);
        let start = line.wrapping_mul(pool.input[1]).wrapping_sub(pool.pad[1]).wrapping_mul(LANES);
        let row = Row {
            after,
            height: taps.1 - taps.0,
            width,
            x: x.as_ptr().wrapping_add(start),
            w: w.as_ptr().wrapping_add(taps.0 * width * LANES),
            down: pool.dilation[0] * pool.input[1] * LANES,
            across: pool.dilation[1] * LANES,
            step: pool.stride[1] * LANES,
            y: y.as_mut_ptr().wrapping_add(oy * columns * LANES),
        };
        let mut ox = 0;
        // SAFETY: the block was found to hold image, weights and results; taps outside the image are left out
        // by `inside`, and between `first` and `end` there are none.
        unsafe {
            while ox < first {
                row.positions::<V, KIND, STEP, 0, 1>(ox, pool.inside(1, ox));
                ox += 1;
            }
            // Images of known models are multiples of 7 wide: less the edges, sevens and two sixes.
            let sixes = if (end - first) % 7 == 5 { 2 } else { 0 };
            for _ in 0..sixes.min((end - first) / 6) {
                row.positions::<V, KIND, STEP, WIDTH, 6>(ox, (0, width));
                ox += 6;
            }
            while ox + 7 <= end {
                row.positions::<V, KIND, STEP, WIDTH, 7>(ox, (0, width));
                ox += 7;
            }
            if ox + 4 <= end {
                row.positions::<V, KIND, STEP, WIDTH, 4>(ox, (0, width));
                ox += 4;
            }
            if ox + 2 <= end {
                row.positions::<V, KIND, STEP, WIDTH, 2>(ox, (0, width));
                ox += 2;
            }
            while ox < columns {
                row.positions::<V, KIND, STEP, 0, 1>(ox, pool.inside(1, ox));
                ox += 1;
            }
        }
    }
}

impl Row<'_> {
    /// `COUNT` neighbouring results, whose windows have the same columns of taps inside: all `WIDTH` of them,
    /// if that is not 0. `STEP` is the row's, or 0.
    ///
    /// # Safety
    /// These taps, their weights and the results lie where the row says.
    #[inline(always)]
    unsafe fn positions<
        V: Lanes,
        const KIND: usize,
        const STEP: usize,
        const WIDTH: usize,
        const COUNT: usize,
    >(
        &self,
        ox: usize,
        columns: (usize, usize),
    ) {
        let step = if STEP == 0 { self.step } else { STEP };
        let mut sums = [V::splat(if KIND == MAX { self.after.low } else { 0.0 }); COUNT];
        let at = ox.wrapping_mul(step).wrapping_add(columns.0.wrapping_mul(self.across));
        let mut x_row = self.x.wrapping_add(at);
        let mut w_row = self.w.wrapping_add(columns.0 * LANES);
        // SAFETY: the caller's.
        unsafe {
            for _ in 0..self.height {
                let (mut x, mut w) = (x_row, w_row);
                let width = if WIDTH == 0 { columns.1 - columns.0 } else { WIDTH };
                for _ in 0..width {
                    let weight = if KIND == CONVOLVE { V::read(w) } else { sums[0] };
                    for (i, sum) in sums.iter_mut().enumerate() {
                        let value = V::read(x.wrapping_add(i.wrapping_mul(step)));
                        *sum = match KIND {
                            CONVOLVE => value.fma(weight, *sum),
                            MAX => sum.max(value),
                            _ => sum.add(value),
                        };
                    }
                    x = x.wrapping_add(self.across);
                    w = w.wrapping_add(LANES);
                }
                x_row = x_row.wrapping_add(self.down);
                w_row = w_row.wrapping_add(self.width * LANES);
            }
            if KIND == CONVOLVE {
                let bias = V::load(&self.after.bias);
                let [floor, low, high] = [self.after.floor, self.after.low, self.after.high].map(V::splat);
                for sum in &mut sums {
                    let with = sum.add(bias);
                    *sum = with.select_lt(floor, low, with).min(high);
                }
            }
            for (i, sum) in sums.iter().enumerate() {
                sum.write(self.y.wrapping_add((ox + i) * LANES));
            }
        }
    }
}

#[cfg(test)]
mod tests;
