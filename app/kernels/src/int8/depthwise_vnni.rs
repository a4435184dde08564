//! Depthwise convolution of bytes with VNNI: 64 channels at a time, four taps in one step.
//!
//! Lines of 64 channels of four taps are interleaved so that each channel's four bytes lie side by side, which
//! leaves the channels in an order that the packs at the end undo.
#![allow(unsafe_code)]
#![allow(clippy::needless_range_loop)] // loops number registers, not elements

use super::depthwise::{Depthwise, MOST_TAPS};
use super::finish::Requantizer;
use super::pack::QuadPanel;
use crate::lanes::LANES;
use std::arch::x86_64::*;

/// Channels of a block.
const WIDE: usize = 64;
/// Vectors of a block.
const VECTORS: usize = WIDE / LANES;

/// Filters whose weights are all i8, interleaved.
#[derive(Debug, Clone, Default)]
pub(super) struct Interleaved {
    /// For each block and each step, four vectors.
    steps: Vec<[QuadPanel; VECTORS]>,
    /// What sums start from, and multipliers, in the order of the vectors.
    start: Vec<[[i32; LANES]; VECTORS]>,
    multipliers: Vec<[[f32; LANES]; VECTORS]>,
}

/// Steps of four taps. Those of three lines are taken column by column, so that neighbours share them.
fn step_count(kernel: [usize; 2]) -> usize {
    if kernel == [3, 3] { 3 } else { (kernel[0] * kernel[1]).div_ceil(4) }
}

/// The tap in a slot of a step.
fn tap_of(kernel: [usize; 2], step: usize, slot: usize) -> Option<usize> {
    let tap = if kernel == [3, 3] { slot * 3 + step } else { 4 * step + slot };
    let there = if kernel == [3, 3] { slot < 3 } else { tap < kernel[0] * kernel[1] };
    there.then_some(tap)
}

impl Interleaved {
    /// `None` if a weight is no i8. `start` is for activations as they are.
    pub(super) fn new(
        shape: &Depthwise,
        weight: impl Fn(usize, usize) -> i16,
        start: &[i32],
        multipliers: &[f32],
    ) -> Option<Self> {
        let (taps, channels) = (shape.kernel[0] * shape.kernel[1], shape.channels);
        let mut this = Self::default();
        for first in (0..channels).step_by(WIDE) {
            // The channel in a lane of a vector, if there is one.
            let channel = |vector: usize, lane: usize| {
                let channel = first + lane / 4 * LANES + 4 * vector + lane % 4;
                (channel < channels).then_some(channel)
            };
            for step in 0..step_count(shape.kernel) {
                let mut vectors = [QuadPanel::default(); VECTORS];
                for (vector, panel) in vectors.iter_mut().enumerate() {
                    for (lane, slots) in panel.0.iter_mut().enumerate() {
                        for (slot, byte) in slots.iter_mut().enumerate() {
                            let place = channel(vector, lane).zip(tap_of(shape.kernel, step, slot));
                            if let Some((channel, tap)) = place {
                                *byte = i8::try_from(weight(tap, channel)).ok()?;
                            }
                        }
                    }
                }
                this.steps.push(vectors);
            }
            // An i8 is taken as a u8 that is 128 more.
            let more = if shape.signed { 128 } else { 0 };
            let (mut starts, mut scales) = ([[0; LANES]; VECTORS], [[0.0; LANES]; VECTORS]);
            for at in 0..WIDE {
                let (vector, lane) = (at / LANES, at % LANES);
                if let Some(channel) = channel(vector, lane) {
                    let sum: i32 = (0..taps).map(|tap| i32::from(weight(tap, channel))).sum();
                    starts[vector][lane] = start[channel].wrapping_sub(sum.wrapping_mul(more));
                    scales[vector][lane] = multipliers[channel];
                }
            }
            this.start.push(starts);
            this.multipliers.push(scales);
        }
        Some(this)
    }
}

/// What bytes are made with, in registers.
#[derive(Clone, Copy)]
struct Bytes {
    most: __m512,
    shift: __m512i,
    least: __m512i,
    signed: bool,
}

/// A block of channels of all results.
#[derive(Clone, Copy)]
struct Block<'a> {
    steps: &'a [[QuadPanel; VECTORS]],
    start: &'a [[i32; LANES]; VECTORS],
    multipliers: &'a [[f32; LANES]; VECTORS],
    /// The channels that are there.
    mask: __mmask64,
    /// What is flipped of activations.
    flip: __m512i,
    bytes: Bytes,
}

type Four = [__m512i; VECTORS];

/// Lines of four taps, interleaved.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn interleave([a, b, c, d]: [__m512i; 4]) -> Four {
    let (low, high) = (_mm512_unpacklo_epi8(a, b), _mm512_unpackhi_epi8(a, b));
    let (other_low, other_high) = (_mm512_unpacklo_epi8(c, d), _mm512_unpackhi_epi8(c, d));
    [
        _mm512_unpacklo_epi16(low, other_low),
        _mm512_unpackhi_epi16(low, other_low),
        _mm512_unpacklo_epi16(high, other_high),
        _mm512_unpackhi_epi16(high, other_high),
    ]
}

