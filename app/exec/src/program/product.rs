//! Contractions as products of matrices, inside loops over what is left.
//!
//! The innermost rows and columns of the einsum's loops become one product each time; batches and axes that
//! do not merge are loops around it. Constant columns are packed when the plan is loaded; others are used
//! where they are when 16 of them lie side by side, or packed in scratch. Rows are used where they are; when
//! their terms do not lie side by side, a table says where they are.

use super::pack::{How, Pack};
use super::posts::{PostSpec, Posts};
use super::table::Ref;
use crate::threads::{each, parts, ranges};
use crate::view::View;
use assay_kernels::{Columns, Gemm, Isa, PANEL, Place, gemm, keep_factors, pack, packed_len};
use assay_plan::contraction::{Axis, Contraction};
use std::borrow::Cow;

/// Terms whose places may be held in a table.
const MOST_TAPS: usize = 1 << 20;

/// Where the columns come from.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    /// Packed when the plan was loaded.
    Packed(Pack),
    /// In place in operand 1: elements from term to term.
    Strided(usize),
    /// Packed in scratch from operand 1, each time that they change.
    Each(How),
}

/// A loop around the products; strides in elements. For packed columns that of the columns counts sets.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Loop {
    dim: usize,
    row: usize,
    column: usize,
    out: usize,
}

/// An einsum as products. Operand 0 gives the rows, operand 1 the columns if they are not packed.
#[derive(Debug)]
pub(crate) struct Product {
    outer: Vec<Loop>,
    rows: usize,
    x_row: usize,
    y_row: usize,
    pub columns: usize,
    pub depth: usize,
    taps: Option<Vec<u32>>,
    pub source: Source,
    pub bias: Option<Ref>,
    pub posts: Vec<PostSpec>,
}

/// Axes of which neighbours are one where all the chosen strides allow it.
pub(crate) fn merged(axes: &[Axis], strides: fn(&Axis) -> [usize; 3]) -> Vec<Axis> {
    let mut list: Vec<Axis> = Vec::new();
    for &axis in axes {
        match list.last_mut() {
            Some(outer) if (0..3).all(|i| strides(outer)[i] == strides(&axis)[i] * axis.dim) => {
                let dim = outer.dim * axis.dim;
                *outer = Axis { dim, ..axis };
            }
            _ => list.push(axis),
        }
    }
    list
}

/// The offsets of all steps of nested loops.
fn offsets(axes: &[Axis], stride: fn(&Axis) -> usize) -> Vec<usize> {
    let mut list = vec![0];
    for axis in axes {
        list = list.iter().flat_map(|at| (0..axis.dim).map(move |i| at + i * stride(axis))).collect();
    }
    list
}

/// Where a row's terms are, if not side by side; `None` for a table that would be too long.
#[allow(clippy::option_option)]
fn taps(loops: &Contraction, depth: usize) -> Option<Option<Vec<u32>>> {
    match merged(&loops.sum, |axis| [axis.row, 0, 0])[..] {
        [] => Some(None),
        [axis] if axis.row == 1 => Some(None),
        _ if depth > MOST_TAPS => None,
        _ => {
            let places = offsets(&loops.sum, |axis| axis.row).into_iter().map(u32::try_from);
            places.collect::<Result<_, _>>().ok().map(Some)
        }
    }
}

/// How the columns of one product are packed, or, for constant ones, those of all; `moving` are the loops
/// around them.
fn how(loops: &Contraction, depth: usize, columns: Axis, moving: &[Axis], constant: bool) -> Option<How> {
    let moving: Vec<Axis> = moving.iter().copied().filter(|axis| axis.column > 0).collect();
    let sets: usize = moving.iter().map(|axis| axis.dim).product();
    let sum = merged(&loops.sum, |axis| [axis.column, 0, 0]);
    if let [] | [_] = sum[..] {
        if constant && sets > MOST_TAPS {
            return None;
        }
        let starts = if constant { offsets(&moving, |axis| axis.column) } else { vec![0] };
        let line = sum.first().map_or(1, |axis| axis.column);
        return Some(How::Columns { depth, columns: columns.dim, line, column: columns.column, starts });
    }
    let inner = Contraction {
        columns: vec![columns],
        batch: vec![],
        rows: vec![],
        sum: loops.sum.clone(),
        row_operand: loops.row_operand,
    };
    (!constant || sets == 1).then(|| How::Loops(Box::new(inner)))
}

