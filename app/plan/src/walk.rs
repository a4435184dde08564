//! Walks over tensors that agree in dims but not in strides, as runs along the innermost axis.
//!
//! Neighbouring axes that every tensor steps through evenly are merged, so that a run is as long as it can
//! be.

use crate::format::Node;
use crate::opcode::Opcode;
use crate::shape::{repeating_strides, strides};
use assay_types::limits::MAX_RANK;

/// A walk over `N` tensors at once, in row-major order of the dims.
#[derive(Debug, Clone)]
pub struct Walk<const N: usize> {
    outer: Vec<(usize, [isize; N])>,
    base: [usize; N],
    /// Elements of a run.
    pub run: usize,
    /// Elements between neighbours of a run, per tensor.
    pub steps: [isize; N],
}

impl<const N: usize> Walk<N> {
    /// A walk over `dims`, from the elements `base`, with the tensors' strides in elements.
    pub fn new(dims: &[u32], strides: [&[isize]; N], base: [usize; N]) -> Self {
        let mut axes: Vec<(usize, [isize; N])> = Vec::new();
        for (axis, &dim) in dims.iter().enumerate().filter(|&(_, &dim)| dim > 1) {
            let dim = dim as usize;
            let steps = strides.map(|strides| strides[axis]);
            match axes.last_mut() {
                Some((outer, outer_steps)) if (0..N).all(|i| outer_steps[i] == steps[i] * dim as isize) => {
                    *outer *= dim;
                    *outer_steps = steps;
                }
                _ => axes.push((dim, steps)),
            }
        }
        let (run, steps) = axes.pop().unwrap_or((1, [0; N]));
        Self { outer: axes, base, run, steps }
    }

    /// Calls `visit` with the first element of every run, per tensor.
    pub fn each(&self, mut visit: impl FnMut([usize; N])) {
        let mut index = [0usize; MAX_RANK];
        let mut at = self.base;
        loop {
            visit(at);
            let mut axis = self.outer.len();
            loop {
                if axis == 0 {
                    return;
                }
                axis -= 1;
                let (dim, steps) = &self.outer[axis];
                index[axis] += 1;
                if index[axis] < *dim {
                    (0..N).for_each(|i| at[i] = at[i].wrapping_add_signed(steps[i]));
                    break;
                }
                let back = index[axis] as isize - 1;
                (0..N).for_each(|i| at[i] = at[i].wrapping_add_signed(-steps[i] * back));
                index[axis] = 0;
            }
        }
    }
}

/// Strides as a walk takes them.
pub fn signed(strides: Vec<usize>) -> Vec<isize> {
    strides.into_iter().map(|stride| stride as isize).collect()
}

impl<const N: usize> Walk<N> {
    /// The walk of an elementwise opcode over its operands. Along a run an operand either stands still or
    /// goes on.
    pub fn elementwise(node: &Node, operands: [&Node; N]) -> Self {
        let steps = operands.map(|operand| signed(repeating_strides(&operand.dims)));
        Self::new(&node.dims, std::array::from_fn(|i| &steps[i][..]), [0; N])
    }

    /// How many runs there are.
    pub fn runs(&self) -> u64 {
        self.outer.iter().map(|(dim, _)| *dim as u64).product()
    }
}

impl Walk<1> {
    /// The walk of a Permute, Slice or Broadcast over its operand.
    pub fn of_copy(node: &Node, x: &Node) -> Self {
        let mut base = 0;
        let mut steps = signed(strides(&x.dims));
        match &node.op {
            Opcode::Permute { axes } => steps = axes.iter().map(|&axis| steps[axis as usize]).collect(),
            Opcode::Slice { axis, start, step } => {
                let axis = *axis as usize;
                base = *start as usize * steps[axis] as usize;
                // A slice of one element may claim any step; longer ones stay inside the operand.
                steps[axis] *= if node.dims[axis] > 1 { *step as isize } else { 0 };
            }
            _ => steps = signed(repeating_strides(&x.dims)),
        }
        Self::new(&node.dims, [&steps], [base])
    }

    /// Whether the elements that neighbour each other in the value lie along another axis than the runs.
    pub fn turns(&self) -> bool {
        self.side().is_some()
    }

    /// The outer axis along which neighbours lie, when the runs jump.
    fn side(&self) -> Option<usize> {
        self.outer.iter().position(|(_, steps)| steps[0] == 1).filter(|_| self.steps[0] > 1)
    }

    /// Copies the walked elements to `y`, one after the other.
    pub fn copy<T: Copy>(&self, x: &[T], y: &mut [T]) {
        let step = self.steps[0];
        if let Some(side) = self.side() {
            return self.transpose(side, x, y);
        }
        let mut runs = y.chunks_exact_mut(self.run);
        self.each(|[start]| {
            let Some(run) = runs.next() else { return };
            match step {
                1 => run.copy_from_slice(&x[start..][..run.len()]),
                0 => run.fill(x[start]),
                _ => {
                    let mut at = start;
                    for y in run {
                        *y = x[at];
                        at = at.wrapping_add_signed(step);
                    }
                }
            }
        });
    }

    /// [`Walk::copy`] where the neighbours in `x` lie along the outer axis `side`: in blocks, so that each
    /// line of memory is read and written while it is in the cache.
    fn transpose<T: Copy>(&self, side: usize, x: &[T], y: &mut [T]) {
        const BLOCK: usize = 16;
        let step = self.steps[0] as usize;
        let mut outer = Vec::with_capacity(self.outer.len());
        let mut stride = self.run as isize;
        for (dim, steps) in self.outer.iter().rev() {
            outer.push((*dim, [steps[0], stride]));
            stride *= *dim as isize;
        }
        outer.reverse();
        let (height, [_, row]) = outer.remove(side);
        let planes = Walk { outer, base: [self.base[0], 0], run: 1, steps: [0; 2] };
        planes.each(|[x_start, y_start]| {
            for top in (0..height).step_by(BLOCK) {
                for left in (0..self.run).step_by(BLOCK) {
                    let width = BLOCK.min(self.run - left);
                    for line in top..height.min(top + BLOCK) {
                        let y = &mut y[y_start + line * row as usize + left..][..width];
                        let mut at = x_start + line + left * step;
                        for y in y {
                            *y = x[at];
                            at += step;
                        }
                    }
                }
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn visits(walk: &Walk<1>) -> Vec<usize> {
        let mut list = Vec::new();
        walk.each(|[at]| {
            list.extend((0..walk.run).map(|i| at.wrapping_add_signed(walk.steps[0] * i as isize)))
        });
        list
    }

    #[test]
    fn a_contiguous_walk_is_one_run() {
        let walk = Walk::new(&[2, 3, 4], [&[12, 4, 1]], [0]);
        assert_eq!((walk.run, walk.outer.len()), (24, 0));
        assert_eq!(visits(&walk), (0..24).collect::<Vec<_>>());
    }

    #[test]
    fn a_transposed_walk_visits_columns_first() {
        assert_eq!(visits(&Walk::new(&[3, 2], [&[1, 3]], [0])), [0, 3, 1, 4, 2, 5]);
    }

    #[test]
    fn a_walk_may_go_backwards() {
        assert_eq!(visits(&Walk::new(&[2, 3], [&[3, -1]], [2])), [2, 1, 0, 5, 4, 3]);
    }

    #[test]
    fn a_scalar_is_one_visit() {
        assert_eq!(visits(&Walk::new(&[], [&[]], [0])), [0]);
    }
}
