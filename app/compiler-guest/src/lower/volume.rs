//! Convolution over one to three axes as convolutions over two.
//!
//! One axis is the second of two. Of three, the taps along the first are taken one by one: each is a
//! convolution over the other two, of all the slices that it meets, and their results are added in the order
//! of the taps.

use super::context::Lowering;
use assay_plan::{BinaryOp, Opcode, PadMode, Window};
use assay_types::tensor::DType;
use tract_onnx::prelude::*;
use tract_onnx::tract_hir::internal::*;

/// A window over one to three axes, but for its kernel, which the weights have.
pub struct Volume {
    pub stride: Vec<u32>,
    pub dilation: Vec<u32>,
    pub before: Vec<u32>,
    pub after: Vec<u32>,
}

impl Volume {
    /// The window over the last two axes.
    fn window(&self, kernel: &[u32]) -> Window {
        let pair = |list: &[u32], missing: u32| match list {
            [.., rows, columns] => [*rows, *columns],
            [columns] => [missing, *columns],
            [] => [missing; 2],
        };
        Window {
            kernel: pair(kernel, 1),
            stride: pair(&self.stride, 1),
            dilation: pair(&self.dilation, 1),
            pad_before: pair(&self.before, 0),
            pad_after: pair(&self.after, 0),
        }
    }

    /// The windows along an axis of `dim`.
    fn count(&self, axis: usize, dim: u32, kernel: u32) -> TractResult<u32> {
        let span = u64::from(kernel.saturating_sub(1)) * u64::from(self.dilation[axis]) + 1;
        let padded = u64::from(dim) + u64::from(self.before[axis]) + u64::from(self.after[axis]);
        let room = padded.checked_sub(span).context("a window larger than its padded input")?;
        Ok(u32::try_from(room / u64::from(self.stride[axis].max(1)) + 1)?)
    }
}

/// A convolution of x \[n, c, axes\] with constant weights \[o, c / groups, taps\] and bias \[o\].
pub fn conv(
    lowering: &mut Lowering,
    x: u32,
    weights: u32,
    bias: u32,
    volume: &Volume,
    groups: u32,
) -> TractResult<u32> {
    let (from, kernel) = (lowering.dims(x)?, lowering.dims(weights)?);
    let axes = from.len().saturating_sub(2);
    ensure!(
        (1..=3).contains(&axes) && kernel.len() == from.len() && volume.stride.len() == axes,
        "a convolution over {axes} axes is not supported"
    );
    let mut out = vec![from[0], kernel[0]];
    for axis in 0..axes {
        out.push(volume.count(axis, from[axis + 2], kernel[axis + 2])?);
    }
    let op = Opcode::Conv2d { window: volume.window(&kernel[2..]), groups };
    match axes {
        2 => Ok(lowering.plan.push(op, &[x, weights, bias], DType::F32, &out)),
        1 => {
            let flat = |dims: &[u32]| [dims[0], dims[1], 1, dims[2]];
            let x = lowering.reshape(x, &flat(&from))?;
            let weights = lowering.reshape(weights, &flat(&kernel))?;
            let y = lowering.plan.push(op, &[x, weights, bias], DType::F32, &flat(&out));
            lowering.reshape(y, &out)
        }
        _ => deep(lowering, x, weights, bias, volume, op, &out),
    }
}

fn deep(
    lowering: &mut Lowering,
    x: u32,
    weights: u32,
    bias: u32,
    volume: &Volume,
    op: Opcode,
    out: &[u32],
) -> TractResult<u32> {
    let (from, kernel) = (lowering.dims(x)?, lowering.dims(weights)?);
    let bytes = lowering.bytes(weights, "weights of a convolution")?;
    // [n, d, c, h, w], zeros around d.
    let mut slices = lowering.permute(x, &[0, 2, 1, 3, 4])?;
    if volume.before[0] > 0 || volume.after[0] > 0 {
        let depth = from[2] + volume.before[0] + volume.after[0];
        let zero = lowering.plan.constant_f32(&[1], &[0.0]);
        let side = |pad: u32| vec![0, pad, 0, 0, 0];
        let pad = Opcode::Pad {
            before: side(volume.before[0]),
            after: side(volume.after[0]),
            mode: PadMode::Constant,
        };
        slices = lowering.plan.push(
            pad,
            &[slices, zero],
            DType::F32,
            &[from[0], depth, from[1], from[3], from[4]],
        );
    }
    let plane = (kernel[3] * kernel[4]) as usize * 4;
    let zeros = lowering.plan.constant_f32(&[out[1]], &vec![0.0; out[1] as usize]);
    let flat = [from[0] * out[2], out[1], out[3], out[4]];
    let mut sum = None;
    for tap in 0..kernel[2] as usize {
        let taken = Opcode::Slice {
            axis: 1,
            start: u32::try_from(tap)? * volume.dilation[0],
            step: i32::try_from(volume.stride[0])?,
        };
        let dims = [from[0], out[2], from[1], from[3], from[4]];
        let part = lowering.plan.push(taken, &[slices], DType::F32, &dims);
        let part = lowering.reshape(part, &[from[0] * out[2], from[1], from[3], from[4]])?;
        let planes = bytes.chunks_exact(plane).skip(tap).step_by(kernel[2] as usize);
        let weights: Vec<u8> = planes.flatten().copied().collect();
        let weights =
            lowering.plan.constant(DType::F32, &[kernel[0], kernel[1], kernel[3], kernel[4]], &weights);
        let bias = if tap == 0 { bias } else { zeros };
        let part = lowering.plan.push(op.clone(), &[part, weights, bias], DType::F32, &flat);
        sum = Some(match sum {
            None => part,
            Some(sum) => lowering.binary(BinaryOp::Add, sum, part)?,
        });
    }
    let y = lowering
        .reshape(sum.context("a convolution without taps")?, &[from[0], out[2], out[1], out[3], out[4]])?;
    lowering.permute(y, &[0, 2, 1, 3, 4])
}
