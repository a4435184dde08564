//! Arithmetic on dims. Every dims list that reaches these functions belongs to a value of at most
//! [`MAX_VALUE_BYTES`](crate::limits::MAX_VALUE_BYTES) with no dim of 0, so products fit a 32-bit `usize`.

use crate::format::Node;
use crate::opcode::Opcode;

/// The number of elements.
pub fn count(dims: &[u32]) -> usize {
    dims.iter().map(|&dim| dim as usize).product()
}

/// The number of bytes of a node's value.
pub fn bytes(node: &Node) -> u64 {
    count(&node.dims) as u64 * node.dtype.size() as u64
}

/// Elements between neighbours along each axis, row-major.
pub fn strides(dims: &[u32]) -> Vec<usize> {
    let mut strides = vec![1; dims.len()];
    for axis in (1..dims.len()).rev() {
        strides[axis - 1] = strides[axis] * dims[axis] as usize;
    }
    strides
}

/// [`strides`], with 0 along axes of dim 1, so that they repeat.
pub fn repeating_strides(dims: &[u32]) -> Vec<usize> {
    let mut strides = strides(dims);
    for (stride, &dim) in strides.iter_mut().zip(dims) {
        if dim == 1 {
            *stride = 0;
        }
    }
    strides
}

/// The dims before, at and after an axis, each multiplied out.
pub fn around(dims: &[u32], axis: u8) -> (usize, usize, usize) {
    let axis = axis as usize;
    (count(&dims[..axis]), dims[axis] as usize, count(&dims[axis + 1..]))
}

/// The axes in the order kept, then `axes`: how a reduction wants its operand.
pub fn reduced_last(rank: usize, axes: &[u8]) -> Vec<u8> {
    let mut order: Vec<u8> = (0..rank as u8).filter(|axis| !axes.contains(axis)).collect();
    order.extend_from_slice(axes);
    order
}

/// Whether an order of axes leaves the elements where they are, dims of 1 being free to move.
pub fn keeps_order(dims: &[u32], order: &[u8]) -> bool {
    let long = |axis: &&u8| dims[**axis as usize] > 1;
    order.iter().filter(long).is_sorted()
}

/// Whether a node's elements lie in its operand as they are; then from which element on. Such a node is another name
/// for part of its operand, and costs nothing.
pub fn part(node: &Node, x: &Node) -> Option<usize> {
    match &node.op {
        Opcode::Reshape => Some(0),
        Opcode::Permute { axes } => keeps_order(&x.dims, axes).then_some(0),
        Opcode::Broadcast => (node.dims == x.dims).then_some(0),
        Opcode::Slice { axis, start, step } => {
            let at = *axis as usize;
            let alone = count(&x.dims[..at]) == 1 && (*step == 1 || node.dims[at] == 1);
            alone.then(|| *start as usize * strides(&x.dims)[at])
        }
        _ => None,
    }
}
