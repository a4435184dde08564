//! The sides of a convolution's product: positions side by side, or channels.
//!
//! Positions of an image whose windows step by one lie as its rows do: with what is between the end of one row of
//! windows and the start of the next, they are one long row, of which some lanes are for nothing. Where windows reach
//! outside, a band of the image is copied with its zero point around it.

use super::conv::{Group, Sizes};
use super::lines::{Across, KEPT_LANES, PANEL, Panel, Sides};
use crate::quant::Byte;
use assay_kernels::int8::Line;
use assay_plan::Window;
use std::ops::Range;

/// Bytes of a copied band, all channels of the group together.
const COPY: usize = 256 * 1024;

/// How positions lie in an image or its copied bands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Layout {
    /// Bytes of a row and of a plane.
    pitch: usize,
    plane: usize,
    copies: bool,
    /// Rows of results of a band, and of all.
    band: usize,
    output: [usize; 2],
    inner: usize,
    stride: [usize; 2],
    /// Whether lanes go on from row to row.
    flat: bool,
}

impl Layout {
    /// `None` if copies would take much more than they are used.
    pub(super) fn new(window: &Window, sizes: &Sizes) -> Option<Self> {
        let Sizes { inner, input, output, terms, .. } = *sizes;
        let stride = window.stride.map(|step| step as usize);
        let span = |side: usize| (window.kernel[side] as usize - 1) * window.dilation[side] as usize + 1;
        let reach = |side: usize, results: usize| (results - 1) * stride[side] + span(side);
        let whole = [reach(0, output[0]), reach(1, output[1])];
        let copies = window.pad_before != [0; 2] || whole[0] > input[0] || whole[1] > input[1];
        // A band's lanes are laid out once for all groups.
        let rows = (KEPT_LANES / whole[1].max(output[1])).clamp(1, output[0]);
        let (pitch, height, band) = if copies {
            let pitch = whole[1];
            let most = COPY.checked_div(inner.checked_mul(pitch)?)?;
            let band = (most.checked_sub(span(0))? / stride[0] + 1).min(rows);
            let height = reach(0, band);
            let copied = (inner * height * pitch).saturating_mul(output[0].div_ceil(band));
            let used = sizes.positions().saturating_mul(terms);
            if copied > used.saturating_add(inner * input[0] * input[1]) {
                return None;
            }
            (pitch, height, band)
        } else {
            (input[1], input[0], rows)
        };
        // Short rows are better computed whole than brought together lane by lane.
        let most = if output[1] < PANEL { 4 * output[1] } else { output[1] + output[1] / 2 };
        let flat = stride == [1; 2] && pitch <= most;
        Some(Self { pitch, plane: height * pitch, copies, band, output, inner, stride, flat })
    }

    /// Lanes of some rows of results.
    fn lanes_of(&self, rows: usize) -> usize {
        if self.flat { (rows - 1) * self.pitch + self.output[1] } else { rows * self.output[1] }
    }

    /// Lanes of a band.
    pub(super) fn lanes(&self) -> usize {
        self.lanes_of(self.band)
    }

    /// Bytes of a copied band.
    pub(super) fn copied(&self) -> usize {
        if self.copies { self.inner * self.plane } else { 0 }
    }

    /// Rows of results, band by band.
    pub(super) fn bands(self) -> impl Iterator<Item = Range<usize>> {
        (0..self.output[0]).step_by(self.band).map(move |row| row..self.output[0].min(row + self.band))
    }
}

/// Channels are rows, the positions of a band are lanes.
pub(super) struct Planes<'a, X, W> {
    group: &'a Group<'a, X, W>,
    layout: &'a Layout,
    bytes: &'a [u8],
    band: Range<usize>,
}

impl<'a, X: Byte, W: Byte> Planes<'a, X, W> {
    pub(super) fn new(
        group: &'a Group<'a, X, W>,
        layout: &'a Layout,
        band: Range<usize>,
        copy: &'a mut [u8],
    ) -> Self {
        let bytes: &[u8] = if layout.copies {
            surrounded(group, layout, band.start, copy);
            copy
        } else {
            &group.raw[band.start * layout.stride[0] * layout.pitch..]
        };
        Self { group, layout, bytes, band }
    }

