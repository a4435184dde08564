//! Recurrences, unrolled: a plan has no control flow, so every step is written out.
//!
//! The plan is kept compact: the products of all steps' inputs with the weights are one einsum before the first
//! step, a step has one einsum for all gates (two in a GRU that resets before its product), gates that share an
//! activation share its node, and a state that starts as zero costs nothing. Inside, everything has the dims
//! \[steps, batch, features\], a step's values \[1, batch, features\].

use super::Lowered;
use super::activation;
use super::biases::{biases, peepholes};
use super::context::{Lowering, Site};
use super::quant;
use crate::operators::{Cell, Recurrence};
use assay_plan::{BinaryOp, Opcode};
use assay_types::tensor::DType;
use tract_onnx::prelude::*;
use tract_onnx::tract_hir::internal::*;

/// Steps of one recurrence, at most.
const MAX_STEPS: u32 = 1024;

pub fn lower(lowering: &mut Lowering, site: &Site<'_>) -> Lowered {
    let Some(op) = site.op::<Recurrence>() else { return Ok(None) };
    let x = time_first(lowering, site.input(0)?, op)?;
    let [steps, batch, width] = lowering.dims(x)?[..] else { bail!("a recurrence over another rank") };
    ensure!(steps > 0, "a recurrence without steps");
    ensure!(steps <= MAX_STEPS, "a recurrence of {steps} steps, more than {MAX_STEPS}: shorten the sequence");
    let live = lengths(lowering, site, op, (steps, batch))?;
    let shape = Shape { steps, live, batch, width, hidden: u32::try_from(op.hidden)? };
    let mut ways = Vec::new();
    for way in 0..op.directions.len() {
        let side = Side::new(lowering, site, op, way, &shape)?;
        ways.push(side.run(lowering, op, x, &shape)?);
    }
    assemble(lowering, op, &ways, &shape)
}

/// The sizes of a recurrence.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    pub steps: u32,
    /// Steps that are not padding.
    pub live: u32,
    pub batch: u32,
    pub width: u32,
    pub hidden: u32,
}

fn time_first(lowering: &mut Lowering, value: u32, op: &Recurrence) -> TractResult<u32> {
    if op.batch_first { lowering.permute(value, &[1, 0, 2]) } else { Ok(value) }
}

/// The one length of all sequences, from the input that lists one for each.
fn lengths(
    lowering: &mut Lowering,
    site: &Site<'_>,
    op: &Recurrence,
    (steps, batch): (u32, u32),
) -> TractResult<u32> {
    let Some(slot) = op.inputs.lengths else { return Ok(steps) };
    let value = site.input(slot)?;
    let (dtype, dims) = lowering.of(value)?;
    ensure!(dtype == DType::I32 && dims == [batch], "sequence_lens is i32, one for each sequence");
    let bytes = lowering.bytes(value, "sequence_lens")?;
    let lengths: Vec<i32> = bytes.as_chunks::<4>().0.iter().map(|word| i32::from_le_bytes(*word)).collect();
    let first = lengths.first().copied().and_then(|length| u32::try_from(length).ok()).unwrap_or(0);
    ensure!(
        (1..=steps).contains(&first) && lengths.iter().all(|&length| Ok(first) == u32::try_from(length)),
        "sequence_lens that differ within the batch are not supported: publish the model for a batch of 1"
    );
    Ok(first)
}

/// One direction: its weights, and the states it starts from.
struct Side {
    way: usize,
    /// Input weights \[gates * hidden, width\].
    w: u32,
    /// Recurrence weights \[gates * hidden, hidden\].
    r: u32,
    /// What is added to the inputs' products, \[1, 1, gates * hidden\].
    bias: Option<u32>,
    /// What is added to the last gate's product with the state, \[1, 1, hidden\]; for GRU that resets afterwards.
    late_bias: Option<u32>,
    hidden: Option<u32>,
    cell: Option<u32>,
    /// Of i, o, f: \[1, 1, hidden\].
    peepholes: Option<[u32; 3]>,
    /// What is multiplied with weights is quantised before.
    dynamic: bool,
}

