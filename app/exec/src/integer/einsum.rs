//! An integer einsum: a batch of products of rows and columns.

use super::dots::{self, Blocks, Factors};
use super::lines::{Across, Multiplier, PANEL, Sides};
use crate::quant::{Byte, by_sign};
use crate::view::View;
use assay_kernels::{Isa, MANY, add_scaled_bytes};
use assay_plan::integer::{IntegerAxis as Axis, IntegerLoops, IntegerWay};
use assay_plan::{Node, integer_product};
use assay_types::limits::MAX_RANK;
use assay_types::tensor::DType;
use std::ops::Range;

/// The rows, columns and terms of a step, one by one.
#[derive(Debug)]
struct Few {
    rows: Vec<At>,
    columns: Vec<At>,
    terms: Vec<[usize; 2]>,
}

/// Positions in the five tensors.
type At = [usize; 5];

/// An integer einsum, ready to run.
#[derive(Debug)]
pub(crate) struct EinsumInt {
    loops: IntegerLoops,
    way: IntegerWay,
    /// Where everything is in a product whose sums are formed one by one.
    few: Option<Few>,
}

/// Columns whose sums are kept in the cache while the terms pass over them.
const LINE: usize = 2048;

fn steps(axes: &[Axis]) -> usize {
    axes.iter().map(|axis| axis.dim).product()
}

// Positions are checked where they are used; sums here need no check of their own, which would cost as much.
fn sum(a: At, b: At) -> At {
    std::array::from_fn(|tensor| a[tensor].wrapping_add(b[tensor]))
}

/// Nested loops, step by step.
struct Loops<'a> {
    axes: &'a [Axis],
    index: [usize; 2 * MAX_RANK],
    at: At,
}

impl<'a> Loops<'a> {
    /// From one of the steps on.
    fn new(axes: &'a [Axis], mut step: usize) -> Self {
        let (mut index, mut at) = ([0; 2 * MAX_RANK], [0; 5]);
        for (number, axis) in axes.iter().enumerate().rev() {
            // Nothing is divided by the outermost axis.
            let i = if number == 0 { step } else { step % axis.dim };
            step /= if number == 0 { 1 } else { axis.dim };
            index[number] = i;
            (0..5).for_each(|tensor| at[tensor] += i * axis.strides[tensor]);
        }
        Self { axes, index, at }
    }
}

impl Iterator for Loops<'_> {
    type Item = At;

    /// The positions of a step; after the last comes the first again.
    fn next(&mut self) -> Option<At> {
        let now = self.at;
        for (number, axis) in self.axes.iter().enumerate().rev() {
            self.index[number] += 1;
            if self.index[number] < axis.dim {
                self.at = sum(self.at, axis.strides);
                break;
            }
            let back = axis.strides.map(|stride| stride.wrapping_mul(axis.dim - 1).wrapping_neg());
            self.at = sum(self.at, back);
            self.index[number] = 0;
        }
        Some(now)
    }
}

impl EinsumInt {
    pub(crate) fn new(node: &Node, operands: &[&Node], labels: [&[u8]; 3]) -> Self {
        let (loops, way) = integer_product(node, operands, labels);
        let few = (way == IntegerWay::Singles).then(|| Few::new(&loops));
        Self { loops, way, few }
    }

    pub(crate) fn run(&self, view: &mut View<'_>) {
        let dtypes = [self.loops.x, 1 - self.loops.x].map(|operand| view.operand_node(operand).dtype);
        by_sign!(dtypes[0], X => by_sign!(dtypes[1], W => self.typed::<X, W>(view)))
    }

