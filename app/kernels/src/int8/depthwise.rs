//! Depthwise convolution of bytes, channels last: 16 channels at a time, taps in pairs.

#[cfg(target_arch = "x86_64")]
use super::depthwise_vnni::Interleaved;
use super::finish::{Requantizer, put};
use super::words::{WidePair, Words, entry_words};
use crate::Isa;
use crate::lanes::{Arithmetic, LANES, Lanes};
use std::ops::Range;

/// The geometry: an image `[height, width, channels]` of bytes and a filter for each channel.
#[derive(Debug, Clone, Copy)]
pub struct Depthwise {
    /// Rows and columns of the image.
    pub input: [usize; 2],
    /// Channels.
    pub channels: usize,
    /// Rows and columns of the result.
    pub output: [usize; 2],
    /// Taps along rows and columns.
    pub kernel: [usize; 2],
    /// Elements between windows.
    pub stride: [usize; 2],
    /// Elements between taps.
    pub dilation: [usize; 2],
    /// Positions before the first element.
    pub pad: [usize; 2],
    /// Whether bytes are i8.
    pub signed: bool,
}

impl Depthwise {
    /// Blocks of channels: the last one ends with the last channel and may overlap the one before.
    fn blocks(&self) -> usize {
        self.channels.div_ceil(LANES)
    }

    fn start(&self, block: usize) -> usize {
        (block * LANES).min(self.channels.saturating_sub(LANES))
    }

    /// Elements from the first tap to the last, down and across.
    fn span(&self) -> [usize; 2] {
        [0, 1].map(|axis| (self.kernel[axis] - 1) * self.dilation[axis])
    }

    /// The results whose taps all lie inside the image, of the row whose taps begin at `top`, padding counted.
    pub(super) fn inside(&self, top: usize) -> Range<usize> {
        let (input, stride, pad, span) = (self.input, self.stride, self.pad, self.span());
        if top < pad[0] || top - pad[0] + span[0] >= input[0] || input[1] <= span[1] {
            return 0..0;
        }
        let first = pad[1].div_ceil(stride[1]).min(self.output[1]);
        first..((input[1] - 1 - span[1] + pad[1]) / stride[1] + 1).clamp(first, self.output[1])
    }

    /// Where a tap of the window that begins there lies in the image, padding counted, if it is inside.
    pub(super) fn place(&self, top: usize, left: usize, tap: usize) -> Option<usize> {
        let row = (top + tap / self.kernel[1] * self.dilation[0]).wrapping_sub(self.pad[0]);
        let column = (left + tap % self.kernel[1] * self.dilation[1]).wrapping_sub(self.pad[1]);
        let inside = row < self.input[0] && column < self.input[1];
        inside.then(|| (row * self.input[1] + column) * self.channels)
    }

    /// Pairs of taps.
    fn pairs(&self) -> usize {
        (self.kernel[0] * self.kernel[1]).div_ceil(2)
    }

    /// Elements of packed filters.
    fn packed(&self) -> usize {
        self.blocks() * self.pairs()
    }
}

/// Packs `weight(tap, channel)`, lifted.
fn pack_pairs(shape: &Depthwise, weight: impl Fn(usize, usize) -> i16, packed: &mut [WidePair]) {
    let taps = shape.kernel[0] * shape.kernel[1];
    for (at, pairs) in packed[..shape.packed()].iter_mut().enumerate() {
        let (block, pair) = (at / shape.pairs(), at % shape.pairs());
        let first = shape.start(block);
        *pairs = WidePair::default();
        for (lane, slots) in pairs.iter_mut().enumerate() {
            for (half, slot) in slots.iter_mut().enumerate() {
                if 2 * pair + half < taps && first + lane < shape.channels {
                    *slot = weight(2 * pair + half, first + lane);
                }
            }
        }
    }
}

/// Taps that one filter may have; larger ones are left to the general convolution.
pub const MOST_TAPS: usize = 64;

/// The filters, ready for the bodies of an instruction set.
#[derive(Debug, Clone, Default)]
pub struct Filters {
    packed: Vec<WidePair>,
    start: Vec<i32>,
    outside: Vec<u8>,
    multipliers: Vec<f32>,
    #[cfg(target_arch = "x86_64")]
    interleaved: Option<Interleaved>,
}

impl Filters {
    /// Packs `weight(tap, channel)`, lifted. Each channel's sum starts from `start` (the bias, less the zero
    /// point times the filter's sum) and is multiplied by its multiplier. `outside` is the byte that lies
    /// outside the image: the zero point's.
    pub fn new(
        isa: Isa,
        shape: &Depthwise,
        weight: impl Fn(usize, usize) -> i16,
        start: Vec<i32>,
        multipliers: Vec<f32>,
        outside: u8,
    ) -> Self {
        let outside = vec![outside; shape.channels];
        #[cfg(target_arch = "x86_64")]
        if isa.has_vnni()
            && let Some(interleaved) = Interleaved::new(shape, &weight, &start, &multipliers)
        {
            let (start, multipliers, packed) = (vec![], vec![], vec![]);
            return Self { packed, start, outside, multipliers, interleaved: Some(interleaved) };
        }
        let _ = isa;
        let mut packed = vec![WidePair::default(); shape.packed()];
        pack_pairs(shape, weight, &mut packed);
        Self { packed, start, outside, multipliers, ..Self::default() }
    }
}

