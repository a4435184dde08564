//! Transposed convolution as a convolution.
//!
//! With stride s, output s q + r depends on the inputs around q through the taps r, r + s, r + 2 s ...: one
//! ordinary convolution of stride 1 for each r. These convolutions become one, with s times as many channels
//! for each axis; its channels are then laid out as neighbouring positions. Taps that a phase lacks have
//! weight 0.

use super::Lowered;
use super::context::{Lowering, Site, dims};
use super::volume::{self, Volume};
use assay_plan::{BinaryOp, Opcode, PadMode};
use assay_types::tensor::DType;
use tract_onnx::prelude::*;
use tract_onnx::tract_core::ops::cnn::{Deconv, KernelFormat};
use tract_onnx::tract_hir::internal::*;

pub fn lower(lowering: &mut Lowering, site: &Site<'_>) -> Lowered {
    let Some(op) = site.op::<Deconv>() else { return Ok(None) };
    let spec = &op.pool_spec;
    let format = &spec.data_format;
    ensure!(
        op.kernel_format == KernelFormat::OIHW && format.has_n() && !format.c_is_last(),
        "a transposed convolution in this layout is not supported"
    );
    let (dtype, out) = site.result()?;
    ensure!(dtype == DType::F32, "a transposed convolution of {dtype} is not supported");
    let x = site.input(0)?;
    let from = lowering.dims(x)?;
    ensure!((3..=5).contains(&from.len()), "a transposed convolution over {} axes", from.len() - 2);
    let spatial: Vec<usize> = from[2..].iter().map(|&dim| dim as usize).collect();
    let strides = spec.strides();
    let dilations = spec.dilations();
    let padding = spec.padding.compute_for_deconv(
        &spatial,
        &spec.kernel_shape,
        &dilations,
        &strides,
        &op.adjustments,
    )?;
    let before: Vec<u32> = dims(&padding.iter().map(|pad| pad.pad_before).collect::<Vec<_>>())?;
    let (strides, dilations) = (dims(&strides)?, dims(&dilations)?);
    let phases = Phases::new(lowering, site.input(1)?, &strides, &dilations)?;
    let whole = phases.run(lowering, x, u32::try_from(op.group)?)?;
    let y = crop(lowering, whole, &before, &out)?;
    let bias = bias(lowering, site.input(2)?, &out)?;
    let y = match bias {
        Some(bias) => lowering.binary(BinaryOp::Add, y, bias)?,
        None => y,
    };
    Ok(Some(vec![y]))
}

/// The bias with dims to repeat; none if it is zero.
fn bias(lowering: &mut Lowering, bias: u32, out: &[u32]) -> TractResult<Option<u32>> {
    if lowering.plan.constant_bytes(bias).is_some_and(|bytes| bytes.iter().all(|&byte| byte == 0)) {
        return Ok(None);
    }
    let count: u32 = lowering.dims(bias)?.iter().product();
    let mut to = vec![1; out.len()];
    to[1] = count;
    ensure!(count == 1 || count == out[1], "the bias of a transposed convolution has another length");
    Ok(Some(lowering.reshape(bias, &to)?))
}

/// Positions from `before` on, zeros where there are none.
fn crop(lowering: &mut Lowering, mut y: u32, before: &[u32], out: &[u32]) -> TractResult<u32> {
    let now = lowering.dims(y)?;
    let rank = now.len();
    let missing: Vec<u32> = (0..rank)
        .map(|axis| if axis < 2 { 0 } else { (before[axis - 2] + out[axis]).saturating_sub(now[axis]) })
        .collect();
    if missing.iter().any(|&missing| missing > 0) {
        let to: Vec<u32> = now.iter().zip(&missing).map(|(now, missing)| now + missing).collect();
        let zero = lowering.plan.constant_f32(&[1], &[0.0]);
        let op = Opcode::Pad { before: vec![0; rank], after: missing, mode: PadMode::Constant };
        y = lowering.plan.push(op, &[y, zero], DType::F32, &to);
    }
    for axis in 2..rank {
        if before[axis - 2] > 0 || lowering.dims(y)?[axis] != out[axis] {
            y = lowering.slice(y, axis, before[axis - 2], out[axis])?;
        }
    }
    Ok(y)
}

/// The one convolution that holds those of all phases.
struct Phases {
    weights: Vec<f32>,
    /// Output channels, input channels of a group, then its taps.
    dims: Vec<u32>,
    strides: Vec<u32>,
}

