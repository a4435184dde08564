//! What running a node costs, in units, from dims and attributes alone.
//!
//! One unit is meant to be a nanosecond of one core of the reference machine (a server core with AVX2 at
//! about 3 GHz). A price bounds the time from above for every input; where arithmetic and memory traffic
//! overlap, the larger counts. The numbers are part of the engine: changing one changes fees, so a golden
//! test pins them.
//!
//! All sums and products saturate: a plan that reaches the end of u64 is far over [`MAX_UNITS`] and refused.

use crate::contraction::{Contraction, PANEL, TILE_ROWS, conv_depth};
use crate::format::Node;
use crate::opcode::{BinaryOp, Opcode, UnaryOp};
use crate::rules::TreeShape;
use crate::shape::{around, bytes, count, keeps_order, reduced_last};
use crate::walk::Walk;
use assay_types::tensor::DType;

/// Sweeps of a coupling, at most.
const COUPLING: u64 = 100;
/// Starting a node.
const NODE: u64 = 50;
/// Bytes read or written in one unit.
const BYTES: u64 = 8;
/// Fused multiply-adds in one unit, in a full tile.
const FMAS: u64 = 32;
/// Multiply-adds of integers in one unit, in a full tile.
const INT_MACS: u64 = 64;
/// One tile of a contraction, besides its multiply-adds.
const TILE: u64 = 150;
/// One run of elements that are worked on together.
const RUN: u64 = 12;
/// One look-up at a place that the data chooses, which may be far from any cache.
const LOOKUP: u64 = 40;
/// One element that is moved by itself.
const MOVE: u64 = 2;
/// One row of a reduction or a row function, besides its elements.
const ROW: u64 = 100;
/// One element through exp, tanh, erf and what is made of them.
const CURVE: u64 = 2;
/// One element through a function that is computed in f64.
const WIDE: u64 = 20;
/// One element brought to its place among those to be sorted, or one level of sorting it.
const SORT: u64 = 8;
/// One step down a tree, or one leaf entry.
const TREE_STEP: u64 = 20;
/// One tap of a pool.
const TAP: u64 = 3;
/// Loading one byte of a plan: reading, hashing, checking and packing it.
const LOAD_BYTE: u64 = 2;
/// Loading one node.
const LOAD_NODE: u64 = 500;

