//! An integer convolution: for each image and group, the way that its shape makes short.

use super::dots::{self, Blocks, Factors};
use super::lines::Multiplier;
use super::planes::{Channels, Corners, Layout, Planes};
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

/// The sizes of a group of one image, all but the window's.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sizes {
    /// Channels in and out.
    pub inner: usize,
    pub each: usize,
    pub input: [usize; 2],
    pub output: [usize; 2],
    /// Terms of a result.
    pub terms: usize,
}

impl Sizes {
    pub(super) fn positions(&self) -> usize {
        self.output[0] * self.output[1]
    }
}

/// How the groups are computed.
enum Way {
    /// Positions side by side in the image, or in a copy with what surrounds it: in bands.
    Planes(Layout),
    /// Positions brought side by side one by one.
    Corners,
    /// Channels side by side.
    Channels,
    /// Few results of many terms.
    Dots,
    /// Tap by tap over the rows of results.
    Taps,
    /// One by one.
    Singles,
}

/// Multiply-adds of a group that are done one by one.
const FEW: usize = 64;
/// Results of a row over which a tap passes quickly.
const WIDE: usize = 48;

impl Way {
    fn of(window: &Window, sizes: &Sizes) -> Self {
        let (positions, each, terms) = (sizes.positions(), sizes.each, sizes.terms);
        if positions.saturating_mul(each).saturating_mul(terms) <= FEW {
            return Way::Singles;
        }
        if positions < dots::FEW {
            return match (each >= dots::FEW, terms) {
                (true, ..dots::VERY_LONG) => Way::Channels,
                (true, _) if positions >= MANY => Way::Channels,
                (false, ..dots::LONG) => Way::Singles,
                _ => Way::Dots,
            };
        }
        if each == 1 && window.stride[1] == 1 && sizes.output[1] >= WIDE {
            return Way::Taps;
        }
        match Layout::new(window, sizes) {
            Some(layout) => Way::Planes(layout),
            None if each < MANY => Way::Taps,
            None => Way::Corners,
        }
    }
}

/// Everything about one group of one image.
pub(super) struct Group<'a, X, W> {
    pub window: &'a Window,
    pub sizes: Sizes,
    /// Planes of the group, and the same as bytes.
    pub x: &'a [X],
    pub raw: &'a [u8],
    /// Weights of the group's channels, the same as bytes, and their zero points.
    pub w: &'a [W],
    pub raw_w: &'a [u8],
    pub zeros: &'a [W],
    pub zero: i32,
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
        let dims = |node: &Node| -> [usize; 4] { std::array::from_fn(|axis| node.dims[axis] as usize) };
        let [images, channels, height, width] = dims(view.operand_node(0));
        let [_, results, rows, columns] = dims(view.node());
        let (x, raw): (&[X], &[u8]) = (view.operand(0), view.operand(0));
        let (w, raw_w): (&[W], &[u8]) = (view.operand(1), view.operand(1));
        let (zx, zw, bias): (&[X], &[W], &[i32]) = (view.operand(2), view.operand(3), view.operand(4));
        let (isa, y) = (view.isa(), view.result::<i32>());
        let (inner, each) = (channels / self.groups, results / self.groups);
        let terms = inner * self.window.kernel[0] as usize * self.window.kernel[1] as usize;
        let sizes = Sizes { inner, each, input: [height, width], output: [rows, columns], terms };
        let (plane, positions) = (height * width, rows * columns);
        for (y, bias) in y.chunks_exact_mut(positions).zip(bias.iter().cycle()) {
            y.fill(*bias);
        }
        let way = Way::of(&self.window, &sizes);
        let mut room = Room::new(&way, &sizes);
        for number in 0..images * self.groups {
            let (group, y) = (number % self.groups, &mut y[number * each * positions..][..each * positions]);
            let planes = number * inner * plane..(number + 1) * inner * plane;
            let weights = group * each * terms..(group + 1) * each * terms;
            let mut group = Group {
                window: &self.window,
                sizes,
                x: &x[planes.clone()],
                raw: &raw[planes],
                w: &w[weights.clone()],
                raw_w: &raw_w[weights],
                zeros: if zw.len() == 1 { zw } else { &zw[group * each..][..each] },
                zero: zx[0].wide(),
                block: [0; 2],
            };
            match (&way, &mut room) {
                (Way::Planes(layout), Room::Lines(multiplier, copy)) => {
                    for band in layout.bands() {
                        let planes = Planes::new(&group, layout, band, copy);
                        if planes.is_short() {
                            multiplier.forget();
                        }
                        multiplier.multiply(isa, &planes, [each, planes.count(), terms], y);
                        if planes.is_short() {
                            multiplier.forget();
                        }
                    }
                }
                (Way::Channels, Room::Lines(multiplier, _)) => {
                    if group.zeros.len() > 1 {
                        multiplier.forget();
                    }
                    multiplier.multiply(isa, &Channels(&group), [positions, each, terms], y);
                }
                (_, Room::Lines(multiplier, _)) => {
                    multiplier.multiply(isa, &Corners(&group), [each, positions, terms], y);
                }
                (_, Room::Blocks(blocks)) => blocks.multiply(isa, &mut group, [positions, each, terms], y),
                (Way::Singles, _) => group.singles(y),
                (_, Room::None) => group.taps(isa, X::LEAST < 0, y),
            }
        }
    }
}

