//! Scan, unrolled: a plan has no control flow, so every step is written out.

use super::context::{Lowering, Site, Values};
use super::{Lowered, body};
use tract_onnx::prelude::*;
use tract_onnx::tract_core::ops::konst::Const;
use tract_onnx::tract_core::ops::scan::{InputMapping, Scan};
use tract_onnx::tract_hir::internal::*;

/// Steps of one scan, at most.
const MAX_STEPS: u32 = 1024;

pub fn lower(lowering: &mut Lowering, site: &Site<'_>) -> Lowered {
    match site.op::<Scan>() {
        Some(op) => scan(lowering, site, op).map(Some),
        None => Ok(None),
    }
}

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
