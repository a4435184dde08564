//! Rules of the opcodes that scatter elements, and of those that gather by tuples of indices.

use super::{Rule, is_index, need};
use crate::format::Node;
use crate::opcode::Scatter;
use assay_types::tensor::DType;

/// What both scatters ask: data, indices, updates.
fn check(node: &Node, operands: &[&Node], reduction: Scatter) -> Result<(), Rule> {
    let [data, index, updates] = [operands[0], operands[1], operands[2]];
    need!(data.dtype == node.dtype && updates.dtype == node.dtype, "dtypes differ");
    need!(reduction == Scatter::Put || node.dtype != DType::Bool, "the reduction does not take this dtype");
    need!(is_index(index), "the index is not i64 or i32");
    Ok(())
}

pub(super) fn elements(
    node: &Node,
    operands: &[&Node],
    axis: u8,
    reduction: Scatter,
) -> Result<Vec<u32>, Rule> {
    check(node, operands, reduction)?;
    let [data, index, updates] = [operands[0], operands[1], operands[2]];
    let at = axis as usize;
    need!(at < data.dims.len(), "an axis is out of range");
    need!(index.dims.len() == data.dims.len(), "ranks differ");
    need!(index.dims == updates.dims, "the index has other dims than the updates");
    let fits = (0..data.dims.len()).all(|axis| axis == at || index.dims[axis] <= data.dims[axis]);
    need!(fits, "the index is larger than the operand");
    Ok(data.dims.clone())
}

/// The dims of the slices that tuples name: of `data`, after `batch` axes and those that the tuples fix.
fn slice_dims<'a>(data: &'a Node, index: &Node, batch: usize) -> Result<&'a [u32], Rule> {
    let Some(&tuple) = index.dims.last() else { return Err("a rank is wrong") };
    let fixed = (tuple as usize).checked_add(batch).ok_or("a tuple is longer than the operand's rank")?;
    data.dims.get(fixed..).ok_or("a tuple is longer than the operand's rank")
}

pub(super) fn nd(node: &Node, operands: &[&Node], reduction: Scatter) -> Result<Vec<u32>, Rule> {
    check(node, operands, reduction)?;
    let [data, index, updates] = [operands[0], operands[1], operands[2]];
    let slice = slice_dims(data, index, 0)?;
    let wanted = [&index.dims[..index.dims.len() - 1], slice].concat();
    need!(updates.dims == wanted, "the updates are not a slice for each tuple");
    Ok(data.dims.clone())
}

pub(super) fn gather_nd(node: &Node, operands: &[&Node], batch: u8) -> Result<Vec<u32>, Rule> {
    let [data, index] = [operands[0], operands[1]];
    need!(data.dtype == node.dtype, "the result's dtype is not the operand's");
    need!(is_index(index), "the index is not i64 or i32");
    let batch = batch as usize;
    need!(batch < index.dims.len() && batch <= data.dims.len(), "an axis is out of range");
    need!(data.dims[..batch] == index.dims[..batch], "the leading axes differ");
    let slice = slice_dims(data, index, batch)?;
    Ok([&index.dims[..index.dims.len() - 1], slice].concat())
}
