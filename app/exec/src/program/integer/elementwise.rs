//! What stands between the products: sums and products of quantised tensors, changes between bytes and f32.

use super::Constant;
use crate::constants::Constants;
use crate::view::View;
use assay_kernels::int8::{
    Affine, ByteOp, combine_bytes, dequantize, lookup, max_bytes, quantize, transpose_bytes,
};
use assay_kernels::{Fold, Isa, Pool, fold_columns, transpose};

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

/// The sums of operand 0, dequantised, over the positions of each image, channels last.
#[derive(Debug)]
pub(crate) struct Sums {
    pub by: By,
    pub channels: usize,
    pub size: usize,
}

impl Sums {
    pub(crate) fn scratch(&self) -> u64 {
        (self.channels * self.size * 4) as u64
    }

    pub(crate) fn run(&self, view: &mut View<'_>) {
        let (isa, affine, image) = (view.isa(), self.by.affine(view), self.channels * self.size);
        let (x, y): (&[u8], &mut [f32]) = (view.operand(0), view.result());
        let floats: &mut [f32] = view.scratch(image);
        for (x, y) in x.chunks_exact(image.max(1)).zip(y.chunks_exact_mut(self.channels.max(1))) {
            dequantize(isa, affine, x, floats);
            fold_columns(isa, Fold::Sum, self.size, self.channels, floats, y);
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

/// A byte and what a table has for it, both dequantised, combined, quantised: one table for all of it.
#[derive(Debug)]
pub(crate) struct Mapped {
    pub op: ByteOp,
    /// Scales and zero points of the byte, of the table's, of the result.
    pub affines: [(Constant, Constant, bool); 3],
    pub table: Constant,
    /// Whether the byte itself is the second operand.
    pub swapped: bool,
    pub whole: Box<[u8; 256]>,
}

impl Mapped {
    pub(crate) fn prepare(&mut self, isa: Isa, constants: &Constants<'_>) {
        let [own, other, to] = self.affines.map(|(scale, zero, signed)| Affine {
            scale: scale.scales(constants)[0],
            zero: zero.integers(signed, constants)[0],
            signed,
        });
        let bytes: Vec<u8> = (0..=255).collect();
        let table = self.table.of(constants);
        let (own, other) = ((own, &bytes[..]), (other, &table[..]));
        let (a, b) = if self.swapped { (other, own) } else { (own, other) };
        combine_bytes(isa, self.op, a, b, to, &mut self.whole[..]);
    }

    pub(crate) fn run(&self, view: &mut View<'_>) {
        lookup(&self.whole, view.operand(0), view.result());
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

/// Images of bytes, or of words of four bytes, with their channels moved last, or back.
#[derive(Debug)]
pub(crate) struct Last {
    pub channels: usize,
    pub size: usize,
    pub back: bool,
    pub words: bool,
}

impl Last {
    pub(crate) fn run(&self, view: &mut View<'_>) {
        let (rows, columns) = if self.back { (self.size, self.channels) } else { (self.channels, self.size) };
        if self.words {
            // Words are only moved; what they stand for does not matter.
            let isa = view.isa();
            let (x, y): (&[f32], &mut [f32]) = (view.operand(0), view.result());
            for (x, y) in x.chunks_exact(rows * columns).zip(y.chunks_exact_mut(rows * columns)) {
                transpose(isa, rows, columns, x, columns, y, rows);
            }
            return;
        }
        let (x, y): (&[u8], &mut [u8]) = (view.operand(0), view.result());
        for (x, y) in x.chunks_exact(rows * columns).zip(y.chunks_exact_mut(rows * columns)) {
            transpose_bytes(rows, columns, x, y);
        }
    }
}

/// Every `step`-th piece of each of `groups`, from `start` on: a Slice of lines or columns, channels last.
#[derive(Debug)]
pub(crate) struct Sample {
    /// Pieces of a group before and after.
    pub pieces: [usize; 2],
    /// Bytes of a piece.
    pub bytes: usize,
    pub start: usize,
    pub step: usize,
}

impl Sample {
    pub(crate) fn run(&self, view: &mut View<'_>) {
        let (x, y): (&[u8], &mut [u8]) = (view.operand(0), view.result());
        let [from, to] = self.pieces.map(|pieces| (pieces * self.bytes).max(1));
        for (x, y) in x.chunks_exact(from).zip(y.chunks_exact_mut(to)) {
            let pieces = x.chunks_exact(self.bytes).skip(self.start).step_by(self.step);
            pieces.zip(y.chunks_exact_mut(self.bytes)).for_each(|(x, y)| y.copy_from_slice(x));
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
        let isa = view.isa();
        let (x, y): (&[u8], &mut [u8]) = (view.operand(0), view.result());
        let (from, to) = (input[0] * input[1] * channels, output[0] * output[1] * channels);
        for (x, y) in x.chunks_exact(from).zip(y.chunks_exact_mut(to)) {
            for (at, y) in y.chunks_exact_mut(channels).enumerate() {
                let (top, left) = (at / output[1] * stride[0], at % output[1] * stride[1]);
                y.fill(flip);
                for tap in 0..kernel[0] * kernel[1] {
                    let row = (top + tap / kernel[1] * dilation[0]).wrapping_sub(pad[0]);
                    let column = (left + tap % kernel[1] * dilation[1]).wrapping_sub(pad[1]);
                    if row < input[0] && column < input[1] {
                        max_bytes(isa, flip, &x[(row * input[1] + column) * channels..][..channels], y);
                    }
                }
            }
        }
    }
}
