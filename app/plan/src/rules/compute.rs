//! Rules of contractions, convolutions, pools, reductions and row functions.

use super::{Rule, all_f32, ascending_axes, need};
use crate::format::Node;
use crate::limits::{MAX_LABELS, MAX_WINDOW};
use crate::opcode::{MAX_COUPLED, Opcode, Reducer, Window};
use assay_types::tensor::DType;

pub(super) fn einsum(node: &Node, operands: &[&Node], labels: [&[u8]; 3]) -> Result<Vec<u32>, Rule> {
    all_f32(&[node, operands[0], operands[1]])?;
    product_dims(operands, labels)
}

/// The dims of a product of the first two operands over labels.
pub(super) fn product_dims(operands: &[&Node], labels: [&[u8]; 3]) -> Result<Vec<u32>, Rule> {
    let mut sizes = [[1u32; MAX_LABELS]; 2];
    for (list, labels) in labels.into_iter().enumerate() {
        let mut seen = [false; MAX_LABELS];
        for &label in labels {
            need!((label as usize) < MAX_LABELS, "a label is out of range");
            need!(!seen[label as usize], "a label stands twice in one list");
            seen[label as usize] = true;
        }
        if list < 2 {
            let dims = &operands[list].dims;
            need!(labels.len() == dims.len(), "labels are not as many as axes");
            for (&label, &dim) in labels.iter().zip(dims) {
                sizes[list][label as usize] = dim;
            }
        }
    }
    let [a_sizes, b_sizes] = sizes;
    let equal = a_sizes.iter().zip(&b_sizes).all(|(&a, &b)| a == b || a == 1 || b == 1);
    need!(equal, "the dims of a label differ and neither is 1");
    Ok(labels[2].iter().map(|&label| a_sizes[label as usize].max(b_sizes[label as usize])).collect())
}

/// Windows along one of the last two axes.
fn windows(dim: u32, window: &Window, side: usize) -> Result<u32, Rule> {
    let numbers = [window.kernel[side], window.stride[side], window.dilation[side]];
    need!(
        numbers.iter().all(|number| (1..=MAX_WINDOW).contains(number)),
        "a window's number is out of range"
    );
    let span = u64::from(window.kernel[side] - 1) * u64::from(window.dilation[side]) + 1;
    let (before, after) = (u64::from(window.pad_before[side]), u64::from(window.pad_after[side]));
    need!(before < span && after < span, "padding as long as the window");
    let padded = u64::from(dim) + before + after;
    need!(padded >= span, "the window is larger than the operand");
    let count = (padded - span) / u64::from(window.stride[side]) + 1;
    u32::try_from(count).map_err(|_| "the dim overflows")
}

pub(super) fn conv2d(
    node: &Node,
    operands: &[&Node],
    window: &Window,
    groups: u32,
) -> Result<Vec<u32>, Rule> {
    all_f32(&[node, operands[0], operands[1], operands[2]])?;
    convolved(operands[0], operands[1], operands[2], window, groups)
}

/// The dims of a convolution of x by the weights w.
pub(super) fn convolved(
    x: &Node,
    w: &Node,
    bias: &Node,
    window: &Window,
    groups: u32,
) -> Result<Vec<u32>, Rule> {
    need!(x.dims.len() == 4 && w.dims.len() == 4 && bias.dims.len() == 1, "a rank is wrong");
    let (channels, results) = (x.dims[1], w.dims[0]);
    need!(groups >= 1 && channels % groups == 0 && results % groups == 0, "channels do not fall into groups");
    need!(w.dims[1] == channels / groups, "the weights' channels are not a group's");
    need!(bias.dims[0] == results, "the bias is not as long as the result's channels");
    need!(w.dims[2..] == window.kernel, "the weights are not as large as the window");
    Ok(vec![x.dims[0], results, windows(x.dims[2], window, 0)?, windows(x.dims[3], window, 1)?])
}

