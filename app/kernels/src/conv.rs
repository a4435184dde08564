//! Convolution over blocked channels: an image is blocks of 16 channels, a block is positions of 16 elements.
//!
//! Each result is the sum over the input channels of its group, then kernel rows, then kernel columns, as in
//! [`crate::gemm`]: positions are rows, output channels are columns, and a table says where a position's taps
//! are. An image with padding is first copied into a frame of zeros: with finite weights a tap of zero gives
//! the bits of a tap left out, for it can only turn a sum of -0 into +0, and the bias, never -0, does that
//! anyway. The last block of the result is written whole; lanes beyond the channels hold no values.
#![allow(unsafe_code)]

use crate::Isa;
use crate::gemm::{Division, Job, RowPlace, pack, packed_len, run};
use crate::pool::Pool;
use crate::post::{self, Post};
use crate::tile::PANEL;
use std::ops::Range;

/// How the input of a convolution lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConvInput {
    /// Plane after plane, as tensors lie in a plan: for images of few channels.
    Planes,
    /// Blocks of 16 channels; in the last one lanes beyond the channels are not read.
    Blocks,
}

/// What the windows pass over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Copied {
    /// The image where it is.
    No,
    /// The image in a frame of zeros.
    Framed,
    /// The positions that windows of one tap touch, side by side: so that they use all of the cache.
    Picked,
}

/// A convolution of an image, ready to run.
#[derive(Debug, Clone)]
pub struct Conv {
    window: Pool,
    channels: usize,
    outputs: usize,
    groups: usize,
    input: ConvInput,
    /// Rows and columns of what the windows pass over, and their strides there.
    frame: [usize; 2],
    stride: [usize; 2],
    copied: Copied,
    /// Where the taps of the window at the origin are, group by group.
    taps: Vec<u32>,
}

/// Elements of a position, and planes or blocks of an image.
fn unit(input: ConvInput, channels: usize) -> (usize, usize) {
    match input {
        ConvInput::Planes => (1, channels),
        ConvInput::Blocks => (PANEL, channels.div_ceil(PANEL)),
    }
}

impl Conv {
    /// Prepares a convolution of `channels` to `outputs`; `None` for one that these kernels do not do: groups
    /// whose output channels do not fill blocks, or an image that 32 bits cannot index.
    pub fn new(
        window: Pool,
        channels: usize,
        outputs: usize,
        groups: usize,
        input: ConvInput,
    ) -> Option<Self> {
        let sizes = [channels, outputs, groups, window.output[0], window.output[1]];
        let steps = [window.kernel, window.stride, window.dilation];
        if sizes.contains(&0) || steps.as_flattened().contains(&0) {
            return None;
        }
        let fits = channels.is_multiple_of(groups) && outputs.is_multiple_of(groups);
        if !fits || (groups > 1 && !(outputs / groups).is_multiple_of(PANEL)) {
            return None;
        }
        let covered = |axis: usize| {
            let span = (window.kernel[axis] - 1).checked_mul(window.dilation[axis])?.checked_add(1)?;
            (window.output[axis] - 1).checked_mul(window.stride[axis])?.checked_add(span)
        };
        let covered = [covered(0)?, covered(1)?];
        let framed = window.pad != [0, 0] || covered[0] > window.input[0] || covered[1] > window.input[1];
        let picked = window.kernel == [1, 1] && window.stride != [1, 1] && input == ConvInput::Blocks;
        let (copied, frame, stride) = match (framed, picked) {
            (true, _) => (Copied::Framed, covered, window.stride),
            (_, true) => (Copied::Picked, window.output, [1, 1]),
            _ => (Copied::No, window.input, window.stride),
        };
        let (element, planes) = unit(input, channels);
        let plane = frame[0].checked_mul(frame[1])?.checked_mul(element)?;
        u32::try_from(plane.checked_mul(planes)?).ok()?;
        let mut taps = Vec::with_capacity(channels * window.kernel[0] * window.kernel[1]);
        for channel in 0..channels {
            let start = channel / element * plane + channel % element;
            for ky in 0..window.kernel[0] {
                for kx in 0..window.kernel[1] {
                    let step = ky * window.dilation[0] * frame[1] + kx * window.dilation[1];
                    taps.push((start + step * element) as u32);
                }
            }
        }
        Some(Self { window, channels, outputs, groups, input, frame, stride, copied, taps })
    }

    /// Terms of a sum.
    pub fn depth(&self) -> usize {
        self.taps.len() / self.groups
    }

    /// Blocks of output channels.
    pub fn panels(&self) -> usize {
        self.outputs.div_ceil(PANEL)
    }

    /// Elements of an input image.
    pub fn input_len(&self) -> usize {
        let (element, planes) = unit(self.input, self.channels);
        planes * element * self.window.input[0] * self.window.input[1]
    }

    /// Elements of a block of an output image.
    pub fn block_len(&self) -> usize {
        self.window.output[0] * self.window.output[1] * PANEL
    }

    /// Elements of the packed weights.
    pub fn packed_len(&self) -> usize {
        packed_len(self.depth(), self.outputs)
    }

    /// Elements of scratch memory that a run needs.
    pub fn scratch_len(&self) -> usize {
        let (element, planes) = unit(self.input, self.channels);
        if self.copied == Copied::No { 0 } else { planes * element * self.frame[0] * self.frame[1] }
    }

    /// Packs weights [outputs, channels / groups, kernel rows, kernel columns].
    pub fn pack(&self, isa: Isa, weights: &[f32], packed: &mut [f32]) {
        pack(isa, self.depth(), self.outputs, weights, 1, self.depth(), packed);
    }

