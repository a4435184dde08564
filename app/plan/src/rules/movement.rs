//! Rules of the opcodes that only move elements.

use super::{Rule, is_index, need};
use crate::format::Node;
use crate::opcode::{Opcode, PadMode};
use crate::shape::count;

pub(super) fn dims(node: &Node, operands: &[&Node]) -> Result<Vec<u32>, Rule> {
    let x = *operands.first().ok_or("the number of operands is wrong")?;
    need!(x.dtype == node.dtype, "the result's dtype is not the operand's");
    match &node.op {
        Opcode::Reshape => {
            need!(count(&x.dims) == count(&node.dims), "the number of elements changes");
            Ok(node.dims.clone())
        }
        Opcode::Permute { axes } => permute(x, axes),
        Opcode::Slice { axis, start, step } => slice(node, x, *axis, *start, *step),
        Opcode::Concat { axis } => concat(operands, *axis),
        Opcode::Broadcast => {
            need!(x.dims.len() == node.dims.len(), "ranks differ");
            let fits = x.dims.iter().zip(&node.dims).all(|(&from, &to)| from == to || from == 1);
            need!(fits, "a dim that is not 1 changes");
            Ok(node.dims.clone())
        }
        Opcode::Gather { axis } => gather(x, operands[1], *axis),
        Opcode::GatherElements { axis } => gather_elements(x, operands[1], *axis),
        Opcode::Pad { before, after, mode } => pad(operands, before, after, *mode),
        _ => Err("the opcode moves nothing"),
    }
}

fn permute(x: &Node, axes: &[u8]) -> Result<Vec<u32>, Rule> {
    need!(axes.len() == x.dims.len(), "axes are not as many as dims");
    let mut seen = 0u32;
    for &axis in axes {
        need!((axis as usize) < x.dims.len(), "an axis is out of range");
        seen |= 1 << axis;
    }
    need!(seen.count_ones() as usize == axes.len(), "an axis is named twice");
    Ok(axes.iter().map(|&axis| x.dims[axis as usize]).collect())
}

fn slice(node: &Node, x: &Node, axis: u8, start: u32, step: i32) -> Result<Vec<u32>, Rule> {
    let at = axis as usize;
    need!(at < x.dims.len() && node.dims.len() == x.dims.len(), "an axis is out of range");
    need!(step != 0, "a step of 0");
    let last = i64::from(start) + i64::from(node.dims[at] - 1) * i64::from(step);
    let inside = |position: i64| (0..i64::from(x.dims[at])).contains(&position);
    need!(inside(i64::from(start)) && inside(last), "the slice leaves the operand");
    let mut dims = x.dims.clone();
    dims[at] = node.dims[at];
    Ok(dims)
}

fn concat(operands: &[&Node], axis: u8) -> Result<Vec<u32>, Rule> {
    let (first, at) = (operands[0], axis as usize);
    need!(at < first.dims.len(), "an axis is out of range");
    let mut dims = first.dims.clone();
    for operand in &operands[1..] {
        need!(operand.dtype == first.dtype, "dtypes differ");
        need!(operand.dims.len() == dims.len(), "ranks differ");
        let fits = (0..dims.len()).all(|axis| axis == at || operand.dims[axis] == dims[axis]);
        need!(fits, "dims beside the axis differ");
        dims[at] = dims[at].checked_add(operand.dims[at]).ok_or("the dim overflows")?;
    }
    Ok(dims)
}

fn gather(x: &Node, index: &Node, axis: u8) -> Result<Vec<u32>, Rule> {
    let at = axis as usize;
    need!(at < x.dims.len(), "an axis is out of range");
    need!(is_index(index), "the index is not i64 or i32");
    Ok([&x.dims[..at], &index.dims, &x.dims[at + 1..]].concat())
}

fn gather_elements(x: &Node, index: &Node, axis: u8) -> Result<Vec<u32>, Rule> {
    let at = axis as usize;
    need!(at < x.dims.len(), "an axis is out of range");
    need!(is_index(index), "the index is not i64 or i32");
    need!(index.dims.len() == x.dims.len(), "ranks differ");
    let fits = (0..x.dims.len()).all(|axis| axis == at || index.dims[axis] <= x.dims[axis]);
    need!(fits, "the index is larger than the operand");
    Ok(index.dims.clone())
}

fn pad(operands: &[&Node], before: &[u32], after: &[u32], mode: PadMode) -> Result<Vec<u32>, Rule> {
    let x = operands[0];
    need!(before.len() == x.dims.len() && after.len() == x.dims.len(), "pads are not as many as dims");
    if mode == PadMode::Constant {
        need!(
            operands[1].dtype == x.dtype && count(&operands[1].dims) == 1,
            "the fill is not one such element"
        );
    }
    let mut dims = Vec::with_capacity(x.dims.len());
    for (axis, &dim) in x.dims.iter().enumerate() {
        let reflects = mode != PadMode::Reflect || (before[axis] < dim && after[axis] < dim);
        need!(reflects, "a reflection longer than the operand");
        let sum = dim.checked_add(before[axis]).and_then(|sum| sum.checked_add(after[axis]));
        dims.push(sum.ok_or("the dim overflows")?);
    }
    Ok(dims)
}
