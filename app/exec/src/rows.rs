//! Reductions and row functions. Axes that are not the last are brought there first, and back where that
//! matters.

use crate::elementwise::Integer;
use crate::view::View;
use assay_kernels::{self as kernels, Fold};
use assay_plan::Node;
use assay_plan::shape::{around, keeps_order, reduced_last, strides};
use assay_plan::walk::{Walk, signed};
use assay_plan::{Opcode, Reducer};
use assay_types::tensor::DType;

/// How rows are brought together: nothing to do, or a walk there and a walk back.
#[derive(Debug)]
pub(crate) struct Rows {
    /// Elements of a row.
    n: usize,
    there_and_back: Option<[Walk<1>; 2]>,
}

impl Rows {
    pub(crate) fn new(x: &Node, axes: &[u8]) -> Self {
        let n = axes.iter().map(|&axis| x.dims[axis as usize] as usize).product();
        let order = reduced_last(x.dims.len(), axes);
        if keeps_order(&x.dims, &order) {
            return Self { n, there_and_back: None };
        }
        let steps = signed(strides(&x.dims));
        let there: Vec<isize> = order.iter().map(|&axis| steps[axis as usize]).collect();
        let dims: Vec<u32> = order.iter().map(|&axis| x.dims[axis as usize]).collect();
        let moved = signed(strides(&dims));
        let mut back = vec![0; order.len()];
        for (at, &axis) in order.iter().enumerate() {
            back[axis as usize] = moved[at];
        }
        let walks = [Walk::new(&dims, [&there], [0]), Walk::new(&x.dims, [&back], [0])];
        Self { n, there_and_back: Some(walks) }
    }

    /// A softmax, its logarithm or a root-mean-square norm.
    pub(crate) fn function(&self, view: &mut View<'_>) {
        let x: &[f32] = view.operand(0);
        let y: &mut [f32] = view.result();
        let Some([there, back]) = &self.there_and_back else {
            y.copy_from_slice(x);
            return self.apply(view, y);
        };
        let rows: &mut [f32] = view.scratch(x.len());
        there.copy(x, rows);
        self.apply(view, rows);
        back.copy(rows, y);
    }

    fn apply(&self, view: &View<'_>, rows: &mut [f32]) {
        match view.node().op {
            Opcode::LogSoftmax { .. } => kernels::log_softmax_rows(view.isa(), self.n, rows),
            Opcode::RmsNorm { eps, .. } => {
                kernels::rms_norm_rows(view.isa(), self.n, f32::from_bits(eps), rows);
            }
            _ => kernels::softmax_rows(view.isa(), self.n, rows),
        }
    }

    pub(crate) fn reduce(&self, view: &mut View<'_>, reducer: Reducer) {
        match view.node().dtype {
            DType::F32 => {
                let fold = match reducer {
                    Reducer::Sum => Fold::Sum,
                    Reducer::Max => Fold::Max,
                    Reducer::Min => Fold::Min,
                    Reducer::Prod => Fold::Prod,
                };
                let x = self.rows::<f32>(view);
                kernels::fold_rows(view.isa(), fold, self.n, x, view.result());
            }
            DType::I64 => self.reduce_integer::<i64>(view, reducer),
            DType::I32 => self.reduce_integer::<i32>(view, reducer),
            DType::I8 => self.reduce_integer::<i8>(view, reducer),
            DType::U8 => self.reduce_integer::<u8>(view, reducer),
            DType::Bool => {
                let any = reducer == Reducer::Max;
                let x = self.rows::<u8>(view);
                let y: &mut [u8] = view.result();
                for (row, y) in x.chunks_exact(self.n).zip(y) {
                    *y =
                        if any { row.iter().fold(0, |a, b| a | b) } else { row.iter().fold(1, |a, b| a & b) };
                }
            }
        }
    }

    /// The operand with its rows side by side.
    fn rows<'a, T: crate::buffer::Element>(&self, view: &mut View<'a>) -> &'a [T] {
        let x: &'a [T] = view.operand(0);
        let Some([there, _]) = &self.there_and_back else { return x };
        let rows: &'a mut [T] = view.scratch(x.len());
        there.copy(x, rows);
        rows
    }

    fn reduce_integer<T: Integer>(&self, view: &mut View<'_>, reducer: Reducer) {
        let x = self.rows::<T>(view);
        let y: &mut [T] = view.result();
        for (row, y) in x.chunks_exact(self.n).zip(y) {
            let row = row.iter().copied();
            *y = match reducer {
                Reducer::Sum => row.fold(T::default(), T::wrapping_add),
                Reducer::Max => row.fold(T::MIN, T::max),
                Reducer::Min => row.fold(T::MAX, T::min),
                Reducer::Prod => row.fold(T::ONE, T::wrapping_mul),
            };
        }
    }
}

pub(crate) fn arg(view: &mut View<'_>, axis: u8, greatest: bool, last: bool) {
    match view.operand_node(0).dtype {
        DType::F32 => arg_as::<f32>(view, axis, greatest, last),
        DType::I64 => arg_as::<i64>(view, axis, greatest, last),
        DType::I32 => arg_as::<i32>(view, axis, greatest, last),
        DType::I8 => arg_as::<i8>(view, axis, greatest, last),
        DType::U8 | DType::Bool => arg_as::<u8>(view, axis, greatest, last),
    }
}

/// The first element is the best until another compares better, or, for `last`, better or equal.
fn arg_as<T: crate::buffer::Element + PartialOrd>(view: &mut View<'_>, axis: u8, greatest: bool, last: bool) {
    let (_, dim, inner) = around(&view.operand_node(0).dims, axis);
    let x: &[T] = view.operand(0);
    let y: &mut [i64] = view.result();
    if dim == 1 {
        return y.fill(0);
    }
    let better = |new: T, best: T| {
        let ahead = if greatest { new > best } else { new < best };
        ahead | (last & (new == best))
    };
    if inner == 1 {
        for (row, y) in x.chunks_exact(dim).zip(y) {
            let (mut best, mut at) = (row[0], 0);
            for (position, &new) in row.iter().enumerate().skip(1) {
                // Chosen, not branched on: which one it is must not be guessed.
                let ahead = better(new, best);
                (best, at) = (if ahead { new } else { best }, if ahead { position } else { at });
            }
            *y = at as i64;
        }
        return;
    }
    // Some neighbouring rows at a time: their best elements stay at hand.
    const SIDE: usize = 64;
    for (block, y) in x.chunks_exact(dim * inner).zip(y.chunks_exact_mut(inner)) {
        for (number, y) in y.chunks_mut(SIDE).enumerate() {
            let first = number * SIDE;
            let mut best = [block[0]; SIDE];
            let (best, width) = (&mut best[..y.len()], y.len());
            best.copy_from_slice(&block[first..][..width]);
            y.fill(0);
            for (position, row) in block.chunks_exact(inner).enumerate().skip(1) {
                for ((y, best), &new) in y.iter_mut().zip(&mut *best).zip(&row[first..][..width]) {
                    // As above; the compiler would branch if it were not told.
                    let ahead = better(new, *best);
                    *best = std::hint::select_unpredictable(ahead, new, *best);
                    *y = std::hint::select_unpredictable(ahead, position as i64, *y);
                }
            }
        }
    }
}