impl Side {
    fn new(
        lowering: &mut Lowering,
        site: &Site<'_>,
        op: &Recurrence,
        way: usize,
        shape: &Shape,
    ) -> TractResult<Side> {
        let (ways, at) = (u32::try_from(op.directions.len())?, u32::try_from(way)?);
        let rows = shape.hidden * u32::try_from(op.cell.gates())?;
        let (w, r) = (site.input(1)?, site.input(2)?);
        ensure!(lowering.dims(w)? == [ways, rows, shape.width], "a recurrence whose W has other dims");
        ensure!(lowering.dims(r)? == [ways, rows, shape.hidden], "a recurrence whose R has other dims");
        let w = lowering.leading(w, at, 1)?;
        let w = lowering.reshape(w, &[rows, shape.width])?;
        let r = lowering.leading(r, at, 1)?;
        let r = lowering.reshape(r, &[rows, shape.hidden])?;
        let (mut bias, mut late_bias) = (None, None);
        if let Some(slot) = op.inputs.bias {
            (bias, late_bias) = biases(lowering, site.input(slot)?, op, at, shape)?;
        }
        let mut state = |slot: Option<usize>| -> TractResult<Option<u32>> {
            let Some(slot) = slot else { return Ok(None) };
            let mut value = site.input(slot)?;
            if op.batch_first {
                value = lowering.permute(value, &[1, 0, 2])?;
            }
            ensure!(lowering.dims(value)? == [ways, shape.batch, shape.hidden], "a state of other dims");
            if lowering.plan.constant_bytes(value).is_some_and(|bytes| bytes.iter().all(|&byte| byte == 0)) {
                return Ok(None);
            }
            Ok(Some(lowering.leading(value, at, 1)?))
        };
        let (hidden, cell) = (state(op.inputs.hidden)?, state(op.inputs.cell)?);
        let peepholes = match op.inputs.peepholes {
            None => None,
            Some(slot) => Some(peepholes(lowering, site.input(slot)?, at, ways, shape)?),
        };
        Ok(Side { way, w, r, bias, late_bias, hidden, cell, peepholes, dynamic: op.dynamic })
    }

    /// All steps: each step's hidden state in order of time, and the last states.
    fn run(&self, lowering: &mut Lowering, op: &Recurrence, x: u32, shape: &Shape) -> TractResult<Ran> {
        let mut inputs = self.product(lowering, x, self.w)?;
        if let Some(bias) = self.bias {
            inputs = lowering.binary(BinaryOp::Add, inputs, bias)?;
        }
        let backwards = op.directions[self.way].0;
        let (mut hidden, mut cell) = (self.hidden, self.cell);
        let mut states = Vec::new();
        for step in 0..shape.live {
            let at = if backwards { shape.live - 1 - step } else { step };
            let input = lowering.leading(inputs, at, 1)?;
            let next = match op.cell {
                Cell::Lstm => {
                    let (next, kept) = self.lstm(lowering, op, input, (hidden, cell), shape)?;
                    cell = Some(kept);
                    next
                }
                Cell::Gru { linear_before_reset } => {
                    self.gru(lowering, op, input, hidden, linear_before_reset, shape)?
                }
                Cell::Rnn => {
                    let sum = self.gates(lowering, input, hidden)?;
                    self.activate(lowering, op, 0, sum)?
                }
            };
            hidden = Some(next);
            states.push(next);
        }
        if backwards {
            states.reverse();
        }
        let none = || anyhow!("a recurrence without steps");
        Ok(Ran { states, hidden: hidden.ok_or_else(none)?, cell })
    }

    /// A product with weights.
    fn product(&self, lowering: &mut Lowering, x: u32, weights: u32) -> TractResult<u32> {
        let x = if self.dynamic { quant::rounded(lowering, x)? } else { x };
        product(lowering, x, weights)
    }

    /// What enters the gates: the input's products, and those of the state unless that is zero.
    fn gates(&self, lowering: &mut Lowering, input: u32, hidden: Option<u32>) -> TractResult<u32> {
        let Some(hidden) = hidden else { return Ok(input) };
        let product = self.product(lowering, hidden, self.r)?;
        lowering.binary(BinaryOp::Add, product, input)
    }

