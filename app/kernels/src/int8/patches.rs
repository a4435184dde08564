//! Patches of an image as rows of bytes. What lies outside the image is the zero point.

use crate::isa::entry;
use crate::lanes::Lanes;

entry! {
    /// The patches of the results `first..` of a convolution, one in each `patches.row()` bytes of `y`.
    pub fn gather_patches(patches: &Patches, x: &[u8], first: usize, y: &mut [u8]) => patches_body
}

/// How a convolution looks at an image of bytes, `[height, width, channels]`.
#[derive(Debug, Clone, Copy)]
pub struct Patches {
    /// Rows and columns of the image.
    pub input: [usize; 2],
    /// Channels of the image.
    pub channels: usize,
    /// The first channel to take, and how many.
    pub taken: [usize; 2],
    /// Rows and columns of the result.
    pub output: [usize; 2],
    /// Taps along rows and columns.
    pub kernel: [usize; 2],
    /// Elements between windows.
    pub stride: [usize; 2],
    /// Elements between taps.
    pub dilation: [usize; 2],
    /// Positions before the first element.
    pub pad: [usize; 2],
    /// The byte that lies outside the image.
    pub outside: u8,
}

impl Patches {
    /// The terms of one result: taps by rows, then columns, then channels.
    pub fn terms(&self) -> usize {
        self.kernel[0] * self.kernel[1] * self.taken[1]
    }

    /// The length of a gathered row: a whole number of steps.
    pub fn row(&self) -> usize {
        self.terms().next_multiple_of(4)
    }
}

#[inline(always)]
fn patches_body<V: Lanes>(patches: &Patches, x: &[u8], first: usize, y: &mut [u8]) {
    let Patches { input, channels, taken, kernel, stride, dilation, pad, outside, .. } = *patches;
    let (row, line) = (patches.row(), kernel[1] * taken[1]);
    for (at, y) in y.chunks_exact_mut(row.max(1)).enumerate() {
        let (oy, ox) = ((first + at) / patches.output[1], (first + at) % patches.output[1]);
        let (top, left) = (oy * stride[0], ox * stride[1]);
        y[patches.terms()..].fill(0);
        let whole = dilation[1] == 1
            && taken[1] == channels
            && left >= pad[1]
            && left - pad[1] + kernel[1] <= input[1];
        for ky in 0..kernel[0] {
            let y = &mut y[ky * line..][..line];
            let at = (top + ky * dilation[0]).wrapping_sub(pad[0]);
            if at >= input[0] {
                y.fill(outside);
                continue;
            }
            let image = &x[at * input[1] * channels..][..input[1] * channels];
            if whole {
                y.copy_from_slice(&image[(left - pad[1]) * channels..][..line]);
                continue;
            }
            for (kx, y) in y.chunks_exact_mut(taken[1].max(1)).enumerate() {
                let at = (left + kx * dilation[1]).wrapping_sub(pad[1]);
                if at < input[1] {
                    y.copy_from_slice(&image[at * channels + taken[0]..][..taken[1]]);
                } else {
                    y.fill(outside);
                }
            }
        }
    }
}

/// The sum of each row's bytes, for weights whose zero point is not 0.
pub fn row_sums(rows: &super::Rows<'_>, y: &mut [i32]) {
    let starts = (0..rows.count()).map(|row| {
        let [count, stride] = rows.rows;
        row / count * rows.lines[1] + row % count * stride
    });
    for (start, y) in starts.zip(y) {
        let pieces = (0..rows.pieces[0]).map(|piece| &rows.x[start + piece * rows.pieces[1]..][..rows.terms]);
        // A piece at a time, so that each is a loop of vectors.
        let sum = |piece: &[u8]| piece.iter().fold(0i32, |sum, &x| sum.wrapping_add(i32::from(x)));
        *y = pieces.map(sum).fold(0, i32::wrapping_add);
    }
}
