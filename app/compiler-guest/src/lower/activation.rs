//! The activations of recurrences as opcodes.

use super::context::Lowering;
use crate::operators::Activation;
use assay_plan::{BinaryOp, CompareOp, Opcode, UnaryOp};
use assay_types::tensor::DType;
use tract_onnx::prelude::*;

/// An activation of a value of rank 3.
pub fn lower(lowering: &mut Lowering, activation: Activation, x: u32) -> TractResult<u32> {
    let number = |bits: &u32| f32::from_bits(*bits);
    match &activation {
        Activation::Sigmoid => lowering.unary(UnaryOp::Sigmoid, x),
        Activation::Tanh => lowering.unary(UnaryOp::Tanh, x),
        Activation::LeakyRelu(alpha) => lowering.unary(UnaryOp::LeakyRelu { alpha: *alpha }, x),
        Activation::Relu => with(lowering, BinaryOp::Max, x, 0.0),
        Activation::Affine(alpha, beta) => affine(lowering, x, number(alpha), number(beta)),
        Activation::ScaledTanh(alpha, beta) => {
            let scaled = with(lowering, BinaryOp::Mul, x, number(beta))?;
            let curve = lowering.unary(UnaryOp::Tanh, scaled)?;
            with(lowering, BinaryOp::Mul, curve, number(alpha))
        }
        Activation::HardSigmoid(alpha, beta) => {
            let line = affine(lowering, x, number(alpha), number(beta))?;
            let above = with(lowering, BinaryOp::Max, line, 0.0)?;
            with(lowering, BinaryOp::Min, above, 1.0)
        }
        Activation::ThresholdedRelu(alpha) => {
            let zero = with(lowering, BinaryOp::Mul, x, 0.0)?;
            select_above(lowering, x, number(alpha), x, zero)
        }
        Activation::Elu(alpha) => {
            let power = lowering.unary(UnaryOp::Exp, x)?;
            let below = with(lowering, BinaryOp::Add, power, -1.0)?;
            let below = with(lowering, BinaryOp::Mul, below, number(alpha))?;
            select_above(lowering, x, 0.0, x, below)
        }
        Activation::Softsign => {
            let size = lowering.unary(UnaryOp::Abs, x)?;
            let size = with(lowering, BinaryOp::Add, size, 1.0)?;
            lowering.binary(BinaryOp::Div, x, size)
        }
        Activation::Softplus => {
            // ln(1 + e^x) as max(x, 0) + ln(1 + e^-|x|), which does not overflow.
            let size = lowering.unary(UnaryOp::Abs, x)?;
            let negative = lowering.unary(UnaryOp::Neg, size)?;
            let power = lowering.unary(UnaryOp::Exp, negative)?;
            let sum = with(lowering, BinaryOp::Add, power, 1.0)?;
            let rest = lowering.unary(UnaryOp::Ln, sum)?;
            let above = with(lowering, BinaryOp::Max, x, 0.0)?;
            lowering.binary(BinaryOp::Add, above, rest)
        }
    }
}

/// An operation with a constant as its second operand.
fn with(lowering: &mut Lowering, op: BinaryOp, x: u32, constant: f32) -> TractResult<u32> {
    let constant = lowering.plan.constant_f32(&[1, 1, 1], &[constant]);
    lowering.binary(op, x, constant)
}

fn affine(lowering: &mut Lowering, x: u32, alpha: f32, beta: f32) -> TractResult<u32> {
    let scaled = if alpha == 1.0 { x } else { with(lowering, BinaryOp::Mul, x, alpha)? };
    if beta == 0.0 { Ok(scaled) } else { with(lowering, BinaryOp::Add, scaled, beta) }
}

fn select_above(lowering: &mut Lowering, x: u32, bound: f32, a: u32, b: u32) -> TractResult<u32> {
    let dims = lowering.dims(x)?;
    let bound = lowering.plan.constant_f32(&[1, 1, 1], &[bound]);
    let above = lowering.plan.push(Opcode::Compare(CompareOp::Gt), &[x, bound], DType::Bool, &dims);
    Ok(lowering.plan.push(Opcode::Select, &[above, a, b], DType::F32, &dims))
}
