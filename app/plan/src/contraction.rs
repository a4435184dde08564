//! An einsum as loops: a batch, rows, columns and a sum.
//!
//! One operand gives the rows of dot products, the other the columns, which are computed 16 at a time. The
//! column operand is the one that the output's last axis comes from, so that 16 results lie side by side. The
//! choice is by shape alone and changes no bit, for a product does not depend on the order of its factors.
//!
//! Prices and peaks follow from these loops with [`PANEL`] and [`TILE_ROWS`], which are constants of the law:
//! how many rows and columns the kernels really take at once is theirs to choose.

use crate::shape::{count, repeating_strides};
use std::collections::BTreeMap;

/// Columns that the price and the peak of a contraction count together.
pub const PANEL: usize = 16;
/// Rows that the price and the peak of a contraction count together.
pub const TILE_ROWS: usize = 6;

/// One loop of a contraction; strides are in elements, 0 where the tensor lacks or repeats the axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Axis {
    /// Steps.
    pub dim: usize,
    /// Stride of the operand that gives the rows.
    pub row: usize,
    /// Stride of the operand that gives the columns.
    pub column: usize,
    /// Stride of the output.
    pub out: usize,
}

/// The loops of an einsum. Loops of one step are left out.
#[derive(Debug, Clone)]
pub struct Contraction {
    /// Axes of both operands and the output.
    pub batch: Vec<Axis>,
    /// Axes of the row operand and the output.
    pub rows: Vec<Axis>,
    /// Axes of the column operand and the output.
    pub columns: Vec<Axis>,
    /// Axes that are summed over, in the order of the sum.
    pub sum: Vec<Axis>,
    /// Which of the einsum's operands (0, 1) gives the rows; the other gives the columns.
    pub row_operand: usize,
}

/// Steps of nested loops; saturates, for a refused plan may claim anything.
fn steps(axes: &[Axis]) -> u64 {
    axes.iter().fold(1u64, |product, axis| product.saturating_mul(axis.dim as u64))
}

fn by_label(labels: &[u8], dims: &[u32]) -> BTreeMap<u8, (u32, usize)> {
    let strides = repeating_strides(dims);
    labels.iter().zip(dims).zip(strides).map(|((&label, &dim), stride)| (label, (dim, stride))).collect()
}

impl Contraction {
    /// Arranges the loops. The labels must have passed [`crate::rules`].
    pub fn new(a: (&[u8], &[u32]), b: (&[u8], &[u32]), out: (&[u8], &[u32])) -> Self {
        let (in_a, in_b, in_out) = (by_label(a.0, a.1), by_label(b.0, b.1), by_label(out.0, out.1));
        let axis = |label: &u8| {
            let (a_dim, row) = in_a.get(label).copied().unwrap_or((1, 0));
            let (b_dim, column) = in_b.get(label).copied().unwrap_or((1, 0));
            let out = in_out.get(label).map_or(0, |found| found.1);
            Axis { dim: a_dim.max(b_dim) as usize, row, column, out }
        };
        let mut this = Self { batch: vec![], rows: vec![], columns: vec![], sum: vec![], row_operand: 0 };
        let only_b = b.0.iter().filter(|label| !in_a.contains_key(label));
        let summed = a.0.iter().chain(only_b).filter(|label| !in_out.contains_key(label));
        this.sum = summed.map(axis).filter(|axis| axis.dim > 1).collect();
        let mut last_is_row = false;
        for axis in out.0.iter().map(axis).filter(|axis| axis.dim > 1) {
            let list = match (axis.row, axis.column) {
                (_, 0) => &mut this.rows,
                (0, _) => &mut this.columns,
                _ => &mut this.batch,
            };
            list.push(axis);
            last_is_row = axis.column == 0;
        }
        if last_is_row {
            this.swap();
        }
        this
    }

    fn swap(&mut self) {
        std::mem::swap(&mut self.rows, &mut self.columns);
        for list in [&mut self.batch, &mut self.rows, &mut self.columns, &mut self.sum] {
            for axis in list {
                std::mem::swap(&mut axis.row, &mut axis.column);
            }
        }
        self.row_operand = 1 - self.row_operand;
    }

    /// The operand (0, 1) that gives the columns.
    pub fn column_operand(&self) -> usize {
        1 - self.row_operand
    }

    /// Terms of each sum.
    pub fn depth(&self) -> u64 {
        steps(&self.sum)
    }

    /// Columns for one step of the batch.
    pub fn column_count(&self) -> u64 {
        steps(&self.columns)
    }

    /// Panels of 16 columns for one step of the batch.
    pub fn panels(&self) -> u64 {
        steps(&self.columns).div_ceil(PANEL as u64)
    }

    /// Rows for one step of the batch.
    pub fn row_count(&self) -> u64 {
        steps(&self.rows)
    }

    /// Steps of the batch.
    pub fn batch_count(&self) -> u64 {
        steps(&self.batch)
    }

    /// Bytes of the packed columns of one step of the batch.
    pub fn panel_bytes(&self) -> u64 {
        self.panels().saturating_mul(self.depth()).saturating_mul(4 * PANEL as u64)
    }

    /// Whether a row's terms lie side by side in the operand.
    pub fn rows_are_contiguous(&self) -> bool {
        let mut expected = 1;
        self.sum.iter().rev().all(|axis| {
            let fits = axis.row == expected;
            expected = expected.saturating_mul(axis.dim);
            fits
        })
    }

    /// Bytes of scratch for the rows of one tile; 0 when they can be used where they are.
    pub fn row_bytes(&self) -> u64 {
        if self.rows_are_contiguous() { 0 } else { self.depth().saturating_mul(4 * TILE_ROWS as u64) }
    }

    /// Whether every step of the batch uses the same columns, so that constant ones can be packed beforehand.
    pub fn columns_are_shared(&self) -> bool {
        self.batch.iter().all(|axis| axis.column == 0)
    }
}

/// The packed operand's identity: equal keys of one constant pack to equal bytes.
pub fn pack_key(contraction: &Contraction) -> Vec<(usize, usize)> {
    let pair = |axis: &Axis| (axis.dim, axis.column);
    let mut key: Vec<_> = contraction.columns.iter().map(pair).collect();
    key.push((0, 0));
    key.extend(contraction.sum.iter().map(pair));
    key
}

/// Elements of a convolution's dot products: input channels of a group times taps.
pub fn conv_depth(weights: &[u32]) -> usize {
    count(&weights[1..])
}

/// Panels of 16 positions that a convolution gathers at once: about 256 KiB, at least one, at most all.
pub fn conv_panels(depth: usize, positions: usize) -> usize {
    let fitting = (256 * 1024 / (4 * PANEL)) / depth.max(1);
    fitting.clamp(1, 16).min(positions.div_ceil(PANEL))
}
