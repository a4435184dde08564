//! Products: rows against columns in panels of 16, each result `acc = +0; acc = fma(x, w, acc)` with the terms
//! ascending, then the bias (+0 if there is none; -0 counts as +0), then a list of steps.
//!
//! A long sum is taken in blocks of terms, so that a block of columns stays in the first cache while all rows
//! pass over it; between blocks the bare sums rest in the output. That, the shape of tiles and the order in
//! which they are done change no bits: each result is one accumulator's.
#![allow(unsafe_code)]

#[cfg(target_arch = "x86_64")]
mod avx512;
mod choose;
mod drive;
mod pack;
mod tile;

use crate::post::{self, Post};
use crate::tile::PANEL;
use crate::{Isa, lanes::LANES};

pub(crate) use drive::{Division, Job, RowPlace, run};
pub use pack::{pack, packed_len};

/// The columns of a product.
#[derive(Debug, Clone, Copy)]
pub enum Columns<'a> {
    /// Panels of 16 columns one after the other, each `depth` lines of 16; the last one filled up. See
    /// [`pack`].
    Packed(&'a [f32]),
    /// Term k of column c is element `k * stride + c`. The number of columns is a multiple of 16.
    Strided(&'a [f32], usize),
}

/// Where results lie.
#[derive(Debug, Clone, Copy)]
pub enum Place {
    /// Row r, column c at `r * stride + c`.
    Rows {
        /// Elements from row to row.
        stride: usize,
    },
    /// Row r, column c at `c / 16 * stride + r * 16 + c % 16`: the blocked layout, where rows are positions and
    /// columns are channels. The last block is written whole.
    Blocks {
        /// Elements from block to block, at least 16 for each row.
        stride: usize,
    },
}

/// A product `y = posts(x * w + bias)`.
#[derive(Debug, Clone, Copy)]
pub struct Gemm<'a> {
    /// Rows of x and y.
    pub rows: usize,
    /// Columns of w and y.
    pub columns: usize,
    /// Terms of each sum.
    pub depth: usize,
    /// Term k of row r is element `r * x_row + k`, or `r * x_row + taps[k]`.
    pub x: &'a [f32],
    /// Elements from row to row of x.
    pub x_row: usize,
    /// The places of a row's terms, if they do not lie side by side; `depth` of them.
    pub taps: Option<&'a [u32]>,
    /// The columns.
    pub w: Columns<'a>,
    /// One element for each column, added after the sum.
    pub bias: Option<&'a [f32]>,
    /// What is done to the results, in order.
    pub posts: &'a [Post<'a>],
    /// Where the results lie.
    pub place: Place,
}

/// Computes a product. Panics if an operand or the result is too short for what is asked of it.
pub fn gemm(isa: Isa, gemm: &Gemm<'_>, y: &mut [f32]) {
    if gemm.rows == 0 || gemm.columns == 0 {
        return;
    }
    let panels = gemm.columns.div_ceil(PANEL);
    let last_tap = match gemm.taps {
        Some(taps) => {
            assert!(taps.len() >= gemm.depth, "a term has no place");
            taps[..gemm.depth].iter().max().map_or(0, |&tap| tap as usize)
        }
        None => gemm.depth.saturating_sub(1),
    };
    if gemm.depth > 0 {
        let end = (gemm.rows - 1).saturating_mul(gemm.x_row).saturating_add(last_tap);
        assert!(end < gemm.x.len(), "rows reach outside");
    }
    let (w, w_line, w_panel) = match gemm.w {
        Columns::Packed(w) => {
            assert!(w.len() >= packed_len(gemm.depth, gemm.columns), "columns reach outside");
            (w, PANEL, gemm.depth * PANEL)
        }
        Columns::Strided(w, stride) => {
            assert!(gemm.columns.is_multiple_of(PANEL), "columns in place fill their panels");
            if gemm.depth > 0 {
                let end = (gemm.depth - 1).saturating_mul(stride).saturating_add(gemm.columns);
                assert!(end <= w.len(), "columns reach outside");
            }
            (w, stride, PANEL)
        }
    };
    let (y_row, y_panel, whole) = match gemm.place {
        Place::Rows { stride } => {
            assert!(gemm.rows == 1 || stride >= gemm.columns, "rows of results overlap");
            (stride, PANEL, false)
        }
        Place::Blocks { stride } => {
            assert!(panels == 1 || stride / PANEL >= gemm.rows, "blocks of results overlap");
            (PANEL, stride, true)
        }
    };
    let last = if whole { LANES } else { gemm.columns - (panels - 1) * PANEL };
    let reach = (gemm.rows - 1)
        .saturating_mul(y_row)
        .saturating_add((panels - 1).saturating_mul(y_panel))
        .saturating_add(last);
    assert!(reach <= y.len(), "results reach outside");
    assert!(gemm.bias.is_none_or(|bias| bias.len() >= gemm.columns), "the bias is too short");
    post::check(gemm.posts, gemm.columns, reach);
    let job = Job {
        rows: gemm.rows,
        columns: gemm.columns,
        first_column: 0,
        depth: gemm.depth,
        x: gemm.x.as_ptr(),
        place: RowPlace::line(gemm.x_row),
        taps: gemm.taps,
        grain: 1,
        row_bytes: gemm.depth * size_of::<f32>(),
        w: w.as_ptr(),
        w_line,
        w_panel,
        bias: gemm.bias,
        posts: gemm.posts,
        at: 0,
        y: y.as_mut_ptr(),
        y_row,
        y_panel,
        last,
    };
    // SAFETY: everything that the job says was found to lie inside its slices.
    unsafe { run(isa, &job, &Division::new(isa, &job)) }
}

#[cfg(test)]
mod tests;