/// The rows `first..` of the result, as many as `y` holds. The requantizer's own multipliers are not used.
#[allow(unsafe_code)]
pub fn depthwise(
    isa: Isa,
    shape: &Depthwise,
    filters: &Filters,
    how: &Requantizer<'_>,
    x: &[u8],
    first: usize,
    y: &mut [u8],
) {
    #[cfg(target_arch = "x86_64")]
    if let Some(interleaved) = &filters.interleaved
        && isa.has_vnni()
    {
        // SAFETY: VNNI was detected, and with it the rest of AVX-512.
        unsafe { super::depthwise_vnni::depthwise(shape, interleaved, &filters.outside, how, (x, first), y) };
        return;
    }
    in_pairs(isa, shape, filters, how, x, first, y);
}

entry_words! {
    fn in_pairs(
        shape: &Depthwise,
        filters: &Filters,
        how: &Requantizer<'_>,
        x: &[u8],
        first: usize,
        y: &mut [u8],
    ) => body
}

#[inline(always)]
fn body<V: Words>(
    shape: &Depthwise,
    filters: &Filters,
    how: &Requantizer<'_>,
    x: &[u8],
    first: usize,
    y: &mut [u8],
) {
    if shape.signed {
        rows::<V, true>(shape, filters, how, x, first, y);
    } else {
        rows::<V, false>(shape, filters, how, x, first, y);
    }
}

#[inline(always)]
fn rows<V: Words, const SIGNED: bool>(
    shape: &Depthwise,
    filters: &Filters,
    how: &Requantizer<'_>,
    x: &[u8],
    first: usize,
    y: &mut [u8],
) {
    let taps = shape.kernel[0] * shape.kernel[1];
    assert!(taps <= MOST_TAPS && filters.packed.len() == shape.packed());
    let outside = &filters.outside[..shape.channels];
    let mut inside = [outside; MOST_TAPS + 1];
    let width = shape.output[1] * shape.channels;
    for (oy, y) in y.chunks_exact_mut(width.max(1)).enumerate() {
        let top = (first + oy) * shape.stride[0];
        let within = interior::<V, SIGNED>(shape, filters, how, x, top, y);
        for (ox, y) in y.chunks_exact_mut(shape.channels.max(1)).enumerate() {
            if within.contains(&ox) {
                continue;
            }
            for (tap, slot) in inside[..taps].iter_mut().enumerate() {
                let place = shape.place(top, ox * shape.stride[1], tap);
                *slot = place.map_or(outside, |place| &x[place..][..shape.channels]);
            }
            pixel::<V, SIGNED>(shape, filters, how, &inside, y);
        }
    }
}

/// The results of a row whose taps all lie inside the image, where there is a body for the kernel.
#[inline(always)]
fn interior<V: Words, const SIGNED: bool>(
    shape: &Depthwise,
    filters: &Filters,
    how: &Requantizer<'_>,
    x: &[u8],
    top: usize,
    y: &mut [u8],
) -> Range<usize> {
    let Depthwise { input, kernel, stride, dilation, pad, channels, .. } = *shape;
    let known = matches!(kernel, [3, 3] | [5, 5]) && channels >= LANES;
    let Range { start: first, end } = shape.inside(top);
    if !known || first == end {
        return 0..0;
    }
    let span = shape.span();
    let corner = |ox: usize| ((top - pad[0]) * input[1] + ox * stride[1] - pad[1]) * channels;
    let line = Line {
        x: &x[corner(first)..corner(end - 1) + (span[0] * input[1] + span[1] + 1) * channels],
        next: stride[1] * channels,
        tap: [dilation[0] * input[1] * channels, dilation[1] * channels],
    };
    let y = &mut y[first * channels..end * channels];
    match kernel[0] {
        3 => line_body::<V, SIGNED, 3, 9, 5>(shape, filters, how, &line, y),
        _ => line_body::<V, SIGNED, 5, 25, 13>(shape, filters, how, &line, y),
    }
    first..end
}

/// Where the taps of neighbouring results lie: offsets in bytes.
struct Line<'a> {
    /// From the first tap of the first result to the last channel of the last tap of the last one.
    x: &'a [u8],
    /// From one result's taps to the next one's.
    next: usize,
    /// From one tap to the next, down and across.
    tap: [usize; 2],
}

