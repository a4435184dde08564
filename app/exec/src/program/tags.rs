//! Which values are images that a program holds in blocks of 16 channels.
//!
//! A convolution makes blocks; what works as well on blocks keeps them; everything else wants rows. The
//! answer is by shapes alone, one pass in node order, and decides speed only.

use super::fuse::{Side, classify};
use super::product::merged;
use super::table::{BLOCK, Form, Table};
use crate::conv::pool;
use crate::outline::Outline;
use assay_kernels::{Conv, ConvInput, Depthwise};
use assay_plan::contraction::Contraction;
use assay_plan::memory::einsum_loops;
use assay_plan::shape::{around, count};
use assay_plan::{Node, Opcode, Reducer};
use assay_types::tensor::DType;

/// An image: channels, and positions of a plane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Image {
    pub channels: usize,
    pub size: usize,
}

impl Image {
    pub(crate) fn form(self) -> Form {
        Form::Blocks { channels: self.channels, size: self.size }
    }
}

/// Channels below which an image that comes in planes is read as planes.
const FEW_CHANNELS: usize = 16;

/// The convolution kernels that a Conv2d node can use.
pub(crate) enum Kernel {
    Full(Conv),
    Depthwise(Depthwise),
}

/// The kernel for a Conv2d node; `blocks` says whether its operand is in blocks.
pub(crate) fn conv_kernel(node: &Node, operands: &[&Node], blocks: bool) -> Option<Kernel> {
    let Opcode::Conv2d { window, groups } = &node.op else { return None };
    let (channels, outputs) = (operands[0].dims[1] as usize, node.dims[1] as usize);
    let (geometry, groups) = (pool(node, operands[0], window), *groups as usize);
    if groups == channels && groups == outputs && groups > 1 {
        return Depthwise::new(geometry, channels).map(Kernel::Depthwise);
    }
    let input = if blocks || channels >= FEW_CHANNELS { ConvInput::Blocks } else { ConvInput::Planes };
    Conv::new(geometry, channels, outputs, groups, input).map(Kernel::Full)
}

/// Whether a convolution reads planes.
pub(crate) fn reads_planes(channels: usize, blocks: bool) -> bool {
    !blocks && channels < FEW_CHANNELS
}

/// An einsum that is a convolution of one tap: constant rows \[outputs, channels\] with an image.
pub(crate) struct Pointwise {
    /// The operand that is the image.
    pub image: usize,
    pub channels: usize,
    pub outputs: usize,
    pub size: usize,
}

pub(crate) fn pointwise(plan: &Outline, node: &Node) -> Option<Pointwise> {
    let Opcode::Einsum { a, b, out } = &node.op else { return None };
    let operands: Vec<&Node> = node.inputs.iter().map(|&input| &plan.nodes[input as usize]).collect();
    let loops: Contraction = einsum_loops(node, &operands, [a, b, out]);
    if !matches!(operands[loops.row_operand].op, Opcode::Const { .. }) || !loops.batch.is_empty() {
        return None;
    }
    let rows = merged(&loops.rows, |axis| [axis.row, axis.out, 0]);
    let sum = merged(&loops.sum, |axis| [axis.row, axis.column, 0]);
    let columns = merged(&loops.columns, |axis| [axis.column, axis.out, 0]);
    let ([rows], [sum]) = (&rows[..], &sum[..]) else { return None };
    let (plane, images) = match &columns[..] {
        [plane] => (plane, None),
        [images, plane] => (plane, Some(images)),
        _ => return None,
    };
    let (size, channels, outputs) = (plane.dim, sum.dim, rows.dim);
    let fits = plane.column == 1
        && plane.out == 1
        && sum.column == size
        && sum.row == 1
        && rows.row == channels
        && rows.out == size
        && images.is_none_or(|images| images.column == channels * size && images.out == outputs * size);
    let whole = count(&operands[loops.row_operand].dims) == channels * outputs;
    (fits && whole).then_some(Pointwise { image: loops.column_operand(), channels, outputs, size })
}

