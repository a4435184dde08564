//! Bytes and the f32 that they stand for: quantise, dequantise, combine, pool, look up.

use super::finish::put;
use super::words::{Words, entry_words};
use crate::isa::entry;
use crate::lanes::{LANES, Lanes};

/// What a tensor of bytes stands for: `(q - zero) as f32 * scale`.
#[derive(Debug, Clone, Copy)]
pub struct Affine {
    /// The scale.
    pub scale: f32,
    /// The zero point, an i8 if `signed`, else a u8.
    pub zero: i32,
    /// Whether bytes are i8.
    pub signed: bool,
}

/// What happens to two dequantised operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ByteOp {
    /// `a + b`.
    Add,
    /// `a * b`.
    Mul,
    /// `max(a + b, 0)`.
    AddRelu,
}

entry_words! {
    /// `y[i]` is `x[i] / scale`, rounded, plus the zero point, held to the dtype's range.
    pub fn quantize(to: Affine, x: &[f32], y: &mut [u8]) => quantize_body
}

entry_words! {
    /// `y[i] = (q[i] - zero) as f32 * scale`.
    pub fn dequantize(from: Affine, q: &[u8], y: &mut [f32]) => dequantize_body
}

entry_words! {
    /// Both operands dequantised, combined and quantised again, over the shortest.
    pub fn combine_bytes(
        op: ByteOp,
        a: (Affine, &[u8]),
        b: (Affine, &[u8]),
        to: Affine,
        y: &mut [u8],
    ) => combine_body
}

impl Affine {
    #[inline(always)]
    fn read<V: Words>(&self, q: &[u8; LANES]) -> V::Floats {
        let x = if self.signed { V::from_bytes::<true>(q) } else { V::from_bytes::<false>(q) };
        // Both are small integers, so the difference is exact.
        x.sub(V::Floats::splat(self.zero as f32)).mul(V::Floats::splat(self.scale))
    }

    #[inline(always)]
    fn write<V: Words>(&self, x: V::Floats) -> [u8; LANES] {
        let x = self.scaled::<V>(x);
        if self.signed {
            V::to_bytes::<true>(x, self.zero, [-128, 127])
        } else {
            V::to_bytes::<false>(x, self.zero, [0, 255])
        }
    }

    /// `x / scale`, or numbers that are rounded and held to a byte's range alike.
    ///
    /// A product with the reciprocal is at most three roundings from the quotient, a part of 2^-22. Up to 512
    /// that is less than 2^-12, so both are rounded alike unless they are that near to the middle between two
    /// integers; beyond 512 both are beyond the range.
    #[inline(always)]
    fn scaled<V: Words>(&self, x: V::Floats) -> V::Floats {
        let size = self.scale.abs();
        if (LEAST_SCALE..=1.0 / LEAST_SCALE).contains(&size) {
            let near = x.mul(V::Floats::splat(1.0 / self.scale));
            let off = near.sub(near.round_even()).abs();
            if !V::any_above(off, 0.499) {
                return near;
            }
        }
        x.div(V::Floats::splat(self.scale))
    }
}

/// Scales that have a reciprocal which is as exact as they are.
const LEAST_SCALE: f32 = 1e-30;

/// The next 16 elements, or what is left of them.
#[inline(always)]
fn next<T: Copy + Default>(x: &[T], at: usize) -> [T; LANES] {
    match x[at..].first_chunk() {
        Some(line) => *line,
        None => {
            let mut line = [T::default(); LANES];
            line[..x.len() - at].copy_from_slice(&x[at..]);
            line
        }
    }
}

#[inline(always)]
fn quantize_body<V: Words>(to: Affine, x: &[f32], y: &mut [u8]) {
    for at in (0..x.len().min(y.len())).step_by(LANES) {
        let end = (at + LANES).min(y.len()).min(x.len());
        put(&mut y[at..end], &to.write::<V>(V::Floats::load(&next(x, at))));
    }
}

#[inline(always)]
fn dequantize_body<V: Words>(from: Affine, q: &[u8], y: &mut [f32]) {
    for at in (0..q.len().min(y.len())).step_by(LANES) {
        let end = (at + LANES).min(y.len()).min(q.len());
        put(&mut y[at..end], &from.read::<V>(&next(q, at)).to_array());
    }
}

#[inline(always)]
fn combine_body<V: Words>(
    op: ByteOp,
    (a, x): (Affine, &[u8]),
    (b, z): (Affine, &[u8]),
    to: Affine,
    y: &mut [u8],
) {
    let count = x.len().min(z.len()).min(y.len());
    for at in (0..count).step_by(LANES) {
        let (left, right) = (a.read::<V>(&next(x, at)), b.read::<V>(&next(z, at)));
        let result = match op {
            ByteOp::Add => left.add(right),
            ByteOp::Mul => left.mul(right),
            ByteOp::AddRelu => left.add(right).max(V::Floats::splat(0.0)),
        };
        put(&mut y[at..(at + LANES).min(count)], &to.write::<V>(result));
    }
}

/// `y[i] = table[x[i]]`.
pub fn lookup<T: Copy>(table: &[T; 256], x: &[u8], y: &mut [T]) {
    for (y, &x) in y.iter_mut().zip(x) {
        *y = table[usize::from(x)];
    }
}

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

/// Eight rows of eight bytes, transposed.
#[inline(always)]
fn transpose_8(mut a: [u64; 8]) -> [u64; 8] {
    for (apart, shift, mask) in [(4, 32, 0xffff_ffff), (2, 16, 0xffff_0000_ffff), (1, 8, 0xff_00ff_00ff_00ff)]
    {
        for i in (0..8).filter(|i| i & apart == 0) {
            let swap = ((a[i] >> shift) ^ a[i + apart]) & mask;
            a[i] ^= swap << shift;
            a[i + apart] ^= swap;
        }
    }
    a
}

entry! {
    /// The greater of each two bytes, as u8 when `flip` is 0 and as i8 when it is 0x80.
    pub fn max_bytes(flip: u8, x: &[u8], y: &mut [u8]) => max_body
}

#[inline(always)]
fn max_body<V: Lanes>(flip: u8, x: &[u8], y: &mut [u8]) {
    for (y, &x) in y.iter_mut().zip(x) {
        *y = (*y ^ flip).max(x ^ flip) ^ flip;
    }
}