#[inline(always)]
#[allow(unsafe_code)]
fn line_body<V: Words, const SIGNED: bool, const SIDE: usize, const TAPS: usize, const PAIRS: usize>(
    shape: &Depthwise,
    filters: &Filters,
    how: &Requantizer<'_>,
    line: &Line<'_>,
    y: &mut [u8],
) {
    let channels = shape.channels;
    let results = y.len() / channels;
    let last = (results - 1) * line.next + (SIDE - 1) * (line.tap[0] + line.tap[1]);
    assert!(last + channels <= line.x.len() && channels >= LANES && y.len() == results * channels);
    // Where the taps lie, in pairs; the last pair may repeat its tap, against weights of 0.
    let mut offsets = [[0; 2]; PAIRS];
    for (tap, offset) in offsets.as_flattened_mut().iter_mut().enumerate() {
        let tap = tap.min(TAPS - 1);
        *offset = tap / SIDE * line.tap[0] + tap % SIDE * line.tap[1];
    }
    for (block, weights) in filters.packed.as_chunks::<PAIRS>().0.iter().enumerate() {
        let start = shape.start(block);
        let first = V::sums(block_of(&filters.start, start));
        let multipliers = V::Floats::load(block_of(&filters.multipliers, start));
        for result in 0..results {
            let corner = result * line.next + start;
            let mut sums = first;
            for pair in 0..PAIRS {
                let [a, b] = offsets[pair];
                // SAFETY: `start` is at most `channels - 16`, and the rest at most `last`, so 16 bytes from
                // either tap lie inside `line.x`, as asserted above.
                let (a, b) = unsafe {
                    let corner = line.x.as_ptr().add(corner);
                    (&*corner.add(a).cast::<[u8; LANES]>(), &*corner.add(b).cast::<[u8; LANES]>())
                };
                sums = V::dot(sums, V::zip::<SIGNED>(a, b), V::wide(&weights[pair]));
            }
            let bytes = how.bytes::<V>(V::to_floats(sums).mul(multipliers));
            // SAFETY: `y` holds `results` times `channels` bytes, as asserted above.
            unsafe { *y.as_mut_ptr().add(result * channels + start).cast::<[u8; LANES]>() = bytes };
        }
    }
}

/// All channels of one result.
#[inline(always)]
fn pixel<V: Words, const SIGNED: bool>(
    shape: &Depthwise,
    filters: &Filters,
    how: &Requantizer<'_>,
    taps: &[&[u8]; MOST_TAPS + 1],
    y: &mut [u8],
) {
    let pairs = shape.pairs();
    let (taps, _) = taps[..2 * pairs].as_chunks::<2>();
    for (block, weights) in filters.packed.chunks_exact(pairs).enumerate() {
        let start = shape.start(block);
        if shape.channels < LANES {
            narrow_block::<V, SIGNED>(shape, filters, how, taps, weights, y);
            return;
        }
        let mut sums = V::sums(block_of(&filters.start, start));
        for pair in 0..pairs {
            let [a, b] = taps[pair];
            let both = V::zip::<SIGNED>(block_of(a, start), block_of(b, start));
            sums = V::dot(sums, both, V::wide(&weights[pair]));
        }
        let scaled = V::to_floats(sums).mul(V::Floats::load(block_of(&filters.multipliers, start)));
        put(&mut y[start..][..LANES], &how.bytes::<V>(scaled));
    }
}

/// 16 elements; there are as many.
#[inline(always)]
fn block_of<T>(x: &[T], start: usize) -> &[T; LANES] {
    match x[start..].first_chunk() {
        Some(block) => block,
        None => unreachable!("a block lies inside the channels"),
    }
}

/// As [`pixel`], for fewer channels than a block has.
#[inline(always)]
fn narrow_block<V: Words, const SIGNED: bool>(
    shape: &Depthwise,
    filters: &Filters,
    how: &Requantizer<'_>,
    taps: &[[&[u8]; 2]],
    weights: &[WidePair],
    y: &mut [u8],
) {
    let width = shape.channels;
    let mut start = [0; LANES];
    start[..width].copy_from_slice(&filters.start[..width]);
    let mut multipliers = [0.0; LANES];
    multipliers[..width].copy_from_slice(&filters.multipliers[..width]);
    let mut sums = V::sums(&start);
    for (pair, weights) in taps.iter().zip(weights) {
        let mut bytes = [[0; LANES]; 2];
        for (bytes, tap) in bytes.iter_mut().zip(pair) {
            bytes[..width].copy_from_slice(tap);
        }
        sums = V::dot(sums, V::zip::<SIGNED>(&bytes[0], &bytes[1]), V::wide(weights));
    }
    let scaled = V::to_floats(sums).mul(V::Floats::load(&multipliers));
    put(&mut y[..width], &how.bytes::<V>(scaled));
}
