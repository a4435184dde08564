//! What becomes of 16 sums: they are kept, scaled to f32, or made bytes again.

use super::tile::MOST_SUMS;
use super::words::{Words, entry_words};
use crate::lanes::{Arithmetic, LANES, Lanes};

/// How sums become bytes: `clamp(round_even(sum as f32 * multiplier) + zero)`.
#[derive(Debug, Clone, Copy)]
pub struct Requantizer<'a> {
    /// A multiplier for each column, the last panel filled up.
    pub multipliers: &'a [[f32; LANES]],
    /// The result's zero point.
    pub zero: i32,
    /// The least and the greatest result, as integers: 0 and 255, or -128 and 127, or closer.
    pub range: [i32; 2],
    /// Whether the results are i8.
    pub signed: bool,
}

/// Where results go, and as what. Elements of a row are neighbours; rows are `stride` elements apart.
#[derive(Debug)]
pub enum Output<'a> {
    /// The sums.
    Sums(&'a mut [i32]),
    /// `sum as f32 * multiplier`, then `+ bias` if there is one.
    Floats {
        /// A multiplier for each column, the last panel filled up.
        multipliers: &'a [[f32; LANES]],
        /// What is added after it, likewise.
        bias: Option<&'a [[f32; LANES]]>,
        /// The results.
        y: &'a mut [f32],
    },
    /// Bytes.
    Bytes(Requantizer<'a>, &'a mut [u8]),
}

/// What is added to the sums, and what becomes of them.
#[derive(Debug)]
pub struct Finish<'a> {
    /// Added to each column's sum: the bias and whatever a zero point adds. The last panel is filled up.
    pub bias: &'a [[i32; LANES]],
    /// The sum of each row and a factor for each column; their product is subtracted. For weights with a zero
    /// point.
    pub rows: Option<(&'a [i32], &'a [[i32; LANES]])>,
    /// Elements between the results of two rows.
    pub stride: usize,
    /// The results.
    pub output: Output<'a>,
}

impl Requantizer<'_> {
    /// Bytes of scaled sums.
    #[inline(always)]
    pub(super) fn bytes<V: Words>(&self, scaled: V::Floats) -> [u8; LANES] {
        if self.signed {
            V::to_bytes::<true>(scaled, self.zero, self.range)
        } else {
            V::to_bytes::<false>(scaled, self.zero, self.range)
        }
    }
}

#[inline(always)]
pub(super) fn put<T: Copy>(y: &mut [T], line: &[T; LANES]) {
    if let Some(y) = y.first_chunk_mut() {
        *y = *line;
    } else {
        let width = y.len();
        y.copy_from_slice(&line[..width]);
    }
}

/// The sums of a tile: row by row, the panels of a row side by side.
#[repr(C, align(64))]
pub(super) struct Sums(pub(super) [[i32; LANES]; MOST_SUMS]);

entry_words! {
    /// Finishes the sums of a tile, whose first row and panel are `at` and which has so many: `size`.
    pub(super) fn finish(
        done: &mut Finish<'_>,
        sums: &mut Sums,
        at: [usize; 2],
        size: [usize; 2],
        columns: usize,
    ) => finish_body
}

#[inline(always)]
fn finish_body<V: Words>(
    done: &mut Finish<'_>,
    sums: &mut Sums,
    [row, panel]: [usize; 2],
    [height, width]: [usize; 2],
    columns: usize,
) {
    let sums = &mut sums.0[..height * width];
    if let Some((totals, factors)) = done.rows {
        let (totals, factors) = (&totals[row..][..height], &factors[panel..][..width]);
        for (sums, total) in sums.chunks_exact_mut(width).zip(totals) {
            for (sums, factors) in sums.iter_mut().zip(factors) {
                let less = V::mul_sums(V::sums(factors), total.wrapping_neg());
                V::store_sums(V::add_sums(V::sums(sums), less), sums);
            }
        }
    }
    // Elements of a row that are real.
    let real = (columns - panel * LANES).min(width * LANES);
    let (first, stride) = (row * done.stride + panel * LANES, done.stride);
    match &mut done.output {
        Output::Sums(y) => {
            for (row, sums) in sums.chunks_exact(width).enumerate() {
                y[first + row * stride..][..real].copy_from_slice(&sums.as_flattened()[..real]);
            }
        }
        Output::Floats { multipliers, bias, y } => {
            let multipliers = &multipliers[panel..][..width];
            for (row, sums) in sums.chunks_exact(width).enumerate() {
                let y = &mut y[first + row * stride..][..real];
                for (at, (y, sums)) in y.chunks_mut(LANES).zip(sums).enumerate() {
                    let scaled = V::to_floats(V::sums(sums)).mul(V::Floats::load(&multipliers[at]));
                    let result = match bias {
                        Some(bias) => scaled.add(V::Floats::load(&bias[panel + at])),
                        None => scaled,
                    };
                    put(y, &result.to_array());
                }
            }
        }
        Output::Bytes(how, y) => {
            let rows = Bytes { how: *how, y, first, stride, real };
            match (width, rows.how.signed) {
                (1, false) => rows.write::<V, 1, false>(sums, panel),
                (1, true) => rows.write::<V, 1, true>(sums, panel),
                (2, false) => rows.write::<V, 2, false>(sums, panel),
                (2, true) => rows.write::<V, 2, true>(sums, panel),
                (_, false) => rows.write::<V, 4, false>(sums, panel),
                (_, true) => rows.write::<V, 4, true>(sums, panel),
            }
        }
    }
}

/// Where the bytes of a tile go.
struct Bytes<'a, 'b> {
    how: Requantizer<'a>,
    y: &'b mut [u8],
    first: usize,
    stride: usize,
    real: usize,
}

impl Bytes<'_, '_> {
    /// Four vectors at a time: those of 4, 2 or 1 rows.
    #[inline(always)]
    #[allow(clippy::needless_range_loop)] // numbers registers
    fn write<V: Words, const WIDTH: usize, const SIGNED: bool>(self, sums: &[[i32; LANES]], panel: usize) {
        let Bytes { how: Requantizer { multipliers, zero, range, .. }, y, first, stride, real } = self;
        let mut own = [V::Floats::splat(0.0); WIDTH];
        for i in 0..WIDTH {
            own[i] = V::Floats::load(&multipliers[panel + i]);
        }
        let (fours, rest) = sums.as_chunks::<4>();
        let mut at = first;
        for sums in fours {
            // No closure: one would not be compiled for the instruction set.
            let mut scaled = [V::Floats::splat(0.0); 4];
            for i in 0..4 {
                scaled[i] = V::to_floats(V::sums(&sums[i])).mul(own[i % WIDTH]);
            }
            let bytes = V::to_bytes_4::<SIGNED>(scaled, zero, range);
            for line in 0..4 / WIDTH {
                let bytes = bytes[line * WIDTH..][..WIDTH].as_flattened();
                let y = &mut y[at..][..real];
                if real == WIDTH * LANES {
                    y.copy_from_slice(bytes)
                } else {
                    y.copy_from_slice(&bytes[..real])
                }
                at = at.wrapping_add(stride);
            }
        }
        for rest in rest.chunks_exact(WIDTH) {
            for (i, (y, sums)) in y[at..][..real].chunks_mut(LANES).zip(rest).enumerate() {
                let scaled = V::to_floats(V::sums(sums)).mul(own[i]);
                put(y, &V::to_bytes::<SIGNED>(scaled, zero, range));
            }
            at = at.wrapping_add(stride);
        }
    }
}
