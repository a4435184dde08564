//! A branch on a condition that depends on data: both sides are computed, and one is chosen.
//!
//! So the price is that of both, and a side that fails (an index out of range, an integer divided by zero)
//! fails the run even when the other is chosen.

use super::context::{Lowering, Site, Values};
use super::{Lowered, body};
use tract_onnx::prelude::*;
use tract_onnx::tract_core::ops::logic::IfThenElse;
use tract_onnx::tract_hir::internal::*;

pub fn lower(lowering: &mut Lowering, site: &Site<'_>) -> Lowered {
    let Some(op) = site.op::<IfThenElse>() else { return Ok(None) };
    let yes = side(lowering, site, &op.then_body, &op.then_input_mapping)?;
    let no = side(lowering, site, &op.else_body, &op.else_input_mapping)?;
    ensure!(yes.len() == no.len(), "the branches of an If have other outputs");
    let mut results = Vec::with_capacity(yes.len());
    for (yes, no) in yes.into_iter().zip(no) {
        let (kind, other) = (lowering.of(yes)?, lowering.of(no)?);
        ensure!(kind == other, "the branches of an If give other shapes, and the condition depends on data");
        let condition = lowering.reshape(site.input(0)?, &vec![1; kind.1.len()])?;
        results.push(lowering.select(condition, yes, no)?);
    }
    Ok(Some(results))
}

/// The outputs of one side.
fn side(
    lowering: &mut Lowering,
    site: &Site<'_>,
    model: &TypedModel,
    mapping: &[usize],
) -> TractResult<Vec<u32>> {
    let model = model.clone().into_decluttered()?;
    let mut values = Values::new();
    for (outlet, &outer) in model.input_outlets()?.iter().zip(mapping) {
        values.insert((outlet.node, outlet.slot), site.input(outer)?);
    }
    body(&model, lowering, &mut values)?;
    let outlets = model.output_outlets()?;
    let results: Option<Vec<u32>> =
        outlets.iter().map(|outlet| values.get(&(outlet.node, outlet.slot)).copied()).collect();
    results.context("a branch does not compute its output")
}