    /// Lanes of the band.
    pub(super) fn count(&self) -> usize {
        self.layout.lanes_of(self.band.len())
    }

    /// Whether the band has fewer rows than others.
    pub(super) fn is_short(&self) -> bool {
        self.band.len() < self.layout.band
    }
}

/// A band of all planes with what surrounds it.
fn surrounded<X: Byte, W: Byte>(group: &Group<'_, X, W>, layout: &Layout, first: usize, copy: &mut [u8]) {
    let [height, width] = group.sizes.input;
    let outside = group.zero as u8;
    let pad = group.window.pad_before.map(|pad| pad as usize);
    let left = pad[1].min(layout.pitch);
    let own = width.min(layout.pitch - left);
    let top = first * layout.stride[0];
    let planes = copy.chunks_exact_mut(layout.plane).zip(group.raw.chunks_exact(height * width));
    for (copy, x) in planes {
        // The rows of the band that are rows of the image.
        let rows = copy.len() / layout.pitch;
        let above = pad[0].saturating_sub(top).min(rows);
        let from = (top + above).saturating_sub(pad[0]).min(height);
        let inside = (height - from).min(rows - above);
        if own == width && own == layout.pitch {
            copy[..above * own].fill(outside);
            copy[above * own..][..inside * own].copy_from_slice(&x[from * own..][..inside * own]);
            copy[(above + inside) * own..].fill(outside);
            continue;
        }
        copy.fill(outside);
        let copies = copy.chunks_exact_mut(layout.pitch).skip(above).zip(x.chunks_exact(width).skip(from));
        for (copy, x) in copies.take(inside) {
            copy[left..][..own].copy_from_slice(&x[..own]);
        }
    }
}

impl<X: Byte, W: Byte> Sides for Planes<'_, X, W> {
    fn rows(&self, rows: Range<usize>, terms: Range<usize>, words: (&mut [i16], usize), at: &mut [usize]) {
        weights(self.group, rows, terms, words, at);
        at.iter_mut().for_each(|at| *at += self.band.start * self.layout.output[1]);
    }

    fn lanes(&self, lanes: Range<usize>, across: &mut Across) {
        let Layout { pitch, output: [_, columns], stride, flat, .. } = *self.layout;
        let (down, zeros) = (stride[0] * pitch, [self.group.zero; PANEL]);
        // Lanes from row to row; those after the last column are for nothing.
        let line = if flat { pitch } else { columns };
        let (mut row, mut column) = (lanes.start / line, lanes.start % line);
        for first in lanes.clone().step_by(PANEL) {
            let count = PANEL.min(lanes.end - first);
            let mut starts = [0; PANEL];
            let (from_row, from_column) = (row, column);
            let mut lane = 0;
            while lane < count {
                let run = (line - column).min(count - lane);
                for (i, start) in starts[lane..lane + run].iter_mut().enumerate() {
                    *start = (row * down).wrapping_add((column + i).wrapping_mul(stride[1]));
                }
                (lane, column) = (lane + run, column + run);
                if column == line {
                    (row, column) = (row + 1, 0);
                }
            }
            across.panel(starts, count, zeros);
            let (mut row, mut column, mut lane) = (from_row, from_column, 0);
            while lane < count {
                let run = (line - column).min(count - lane);
                let real = columns.saturating_sub(column).min(run);
                if real > 0 {
                    across.put(lane, real, row * columns + column);
                }
                (row, column, lane) = (row + 1, 0, lane + run);
            }
        }
    }

    fn terms(&self, terms: Range<usize>, to: &mut [usize]) {
        let Layout { pitch, plane, .. } = *self.layout;
        self.group.each_term(terms, |i, at, [down, across]| to[i] = at * plane + down * pitch + across);
    }

    fn bytes(&self) -> (&[u8], bool) {
        (self.bytes, X::LEAST < 0)
    }
}