/// The price of a node. `trees` is the shape of its tables when it is a tree ensemble.
pub(crate) fn node_units(node: &Node, operands: &[&Node], trees: Option<TreeShape>) -> u64 {
    let elements = count(&node.dims) as u64;
    let traffic = operands.iter().fold(bytes(node), |sum, operand| sum.saturating_add(bytes(operand)));
    let moved = traffic.div_ceil(BYTES);
    let result = bytes(node).saturating_mul(2).div_ceil(BYTES);
    let input = operands.first().map_or(0, |operand| count(&operand.dims) as u64);
    let work = match &node.op {
        Opcode::Const { .. } | Opcode::Reshape => 0,
        Opcode::Input | Opcode::Cast => moved.max(elements),
        Opcode::Einsum { a, b, out } => einsum(node, operands, [a, b, out], FMAS).saturating_add(moved),
        Opcode::EinsumInt { a, b, out } => {
            einsum(node, operands, [a, b, out], INT_MACS).saturating_add(moved)
        }
        Opcode::Conv2d { groups, .. } => conv2d(node, operands[1], *groups, FMAS).saturating_add(moved),
        Opcode::Conv2dInt { groups, .. } => {
            conv2d(node, operands[1], *groups, INT_MACS).saturating_add(moved)
        }
        Opcode::MaxPool(window) | Opcode::SumPool { window, .. } => {
            let taps = u64::from(window.kernel[0]).saturating_mul(u64::from(window.kernel[1]));
            elements.saturating_mul(taps).saturating_mul(TAP).max(moved)
        }
        Opcode::Permute { .. } | Opcode::Broadcast | Opcode::Slice { .. } => {
            runs(&Walk::of_copy(node, operands[0]), MOVE * elements).saturating_add(result)
        }
        Opcode::Select | Opcode::Quantize | Opcode::Dequantize | Opcode::Requantize => {
            runs(&Walk::elementwise(node, [operands[0], operands[1], operands[2]]), MOVE * elements)
                .max(moved)
        }
        Opcode::Binary(op) => {
            let each = binary(*op, node.dtype);
            runs(&Walk::elementwise(node, [operands[0], operands[1]]), each * elements).max(moved)
        }
        Opcode::Compare(_) => {
            runs(&Walk::elementwise(node, [operands[0], operands[1]]), MOVE * elements).max(moved)
        }
        Opcode::Pad { .. } => {
            let rows = elements / node.dims.last().map_or(1, |&dim| u64::from(dim));
            elements.saturating_mul(2 * MOVE).saturating_add(rows.saturating_mul(2 * RUN)).max(moved)
        }
        // Only what is taken counts in a gather, not what it is taken from.
        Opcode::GatherElements { .. } => elements.saturating_mul(LOOKUP).saturating_add(result),
        Opcode::Gather { axis } => {
            let outer = around(&operands[0].dims, *axis).0 as u64;
            let runs = outer.saturating_mul(count(&operands[1].dims) as u64);
            runs.saturating_mul(LOOKUP).saturating_add(result)
        }
        Opcode::Concat { axis } => {
            let runs = (around(&node.dims, *axis).0 as u64).saturating_mul(operands.len() as u64);
            runs.saturating_mul(RUN).saturating_add(moved)
        }
        Opcode::ArgMax { .. } | Opcode::ArgMin { .. } => input.saturating_mul(MOVE).saturating_add(moved),
        Opcode::Reduce { axes, .. } | Opcode::RmsNorm { axes, .. } => {
            rows(operands[0], axes, 1).saturating_add(moved)
        }
        Opcode::Softmax { axes } | Opcode::LogSoftmax { axes } => {
            rows(operands[0], axes, CURVE).saturating_add(moved)
        }
        Opcode::Lookup => moved.max(elements),
        Opcode::Couple { classes } => couple(node, *classes).saturating_add(moved),
        Opcode::Unary(op) => elements.saturating_mul(unary(*op)).max(moved),
        Opcode::TreeEnsemble { .. } => tree(operands, trees).saturating_add(moved),
        Opcode::CumSum { .. } => elements.saturating_mul(MOVE).saturating_add(moved),
        Opcode::TopK { axis, k, .. } => top_k(operands[0], *axis, *k).saturating_add(moved),
        Opcode::ScatterElements { .. } | Opcode::ScatterNd { .. } => lookups(operands[1])
            .saturating_add(2 * MOVE * count(&operands[2].dims) as u64)
            .saturating_add(moved),
        Opcode::GatherNd { .. } => lookups(operands[1]).saturating_add(result),
    };
    work.saturating_add(NODE)
}

/// One element of a function of two.
fn binary(op: BinaryOp, dtype: DType) -> u64 {
    match op {
        BinaryOp::Pow => 3 * WIDE,
        BinaryOp::Rem if dtype == DType::F32 => 3 * WIDE,
        BinaryOp::Div | BinaryOp::Rem => 2 * MOVE,
        _ => MOVE,
    }
}

/// Sweeps over the pairs of a row's classes.
fn couple(node: &Node, classes: u32) -> u64 {
    let sweep = u64::from(classes) * (5 * u64::from(classes) + 10);
    u64::from(node.dims[0]).saturating_mul(COUPLING * sweep)
}

/// Places that indices name: each index is looked at.
fn lookups(index: &Node) -> u64 {
    (count(&index.dims) as u64).saturating_mul(LOOKUP)
}

/// Each row is split at its best elements, and these are sorted.
fn top_k(x: &Node, axis: u8, k: u32) -> u64 {
    let (outer, dim, inner) = around(&x.dims, axis);
    let levels = u64::from(u32::BITS - k.leading_zeros());
    let row = (dim as u64 + u64::from(k).saturating_mul(levels)).saturating_mul(SORT).saturating_add(ROW);
    (outer as u64).saturating_mul(inner as u64).saturating_mul(row)
}

