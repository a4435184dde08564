//! Contractions: columns in panels of 16, rows in tiles, every sum in the order that the opcode fixes.

use crate::view::View;
use assay_kernels::{MAX_ROWS, PANEL, Panel, dot_tile, panels_for};
use assay_plan::contraction::{Axis, Contraction};

type Columns = [[f32; PANEL]];

/// An einsum, ready to run.
#[derive(Debug)]
pub(crate) struct Einsum {
    loops: Contraction,
    depth: usize,
    rows: usize,
    columns: usize,
    /// Whether neighbouring columns are neighbours in the output.
    dense: bool,
    contiguous: bool,
}

/// The offset of a position in nested loops.
fn offset(axes: &[Axis], mut position: usize, stride: impl Fn(&Axis) -> usize) -> usize {
    let mut offset = 0;
    for axis in axes.iter().rev() {
        offset += position % axis.dim * stride(axis);
        position /= axis.dim;
    }
    offset
}

/// Writes the panels of one step of the batch.
pub(crate) fn pack(loops: &Contraction, columns: usize, x: &[f32], panels: &mut Columns) {
    let depth = loops.depth() as usize;
    for (number, panel) in panels.chunks_exact_mut(depth).enumerate() {
        let first = number * PANEL;
        let width = PANEL.min(columns - first);
        let mut starts = [0; PANEL];
        for (column, start) in starts[..width].iter_mut().enumerate() {
            *start = offset(&loops.columns, first + column, |axis| axis.column);
        }
        let side_by_side = starts[..width].windows(2).all(|pair| pair[1] == pair[0] + 1);
        for (term, line) in panel.iter_mut().enumerate() {
            let at = offset(&loops.sum, term, |axis| axis.column);
            *line = [0.0; PANEL];
            if side_by_side {
                line[..width].copy_from_slice(&x[at + starts[0]..][..width]);
            } else {
                for (slot, start) in line[..width].iter_mut().zip(starts) {
                    *slot = x[at + start];
                }
            }
        }
    }
}

impl Einsum {
    pub(crate) fn new(loops: Contraction) -> Self {
        let mut expected = 1;
        let dense = loops.columns.iter().rev().all(|axis| {
            let fits = axis.out == expected;
            expected *= axis.dim;
            fits
        });
        let product = |axes: &[Axis]| axes.iter().map(|axis| axis.dim).product();
        Self {
            depth: loops.depth() as usize,
            rows: product(&loops.rows),
            columns: product(&loops.columns),
            dense,
            contiguous: loops.rows_are_contiguous(),
            loops,
        }
    }

    pub(crate) fn run(&self, view: &mut View<'_>) {
        let row_data = view.factors(self.loops.row_operand);
        let column_data = view.factors(self.loops.column_operand());
        let y: &mut [f32] = view.result();
        let own: &mut Columns = view.scratch(self.columns.div_ceil(PANEL) * self.depth);
        let gathered = if self.contiguous { 0 } else { MAX_ROWS * self.depth };
        let gathered: &mut [f32] = if gathered > 0 { view.scratch(gathered) } else { &mut [] };
        let mut current = None;
        for step in 0..self.loops.batch_count() as usize {
            let batch = |stride: fn(&Axis) -> usize| offset(&self.loops.batch, step, stride);
            let (row, column, out) =
                (batch(|axis| axis.row), batch(|axis| axis.column), batch(|axis| axis.out));
            if current != Some(column) {
                pack(&self.loops, self.columns, &column_data[column..], own);
                current = Some(column);
            }
            let step = Step { einsum: self, rows: &row_data[row..], panels: own, out };
            if self.contiguous { step.panels_first(view, y) } else { step.rows_first(view, gathered, y) }
        }
    }
}

/// One step of the batch.
struct Step<'a> {
    einsum: &'a Einsum,
    rows: &'a [f32],
    panels: &'a Columns,
    out: usize,
}

impl<'a> Step<'a> {
    fn row(&self, row: usize) -> &'a [f32] {
        let start = offset(&self.einsum.loops.rows, row, |axis| axis.row);
        &self.rows[start..][..self.einsum.depth]
    }

    /// A group of panels stays in the cache while all rows pass over it.
    fn panels_first(&self, view: &View<'_>, y: &mut [f32]) {
        let panels = self.einsum.columns.div_ceil(PANEL);
        let group = panels_for(self.einsum.rows);
        for panel in (0..panels).step_by(group) {
            let count = group.min(panels - panel);
            for first in (0..self.einsum.rows).step_by(MAX_ROWS) {
                let height = MAX_ROWS.min(self.einsum.rows - first);
                let mut rows: [&[f32]; MAX_ROWS] = [&[]; MAX_ROWS];
                for (i, row) in rows[..height].iter_mut().enumerate() {
                    *row = self.row(first + i);
                }
                self.tile(view, first, &rows[..height], panel, count, y);
            }
        }
    }

    /// Rows that do not lie side by side are gathered once and pass over all panels.
    fn rows_first(&self, view: &View<'_>, gathered: &mut [f32], y: &mut [f32]) {
        let (depth, panels) = (self.einsum.depth, self.einsum.columns.div_ceil(PANEL));
        for first in (0..self.einsum.rows).step_by(MAX_ROWS) {
            let height = MAX_ROWS.min(self.einsum.rows - first);
            for (i, row) in gathered.chunks_exact_mut(depth).take(height).enumerate() {
                let start = offset(&self.einsum.loops.rows, first + i, |axis| axis.row);
                for (term, slot) in row.iter_mut().enumerate() {
                    *slot = self.rows[start + offset(&self.einsum.loops.sum, term, |axis| axis.row)];
                }
            }
            let mut rows: [&[f32]; MAX_ROWS] = [&[]; MAX_ROWS];
            for (slot, row) in rows.iter_mut().zip(gathered.chunks_exact(depth)) {
                *slot = row;
            }
            let group = panels_for(height);
            for panel in (0..panels).step_by(group) {
                self.tile(view, first, &rows[..height], panel, group.min(panels - panel), y);
            }
        }
    }

    /// Computes one tile and stores it: +0 is added to every sum, which turns -0 into +0.
    fn tile(
        &self,
        view: &View<'_>,
        first: usize,
        rows: &[&[f32]],
        panel: usize,
        count: usize,
        y: &mut [f32],
    ) {
        let einsum = self.einsum;
        let mut panels: [Panel<'_>; 4] = [&[]; 4];
        for (i, slot) in panels[..count].iter_mut().enumerate() {
            *slot = &self.panels[(panel + i) * einsum.depth..][..einsum.depth];
        }
        let mut sums = [[0.0; PANEL]; MAX_ROWS];
        dot_tile(view.isa(), einsum.depth, rows, &panels[..count], &mut sums);
        for (at, line) in sums[..rows.len() * count].iter().enumerate() {
            let (row, panel) = (first + at / count, panel + at % count);
            let start = self.out + offset(&einsum.loops.rows, row, |axis| axis.out);
            let width = PANEL.min(einsum.columns - panel * PANEL);
            if einsum.dense {
                for (y, sum) in y[start + panel * PANEL..][..width].iter_mut().zip(line) {
                    *y = sum + 0.0;
                }
            } else {
                for (column, sum) in line[..width].iter().enumerate() {
                    let column = offset(&einsum.loops.columns, panel * PANEL + column, |axis| axis.out);
                    y[start + column] = sum + 0.0;
                }
            }
        }
    }
}
