//! Rows of bytes times packed panels.

use super::finish::{Finish, finish};
use super::pack::{Panels, QuadPanel, steps};
use super::words::{Words, entry_words};
use crate::lanes::LANES;

/// Rows of u8. A row is read to the end of its last step of four terms; what lies beyond the terms may be
/// anything.
#[derive(Debug, Clone, Copy)]
pub struct Rows<'a> {
    /// The rows; a whole last step of the last one is inside.
    pub x: &'a [u8],
    /// How many.
    pub count: usize,
    /// Bytes between the starts of two rows.
    pub stride: usize,
    /// Terms of a row.
    pub terms: usize,
}

entry_words! {
    /// The products of all rows and all `columns`, finished. A panel stays in the cache while the rows pass
    /// over it: the caller hands over as many rows as a cache holds.
    pub fn gemm(rows: Rows<'_>, panels: Panels<'_>, columns: usize, done: &mut Finish<'_>) => gemm_body
}

/// One panel.
#[derive(Clone, Copy)]
struct Columns<'a> {
    quads: &'a [QuadPanel],
    extras: &'a [QuadPanel],
    repeats: &'a [[u32; 2]],
    number: usize,
    width: usize,
}

#[inline(always)]
fn gemm_body<V: Words>(rows: Rows<'_>, panels: Panels<'_>, columns: usize, done: &mut Finish<'_>) {
    let steps = steps(rows.terms);
    let mut begin = 0;
    for number in 0..columns.div_ceil(LANES) {
        let end = panels.ends[number] as usize;
        let panel = Columns {
            quads: &panels.quads[number * steps..][..steps],
            extras: &panels.extras[begin..end],
            repeats: &panels.repeats[begin..end],
            number,
            width: LANES.min(columns - number * LANES),
        };
        begin = end;
        let mut row = 0;
        macro_rules! tiles {
            ($($height:literal)*) => {
                match rows.count - row {
                    $(left if left >= $height => {
                        tile::<V, $height>(rows, panel, row, done);
                        row += $height;
                    })*
                    _ => break,
                }
            };
        }
        loop {
            tiles! { 6 5 4 3 2 1 }
        }
    }
}

#[inline(always)]
fn tile<V: Words, const ROWS: usize>(rows: Rows<'_>, panel: Columns<'_>, row: usize, done: &mut Finish<'_>) {
    let steps = panel.quads.len();
    let mut x: [&[[u8; 4]]; ROWS] = [&[]; ROWS];
    for (r, line) in x.iter_mut().enumerate() {
        *line = &rows.x[(row + r) * rows.stride..][..4 * steps].as_chunks().0[..steps];
    }
    let mut sums = [V::sums(&done.bias[panel.number]); ROWS];
    for (step, quad) in panel.quads.iter().enumerate() {
        for r in 0..ROWS {
            sums[r] = V::dot_quad(sums[r], V::four(x[r][step]), quad);
        }
    }
    for (extra, &[low, high]) in panel.extras.iter().zip(panel.repeats) {
        for r in 0..ROWS {
            let x = V::halves_of(x[r][low as usize], x[r][high as usize]);
            sums[r] = V::dot_quad(sums[r], x, extra);
        }
    }
    for (r, &sums) in sums.iter().enumerate() {
        finish::<V>(done, sums, row + r, panel.number, panel.width);
    }
}
