//! What every opcode asks of its node: operands, dtypes, dims, attributes. One function per family.
//!
//! A rule returns the dims that the result must have, or the sentence that is broken. It may rely on this,
//! checked before for the node and its operands: ranks of at most 8, dims of at least 1, at most
//! [`MAX_VALUE_BYTES`](crate::limits::MAX_VALUE_BYTES) per value.

mod compute;
mod elementwise;
mod movement;
mod quant;
mod scatter;
mod trees;

use crate::format::Node;
use crate::opcode::Opcode;
use assay_types::tensor::DType;

pub(crate) use compute::is_padded;
pub use trees::{LAST_COMPARISON, LEAF, NAN_IS_TRUE, TableBudget};
pub(crate) use trees::{NodesShape, TreeShape, check_classes, check_nodes, check_roots};

/// The broken rule, as a sentence.
pub type Rule = &'static str;

/// Fails with a sentence unless a condition holds.
macro_rules! need {
    ($condition:expr, $rule:literal) => {
        if !$condition {
            return Err($rule);
        }
    };
}
pub(crate) use need;

/// The dims that a node's result must have. `operands` are the nodes of its inputs, in order.
///
/// # Errors
/// The rule that the node breaks, as a sentence.
pub fn result_dims(node: &Node, operands: &[&Node]) -> Result<Vec<u32>, Rule> {
    use Opcode::*;
    need!(operands.len() == arity(node), "the number of operands is wrong");
    match &node.op {
        Input | Const { .. } => Ok(node.dims.clone()),
        Einsum { a, b, out } => compute::einsum(node, operands, [a, b, out]),
        Conv2d { window, groups } => compute::conv2d(node, operands, window, *groups),
        Conv2dInt { window, groups } => quant::conv2d(node, operands, window, *groups),
        EinsumInt { a, b, out } => quant::einsum(node, operands, [a, b, out]),
        Quantize | Dequantize | Requantize => quant::scaled(node, operands),
        Lookup => quant::lookup(node, operands),
        MaxPool(window) | SumPool { window, .. } => compute::pool(node, operands, window),
        Softmax { axes } | LogSoftmax { axes } => compute::rows(node, operands, axes),
        RmsNorm { axes, eps } => compute::rms_norm(node, operands, axes, *eps),
        Reduce { reducer, axes } => compute::reduce(node, operands, *reducer, axes),
        ArgMax { axis, .. } | ArgMin { axis, .. } => compute::arg(node, operands, *axis),
        TopK { axis, k, .. } => compute::top_k(node, operands, *axis, *k),
        CumSum { axis, .. } => compute::cumulative(node, operands, *axis),
        TreeEnsemble { classes, .. } => trees::dims(node, operands, *classes),
        Couple { classes } => compute::couple(node, operands, *classes),
        Unary(op) => elementwise::unary(node, operands, *op),
        Binary(op) => elementwise::binary(node, operands, *op),
        Compare(op) => elementwise::compare(node, operands, *op),
        Select => elementwise::select(node, operands),
        Cast => Ok(operands[0].dims.clone()),
        ScatterElements { axis, reduction } => scatter::elements(node, operands, *axis, *reduction),
        ScatterNd { reduction } => scatter::nd(node, operands, *reduction),
        GatherNd { batch } => scatter::gather_nd(node, operands, *batch),
        _ => movement::dims(node, operands),
    }
}

fn arity(node: &Node) -> usize {
    use crate::opcode::PadMode;
    use Opcode::*;
    match &node.op {
        Input | Const { .. } => 0,
        Einsum { .. } | Gather { .. } | GatherElements { .. } | Binary(_) | Compare(_) | Lookup => 2,
        GatherNd { .. } => 2,
        Pad { mode: PadMode::Constant, .. } => 2,
        Conv2d { .. } | Select | Quantize | Dequantize | Requantize => 3,
        ScatterElements { .. } | ScatterNd { .. } => 3,
        EinsumInt { .. } => 4,
        TreeEnsemble { .. } | Conv2dInt { .. } => 5,
        // Bounded by the validator; at least one.
        Concat { .. } => node.inputs.len().max(1),
        _ => 1,
    }
}

/// All of the nodes' values are f32.
fn all_f32(nodes: &[&Node]) -> Result<(), Rule> {
    need!(nodes.iter().all(|node| node.dtype == DType::F32), "a dtype is not f32");
    Ok(())
}

/// The value is a list of indices.
fn is_index(node: &Node) -> bool {
    matches!(node.dtype, DType::I64 | DType::I32)
}

/// Axes are ascending, at least one, and of the operand.
fn ascending_axes(axes: &[u8], rank: usize) -> Result<(), Rule> {
    need!(!axes.is_empty(), "no axis is named");
    need!(axes.windows(2).all(|pair| pair[0] < pair[1]), "axes are not ascending");
    need!(axes.iter().all(|&axis| (axis as usize) < rank), "an axis is out of range");
    Ok(())
}

/// Two dims lists of one rank, a dim of 1 repeated to the other's.
fn broadcast(a: &[u32], b: &[u32]) -> Result<Vec<u32>, Rule> {
    need!(a.len() == b.len(), "ranks differ");
    let mut dims = Vec::with_capacity(a.len());
    for (&a, &b) in a.iter().zip(b) {
        need!(a == b || a == 1 || b == 1, "dims differ and neither is 1");
        dims.push(a.max(b));
    }
    Ok(dims)
}