    /// An activation of this direction, behind the clip.
    fn activate(&self, lowering: &mut Lowering, op: &Recurrence, which: usize, x: u32) -> TractResult<u32> {
        let x = match op.clip {
            None => x,
            Some(bound) => {
                let bound = f32::from_bits(bound);
                let least = lowering.plan.constant_f32(&[1, 1, 1], &[-bound]);
                let most = lowering.plan.constant_f32(&[1, 1, 1], &[bound]);
                let x = lowering.binary(BinaryOp::Max, x, least)?;
                lowering.binary(BinaryOp::Min, x, most)?
            }
        };
        activation::lower(lowering, op.directions[self.way].1[which], x)
    }

    /// Gates i, o, f, c. Returns the hidden state and the cell.
    fn lstm(
        &self,
        lowering: &mut Lowering,
        op: &Recurrence,
        input: u32,
        (hidden, cell): (Option<u32>, Option<u32>),
        shape: &Shape,
    ) -> TractResult<(u32, u32)> {
        let h = shape.hidden;
        let sums = self.gates(lowering, input, hidden)?;
        let fresh = lowering.slice(sums, 2, 3 * h, h)?;
        let fresh = self.activate(lowering, op, 1, fresh)?;
        let (i, o, f) = match self.peepholes {
            None => {
                let gates = lowering.slice(sums, 2, 0, 3 * h)?;
                let gates = self.activate(lowering, op, 0, gates)?;
                let mut gate = |index| lowering.slice(gates, 2, index * h, h);
                (gate(0)?, Some(gate(1)?), gate(2)?)
            }
            Some([pi, _, pf]) => {
                let mut gate = |index, peephole| -> TractResult<u32> {
                    let mut sum = lowering.slice(sums, 2, index * h, h)?;
                    if let Some(cell) = cell {
                        let peep = lowering.binary(BinaryOp::Mul, cell, peephole)?;
                        sum = lowering.binary(BinaryOp::Add, sum, peep)?;
                    }
                    self.activate(lowering, op, 0, sum)
                };
                (gate(0, pi)?, None, gate(2, pf)?)
            }
        };
        let mut next = lowering.binary(BinaryOp::Mul, i, fresh)?;
        if let Some(cell) = cell {
            let kept = lowering.binary(BinaryOp::Mul, f, cell)?;
            next = lowering.binary(BinaryOp::Add, kept, next)?;
        }
        let o = match (o, self.peepholes) {
            (Some(o), _) => o,
            (None, peepholes) => {
                let sum = lowering.slice(sums, 2, h, h)?;
                let peephole = peepholes.context("an output gate without its sum")?[1];
                let peep = lowering.binary(BinaryOp::Mul, next, peephole)?;
                let sum = lowering.binary(BinaryOp::Add, sum, peep)?;
                self.activate(lowering, op, 0, sum)?
            }
        };
        let squashed = activation::lower(lowering, op.directions[self.way].1[2], next)?;
        Ok((lowering.binary(BinaryOp::Mul, o, squashed)?, next))
    }

