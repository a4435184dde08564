//! Bytes and the f32 that they stand for: quantise, dequantise, combine, pool, look up.

use super::finish::put;
use super::words::{Words, entry_words};
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
        let x = x.div(V::Floats::splat(self.scale));
        if self.signed {
            V::to_bytes::<true>(x, self.zero, [-128, 127])
        } else {
            V::to_bytes::<false>(x, self.zero, [0, 255])
        }
    }
}

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
