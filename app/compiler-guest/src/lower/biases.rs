//! What is added inside a recurrence: biases and peepholes of one direction, folded where they are constant.

use super::context::Lowering;
use super::recurrent::Shape;
use crate::operators::{Cell, Recurrence};
use assay_plan::BinaryOp;
use tract_onnx::prelude::*;
use tract_onnx::tract_hir::internal::*;

/// The biases of one direction: both sides' sum, and the state's of a GRU's last gate when that one is added
/// before the reset.
pub fn biases(
    lowering: &mut Lowering,
    bias: u32,
    op: &Recurrence,
    at: u32,
    shape: &Shape,
) -> TractResult<(Option<u32>, Option<u32>)> {
    let rows = shape.hidden * u32::try_from(op.cell.gates())?;
    let ways = u32::try_from(op.directions.len())?;
    ensure!(lowering.dims(bias)? == [ways, 2 * rows], "a recurrence whose B has other dims");
    let late = op.cell == Cell::Gru { linear_before_reset: true };
    let early = if late { 2 * shape.hidden } else { rows };
    if let Some(bytes) = lowering.plan.constant_bytes(bias) {
        let words = bytes.as_chunks::<4>().0.iter().map(|word| f32::from_le_bytes(*word));
        let numbers: Vec<f32> = words.skip(at as usize * 2 * rows as usize).collect();
        let (mut sum, state) =
            (numbers[..rows as usize].to_vec(), &numbers[rows as usize..2 * rows as usize]);
        sum.iter_mut().zip(&state[..early as usize]).for_each(|(sum, more)| *sum += more);
        let late_bias =
            late.then(|| lowering.plan.constant_f32(&[1, 1, shape.hidden], &state[early as usize..]));
        let sum = if sum.iter().all(|&x| x == 0.0) { None } else { Some(sum) };
        return Ok((sum.map(|sum| lowering.plan.constant_f32(&[1, 1, rows], &sum)), late_bias));
    }
    let row = lowering.leading(bias, at, 1)?;
    let row = lowering.reshape(row, &[1, 1, 2 * rows])?;
    let (first, state) = (lowering.slice(row, 2, 0, rows)?, lowering.slice(row, 2, rows, rows)?);
    if !late {
        return Ok((Some(lowering.binary(BinaryOp::Add, first, state)?), None));
    }
    let (left, right) = (lowering.slice(first, 2, 0, early)?, lowering.slice(state, 2, 0, early)?);
    let sum = lowering.binary(BinaryOp::Add, left, right)?;
    let last = lowering.slice(first, 2, early, shape.hidden)?;
    let late_bias = lowering.slice(state, 2, early, shape.hidden)?;
    Ok((Some(lowering.concat(&[sum, last], 2)?), Some(late_bias)))
}

/// The peepholes of one direction, of gates i, o and f.
pub fn peepholes(
    lowering: &mut Lowering,
    value: u32,
    at: u32,
    ways: u32,
    shape: &Shape,
) -> TractResult<[u32; 3]> {
    ensure!(lowering.dims(value)? == [ways, 3 * shape.hidden], "a recurrence whose P has other dims");
    let row = lowering.reshape(value, &[ways * 3, shape.hidden])?;
    let mut one = |index| -> TractResult<u32> {
        let row = lowering.leading(row, at * 3 + index, 1)?;
        lowering.reshape(row, &[1, 1, shape.hidden])
    };
    Ok([one(0)?, one(1)?, one(2)?])
}
