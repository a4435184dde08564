//! The loops around tiles: strips of rows that stay in the second cache, panels, blocks of terms that stay in
//! the first, and tiles.

use super::choose::{choose, width};
use super::tile::{MOST_PANELS, MOST_ROWS, Tile, TileFn, pick};
use crate::Isa;
use crate::lanes::LANES;
use crate::post::{Early, Grid, Post, apply};

/// Where rows start: row r at `r / width * down + r % width * across`.
#[derive(Clone, Copy)]
pub(crate) struct RowPlace {
    pub(crate) width: usize,
    pub(crate) down: usize,
    pub(crate) across: usize,
}

impl RowPlace {
    /// The starts of the rows from `first`.
    fn fill(&self, first: usize, x: *const f32, starts: &mut [*const f32]) {
        let (mut line, mut column) = (first / self.width, first % self.width);
        for start in starts {
            *start = x.wrapping_add(line * self.down + column * self.across);
            column += 1;
            if column == self.width {
                (line, column) = (line + 1, 0);
            }
        }
    }
}

/// A product, by addresses.
pub(crate) struct Job<'a> {
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    /// The place of the first column in the bias and in [`Other::Columns`](crate::Other::Columns).
    pub(crate) first_column: usize,
    pub(crate) depth: usize,
    pub(crate) x: *const f32,
    pub(crate) place: RowPlace,
    pub(crate) taps: Option<&'a [u32]>,
    /// Terms that are better not parted: blocks are multiples of this.
    pub(crate) grain: usize,
    /// How much of x a row adds to the second cache.
    pub(crate) row_bytes: usize,
    pub(crate) w: *const f32,
    pub(crate) w_line: usize,
    pub(crate) w_panel: usize,
    pub(crate) bias: Option<&'a [f32]>,
    pub(crate) posts: &'a [Post<'a>],
    /// The place of the first result among the elements of [`Other::Same`](crate::Other::Same).
    pub(crate) at: usize,
    pub(crate) y: *mut f32,
    pub(crate) y_row: usize,
    pub(crate) y_panel: usize,
    /// Columns to write of the last panel.
    pub(crate) last: usize,
}

/// Terms of a panel that fill about half of the first cache.
const BLOCK: usize = 256;
/// Bytes of x that stay in the second cache beside the columns.
const STRIP: usize = 192 * 1024;

/// The terms of a block.
fn block(job: &Job<'_>, width: usize, tiles: usize) -> usize {
    if tiles == 1 {
        return job.depth.max(1);
    }
    let blocks = job.depth.div_ceil((BLOCK * 3 / 2 / width).max(64)).max(1);
    let block = job.depth.div_ceil(blocks).max(1);
    if job.grain <= BLOCK { block.next_multiple_of(job.grain.max(1)) } else { block }
}

/// Runs a product.
///
/// # Safety
/// All addresses that the job speaks of can be read, and its results written; nothing else has the results;
/// [`check`](crate::post::check) holds for the steps.
pub(crate) unsafe fn run(isa: Isa, job: &Job<'_>) {
    let panels = job.columns.div_ceil(LANES);
    let shape = choose(isa, job.rows, panels);
    let (early, late) = Early::split(job.posts);
    let strip = (STRIP / (job.row_bytes * shape.rows).max(1)).max(8);
    let strips = shape.tiles.div_ceil(strip).max(1);
    let strip = shape.tiles.div_ceil(strips);
    let first_row = |tile: usize| tile * (shape.rows - 1) + tile.min(shape.large);
    for first in (0..shape.tiles).step_by(strip) {
        let tiles = first..(first + strip).min(shape.tiles);
        let mut panel = 0;
        while panel < panels {
            let wide = width(&shape, panels - panel);
            let body = |rows: usize| pick(isa, rows, wide, job.taps.is_some());
            // A shape without smaller tiles has no body for them, and asks for none.
            let (Some(large), small) = (body(shape.rows), body(shape.rows - 1)) else {
                unreachable!("the model speaks of shapes that there are")
            };
            let bodies = [large, small.unwrap_or(large)];
            let bias = bias(job, panel, wide);
            let pass = Pass {
                isa,
                job,
                early: &early,
                late,
                panel,
                wide,
                last: panel + wide == panels,
                bias: &bias,
            };
            let block = block(job, wide, tiles.len());
            for from in (0..job.depth.max(1)).step_by(block) {
                let terms = from..(from + block).min(job.depth);
                for tile in tiles.clone() {
                    let row = first_row(tile);
                    let small = usize::from(tile >= shape.large);
                    let rows = shape.rows - small;
                    // SAFETY: the caller's; rows and panels lie inside the job.
                    unsafe { pass.tile(bodies[small], row, rows, terms.clone(), tile - tiles.start) }
                }
            }
            panel += wide;
        }
    }
}

