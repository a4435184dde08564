//! Rows of words times lines of bytes: products of which nothing is packed before the run.
//!
//! A line is one term's bytes of 16 results that are computed side by side. Rows are words with their zero points
//! taken off, six of them together, two terms of each at a time; lines stay bytes until they meet a row. What the
//! zero points of the lanes take off, `zero * sum(x)`, is added at the end, so callers give the sums with the other
//! sign.

use super::words::{Words, entry_words};
use crate::lanes::LANES;

/// Rows that are multiplied together.
pub const LINE_ROWS: usize = 6;
/// One term's bytes of 16 lanes.
pub type Line = [u8; LANES];
/// Two terms of each row.
pub type RowPairs = [[i16; 2]; LINE_ROWS];

/// What is multiplied: pairs of terms of the rows, and of the lines.
#[derive(Debug, Clone, Copy)]
pub struct Lines<'a> {
    /// The rows; no longer than `w`.
    pub x: &'a [RowPairs],
    /// The lines.
    pub w: &'a [[Line; 2]],
    /// Whether their bytes are i8.
    pub signed: bool,
    /// The lanes' zero points.
    pub zeros: &'a [i32; LANES],
    /// Each row's sum, with the other sign.
    pub less: &'a [i32; LINE_ROWS],
}

entry_words! {
    /// The sums of the first rows, as many as `sums` has (one to [`LINE_ROWS`]): of the products of a row's terms and
    /// a lane's, and of the lane's zero point and what the row has for it.
    pub fn multiply_lines(lines: Lines<'_>, sums: &mut [[i32; LANES]]) => multiply_body
}

#[inline(always)]
fn multiply_body<V: Words>(lines: Lines<'_>, sums: &mut [[i32; LANES]]) {
    match (lines.signed, sums.len()) {
        (false, 1) => tile::<V, 1, false>(&lines, sums),
        (false, 2) => tile::<V, 2, false>(&lines, sums),
        (false, 3) => tile::<V, 3, false>(&lines, sums),
        (false, 4) => tile::<V, 4, false>(&lines, sums),
        (false, 5) => tile::<V, 5, false>(&lines, sums),
        (false, 6) => tile::<V, 6, false>(&lines, sums),
        (true, 1) => tile::<V, 1, true>(&lines, sums),
        (true, 2) => tile::<V, 2, true>(&lines, sums),
        (true, 3) => tile::<V, 3, true>(&lines, sums),
        (true, 4) => tile::<V, 4, true>(&lines, sums),
        (true, 5) => tile::<V, 5, true>(&lines, sums),
        (true, 6) => tile::<V, 6, true>(&lines, sums),
        _ => unreachable!("there are one to six rows"),
    }
}

#[inline(always)]
#[allow(clippy::needless_range_loop)] // rows number registers
fn tile<V: Words, const ROWS: usize, const SIGNED: bool>(lines: &Lines<'_>, sums: &mut [[i32; LANES]]) {
    let mut own = [V::sums(&[0; LANES]); ROWS];
    for (x, [a, b]) in lines.x.iter().zip(lines.w) {
        let w = V::zip::<SIGNED>(a, b);
        for r in 0..ROWS {
            own[r] = V::dot(own[r], V::both(x[r]), w);
        }
    }
    let zeros = V::sums(lines.zeros);
    for r in 0..ROWS {
        own[r] = V::add_sums(own[r], V::mul_sums(zeros, lines.less[r]));
        V::store_sums(own[r], &mut sums[r]);
    }
}
