//! Recurrences, unrolled: a plan has no control flow, so every step is written out.

use super::context::{Lowering, Site, Values};
use super::{Lowered, body};
use assay_plan::{BinaryOp, Opcode, UnaryOp};
use assay_types::tensor::DType;
use tract_onnx::prelude::*;
use tract_onnx::tract_core::ops::gru_cell::GruEpilogue;
use tract_onnx::tract_core::ops::gru_seq::GruSeq;
use tract_onnx::tract_core::ops::konst::Const;
use tract_onnx::tract_core::ops::lstm_cell::LstmEpilogue;
use tract_onnx::tract_core::ops::scan::{InputMapping, Scan};
use tract_onnx::tract_hir::internal::*;

/// Steps of one recurrence, at most.
const MAX_STEPS: u32 = 1024;

pub fn lower(lowering: &mut Lowering, site: &Site<'_>) -> Lowered {
    Ok(Some(if let Some(op) = site.op::<Scan>() {
        scan(lowering, site, op)?
    } else if let Some(op) = site.op::<LstmEpilogue>() {
        lstm_cell(lowering, site.input(0)?, site.input(1)?, op.hidden)?
    } else if let Some(op) = site.op::<GruEpilogue>() {
        let (xh, rh, state) = (site.input(0)?, site.input(1)?, site.input(2)?);
        vec![gru_cell(lowering, xh, rh, state, op.hidden)?]
    } else if let Some(op) = site.op::<GruSeq>() {
        gru(lowering, site, op)?
    } else {
        return Ok(None);
    }))
}

/// Steps of a scan, from the first input that is cut into chunks.
fn steps(lowering: &Lowering, site: &Site<'_>, op: &Scan) -> TractResult<u32> {
    for (mapping, &value) in op.input_mapping.iter().zip(&site.inputs) {
        if let InputMapping::Scan(info) = mapping {
            let chunk = u32::try_from(info.chunk.unsigned_abs())?;
            let len = *lowering.dims(value)?.get(info.axis).context("an axis is out of range")?;
            ensure!(
                chunk > 0 && len.is_multiple_of(chunk),
                "a recurrence with a partial last step is not supported"
            );
            ensure!(len / chunk <= MAX_STEPS, "a recurrence of {} steps, more than {MAX_STEPS}", len / chunk);
            return Ok(len / chunk);
        }
    }
    bail!("a recurrence without a sequence is not supported")
}

fn scan(lowering: &mut Lowering, site: &Site<'_>, op: &Scan) -> TractResult<Vec<u32>> {
    ensure!(op.skip == 0, "a recurrence that skips steps is not supported");
    let steps = steps(lowering, site, op)?;
    let states = op.input_mapping.iter().zip(&site.inputs).filter(|(mapping, _)| mapping.is_state());
    let mut state: Vec<u32> = states.map(|(_, &value)| value).collect();
    let mut constants = Values::new();
    let mut collected = vec![Vec::new(); op.output_mapping.len()];
    let mut last = Vec::new();
    for step in 0..steps {
        let mut values = constants.clone();
        bind(lowering, site, op, &state, (step, steps), &mut values)?;
        body(&op.body, lowering, &mut values)?;
        if step == 0 {
            let constant = |(node, _): &(usize, usize)| op.body.node(*node).op_is::<Const>();
            constants =
                values.iter().filter(|(outlet, _)| constant(outlet)).map(|(key, id)| (*key, *id)).collect();
        }
        let outlets = op.body.output_outlets()?;
        let results: Option<Vec<u32>> =
            outlets.iter().map(|outlet| values.get(&(outlet.node, outlet.slot)).copied()).collect();
        last = results.context("a recurrence does not compute its output")?;
        let kept = op.output_mapping.iter().zip(&last).filter(|(mapping, _)| mapping.state);
        state = kept.map(|(_, &value)| value).collect();
        for (list, &value) in collected.iter_mut().zip(&last) {
            list.push(value);
        }
    }
    let mut results = vec![u32::MAX; site.node.outputs.len()];
    for ((mapping, list), &last) in op.output_mapping.iter().zip(&mut collected).zip(&last) {
        if let Some(slot) = mapping.last_value_slot {
            *results.get_mut(slot).context("a recurrence with an output out of range")? = last;
        }
        if let Some((slot, info)) = mapping.scan {
            if info.chunk < 0 {
                list.reverse();
            }
            let whole = lowering.concat(list, info.axis)?;
            *results.get_mut(slot).context("a recurrence with an output out of range")? = whole;
        }
    }
    Ok(results)
}

/// Gives the inputs of a scan's body their values for one step.
fn bind(
    lowering: &mut Lowering,
    site: &Site<'_>,
    op: &Scan,
    state: &[u32],
    (step, steps): (u32, u32),
    values: &mut Values,
) -> TractResult<()> {
    let mut state = state.iter();
    let outlets = op.body.input_outlets()?.to_vec();
    for ((mapping, &input), outlet) in op.input_mapping.iter().zip(&site.inputs).zip(outlets) {
        let value = match mapping {
            InputMapping::Full => input,
            InputMapping::State => *state.next().context("a recurrence without its state")?,
            InputMapping::Scan(info) => {
                let chunk = u32::try_from(info.chunk.unsigned_abs())?;
                let index = if info.chunk > 0 { step } else { steps - 1 - step };
                lowering.slice(input, info.axis, index * chunk, chunk)?
            }
        };
        values.insert((outlet.node, outlet.slot), value);
    }
    Ok(())
}