/// What a way needs besides its operands.
enum Room {
    None,
    Blocks(Blocks),
    Lines(Multiplier, Vec<u8>),
}

impl Room {
    fn new(way: &Way, sizes: &Sizes) -> Self {
        match way {
            Way::Planes(layout) => {
                Room::Lines(Multiplier::new(layout.lanes(), sizes.terms), vec![0; layout.copied()])
            }
            Way::Corners => Room::Lines(Multiplier::new(sizes.positions(), sizes.terms), vec![]),
            Way::Channels => Room::Lines(Multiplier::new(sizes.each, sizes.terms), vec![]),
            Way::Dots => Room::Blocks(Blocks::new()),
            Way::Taps | Way::Singles => Room::None,
        }
    }
}

impl<X: Byte, W: Byte> Group<'_, X, W> {
    pub(super) fn weights_zero(&self, channel: usize) -> i32 {
        self.zeros[if self.zeros.len() == 1 { 0 } else { channel }].wide()
    }

    /// Where a tap of a result is, along rows (0) or columns (1); below zero, it wraps and fails every bounds check.
    pub(super) fn place(&self, side: usize, at: usize, tap: usize) -> usize {
        let Window { stride, dilation, pad_before, .. } = self.window;
        (at * stride[side] as usize + tap * dilation[side] as usize).wrapping_sub(pad_before[side] as usize)
    }

    /// The results along a side whose tap falls inside the image.
    fn inside(&self, side: usize, tap: usize) -> Range<usize> {
        let stride = self.window.stride[side] as usize;
        let (reach, pad) = (tap * self.window.dilation[side] as usize, self.window.pad_before[side] as usize);
        let first = pad.saturating_sub(reach).div_ceil(stride);
        let end = (self.sizes.input[side] + pad).saturating_sub(reach).div_ceil(stride);
        first.min(end)..end.min(self.sizes.output[side])
    }

    /// Calls `each` with the number of a term from the first of `terms` on, its plane and how far its tap is from a
    /// window's corner.
    pub(super) fn each_term(&self, terms: Range<usize>, mut each: impl FnMut(usize, usize, [usize; 2])) {
        let kernel = self.window.kernel.map(|k| k as usize);
        let dilation = self.window.dilation.map(|step| step as usize);
        let taps = kernel[0] * kernel[1];
        let (mut plane, tap) = (terms.start / taps, terms.start % taps);
        let [mut down, mut across] = [tap / kernel[1], tap % kernel[1]];
        for i in 0..terms.len() {
            each(i, plane, [down * dilation[0], across * dilation[1]]);
            across += 1;
            if across == kernel[1] {
                (across, down) = (0, down + 1);
            }
            if down == kernel[0] {
                (down, plane) = (0, plane + 1);
            }
        }
    }

    /// The corners of the windows of some positions.
    pub(super) fn corners(&self, positions: impl Iterator<Item = usize>, to: &mut [[usize; 2]]) {
        let columns = self.sizes.output[1];
        for (position, to) in positions.zip(to) {
            *to = [self.place(0, position / columns, 0), self.place(1, position % columns, 0)];
        }
    }

    /// Terms of a few positions, less the zero point. A tap outside the image counts nothing, which is the zero point
    /// less itself.
    pub(super) fn windows(&self, rows: Range<usize>, terms: Range<usize>, (to, stride): (&mut [i16], usize)) {
        let mut corners = [[0; 2]; dots::FEW];
        let corners = &mut corners[..rows.len()];
        self.corners(rows, corners);
        let [height, width] = self.sizes.input;
        self.each_term(terms, |i, plane, [down, across]| {
            let x = &self.x[plane * height * width..][..height * width];
            for (row, corner) in corners.iter().enumerate() {
                let (at_row, at_column) = (corner[0].wrapping_add(down), corner[1].wrapping_add(across));
                let inside = at_row < height && at_column < width;
                let x = || x[at_row.wrapping_mul(width).wrapping_add(at_column)].word();
                let value = if inside { x().wrapping_sub(self.zero as i16) } else { 0 };
                to[row * stride + i] = value;
            }
        });
    }

    /// Adds the products of each result.
    fn singles(&self, y: &mut [i32]) {
        let ([height, width], [kernel_rows, kernel_columns]) = (self.sizes.input, self.window.kernel);
        let [rows, columns] = self.sizes.output;
        let (mut weights, mut results) = (self.w.chunks_exact(self.sizes.terms), y.iter_mut());
        for channel in 0..self.sizes.each {
            let (zero, Some(own)) = (self.weights_zero(channel), weights.next()) else { return };
            for row in 0..rows {
                for column in 0..columns {
                    let corner = [self.place(0, row, 0), self.place(1, column, 0)];
                    let [down, across] = self.window.dilation.map(|step| step as usize);
                    let (mut sum, mut own) = (0i32, own.iter());
                    for x in self.x.chunks_exact(height * width) {
                        for tap in 0..kernel_rows as usize {
                            let at = corner[0].wrapping_add(tap * down);
                            let line = if at < height { &x[at * width..][..width] } else { &[] };
                            for (tap, w) in own.by_ref().take(kernel_columns as usize).enumerate() {
                                let x = line.get(corner[1].wrapping_add(tap * across));
                                let x = x.map_or(0, |x| x.wide().wrapping_sub(self.zero));
                                sum = sum.wrapping_add(x.wrapping_mul(w.wide().wrapping_sub(zero)));
                            }
                        }
                    }
                    if let Some(y) = results.next() {
                        *y = y.wrapping_add(sum);
                    }
                }
            }
        }
    }

    /// Adds each tap's products to a whole plane of results.
    fn taps(&self, isa: Isa, signed: bool, y: &mut [i32]) {
        let [height, width] = self.sizes.input;
        let (columns, step) = (self.sizes.output[1], self.window.stride[1] as usize);
        for (channel, y) in y.chunks_exact_mut(self.sizes.positions()).enumerate() {
            let zero = self.weights_zero(channel);
            let weights = &self.w[channel * self.sizes.terms..][..self.sizes.terms];
            let kernel = self.window.kernel.map(|k| k as usize);
            for (term, weight) in weights.iter().enumerate() {
                let (plane, tap) = (term / (kernel[0] * kernel[1]), term % (kernel[0] * kernel[1]));
                let (down, across) = (tap / kernel[1], tap % kernel[1]);
                let (rows, inside) = (self.inside(0, down), self.inside(1, across));
                let factor = weight.wide() - zero;
                if inside.is_empty() {
                    continue;
                }
                for row in rows {
                    let from = (plane * height + self.place(0, row, down)) * width;
                    let from = from + self.place(1, inside.start, across);
                    let x = &self.raw[from..(plane + 1) * height * width];
                    let y = &mut y[row * columns..][inside.clone()];
                    add_tap(isa, factor, self.zero, x, signed, step, y);
                }
            }
        }
    }
}

impl<X: Byte, W: Byte> Factors for Group<'_, X, W> {
    /// Positions.
    fn rows(&mut self, rows: Range<usize>, terms: Range<usize>, to: &mut [i16]) {
        self.block[0] = rows.start;
        self.windows(rows, terms, (to, dots::TERMS));
    }

    /// Channels.
    fn columns(&mut self, columns: Range<usize>, terms: Range<usize>, to: &mut [i16]) {
        self.block[1] = columns.start;
        for (i, channel) in columns.enumerate() {
            let w = &self.w[channel * self.sizes.terms..][terms.clone()];
            to[i * dots::TERMS..].iter_mut().zip(w).for_each(|(to, w)| *to = w.word());
        }
    }

    fn result(&self, row: usize, column: usize) -> (usize, i32) {
        let (position, channel) = (self.block[0] + row, self.block[1] + column);
        (channel * self.sizes.positions() + position, self.weights_zero(channel))
    }
}