/// The tags of all values, by node.
pub(crate) fn tags(plan: &Outline, table: &Table) -> Vec<Option<Image>> {
    let mut tags: Vec<Option<Image>> = Vec::with_capacity(plan.nodes.len());
    for (value, node) in plan.nodes.iter().enumerate() {
        let root = table.roots[value].value;
        let tag = if root != value {
            tags[root].filter(|_| table.is_whole(plan, value))
        } else {
            of_node(plan, node, &tags)
        };
        tags.push(tag);
    }
    tags
}

fn of_node(plan: &Outline, node: &Node, tags: &[Option<Image>]) -> Option<Image> {
    let operands: Vec<&Node> = node.inputs.iter().map(|&input| &plan.nodes[input as usize]).collect();
    let tag = |operand: usize| tags[node.inputs[operand] as usize];
    match &node.op {
        Opcode::Conv2d { .. } => {
            conv_kernel(node, &operands, tag(0).is_some())?;
            let size = count(&node.dims[2..]);
            Some(Image { channels: node.dims[1] as usize, size })
        }
        Opcode::Einsum { .. } => {
            let found = pointwise(plan, node)?;
            let tag = tag(found.image)?;
            let fits = tag.channels == found.channels && tag.size == found.size;
            (fits && found.size > 1).then_some(Image { channels: found.outputs, size: found.size })
        }
        Opcode::MaxPool(_) | Opcode::SumPool { .. } => {
            let image = tag(0)?;
            let rank = node.dims.len();
            let planes = count(&operands[0].dims[rank - 2..]);
            (planes == image.size).then(|| Image { size: count(&node.dims[rank - 2..]), ..image })
        }
        Opcode::Reduce { axes, reducer } if node.dtype == DType::F32 => {
            let image = tag(0)?;
            whole_planes(&operands[0].dims, axes, image.size, *reducer).then_some(Image { size: 1, ..image })
        }
        Opcode::Slice { axis, step, .. } if *step > 0 => {
            let (image, rank) = (tag(0)?, node.dims.len());
            let inside = rank > 2 && *axis as usize >= rank - 2;
            let planes = inside && count(&operands[0].dims[rank - 2..]) == image.size;
            planes.then(|| Image { size: count(&node.dims[rank - 2..]), ..image })
        }
        Opcode::Concat { axis } => concat(node, &operands, *axis, &tag),
        Opcode::Unary(_) if node.dtype == DType::F32 => tag(0),
        Opcode::Binary(_) if node.dtype == DType::F32 => {
            let whole = |operand: usize| count(&operands[operand].dims) == count(&node.dims);
            let image = (0..2).filter(|&operand| whole(operand)).find_map(tag)?;
            let side = |operand: usize| {
                let mut geometry = super::fuse::Geometry::Blocks(image);
                classify(&mut geometry, &node.dims, &operands[operand].dims)
            };
            let sides = [side(0)?, side(1)?];
            sides.contains(&Side::Same).then_some(image)
        }
        _ => None,
    }
}

/// Whether a reduction is over all positions of each plane.
pub(crate) fn whole_planes(dims: &[u32], axes: &[u8], size: usize, _: Reducer) -> bool {
    let long = |axis: &usize| dims[*axis] > 1;
    let first = (0..dims.len()).filter(long).rev().take_while(|axis| axes.contains(&(*axis as u8))).last();
    let Some(first) = first else { return false };
    let reduced: usize = axes.iter().map(|&axis| dims[axis as usize] as usize).product();
    count(&dims[first..]) == size && reduced == size
}

fn concat(node: &Node, operands: &[&Node], axis: u8, tag: &dyn Fn(usize) -> Option<Image>) -> Option<Image> {
    let (outer, channels, size) = around(&node.dims, axis);
    if outer != 1 || node.dtype != DType::F32 {
        return None;
    }
    for (at, operand) in operands.iter().enumerate() {
        let image = tag(at)?;
        let own = operand.dims[axis as usize] as usize;
        let full = own.is_multiple_of(BLOCK) || at + 1 == operands.len();
        if image != (Image { channels: own, size }) || !full {
            return None;
        }
    }
    Some(Image { channels, size })
}
