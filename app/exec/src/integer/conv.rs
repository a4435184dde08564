//! An integer convolution: products of positions and channels, or, where a group gives few channels, tap by tap.

use super::{Blocks, COLUMNS, Factors, ROWS, TERMS};
use crate::quant::{Byte, by_sign};
use crate::view::View;
use assay_kernels::{Isa, MANY, add_tap};
use assay_plan::{Node, Window};
use assay_types::tensor::DType;
use std::ops::Range;

/// An integer convolution, ready to run.
#[derive(Debug)]
pub(crate) struct ConvInt {
    window: Window,
    groups: usize,
}

/// Everything about one group of one image.
struct Group<'a, X, W> {
    window: &'a Window,
    /// Planes of the group, and the same as bytes.
    x: &'a [X],
    raw: &'a [u8],
    /// Weights of the group's channels, and their zero points.
    w: &'a [W],
    zeros: &'a [W],
    zero: i32,
    input: [usize; 2],
    output: [usize; 2],
    /// Terms of a result.
    terms: usize,
    /// The first row and column of a block.
    block: [usize; 2],
}

impl ConvInt {
    pub(crate) fn new(window: &Window, groups: u32) -> Self {
        Self { window: *window, groups: groups as usize }
    }

    pub(crate) fn run(&self, view: &mut View<'_>) {
        let dtypes = [view.operand_node(0).dtype, view.operand_node(1).dtype];
        by_sign!(dtypes[0], X => by_sign!(dtypes[1], W => self.typed::<X, W>(view)))
    }

    fn typed<X: Byte, W: Byte>(&self, view: &mut View<'_>) {
        let sizes = |node: &Node| -> [usize; 4] { std::array::from_fn(|axis| node.dims[axis] as usize) };
        let [images, channels, height, width] = sizes(view.operand_node(0));
        let [_, results, rows, columns] = sizes(view.node());
        let (x, raw, w): (&[X], &[u8], &[W]) = (view.operand(0), view.operand(0), view.operand(1));
        let (zx, zw, bias): (&[X], &[W], &[i32]) = (view.operand(2), view.operand(3), view.operand(4));
        let (isa, y) = (view.isa(), view.result::<i32>());
        let (inner, each) = (channels / self.groups, results / self.groups);
        let terms = inner * self.window.kernel[0] as usize * self.window.kernel[1] as usize;
        let (plane, positions) = (height * width, rows * columns);
        for (y, bias) in y.chunks_exact_mut(positions).zip(bias.iter().cycle()) {
            y.fill(*bias);
        }
        let mut blocks = if each < MANY { None } else { Some(Blocks::new()) };
        for number in 0..images * self.groups {
            let (group, y) = (number % self.groups, &mut y[number * each * positions..][..each * positions]);
            let planes = number * inner * plane..(number + 1) * inner * plane;
            let mut group = Group {
                window: &self.window,
                x: &x[planes.clone()],
                raw: &raw[planes],
                w: &w[group * each * terms..][..each * terms],
                zeros: if zw.len() == 1 { zw } else { &zw[group * each..][..each] },
                zero: zx[0].wide(),
                input: [height, width],
                output: [rows, columns],
                terms,
                block: [0; 2],
            };
            match &mut blocks {
                Some(blocks) => blocks.multiply(isa, &mut group, [positions, each, terms], y),
                None => group.taps(isa, X::LEAST < 0, y),
            }
        }
    }
}

