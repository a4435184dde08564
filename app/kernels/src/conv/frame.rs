//! What the windows of a convolution pass over: the image where it is, or strips of lines copied from it.
//!
//! A strip is as many lines as stay in the second cache until all output channels have passed over them.

use crate::pool::Pool;
use crate::tile::PANEL;

/// Elements of a strip.
pub(super) const STRIP: usize = 56 * 1024;

/// What is copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Copied {
    /// Nothing: windows pass over the image where it is.
    No,
    /// Lines of the image in a frame of zeros.
    Framed,
    /// The positions that windows of one tap touch, side by side: so that they use all of the cache.
    Picked,
}

/// What the windows pass over.
#[derive(Debug, Clone)]
pub(super) struct Frame {
    pub(super) window: Pool,
    copied: Copied,
    /// Elements of a position.
    pub(super) element: usize,
    planes: usize,
    /// Rows and columns, and the steps of windows over them.
    pub(super) size: [usize; 2],
    pub(super) stride: [usize; 2],
    /// Lines of the output that are made from what is copied at a time; all if nothing is copied.
    pub(super) strip: usize,
}

impl Frame {
    /// For images of so many planes, in so many groups, of positions of so many elements. A panel has so many
    /// `columns`, in elements; a strip has about so many elements. `None` if 32 bits cannot index it.
    pub(super) fn new(
        window: Pool,
        [element, planes, groups]: [usize; 3],
        columns: usize,
        strip_len: usize,
    ) -> Option<Self> {
        let span = |axis: usize| (window.kernel[axis] - 1).checked_mul(window.dilation[axis])?.checked_add(1);
        let spans = [span(0)?, span(1)?];
        let covered = |axis: usize, positions: usize, stride: usize| {
            (positions - 1).checked_mul(stride)?.checked_add(spans[axis])
        };
        let all = |axis: usize| covered(axis, window.output[axis], window.stride[axis]);
        let covers = [all(0)?, all(1)?];
        let framed = window.pad != [0, 0] || covers[0] > window.input[0] || covers[1] > window.input[1];
        let picked = window.kernel == [1, 1] && window.stride != [1, 1] && element > 1;
        let (copied, mut size, stride) = match (framed, picked) {
            (true, _) => (Copied::Framed, covers, window.stride),
            (_, true) => (Copied::Picked, window.output, [1, 1]),
            _ => (Copied::No, window.input, window.stride),
        };
        let line = size[1].checked_mul(element)?.checked_mul(planes)?;
        let len = line.checked_mul(size[0])?;
        u32::try_from(len).ok()?;
        let mut strip = window.output[0];
        if copied != Copied::No {
            let lines = (strip_len / line).saturating_sub(spans[0]) / stride[0] + 1;
            // Lines that two strips share are copied twice: at most as many as those that they do not share.
            let strips = strip.div_ceil(lines.max(spans[0].div_ceil(stride[0])));
            // Reading the weights again for every strip must not cost more than reading the image for every panel.
            if columns.saturating_mul(strips) <= len / groups {
                strip = strip.div_ceil(strips);
                size[0] = covered(0, strip, stride[0])?;
            }
        }
        Some(Self { window, copied, element, planes, size, stride, strip })
    }

    /// Elements of an image.
    pub(super) fn image_len(&self) -> usize {
        self.planes * self.element * self.window.input[0] * self.window.input[1]
    }

    /// Elements of scratch memory.
    pub(super) fn scratch_len(&self) -> usize {
        if self.copied == Copied::No { 0 } else { self.planes * self.plane() }
    }

    /// Elements of a plane.
    pub(super) fn plane(&self) -> usize {
        self.size[0] * self.size[1] * self.element
    }

    /// Of a line: its elements, those before the image's, and the image's.
    fn line(&self) -> [usize; 3] {
        let line = self.size[1] * self.element;
        let before = self.window.pad[1].min(self.size[1]) * self.element;
        [line, before, (self.window.input[1] * self.element).min(line - before)]
    }

    /// Makes scratch memory ready for strips: zeros beside the image.
    pub(super) fn clear(&self, scratch: &mut [f32]) {
        if self.copied != Copied::Framed {
            return;
        }
        let [line, before, copied] = self.line();
        for line in scratch.chunks_exact_mut(line) {
            line[..before].fill(0.0);
            line[before + copied..].fill(0.0);
        }
    }

    /// What the windows of `lines` lines of the output pass over, from line `first` on: at most a strip.
    pub(super) fn lines<'a>(
        &self,
        x: &'a [f32],
        first: usize,
        lines: usize,
        scratch: &'a mut [f32],
    ) -> &'a [f32] {
        match self.copied {
            Copied::No => return x,
            Copied::Framed => self.fill(x, first, lines, scratch),
            Copied::Picked => self.pick(x, first, lines, scratch),
        }
        scratch
    }

    fn fill(&self, x: &[f32], first: usize, lines: usize, scratch: &mut [f32]) {
        let [line, before, copied] = self.line();
        let [height, width] = [self.window.input[0], self.window.input[1] * self.element];
        let (top, needed) = (first * self.stride[0], self.size[0] - (self.strip - lines) * self.stride[0]);
        let planes = scratch.chunks_exact_mut(self.size[0] * line);
        for (from, to) in x.chunks_exact(height * width).zip(planes) {
            for (y, to) in to.chunks_exact_mut(line).take(needed).enumerate() {
                let to = &mut to[before..][..copied];
                // Above the image, the row wraps and is no row.
                let row = (top + y).wrapping_sub(self.window.pad[0]);
                match row < height {
                    true => to.copy_from_slice(&from[row * width..][..copied]),
                    false => to.fill(0.0),
                }
            }
        }
    }

    fn pick(&self, x: &[f32], first: usize, lines: usize, scratch: &mut [f32]) {
        let [height, width] = self.window.input;
        let [down, across] = self.window.stride;
        let line = self.size[1] * PANEL;
        let planes = scratch.chunks_exact_mut(self.size[0] * line);
        for (from, to) in x.chunks_exact(height * width * PANEL).zip(planes) {
            for (y, to) in (first..).zip(to.chunks_exact_mut(line).take(lines)) {
                let from = from[y * down * width * PANEL..].as_chunks::<PANEL>().0;
                for (to, from) in to.as_chunks_mut::<PANEL>().0.iter_mut().zip(from.iter().step_by(across)) {
                    *to = *from;
                }
            }
        }
    }
}
