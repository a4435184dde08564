//! What an integer step is made from: products as rows and columns, and the nodes that finish their sums.

use assay_plan::Node;
use assay_plan::shape::{count, repeating_strides};

/// A product of images of bytes, channels in any place, and a constant matrix.
#[derive(Debug, Clone)]
pub(super) struct Pointwise {
    /// The operand (0, 1) that is the image.
    pub image: usize,
    pub images: usize,
    pub channels: usize,
    pub size: usize,
    pub columns: usize,
    /// Elements of the weights from term to term and from column to column.
    pub strides: [usize; 2],
}

/// The labels of axes longer than 1, with dims and strides.
fn axes(labels: &[u8], dims: &[u32]) -> Vec<(u8, usize, usize)> {
    let strides = repeating_strides(dims);
    let axes = labels.iter().zip(dims).zip(strides);
    axes.filter(|((_, dim), _)| **dim > 1)
        .map(|((&label, &dim), stride)| (label, dim as usize, stride))
        .collect()
}

/// An einsum as one, if operand `image` can be the image.
pub(super) fn pointwise(
    node: &Node,
    operands: &[&Node],
    labels: [&[u8]; 3],
    image: usize,
) -> Option<Pointwise> {
    let x = axes(labels[image], &operands[image].dims);
    let w = axes(labels[1 - image], &operands[1 - image].dims);
    let out = axes(labels[2], &node.dims);
    let has = |list: &[(u8, usize, usize)], label: u8| list.iter().any(|axis| axis.0 == label);
    // The weights have one axis that is summed over, which x has too, and at most one other, which x lacks.
    let (term, rest): (Vec<_>, Vec<_>) = w.iter().partition(|axis| !has(&out, axis.0));
    let (&[&(sum, channels, term)], true) = (&term.iter().collect::<Vec<_>>()[..], rest.len() <= 1) else {
        return None;
    };
    let (columns, column) = rest.first().map_or((1, 0), |axis| (axis.1, axis.2));
    if rest.iter().any(|axis| has(&x, axis.0)) {
        return None;
    }
    // What x has beside the sum's axis, the result has in the same order, with the columns somewhere between.
    let at = x.iter().position(|axis| axis.0 == sum)?;
    let names = |list: &[(u8, usize, usize)]| list.iter().map(|axis| axis.0).collect::<Vec<_>>();
    let mut expected = names(&x);
    match rest.first() {
        Some(axis) => expected[at] = axis.0,
        None => {
            expected.remove(at);
        }
    }
    let product = |list: &[(u8, usize, usize)]| list.iter().map(|axis| axis.1).product();
    (expected == names(&out)).then(|| Pointwise {
        image,
        images: product(&x[..at]),
        channels,
        size: product(&x[at + 1..]),
        columns,
        strides: [term, column],
    })
}

/// Whether an operand has one element, or one for each channel of images of this shape.
pub(super) fn by_channel(dims: &[u32], operand: &[u32], [images, channels, size]: [usize; 3]) -> bool {
    if count(operand) == 1 {
        return true;
    }
    if dims.len() != operand.len() {
        return false;
    }
    let Some(axis) = operand.iter().position(|&dim| dim > 1) else { return false };
    count(operand) == channels
        && operand[axis] as usize == channels
        && count(&dims[..axis]) == images
        && count(&dims[axis + 1..]) == size
}
