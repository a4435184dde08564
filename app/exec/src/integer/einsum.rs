//! An integer einsum: a batch of products of rows and columns.

use super::{Blocks, COLUMNS, Factors, ROWS, TERMS};
use crate::quant::{Byte, by_sign};
use crate::view::View;
use assay_kernels::{Isa, MANY, add_scaled_bytes};
use assay_plan::Node;
use assay_plan::shape::repeating_strides;
use assay_types::tensor::DType;
use std::ops::Range;

/// A loop: its steps, and strides of x, w, the zero points of both, and the result.
#[derive(Debug, Clone, Copy)]
struct Axis {
    dim: usize,
    strides: [usize; 5],
}

/// Positions in the five tensors.
type At = [usize; 5];

/// An integer einsum, ready to run. The operand with fewer elements of its own in the result gives the rows.
#[derive(Debug)]
pub(crate) struct EinsumInt {
    batch: Vec<Axis>,
    rows: Vec<Axis>,
    columns: Vec<Axis>,
    terms: Vec<Axis>,
    /// Which operand (0, 1) gives the rows, x.
    x: usize,
    /// Where the terms of few are, in x and w.
    places: Vec<[usize; 2]>,
}

/// Products of fewer terms in all are summed one by one.
const FEW: usize = 256;
/// Terms, at most, that pass one by one over a line of results, however many rows there are.
const SHALLOW: usize = 16;
/// Columns whose sums are kept in the cache while the terms pass over them.
const LINE: usize = 2048;

/// The stride and the dim of a label in a tensor; a dim of 1 repeats.
fn along(labels: &[u8], node: &Node, label: u8) -> (usize, usize) {
    match labels.iter().position(|&own| own == label) {
        Some(axis) => (repeating_strides(&node.dims)[axis], node.dims[axis] as usize),
        None => (0, 1),
    }
}

fn steps(axes: &[Axis]) -> usize {
    axes.iter().map(|axis| axis.dim).product()
}

/// The positions of one step of nested loops.
fn place(axes: &[Axis], mut step: usize) -> At {
    let mut at = [0; 5];
    for axis in axes.iter().rev() {
        let i = step % axis.dim;
        step /= axis.dim;
        (0..5).for_each(|tensor| at[tensor] += i * axis.strides[tensor]);
    }
    at
}

impl EinsumInt {
    pub(crate) fn new(node: &Node, operands: &[&Node], [a, b, out]: [&[u8]; 3]) -> Self {
        let labels = [a, b, a, b];
        let axis = |&label: &u8| {
            let found: [(usize, usize); 4] =
                std::array::from_fn(|tensor| along(labels[tensor], operands[tensor], label));
            let (y, _) = along(out, node, label);
            let dim = found[0].1.max(found[1].1);
            Axis { dim, strides: [found[0].0, found[1].0, found[2].0, found[3].0, y] }
        };
        let only_b = b.iter().filter(|label| !a.contains(label));
        let summed = a.iter().chain(only_b).filter(|label| !out.contains(label));
        let long = |axis: &Axis| axis.dim > 1;
        let terms = summed.map(axis).filter(long).collect();
        let (mut batch, mut rows, mut columns) = (vec![], vec![], vec![]);
        for axis in out.iter().map(axis).filter(long) {
            match axis.strides {
                [_, 0, ..] => rows.push(axis),
                [0, ..] => columns.push(axis),
                _ => batch.push(axis),
            }
        }
        let mut this = Self { batch, rows, columns, terms, x: 0, places: vec![] };
        let shallow = steps(&this.terms) <= SHALLOW && this.side_by_side();
        if steps(&this.rows) > steps(&this.columns) && !shallow {
            this.swap();
        }
        let few = steps(&this.terms);
        if few < FEW {
            this.places = (0..few).map(|term| place(&this.terms, term)).map(|at| [at[0], at[1]]).collect();
        }
        this
    }

