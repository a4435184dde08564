//! Rows of bytes times packed panels.

use super::finish::{Finish, Sums, finish};
use super::pack::{Panels, QuadPanel, steps};
use super::tile::{MOST_PANELS, MOST_SUMS, Tile, pick, shape};
use crate::Isa;
use crate::lanes::LANES;
use std::ops::Range;

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
    /// Terms of a piece. Weights are packed with terms of 0 that fill the last step of each.
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

/// Bytes of panels that stay in the first cache beside a tile's rows.
const FIRST_CACHE: usize = 16 * 1024;

/// The products of all rows and all `columns`, finished. Panels stay in the cache while the rows pass over
/// them: the caller hands over as many rows as a cache holds.
pub fn gemm(isa: Isa, rows: Rows<'_>, panels: Panels<'_>, columns: usize, done: &mut Finish<'_>) {
    gemm_part(isa, rows, panels, columns, 0..columns.div_ceil(LANES), done);
}

/// As [`gemm`], for some of the panels.
#[allow(unsafe_code)]
pub fn gemm_part(
    isa: Isa,
    rows: Rows<'_>,
    panels: Panels<'_>,
    columns: usize,
    part: Range<usize>,
    done: &mut Finish<'_>,
) {
    let rows = rows.merged();
    let steps = steps(rows.terms);
    let whole = rows.pieces[0] * steps;
    assert!(rows.inside() && part.end <= columns.div_ceil(LANES), "rows and panels are there");
    let last = rows.span().saturating_sub(4);
    for panel in part.clone().filter(|_| !panels.extras.is_empty()) {
        let (_, repeats) = panels.extra(panel);
        assert!(repeats.as_flattened().iter().all(|&at| at as usize <= last), "extra steps read rows");
    }
    let (_, most) = shape(isa, rows.rows[0], part.len());
    let mut run = Run { isa, rows, steps, panels, columns, sums: Sums([[0; LANES]; MOST_SUMS]) };
    // Panels that stay in the first cache all together pass over one tile's rows after the other, whose
    // results are then written in one go; others stay there one by one while all rows pass.
    if part.len() * whole * size_of::<QuadPanel>() <= FIRST_CACHE {
        each_tile(&rows, most, |line, row, height| {
            each_group(isa, &rows, &part, |group| run.tile(group, [line, row, height], done));
        });
    } else {
        each_group(isa, &rows, &part, |group| {
            each_tile(&rows, most, |line, row, height| run.tile(group, [line, row, height], done));
        });
    }
}

/// Calls `tile` with each tile's line, first row and height.
#[inline(always)]
fn each_tile(rows: &Rows<'_>, most: usize, mut tile: impl FnMut(usize, usize, usize)) {
    let count = rows.rows[0];
    let tiles = count.div_ceil(most);
    let (height, larger) = (count / tiles.max(1), count % tiles.max(1));
    for line in 0..rows.lines[0] {
        let mut row = 0;
        for number in 0..tiles {
            let height = height + usize::from(number < larger);
            tile(line, row, height);
            row += height;
        }
    }
}

/// Calls `group` with the first of the panels that a tile takes together, and how many.
#[inline(always)]
fn each_group(isa: Isa, rows: &Rows<'_>, part: &Range<usize>, mut group: impl FnMut([usize; 2])) {
    let mut first = part.start;
    while first < part.end {
        let (width, _) = shape(isa, rows.rows[0], part.end - first);
        group([first, width]);
        first += width;
    }
}

/// A product under way.
struct Run<'a> {
    isa: Isa,
    rows: Rows<'a>,
    steps: usize,
    panels: Panels<'a>,
    columns: usize,
    sums: Sums,
}

impl Run<'_> {
    #[allow(unsafe_code)]
    fn tile(&mut self, [first, width]: [usize; 2], [line, row, height]: [usize; 3], done: &mut Finish<'_>) {
        let Run { isa, rows, steps, panels, columns, ref mut sums } = *self;
        let whole = rows.pieces[0] * steps;
        let quads = &panels.quads[first * whole..][..width * whole];
        let mut extras = [(panels.extras.as_ptr(), panels.repeats.as_ptr(), 0); MOST_PANELS];
        if !panels.extras.is_empty() {
            for (panel, slot) in (first..).zip(&mut extras[..width]) {
                let (extras, repeats) = panels.extra(panel);
                *slot = (extras.as_ptr(), repeats.as_ptr(), repeats.len());
            }
        }
        let Some(body) = pick(isa, height, width) else { unreachable!("shapes have bodies") };
        let tile = Tile {
            x: rows.x[line * rows.lines[1] + row * rows.rows[1]..].as_ptr(),
            stride: rows.rows[1],
            pieces: rows.pieces[0],
            steps,
            jump: rows.pieces[1],
            w: quads.as_ptr(),
            w_panel: whole,
            extras,
            start: done.bias[first..][..width].as_ptr(),
            sums: sums.0.as_mut_ptr(),
        };
        // SAFETY: `isa` comes from detection; rows, panels and extra steps lie inside, as asserted here and in
        // `gemm_part`, and sliced; the sums have room for every shape.
        unsafe { body(&tile) };
        finish(isa, done, sums, [line * rows.rows[0] + row, first], [height, width], columns);
    }
}
