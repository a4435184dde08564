//! What running a node costs, in units, from dims and attributes alone.
//!
//! One unit is meant to be a nanosecond of one core of the reference machine (a server core with AVX2 at
//! about 3 GHz). A price bounds the time from above, for every value that is not subnormal; for the same units, the
//! dearest opcode should take less than four times as long as the cheapest: `tests/bench/calibrate` measures it. The
//! numbers are in [`table`] and part of the engine: changing one changes fees, so a golden test pins them.
//!
//! All sums and products saturate: a plan that reaches the end of u64 is far over
//! [`MAX_UNITS`](crate::limits::MAX_UNITS) and refused.

mod integers;
mod products;
mod rows;
mod table;
mod traffic;

use crate::format::Node;
use crate::opcode::{Aggregate, BinaryOp, Opcode, Scatter, UnaryOp};
use crate::rules::TreeShape;
use crate::shape::{around, bytes, count};
use crate::walk::Walk;
use assay_types::tensor::DType;
pub use integers::{depthwise_by_rows, integer_product};
use products::sum;
pub use table::PRICES;
use table::*;
use traffic::{all_bytes, copy, elementwise, lookups, traffic};

/// The price of a node. `trees` is the shape of its tables when it is a tree ensemble.
pub(crate) fn node_units(node: &Node, operands: &[&Node], trees: Option<TreeShape>) -> u64 {
    let work = match &node.op {
        // No step of a run: the value is in the plan, or where its operand is.
        Opcode::Const { .. } | Opcode::Reshape => return 0,
        Opcode::Permute { .. } | Opcode::Broadcast | Opcode::Slice { .. } => match copy(node, operands[0]) {
            Some(work) => work,
            None => return 0,
        },
        Opcode::Einsum { a, b, out } => products::einsum(node, operands, [a, b, out]),
        Opcode::EinsumInt { a, b, out } => integers::einsum(node, operands, [a, b, out]),
        Opcode::Conv2d { groups, .. } => products::conv2d(node, operands, *groups),
        Opcode::Conv2dInt { window, groups } => integers::conv2d(node, operands, window, *groups),
        Opcode::MaxPool(window) if node.dtype == DType::F32 => {
            products::pool(node, operands[0], window, POOL)
        }
        Opcode::MaxPool(window) => integers::pool(node, operands[0], window),
        Opcode::SumPool { window, .. } => products::pool(node, operands[0], window, POOL_SUM),
        Opcode::TreeEnsemble { aggregate, .. } => {
            let sums = matches!(aggregate, Aggregate::Sum | Aggregate::Average);
            rows::trees(node, operands, trees, sums)
        }
        _ => elements(node, operands),
    };
    work.saturating_add(NODE)
}

/// Opcodes that take their operands element by element, or look elements up.
fn elements(node: &Node, operands: &[&Node]) -> u64 {
    let elements = count(&node.dims) as u64;
    let moved = traffic(all_bytes(node, operands));
    match &node.op {
        Opcode::Cast => {
            let (from, to) = (operands[0].dtype, node.dtype);
            let sized = from.size() != to.size();
            let few = if sized { elements / QUICK } else { 0 };
            moved.saturating_add(elements.saturating_mul(cast(from, to))).saturating_add(few)
        }
        Opcode::Lookup => {
            let each = if node.dtype == DType::F32 { LOOKUP_WIDE } else { LOOKUP_BYTE };
            traffic(all_bytes(node, &operands[..1])).saturating_add(elements.saturating_mul(each) / 4)
        }
        Opcode::Unary(op) => unary_of(node, *op, moved),
        Opcode::Binary(op) => binary_of(node, [operands[0], operands[1]], *op),
        Opcode::Compare(_) => {
            let each = match operands[0].dtype {
                DType::I64 => elements,
                DType::F32 | DType::I32 => elements / QUICK,
                _ => 0,
            };
            elementwise(node, [operands[0], operands[1]], 0).saturating_add(each)
        }
        Opcode::Select => {
            let all = [operands[0], operands[1], operands[2]];
            let selected = Walk::elementwise(node, all).runs().saturating_mul(SELECTED);
            let wide = if node.dtype == DType::I64 { elements / QUICK } else { 0 };
            sum(&[elementwise(node, all, 0), selected, wide])
        }
        Opcode::Quantize | Opcode::Dequantize | Opcode::Requantize => {
            let rate = match node.op {
                Opcode::Quantize => 1,
                Opcode::Requantize => ROUNDED,
                _ => QUICK,
            };
            let all = elementwise(node, [operands[0], operands[1], operands[2]], 0);
            sum(&[START, all, elements / rate])
        }
        Opcode::Pad { .. } => {
            let rows = elements / node.dims.last().map_or(1, |&dim| u64::from(dim));
            moved.saturating_add(elements.saturating_mul(PADDED)).saturating_add(rows.saturating_mul(2 * RUN))
        }
        Opcode::Concat { axis } => {
            let runs = (around(&node.dims, *axis).0 as u64).saturating_mul(operands.len() as u64);
            let operands = (operands.len() as u64).saturating_mul(RUN);
            runs.saturating_mul(APPEND).saturating_add(operands).saturating_add(moved)
        }
        _ => chosen(node, operands),
    }
}