impl Block<'_> {
    /// A line of channels at an address.
    ///
    /// # Safety
    /// The channels that the mask names may be read there.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw")]
    unsafe fn line(&self, x: *const u8) -> __m512i {
        // SAFETY: the caller's; what the mask leaves out is not read.
        _mm512_xor_si512(unsafe { _mm512_maskz_loadu_epi8(self.mask, x.cast()) }, self.flip)
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
    fn add(&self, sums: Four, x: Four, step: usize) -> Four {
        let w = &self.steps[step];
        let mut sums = sums;
        for vector in 0..VECTORS {
            // SAFETY: the panel holds 64 bytes.
            let w = unsafe { _mm512_load_si512(w[vector].0.as_ptr().cast()) };
            sums[vector] = _mm512_dpbusd_epi32(sums[vector], x[vector], w);
        }
        sums
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn first(&self) -> Four {
        let mut sums = [_mm512_setzero_si512(); VECTORS];
        for vector in 0..VECTORS {
            // SAFETY: the array holds 64 bytes.
            sums[vector] = unsafe { _mm512_loadu_si512(self.start[vector].as_ptr().cast()) };
        }
        sums
    }

    /// Writes the bytes of sums.
    ///
    /// # Safety
    /// The channels that the mask names may be written there.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw")]
    unsafe fn finish(&self, sums: Four, y: *mut u8) {
        let Bytes { most, shift, least, signed } = self.bytes;
        let mut words = sums;
        for vector in 0..VECTORS {
            // SAFETY: the array holds 64 bytes.
            let multipliers = unsafe { _mm512_loadu_ps(self.multipliers[vector].as_ptr()) };
            let scaled = _mm512_mul_ps(_mm512_cvtepi32_ps(sums[vector]), multipliers);
            // As `Lanes::min`: the second operand unless the first is less, so that a NaN stays one.
            words[vector] = _mm512_cvtps_epi32(_mm512_min_ps(most, scaled));
        }
        let low = _mm512_adds_epi16(_mm512_packs_epi32(words[0], words[1]), shift);
        let high = _mm512_adds_epi16(_mm512_packs_epi32(words[2], words[3]), shift);
        let bytes = if signed {
            _mm512_max_epi8(_mm512_packs_epi16(low, high), least)
        } else {
            _mm512_max_epu8(_mm512_packus_epi16(low, high), least)
        };
        // SAFETY: the caller's; what the mask leaves out is not written.
        unsafe { _mm512_mask_storeu_epi8(y.cast(), self.mask, bytes) }
    }

    /// One result; there is a tap for each slot of each step, `taps` bytes from `x`.
    ///
    /// # Safety
    /// The channels that the mask names may be read at every tap and written at `y`.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
    unsafe fn result(&self, x: *const u8, taps: &[usize], y: *mut u8) {
        let mut sums = self.first();
        for (step, taps) in taps.as_chunks::<4>().0.iter().enumerate() {
            let mut lines = [_mm512_setzero_si512(); 4];
            for slot in 0..4 {
                // SAFETY: the caller's.
                lines[slot] = unsafe { self.line(x.wrapping_add(taps[slot])) };
            }
            sums = self.add(sums, interleave(lines), step);
        }
        // SAFETY: the caller's.
        unsafe { self.finish(sums, y) }
    }

    /// As [`Block::result`], for taps that lie anywhere.
    ///
    /// # Safety
    /// As for [`Block::result`].
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
    unsafe fn edge(&self, taps: &[*const u8], from: usize, y: *mut u8) {
        let mut sums = self.first();
        for (step, taps) in taps.as_chunks::<4>().0.iter().enumerate() {
            let mut lines = [_mm512_setzero_si512(); 4];
            for slot in 0..4 {
                // SAFETY: the caller's.
                lines[slot] = unsafe { self.line(taps[slot].wrapping_add(from)) };
            }
            sums = self.add(sums, interleave(lines), step);
        }
        // SAFETY: the caller's.
        unsafe { self.finish(sums, y) }
    }

    /// A line of results of three by three taps whose windows are neighbours: each column of taps is
    /// interleaved once. `down` and `across` are bytes from tap to tap and from column to column.
    ///
    /// # Safety
    /// The channels that the mask names may be read at every tap, and written at `y` and each `across` after
    /// it.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
    unsafe fn neighbours(&self, x: *const u8, [down, across]: [usize; 2], results: usize, y: *mut u8) {
        let (mut x, mut y, mut left) = (x, y, results);
        macro_rules! column {
            () => {{
                // SAFETY: the caller's.
                let lines = unsafe {
                    let second = x.wrapping_add(down);
                    let third = self.line(second.wrapping_add(down));
                    [self.line(x), self.line(second), third, third]
                };
                x = x.wrapping_add(across);
                interleave(lines)
            }};
        }
        macro_rules! result {
            ($a:ident, $b:ident, $c:ident) => {
                $c = column!();
                let sums = self.add(self.add(self.add(self.first(), $a, 0), $b, 1), $c, 2);
                // SAFETY: the caller's.
                unsafe { self.finish(sums, y) };
                y = y.wrapping_add(across);
                left -= 1;
                if left == 0 {
                    break;
                }
            };
        }
        let (mut a, mut b) = (column!(), column!());
        let mut c;
        loop {
            result!(a, b, c);
            result!(b, c, a);
            result!(c, a, b);
        }
    }
}

/// Slots that the taps of a filter take, at most.
const SLOTS: usize = MOST_TAPS + 4;

/// How far each slot's tap is from the first one: lines and columns, and bytes. A slot without a tap has weights
/// of 0, and takes the first.
fn places(shape: &Depthwise) -> ([[usize; 2]; SLOTS], [usize; SLOTS]) {
    let Depthwise { input, channels, kernel, dilation, .. } = *shape;
    let (mut away, mut offsets) = ([[0; 2]; SLOTS], [0; SLOTS]);
    for at in 0..4 * step_count(kernel) {
        let tap = tap_of(kernel, at / 4, at % 4).unwrap_or(0);
        away[at] = [tap / kernel[1] * dilation[0], tap % kernel[1] * dilation[1]];
        offsets[at] = (away[at][0] * input[1] + away[at][1]) * channels;
    }
    (away, offsets)
}

/// The rows `first..` of the result, as many as `y` holds.
///
/// # Safety
/// The processor has AVX-512 F, BW and VNNI.
#[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
pub(super) unsafe fn depthwise(
    shape: &Depthwise,
    filters: &Interleaved,
    outside: &[u8],
    how: &Requantizer<'_>,
    (x, first): (&[u8], usize),
    y: &mut [u8],
) {
    let Depthwise { input, channels, kernel, dilation, stride, pad, .. } = *shape;
    let steps = step_count(kernel);
    let blocks = channels.div_ceil(WIDE);
    assert!(
        filters.start.len() == blocks && filters.steps.len() == blocks * steps,
        "filters are of the shape"
    );
    assert!(x.len() >= input[0] * input[1] * channels && outside.len() >= channels, "an image is there");
    let bytes = Bytes {
        most: _mm512_set1_ps((how.range[1] - how.zero) as f32),
        shift: _mm512_set1_epi16(how.zero as i16),
        least: _mm512_set1_epi8(how.range[0] as i8),
        signed: how.signed,
    };
    let flip = _mm512_set1_epi8(if shape.signed { i8::MIN } else { 0 });
    let block = |at: usize| Block {
        steps: &filters.steps[at * steps..][..steps],
        start: &filters.start[at],
        multipliers: &filters.multipliers[at],
        mask: !0 >> (WIDE - WIDE.min(channels - at * WIDE)),
        flip,
        bytes,
    };
    let (away, offsets) = places(shape);
    let (away, offsets) = (&away[..4 * steps], &offsets[..4 * steps]);
    let mut taps = [outside.as_ptr(); SLOTS];
    let taps = &mut taps[..4 * steps];
    for (oy, y) in y.chunks_exact_mut((shape.output[1] * channels).max(1)).enumerate() {
        let top = (first + oy) * stride[0];
        let inside = shape.inside(top);
        if !inside.is_empty() {
            let corner = ((top - pad[0]) * input[1] + inside.start * stride[1] - pad[1]) * channels;
            for at in 0..blocks {
                let from = at * WIDE;
                let (x, y) = (x[corner + from..].as_ptr(), y[inside.start * channels + from..].as_mut_ptr());
                let block = block(at);
                // SAFETY: `inside` names results whose taps all lie inside the image, which is there.
                unsafe {
                    if kernel == [3, 3] && stride[1] == 1 && dilation[1] == 1 {
                        block.neighbours(x, [dilation[0] * input[1] * channels, channels], inside.len(), y);
                        continue;
                    }
                    for result in 0..inside.len() {
                        let x = x.wrapping_add(result * stride[1] * channels);
                        block.result(x, offsets, y.wrapping_add(result * channels));
                    }
                }
            }
        }
        for (ox, y) in y.chunks_exact_mut(channels).enumerate() {
            if inside.contains(&ox) {
                continue;
            }
            for (slot, [down, across]) in taps.iter_mut().zip(away) {
                let row = (top + down).wrapping_sub(pad[0]);
                let column = (ox * stride[1] + across).wrapping_sub(pad[1]);
                *slot = if row < input[0] && column < input[1] {
                    x[(row * input[1] + column) * channels..].as_ptr()
                } else {
                    outside.as_ptr()
                };
            }
            for at in 0..blocks {
                // SAFETY: a tap is a pixel of the image, or lies outside it, where there is one too.
                unsafe { block(at).edge(taps, at * WIDE, y[at * WIDE..].as_mut_ptr()) };
            }
        }
    }
}
