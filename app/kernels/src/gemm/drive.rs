//! The loops around tiles: strips of rows that stay in the second cache, panels, blocks of terms that stay in
//! the first, and tiles.

use super::choose::{Shape, choose, width};
use super::tile::{HALF, MOST_PANELS, MOST_ROWS, Tile, pick};
use crate::Isa;
use crate::lanes::LANES;
use crate::post::{Early, Grid, Post, apply};
use std::ops::Range;

/// Where rows start: row r at `r / width * down + r % width * across`.
#[derive(Clone, Copy)]
pub(crate) struct RowPlace {
    width: usize,
    down: usize,
    across: usize,
}

impl RowPlace {
    /// Rows in lines of `width`. Lines that go on where the one before ends are one line.
    pub(crate) fn lines(width: usize, down: usize, across: usize) -> Self {
        if width.checked_mul(across) == Some(down) {
            Self::line(across)
        } else {
            Self { width, down, across }
        }
    }

    /// Rows in one line.
    pub(crate) fn line(across: usize) -> Self {
        Self { width: usize::MAX, down: 0, across }
    }

    fn from(&self, row: usize, x: *const f32) -> Walk {
        let line = x.wrapping_add(row / self.width * self.down);
        let column = row % self.width;
        Walk { place: *self, line, column, at: line.wrapping_add(column * self.across) }
    }
}

/// The starts of rows, one after the other.
struct Walk {
    place: RowPlace,
    line: *const f32,
    column: usize,
    /// The next row's start.
    at: *const f32,
}