/// A walk's runs, and what its elements cost together.
fn runs<const N: usize>(walk: &Walk<N>, elements: u64) -> u64 {
    walk.runs().saturating_mul(RUN).saturating_add(elements)
}

fn unary(op: UnaryOp) -> u64 {
    use UnaryOp::*;
    match op {
        Ln | Sin | Cos | Tan | Asin | Acos | Atan | Sinh | Cosh => WIDE,
        Asinh | Acosh | Atanh => WIDE,
        Exp | Tanh | Sigmoid | Erf | Gelu | GeluTanh | Silu => CURVE,
        _ => 1,
    }
}

/// Row functions: each element, each row, and bringing rows together when they are not.
fn rows(x: &Node, axes: &[u8], element: u64) -> u64 {
    let elements = count(&x.dims) as u64;
    let length: u64 = axes.iter().map(|&axis| u64::from(x.dims[axis as usize])).product();
    let in_place = keeps_order(&x.dims, &reduced_last(x.dims.len(), axes));
    let moves = if in_place { 0 } else { 2 * MOVE };
    elements.saturating_mul(element + moves).saturating_add((elements / length).saturating_mul(ROW))
}

/// The first two operands' product, with so many multiply-adds in one unit.
fn einsum(node: &Node, operands: &[&Node], [a, b, out]: [&[u8]; 3], rate: u64) -> u64 {
    let [left, right] = [operands[0], operands[1]];
    let loops = Contraction::new((a, &left.dims), (b, &right.dims), (out, &node.dims));
    let column = operands[loops.column_operand()];
    let packed = matches!(column.op, Opcode::Const { .. }) && loops.columns_are_shared();
    let (batch, panels, depth) = (loops.batch_count(), loops.panels(), loops.depth());
    let tiles = batch.saturating_mul(panels).saturating_mul(loops.row_count().div_ceil(TILE_ROWS as u64));
    let columns = panels.saturating_mul(PANEL as u64);
    let fmas = batch.saturating_mul(loops.row_count()).saturating_mul(columns).saturating_mul(depth);
    // Arranging rows and columns for the tiles, once per step of the batch.
    let moved_columns = if packed { 0 } else { columns };
    let moved_rows = if loops.rows_are_contiguous() { 0 } else { loops.row_count() };
    let arranged = moved_columns.saturating_add(moved_rows).saturating_mul(depth).saturating_mul(batch);
    let work = tiles.saturating_mul(TILE).saturating_add(fmas / rate);
    work.saturating_add(arranged.saturating_mul(MOVE))
}

fn conv2d(node: &Node, weights: &Node, groups: u32, rate: u64) -> u64 {
    let depth = conv_depth(&weights.dims) as u64;
    let positions = (count(&node.dims[2..]) as u64).div_ceil(PANEL as u64).saturating_mul(PANEL as u64);
    let images = u64::from(node.dims[0]);
    let fmas = images.saturating_mul(u64::from(node.dims[1])).saturating_mul(positions).saturating_mul(depth);
    let gathered = images.saturating_mul(u64::from(groups)).saturating_mul(positions).saturating_mul(depth);
    let rows = u64::from(node.dims[1] / groups).div_ceil(TILE_ROWS as u64).saturating_mul(u64::from(groups));
    let tiles = images.saturating_mul(rows).saturating_mul(positions / PANEL as u64);
    (fmas / rate).saturating_add(gathered).saturating_add(tiles.saturating_mul(TILE))
}

fn tree(operands: &[&Node], trees: Option<TreeShape>) -> u64 {
    let (rows, roots) = (u64::from(operands[0].dims[0]), count(&operands[1].dims) as u64);
    let steps = trees.map_or(0, |shape| shape.depth.saturating_add(shape.entries));
    rows.saturating_mul(roots).saturating_mul(steps).saturating_mul(TREE_STEP)
}

/// The price of bringing a plan of so many bytes and nodes into memory, ready to run.
pub(crate) fn load_units(bytes: u64, nodes: u64) -> u64 {
    bytes.saturating_mul(LOAD_BYTE).saturating_add(nodes.saturating_mul(LOAD_NODE))
}
