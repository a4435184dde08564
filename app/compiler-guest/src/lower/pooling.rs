//! Sliding windows: pooling, and what convolution shares with it.

use super::Lowered;
use super::context::{Lowering, Site, dims};
use assay_plan::{Divisor, Opcode, Window};
use assay_types::tensor::DType;
use tract_onnx::prelude::*;
use tract_onnx::tract_core::ops::cnn::{MaxPool, PoolSpec, SumPool};
use tract_onnx::tract_hir::internal::*;

pub fn lower(lowering: &mut Lowering, site: &Site<'_>) -> Lowered {
    let (spec, sum) = if let Some(op) = site.op::<MaxPool>() {
        ensure!(op.with_index_outputs.is_none(), "pooling that also gives indices is not supported");
        (&op.pool_spec, None)
    } else if let Some(op) = site.op::<SumPool>() {
        let divisor = match (op.normalize, op.count_include_pad) {
            (false, _) => Divisor::One,
            (true, true) => Divisor::Kernel,
            (true, false) => Divisor::Inside,
        };
        (&op.pool_spec, Some(divisor))
    } else {
        return Ok(None);
    };
    let canvas = Canvas::new(lowering, site.input(0)?, spec)?;
    let bytes = sum.is_none() && matches!(canvas.dtype, DType::U8 | DType::I8);
    ensure!(bytes || canvas.dtype == DType::F32, "a window over {} is not supported", canvas.dtype);
    let (window, stretched) = window(spec, canvas.hw)?;
    let op = match sum {
        None => Opcode::MaxPool(window),
        Some(divisor) => {
            // The positions that rounding up adds would count as padding here, but not in ONNX.
            ensure!(
                divisor != Divisor::Kernel || !stretched,
                "average pooling with ceil_mode and padding is not supported"
            );
            Opcode::SumPool { window, divisor }
        }
    };
    let channels = lowering.dims(canvas.value)?[1];
    let out = canvas.result(lowering, site, channels, spec)?;
    let y = lowering.plan.push(op, &[canvas.value], canvas.dtype, &out);
    Ok(Some(vec![canvas.restore(lowering, y, site)?]))
}

/// A tensor in the form that windows need: \[n, c, h, w\]; and the way back.
pub struct Canvas {
    pub value: u32,
    pub dtype: DType,
    pub hw: [u32; 2],
    channels_last: bool,
}

impl Canvas {
    /// Brings a tensor into that form.
    pub fn new(lowering: &mut Lowering, x: u32, spec: &PoolSpec) -> TractResult<Self> {
        let (dtype, mut dims) = lowering.of(x)?;
        ensure!(matches!(spec.rank(), 1 | 2), "a window over {} axes is not supported", spec.rank());
        let mut x = x;
        let batched = spec.data_format.has_n();
        ensure!(
            dims.len() == spec.rank() + 1 + usize::from(batched),
            "a window over a tensor of another rank"
        );
        let channels_last = spec.data_format.c_is_last();
        if channels_last {
            let mut order: Vec<usize> = (0..dims.len()).collect();
            order.insert(usize::from(batched), dims.len() - 1);
            order.pop();
            x = lowering.permute(x, &order)?;
            dims = lowering.dims(x)?;
        }
        if !batched {
            dims.insert(0, 1);
        }
        if spec.rank() == 1 {
            dims.insert(2, 1);
        }
        Ok(Self { value: lowering.reshape(x, &dims)?, dtype, hw: [dims[2], dims[3]], channels_last })
    }

    /// The dims of a window operator's result in that form.
    pub fn result(
        &self,
        lowering: &Lowering,
        site: &Site<'_>,
        channels: u32,
        spec: &PoolSpec,
    ) -> TractResult<[u32; 4]> {
        let batch = lowering.dims(self.value)?[0];
        let out = site.result()?.1;
        let first = if self.channels_last { out.len() - 1 - spec.rank() } else { out.len() - spec.rank() };
        let hw = &out[first..first + spec.rank()];
        Ok(match hw {
            [w] => [batch, channels, 1, *w],
            [h, w] => [batch, channels, *h, *w],
            _ => bail!("a window over {} axes is not supported", hw.len()),
        })
    }

    /// Brings a result into the node's own form.
    pub fn restore(&self, lowering: &mut Lowering, y: u32, site: &Site<'_>) -> TractResult<u32> {
        let out = site.result()?.1;
        if !self.channels_last {
            return lowering.reshape(y, &out);
        }
        let y = lowering.permute(y, &[0, 2, 3, 1])?;
        lowering.reshape(y, &out)
    }
}

/// The window of a spec over \[h, w\], and whether it reaches past the padding that the file asks for.
pub fn window(spec: &PoolSpec, hw: [u32; 2]) -> TractResult<(Window, bool)> {
    let rank = spec.rank();
    let sizes: Vec<usize> = hw[2 - rank..].iter().map(|&size| size as usize).collect();
    let mut window =
        Window { kernel: [1; 2], stride: [1; 2], dilation: [1; 2], pad_before: [0; 2], pad_after: [0; 2] };
    let mut stretched = false;
    for (index, padding) in spec.computed_padding(&sizes).iter().enumerate() {
        let at = 2 - rank + index;
        let (kernel, stride, dilation) = (spec.kernel_shape[index], spec.stride(index), spec.dilation(index));
        // In 64 bits: the file may say anything, and a usize has 32 here.
        let span = (kernel as u64).saturating_sub(1) * dilation as u64 + 1;
        let last = (padding.convoluted as u64).saturating_sub(1) * stride as u64 + span;
        let after = last.saturating_sub(u64::from(hw[at]) + padding.pad_before as u64);
        stretched |= after > padding.pad_after as u64;
        let [kernel, stride, dilation, before] = dims(&[kernel, stride, dilation, padding.pad_before])?[..]
        else {
            bail!("a window out of range");
        };
        window.kernel[at] = kernel;
        window.stride[at] = stride;
        window.dilation[at] = dilation;
        window.pad_before[at] = before;
        window.pad_after[at] = u32::try_from(after)?;
    }
    Ok((window, stretched))
}
