//! Tree ensembles, their tables as constants, and the coupling of pairs of classes.

use super::Lowered;
use super::context::{Lowering, Site};
use crate::operators::{Couple, Trees};
use assay_plan::Opcode;
use tract_onnx::tract_hir::internal::*;

pub fn lower(lowering: &mut Lowering, site: &Site<'_>) -> Lowered {
    if let Some(op) = site.op::<Couple>() {
        let (dtype, dims) = site.result()?;
        let op = Opcode::Couple { classes: u32::try_from(op.classes)? };
        return Ok(Some(vec![lowering.plan.push(op, &[site.input(0)?], dtype, &dims)]));
    }
    let Some(trees) = site.op::<Trees>() else { return Ok(None) };
    let (dtype, dims) = site.result()?;
    let len = |len: usize| -> TractResult<u32> { Ok(u32::try_from(len)?) };
    let plan = &mut lowering.plan;
    let roots = plan.constant_i32(&[len(trees.roots.len())?], &trees.roots);
    let nodes = plan.constant_i32(&[len(trees.nodes.len() / 5)?, 5], &trees.nodes);
    let classes = plan.constant_i32(&[len(trees.leaf_classes.len())?], &trees.leaf_classes);
    let weights: Vec<f32> = trees.leaf_weights.iter().map(|&bits| f32::from_bits(bits)).collect();
    let weights = plan.constant_f32(&[len(weights.len())?], &weights);
    let op = Opcode::TreeEnsemble { classes: len(trees.classes)?, aggregate: trees.aggregate };
    let operands = [site.input(0)?, roots, nodes, classes, weights];
    Ok(Some(vec![plan.push(op, &operands, dtype, &dims)]))
}