    /// Gates z, r, h. Returns the hidden state.
    fn gru(
        &self,
        lowering: &mut Lowering,
        op: &Recurrence,
        input: u32,
        hidden: Option<u32>,
        late: bool,
        shape: &Shape,
    ) -> TractResult<u32> {
        let h = shape.hidden;
        let mut gates = lowering.slice(input, 2, 0, 2 * h)?;
        let mut fresh = lowering.slice(input, 2, 2 * h, h)?;
        let mut last = None;
        if let Some(hidden) = hidden {
            let weights = if late { self.r } else { lowering.leading(self.r, 0, 2 * h)? };
            let products = product(lowering, hidden, weights)?;
            let first = if late { lowering.slice(products, 2, 0, 2 * h)? } else { products };
            gates = lowering.binary(BinaryOp::Add, first, gates)?;
            last = if late { Some(lowering.slice(products, 2, 2 * h, h)?) } else { None };
        }
        let gates = self.activate(lowering, op, 0, gates)?;
        let update = lowering.slice(gates, 2, 0, h)?;
        let reset = if hidden.is_some() || self.late_bias.is_some() {
            Some(lowering.slice(gates, 2, h, h)?)
        } else {
            None
        };
        let mut recurrent = match (hidden, last) {
            (Some(_), Some(last)) => Some(last),
            (Some(hidden), None) => {
                let reset = reset.context("a reset gate is missing")?;
                let reset = lowering.binary(BinaryOp::Mul, reset, hidden)?;
                let weights = lowering.leading(self.r, 2 * h, h)?;
                Some(product(lowering, reset, weights)?)
            }
            (None, _) => None,
        };
        if late {
            if let Some(bias) = self.late_bias {
                recurrent = Some(match recurrent {
                    Some(value) => lowering.binary(BinaryOp::Add, value, bias)?,
                    None => bias,
                });
            }
            if let (Some(value), Some(reset)) = (recurrent, reset) {
                recurrent = Some(lowering.binary(BinaryOp::Mul, reset, value)?);
            }
        }
        if let Some(value) = recurrent {
            fresh = lowering.binary(BinaryOp::Add, value, fresh)?;
        }
        let fresh = self.activate(lowering, op, 1, fresh)?;
        // (1 - z) fresh + z hidden, with one product fewer.
        let difference = match hidden {
            Some(hidden) => lowering.binary(BinaryOp::Sub, hidden, fresh)?,
            None => lowering.unary(assay_plan::UnaryOp::Neg, fresh)?,
        };
        let kept = lowering.binary(BinaryOp::Mul, update, difference)?;
        lowering.binary(BinaryOp::Add, fresh, kept)
    }
}

/// What a direction computed.
struct Ran {
    states: Vec<u32>,
    hidden: u32,
    cell: Option<u32>,
}

/// A product `x [steps, batch, k] w [m, k]` over k.
fn product(lowering: &mut Lowering, x: u32, w: u32) -> TractResult<u32> {
    let (left, right) = (lowering.dims(x)?, lowering.dims(w)?);
    let ([steps, batch, _], [rows, _]) = (&left[..], &right[..]) else { bail!("a product of other ranks") };
    let op = Opcode::Einsum { a: vec![0, 1, 2], b: vec![3, 2], out: vec![0, 1, 3] };
    Ok(lowering.plan.push(op, &[x, w], DType::F32, &[*steps, *batch, *rows]))
}

/// Y, Y_h and Y_c, those that are there, in the layout that the file asks for.
fn assemble(lowering: &mut Lowering, op: &Recurrence, ways: &[Ran], shape: &Shape) -> Lowered {
    let Shape { steps, live, batch, hidden, .. } = *shape;
    let mut values = Vec::new();
    if op.outputs[0] {
        let mut sides = Vec::new();
        for way in ways {
            let mut states = way.states.clone();
            if live < steps {
                let dims = [steps - live, batch, hidden];
                let zeros = lowering.plan.constant_f32(&[1, 1, 1], &[0.0]);
                states.push(lowering.broadcast(zeros, &dims)?);
            }
            let all = lowering.concat(&states, 0)?;
            sides.push(lowering.reshape(all, &[steps, 1, batch, hidden])?);
        }
        let y = lowering.concat(&sides, 1)?;
        values.push(if op.batch_first { lowering.permute(y, &[2, 0, 1, 3])? } else { y });
    }
    let mut last = |lowering: &mut Lowering, states: Vec<u32>| -> TractResult<()> {
        let state = lowering.concat(&states, 0)?;
        values.push(if op.batch_first { lowering.permute(state, &[1, 0, 2])? } else { state });
        Ok(())
    };
    if op.outputs[1] {
        last(lowering, ways.iter().map(|way| way.hidden).collect())?;
    }
    if op.outputs[2] {
        let cells: Option<Vec<u32>> = ways.iter().map(|way| way.cell).collect();
        last(lowering, cells.context("only a LSTM has a cell")?)?;
    }
    Ok(Some(values))
}
