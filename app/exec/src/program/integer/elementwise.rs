//! What stands between the products: sums and products of quantised tensors, changes between bytes and f32.

use crate::view::View;
use assay_kernels::Pool;
use assay_kernels::int8::{Affine, ByteOp, combine_bytes, dequantize, lookup, quantize};

/// Where an affine's numbers are: the step reads the scale and the zero point at these places.
#[derive(Debug, Clone, Copy)]
pub(crate) struct By {
    pub scale: usize,
    pub zero: usize,
    pub signed: bool,
}

impl By {
    fn affine(&self, view: &View<'_>) -> Affine {
        let zero = super::integer(self.signed, view.operand::<u8>(self.zero)[0]);
        Affine { scale: view.operand::<f32>(self.scale)[0], zero, signed: self.signed }
    }
}

/// Operands 0 and 1, dequantised, combined, quantised.
#[derive(Debug)]
pub(crate) struct Pair {
    pub op: ByteOp,
    pub a: By,
    pub b: By,
    pub to: By,
    /// Operand 1 has one row of so many elements for each image, operand 0 so many rows; 0 and 0 when they are
    /// alike.
    pub rows: usize,
    pub columns: usize,
}

impl Pair {
    pub(crate) fn run(&self, view: &mut View<'_>) {
        let isa = view.isa();
        let (from_a, from_b, to) = (self.a.affine(view), self.b.affine(view), self.to.affine(view));
        let (a, b, y): (&[u8], &[u8], &mut [u8]) = (view.operand(0), view.operand(1), view.result());
        if self.columns == 0 {
            return combine_bytes(isa, self.op, (from_a, a), (from_b, b), to, y);
        }
        let rows = a.chunks_exact(self.columns).zip(y.chunks_exact_mut(self.columns));
        for (at, (a, y)) in rows.enumerate() {
            let b = &b[at / self.rows * self.columns..][..self.columns];
            combine_bytes(isa, self.op, (from_a, a), (from_b, b), to, y);
        }
    }
}

/// Operand 0 quantised, or dequantised.
#[derive(Debug)]
pub(crate) struct Change {
    pub by: By,
    pub to_bytes: bool,
}

impl Change {
    pub(crate) fn run(&self, view: &mut View<'_>) {
        let affine = self.by.affine(view);
        if self.to_bytes {
            quantize(view.isa(), affine, view.operand(0), view.result());
        } else {
            dequantize(view.isa(), affine, view.operand(0), view.result());
        }
    }
}

/// The elements of a table at the bytes of operand 0; the table is operand 1.
#[derive(Debug)]
pub(crate) struct Lookup;

impl Lookup {
    pub(crate) fn run(&self, view: &mut View<'_>) {
        if let Some(table) = view.operand::<u8>(1).first_chunk::<256>() {
            lookup(table, view.operand(0), view.result());
        }
    }
}

/// Images of bytes with their channels moved last, or back.
#[derive(Debug)]
pub(crate) struct Last {
    pub channels: usize,
    pub size: usize,
    pub back: bool,
}

/// Positions that are moved together: what two caches' worth of lines hold.
const TILE: usize = 32;

impl Last {
    pub(crate) fn run(&self, view: &mut View<'_>) {
        let (x, y): (&[u8], &mut [u8]) = (view.operand(0), view.result());
        // As a matrix of bytes that is transposed.
        let (rows, columns) = if self.back { (self.size, self.channels) } else { (self.channels, self.size) };
        for (x, y) in x.chunks_exact(rows * columns).zip(y.chunks_exact_mut(rows * columns)) {
            for top in (0..rows).step_by(TILE) {
                let bottom = (top + TILE).min(rows);
                for left in (0..columns).step_by(TILE) {
                    for column in left..(left + TILE).min(columns) {
                        let line = &mut y[column * rows + top..column * rows + bottom];
                        for (row, slot) in (top..bottom).zip(line) {
                            *slot = x[row * columns + column];
                        }
                    }
                }
            }
        }
    }
}

/// The greatest byte of each window, channels last.
#[derive(Debug)]
pub(crate) struct Window {
    pub pool: Pool,
    pub channels: usize,
    pub signed: bool,
}

impl Window {
    pub(crate) fn run(&self, view: &mut View<'_>) {
        let Pool { input, output, kernel, stride, dilation, pad, .. } = self.pool;
        let channels = self.channels;
        // An i8 with its sign flipped is ordered as a u8.
        let flip = if self.signed { 0x80 } else { 0 };
        let (x, y): (&[u8], &mut [u8]) = (view.operand(0), view.result());
        let (from, to) = (input[0] * input[1] * channels, output[0] * output[1] * channels);
        for (x, y) in x.chunks_exact(from).zip(y.chunks_exact_mut(to)) {
            for (at, y) in y.chunks_exact_mut(channels).enumerate() {
                let (top, left) = (at / output[1] * stride[0], at % output[1] * stride[1]);
                y.fill(0);
                for tap in 0..kernel[0] * kernel[1] {
                    let row = (top + tap / kernel[1] * dilation[0]).wrapping_sub(pad[0]);
                    let column = (left + tap % kernel[1] * dilation[1]).wrapping_sub(pad[1]);
                    if row < input[0] && column < input[1] {
                        let x = &x[(row * input[1] + column) * channels..][..channels];
                        y.iter_mut().zip(x).for_each(|(y, &x)| *y = (*y).max(x ^ flip));
                    }
                }
                y.iter_mut().for_each(|y| *y ^= flip);
            }
        }
    }
}
