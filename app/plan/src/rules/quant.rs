//! Rules of the quantised opcodes.

use super::{Rule, broadcast, compute, need};
use crate::format::Node;
use crate::opcode::{Opcode, Window};
use crate::shape::count;
use assay_types::tensor::DType;

fn is_byte(dtype: DType) -> bool {
    matches!(dtype, DType::U8 | DType::I8)
}

/// Quantize, Dequantize, Requantize: a value, a scale, a zero point.
pub(super) fn scaled(node: &Node, operands: &[&Node]) -> Result<Vec<u32>, Rule> {
    let [x, scale, zero] = [operands[0], operands[1], operands[2]];
    need!(scale.dtype == DType::F32, "the scale is not f32");
    match node.op {
        Opcode::Dequantize => {
            need!(node.dtype == DType::F32, "the result is not f32");
            need!(is_byte(x.dtype) || x.dtype == DType::I32, "the operand is not u8, i8 or i32");
            need!(zero.dtype == x.dtype, "the zero point's dtype is not the operand's");
        }
        _ => {
            let from = if node.op == Opcode::Quantize { DType::F32 } else { DType::I32 };
            need!(x.dtype == from, "the operand's dtype is wrong");
            need!(is_byte(node.dtype), "the result is not u8 or i8");
            need!(zero.dtype == node.dtype, "the zero point's dtype is not the result's");
        }
    }
    broadcast(&broadcast(&x.dims, &scale.dims)?, &zero.dims)
}

pub(super) fn einsum(node: &Node, operands: &[&Node], labels: [&[u8]; 3]) -> Result<Vec<u32>, Rule> {
    need!(node.dtype == DType::I32, "the result is not i32");
    let dims = compute::product_dims(operands, labels)?;
    for side in 0..2 {
        let (x, zero) = (operands[side], operands[2 + side]);
        need!(is_byte(x.dtype), "a factor is not u8 or i8");
        need!(zero.dtype == x.dtype, "a zero point's dtype is not its tensor's");
        need!(zero.dims.len() == x.dims.len(), "a zero point's rank is not its tensor's");
        for ((&dim, &whole), label) in zero.dims.iter().zip(&x.dims).zip(labels[side]) {
            let kept = labels[2].contains(label);
            need!(dim == 1 || (kept && dim == whole), "a zero point varies along a dim that it may not");
        }
    }
    Ok(dims)
}

pub(super) fn conv2d(
    node: &Node,
    operands: &[&Node],
    window: &Window,
    groups: u32,
) -> Result<Vec<u32>, Rule> {
    let [x, w, zx, zw, bias] = operands else { return Err("the number of operands is wrong") };
    need!(is_byte(x.dtype) && is_byte(w.dtype), "a factor is not u8 or i8");
    need!(zx.dtype == x.dtype && zw.dtype == w.dtype, "a zero point's dtype is not its tensor's");
    need!(node.dtype == DType::I32 && bias.dtype == DType::I32, "the result and the bias are not i32");
    need!(zx.dims == [1] && zw.dims.len() == 1, "a rank is wrong");
    let dims = compute::convolved(x, w, bias, window, groups)?;
    need!(zw.dims[0] == 1 || zw.dims == bias.dims, "the weights' zero points are not as many as channels");
    Ok(dims)
}

pub(super) fn lookup(node: &Node, operands: &[&Node]) -> Result<Vec<u32>, Rule> {
    let [x, table] = [operands[0], operands[1]];
    need!(is_byte(x.dtype), "the operand is not u8 or i8");
    need!(is_byte(table.dtype) || table.dtype == DType::F32, "the table is not u8, i8 or f32");
    need!(node.dtype == table.dtype, "the result's dtype is not the table's");
    need!(table.dims.len() == 1 && count(&table.dims) == 256, "the table has not 256 elements");
    Ok(x.dims.clone())
}
