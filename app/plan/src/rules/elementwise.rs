//! Rules of the elementwise opcodes.

use super::{Rule, broadcast, need};
use crate::format::Node;
use crate::opcode::{BinaryOp, CompareOp, UnaryOp};
use assay_types::tensor::DType;

fn is_integer(dtype: DType) -> bool {
    matches!(dtype, DType::I64 | DType::I32 | DType::I8 | DType::U8)
}

pub(super) fn unary(node: &Node, operands: &[&Node], op: UnaryOp) -> Result<Vec<u32>, Rule> {
    let dtype = operands[0].dtype;
    need!(node.dtype == dtype, "the result's dtype is not the operand's");
    let allowed = match op {
        UnaryOp::Not => dtype == DType::Bool,
        UnaryOp::BitNot => is_integer(dtype),
        UnaryOp::Neg | UnaryOp::Abs | UnaryOp::Square | UnaryOp::Sign => dtype != DType::Bool,
        _ => dtype == DType::F32,
    };
    need!(allowed, "the function does not take this dtype");
    Ok(operands[0].dims.clone())
}

pub(super) fn binary(node: &Node, operands: &[&Node], op: BinaryOp) -> Result<Vec<u32>, Rule> {
    let dtype = node.dtype;
    need!(operands.iter().all(|operand| operand.dtype == dtype), "dtypes differ");
    let allowed = match op {
        BinaryOp::And | BinaryOp::Or | BinaryOp::Xor => dtype == DType::Bool,
        BinaryOp::Pow => dtype == DType::F32,
        BinaryOp::BitAnd | BinaryOp::BitOr | BinaryOp::BitXor => is_integer(dtype),
        BinaryOp::ShiftLeft | BinaryOp::ShiftRight => is_integer(dtype),
        _ => dtype != DType::Bool,
    };
    need!(allowed, "the function does not take this dtype");
    broadcast(&operands[0].dims, &operands[1].dims)
}

pub(super) fn compare(node: &Node, operands: &[&Node], op: CompareOp) -> Result<Vec<u32>, Rule> {
    let dtype = operands[0].dtype;
    need!(node.dtype == DType::Bool, "a comparison gives bool");
    need!(operands[1].dtype == dtype, "dtypes differ");
    let equality = matches!(op, CompareOp::Eq | CompareOp::Ne);
    need!(dtype != DType::Bool || equality, "the comparison does not take this dtype");
    broadcast(&operands[0].dims, &operands[1].dims)
}

pub(super) fn select(node: &Node, operands: &[&Node]) -> Result<Vec<u32>, Rule> {
    need!(operands[0].dtype == DType::Bool, "the condition is not bool");
    need!(operands[1..].iter().all(|operand| operand.dtype == node.dtype), "dtypes differ");
    broadcast(&broadcast(&operands[0].dims, &operands[1].dims)?, &operands[2].dims)
}