impl<X: Byte, W: Byte> Group<'_, X, W> {
    fn weights_zero(&self, channel: usize) -> i32 {
        self.zeros[if self.zeros.len() == 1 { 0 } else { channel }].wide()
    }

    /// Where a tap of a result is, along rows (0) or columns (1); below zero, it wraps and fails every bounds check.
    fn place(&self, side: usize, at: usize, tap: usize) -> usize {
        let Window { stride, dilation, pad_before, .. } = self.window;
        (at * stride[side] as usize + tap * dilation[side] as usize).wrapping_sub(pad_before[side] as usize)
    }

    /// The results along a side whose tap falls inside the image.
    fn inside(&self, side: usize, tap: usize) -> Range<usize> {
        let stride = self.window.stride[side] as usize;
        let (reach, pad) = (tap * self.window.dilation[side] as usize, self.window.pad_before[side] as usize);
        let first = pad.saturating_sub(reach).div_ceil(stride);
        let end = (self.input[side] + pad).saturating_sub(reach).div_ceil(stride);
        first.min(end)..end.min(self.output[side])
    }

    /// Adds each tap's products to a whole plane of results.
    fn taps(&self, isa: Isa, signed: bool, y: &mut [i32]) {
        let kernel = self.window.kernel.map(|k| k as usize);
        let [height, width] = self.input;
        let step = self.window.stride[1] as usize;
        for (channel, y) in y.chunks_exact_mut(self.output[0] * self.output[1]).enumerate() {
            let zero = self.weights_zero(channel);
            let weights = &self.w[channel * self.terms..][..self.terms];
            for (term, weight) in weights.iter().enumerate() {
                let (plane, tap) = (term / (kernel[0] * kernel[1]), term % (kernel[0] * kernel[1]));
                let (down, across) = (tap / kernel[1], tap % kernel[1]);
                let (rows, columns) = (self.inside(0, down), self.inside(1, across));
                let factor = weight.wide() - zero;
                if columns.is_empty() {
                    continue;
                }
                for row in rows {
                    let from = (plane * height + self.place(0, row, down)) * width;
                    let from = from + self.place(1, columns.start, across);
                    let x = &self.raw[from..(plane + 1) * height * width];
                    let y = &mut y[row * self.output[1]..][columns.clone()];
                    add_tap(isa, factor, self.zero, x, signed, step, y);
                }
            }
        }
    }
}

impl<X: Byte, W: Byte> Factors for Group<'_, X, W> {
    /// Positions; a tap outside the image counts nothing, which is the zero point less itself.
    fn rows(&mut self, rows: Range<usize>, terms: Range<usize>, to: &mut [i16]) {
        self.block[0] = rows.start;
        let kernel = self.window.kernel.map(|k| k as usize);
        let [height, width] = self.input;
        let mut corners = [(0, 0); ROWS];
        for (position, corner) in rows.clone().zip(&mut corners) {
            let (row, column) = (position / self.output[1], position % self.output[1]);
            *corner = (self.place(0, row, 0), self.place(1, column, 0));
        }
        let count = rows.len();
        let [down_step, across_step] = self.window.dilation.map(|step| step as usize);
        for (i, term) in terms.enumerate() {
            let (plane, tap) = (term / (kernel[0] * kernel[1]), term % (kernel[0] * kernel[1]));
            let (down, across) = (tap / kernel[1] * down_step, tap % kernel[1] * across_step);
            let x = &self.x[plane * height * width..][..height * width];
            for (row, corner) in corners[..count].iter().enumerate() {
                let (at_row, at_column) = (corner.0.wrapping_add(down), corner.1.wrapping_add(across));
                let inside = at_row < height && at_column < width;
                let value = if inside { x[at_row * width + at_column].wide() - self.zero } else { 0 };
                to[row * TERMS + i] = value as i16;
            }
        }
    }

    /// Channels.
    fn columns(&mut self, columns: Range<usize>, terms: Range<usize>, to: &mut [i16]) {
        self.block[1] = columns.start;
        for (i, channel) in columns.enumerate() {
            let w = &self.w[channel * self.terms..][terms.clone()];
            to[i * TERMS..].iter_mut().zip(w).for_each(|(to, w)| *to = w.wide() as i16);
        }
    }

    fn result(&self, row: usize, column: usize) -> (usize, i32) {
        let (position, channel) = (self.block[0] + row, self.block[1] + column);
        (channel * self.output[0] * self.output[1] + position, self.weights_zero(channel))
    }
}

const _: () = assert!(COLUMNS.is_multiple_of(MANY));
