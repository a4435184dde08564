//! Convolution: the positions of an image in panels of 16, the output channels of a group in tiles of rows.
//!
//! The weights of a channel lie side by side and in the order of the sum, so they are used where they are;
//! only the taps are gathered. A tap outside the image is gathered as +0, which with finite weights gives the
//! same bits as skipping it: it can only turn a sum of -0 into +0, and the bias, never -0, does that anyway.

use crate::view::View;
use assay_kernels::{MAX_ROWS, PANEL, PoolDivisor, dot_tile};
use assay_plan::Node;
use assay_plan::contraction::{conv_depth, conv_panels};
use assay_plan::{Divisor, Window};

/// A convolution, ready to run.
#[derive(Debug)]
pub(crate) struct Conv {
    window: Window,
    groups: usize,
    images: usize,
    /// Input channels, rows and columns of an image.
    input: [usize; 3],
    /// Output channels, rows and columns.
    output: [usize; 3],
    depth: usize,
}

impl Conv {
    pub(crate) fn new(node: &Node, operands: &[&Node], window: &Window, groups: u32) -> Self {
        let tail = |dims: &[u32]| [dims[1] as usize, dims[2] as usize, dims[3] as usize];
        Self {
            window: *window,
            groups: groups as usize,
            images: node.dims[0] as usize,
            input: tail(&operands[0].dims),
            output: tail(&node.dims),
            depth: conv_depth(&operands[1].dims),
        }
    }

    pub(crate) fn run(&self, view: &mut View<'_>) {
        let (x, weights) = (view.factors(0), view.factors(1));
        let bias: &[f32] = view.operand(2);
        let positions = self.output[1] * self.output[2];
        let at_once = conv_panels(self.depth, positions);
        let panels: &mut [[f32; PANEL]] = view.scratch(at_once * self.depth);
        let y: &mut [f32] = view.result();
        let group_channels = self.output[0] / self.groups;
        let plane = self.input[1] * self.input[2];
        let group_input = self.input[0] / self.groups * plane;
        for group in 0..self.images * self.groups {
            let x = &x[group * group_input..][..group_input];
            let y = &mut y[group * group_channels * positions..][..group_channels * positions];
            let channel = group % self.groups * group_channels;
            let weights = &weights[channel * self.depth..][..group_channels * self.depth];
            let bias = &bias[channel..][..group_channels];
            for first in (0..positions).step_by(at_once * PANEL) {
                let width = (positions - first).min(at_once * PANEL);
                let used = &mut panels[..width.div_ceil(PANEL) * self.depth];
                for (number, panel) in used.chunks_exact_mut(self.depth).enumerate() {
                    self.gather(x, first + number * PANEL, positions, panel);
                }
                self.multiply(view, weights, bias, used, first, y);
            }
        }
    }

    /// The taps of 16 neighbouring positions: channels, then rows, then columns of the window.
    fn gather(&self, x: &[f32], first: usize, positions: usize, panel: &mut [[f32; PANEL]]) {
        let (height, width) = (self.input[1], self.input[2]);
        let Window { kernel, stride, dilation, pad_before, .. } = self.window;
        let count = PANEL.min(positions - first);
        let mut corners = [(0usize, 0usize); PANEL];
        for (position, corner) in (first..).zip(&mut corners[..count]) {
            let (oy, ox) = (position / self.output[2], position % self.output[2]);
            // Wrapped below zero, a coordinate fails every bounds check.
            *corner = (
                (oy * stride[0] as usize).wrapping_sub(pad_before[0] as usize),
                (ox * stride[1] as usize).wrapping_sub(pad_before[1] as usize),
            );
        }
        let one_row = stride[1] == 1 && corners[..count].iter().all(|corner| corner.0 == corners[0].0);
        let mut lines = panel.iter_mut();
        for plane in x.chunks_exact(height * width) {
            for ky in 0..kernel[0] as usize {
                let dy = ky * dilation[0] as usize;
                for (kx, line) in (0..kernel[1] as usize).zip(&mut lines) {
                    let dx = kx * dilation[1] as usize;
                    *line = [0.0; PANEL];
                    let (y, left) = (corners[0].0.wrapping_add(dy), corners[0].1.wrapping_add(dx));
                    if one_row && y < height && left < width && left + count <= width {
                        line[..count].copy_from_slice(&plane[y * width + left..][..count]);
                        continue;
                    }
                    for (slot, corner) in line[..count].iter_mut().zip(&corners) {
                        let (y, x) = (corner.0.wrapping_add(dy), corner.1.wrapping_add(dx));
                        if y < height && x < width {
                            *slot = plane[y * width + x];
                        }
                    }
                }
            }
        }
    }

    /// All channels of a group at the gathered positions. A bias of -0 counts as +0.
    fn multiply(
        &self,
        view: &View<'_>,
        weights: &[f32],
        bias: &[f32],
        panels: &[[f32; PANEL]],
        first: usize,
        y: &mut [f32],
    ) {
        let positions = self.output[1] * self.output[2];
        for channel in (0..bias.len()).step_by(MAX_ROWS) {
            let height = MAX_ROWS.min(bias.len() - channel);
            let mut rows: [&[f32]; MAX_ROWS] = [&[]; MAX_ROWS];
            for (row, weights) in
                rows[..height].iter_mut().zip(weights[channel * self.depth..].chunks_exact(self.depth))
            {
                *row = weights;
            }
            for (number, panel) in panels.chunks_exact(self.depth).enumerate() {
                let mut sums = [[0.0; PANEL]; MAX_ROWS];
                dot_tile(view.isa(), self.depth, &rows[..height], &[panel], &mut sums);
                let start = first + number * PANEL;
                let width = PANEL.min(positions - start);
                for (row, line) in sums[..height].iter().enumerate() {
                    let bias = bias[channel + row] + 0.0;
                    let y = &mut y[(channel + row) * positions + start..][..width];
                    for (y, sum) in y.iter_mut().zip(line) {
                        *y = sum + bias;
                    }
                }
            }
        }
    }
}

/// The geometry of a pool, for the kernels.
pub(crate) fn pool(node: &Node, x: &Node, window: &Window) -> assay_kernels::Pool {
    let last_two = |dims: &[u32]| [dims[dims.len() - 2] as usize, dims[dims.len() - 1] as usize];
    let pair = |numbers: [u32; 2]| numbers.map(|number| number as usize);
    assay_kernels::Pool {
        input: last_two(&x.dims),
        output: last_two(&node.dims),
        kernel: pair(window.kernel),
        stride: pair(window.stride),
        dilation: pair(window.dilation),
        pad: pair(window.pad_before),
    }
}

/// A pool's divisor, for the kernels.
pub(crate) fn divisor(divisor: Divisor) -> PoolDivisor {
    match divisor {
        Divisor::One => PoolDivisor::One,
        Divisor::Kernel => PoolDivisor::Kernel,
        Divisor::Inside => PoolDivisor::Inside,
    }
}
