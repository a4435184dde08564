//! A convolution's windows as rows that lie in the image itself: nothing is gathered.
//!
//! With its channels last, what a window covers of one line of the image is one piece. An image with padding,
//! and one whose pieces do not end with a whole step of four terms, is copied once with what surrounds it.

use super::product::CACHED;
use assay_kernels::Isa;
use assay_kernels::int8::{Packed, Patches, Rows, pack, steps};

/// Bytes after a copied image that a last step may read.
const SLACK: usize = 4;
/// A copied image larger than this is gathered in parts instead.
const LARGEST: usize = 16 * 1024 * 1024;

#[derive(Debug, Clone, Copy)]
pub(super) struct Windows {
    pub patches: Patches,
    signed: bool,
    /// Rows and columns of the image that is read.
    whole: [usize; 2],
    copies: bool,
}

impl Windows {
    /// `None` for windows that are not made of whole pieces.
    pub(super) fn new(patches: Patches, signed: bool) -> Option<Self> {
        let Patches { input, channels, taken, output, kernel, stride, dilation, pad, .. } = patches;
        if (dilation[1] != 1 && kernel[1] > 1) || taken != [0, channels] {
            return None;
        }
        let reach = |axis: usize| {
            (output[axis].max(1) - 1) * stride[axis] + (kernel[axis].max(1) - 1) * dilation[axis] + 1
        };
        let copies = pad != [0, 0]
            || signed
            || reach(0) > input[0]
            || reach(1) > input[1]
            || !(kernel[1] * channels).is_multiple_of(4);
        let whole = if copies { [reach(0), reach(1)] } else { input };
        let bytes = whole[0].checked_mul(whole[1])?.checked_mul(channels)?;
        (!copies || bytes <= LARGEST).then_some(Self { patches, signed, whole, copies })
    }

    /// Terms of a piece.
    fn terms(&self) -> usize {
        self.patches.kernel[1] * self.patches.channels
    }

    /// Terms of a whole window, whole steps of each piece.
    pub(super) fn padded(&self) -> usize {
        self.patches.kernel[0] * 4 * steps(self.terms())
    }

    /// Bytes of a line of the image that is read.
    fn line(&self) -> usize {
        self.whole[1] * self.patches.channels
    }

    /// Bytes from piece to piece of a window.
    fn jump(&self) -> usize {
        self.patches.dilation[0] * self.line()
    }

    /// Lines of results that are worked on together: what they read stays in the cache.
    pub(super) fn lines(&self) -> usize {
        (CACHED / (self.patches.stride[0] * self.line()).max(1)).clamp(1, self.patches.output[0].max(1))
    }

    /// Bytes of the copy.
    pub(super) fn copied(&self) -> usize {
        if self.copies { self.whole[0] * self.line() + SLACK } else { 0 }
    }

    /// The weights, `weight(term, column)`, in pieces.
    pub(super) fn pack(&self, isa: Isa, columns: usize, weight: impl Fn(usize, usize) -> i8) -> Packed {
        let (terms, steps) = (self.terms(), steps(self.terms()));
        let padded = |at: usize, column: usize| {
            let (piece, term) = (at / (4 * steps), at % (4 * steps));
            if term < terms { weight(piece * terms + term, column) } else { 0 }
        };
        let packed = pack(isa, self.patches.kernel[0] * 4 * steps, columns, padded);
        packed.in_pieces(steps, self.jump())
    }

    /// The image that is read: the one that is given, or its copy. `outside` lies around it, as u8.
    pub(super) fn image<'a>(&self, x: &'a [u8], copy: &'a mut [u8], outside: u8) -> &'a [u8] {
        if !self.copies {
            return x;
        }
        let Patches { input, channels, pad, .. } = self.patches;
        let flip = if self.signed { 0x80 } else { 0 };
        let (own, line) = (input[1] * channels, self.line());
        let left = (pad[1] * channels).min(line);
        let width = own.min(line - left);
        for (at, y) in copy.chunks_exact_mut(line.max(1)).take(self.whole[0]).enumerate() {
            let from = at.wrapping_sub(pad[0]);
            if from >= input[0] {
                y.fill(outside);
                continue;
            }
            let x = &x[from * own..][..width];
            y[..left].fill(outside);
            y[left..left + width].copy_from_slice(x);
            y[left + width..].fill(outside);
            if flip != 0 {
                y[left..left + width].iter_mut().for_each(|byte| *byte ^= flip);
            }
        }
        copy
    }

    /// The windows of the results of some lines, from `first` on.
    pub(super) fn rows<'a>(&self, image: &'a [u8], first: usize) -> Rows<'a> {
        let Patches { channels, output, kernel, stride, .. } = self.patches;
        let down = stride[0] * self.line();
        Rows {
            x: &image[first * down..],
            lines: [self.lines().min(output[0] - first), down],
            rows: [output[1], stride[1] * channels],
            pieces: [kernel[0], self.jump()],
            terms: self.terms(),
        }
    }
}