/// `count` elements along the last axis from `index * count`.
fn part(lowering: &mut Lowering, value: u32, index: u32, count: u32) -> TractResult<u32> {
    let rank = lowering.dims(value)?.len();
    lowering.slice(value, rank.checked_sub(1).context("a scalar has no parts")?, index * count, count)
}

/// An LSTM's step after its products: gates i, o, f, c; returns the hidden state and the cell.
fn lstm_cell(lowering: &mut Lowering, gates: u32, cell: u32, hidden: usize) -> TractResult<Vec<u32>> {
    let hidden = u32::try_from(hidden)?;
    let mut gate = |index, function| -> TractResult<u32> {
        let gate = part(lowering, gates, index, hidden)?;
        lowering.unary(function, gate)
    };
    let input = gate(0, UnaryOp::Sigmoid)?;
    let output = gate(1, UnaryOp::Sigmoid)?;
    let forget = gate(2, UnaryOp::Sigmoid)?;
    let fresh = gate(3, UnaryOp::Tanh)?;
    let kept = lowering.binary(BinaryOp::Mul, forget, cell)?;
    let added = lowering.binary(BinaryOp::Mul, input, fresh)?;
    let cell = lowering.binary(BinaryOp::Add, kept, added)?;
    let squashed = lowering.unary(UnaryOp::Tanh, cell)?;
    Ok(vec![lowering.binary(BinaryOp::Mul, output, squashed)?, cell])
}

/// A GRU's step after its products: gates z, r, h of both sides; returns the hidden state.
fn gru_cell(lowering: &mut Lowering, xh: u32, rh: u32, state: u32, hidden: usize) -> TractResult<u32> {
    let hidden = u32::try_from(hidden)?;
    let gate = |lowering: &mut Lowering, index: u32| -> TractResult<u32> {
        let (x, r) = (part(lowering, xh, index, hidden)?, part(lowering, rh, index, hidden)?);
        let sum = lowering.binary(BinaryOp::Add, x, r)?;
        lowering.unary(UnaryOp::Sigmoid, sum)
    };
    let update = gate(lowering, 0)?;
    let reset = gate(lowering, 1)?;
    let (x, r) = (part(lowering, xh, 2, hidden)?, part(lowering, rh, 2, hidden)?);
    let scaled = lowering.binary(BinaryOp::Mul, reset, r)?;
    let sum = lowering.binary(BinaryOp::Add, x, scaled)?;
    let fresh = lowering.unary(UnaryOp::Tanh, sum)?;
    let difference = lowering.binary(BinaryOp::Sub, state, fresh)?;
    let kept = lowering.binary(BinaryOp::Mul, update, difference)?;
    lowering.binary(BinaryOp::Add, fresh, kept)
}

/// A product `x [n, k] w [m, k]` over k.
fn product(lowering: &mut Lowering, x: u32, w: u32) -> TractResult<u32> {
    let (left, right) = (lowering.dims(x)?, lowering.dims(w)?);
    let ([n, _], [m, _]) = (&left[..], &right[..]) else { bail!("a product of other ranks") };
    let op = Opcode::Einsum { a: vec![0, 1], b: vec![2, 1], out: vec![0, 2] };
    Ok(lowering.plan.push(op, &[x, w], DType::F32, &[*n, *m]))
}

/// A whole GRU: x \[batch, steps, in\] (or the input side's product), W, R, B, initial state.
fn gru(lowering: &mut Lowering, site: &Site<'_>, op: &GruSeq) -> TractResult<Vec<u32>> {
    let hidden = u32::try_from(op.hidden)?;
    let x = site.input(0)?;
    let [batch, steps, width] = lowering.dims(x)?[..] else { bail!("a GRU over a tensor of another rank") };
    ensure!(steps <= MAX_STEPS, "a recurrence of {steps} steps, more than {MAX_STEPS}");
    let slot = if op.projected { 1 } else { 2 };
    let r = site.input(slot)?;
    let gates = hidden.checked_mul(3).context("a dim is too large")?;
    let (mut input_bias, mut state_bias) = (None, None);
    if op.has_bias {
        let bias = lowering
            .reshape(site.input(slot + 1)?, &[1, gates.checked_mul(2).context("a dim is too large")?])?;
        input_bias = Some(lowering.slice(bias, 1, 0, gates)?).filter(|_| !op.projected);
        state_bias = Some(lowering.slice(bias, 1, gates, gates)?);
    }
    let first = *site.inputs.last().context("a GRU without a state")?;
    let mut state = lowering.reshape(first, &[batch, hidden])?;
    let mut outputs = Vec::new();
    for step in 0..steps {
        let at = if op.chunk < 0 { steps - 1 - step } else { step };
        let row = lowering.slice(x, 1, at, 1)?;
        let mut xh = lowering.reshape(row, &[batch, width])?;
        if !op.projected {
            xh = product(lowering, xh, site.input(1)?)?;
        }
        if let Some(bias) = input_bias {
            xh = lowering.binary(BinaryOp::Add, xh, bias)?;
        }
        let mut rh = product(lowering, state, r)?;
        if let Some(bias) = state_bias {
            rh = lowering.binary(BinaryOp::Add, rh, bias)?;
        }
        state = gru_cell(lowering, xh, rh, state, op.hidden)?;
        outputs.push(lowering.reshape(state, &[batch, 1, hidden])?);
    }
    let last = *outputs.last().context("a GRU without steps")?;
    if op.chunk < 0 {
        outputs.reverse();
    }
    // Without `emit_y` the first output is empty and unused; the last state stands in for it.
    let all = if op.emit_y { lowering.concat(&outputs, 1)? } else { last };
    Ok(vec![all, last])
}
