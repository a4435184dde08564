//! Ensembles of trees: laid out for walking when the plan is loaded.

use crate::buffer::{Element, in_place};
use crate::constants::Constants;
use crate::outline::Outline;
use crate::view::View;
use assay_kernels::{Forest, TreeSum, Trees, tree_scores};
use assay_plan::shape::bytes;
use assay_plan::{Aggregate, Node, Opcode, TableBudget};

fn sum_of(aggregate: Aggregate) -> TreeSum {
    match aggregate {
        Aggregate::Sum => TreeSum::Sum,
        Aggregate::Average => TreeSum::Average,
        Aggregate::Min => TreeSum::Min,
        Aggregate::Max => TreeSum::Max,
    }
}

/// The elements of a constant where its bytes are; none when the allocator has put them at an odd place.
fn constant<'a, T: Element>(node: &Node, constants: &Constants<'a>) -> Option<&'a [T]> {
    let Opcode::Const { offset } = node.op else { return None };
    in_place(constants.find((offset, bytes(node)))?)
}

/// Lays out a node's trees, if they can be. Trees that are not are walked as their tables are.
pub(crate) fn forest(
    plan: &Outline,
    constants: &Constants<'_>,
    node: &Node,
    budget: &mut TableBudget,
) -> Option<Forest> {
    let Opcode::TreeEnsemble { aggregate, .. } = node.op else { return None };
    let operand = |at: usize| &plan.nodes[node.inputs[at] as usize];
    if !budget.take([1, 2, 3, 4].map(operand)) {
        return None;
    }
    let trees = Trees {
        roots: constant(operand(1), constants)?,
        nodes: constant(operand(2), constants)?,
        leaf_classes: constant(operand(3), constants)?,
        leaf_weights: constant(operand(4), constants)?,
        sum: sum_of(aggregate),
    };
    Forest::new(&trees, operand(0).dims[1] as usize)
}

pub(crate) fn run(view: &mut View<'_>, forest: Option<&Forest>) {
    let Opcode::TreeEnsemble { classes, aggregate } = view.node().op else { return };
    let trees = Trees {
        roots: view.operand(1),
        nodes: view.operand(2),
        leaf_classes: view.operand(3),
        leaf_weights: view.operand(4),
        sum: sum_of(aggregate),
    };
    let (features, classes) = (view.operand_node(0).dims[1] as usize, classes as usize);
    let reached = view.scratch(classes);
    match forest {
        Some(forest) => forest.scores(&trees, classes, view.operand(0), view.result(), reached),
        None => tree_scores(&trees, features, classes, view.operand(0), view.result(), reached),
    }
}
