//! Which nodes a step takes along: those that follow its result elementwise, one user at a time.
//!
//! A node is taken when it is the only user of what is there so far, has its dims, and its other operand is
//! one element, one for each column or channel, or laid out as the results are. The order of its operands is
//! kept: `max(c, x)` is not `max(x, c)` when one of them is NaN.

use super::posts::MAX_POSTS;
use super::tags::Image;
use crate::elementwise::{binary_kernel, unary_kernel};
use crate::outline::Outline;
use assay_kernels::{Binary, Unary};
use assay_plan::Opcode;
use assay_plan::shape::{count, repeating_strides};
use assay_types::tensor::DType;

/// How the results of a step lie, for what is taken along.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Geometry {
    /// Rows of so many columns; 0 until a node asks for a number.
    Rows { columns: usize },
    /// Blocks of channels.
    Blocks(Image),
}

/// How an operand lies beside results.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    One,
    Columns,
    Same,
}

/// One node to take along.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Taken {
    Unary(Unary),
    /// The other operand; whether it is the first.
    Binary {
        op: Binary,
        other: usize,
        side: Side,
        reversed: bool,
    },
}

/// An operand's loops over a node's elements, in row-major order: dims and steps, merged.
fn spread(dims: &[u32], operand: &[u32]) -> Vec<(usize, usize)> {
    let mut list: Vec<(usize, usize)> = Vec::new();
    for (&dim, stride) in dims.iter().zip(repeating_strides(operand)).filter(|(dim, _)| **dim > 1) {
        let dim = dim as usize;
        match list.last_mut() {
            Some((outer, step)) if *step == stride * dim => {
                *outer *= dim;
                *step = stride;
            }
            _ => list.push((dim, stride)),
        }
    }
    list
}

/// How an operand lies beside results of these dims; `None` when it is none of the ways the kernels know.
pub(crate) fn classify(geometry: &mut Geometry, dims: &[u32], operand: &[u32]) -> Option<Side> {
    if count(operand) == count(dims) {
        return Some(Side::Same);
    }
    if count(operand) == 1 {
        return Some(Side::One);
    }
    let loops = spread(dims, operand);
    match geometry {
        Geometry::Rows { columns } => {
            let [(_, 0), (width, 1)] = loops[..] else { return None };
            if *columns == 0 {
                *columns = width;
            }
            (*columns == width).then_some(Side::Columns)
        }
        Geometry::Blocks(Image { channels, size }) => {
            let inner = match loops[..] {
                [(images, 0), ref inner @ ..] if images * *channels * *size == count(dims) => inner,
                ref inner => inner,
            };
            let fits = match inner {
                [(width, 1)] => *size == 1 && width == channels,
                [(width, 1), (plane, 0)] => width == channels && plane == size,
                _ => false,
            };
            fits.then_some(Side::Columns)
        }
    }
}

/// Who uses each value.
#[derive(Debug)]
pub(crate) struct Uses {
    count: Vec<u32>,
    user: Vec<usize>,
}

impl Uses {
    pub(crate) fn new(plan: &Outline) -> Self {
        let mut this = Self { count: vec![0; plan.nodes.len()], user: vec![0; plan.nodes.len()] };
        for (index, node) in plan.nodes.iter().enumerate() {
            for &input in &node.inputs {
                this.count[input as usize] += 1;
                this.user[input as usize] = index;
            }
        }
        for &(_, output) in &plan.outputs {
            // An output is as good as many users: its value must be there at the end.
            this.count[output as usize] += 2;
        }
        this
    }

    /// The only use of a value.
    pub(crate) fn only(&self, value: usize) -> Option<usize> {
        (self.count[value] == 1).then(|| self.user[value])
    }
}

impl Uses {
    /// The users of a value, ascending, if they all come within `reach` nodes after it.
    pub(crate) fn near(&self, plan: &Outline, value: usize, reach: usize) -> Option<Vec<usize>> {
        let last = Some(self.user[value]).filter(|&last| last > value && last - value <= reach)?;
        let uses =
            |index: usize| plan.nodes[index].inputs.iter().filter(|&&input| input as usize == value).count();
        let users: Vec<usize> = (value + 1..=last).filter(|&index| uses(index) > 0).collect();
        let all: usize = users.iter().map(|&index| uses(index)).sum();
        (all == self.count[value] as usize).then_some(users)
    }
}

/// A node as one to take along after `from`, if it is one. `at` is the value so far, one of its operands.
pub(crate) fn taken(plan: &Outline, index: usize, at: usize, geometry: &mut Geometry) -> Option<Taken> {
    let node = &plan.nodes[index];
    if node.dtype != DType::F32 || count(&plan.nodes[at].dims) != count(&node.dims) {
        return None;
    }
    match &node.op {
        Opcode::Unary(op) => unary_kernel(*op).map(Taken::Unary),
        Opcode::Binary(op) => {
            let reversed = node.inputs[0] as usize != at;
            let other = node.inputs[usize::from(!reversed)] as usize;
            let side = classify(geometry, &node.dims, &plan.nodes[other].dims)?;
            Some(Taken::Binary { op: binary_kernel(*op), other, side, reversed })
        }
        _ => None,
    }
}

/// The nodes that follow `head`: each with its index, reshapes between them with `None`.
pub(crate) fn following(
    plan: &Outline,
    uses: &Uses,
    claimed: &[bool],
    head: usize,
    geometry: &mut Geometry,
) -> Vec<(usize, Option<Taken>)> {
    let mut list: Vec<(usize, Option<Taken>)> = Vec::new();
    let (mut at, mut kept, mut posts) = (head, 0, 0);
    while posts < MAX_POSTS {
        let Some(next) = uses.only(at).filter(|&next| !claimed[next]) else { break };
        let reshape = plan.nodes[next].op == Opcode::Reshape;
        let taken = if reshape { None } else { taken(plan, next, at, geometry) };
        if taken.is_none() && !reshape {
            break;
        }
        list.push((next, taken));
        if taken.is_some() {
            posts += 1;
            kept = list.len();
        }
        at = next;
    }
    list.truncate(kept);
    list
}
