//! Matrices of bytes, transposed in words of eight.

/// Rows and columns of bytes that are moved together: what the first cache holds of both sides.
const TILE: usize = 64;
/// So few rows or columns are moved one by one.
const FEW: usize = 7;

/// The matrix `x` of so many rows and columns, transposed: channels moved last, or back.
pub fn transpose_bytes(rows: usize, columns: usize, x: &[u8], y: &mut [u8]) {
    assert!(x.len() == rows * columns && y.len() == x.len(), "a whole matrix");
    if rows == 0 || columns == 0 {
        return;
    }
    if rows <= FEW || columns <= FEW {
        // Both are read and written in long lines when the short side is the inner one of neither.
        if rows <= FEW {
            for (row, x) in x.chunks_exact(columns).enumerate() {
                y.chunks_exact_mut(rows).zip(x).for_each(|(y, &x)| y[row] = x);
            }
        } else {
            for (column, y) in y.chunks_exact_mut(rows).enumerate() {
                x.chunks_exact(columns).zip(y).for_each(|(x, y)| *y = x[column]);
            }
        }
        return;
    }
    for top in (0..rows).step_by(TILE) {
        let bottom = (top + TILE).min(rows);
        for left in (0..columns).step_by(TILE) {
            transpose_tile([top, bottom], [left, (left + TILE).min(columns)], [rows, columns], x, y);
        }
    }
}

/// The part of a matrix of so many rows and columns (`whole`) between two rows and two columns.
fn transpose_tile(
    [top, bottom]: [usize; 2],
    [left, right]: [usize; 2],
    [rows, columns]: [usize; 2],
    x: &[u8],
    y: &mut [u8],
) {
    let (whole_rows, whole_columns) = ((bottom - top) / 8 * 8 + top, (right - left) / 8 * 8 + left);
    for row in (top..whole_rows).step_by(8) {
        for column in (left..whole_columns).step_by(8) {
            let mut block = [0; 8];
            for (i, word) in block.iter_mut().enumerate() {
                if let Some(bytes) = x[(row + i) * columns + column..].first_chunk() {
                    *word = u64::from_le_bytes(*bytes);
                }
            }
            for (i, word) in transpose_8(block).into_iter().enumerate() {
                y[(column + i) * rows + row..][..8].copy_from_slice(&word.to_le_bytes());
            }
        }
    }
    for column in left..right {
        let from = if column < whole_columns { whole_rows } else { top };
        for row in from..bottom {
            y[column * rows + row] = x[row * columns + column];
        }
    }
}

/// Eight rows of eight bytes, the first in the low bits, transposed.
#[inline(always)]
pub fn transpose_8(mut a: [u64; 8]) -> [u64; 8] {
    // Loops of so few turns are written out by the compiler, and all words stay in registers.
    for i in 0..4 {
        swap(&mut a, [i, i + 4], 32, 0xffff_ffff);
    }
    for i in 0..4 {
        let at = i + (i & 2);
        swap(&mut a, [at, at + 2], 16, 0xffff_0000_ffff);
    }
    for i in 0..4 {
        swap(&mut a, [2 * i, 2 * i + 1], 8, 0xff_00ff_00ff_00ff);
    }
    a
}

/// The high parts of one row change places with the low parts of another.
#[inline(always)]
fn swap(a: &mut [u64; 8], [low, high]: [usize; 2], shift: u32, mask: u64) {
    let swap = ((a[low] >> shift) ^ a[high]) & mask;
    a[low] ^= swap << shift;
    a[high] ^= swap;
}
