//! Operators over whole axes: sums, extremes, softmax, normalization.

use super::Lowered;
use super::context::{Lowering, Site, axes, axis};
use assay_plan::{BinaryOp, Opcode, Reducer, UnaryOp};
use assay_types::tensor::DType;
use tract_onnx::prelude::*;
use tract_onnx::tract_core::ops::nn::{self, RmsNorm, Softmax, SoftmaxKind};
use tract_onnx::tract_hir::internal::*;

pub fn lower(lowering: &mut Lowering, site: &Site<'_>) -> Lowered {
    let value = if let Some(op) = site.op::<nn::Reduce>() {
        reduce(lowering, site, op)?
    } else if let Some(op) = site.op::<Softmax>() {
        ensure!(op.quant_output_dt.is_none(), "quantised softmax is not supported");
        let (dtype, dims) = site.result()?;
        let axes = axes(&op.axes)?;
        let code = match op.kind {
            SoftmaxKind::Softmax => Opcode::Softmax { axes },
            SoftmaxKind::LogSoftmax => Opcode::LogSoftmax { axes },
        };
        lowering.plan.push(code, &[site.input(0)?], dtype, &dims)
    } else if let Some(op) = site.op::<RmsNorm>() {
        let (dtype, dims) = site.result()?;
        let eps = op.eps.cast_to_scalar::<f32>()?.to_bits();
        let code = Opcode::RmsNorm { axes: axes(&[op.axis])?, eps };
        lowering.plan.push(code, &[site.input(0)?], dtype, &dims)
    } else {
        return Ok(None);
    };
    Ok(Some(vec![value]))
}

fn reduce(lowering: &mut Lowering, site: &Site<'_>, op: &nn::Reduce) -> TractResult<u32> {
    let x = site.input(0)?;
    let (result, dims) = site.result()?;
    let (dtype, whole) = lowering.of(x)?;
    if op.axes.is_empty() {
        return lowering.cast(x, result);
    }
    let simple = |reducer| -> TractResult<Opcode> { Ok(Opcode::Reduce { reducer, axes: axes(&op.axes)? }) };
    let single = || -> TractResult<u8> {
        match op.axes[..] {
            [one] => axis(one),
            _ => bail!("the index of an extreme over several axes is not supported"),
        }
    };
    let code = match op.reducer {
        nn::Reducer::Sum => simple(Reducer::Sum)?,
        nn::Reducer::Prod => simple(Reducer::Prod)?,
        nn::Reducer::Max | nn::Reducer::Any => simple(Reducer::Max)?,
        nn::Reducer::Min | nn::Reducer::All => simple(Reducer::Min)?,
        nn::Reducer::ArgMax(last) => Opcode::ArgMax { axis: single()?, last },
        nn::Reducer::ArgMin(last) => Opcode::ArgMin { axis: single()?, last },
        nn::Reducer::MeanOfSquares => {
            ensure!(dtype == DType::F32, "a mean of squares of {dtype} is not supported");
            let square = lowering.unary(UnaryOp::Square, x)?;
            let sum = lowering.plan.push(simple(Reducer::Sum)?, &[square], dtype, &dims);
            let count: f32 =
                op.axes.iter().filter_map(|&axis| whole.get(axis)).map(|&dim| dim as f32).product();
            let count = lowering.plan.constant_f32(&vec![1; dims.len()], &[count]);
            return lowering.binary(BinaryOp::Div, sum, count);
        }
    };
    let indices = matches!(code, Opcode::ArgMax { .. } | Opcode::ArgMin { .. });
    let value = lowering.plan.push(code, &[x], if indices { DType::I64 } else { dtype }, &dims);
    lowering.cast(value, result)
}
