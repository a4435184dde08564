//! From tract's typed, decluttered graph to a plan.
//!
//! Each file below lowers the operators of one concern: it looks at a node and either writes it as opcodes,
//! or says that it is not its own. A node that nobody knows is refused by name. Nothing here is trusted: the
//! plan is validated afterwards, inside the sandbox and again outside. Two things are decided here and
//! nowhere else: which opcodes an operator becomes, and the order of operands where it matters (data before
//! bounds in Max and Min).

mod activation;
mod biases;
mod branch;
mod context;
mod contraction;
mod deconv;
mod elementwise;
mod fourier;
mod movement;
mod places;
mod pooling;
mod quant;
mod recurrent;
mod reduction;
mod resize;
mod sample;
mod scan;
mod trees;
mod volume;

use crate::compile::Ports;
use assay_plan::{CONST_ALIGN, Plan};
pub use context::{HEAD, Lowering};
use context::{Site, Values};
use std::collections::BTreeSet;
use std::sync::Arc;
use tract_onnx::prelude::*;
use tract_onnx::tract_core::ops::konst::Const;
use tract_onnx::tract_hir::internal::*;

/// What a concern makes of a node: its values, one per output slot, or `None` when the node is another's.
type Lowered = TractResult<Option<Vec<u32>>>;

/// Lowers a whole graph, into a plan that has nothing in it yet.
///
/// # Errors
/// When an operator, or a flavour of one, has no lowering.
pub fn lower(model: TypedModel, ports: &Ports, mut lowering: Lowering) -> TractResult<Plan> {
    let (inputs, outputs) = (model.input_outlets()?.to_vec(), model.output_outlets()?.to_vec());
    ensure!(
        inputs.len() == ports.inputs.len() && outputs.len() == ports.outputs.len(),
        "ports were lost on the way"
    );
    lowering.reserve(constant_bytes(&model));
    let mut values = Values::new();
    for (outlet, name) in inputs.iter().zip(&ports.inputs) {
        let (dtype, dims) = context::fact(model.outlet_fact(*outlet)?)?;
        values.insert((outlet.node, outlet.slot), lowering.plan.input(name, dtype, &dims));
    }
    body(&model, &mut lowering, &mut values)?;
    // Its constants are in the plan now, and there may not be room for both.
    drop(model);
    for (outlet, (name, declared)) in outputs.iter().zip(&ports.outputs) {
        let value = *values.get(&(outlet.node, outlet.slot)).context("an output is not computed")?;
        let value = match declared {
            Some(dtype) => lowering.cast(value, *dtype)?,
            None => value,
        };
        lowering.plan.output(name, value);
    }
    lowering.plan.fold();
    Ok(lowering.plan.finish()?)
}

/// Bytes of the graph's own constants, each tensor once, with room for its alignment.
fn constant_bytes(model: &TypedModel) -> usize {
    let mut seen = BTreeSet::new();
    let constants = model.nodes().iter().filter_map(|node| node.op_as::<Const>());
    let tensors = constants.map(|op| op.val()).filter(|tensor| seen.insert(Arc::as_ptr(tensor)));
    tensors.map(|tensor| tensor.volume() * tensor.datum_type().size_of() + CONST_ALIGN as usize).sum()
}

/// Lowers the nodes of a graph whose inputs already have values. Also called for the bodies of recurrences.
fn body(model: &TypedModel, lowering: &mut Lowering, values: &mut Values) -> TractResult<()> {
    for id in model.eval_order()? {
        if values.contains_key(&(id, 0)) {
            continue;
        }
        let node = model.node(id);
        let operand = |outlet: &OutletId| values.get(&(outlet.node, outlet.slot)).copied();
        let inputs: Option<Vec<u32>> = node.inputs.iter().map(operand).collect();
        let site = Site { model, node, inputs: inputs.context("a value is used before it is computed")? };
        let results = one(lowering, &site).with_context(|| format!("node `{}`", node.name))?;
        for (slot, value) in results.into_iter().enumerate() {
            values.insert((id, slot), value);
        }
    }
    Ok(())
}

fn one(lowering: &mut Lowering, site: &Site<'_>) -> TractResult<Vec<u32>> {
    let concerns = [
        movement::lower,
        elementwise::lower,
        contraction::lower,
        reduction::lower,
        pooling::lower,
        recurrent::lower,
        trees::lower,
        quant::lower,
        places::lower,
        resize::lower,
        deconv::lower,
        sample::lower,
        scan::lower,
        fourier::lower,
        branch::lower,
    ];
    for concern in concerns {
        if let Some(values) = concern(lowering, site)? {
            return Ok(values);
        }
    }
    bail!("operator {} is not supported", site.node.op.name())
}