    fn swap(&mut self) {
        std::mem::swap(&mut self.rows, &mut self.columns);
        for list in [&mut self.batch, &mut self.rows, &mut self.columns, &mut self.terms] {
            for axis in list {
                axis.strides.swap(0, 1);
                axis.strides.swap(2, 3);
            }
        }
        self.x = 1;
    }

    pub(crate) fn run(&self, view: &mut View<'_>) {
        let dtypes = [self.x, 1 - self.x].map(|operand| view.operand_node(operand).dtype);
        by_sign!(dtypes[0], X => by_sign!(dtypes[1], W => self.typed::<X, W>(view)))
    }

    fn typed<X: Byte, W: Byte>(&self, view: &mut View<'_>) {
        let (isa, y) = (view.isa(), view.result::<i32>());
        let [x, w] = [self.x, 1 - self.x];
        let mut product = Product::<X, W> {
            einsum: self,
            data: (view.operand(x), view.operand(w), view.operand(2 + x), view.operand(2 + w)),
            raw: view.operand(w),
            at: [0; 5],
            rows: [[0; 5]; ROWS],
            columns: [[0; 5]; COLUMNS],
        };
        y.fill(0);
        let shape = [steps(&self.rows), steps(&self.columns), steps(&self.terms)];
        let few = shape.iter().product::<usize>() < FEW;
        let mut blocks = None;
        for step in 0..steps(&self.batch) {
            product.at = place(&self.batch, step);
            if few {
                product.one_by_one(shape, y);
            } else if self.side_by_side() && (shape[0] < MANY || shape[2] <= SHALLOW) {
                product.line_by_line(isa, shape, y);
            } else {
                blocks.get_or_insert_with(Blocks::new).multiply(isa, &mut product, shape, y);
            }
        }
    }

    /// Whether the columns lie side by side, in w and in the result, and the terms evenly.
    fn side_by_side(&self) -> bool {
        let columns = matches!(self.columns[..], [Axis { strides: [_, 1, _, _, 1], .. }]);
        columns && self.terms.len() <= 1
    }
}

/// One step of the batch.
struct Product<'a, X, W> {
    einsum: &'a EinsumInt,
    /// x, w, their zero points.
    data: (&'a [X], &'a [W], &'a [X], &'a [W]),
    /// w again.
    raw: &'a [u8],
    at: At,
    rows: [At; ROWS],
    columns: [At; COLUMNS],
}

