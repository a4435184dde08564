//! Operators whose indices say where elements come from or go to, and those that find indices.

use super::Lowered;
use super::context::{Lowering, Site, axis};
use assay_plan::{BinaryOp, CompareOp, Opcode, Scatter};
use assay_types::tensor::DType;
use tract_onnx::prelude::*;
use tract_onnx::tract_core::ops::array::{
    CumSum, GatherNd, OneHot, ScatterElements, ScatterNd, ScatterReduction, Topk, Trilu,
};
use tract_onnx::tract_hir::internal::*;

pub fn lower(lowering: &mut Lowering, site: &Site<'_>) -> Lowered {
    let push = |lowering: &mut Lowering, op: Opcode| -> TractResult<u32> {
        let (dtype, dims) = site.result()?;
        Ok(lowering.plan.push(op, &site.inputs, dtype, &dims))
    };
    let value = if let Some(op) = site.op::<CumSum>() {
        push(lowering, Opcode::CumSum { axis: axis(op.axis)?, exclusive: op.exclusive, reverse: op.reverse })?
    } else if let Some(op) = site.op::<GatherNd>() {
        push(lowering, Opcode::GatherNd { batch: axis(op.batch_dims)? })?
    } else if let Some(op) = site.op::<ScatterElements>() {
        push(lowering, Opcode::ScatterElements { axis: axis(op.axis)?, reduction: reduction(op.reduction) })?
    } else if let Some(op) = site.op::<ScatterNd>() {
        push(lowering, Opcode::ScatterNd { reduction: reduction(op.reduction) })?
    } else if let Some(op) = site.op::<Topk>() {
        return top_k(lowering, site, op).map(Some);
    } else if let Some(op) = site.op::<OneHot>() {
        one_hot(lowering, site, op)?
    } else if let Some(op) = site.op::<Trilu>() {
        trilu(lowering, site, op)?
    } else {
        return Ok(None);
    };
    Ok(Some(vec![value]))
}

fn reduction(reduction: ScatterReduction) -> Scatter {
    match reduction {
        ScatterReduction::None => Scatter::Put,
        ScatterReduction::Add => Scatter::Add,
        ScatterReduction::Mul => Scatter::Mul,
        ScatterReduction::Max => Scatter::Max,
        ScatterReduction::Min => Scatter::Min,
    }
}

/// Values and indices of the best.
fn top_k(lowering: &mut Lowering, site: &Site<'_>, op: &Topk) -> TractResult<Vec<u32>> {
    let x = site.input(0)?;
    let (dtype, dims) = site.result()?;
    let k = *dims.get(op.axis).context("an axis is out of range")?;
    let axis = axis(op.axis)?;
    let code = Opcode::TopK { axis, k, largest: op.largest };
    let indices = lowering.plan.push(code, &[x], DType::I64, &dims);
    let values = lowering.plan.push(Opcode::GatherElements { axis }, &[x, indices], dtype, &dims);
    Ok(vec![values, indices])
}

/// The index beside every number of a range, compared.
fn one_hot(lowering: &mut Lowering, site: &Site<'_>, op: &OneHot) -> TractResult<u32> {
    let (dtype, dims) = site.result()?;
    let index = lowering.cast(site.input(0)?, DType::I64)?;
    let mut beside = lowering.dims(index)?;
    ensure!(op.axis <= beside.len() && beside.len() < dims.len(), "an axis is out of range");
    beside.insert(op.axis, 1);
    let index = lowering.reshape(index, &beside)?;
    let ones = vec![1; dims.len()];
    // An index below zero counts from the end.
    let (zero, len) = (lowering.plan.constant_i64(&ones, &[0]), i64::try_from(op.dim)?);
    let len = lowering.plan.constant_i64(&ones, &[len]);
    let below = lowering.compare(CompareOp::Lt, index, zero)?;
    let wrapped = lowering.binary(BinaryOp::Add, index, len)?;
    let index = lowering.select(below, wrapped, index)?;
    let mut along = ones.clone();
    along[op.axis] = dims[op.axis];
    let numbers: Vec<i64> = (0..i64::from(dims[op.axis])).collect();
    let numbers = lowering.plan.constant_i64(&along, &numbers);
    let hit = lowering.compare(CompareOp::Eq, index, numbers)?;
    let scalar = |lowering: &mut Lowering, tensor: &Tensor| -> TractResult<u32> {
        let value = super::movement::constant(lowering, tensor)?;
        let value = lowering.cast(value, dtype)?;
        lowering.reshape(value, &ones)
    };
    let (on, off) = (scalar(lowering, &op.on)?, scalar(lowering, &op.off)?);
    lowering.select(hit, on, off)
}

/// A triangle chosen by a constant mask.
fn trilu(lowering: &mut Lowering, site: &Site<'_>, op: &Trilu) -> TractResult<u32> {
    let x = site.input(0)?;
    let (dtype, dims) = site.result()?;
    let konst =
        site.node.inputs.get(1).and_then(|&outlet| site.model.outlet_fact(outlet).ok()?.konst.clone());
    let k = konst.context("a triangle with a computed diagonal is not supported")?.cast_to_scalar::<i64>()?;
    let [.., rows, columns] = dims[..] else { bail!("a triangle of fewer than two axes") };
    let inside = |row: i64, column: i64| {
        let diagonal = row.saturating_add(k);
        if op.upper { column >= diagonal } else { column <= diagonal }
    };
    let mask: Vec<u8> = (0..i64::from(rows))
        .flat_map(|row| (0..i64::from(columns)).map(move |column| u8::from(inside(row, column))))
        .collect();
    let mut to = vec![1; dims.len()];
    to[dims.len() - 2..].copy_from_slice(&[rows, columns]);
    let mask = lowering.plan.constant(DType::Bool, &to, &mask);
    let zero = lowering.plan.constant(dtype, &vec![1; dims.len()], &[0; 8][..dtype.size()]);
    lowering.select(mask, x, zero)
}
