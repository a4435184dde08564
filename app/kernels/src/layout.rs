//! Rearrangements of f32: transposes of a matrix, and blocked channels to and from planes.
#![allow(unsafe_code)]

use crate::Isa;
use crate::lanes::LANES;

/// `y[c * y_stride + r] = x[r * x_stride + c]` for `rows` rows r and `columns` columns c. Panics if a slice is
/// too short.
pub fn transpose(
    isa: Isa,
    rows: usize,
    columns: usize,
    x: &[f32],
    x_stride: usize,
    y: &mut [f32],
    y_stride: usize,
) {
    if rows == 0 || columns == 0 {
        return;
    }
    let end =
        |count: usize, stride: usize, last: usize| (count - 1).saturating_mul(stride).saturating_add(last);
    assert!(end(rows, x_stride, columns) <= x.len(), "a matrix reaches outside");
    assert!(end(columns, y_stride, rows) <= y.len(), "a transpose reaches outside");
    let (whole_rows, whole_columns) = (rows / SIDE * SIDE, columns / SIDE * SIDE);
    // Bands of columns, so that the lines written by one square are still there for the next.
    for column in (0..whole_columns).step_by(SIDE) {
        for row in (0..whole_rows).step_by(SIDE) {
            let from = x[row * x_stride + column..].as_ptr();
            let to = y[column * y_stride + row..].as_mut_ptr();
            // SAFETY: the square lies inside both matrices, whose ends were checked.
            unsafe { square(isa, from, x_stride, to, y_stride) }
        }
    }
    let mut rest = |rows: std::ops::Range<usize>, columns: std::ops::Range<usize>| {
        for r in rows {
            for c in columns.clone() {
                y[c * y_stride + r] = x[r * x_stride + c];
            }
        }
    };
    rest(0..whole_rows, whole_columns..columns);
    rest(whole_rows..rows, 0..columns);
}

/// Rows and columns that are transposed in registers.
const SIDE: usize = 8;

/// Transposes a square of 8.
///
/// # Safety
/// 8 elements can be read at x and written at y, and so at each of 8 strides.
#[inline]
unsafe fn square(isa: Isa, x: *const f32, x_stride: usize, y: *mut f32, y_stride: usize) {
    match isa {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the caller's; `Isa` is proof of AVX2, which AVX-512's detection asks for too.
        Isa::Avx2(_) | Isa::Avx512(_) => unsafe { crate::avx2::transpose_8(x, x_stride, y, y_stride) },
        _ => {
            for r in 0..SIDE {
                for c in 0..SIDE {
                    // SAFETY: the caller's.
                    unsafe { *y.add(c * y_stride + r) = *x.add(r * x_stride + c) }
                }
            }
        }
    }
}

/// Planes of `size` elements, one for each channel, to blocks of 16 channels; lanes beyond the last channel
/// are zeros. `y` holds the blocks and nothing else.
pub fn to_blocks(isa: Isa, channels: usize, size: usize, x: &[f32], y: &mut [f32]) {
    let x = &x[..channels * size];
    let y = &mut y[..channels.div_ceil(LANES) * LANES * size];
    for (from, to) in x.chunks(LANES * size.max(1)).zip(y.chunks_mut(LANES * size.max(1))) {
        let lanes = from.len() / size;
        if lanes < LANES {
            to.fill(0.0);
        }
        transpose(isa, lanes, size, from, size, to, LANES);
    }
}

/// Blocks of 16 channels to planes.
pub fn from_blocks(isa: Isa, channels: usize, size: usize, x: &[f32], y: &mut [f32]) {
    let x = &x[..channels.div_ceil(LANES) * LANES * size];
    let y = &mut y[..channels * size];
    for (from, to) in x.chunks(LANES * size.max(1)).zip(y.chunks_mut(LANES * size.max(1))) {
        transpose(isa, size, to.len() / size, from, LANES, to, size);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Source, assert_same};

    #[test]
    fn transposes_put_every_element_in_its_place() {
        let mut source = Source::new(20);
        for isa in Isa::available() {
            for (rows, columns) in [(1, 1), (16, 40), (7, 16), (33, 16), (16, 9), (8, 8), (70, 21), (24, 32)]
            {
                let (x_stride, y_stride) = (columns + source.below(5), rows + source.below(5));
                let x = source.list(rows * x_stride);
                let mut y = vec![7.0; columns * y_stride];
                let mut law = y.clone();
                for r in 0..rows {
                    for c in 0..columns {
                        law[c * y_stride + r] = x[r * x_stride + c];
                    }
                }
                transpose(isa, rows, columns, &x, x_stride, &mut y, y_stride);
                assert_same(&format!("{} {rows}x{columns}", isa.name()), &y, &law);
            }
        }
    }

    #[test]
    fn blocks_and_planes_hold_the_same_channels() {
        let mut source = Source::new(21);
        for isa in Isa::available() {
            for (channels, size) in [(1, 1), (3, 20), (16, 49), (17, 5), (40, 64)] {
                let x = source.list(channels * size);
                let mut blocks = vec![f32::NAN; channels.div_ceil(16) * 16 * size];
                to_blocks(isa, channels, size, &x, &mut blocks);
                for (at, &value) in blocks.iter().enumerate() {
                    let channel = at / (16 * size) * 16 + at % 16;
                    let law = if channel < channels { x[channel * size + at / 16 % size] } else { 0.0 };
                    assert_same(&channel, &[value], &[law]);
                }
                let mut planes = vec![f32::NAN; x.len()];
                from_blocks(isa, channels, size, &blocks, &mut planes);
                assert_same(&isa.name(), &planes, &x);
            }
        }
    }
}
