//! What becomes of 16 sums: they are kept, scaled to f32, or made bytes again.

use super::words::Words;
use crate::lanes::{LANES, Lanes};

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

/// Finishes the sums of one row and panel; `width` columns of the panel are real.
#[inline(always)]
pub(super) fn finish<V: Words>(
    finish: &mut Finish<'_>,
    sums: V::Sums,
    row: usize,
    panel: usize,
    width: usize,
) {
    let sums = match finish.rows {
        Some((rows, factors)) => {
            V::add_sums(sums, V::mul_sums(V::sums(&factors[panel]), rows[row].wrapping_neg()))
        }
        None => sums,
    };
    let at = row * finish.stride + panel * LANES;
    match &mut finish.output {
        Output::Sums(y) => {
            let mut line = [0; LANES];
            V::store_sums(sums, &mut line);
            put(&mut y[at..][..width], &line);
        }
        Output::Floats { multipliers, bias, y } => {
            let scaled = V::to_floats(sums).mul(V::Floats::load(&multipliers[panel]));
            let result = match bias {
                Some(bias) => scaled.add(V::Floats::load(&bias[panel])),
                None => scaled,
            };
            put(&mut y[at..][..width], &result.to_array());
        }
        Output::Bytes(how, y) => {
            let scaled = V::to_floats(sums).mul(V::Floats::load(&how.multipliers[panel]));
            put(&mut y[at..][..width], &how.bytes::<V>(scaled));
        }
    }
}