impl Walk {
    /// Fills in the starts of the next rows, and says how far apart they are if they are evenly spaced, but
    /// perhaps from one half of a tile to the other.
    #[inline]
    fn take(&mut self, starts: &mut [*const f32]) -> Option<usize> {
        let (first, width) = (self.column, self.place.width);
        if starts.len() < width - first {
            for start in &mut *starts {
                *start = self.at;
                self.at = self.at.wrapping_add(self.place.across);
            }
            self.column = first.wrapping_add(starts.len());
            return Some(self.place.across);
        }
        let mut second = first.wrapping_add(HALF);
        while second >= width {
            second -= width;
        }
        let even = first.saturating_add(starts.len().min(HALF)) <= width
            && second + starts.len().saturating_sub(HALF) <= width;
        for start in starts {
            *start = self.at;
            self.at = self.at.wrapping_add(self.place.across);
            self.column += 1;
            if self.column == width {
                (self.line, self.column) = (self.line.wrapping_add(self.place.down), 0);
                self.at = self.line;
            }
        }
        even.then_some(self.place.across)
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
const STRIP: usize = 224 * 1024;

/// Rows that are taken through the later steps together: many enough to fill the processor's pipes, few enough
/// to be in the first cache still.
const LATE_ROWS: usize = 64;

/// The terms of a block.
fn block(job: &Job<'_>, width: usize, tiles: usize) -> usize {
    let most = (BLOCK * 3 / 2 / width).max(64);
    if tiles == 1 || job.depth <= most {
        return job.depth.max(1);
    }
    let blocks = job.depth.div_ceil(most);
    let block = job.depth.div_ceil(blocks).max(1);
    if job.grain <= BLOCK { (block / job.grain.max(1)).max(1) * job.grain.max(1) } else { block }
}

/// How the rows of a product are divided: into tiles, and these into strips.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Division {
    shape: Shape,
    strip: usize,
}

impl Division {
    /// The best for a product, and for all that differ from it in addresses only.
    pub(crate) fn new(isa: Isa, job: &Job<'_>) -> Self {
        let panels = job.columns.div_ceil(LANES);
        let shape = choose(isa, job.rows, job.place.width, panels);
        Self { shape, strip: strip(job, &shape, panels) }
    }
}

/// How many of the tiles make a strip: all, unless reading x again for every panel would cost more than
/// reading the columns again for every strip.
fn strip(job: &Job<'_>, shape: &Shape, panels: usize) -> usize {
    let most = (STRIP / (job.row_bytes * shape.rows).max(1)).max(8);
    let strips = shape.tiles.div_ceil(most).max(1);
    let columns = job.depth.saturating_mul(panels * LANES * size_of::<f32>());
    let rows = job.row_bytes.saturating_mul(job.rows);
    if columns.saturating_mul(strips) > rows.saturating_mul(panels) {
        return shape.tiles;
    }
    shape.tiles.div_ceil(strips)
}

/// Runs a product, divided as is best for it.
///
/// # Safety
/// All addresses that the job speaks of can be read, and its results written; nothing else has the results;
/// [`check`](crate::post::check) holds for the steps.
pub(crate) unsafe fn run(isa: Isa, job: &Job<'_>, &Division { shape, strip }: &Division) {
    let panels = job.columns.div_ceil(LANES);
    let (early, late) = Early::split(job.posts);
    for first in (0..shape.tiles).step_by(strip) {
        let tiles = first..(first + strip).min(shape.tiles);
        let mut panel = 0;
        while panel < panels {
            let wide = width(&shape, panels - panel);
            let pass = Pass { isa, job, late, panel, wide };
            // SAFETY: the caller's.
            unsafe { pass.run(&early, &shape, tiles.clone(), panel + wide == panels) }
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
    late: &'a [Post<'a>],
    panel: usize,
    wide: usize,
}

impl Pass<'_> {
    /// Takes a strip of tiles through all terms, block after block.
    ///
    /// # Safety
    /// As for [`run`].
    unsafe fn run(&self, early: &Early<'_>, shape: &Shape, tiles: Range<usize>, last: bool) {
        let job = self.job;
        let body = |rows: usize| pick(self.isa, rows, self.wide, job.taps.is_some());
        let Some(large) = body(shape.rows) else { unreachable!("the model speaks of shapes that there are") };
        // If all tiles are large there are no smaller ones, and no body for them is needed.
        let bodies = [large, body(shape.small).unwrap_or(large)];
        let bias = bias(job, self.panel, self.wide);
        let first_row = shape.first_row(tiles.start);
        let block = block(job, self.wide, tiles.len());
        let from_panel = job.w.wrapping_add(self.panel * job.w_panel);
        for from in (0..job.depth.max(1)).step_by(block) {
            let to = (from + block).min(job.depth);
            let skip = if job.taps.is_some() { 0 } else { from };
            let mut place = job.place.from(first_row, job.x.wrapping_add(skip));
            let w = from_panel.wrapping_add(from * job.w_line);
            // The next block is fetched a little with every tile, if there is one.
            let share = LANES.div_ceil(tiles.len());
            let (ahead, ahead_step) = if to < job.depth {
                (w.wrapping_add((to - from) * job.w_line), share)
            } else if self.panel + 2 * self.wide <= job.columns.div_ceil(LANES) {
                (from_panel.wrapping_add(self.wide * job.w_panel), share)
            } else {
                (w, 0)
            };
            let mut tile = Tile {
                depth: to - from,
                rows: [job.x; MOST_ROWS],
                across: None,
                taps: job.taps.map_or(std::ptr::null(), |taps| taps[from..].as_ptr()),
                w,
                w_line: job.w_line,
                w_panel: job.w_panel,
                ahead,
                ahead_step,
                resume: from > 0,
                park: to < job.depth,
                bias: bias.as_ptr(),
                residual: std::ptr::null(),
                bounded: early.bounded(),
                floor: early.floor,
                low: early.low,
                high: early.high,
                y: job.y,
                y_row: job.y_row,
                y_panel: job.y_panel,
                last: if last { job.last } else { LANES },
            };
            let mut at = first_row * job.y_row + self.panel * job.y_panel;
            let (mut waiting, mut waiting_at) = (0, at);
            for number in tiles.clone() {
                let (small, rows) = match number < shape.large {
                    true => (0, shape.rows),
                    false => (1, shape.small),
                };
                tile.across = place.take(&mut tile.rows[..rows]);
                tile.y = job.y.wrapping_add(at);
                if let Some(residual) = early.residual {
                    tile.residual = residual.as_ptr().wrapping_add(job.at + at);
                }
                // SAFETY: the caller's; `Isa` is proof of the instruction set.
                unsafe { bodies[small](&tile) }
                tile.ahead = tile.ahead.wrapping_add(ahead_step * tile.depth);
                at += rows * job.y_row;
                waiting += rows;
                let now = waiting >= LATE_ROWS || number + 1 == tiles.end;
                if now && !tile.park && !self.late.is_empty() {
                    // SAFETY: the caller's.
                    unsafe { self.finish(waiting, waiting_at) }
                    (waiting, waiting_at) = (0, at);
                }
            }
        }
    }

    /// The steps that were not taken in registers, for some rows whose first result is at `at`.
    ///
    /// # Safety
    /// As for [`run`].
    unsafe fn finish(&self, rows: usize, at: usize) {
        let job = self.job;
        let column = self.panel * LANES;
        let columns = (job.columns - column).min(self.wide * LANES);
        // In rows, neighbouring panels are neighbours.
        let one = job.y_panel == LANES && job.y_row != LANES;
        let (grids, columns_each) = if one { (1, columns) } else { (self.wide, LANES) };
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