/// Terms of some channels, less their zero points, and where their results begin.
fn weights<X: Byte, W: Byte>(
    group: &Group<'_, X, W>,
    channels: Range<usize>,
    terms: Range<usize>,
    (words, stride): (&mut [i16], usize),
    at: &mut [usize],
) {
    for ((channel, at), words) in channels.zip(at).zip(words.chunks_exact_mut(stride)) {
        *at = channel * group.sizes.positions();
        let zero = group.weights_zero(channel) as i16;
        let w = &group.w[channel * group.sizes.terms..][terms.clone()];
        words.iter_mut().zip(w).for_each(|(to, w)| *to = w.word().wrapping_sub(zero));
    }
}

/// Channels are rows, positions are lanes, wherever their windows are.
pub(super) struct Corners<'a, X, W>(pub &'a Group<'a, X, W>);

impl<X: Byte, W: Byte> Sides for Corners<'_, X, W> {
    fn rows(&self, rows: Range<usize>, terms: Range<usize>, words: (&mut [i16], usize), at: &mut [usize]) {
        weights(self.0, rows, terms, words, at);
    }

    /// A lane starts at its number.
    fn lanes(&self, lanes: Range<usize>, across: &mut Across) {
        for first in lanes.clone().step_by(PANEL) {
            let count = PANEL.min(lanes.end - first);
            across.panel(std::array::from_fn(|lane| first + lane), count, [self.0.zero; PANEL]);
            across.put(0, count, first);
        }
    }

    fn terms(&self, _: Range<usize>, _: &mut [usize]) {}

    fn bytes(&self) -> (&[u8], bool) {
        (self.0.raw, X::LEAST < 0)
    }

    fn fill(&self, panel: &Panel, terms: Range<usize>, _: &[usize], to: &mut [Line]) {
        let mut corners = [[0; 2]; PANEL];
        let corners = &mut corners[..panel.count];
        self.0.corners(panel.starts.into_iter(), corners);
        let ([height, width], outside) = (self.0.sizes.input, self.0.zero as u8);
        self.0.each_term(terms, |i, plane, [down, across]| {
            let x = &self.0.raw[plane * height * width..][..height * width];
            for (to, corner) in to[i].iter_mut().zip(corners.iter()) {
                let (row, column) = (corner[0].wrapping_add(down), corner[1].wrapping_add(across));
                *to = if row < height && column < width {
                    x[row.wrapping_mul(width).wrapping_add(column)]
                } else {
                    outside
                };
            }
        });
    }
}

/// Positions are rows, channels are lanes.
pub(super) struct Channels<'a, X, W>(pub &'a Group<'a, X, W>);

impl<X: Byte, W: Byte> Sides for Channels<'_, X, W> {
    fn rows(&self, rows: Range<usize>, terms: Range<usize>, words: (&mut [i16], usize), at: &mut [usize]) {
        rows.clone().zip(at).for_each(|(row, at)| *at = row);
        self.0.windows(rows, terms, words);
    }

    fn lanes(&self, lanes: Range<usize>, across: &mut Across) {
        let (terms, positions) = (self.0.sizes.terms, self.0.sizes.positions());
        if self.0.zeros.len() == 1 {
            return across.even(lanes, [terms, positions], [self.0.weights_zero(0); PANEL]);
        }
        for first in lanes.clone().step_by(PANEL) {
            let count = PANEL.min(lanes.end - first);
            let (mut starts, mut zeros) = ([0; PANEL], [0; PANEL]);
            for lane in 0..count {
                starts[lane] = (first + lane) * terms;
                zeros[lane] = self.0.weights_zero(first + lane);
            }
            across.panel(starts, count, zeros);
            (0..count).for_each(|lane| across.put(lane, 1, (first + lane) * positions));
        }
    }

    fn terms(&self, terms: Range<usize>, to: &mut [usize]) {
        to.iter_mut().zip(terms).for_each(|(to, term)| *to = term);
    }

    fn bytes(&self) -> (&[u8], bool) {
        (self.0.raw_w, W::LEAST < 0)
    }
}