pub(super) fn pool(node: &Node, operands: &[&Node], window: &Window) -> Result<Vec<u32>, Rule> {
    let x = operands[0];
    need!(node.dtype == x.dtype, "the result's dtype is not the operand's");
    let bytes = matches!(node.op, Opcode::MaxPool(_)) && matches!(x.dtype, DType::U8 | DType::I8);
    need!(bytes || x.dtype == DType::F32, "the window does not take this dtype");
    let rank = x.dims.len();
    need!(rank >= 2, "a rank below 2");
    let mut dims = x.dims.clone();
    for side in 0..2 {
        dims[rank - 2 + side] = windows(x.dims[rank - 2 + side], window, side)?;
    }
    Ok(dims)
}

/// Probabilities of classes from those of their pairs.
pub(super) fn couple(node: &Node, operands: &[&Node], classes: u32) -> Result<Vec<u32>, Rule> {
    all_f32(&[node, operands[0]])?;
    need!((2..=MAX_COUPLED).contains(&classes), "the number of classes is out of range");
    let [rows, pairs] = operands[0].dims[..] else { return Err("a rank is wrong") };
    need!(pairs == classes * (classes - 1) / 2, "the pairs are not the classes'");
    Ok(vec![rows, classes])
}

pub(super) fn rows(node: &Node, operands: &[&Node], axes: &[u8]) -> Result<Vec<u32>, Rule> {
    all_f32(&[node, operands[0]])?;
    ascending_axes(axes, operands[0].dims.len())?;
    Ok(operands[0].dims.clone())
}

pub(super) fn rms_norm(node: &Node, operands: &[&Node], axes: &[u8], eps: u32) -> Result<Vec<u32>, Rule> {
    let eps = f32::from_bits(eps);
    need!(eps.is_finite() && eps.is_sign_positive(), "eps is not a finite number from +0");
    rows(node, operands, axes)
}

pub(super) fn reduce(
    node: &Node,
    operands: &[&Node],
    reducer: Reducer,
    axes: &[u8],
) -> Result<Vec<u32>, Rule> {
    let x = operands[0];
    need!(node.dtype == x.dtype, "the result's dtype is not the operand's");
    let allowed = match x.dtype {
        DType::F32 | DType::I64 | DType::I32 => true,
        DType::Bool | DType::I8 | DType::U8 => matches!(reducer, Reducer::Max | Reducer::Min),
    };
    need!(allowed, "the reduction does not take this dtype");
    ascending_axes(axes, x.dims.len())?;
    let mut dims = x.dims.clone();
    for &axis in axes {
        dims[axis as usize] = 1;
    }
    Ok(dims)
}

pub(super) fn arg(node: &Node, operands: &[&Node], axis: u8) -> Result<Vec<u32>, Rule> {
    let x = operands[0];
    need!(node.dtype == DType::I64, "an index is i64");
    need!(x.dtype != DType::Bool, "the search does not take this dtype");
    ascending_axes(&[axis], x.dims.len())?;
    let mut dims = x.dims.clone();
    dims[axis as usize] = 1;
    Ok(dims)
}

pub(super) fn top_k(node: &Node, operands: &[&Node], axis: u8, k: u32) -> Result<Vec<u32>, Rule> {
    let mut dims = arg(node, operands, axis)?;
    let at = axis as usize;
    need!((1..=operands[0].dims[at]).contains(&k), "k is not from 1 to the axis's dim");
    dims[at] = k;
    Ok(dims)
}

pub(super) fn cumulative(node: &Node, operands: &[&Node], axis: u8) -> Result<Vec<u32>, Rule> {
    let x = operands[0];
    need!(node.dtype == x.dtype, "the result's dtype is not the operand's");
    need!(matches!(x.dtype, DType::F32 | DType::I64 | DType::I32), "the sum does not take this dtype");
    ascending_axes(&[axis], x.dims.len())?;
    Ok(x.dims.clone())
}

/// Whether a convolution's weights must be finite: with padding, a skipped tap and a tap times zero must
/// agree.
pub(crate) fn is_padded(op: &Opcode) -> bool {
    match op {
        Opcode::Conv2d { window, .. } => {
            window.pad_before.iter().chain(&window.pad_after).any(|&pad| pad > 0)
        }
        _ => false,
    }
}
