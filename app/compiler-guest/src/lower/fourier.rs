//! Fourier transforms as products with a constant matrix: exact in what they mean, and cheap enough for the
//! lengths that models of sound use.

use super::context::{Lowering, Site, dims};
use super::{Lowered, movement};
use assay_plan::Opcode;
use assay_types::tensor::DType;
use tract_onnx::prelude::*;
use tract_onnx::tract_core::ops::fft::{Fft, Stft};
use tract_onnx::tract_hir::internal::*;

/// The longest transform: its matrix has 4 n^2 elements.
const MAX_LENGTH: usize = 2048;

pub fn lower(lowering: &mut Lowering, site: &Site<'_>) -> Lowered {
    let value = if let Some(op) = site.op::<Fft>() {
        transform(lowering, site.input(0)?, op.axis, op.inverse, None)?
    } else if let Some(op) = site.op::<Stft>() {
        frames(lowering, site, op)?
    } else {
        return Ok(None);
    };
    Ok(Some(vec![value]))
}

/// The transform along an axis of pairs of real and imaginary parts, the last axis; elements are first
/// multiplied by a window.
fn transform(
    lowering: &mut Lowering,
    x: u32,
    axis: usize,
    inverse: bool,
    window: Option<&[f32]>,
) -> TractResult<u32> {
    let (dtype, from) = lowering.of(x)?;
    let last = from.len().checked_sub(1).context("a transform of a scalar")?;
    ensure!(
        dtype == DType::F32 && axis < last && from[last] == 2,
        "a transform of something else than pairs"
    );
    let n = from[axis] as usize;
    ensure!(n <= MAX_LENGTH, "a transform of {n} elements, more than {MAX_LENGTH}");
    let sign = if inverse { 1.0 } else { -1.0 };
    let mut matrix = Vec::with_capacity(4 * n * n);
    for t in 0..n {
        let weight = window.map_or(1.0, |window| f64::from(window[t]));
        // What a real part and an imaginary part add to both parts of every result.
        let turn = |k: usize| {
            let angle = std::f64::consts::TAU * ((t * k % n) as f64 / n as f64);
            ((angle.cos() * weight) as f32, (sign * angle.sin() * weight) as f32)
        };
        matrix.extend((0..n).flat_map(|k| [turn(k).0, turn(k).1]));
        matrix.extend((0..n).flat_map(|k| [-turn(k).1, turn(k).0]));
    }
    let length = from[axis];
    let matrix = lowering.plan.constant_f32(&[length, 2, length, 2], &matrix);
    let a: Vec<u8> = (0..from.len()).map(|label| Ok(u8::try_from(label)?)).collect::<TractResult<_>>()?;
    let (time, part) = (a[axis], a[last]);
    let mut out = a.clone();
    (out[axis], out[last]) = (30, 31);
    let op = Opcode::Einsum { a, b: vec![time, part, 30, 31], out };
    Ok(lowering.plan.push(op, &[x, matrix], DType::F32, &from))
}

/// The transforms of overlapping frames.
fn frames(lowering: &mut Lowering, site: &Site<'_>, op: &Stft) -> TractResult<u32> {
    let x = site.input(0)?;
    let mut from = lowering.dims(x)?;
    let len = *from.get(op.axis).context("an axis is out of range")? as usize;
    ensure!(
        op.stride > 0 && 0 < op.frame && op.frame <= len,
        "frames longer than their signal, or without steps"
    );
    let count = (len - op.frame) / op.stride + 1;
    let index: Vec<usize> =
        (0..count).flat_map(|frame| (0..op.frame).map(move |t| frame * op.stride + t)).collect();
    let taken = movement::gather(lowering, x, op.axis, &index)?;
    from[op.axis] = dims(&[count])?[0];
    from.insert(op.axis + 1, dims(&[op.frame])?[0]);
    let taken = lowering.reshape(taken, &from)?;
    let window = match &op.window {
        None => None,
        Some(window) => {
            let window = window.cast_to::<f32>()?.try_as_plain_ram()?.as_slice::<f32>()?.to_vec();
            let room = op.frame.checked_sub(window.len()).context("a window longer than its frame")?;
            let mut padded = vec![0.0; op.frame];
            padded[room / 2..room / 2 + window.len()].copy_from_slice(&window);
            Some(padded)
        }
    };
    transform(lowering, taken, op.axis + 1, false, window.as_deref())
}