    fn typed<X: Byte, W: Byte>(&self, view: &mut View<'_>) {
        let (isa, y, loops) = (view.isa(), view.result::<i32>(), &self.loops);
        let [x, w] = [loops.x, 1 - loops.x];
        let mut product = Product::<X, W> {
            loops,
            data: (view.operand(x), view.operand(w), view.operand(2 + x), view.operand(2 + w)),
            raw: view.operand(w),
            at: [0; 5],
            rows: [[0; 5]; dots::FEW],
            columns: [[0; 5]; dots::FEW],
        };
        let batch = Loops::new(&loops.batch, 0).take(steps(&loops.batch));
        let shape = [steps(&loops.rows), steps(&loops.columns), steps(&loops.terms)];
        if let Some(few) = &self.few {
            return batch.for_each(|at| product.one_by_one(few, at, y));
        }
        y.fill(0);
        match self.way {
            IntegerWay::Singles | IntegerWay::Passes => batch.for_each(|at| {
                product.at = at;
                product.line_by_line(isa, shape, y);
            }),
            IntegerWay::Dots => {
                let mut blocks = Blocks::new();
                batch.for_each(|at| {
                    product.at = at;
                    blocks.multiply(isa, &mut product, shape, y);
                });
            }
            IntegerWay::Lines => {
                let mut multiplier = Multiplier::new(shape[1], shape[2]);
                // Columns keep their zero points from step to step, or not.
                let same = loops.batch.iter().all(|axis| axis.strides[3] == 0);
                for at in batch {
                    product.at = at;
                    if !same {
                        multiplier.forget();
                    }
                    multiplier.multiply(isa, &product, shape, y);
                }
            }
        }
    }
}

impl Few {
    fn new(loops: &IntegerLoops) -> Self {
        let all = |axes: &[Axis]| Loops::new(axes, 0).take(steps(axes)).collect::<Vec<At>>();
        let terms = all(&loops.terms).into_iter().map(|at| [at[0], at[1]]).collect();
        Self { rows: all(&loops.rows), columns: all(&loops.columns), terms }
    }
}

/// One step of the batch.
struct Product<'a, X, W> {
    loops: &'a IntegerLoops,
    /// x, w, their zero points.
    data: (&'a [X], &'a [W], &'a [X], &'a [W]),
    /// w again.
    raw: &'a [u8],
    at: At,
    rows: [At; dots::FEW],
    columns: [At; dots::FEW],
}

impl<X: Byte, W: Byte> Product<'_, X, W> {
    fn one_by_one(&self, few: &Few, step: At, y: &mut [i32]) {
        for row in &few.rows {
            let row = sum(step, *row);
            let zx = self.data.2[row[2]].wide();
            for column in &few.columns {
                let at = sum(row, *column);
                let zw = self.data.3[at[3]].wide();
                let (x, w) = (&self.data.0[at[0]..], &self.data.1[at[1]..]);
                let mut total = 0i32;
                for &[x_at, w_at] in &few.terms {
                    let (x, w) = (x[x_at].wide().wrapping_sub(zx), w[w_at].wide().wrapping_sub(zw));
                    total = total.wrapping_add(x.wrapping_mul(w));
                }
                y[at[4]] = total;
            }
        }
    }

    /// Few rows, columns side by side: four terms at a time pass over a line of results.
    fn line_by_line(&self, isa: Isa, [rows, columns, terms]: [usize; 3], y: &mut [i32]) {
        let stride = self.loops.terms.first().map_or([0; 5], |axis| axis.strides);
        for own in Loops::new(&self.loops.rows, 0).take(rows) {
            let at = sum(self.at, own);
            let zero = self.data.2[at[2]].wide();
            let x = |term: usize| self.data.0[at[0] + term * stride[0]].wide() - zero;
            for first in (0..columns).step_by(LINE) {
                let width = LINE.min(columns - first);
                let y = &mut y[at[4] + first..][..width];
                let mut total = 0i32;
                for term in (0..terms).step_by(MANY) {
                    // What fills four terms up counts nothing.
                    let last = MANY.min(terms - term) - 1;
                    let x: [i32; MANY] = std::array::from_fn(|i| if i > last { 0 } else { x(term + i) });
                    let w = |i: usize| &self.raw[at[1] + first + (term + i.min(last)) * stride[1]..];
                    add_scaled_bytes(isa, &x, std::array::from_fn(w), W::LEAST < 0, y);
                    total = x.iter().fold(total, |total, &x| total.wrapping_add(x));
                }
                let zeros = self.loops.columns.first().map_or(0, |axis| axis.strides[3]);
                if zeros == 0 {
                    let less = self.data.3[at[3]].wide().wrapping_mul(total);
                    y.iter_mut().for_each(|y| *y = y.wrapping_sub(less));
                    continue;
                }
                for (y, zero) in y.iter_mut().zip(self.data.3[at[3] + first * zeros..].iter().step_by(zeros))
                {
                    *y = y.wrapping_sub(zero.wide().wrapping_mul(total));
                }
            }
        }
    }
}