impl<X: Byte, W: Byte> Product<'_, X, W> {
    /// The positions of a step of the rows or columns.
    fn from(&self, axes: &[Axis], step: usize) -> At {
        let own = place(axes, step);
        std::array::from_fn(|tensor| self.at[tensor] + own[tensor])
    }

    fn one_by_one(&self, [rows, columns, _]: [usize; 3], y: &mut [i32]) {
        for row in 0..rows {
            let from = place(&self.einsum.rows, row);
            for column in 0..columns {
                let own = self.from(&self.einsum.columns, column);
                let at: At = std::array::from_fn(|tensor| own[tensor] + from[tensor]);
                let (zx, zw) = (self.data.2[at[2]].wide(), self.data.3[at[3]].wide());
                let terms = self.einsum.places.iter().map(|term| {
                    let (x, w) = (self.data.0[at[0] + term[0]].wide(), self.data.1[at[1] + term[1]].wide());
                    (x - zx).wrapping_mul(w - zw)
                });
                let sum = terms.fold(0i32, i32::wrapping_add);
                y[at[4]] = sum;
            }
        }
    }

    /// Few rows, columns side by side: four terms at a time pass over a line of results.
    fn line_by_line(&self, isa: Isa, [rows, columns, terms]: [usize; 3], y: &mut [i32]) {
        let stride = self.einsum.terms.first().map_or([0; 5], |axis| axis.strides);
        for row in 0..rows {
            let at = self.from(&self.einsum.rows, row);
            let zero = self.data.2[at[2]].wide();
            let x = |term: usize| self.data.0[at[0] + term * stride[0]].wide() - zero;
            for first in (0..columns).step_by(LINE) {
                let width = LINE.min(columns - first);
                let y = &mut y[at[4] + first..][..width];
                let mut sum = 0i32;
                for term in (0..terms).step_by(MANY) {
                    if terms - term >= MANY {
                        let x: [i32; MANY] = std::array::from_fn(|i| x(term + i));
                        sum = x.iter().fold(sum, |sum, &x| sum.wrapping_add(x));
                        let w = &self.raw[at[1] + first + term * stride[1]..];
                        add_scaled_bytes(isa, &x, w, stride[1], W::LEAST < 0, y);
                        continue;
                    }
                    for term in term..terms {
                        let x = [x(term), 0, 0, 0];
                        sum = sum.wrapping_add(x[0]);
                        let w = &self.raw[at[1] + first + term * stride[1]..];
                        add_scaled_bytes(isa, &x, w, 0, W::LEAST < 0, y);
                    }
                }
                let zeros = self.einsum.columns.first().map_or(0, |axis| axis.strides[3]);
                if zeros == 0 {
                    let less = self.data.3[at[3]].wide().wrapping_mul(sum);
                    y.iter_mut().for_each(|y| *y = y.wrapping_sub(less));
                    continue;
                }
                for (y, zero) in y.iter_mut().zip(self.data.3[at[3] + first * zeros..].iter().step_by(zeros))
                {
                    *y = y.wrapping_sub(zero.wide().wrapping_mul(sum));
                }
            }
        }
    }
}

impl<X: Byte, W: Byte> Factors for Product<'_, X, W> {
    fn rows(&mut self, rows: Range<usize>, terms: Range<usize>, to: &mut [i16]) {
        for (i, row) in rows.enumerate() {
            self.rows[i] = place(&self.einsum.rows, row);
            let zero = self.data.2[self.at[2] + self.rows[i][2]].wide();
            let from = self.at[0] + self.rows[i][0];
            let to = &mut to[i * TERMS..][..terms.len()];
            gather(&self.einsum.terms, 0, terms.start, self.data.0, from, zero, to);
        }
    }

    fn columns(&mut self, columns: Range<usize>, terms: Range<usize>, to: &mut [i16]) {
        for (i, column) in columns.enumerate() {
            self.columns[i] = self.from(&self.einsum.columns, column);
            let from = self.columns[i][1];
            gather(
                &self.einsum.terms,
                1,
                terms.start,
                self.data.1,
                from,
                0,
                &mut to[i * TERMS..][..terms.len()],
            );
        }
    }

    fn result(&self, row: usize, column: usize) -> (usize, i32) {
        let (row, column) = (&self.rows[row], &self.columns[column]);
        (row[4] + column[4], self.data.3[row[3] + column[3]].wide())
    }
}

/// Terms from `first` on of the operand `tensor`, whose row starts at `from`, less `zero`.
fn gather<T: Byte>(
    axes: &[Axis],
    tensor: usize,
    first: usize,
    x: &[T],
    from: usize,
    zero: i32,
    to: &mut [i16],
) {
    let Some(inner) = axes.last() else {
        to.fill((x[from].wide() - zero) as i16);
        return;
    };
    let (mut term, mut to) = (first, to);
    while !to.is_empty() {
        // What is left of the innermost axis.
        let at = from + place(axes, term)[tensor];
        let count = (inner.dim - term % inner.dim).min(to.len());
        let (now, rest) = to.split_at_mut(count);
        match inner.strides[tensor] {
            1 => now.iter_mut().zip(&x[at..]).for_each(|(to, x)| *to = (x.wide() - zero) as i16),
            step => {
                for (i, to) in now.iter_mut().enumerate() {
                    *to = (x[at + i * step].wide() - zero) as i16;
                }
            }
        }
        to = rest;
        term += count;
    }
}