/// A function of one element; `moved` is its traffic.
fn unary_of(node: &Node, op: UnaryOp, moved: u64) -> u64 {
    let elements = count(&node.dims) as u64;
    // Vectors are whole, whatever is in them.
    let lanes = if node.dtype == DType::F32 { elements.next_multiple_of(16) } else { elements };
    let byte = node.dtype.size() == 1;
    let few = match op {
        UnaryOp::Square if byte => elements / BYTES_MULTIPLIED,
        UnaryOp::Sqrt | UnaryOp::Recip => elements / QUICK,
        _ => 0,
    };
    let work = lanes.saturating_mul(unary(op)).saturating_add(few);
    start(node).saturating_add(moved).saturating_add(work)
}

/// A function of two elements.
fn binary_of(node: &Node, pair: [&Node; 2], op: BinaryOp) -> u64 {
    let elements = count(&node.dims) as u64;
    let byte = node.dtype.size() == 1;
    // Numbers of their own to shift by.
    let shifted = || Walk::elementwise(node, pair).steps[1] != 0;
    let float = node.dtype == DType::F32;
    let short = || (Walk::elementwise(node, pair).run as u64) < SHORT;
    let few = match op {
        BinaryOp::Max | BinaryOp::Min if node.dtype == DType::I64 => elements / ROUNDED,
        // Those of short runs are formed one by one.
        BinaryOp::Div if float && short() => elements,
        BinaryOp::Div if float => elements / ROUNDED,
        BinaryOp::Mul if byte => elements / BYTES_MULTIPLIED,
        BinaryOp::Mul if node.dtype == DType::I64 => elements / ROUNDED,
        BinaryOp::Mul if node.dtype == DType::I32 => elements / QUICK,
        BinaryOp::ShiftLeft | BinaryOp::ShiftRight if shifted() => {
            if byte {
                elements / ROUNDED
            } else {
                elements
            }
        }
        _ => 0,
    };
    let each = match op {
        BinaryOp::Rem if float && short() => REM_SHORT,
        _ => binary(op, node.dtype),
    };
    let least =
        if elements < LEAST_LANES && float { (LEAST_LANES - elements).saturating_mul(each) } else { 0 };
    let work = elementwise(node, pair, each).saturating_add(least);
    start(node).saturating_add(work).saturating_add(few)
}