    /// Of the lines of the frame: their elements, those before the image's, and the image's.
    fn line(&self) -> [usize; 3] {
        let element = unit(self.input, self.channels).0;
        let line = self.frame[1] * element;
        let before = self.window.pad[1].min(self.frame[1]) * element;
        [line, before, (self.window.input[1] * element).min(line - before)]
    }

    /// Makes the frame around an image zero.
    fn clear(&self, scratch: &mut [f32]) {
        let [line, before, copied] = self.line();
        let [top, height] = [self.window.pad[0], self.window.input[0]];
        for plane in scratch.chunks_exact_mut(self.frame[0] * line) {
            for (y, line) in plane.chunks_exact_mut(line).enumerate() {
                if y.wrapping_sub(top) < height {
                    line[..before].fill(0.0);
                    line[before + copied..].fill(0.0);
                } else {
                    line.fill(0.0);
                }
            }
        }
    }

    /// Copies an image into its frame.
    fn fill(&self, x: &[f32], scratch: &mut [f32]) {
        let [line, before, copied] = self.line();
        let width = self.window.input[1] * unit(self.input, self.channels).0;
        let planes = scratch.chunks_exact_mut(self.frame[0] * line);
        for (from, to) in x.chunks_exact(self.window.input[0] * width).zip(planes) {
            let lines = to.chunks_exact_mut(line).skip(self.window.pad[0]);
            for (from, to) in from.chunks_exact(width).zip(lines) {
                to[before..][..copied].copy_from_slice(&from[..copied]);
            }
        }
    }

    /// Copies the positions that windows of one tap touch.
    fn pick(&self, x: &[f32], scratch: &mut [f32]) {
        let [height, width] = self.window.input;
        let [down, across] = self.window.stride;
        let lines = self.window.output[1] * PANEL;
        let planes = scratch.chunks_exact_mut(self.window.output[0] * lines);
        for (from, to) in x.chunks_exact(height * width * PANEL).zip(planes) {
            for (y, to) in to.chunks_exact_mut(lines).enumerate() {
                let from = from[y * down * width * PANEL..].as_chunks::<PANEL>().0;
                for (to, from) in to.as_chunks_mut::<PANEL>().0.iter_mut().zip(from.iter().step_by(across)) {
                    *to = *from;
                }
            }
        }
    }

    /// Convolves as many images as `x` holds: output blocks `panels`, which `y` and
    /// [`Other::Same`](crate::Other::Same) hold image after image and nothing else; the packed weights, the bias
    /// and [`Other::Columns`](crate::Other::Columns) hold all channels. Weights are finite if there is padding.
    /// Panics if an argument is too short.
    #[allow(clippy::too_many_arguments)]
    pub fn run(
        &self,
        isa: Isa,
        panels: Range<usize>,
        x: &[f32],
        packed: &[f32],
        bias: Option<&[f32]>,
        posts: &[Post<'_>],
        y: &mut [f32],
        scratch: &mut [f32],
    ) {
        assert!(panels.start <= panels.end && panels.end <= self.panels(), "no such blocks");
        assert!(packed.len() >= self.packed_len(), "the weights are too short");
        assert!(bias.is_none_or(|bias| bias.len() >= self.outputs), "the bias is too short");
        let (input, block, depth) = (self.input_len(), self.block_len(), self.depth());
        let output = panels.len() * block;
        let images = x.chunks_exact(input);
        let reach = images.len().checked_mul(output);
        assert!(images.len() > 0 && reach.is_some_and(|reach| y.len() >= reach), "no image, or no room");
        post::check(posts, self.outputs, images.len() * output);
        let scratch = &mut scratch[..self.scratch_len()];
        if self.copied == Copied::Framed {
            self.clear(scratch);
        }
        let (element, _) = unit(self.input, self.channels);
        let group_panels = self.panels().div_ceil(self.groups);
        let taps_per_channel = self.window.kernel[0] * self.window.kernel[1];
        let spread: usize = (0..2).map(|axis| self.stride[axis].min(self.window.kernel[axis])).product();
        // Products of as many columns are divided in the same way.
        let mut division: Option<(usize, Division)> = None;
        for (image, x) in images.enumerate() {
            let x = match self.copied {
                Copied::No => x,
                Copied::Framed => {
                    self.fill(x, scratch);
                    &*scratch
                }
                Copied::Picked => {
                    self.pick(x, scratch);
                    &*scratch
                }
            };
            let mut panel = panels.start;
            while panel < panels.end {
                let group = panel / group_panels;
                let end = panels.end.min((group + 1) * group_panels);
                let columns = self.outputs.min(end * PANEL) - panel * PANEL;
                let at = image * output + (panel - panels.start) * block;
                let job = Job {
                    rows: self.window.output[0] * self.window.output[1],
                    columns,
                    first_column: panel * PANEL,
                    depth,
                    x: x.as_ptr(),
                    place: RowPlace {
                        width: self.window.output[1],
                        down: self.stride[0] * self.frame[1] * element,
                        across: self.stride[1] * element,
                    },
                    taps: Some(&self.taps[group * depth..][..depth]),
                    grain: taps_per_channel * if element == 1 { 1 } else { PANEL },
                    row_bytes: self.channels / self.groups * spread * size_of::<f32>(),
                    w: packed[panel * depth * PANEL..].as_ptr(),
                    w_line: PANEL,
                    w_panel: depth * PANEL,
                    bias,
                    posts,
                    at,
                    y: y[at..].as_mut_ptr(),
                    y_row: PANEL,
                    y_panel: block,
                    last: PANEL,
                };
                let divided = match division {
                    Some((known, divided)) if known == columns => divided,
                    _ => Division::new(isa, &job),
                };
                division = Some((columns, divided));
                // SAFETY: the lengths were checked; the taps of every position lie inside the frame.
                unsafe { run(isa, &job, &divided) }
                panel = end;
            }
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
