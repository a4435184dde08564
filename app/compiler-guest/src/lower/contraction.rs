//! Sums of products: matrix products of every kind, and convolutions.

use super::Lowered;
use super::context::{Lowering, Site};
use super::pooling::{self, Canvas};
use super::volume;
use assay_plan::{BinaryOp, Opcode};
use assay_types::tensor::DType;
use tract_onnx::prelude::*;
use tract_onnx::tract_core::ops::cnn::{Conv, KernelFormat};
use tract_onnx::tract_core::ops::einsum::EinSum;
use tract_onnx::tract_hir::internal::*;

pub fn lower(lowering: &mut Lowering, site: &Site<'_>) -> Lowered {
    let value = if let Some(op) = site.op::<EinSum>() {
        einsum(lowering, site, op)?
    } else if let Some(op) = site.op::<Conv>() {
        conv(lowering, site, op)?
    } else {
        return Ok(None);
    };
    Ok(Some(vec![value]))
}

fn einsum(lowering: &mut Lowering, site: &Site<'_>, op: &EinSum) -> TractResult<u32> {
    ensure!(op.q_params.is_none(), "quantised matrix products are not supported");
    let [a, b] = site.inputs[..] else {
        bail!("a product of {} operands is not supported", site.inputs.len())
    };
    let (dtype, dims) = site.result()?;
    ensure!(dtype == DType::F32, "a product of {dtype} is not supported");
    let (rank_a, rank_b) = (lowering.dims(a)?.len(), lowering.dims(b)?.len());
    // 255 marks an axis without a label, which the validator would refuse.
    let mut labels = [vec![u8::MAX; rank_a], vec![u8::MAX; rank_b], vec![u8::MAX; dims.len()]];
    for (label, axis) in op.axes.iter_all_axes().enumerate() {
        let label = u8::try_from(label)?;
        let places = [axis.inputs.first(), axis.inputs.get(1), axis.outputs.first()];
        for (list, places) in labels.iter_mut().zip(places) {
            for &place in places.context("a product without operands")? {
                *list.get_mut(place).context("an axis is out of range")? = label;
            }
        }
    }
    let [left, right, out] = labels;
    let op = Opcode::Einsum { a: left, b: right, out };
    Ok(lowering.plan.push(op, &[a, b], dtype, &dims))
}

fn conv(lowering: &mut Lowering, site: &Site<'_>, op: &Conv) -> TractResult<u32> {
    ensure!(op.q_params.is_none(), "quantised convolutions are not supported");
    ensure!(
        op.kernel_fmt == KernelFormat::OIHW,
        "a convolution with its weights in this layout is not supported"
    );
    if op.pool_spec.rank() > 2 {
        return deep(lowering, site, op);
    }
    let canvas = Canvas::new(lowering, site.input(0)?, &op.pool_spec)?;
    ensure!(canvas.dtype == DType::F32, "a convolution of {} is not supported", canvas.dtype);
    let (window, _) = pooling::window(&op.pool_spec, canvas.hw)?;
    let weights = weights(lowering, site.input(1)?, op.pool_spec.rank())?;
    let channels = u32::try_from(op.pool_spec.output_channels)?;
    let (bias, late) = bias(lowering, site.inputs.get(2).copied(), channels)?;
    let out = canvas.result(lowering, site, channels, &op.pool_spec)?;
    let groups = u32::try_from(op.group)?;
    let operands = [canvas.value, weights, bias];
    let mut y = lowering.plan.push(Opcode::Conv2d { window, groups }, &operands, DType::F32, &out);
    if let Some(late) = late {
        y = lowering.binary(BinaryOp::Add, y, late)?;
    }
    canvas.restore(lowering, y, site)
}

/// A convolution over three axes.
fn deep(lowering: &mut Lowering, site: &Site<'_>, op: &Conv) -> TractResult<u32> {
    let x = site.input(0)?;
    let volume = pooling::volume(lowering, x, &op.pool_spec)?;
    let weights = site.input(1)?;
    lowering.bytes(weights, "weights of a convolution")?;
    let channels = u32::try_from(op.pool_spec.output_channels)?;
    let (bias, late) = bias(lowering, site.inputs.get(2).copied(), channels)?;
    let y = volume::conv(lowering, x, weights, bias, &volume, u32::try_from(op.group)?)?;
    match late {
        None => Ok(y),
        Some(late) => {
            let late = lowering.reshape(late, &[1, channels, 1, 1, 1])?;
            lowering.binary(BinaryOp::Add, y, late)
        }
    }
}

/// Weights as \[o, i, kh, kw\].
fn weights(lowering: &mut Lowering, value: u32, rank: usize) -> TractResult<u32> {
    ensure!(
        lowering.plan.is_fixed(value),
        "weights of a convolution that are computed, not constant, are not supported"
    );
    let dims = lowering.dims(value)?;
    ensure!(dims.len() == rank + 2, "the weights of a convolution have another rank than its input");
    match rank {
        1 => lowering.reshape(value, &[dims[0], dims[1], 1, dims[2]]),
        _ => Ok(value),
    }
}

/// The bias as a constant \[o\]; one that is computed is added afterwards, which gives the same bits.
fn bias(lowering: &mut Lowering, value: Option<u32>, channels: u32) -> TractResult<(u32, Option<u32>)> {
    let zeros = vec![0.0; channels as usize];
    let Some(value) = value else {
        return Ok((lowering.plan.constant_f32(&[channels], &zeros), None));
    };
    let count: u64 = lowering.dims(value)?.iter().map(|&dim| u64::from(dim)).product();
    ensure!(count == 1 || count == u64::from(channels), "the bias of a convolution has another length");
    if let Some(bytes) = lowering.plan.constant_bytes(value) {
        let bytes = if count == 1 { bytes.repeat(channels as usize) } else { bytes.to_vec() };
        return Ok((lowering.plan.constant(DType::F32, &[channels], &bytes), None));
    }
    let late = lowering.reshape(value, &[1, u32::try_from(count)?, 1, 1])?;
    Ok((lowering.plan.constant_f32(&[channels], &zeros), Some(late)))
}
