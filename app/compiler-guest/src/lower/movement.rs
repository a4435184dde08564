//! Constants, and operators that move elements without computing.

use super::Lowered;
use super::context::{Lowering, Site, axis};
use assay_plan::{Opcode, PadMode};
use tract_onnx::prelude::*;
use tract_onnx::tract_core::ops;
use tract_onnx::tract_core::ops::array::{
    FiniteReshape, Gather, GatherElements, MultiBroadcastTo, Pad, PadMode as TractPadMode, Slice, Tile,
    TypedConcat,
};
use tract_onnx::tract_core::ops::change_axes::AxisOp;
use tract_onnx::tract_hir::internal::*;

pub fn lower(lowering: &mut Lowering, site: &Site<'_>) -> Lowered {
    let value = if let Some(op) = site.op::<ops::konst::Const>() {
        constant(lowering, op.val())?
    } else if let Some(op) = site.op::<AxisOp>() {
        axis_op(lowering, site, op)?
    } else if site.op::<FiniteReshape>().is_some() {
        lowering.reshape(site.input(0)?, &site.result()?.1)?
    } else if let Some(op) = site.op::<Slice>() {
        let (start, dims) = (op.start.to_i64()?, site.result()?.1);
        let len = dims.get(op.axis).copied().context("an axis is out of range")?;
        lowering.slice(site.input(0)?, op.axis, u32::try_from(start)?, len)?
    } else if let Some(op) = site.op::<ops::Downsample>() {
        downsample(lowering, site, op)?
    } else if let Some(op) = site.op::<TypedConcat>() {
        lowering.concat(&site.inputs, op.axis)?
    } else if site.op::<MultiBroadcastTo>().is_some() {
        lowering.broadcast(site.input(0)?, &site.result()?.1)?
    } else if let Some(op) = site.op::<Gather>() {
        let (dtype, dims) = site.result()?;
        let operands = [site.input(0)?, site.input(1)?];
        lowering.plan.push(Opcode::Gather { axis: axis(op.axis)? }, &operands, dtype, &dims)
    } else if let Some(op) = site.op::<GatherElements>() {
        let (dtype, dims) = site.result()?;
        let operands = [site.input(0)?, site.input(1)?];
        lowering.plan.push(Opcode::GatherElements { axis: axis(op.axis)? }, &operands, dtype, &dims)
    } else if let Some(op) = site.op::<Pad>() {
        pad(lowering, site, op)?
    } else if site.op::<Tile>().is_some() {
        tile(lowering, site)?
    } else if site.op::<ops::cast::Cast>().is_some() {
        lowering.cast(site.input(0)?, site.result()?.0)?
    } else if site.op::<ops::identity::Identity>().is_some() {
        site.input(0)?
    } else {
        return Ok(None);
    };
    Ok(Some(vec![value]))
}

/// A tensor as a constant of the plan.
pub fn constant(lowering: &mut Lowering, tensor: &Tensor) -> TractResult<u32> {
    let (dtype, dims) = (super::context::dtype(tensor.datum_type())?, super::context::dims(tensor.shape())?);
    if tensor.datum_type() == TDim::datum_type() {
        let plain = tensor.cast_to::<i64>()?;
        return Ok(lowering.plan.constant_i64(&dims, plain.try_as_plain_ram()?.as_slice::<i64>()?));
    }
    Ok(lowering.plan.constant(dtype, &dims, tensor.as_bytes()))
}

fn axis_op(lowering: &mut Lowering, site: &Site<'_>, op: &AxisOp) -> TractResult<u32> {
    let x = site.input(0)?;
    let AxisOp::Move(from, to) = *op else {
        return lowering.reshape(x, &site.result()?.1);
    };
    let mut order: Vec<usize> = (0..lowering.dims(x)?.len()).collect();
    ensure!(from < order.len() && to < order.len(), "an axis is out of range");
    let moved = order.remove(from);
    order.insert(to, moved);
    lowering.permute(x, &order)
}

fn downsample(lowering: &mut Lowering, site: &Site<'_>, op: &ops::Downsample) -> TractResult<u32> {
    let (dtype, dims) = site.result()?;
    let x = site.input(0)?;
    let len = *lowering.dims(x)?.get(op.axis).context("an axis is out of range")?;
    let start = if op.stride > 0 {
        u32::try_from(op.modulo)?
    } else {
        // Backwards, tract counts from the last element.
        ensure!(op.stride < 0 && op.modulo == 0, "a slice with this step is not supported");
        len.saturating_sub(1)
    };
    let slice = Opcode::Slice { axis: axis(op.axis)?, start, step: i32::try_from(op.stride)? };
    Ok(lowering.plan.push(slice, &[x], dtype, &dims))
}

fn pad(lowering: &mut Lowering, site: &Site<'_>, op: &Pad) -> TractResult<u32> {
    let (dtype, dims) = site.result()?;
    let mut operands = vec![site.input(0)?];
    let mode = match &op.mode {
        TractPadMode::Constant(fill) => {
            let fill = fill.cast_to_dt(site.node.outputs[0].fact.datum_type)?;
            operands.push(constant(lowering, &fill)?);
            PadMode::Constant
        }
        TractPadMode::Edge => PadMode::Edge,
        TractPadMode::Reflect => PadMode::Reflect,
    };
    let side = |pick: fn(&(usize, usize)) -> usize| -> TractResult<Vec<u32>> {
        super::context::dims(&op.pads.iter().map(pick).collect::<Vec<_>>())
    };
    let op = Opcode::Pad { before: side(|pad| pad.0)?, after: side(|pad| pad.1)?, mode };
    Ok(lowering.plan.push(op, &operands, dtype, &dims))
}

/// Repeats axis by axis: a dim of 1 is put in front of the axis, repeated, and merged into it.
fn tile(lowering: &mut Lowering, site: &Site<'_>) -> TractResult<u32> {
    let mut x = site.input(0)?;
    let to = site.result()?.1;
    for (along, &long) in to.iter().enumerate() {
        let now = lowering.dims(x)?;
        let short = *now.get(along).context("an axis is out of range")?;
        if short == long {
            continue;
        }
        let times = long.checked_div(short).context("a tensor without elements")?;
        let (before, after) = (&now[..along], &now[along + 1..]);
        let split = |times: u32| [before, &[times, short], after].concat();
        x = lowering.reshape(x, &split(1))?;
        x = lowering.broadcast(x, &split(times))?;
        x = lowering.reshape(x, &[before, &[long], after].concat())?;
    }
    Ok(x)
}

/// Slices along an axis, by constant indices.
pub fn gather(lowering: &mut Lowering, x: u32, along: usize, index: &[usize]) -> TractResult<u32> {
    let (dtype, mut dims) = lowering.of(x)?;
    let list = index.iter().map(|&index| Ok(i32::try_from(index)?)).collect::<TractResult<Vec<i32>>>()?;
    let len = u32::try_from(list.len())?;
    *dims.get_mut(along).context("an axis is out of range")? = len;
    let list = lowering.plan.constant_i32(&[len], &list);
    Ok(lowering.plan.push(Opcode::Gather { axis: axis(along)? }, &[x, list], dtype, &dims))
}
