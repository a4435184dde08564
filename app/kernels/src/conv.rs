//! Convolution over blocked channels: an image is blocks of 16 channels, a block is positions of 16 elements.
//!
//! Each result is the sum over the input channels of its group, then kernel rows, then kernel columns, as in
//! [`crate::gemm`]: positions are rows, output channels are columns, and a table says where a position's taps
//! are. An image with padding is first copied into a frame of zeros: with finite weights a tap of zero gives
//! the bits of a tap left out, for it can only turn a sum of -0 into +0, and the bias, never -0, does that
//! anyway. The last block of the result is written whole; lanes beyond the channels hold no values.
#![allow(unsafe_code)]

mod frame;

use crate::Isa;
use crate::gemm::{Division, Job, RowPlace, pack, packed_len, run};
use crate::pool::Pool;
use crate::post::{self, Post};
use crate::tile::PANEL;
use frame::Frame;
use std::ops::Range;

/// How the input of a convolution lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConvInput {
    /// Plane after plane, as tensors lie in a plan: for images of few channels.
    Planes,
    /// Blocks of 16 channels; in the last one lanes beyond the channels are not read.
    Blocks,
}

/// A convolution of an image, ready to run.
#[derive(Debug, Clone)]
pub struct Conv {
    channels: usize,
    outputs: usize,
    groups: usize,
    frame: Frame,
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
        Self::in_strips(window, channels, outputs, groups, input, frame::STRIP)
    }

    /// As [`Conv::new`], with strips of about so many elements.
    fn in_strips(
        window: Pool,
        channels: usize,
        outputs: usize,
        groups: usize,
        input: ConvInput,
        strip: usize,
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
        let (element, planes) = unit(input, channels);
        let columns = (channels / groups).checked_mul(window.kernel[0])?.checked_mul(window.kernel[1])?;
        let frame = Frame::new(window, [element, planes, groups], columns.checked_mul(PANEL)?, strip)?;
        let mut taps = Vec::with_capacity(channels * window.kernel[0] * window.kernel[1]);
        for channel in 0..channels {
            let start = channel / element * frame.plane() + channel % element;
            for ky in 0..window.kernel[0] {
                for kx in 0..window.kernel[1] {
                    let step = ky * window.dilation[0] * frame.size[1] + kx * window.dilation[1];
                    taps.push((start + step * element) as u32);
                }
            }
        }
        Some(Self { channels, outputs, groups, frame, taps })
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
        self.frame.image_len()
    }

    /// Elements of a block of an output image.
    pub fn block_len(&self) -> usize {
        self.frame.window.output[0] * self.frame.window.output[1] * PANEL
    }

    /// Elements of the packed weights.
    pub fn packed_len(&self) -> usize {
        packed_len(self.depth(), self.outputs)
    }

    /// Elements of scratch memory that a run needs.
    pub fn scratch_len(&self) -> usize {
        self.frame.scratch_len()
    }

    /// Packs weights [outputs, channels / groups, kernel rows, kernel columns].
    pub fn pack(&self, isa: Isa, weights: &[f32], packed: &mut [f32]) {
        pack(isa, self.depth(), self.outputs, weights, 1, self.depth(), packed);
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
        self.frame.clear(scratch);
        let element = self.frame.element;
        let group_panels = self.panels().div_ceil(self.groups);
        let taps_per_channel = self.frame.window.kernel[0] * self.frame.window.kernel[1];
        let spread: usize =
            (0..2).map(|axis| self.frame.stride[axis].min(self.frame.window.kernel[axis])).product();
        let [height, width] = self.frame.window.output;
        // Products of as many rows and columns are divided in the same way.
        let mut division: Option<([usize; 2], Division)> = None;
        let strips = (0..height).step_by(self.frame.strip);
        for ((image, x), first) in
            images.enumerate().flat_map(|image| strips.clone().map(move |at| (image, at)))
        {
            let lines = self.frame.strip.min(height - first);
            let x = self.frame.lines(x, first, lines, scratch);
            let mut panel = panels.start;
            while panel < panels.end {
                let group = panel / group_panels;
                let end = panels.end.min((group + 1) * group_panels);
                let at = image * output + (panel - panels.start) * block + first * width * PANEL;
                let job = Job {
                    rows: lines * width,
                    columns: self.outputs.min(end * PANEL) - panel * PANEL,
                    first_column: panel * PANEL,
                    depth,
                    x: x.as_ptr(),
                    place: RowPlace::lines(
                        width,
                        self.frame.stride[0] * self.frame.size[1] * element,
                        self.frame.stride[1] * element,
                    ),
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
                let sizes = [job.rows, job.columns];
                let divided = match division {
                    Some((known, divided)) if known == sizes => divided,
                    _ => Division::new(isa, &job),
                };
                division = Some((sizes, divided));
                // SAFETY: the lengths were checked; the taps of every position lie inside the frame.
                unsafe { run(isa, &job, &divided) }
                panel = end;
            }
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
