//! Dot products, a tile at a time: the one body behind every contraction and convolution.
//!
//! A tile is up to [`MAX_ROWS`] rows against up to [`MAX_PANELS`] panels of 16 columns. Each result starts at
//! +0 and takes `fma(x, w, acc)` for k ascending; what is added after the sum is the caller's matter.

use crate::isa::entry;
use crate::lanes::{LANES, Lanes};

/// Rows of the largest tile.
pub const MAX_ROWS: usize = 6;
/// Panels of the widest tile.
pub const MAX_PANELS: usize = 4;
/// Columns of a panel.
pub const PANEL: usize = LANES;

/// A panel: `panel[k][column]`.
pub type Panel<'a> = &'a [[f32; PANEL]];

entry! {
    /// `out[r * panels + p][c]` is the sum over k < `k` of `rows[r][k] * panels[p][k][c]`.
    ///
    /// The rows and panels must be a pair that [`panels_for`] allows, every row and panel at least `k` long,
    /// and `out` at least rows times panels long.
    pub fn dot_tile(
        k: usize,
        rows: &[&[f32]],
        panels: &[Panel<'_>],
        out: &mut [[f32; PANEL]],
    ) => dot_tile_body
}

/// How many panels a tile of so many rows may take: few rows take more, to keep as many sums in flight.
pub const fn panels_for(rows: usize) -> usize {
    match rows {
        1 => 4,
        2 | 3 => 2,
        _ => 1,
    }
}

#[inline(always)]
fn dot_tile_body<V: Lanes>(k: usize, rows: &[&[f32]], panels: &[Panel<'_>], out: &mut [[f32; PANEL]]) {
    assert!(out.len() >= rows.len() * panels.len());
    macro_rules! shapes {
        ($(($rows:literal, $panels:literal))*) => {
            match (rows.len(), panels.len()) {
                $(($rows, $panels) => tile::<V, $rows, $panels>(k, rows, panels, out),)*
                _ => unreachable!("a tile's shape is one of panels_for"),
            }
        };
    }
    shapes! { (1, 1) (1, 2) (1, 3) (1, 4) (2, 1) (2, 2) (3, 1) (3, 2) (4, 1) (5, 1) (6, 1) }
}

#[inline(always)]
fn tile<V: Lanes, const ROWS: usize, const PANELS: usize>(
    k: usize,
    rows: &[&[f32]],
    panels: &[Panel<'_>],
    out: &mut [[f32; PANEL]],
) {
    // Cut to k once, so that no access below needs a check of its own.
    let mut x: [&[f32]; ROWS] = [&[]; ROWS];
    let mut w: [Panel<'_>; PANELS] = [&[]; PANELS];
    for r in 0..ROWS {
        x[r] = &rows[r][..k];
    }
    for p in 0..PANELS {
        w[p] = &panels[p][..k];
    }
    let mut sums = [[V::splat(0.0); PANELS]; ROWS];
    for i in 0..k {
        let mut weights = [V::splat(0.0); PANELS];
        for p in 0..PANELS {
            weights[p] = V::load(&w[p][i]);
        }
        for r in 0..ROWS {
            let value = V::splat(x[r][i]);
            for p in 0..PANELS {
                sums[r][p] = value.fma(weights[p], sums[r][p]);
            }
        }
    }
    for r in 0..ROWS {
        for p in 0..PANELS {
            sums[r][p].store(&mut out[r * PANELS + p]);
        }
    }
}
