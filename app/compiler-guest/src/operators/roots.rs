//! The tables of `TreeEnsemble` (`ai.onnx.ml` 5): nodes and leaves by index, trees by their roots.
//!
//! As in [`table`](super::table), a file may say anything: each tree is walked once from its root, a node that
//! is met twice is refused, and a leaf is written once for each branch that leads to it.

use super::table::{MAX_ROWS, Trees, same_length};
use assay_plan::Aggregate;
use tract_onnx::model::ParsingContext;
use tract_onnx::pb::{NodeProto, TensorProto};
use tract_onnx::tract_hir::internal::*;

struct Listed<'a> {
    features: &'a [i64],
    thresholds: Vec<f32>,
    modes: Vec<i32>,
    /// Of the child if true and if false: its index, and whether it is a leaf.
    children: [(&'a [i64], &'a [i64]); 2],
    missing_is_true: &'a [i64],
    targets: &'a [i64],
    weights: Vec<f32>,
}

fn tensor<T: Datum + Copy>(context: &ParsingContext, node: &NodeProto, name: &str) -> TractResult<Vec<T>> {
    let tensor = context.load_tensor(node.get_attr::<&TensorProto>(name)?)?;
    ensure!(tensor.datum_type() == T::datum_type(), "{name} has another element type than is supported");
    Ok(tensor.try_as_plain_ram()?.as_slice::<T>()?.to_vec())
}

impl<'a> Listed<'a> {
    fn parse(context: &ParsingContext, node: &'a NodeProto) -> TractResult<Self> {
        ensure!(
            node.get_attr_opt::<&TensorProto>("membership_values")?.is_none(),
            "a tree that tests membership is not supported"
        );
        let features = node.get_attr_slice::<i64>("nodes_featureids")?;
        let count = features.len();
        ensure!(count > 0 && count <= MAX_ROWS, "a tree ensemble has 1 to {MAX_ROWS} nodes");
        let ints = |name: &str| -> TractResult<&'a [i64]> {
            let list = node.get_attr_slice::<i64>(name)?;
            same_length(name, list, count)?;
            Ok(list)
        };
        let thresholds: Vec<f32> = tensor(context, node, "nodes_splits")?;
        same_length("nodes_splits", &thresholds, count)?;
        let modes: Vec<u8> = tensor(context, node, "nodes_modes")?;
        same_length("nodes_modes", &modes, count)?;
        ensure!(modes.iter().all(|&mode| mode < 6), "a tree that tests membership is not supported");
        let missing_is_true =
            node.get_attr_opt_slice::<i64>("nodes_missing_value_tracks_true")?.unwrap_or_default();
        if !missing_is_true.is_empty() {
            same_length("nodes_missing_value_tracks_true", missing_is_true, count)?;
        }
        let weights: Vec<f32> = tensor(context, node, "leaf_weights")?;
        ensure!(weights.len() <= MAX_ROWS, "a tree ensemble has at most {MAX_ROWS} leaves");
        let targets = node.get_attr_slice::<i64>("leaf_targetids")?;
        same_length("leaf_targetids", targets, weights.len())?;
        let children = [
            (ints("nodes_truenodeids")?, ints("nodes_trueleafs")?),
            (ints("nodes_falsenodeids")?, ints("nodes_falseleafs")?),
        ];
        let modes = modes.into_iter().map(|mode| i32::from(mode) + 1).collect();
        Ok(Self { features, thresholds, modes, children, missing_is_true, targets, weights })
    }
}

/// Parses the attributes of a `TreeEnsemble`.
pub fn parse(
    context: &ParsingContext,
    node: &NodeProto,
    targets: usize,
    aggregate: Aggregate,
) -> TractResult<Trees> {
    let listed = Listed::parse(context, node)?;
    let mut trees = Trees::empty(targets, aggregate);
    let mut seen = vec![false; listed.features.len()];
    for &root in node.get_attr_slice::<i64>("tree_roots")? {
        walk(&mut trees, &listed, root, &mut seen)?;
    }
    ensure!(!trees.roots.is_empty(), "a tree ensemble without trees");
    Ok(trees)
}

fn walk(trees: &mut Trees, listed: &Listed<'_>, root: i64, seen: &mut [bool]) -> TractResult<()> {
    let mut stack = vec![(root, false, None)];
    while let Some((at, leaf, place)) = stack.pop() {
        let row = i32::try_from(trees.nodes.len() / 5)?;
        match place {
            None => trees.roots.push(row),
            Some(place) => trees.nodes[place] = row,
        }
        let at = usize::try_from(at).context("a tree has a child that does not exist")?;
        if leaf {
            let (target, weight) = (listed.targets.get(at), listed.weights.get(at));
            let target = target.and_then(|&id| usize::try_from(id).ok()).filter(|&id| id < trees.classes);
            let target = target.context("a leaf that does not exist, or names a target out of range")?;
            trees.leaf(&[(i32::try_from(target)?, weight.context("a leaf without weight")?.to_bits())])?;
            continue;
        }
        let seen = seen.get_mut(at).context("a tree has a child that does not exist")?;
        ensure!(!std::mem::replace(seen, true), "a tree's node has two parents, or is its own ancestor");
        let feature = usize::try_from(listed.features[at]).context("a tree tests a negative feature")?;
        let missing = listed.missing_is_true.get(at).is_some_and(|&flag| flag != 0);
        let start = trees.branch(feature, listed.thresholds[at], listed.modes[at], missing)?;
        for branch in [1, 0] {
            let (ids, leafs) = listed.children[branch];
            stack.push((ids[at], leafs[at] != 0, Some(start + 2 + branch)));
        }
    }
    Ok(())
}