/// Opcodes whose indices choose places, and those that work row by row.
fn chosen(node: &Node, operands: &[&Node]) -> u64 {
    let written = traffic(bytes(node).saturating_add(operands.get(1).map_or(0, |index| bytes(index))));
    let indices = || count(&operands[1].dims) as u64;
    // Only what is taken counts in a gather, not what it is taken from.
    let gathered = |times: u64, block: u64| {
        lookups(times, operands[0], block, bytes(node) / times.max(1))
            .saturating_add(written)
            .saturating_add(START)
    };
    // Along an axis, one block after the other is looked into.
    let block = |axis: u8| bytes(operands[0]) / (around(&operands[0].dims, axis).0 as u64);
    match &node.op {
        Opcode::GatherElements { axis } => gathered(count(&node.dims) as u64, block(*axis)),
        Opcode::Gather { axis } => {
            let outer = around(&operands[0].dims, *axis).0 as u64;
            gathered(outer.saturating_mul(indices()), block(*axis))
        }
        Opcode::GatherNd { .. } => {
            let tuple = operands[1].dims.last().map_or(1, |&dim| u64::from(dim));
            let times = indices() / tuple;
            gathered(times, u64::MAX).saturating_add(tuples(times, tuple))
        }
        Opcode::ScatterElements { reduction: Scatter::Put, .. } => {
            scattered(node, operands, indices().saturating_mul(PUT) / 4)
        }
        Opcode::ScatterElements { .. } => scattered(node, operands, indices()),
        Opcode::ScatterNd { reduction } => {
            let tuple = operands[1].dims.last().map_or(1, |&dim| u64::from(dim));
            let times = indices() / tuple;
            let put = *reduction == Scatter::Put;
            let placed = if put { times.saturating_mul(PUT) / 4 } else { times };
            scattered(node, operands, placed).saturating_add(tuples(times, tuple))
        }
        _ => rows::rows(node, operands),
    }
}

/// So many tuples of indices.
fn tuples(times: u64, indices: u64) -> u64 {
    indices.saturating_mul(INDEX).saturating_add(TUPLE).saturating_mul(times)
}

/// The data copied, then so many slices put or combined at their places.
fn scattered(node: &Node, operands: &[&Node], times: u64) -> u64 {
    let updates = bytes(operands[2]);
    let placed = lookups(times, node, u64::MAX, updates / times.max(1)).saturating_add(START);
    placed.saturating_add(traffic(all_bytes(node, operands)))
}

/// Functions of f32 run on vectors.
fn start(node: &Node) -> u64 {
    if node.dtype == DType::F32 { START } else { 0 }
}

/// One element of a conversion: those between floats and integers go one by one.
fn cast(from: DType, to: DType) -> u64 {
    match (from, to) {
        (DType::F32, DType::F32 | DType::Bool) => 0,
        (DType::F32, _) => SINGLE,
        _ => 0,
    }
}

/// One element of a function of two.
fn binary(op: BinaryOp, dtype: DType) -> u64 {
    match (op, dtype) {
        (BinaryOp::Pow, _) => POW,
        (BinaryOp::Rem, DType::F32) => REM,
        (BinaryOp::Div, DType::F32) => 0,
        (BinaryOp::Div | BinaryOp::Rem, DType::I64) => DIVIDE_WIDE,
        (BinaryOp::Div | BinaryOp::Rem, _) => DIVIDE,
        _ => 0,
    }
}

/// One element of a function of one.
fn unary(op: UnaryOp) -> u64 {
    use UnaryOp::*;
    match op {
        Ln => LN,
        Acosh => LN,
        Acos => ARC_COSINE,
        Sin | Cos | Tan => ANGLE,
        Atan | Atanh => ARC,
        Asin | Sinh | Cosh | Asinh => ARC_SINE,
        Sigmoid | Silu => EXP,
        Tanh | Erf | Gelu | GeluTanh => CURVE,
        Exp | Rsqrt => EXP / 2,
        _ => 0,
    }
}

/// The price of bringing a plan of so many bytes, and nodes of these prices, into memory, ready to run.
pub(crate) fn load_units(bytes: u64, nodes: &[Node], units: &[u64]) -> u64 {
    let loaded = |(node, &units): (&Node, &u64)| match node.op {
        _ if units == 0 => LOAD_NAME,
        Opcode::Einsum { .. }
        | Opcode::EinsumInt { .. }
        | Opcode::Conv2d { .. }
        | Opcode::Conv2dInt { .. } => LOAD_PRODUCT,
        _ => LOAD_NODE,
    };
    bytes.saturating_mul(LOAD_BYTE).saturating_add(nodes.iter().zip(units).map(loaded).sum())
}