/// The bias of some panels, filled up with zeros; -0 + 0 is +0.
fn bias(job: &Job<'_>, panel: usize, wide: usize) -> [f32; LANES * MOST_PANELS] {
    let mut bias = [0.0; LANES * MOST_PANELS];
    if let Some(list) = job.bias {
        let first = panel * LANES;
        let list = &list[job.first_column + first..][..(job.columns - first).min(wide * LANES)];
        for (slot, value) in bias.iter_mut().zip(list) {
            *slot = value + 0.0;
        }
    }
    bias
}

/// The tiles of some panels.
struct Pass<'a> {
    isa: Isa,
    job: &'a Job<'a>,
    early: &'a Early<'a>,
    late: &'a [Post<'a>],
    panel: usize,
    wide: usize,
    /// Whether the last panel is among them.
    last: bool,
    bias: &'a [f32; LANES * MOST_PANELS],
}

impl Pass<'_> {
    /// # Safety
    /// As for [`run`].
    unsafe fn tile(
        &self,
        body: TileFn,
        row: usize,
        rows: usize,
        terms: std::ops::Range<usize>,
        number: usize,
    ) {
        let job = self.job;
        let (first, last) = (terms.start == 0, terms.end == job.depth);
        let skip = if job.taps.is_some() { 0 } else { terms.start };
        let mut starts = [std::ptr::null(); MOST_ROWS];
        job.place.fill(row, job.x.wrapping_add(skip), &mut starts[..rows]);
        let at = row * job.y_row + self.panel * job.y_panel;
        let w = job.w.wrapping_add(self.panel * job.w_panel + terms.start * job.w_line);
        let tile = Tile {
            depth: terms.len(),
            rows: starts,
            taps: job.taps.map_or(std::ptr::null(), |taps| taps[terms.start..].as_ptr()),
            w,
            w_line: job.w_line,
            w_panel: job.w_panel,
            ahead: w.wrapping_add((number + 1) * terms.len() * LANES),
            resume: !first,
            park: !last,
            bias: self.bias.as_ptr(),
            residual: self
                .early
                .residual
                .map_or(std::ptr::null(), |list| list.as_ptr().wrapping_add(job.at + at)),
            low: self.early.low,
            high: self.early.high,
            y: job.y.wrapping_add(at),
            y_row: job.y_row,
            y_panel: job.y_panel,
            last: if self.last { job.last } else { LANES },
        };
        // SAFETY: the caller's; `Isa` is proof of the instruction set.
        unsafe { body(&tile) }
        if last && !self.late.is_empty() {
            // SAFETY: the caller's.
            unsafe { self.finish(rows, at) }
        }
    }

    /// The steps that were not taken in registers.
    ///
    /// # Safety
    /// As for [`run`].
    unsafe fn finish(&self, rows: usize, at: usize) {
        let job = self.job;
        let column = self.panel * LANES;
        let columns = (job.columns - column).min(self.wide * LANES);
        // In rows, neighbouring panels are neighbours.
        let (grids, columns_each) =
            if job.y_panel == LANES && job.y_row != LANES { (1, columns) } else { (self.wide, LANES) };
        for number in 0..grids {
            let grid = Grid {
                rows,
                columns: columns_each.min(columns - number * LANES),
                stride: job.y_row,
                first_column: job.first_column + column + number * LANES,
            };
            let at = at + number * job.y_panel;
            let y = job.y.wrapping_add(at);
            // SAFETY: the caller's.
            unsafe { apply(self.isa, self.late, &grid, job.at + at, y, y) }
        }
    }
}