impl Phases {
    fn new(lowering: &Lowering, weights: u32, strides: &[u32], dilations: &[u32]) -> TractResult<Self> {
        let bytes = lowering.bytes(weights, "weights of a transposed convolution")?;
        let old = lowering.dims(weights)?;
        ensure!(old.len() == strides.len() + 2, "the weights have another rank than the input");
        let kernel = &old[2..];
        let taps: Vec<u32> = (0..strides.len())
            .map(|axis| {
                let span = (u64::from(kernel[axis]) - 1) * u64::from(dilations[axis]) + 1;
                Ok(u32::try_from(span.div_ceil(u64::from(strides[axis])))?)
            })
            .collect::<TractResult<_>>()?;
        let phases: u32 = strides.iter().product();
        let count: u64 =
            [&[old[0], old[1], phases], &taps[..]].concat().iter().map(|&dim| u64::from(dim)).product();
        ensure!(count <= MAX_WEIGHTS, "a transposed convolution of too many strides and taps");
        let old_values: Vec<f32> =
            bytes.as_chunks::<4>().0.iter().map(|word| f32::from_le_bytes(*word)).collect();
        let kernel_len: usize = kernel.iter().map(|&dim| dim as usize).product();
        let mut values = Vec::with_capacity(count as usize);
        for output in 0..old[0] as usize {
            for phase in 0..phases {
                for input in 0..old[1] as usize {
                    let from = &old_values[(output * old[1] as usize + input) * kernel_len..][..kernel_len];
                    for tap in 0..taps.iter().product::<u32>() {
                        let at = place(phase, tap, strides, &taps, dilations, kernel);
                        values.push(at.map_or(0.0, |at| from[at]));
                    }
                }
            }
        }
        Ok(Self {
            weights: values,
            dims: [&[old[0] * phases, old[1]], &taps[..]].concat(),
            strides: strides.to_vec(),
        })
    }

    fn run(&self, lowering: &mut Lowering, x: u32, groups: u32) -> TractResult<u32> {
        let axes = self.strides.len();
        let weights = lowering.plan.constant_f32(&self.dims, &self.weights);
        let bias = lowering.plan.constant_f32(&self.dims[..1], &vec![0.0; self.dims[0] as usize]);
        let reach: Vec<u32> = self.dims[2..].iter().map(|taps| taps - 1).collect();
        let volume =
            Volume { stride: vec![1; axes], dilation: vec![1; axes], before: reach.clone(), after: reach };
        let y = volume::conv(lowering, x, weights, bias, &volume, groups)?;
        if self.strides.iter().all(|&stride| stride == 1) {
            return Ok(y);
        }
        // [n, o, phases, positions] to [n, o, (position, phase) for each axis].
        let now = lowering.dims(y)?;
        let phases: u32 = self.strides.iter().product();
        let split = [&[now[0] * (now[1] / phases)], &self.strides[..], &now[2..]].concat();
        let y = lowering.reshape(y, &split)?;
        let order: Vec<usize> =
            std::iter::once(0).chain((0..axes).flat_map(|axis| [1 + axes + axis, 1 + axis])).collect();
        let y = lowering.permute(y, &order)?;
        let merged: Vec<u32> = self.strides.iter().zip(&now[2..]).map(|(stride, dim)| stride * dim).collect();
        lowering.reshape(y, &[&[now[0], now[1] / phases], &merged[..]].concat())
    }
}

/// Elements of the phases' weights, at most.
const MAX_WEIGHTS: u64 = 1 << 28;

/// Where in the kernel the tap of a phase is: taps stand in the order of the inputs, so against the kernel's.
fn place(
    phase: u32,
    tap: u32,
    strides: &[u32],
    taps: &[u32],
    dilations: &[u32],
    kernel: &[u32],
) -> Option<usize> {
    let (mut phase, mut tap) = (phase, tap);
    let (mut at, mut step) = (0, 1);
    for axis in (0..strides.len()).rev() {
        let (r, j) = (phase % strides[axis], tap % taps[axis]);
        phase /= strides[axis];
        tap /= taps[axis];
        let reach = u64::from(r) + u64::from(strides[axis]) * u64::from(taps[axis] - 1 - j);
        let k = reach / u64::from(dilations[axis]);
        if reach % u64::from(dilations[axis]) != 0 || k >= u64::from(kernel[axis]) {
            return None;
        }
        at += k as usize * step;
        step *= kernel[axis] as usize;
    }
    Some(at)
}
