//! Quantised operators, and the integer forms of what stands between them.

mod builder;
mod movement;
mod parameters;
mod product;
mod requantise;
mod table;

pub use builder::Builder;

use super::Lowered;
use super::context::{Lowering, Site};
use crate::operators::quant::{Kind, Quant};
use assay_plan::{BinaryOp, CompareOp, Opcode, Reducer, UnaryOp};
use assay_types::tensor::DType;
use parameters::{along, axis_of, count};
use tract_onnx::tract_hir::internal::*;

pub fn lower(lowering: &mut Lowering, site: &Site<'_>) -> Lowered {
    let Some(op) = site.op::<Quant>() else { return Ok(None) };
    Ok(Some(match op.kind {
        Kind::Quantize | Kind::Dequantize => {
            let code = if op.kind == Kind::Quantize { Opcode::Quantize } else { Opcode::Dequantize };
            let (dtype, dims) = site.result()?;
            let scale = parameter(lowering, site.input(1)?, op.axis, dims.len())?;
            let zero = parameter(lowering, site.input(2)?, op.axis, dims.len())?;
            vec![lowering.plan.push(code, &[site.input(0)?, scale, zero], dtype, &dims)]
        }
        Kind::Dynamic => dynamic(lowering, site.input(0)?)?,
        Kind::Integers => vec![integers(lowering, site.input(0)?)?],
    }))
}

/// A scale or zero point in the rank of its tensor.
fn parameter(lowering: &mut Lowering, value: u32, axis: Option<usize>, rank: usize) -> TractResult<u32> {
    let dims = lowering.dims(value)?;
    let long = axis_of(&dims).ok().context("quantisation in blocks is not supported")?;
    let axis = axis.filter(|_| long.is_some());
    ensure!(long.is_none() || axis.is_some(), "a scale for each element without an axis");
    lowering.reshape(value, &along(rank, axis, u32::try_from(count(&dims))?))
}

/// The sum in i32 that a product of integers, dequantised with the scale 1, comes from.
fn integers(lowering: &mut Lowering, value: u32) -> TractResult<u32> {
    let sum = lowering.plan.dequantized_sum(value).filter(|sum| {
        let scale = lowering.plan.constant_numbers(sum.scale);
        scale.is_some_and(|scale| scale.iter().all(|&scale| scale == 1.0))
    });
    let reason = "an integer product of values that are computed, or with zero points along other axes, \
                  is not supported";
    Ok(sum.context(reason)?.q)
}

/// A tensor quantised by the scale and zero point that fit it, as numbers again.
pub fn rounded(lowering: &mut Lowering, x: u32) -> TractResult<u32> {
    let dims = lowering.dims(x)?;
    let parts = dynamic(lowering, x)?;
    let [q, scale, zero] = parts[..] else { bail!("a quantisation without its parts") };
    let scale = lowering.reshape(scale, &vec![1; dims.len()])?;
    let zero = lowering.reshape(zero, &vec![1; dims.len()])?;
    Ok(lowering.plan.push(Opcode::Dequantize, &[q, scale, zero], DType::F32, &dims))
}

/// The scale and zero point that fit a tensor and zero, and the tensor quantised by them.
fn dynamic(lowering: &mut Lowering, x: u32) -> TractResult<Vec<u32>> {
    let shape = lowering.dims(x)?;
    let dims = if shape.is_empty() { vec![1] } else { shape.clone() };
    let ones = vec![1; dims.len()];
    let flat = lowering.reshape(x, &dims)?;
    let axes: Vec<u8> = (0..u8::try_from(dims.len())?).collect();
    let plan = &mut lowering.plan;
    let extreme = |reducer, op, plan: &mut Builder| {
        let zero = plan.constant_f32(&ones, &[0.0]);
        let found = plan.push(Opcode::Reduce { reducer, axes: axes.clone() }, &[flat], DType::F32, &ones);
        plan.push(Opcode::Binary(op), &[found, zero], DType::F32, &ones)
    };
    let greatest = extreme(Reducer::Max, BinaryOp::Max, plan);
    let least = extreme(Reducer::Min, BinaryOp::Min, plan);
    let [zero, one, most] = [0.0, 1.0, 255.0].map(|number| plan.constant_f32(&ones, &[number]));
    let mut binary = |op, a, b| plan.push(Opcode::Binary(op), &[a, b], DType::F32, &ones);
    let range = binary(BinaryOp::Sub, greatest, least);
    let step = binary(BinaryOp::Div, range, most);
    // A tensor of zeros has the scale 1, as ONNX Runtime has it.
    let flat_range = plan.push(Opcode::Compare(CompareOp::Eq), &[range, zero], DType::Bool, &ones);
    let scale = plan.push(Opcode::Select, &[flat_range, one, step], DType::F32, &ones);
    let mut binary = |op, a, b| plan.push(Opcode::Binary(op), &[a, b], DType::F32, &ones);
    let place = binary(BinaryOp::Div, least, scale);
    let place = binary(BinaryOp::Sub, zero, place);
    let place = binary(BinaryOp::Max, place, zero);
    let place = binary(BinaryOp::Min, place, most);
    let place = plan.push(Opcode::Unary(UnaryOp::Round), &[place], DType::F32, &ones);
    let point = plan.push(Opcode::Cast, &[place], DType::U8, &ones);
    let q = plan.push(Opcode::Quantize, &[flat, scale, point], DType::U8, &dims);
    Ok(vec![lowering.reshape(q, &shape)?, lowering.reshape(scale, &[])?, lowering.reshape(point, &[])?])
}
