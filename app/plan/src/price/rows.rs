//! What opcodes cost that work row by row, and trees.

use super::products::sum;
use super::table::*;
use super::traffic::{all_bytes, traffic, walked};
use crate::format::Node;
use crate::opcode::{Opcode, Reducer};
use crate::rules::TreeShape;
use crate::shape::{around, bytes, count, keeps_order, reduced_last, strides};
use crate::walk::{Walk, signed};
use assay_types::tensor::DType;

/// Rows, by the opcode.
pub(super) fn rows(node: &Node, operands: &[&Node]) -> u64 {
    let moved = traffic(all_bytes(node, operands));
    let Some(&x) = operands.first() else {
        // An input is copied to where it is used.
        return traffic(2 * bytes(node));
    };
    let elements = count(&x.dims) as u64;
    let work = match &node.op {
        Opcode::Reduce { axes, reducer } => reduce(x, axes, *reducer),
        Opcode::Softmax { axes } => twice(x, along(x, axes, SOFTMAX_ROW, EXP, 2)),
        Opcode::LogSoftmax { axes } => twice(x, along(x, axes, LOG_ROW, EXP, 2)),
        Opcode::RmsNorm { axes, .. } => twice(x, along(x, axes, NORM_ROW, 0, 2)),
        Opcode::ArgMax { axis, .. } | Opcode::ArgMin { axis, .. } => {
            let (outer, dim, inner) = around(&x.dims, *axis);
            // The first element of a row is the best without a comparison.
            let first = (outer as u64).saturating_mul(inner as u64);
            let each = match inner > 1 {
                true if x.dtype.size() == 1 => ARG_BESIDE + 1,
                true => ARG_BESIDE,
                false => ARG,
            };
            let row = match (dim, inner) {
                (1, _) => 0,
                (_, 1) => ARG_ROW,
                _ => ROW,
            };
            (elements - first)
                .saturating_mul(each)
                .saturating_add(first.saturating_mul(row))
                .saturating_add(START_ROWS)
        }
        Opcode::CumSum { axis, .. } => {
            let (outer, dim, inner) = around(&x.dims, *axis);
            let runs = if inner == 1 { 0 } else { outer.saturating_mul(dim) as u64 };
            let rows = if inner == 1 { outer as u64 } else { 0 };
            let each = match (inner, dim as u64) {
                (1, OVERLAP..) => SINGLE,
                (1, _) => SINGLE / 2,
                _ => 0,
            };
            elements
                .saturating_mul(each)
                .saturating_add(runs.saturating_mul(RUN))
                .saturating_add(rows.saturating_mul(ROW))
                .saturating_add(START_ROWS)
        }
        Opcode::TopK { axis, k, .. } => top_k(x, *axis, *k),
        Opcode::Couple { classes } => couple(node, *classes),
        _ => 0,
    };
    work.saturating_add(moved)
}

/// Rows of which each becomes one element.
fn reduce(x: &Node, axes: &[u8], reducer: Reducer) -> u64 {
    let elements = count(&x.dims) as u64;
    let length: u64 = axes.iter().map(|&axis| u64::from(x.dims[axis as usize])).product();
    let (row, each, folded) = match (x.dtype, reducer) {
        (DType::F32, Reducer::Prod) => (FOLD_ROW_PRODUCT, 0, elements / FOLDED),
        (DType::F32, _) => (FOLD_ROW, 0, 0),
        (DType::I64, _) => (FOLD_ROW_INT, 1, 0),
        (dtype, _) => {
            let row = if length < FOLDED { FOLD_ROW_INT } else { 2 * FOLD_ROW_INT };
            (row, 0, if dtype == DType::I32 { elements / FOLDED } else { 0 })
        }
    };
    let start = if x.dtype == DType::F32 { 2 * START_ROWS } else { 0 };
    along(x, axes, row, each, 1).saturating_add(folded).saturating_add(start)
}

/// Rows that are passed over once more.
fn twice(x: &Node, work: u64) -> u64 {
    work.saturating_add(traffic(bytes(x)))
}

/// Rows of so much each, elements of so much each, and bringing the rows together, and back, when they are not.
fn along(x: &Node, axes: &[u8], row: u64, each: u64, copies: u64) -> u64 {
    let elements = count(&x.dims) as u64;
    let length: u64 = axes.iter().map(|&axis| u64::from(x.dims[axis as usize])).product();
    let rows = elements / length;
    // Where each element costs by itself, the first of a row does not wait.
    let counted = if copies == 1 { elements - rows } else { elements };
    let work = counted.saturating_mul(each).saturating_add(rows.saturating_mul(row));
    let order = reduced_last(x.dims.len(), axes);
    if keeps_order(&x.dims, &order) {
        return work;
    }
    let steps = signed(strides(&x.dims));
    let there: Vec<isize> = order.iter().map(|&axis| steps[axis as usize]).collect();
    let dims: Vec<u32> = order.iter().map(|&axis| x.dims[axis as usize]).collect();
    let copy = walked(&Walk::new(&dims, [&there], [0]), x, elements);
    work.saturating_add(copy.saturating_mul(copies))
}

/// Each row is split at its best elements, and these are sorted.
fn top_k(x: &Node, axis: u8, k: u32) -> u64 {
    let (outer, dim, inner) = around(&x.dims, axis);
    let levels = u64::from(u32::BITS - k.leading_zeros());
    let sorted = u64::from(k).saturating_mul(levels).saturating_mul(SORT);
    let row = (dim as u64).saturating_mul(SELECT).saturating_add(sorted).saturating_add(SORT_ROW);
    (outer as u64).saturating_mul(inner as u64).saturating_mul(row)
}

/// Sweeps over the pairs of a row's classes.
fn couple(node: &Node, classes: u32) -> u64 {
    let sweep = u64::from(classes) * (5 * u64::from(classes) + 14);
    u64::from(node.dims[0]).saturating_mul(SWEEPS * sweep)
}

/// Rows walk down all trees. `sums` says whether leaves add up.
pub(super) fn trees(node: &Node, operands: &[&Node], trees: Option<TreeShape>, sums: bool) -> u64 {
    let (rows, roots) = (u64::from(operands[0].dims[0]), count(&operands[1].dims) as u64);
    let steps = trees.map_or(0, |shape| shape.steps);
    let far = bytes(operands[2]) > CLOSE;
    let plain = trees.is_some_and(|shape| shape.plain);
    let each = if sums && !plain { TREE_STEP } else { TREE_PLAIN };
    let walked = match (far, sums) {
        (false, _) => rows.saturating_mul(each),
        // Rows go through one tree after the other, and the first bring it to the core.
        (true, true) => {
            let start = if plain { TREE_PLAIN_FAR } else { 0 };
            let fetched = rows.min(TREE_ROWS).saturating_mul(TREE_FETCH);
            sum(&[rows.saturating_mul(each), fetched, start, TREE_WAIT / roots.max(1)])
        }
        (true, false) => rows.saturating_mul(TREE_PLAIN_FAR),
    };
    let walked = walked.saturating_mul(steps);
    let started = rows.saturating_mul(roots).saturating_mul(TREE);
    let moved = traffic(bytes(operands[0]).saturating_add(bytes(node)));
    walked.saturating_add(started).saturating_add(moved).saturating_add(START + START_TREES)
}
