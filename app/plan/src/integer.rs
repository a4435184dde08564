//! Products of integers: their loops, and the ways through them.
//!
//! Sums of integers may be formed in any order, so each product goes the way that costs least for its shape.

use crate::format::Node;
use crate::shape::repeating_strides;

/// A loop of a product of integers.
#[derive(Debug, Clone, Copy)]
pub struct IntegerAxis {
    /// Its steps.
    pub dim: usize,
    /// Elements from step to step of x, w, the zero points of both, and the result.
    pub strides: [usize; 5],
}

/// The loops of a product of integers; those through which all tensors go evenly are one. One operand gives the rows
/// of each step of the batch, x, the other the columns, w.
#[derive(Debug, Clone)]
pub struct IntegerLoops {
    /// Steps of both operands and the result.
    pub batch: Vec<IntegerAxis>,
    /// Steps of x and the result.
    pub rows: Vec<IntegerAxis>,
    /// Steps of w and the result.
    pub columns: Vec<IntegerAxis>,
    /// Steps that the result lacks.
    pub terms: Vec<IntegerAxis>,
    /// Which operand (0, 1) is x.
    pub x: usize,
}

/// How the products of a step of the batch are computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IntegerWay {
    /// Sum by sum, term by term.
    Singles,
    /// As dot products of words that are brought side by side, four at a time.
    Dots,
    /// Row by row: the terms pass over a line of sums, whose columns lie side by side.
    Passes,
    /// In lines of 16 columns that are brought side by side.
    Lines,
}

/// The stride and the dim of a label in a tensor; a dim of 1 repeats.
fn along(labels: &[u8], node: &Node, label: u8) -> (usize, usize) {
    match labels.iter().position(|&own| own == label) {
        Some(axis) => (repeating_strides(&node.dims)[axis], node.dims[axis] as usize),
        None => (0, 1),
    }
}

/// Neighbouring loops through which all tensors go evenly are one.
fn merged(axes: impl Iterator<Item = IntegerAxis>) -> Vec<IntegerAxis> {
    let mut list: Vec<IntegerAxis> = vec![];
    for axis in axes.filter(|axis| axis.dim > 1) {
        match list.last_mut() {
            Some(outer) if outer.strides == axis.strides.map(|stride| stride * axis.dim) => {
                *outer = IntegerAxis { dim: outer.dim * axis.dim, strides: axis.strides };
            }
            _ => list.push(axis),
        }
    }
    list
}

impl IntegerLoops {
    /// The loops of a node, its first operand being x. The labels must have passed [`crate::rules`].
    pub(crate) fn new(node: &Node, operands: &[&Node], [a, b, out]: [&[u8]; 3]) -> Self {
        let labels = [a, b, a, b];
        let axis = |&label: &u8| {
            let found: [(usize, usize); 4] =
                std::array::from_fn(|tensor| along(labels[tensor], operands[tensor], label));
            let (y, _) = along(out, node, label);
            let dim = found[0].1.max(found[1].1);
            IntegerAxis { dim, strides: [found[0].0, found[1].0, found[2].0, found[3].0, y] }
        };
        let only_b = b.iter().filter(|label| !a.contains(label));
        let summed = a.iter().chain(only_b).filter(|label| !out.contains(label));
        let own = |axis: &IntegerAxis| [axis.strides[0] > 0, axis.strides[1] > 0];
        let of = |sides: [bool; 2]| merged(out.iter().map(axis).filter(|axis| own(axis) == sides));
        // What neither has repeats its results; it counts as one of the rows.
        let rows = merged(out.iter().map(axis).filter(|axis| axis.strides[1] == 0));
        let (batch, columns) = (of([true, true]), of([false, true]));
        Self { batch, rows, columns, terms: merged(summed.map(axis)), x: 0 }
    }

    /// The same product with rows and columns exchanged.
    pub(crate) fn swapped(&self) -> Self {
        let mut this = self.clone();
        std::mem::swap(&mut this.rows, &mut this.columns);
        for list in [&mut this.batch, &mut this.rows, &mut this.columns, &mut this.terms] {
            for axis in list {
                axis.strides.swap(0, 1);
                axis.strides.swap(2, 3);
            }
        }
        this.x = 1 - this.x;
        this
    }

    /// Whether the columns lie side by side, in w and in the result, and the terms evenly.
    pub(crate) fn passes(&self) -> bool {
        matches!(self.columns[..], [IntegerAxis { strides: [_, 1, _, _, 1], .. }]) && self.terms.len() <= 1
    }
}