impl Product {
    /// The products of an einsum, and how constant columns are packed; `None` for one that the kernels do not
    /// take. `constant` says whether the columns are.
    pub(crate) fn new(loops: &Contraction, constant: bool) -> Option<(Self, How)> {
        let depth = usize::try_from(loops.depth()).ok()?;
        let mut column_axes = merged(&loops.columns, |axis| [axis.column, axis.out, 0]);
        let columns = column_axes.pop().filter(|axis| axis.out == 1)?;
        let mut row_axes = merged(&loops.rows, |axis| [axis.row, axis.out, 0]);
        let rows = row_axes.pop();
        let taps = taps(loops, depth)?;
        // What moves the columns comes first, so that they are packed as seldom as can be.
        let mut outer = merged(&loops.batch, |axis| [axis.row, axis.column, axis.out]);
        outer.append(&mut column_axes);
        let how = how(loops, depth, columns, &outer, constant)?;
        outer.append(&mut row_axes);
        let step = |axis: &Axis| Loop { dim: axis.dim, row: axis.row, column: axis.column, out: axis.out };
        let mut outer: Vec<Loop> = outer.iter().map(step).collect();
        if constant {
            let mut set = 1;
            for step in outer.iter_mut().rev().filter(|step| step.column > 0) {
                step.column = set;
                set *= step.dim;
            }
        }
        let source = match how {
            How::Columns { line, column: 1, .. }
                if !constant && columns.dim.is_multiple_of(PANEL) && depth > 1 =>
            {
                Source::Strided(line)
            }
            _ => Source::Each(how.clone()),
        };
        let rows = rows.unwrap_or(Axis { dim: 1, row: 0, column: 0, out: columns.dim });
        let this = Self {
            outer,
            rows: rows.dim,
            x_row: rows.row,
            y_row: rows.out,
            columns: columns.dim,
            depth,
            taps,
            source,
            bias: None,
            posts: Vec::new(),
        };
        Some((this, how))
    }

    /// Bytes of scratch.
    pub(crate) fn scratch(&self) -> u64 {
        match &self.source {
            Source::Each(how) => how.bytes(),
            _ => 0,
        }
    }

    pub(crate) fn run(&self, view: &mut View<'_>) {
        let (isa, run) = (view.isa(), view.run());
        let posts = Posts::bind(&self.posts, run);
        let x = view.factors(0);
        let set = packed_len(self.depth, self.columns);
        let (w, own): (Cow<'_, [f32]>, &mut [f32]) = match self.source {
            Source::Packed(pack) => (Cow::Borrowed(view.packed(pack)), &mut []),
            Source::Strided(_) => (view.factors(1), &mut []),
            Source::Each(_) => (Cow::Borrowed(view.operand(1)), view.scratch(set)),
        };
        let y: &mut [f32] = view.result();
        let bias: Option<&[f32]> = self.bias.map(|bias| run.read(bias));
        let parts = parts(view.threads(), self.rows, self.rows * self.columns * self.depth);
        let mut current = None;
        let steps: usize = self.outer.iter().map(|step| step.dim).product();
        for step in 0..steps {
            let (mut left, mut at) = (step, [0; 3]);
            for axis in self.outer.iter().rev() {
                let i = left % axis.dim;
                left /= axis.dim;
                at = [at[0] + i * axis.row, at[1] + i * axis.column, at[2] + i * axis.out];
            }
            if let Source::Each(how) = &self.source
                && current != Some(at[1])
            {
                arrange(isa, how, &w[at[1]..], own);
                keep_factors(isa, own);
                current = Some(at[1]);
            }
            let columns = match &self.source {
                Source::Packed(_) => Columns::Packed(&w[at[1] * set..][..set]),
                Source::Strided(stride) => Columns::Strided(&w[at[1]..], *stride),
                Source::Each(_) => Columns::Packed(own),
            };
            let posts = posts.cut(at[2]);
            let product = Gemm {
                rows: self.rows,
                columns: self.columns,
                depth: self.depth,
                x: &x[at[0]..],
                x_row: self.x_row,
                taps: self.taps.as_deref(),
                w: columns,
                bias,
                posts: &posts,
                place: Place::Rows { stride: self.y_row },
            };
            self.multiply(isa, &product, parts, &posts, &mut y[at[2]..]);
        }
    }
}

impl Product {
    /// One product, its rows on several threads.
    fn multiply(&self, isa: Isa, product: &Gemm<'_>, parts: usize, posts: &Posts<'_>, mut y: &mut [f32]) {
        if parts == 1 {
            return gemm(isa, product, y);
        }
        let mut list = Vec::with_capacity(parts);
        for range in ranges(self.rows, parts) {
            // The last rows end with their last column, not with a whole stride.
            let len = (range.len() * self.y_row).min(y.len());
            let (part, rest) = y.split_at_mut(len);
            y = rest;
            list.push((range, part));
        }
        each(list, |(range, y)| {
            let posts = posts.cut(range.start * self.y_row);
            let x = &product.x[range.start * self.x_row..];
            gemm(isa, &Gemm { rows: range.len(), x, posts: &posts, ..*product }, y);
        });
    }
}

/// Packs columns during a run.
fn arrange(isa: Isa, how: &How, x: &[f32], own: &mut [f32]) {
    match how {
        How::Columns { depth, columns, line, column, .. } => {
            pack(isa, *depth, *columns, x, *line, *column, own);
        }
        How::Loops(loops) => {
            let columns = loops.columns.iter().map(|axis| axis.dim).product();
            crate::einsum::pack(loops, columns, x, own.as_chunks_mut::<PANEL>().0);
        }
        _ => unreachable!("a product packs columns"),
    }
}
