//! Rows of bytes times packed panels.

use super::finish::{Finish, Sums, finish};
use super::pack::{Panels, steps};
use super::tile::{MOST_PANELS, MOST_SUMS, Tile, pick, shape};
use crate::Isa;
use crate::lanes::LANES;

/// Rows of u8, in lines of rows that are evenly spaced. A row may lie in pieces, as the windows of a
/// convolution do. It is read to the end of the last step of four terms of each piece; what lies beyond the
/// terms may be anything.
#[derive(Debug, Clone, Copy)]
pub struct Rows<'a> {
    /// The rows; a whole last step of the last one is inside.
    pub x: &'a [u8],
    /// Lines, and bytes between the starts of two.
    pub lines: [usize; 2],
    /// Rows of a line, and bytes between the starts of two.
    pub rows: [usize; 2],
    /// Pieces of a row, and bytes between the starts of two.
    pub pieces: [usize; 2],
    /// Terms of a piece: a multiple of 4 unless there is one piece only.
    pub terms: usize,
}

impl<'a> Rows<'a> {
    /// Rows of one piece, `stride` bytes apart.
    pub fn plain(x: &'a [u8], count: usize, stride: usize, terms: usize) -> Self {
        Self { x, lines: [1, 0], rows: [count, stride], pieces: [1, 0], terms }
    }

    /// How many rows there are.
    pub fn count(&self) -> usize {
        self.lines[0] * self.rows[0]
    }

    /// Bytes from a row's start to the end of its last step.
    fn span(&self) -> usize {
        self.pieces[0].saturating_sub(1) * self.pieces[1] + 4 * steps(self.terms)
    }

    /// Whether everything that is read lies inside.
    fn inside(&self) -> bool {
        let apart = |[count, bytes]: [usize; 2]| count.saturating_sub(1).checked_mul(bytes);
        let ends = apart(self.lines).zip(apart(self.rows)).zip(apart(self.pieces));
        let whole = ends.and_then(|((line, row), piece)| {
            line.checked_add(row)?.checked_add(piece)?.checked_add(4 * steps(self.terms))
        });
        self.count() == 0 || whole.is_some_and(|whole| whole <= self.x.len())
    }

    /// Lines that follow each other at a row's distance are one.
    fn merged(self) -> Self {
        let [count, stride] = self.rows;
        if self.lines[0] > 1 && self.lines[1] == count * stride {
            return Self { lines: [1, 0], rows: [self.lines[0] * count, stride], ..self };
        }
        self
    }
}

/// The products of all rows and all `columns`, finished. Panels stay in the cache while the rows pass over
/// them: the caller hands over as many rows as a cache holds.
#[allow(unsafe_code)]
pub fn gemm(isa: Isa, rows: Rows<'_>, panels: Panels<'_>, columns: usize, done: &mut Finish<'_>) {
    let rows = rows.merged();
    let steps = steps(rows.terms);
    let count = columns.div_ceil(LANES);
    let whole = rows.pieces[0] * steps;
    assert!(rows.inside() && (rows.pieces[0] == 1 || rows.terms.is_multiple_of(4)), "rows lie inside");
    assert!(panels.quads.len() >= count * whole && panels.ends.len() >= count, "every panel is there");
    let last = rows.span().saturating_sub(4);
    let known = panels.repeats.as_flattened().iter().all(|&place| place as usize <= last);
    assert!(known && panels.repeats.len() == panels.extras.len(), "extra steps take bytes of a row");
    let mut sums = Sums([[0; LANES]; MOST_SUMS]);
    let mut first = 0;
    while first < count {
        let (width, most) = shape(isa, rows.rows[0], count - first);
        let mut extras = [(panels.extras.as_ptr(), panels.repeats.as_ptr(), 0); MOST_PANELS];
        for (panel, slot) in extras[..width].iter_mut().enumerate() {
            let end = panels.ends[first + panel] as usize;
            let begin = if first + panel == 0 { 0 } else { panels.ends[first + panel - 1] as usize };
            *slot = (panels.extras[begin..end].as_ptr(), panels.repeats[begin..end].as_ptr(), end - begin);
        }
        let start = &done.bias[first..][..width];
        let (start, w) = (start.as_ptr(), panels.quads[first * whole..].as_ptr());
        for line in 0..rows.lines[0] {
            let tiles = rows.rows[0].div_ceil(most);
            for tile in 0..tiles {
                let row = rows.rows[0] * tile / tiles;
                let height = rows.rows[0] * (tile + 1) / tiles - row;
                let Some(body) = pick(isa, height, width) else { unreachable!("shapes have bodies") };
                let x = rows.x[line * rows.lines[1] + row * rows.rows[1]..].as_ptr();
                let [pieces, jump] = rows.pieces;
                let target = sums.0.as_mut_ptr();
                let stride = rows.rows[1];
                // SAFETY: `isa` comes from detection; rows, panels and extra steps lie inside, as asserted
                // and sliced above; the sums have room for every shape.
                unsafe {
                    body(&Tile {
                        x,
                        stride,
                        pieces,
                        steps,
                        jump,
                        w,
                        w_panel: whole,
                        extras,
                        start,
                        sums: target,
                    });
                }
                let at = [line * rows.rows[0] + row, first];
                finish(isa, done, &mut sums, at, [height, width], columns);
            }
        }
        first += width;
    }
}
