//! Bytes and the f32 that they stand for: quantise, dequantise, combine, pool, look up.

use super::words::{Words, entry_words};
use crate::isa::entry;
use crate::lanes::{Arithmetic, LANES, Lanes};
use crate::math;

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

/// An affine in registers. Bytes are taken as u8 whatever they are: an i8 with its top bit flipped is 128 more,
/// and so is its zero point; both are small integers, so no bit depends on it.
#[derive(Clone, Copy)]
struct Ready<V: Words> {
    zero: i32,
    flip: u8,
    lifted: V::Floats,
    scale: V::Floats,
    /// The scale's reciprocal, if it is as exact as the scale is.
    reciprocal: Option<V::Floats>,
    /// Numbers below this are rounded to zero.
    least: f32,
}

/// Scales that have a reciprocal which is as exact as they are.
const LEAST_SCALE: f32 = 1e-30;
/// Vectors that are worked on together.
const WIDE: usize = 4;

impl<V: Words> Ready<V> {
    #[inline(always)]
    fn new(affine: Affine) -> Self {
        let (zero, flip) = if affine.signed { (affine.zero + 128, 0x80) } else { (affine.zero, 0) };
        let affine = Affine { scale: crate::scale(affine.scale), ..affine };
        let near = (LEAST_SCALE..=1.0 / LEAST_SCALE).contains(&affine.scale.abs());
        Self {
            zero,
            flip,
            lifted: V::Floats::splat(zero as f32),
            scale: V::Floats::splat(affine.scale),
            reciprocal: if near { Some(V::Floats::splat(1.0 / affine.scale)) } else { None },
            least: affine.scale.abs() / 1024.0,
        }
    }

    #[inline(always)]
    fn read(&self, q: &[u8; LANES]) -> V::Floats {
        let mut bytes = *q;
        for byte in &mut bytes {
            *byte ^= self.flip;
        }
        // Both are small integers, so the difference is exact.
        V::from_bytes::<false>(&bytes).sub(self.lifted).mul(self.scale)
    }

    /// Bytes of `x / scale`, or of numbers that are rounded and held to a byte's range alike.
    ///
    /// A product with the reciprocal is at most three roundings from the quotient, a part of 2^-22. Up to 512
    /// that is less than 2^-12, so both are rounded alike unless they are that near to the middle between two
    /// integers; beyond 512 both are beyond the range.
    #[inline(always)]
    #[allow(clippy::needless_range_loop)] // numbers registers
    fn write(&self, x: [V::Floats; WIDE]) -> [[u8; LANES]; WIDE] {
        let mut scaled = x;
        let mut exact = true;
        if let Some(reciprocal) = self.reciprocal {
            exact = false;
            for i in 0..WIDE {
                scaled[i] = math::from(x[i], self.least).mul(reciprocal);
                let off = scaled[i].sub(scaled[i].round_even()).abs();
                exact |= V::any_above(off, 0.499);
            }
        }
        if exact {
            for i in 0..WIDE {
                scaled[i] = math::quotient(x[i], self.scale);
            }
        }
        let mut bytes = V::to_bytes_4::<false>(scaled, self.zero, [0, 255]);
        for byte in bytes.as_flattened_mut() {
            *byte ^= self.flip;
        }
        bytes
    }
}

/// The next elements, or what is left of them and what fills them up.
#[inline(always)]
fn next<T: Copy + Default>(x: &[T], at: usize) -> [[T; LANES]; WIDE] {
    let mut lines = [[T::default(); LANES]; WIDE];
    match x[at..].first_chunk::<{ WIDE * LANES }>() {
        Some(whole) => lines.as_flattened_mut().copy_from_slice(whole),
        None => lines.as_flattened_mut()[..x.len() - at].copy_from_slice(&x[at..]),
    }
    lines
}

/// Writes as many of the elements as there is room for.
#[inline(always)]
fn put_all<T: Copy>(y: &mut [T], lines: &[[T; LANES]; WIDE]) {
    let count = y.len();
    match y.first_chunk_mut::<{ WIDE * LANES }>() {
        Some(y) => y.copy_from_slice(lines.as_flattened()),
        None => y.copy_from_slice(&lines.as_flattened()[..count]),
    }
}

#[inline(always)]
#[allow(clippy::needless_range_loop)] // numbers registers
fn quantize_body<V: Words>(to: Affine, x: &[f32], y: &mut [u8]) {
    let (to, count) = (Ready::<V>::new(to), x.len().min(y.len()));
    for at in (0..count).step_by(WIDE * LANES) {
        let lines = next(&x[..count], at);
        let mut floats = [V::Floats::splat(0.0); WIDE];
        for i in 0..WIDE {
            floats[i] = V::Floats::load(&lines[i]);
        }
        put_all(&mut y[at..count.min(at + WIDE * LANES)], &to.write(floats));
    }
}

#[inline(always)]
fn dequantize_body<V: Words>(from: Affine, q: &[u8], y: &mut [f32]) {
    let (from, count) = (Ready::<V>::new(from), q.len().min(y.len()));
    for at in (0..count).step_by(WIDE * LANES) {
        let lines = next(&q[..count], at);
        let mut floats = [[0.0; LANES]; WIDE];
        for i in 0..WIDE {
            from.read(&lines[i]).store(&mut floats[i]);
        }
        put_all(&mut y[at..count.min(at + WIDE * LANES)], &floats);
    }
}

#[inline(always)]
fn combine_body<V: Words>(op: ByteOp, a: (Affine, &[u8]), b: (Affine, &[u8]), to: Affine, y: &mut [u8]) {
    match op {
        ByteOp::Add => combine_by::<V, 0>(a, b, to, y),
        ByteOp::Mul => combine_by::<V, 1>(a, b, to, y),
        ByteOp::AddRelu => combine_by::<V, 2>(a, b, to, y),
    }
}

#[inline(always)]
#[allow(clippy::needless_range_loop)] // numbers registers
fn combine_by<V: Words, const OP: usize>(
    (a, x): (Affine, &[u8]),
    (b, z): (Affine, &[u8]),
    to: Affine,
    y: &mut [u8],
) {
    let (a, b, to) = (Ready::<V>::new(a), Ready::<V>::new(b), Ready::<V>::new(to));
    let count = x.len().min(z.len()).min(y.len());
    for at in (0..count).step_by(WIDE * LANES) {
        let (lefts, rights) = (next(&x[..count], at), next(&z[..count], at));
        let mut results = [V::Floats::splat(0.0); WIDE];
        for i in 0..WIDE {
            let (left, right) = (a.read(&lefts[i]), b.read(&rights[i]));
            results[i] = match OP {
                0 => left.add(right),
                1 => math::product(left, right),
                _ => math::greater(left.add(right), V::Floats::splat(0.0)),
            };
        }
        put_all(&mut y[at..count.min(at + WIDE * LANES)], &to.write(results));
    }
}

/// `y[i] = table[x[i]]`.
pub fn lookup<T: Copy>(table: &[T; 256], x: &[u8], y: &mut [T]) {
    for (y, &x) in y.iter_mut().zip(x) {
        *y = table[usize::from(x)];
    }
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