impl<X: Byte, W: Byte> Sides for Product<'_, X, W> {
    fn rows(&self, rows: Range<usize>, terms: Range<usize>, words: (&mut [i16], usize), at: &mut [usize]) {
        let (words, stride) = words;
        let own = Loops::new(&self.loops.rows, rows.start);
        for ((own, at), to) in own.zip(at).zip(words.chunks_exact_mut(stride)) {
            let own = sum(self.at, own);
            *at = own[4];
            let zero = self.data.2[own[2]].wide();
            gather(&self.loops.terms, 0, terms.start, self.data.0, own[0], zero, &mut to[..terms.len()]);
        }
    }

    fn lanes(&self, lanes: Range<usize>, across: &mut Across) {
        if let [axis] = self.loops.columns[..]
            && axis.strides[3] == 0
        {
            let zeros = [self.data.3[self.at[3]].wide(); PANEL];
            return across.even(lanes, [axis.strides[1], axis.strides[4]], zeros);
        }
        let mut own = Loops::new(&self.loops.columns, lanes.start);
        for first in lanes.clone().step_by(PANEL) {
            let count = PANEL.min(lanes.end - first);
            let (mut starts, mut zeros, mut places) = ([0; PANEL], [0; PANEL], [0; PANEL]);
            for (lane, at) in own.by_ref().take(count).enumerate() {
                (starts[lane], places[lane]) = (at[1], at[4]);
                zeros[lane] = self.data.3[self.at[3] + at[3]].wide();
            }
            across.panel(starts, count, zeros);
            (0..count).for_each(|lane| across.put(lane, 1, places[lane]));
        }
    }

    fn terms(&self, terms: Range<usize>, to: &mut [usize]) {
        let all = Loops::new(&self.loops.terms, terms.start);
        to.iter_mut().zip(all).for_each(|(to, at)| *to = at[1]);
    }

    fn bytes(&self) -> (&[u8], bool) {
        (&self.raw[self.at[1]..], W::LEAST < 0)
    }
}

impl<X: Byte, W: Byte> Factors for Product<'_, X, W> {
    fn rows(&mut self, rows: Range<usize>, terms: Range<usize>, to: &mut [i16]) {
        let own = Loops::new(&self.loops.rows, rows.start).take(rows.len());
        for (i, own) in own.enumerate() {
            self.rows[i] = sum(self.at, own);
            let zero = self.data.2[self.rows[i][2]].wide();
            let (from, to) = (self.rows[i][0], &mut to[i * dots::TERMS..][..terms.len()]);
            gather(&self.loops.terms, 0, terms.start, self.data.0, from, zero, to);
        }
    }

    fn columns(&mut self, columns: Range<usize>, terms: Range<usize>, to: &mut [i16]) {
        let own = Loops::new(&self.loops.columns, columns.start).take(columns.len());
        for (i, own) in own.enumerate() {
            self.columns[i] = own;
            let (from, to) = (self.at[1] + own[1], &mut to[i * dots::TERMS..][..terms.len()]);
            gather(&self.loops.terms, 1, terms.start, self.data.1, from, 0, to);
        }
    }

    fn result(&self, row: usize, column: usize) -> (usize, i32) {
        let at = sum(self.rows[row], self.columns[column]);
        (at[4], self.data.3[at[3]].wide())
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
    let zero = zero as i16;
    let Some((inner, outer)) = axes.split_last() else {
        return to.fill(x[from].word().wrapping_sub(zero));
    };
    let step = inner.strides[tensor];
    let run = |x: &[T], to: &mut [i16]| match step {
        1 => to.iter_mut().zip(x).for_each(|(to, x)| *to = x.word().wrapping_sub(zero)),
        0 => to.fill(x[0].word().wrapping_sub(zero)),
        _ => to.iter_mut().zip(x.iter().step_by(step)).for_each(|(to, x)| *to = x.word().wrapping_sub(zero)),
    };
    if outer.is_empty() {
        return run(&x[from + first * step..], to);
    }
    let (mut skip, mut to) = (first % inner.dim, to);
    for at in Loops::new(outer, first / inner.dim) {
        if to.is_empty() {
            return;
        }
        // What is left of the innermost axis.
        let (now, rest) = to.split_at_mut((inner.dim - skip).min(to.len()));
        run(&x[from + at[tensor] + skip * step..], now);
        (to, skip) = (rest, 0);
    }
}
