//! Making integer steps: which nodes they take, what they read, in which form. Products are made here, what stands
//! between them in [`super::between`].

use super::depthwise::DepthwiseStep;
use super::elementwise::Lookup;
use super::find::{by_channel, pointwise};
use super::product::{Become, Kept, Product, Weights, ZeroPoint};
use super::{Constant, Integer};
use crate::conv::pool;
use crate::program::build::{Builder, GroupKind};
use crate::program::fuse::Geometry;
use crate::program::posts::PostSpec;
use crate::program::table::{Form, Ref};
use assay_kernels::Pool;
use assay_kernels::int8::{Depthwise, MOST_TAPS, Patches};
use assay_plan::shape::count;
use assay_plan::{BinaryOp, Node, Opcode, Window as PlanWindow, depthwise_by_rows};
use assay_types::tensor::DType;

/// Columns below which a product of as many rows is left to the generic body.
const FEW_COLUMNS: usize = 8;
/// The same of a group among others, whose windows would be gathered tap by tap.
const LEAST_OF_GROUP: usize = 32;

/// A step that waits for the last of its nodes.
pub(in crate::program) struct Pending {
    pub work: Integer,
    /// What it reads, and in which form: `None` for the form of the first that is not in rows.
    pub reads: Vec<(usize, Option<Form>)>,
    pub form: Option<Form>,
}

pub(super) fn is_byte(node: &Node) -> bool {
    matches!(node.dtype, DType::U8 | DType::I8)
}

pub(super) fn is_signed(node: &Node) -> bool {
    node.dtype == DType::I8
}

/// The least and the greatest of a dtype of one byte.
fn range_of(node: &Node) -> [i32; 2] {
    if is_signed(node) { [-128, 127] } else { [0, 255] }
}

fn depthwise_shape(geometry: &Pool, channels: usize, signed: bool) -> Depthwise {
    let Pool { input, output, kernel, stride, dilation, pad, .. } = *geometry;
    Depthwise { input, channels, output, kernel, stride, dilation, pad, signed }
}

fn patches_of(geometry: &Pool, channels: usize, inner: usize) -> Patches {
    let Pool { input, output, kernel, stride, dilation, pad, .. } = *geometry;
    let (taken, outside) = ([0, inner], 0);
    Patches { input, channels, taken, output, kernel, stride, dilation, pad, outside }
}

/// What finishes a product.
struct Finished {
    nodes: Vec<u32>,
    bias: Option<Constant>,
    becomes: Become,
    /// A scale that has to be read.
    scale: Option<usize>,
}

impl Builder<'_> {
    /// Makes a node the head of an integer step; false when only its generic body can compute it.
    pub(in crate::program) fn integer(&mut self, index: usize) -> bool {
        let node = self.node(index);
        match &node.op {
            Opcode::Conv2dInt { window, groups } => self.integer_convolution(index, window, *groups as usize),
            Opcode::EinsumInt { a, b, out } => self.integer_product(index, [a, b, out]),
            Opcode::Dequantize if is_byte(self.node(node.inputs[0] as usize)) => {
                self.pair(index) || self.shared(index) || self.change(index)
            }
            Opcode::Quantize => self.change(index),
            Opcode::Lookup if is_byte(node) => {
                let reads =
                    vec![(node.inputs[0] as usize, None), (node.inputs[1] as usize, Some(Form::Rows))];
                self.now(index, Pending { work: Integer::Lookup(Lookup), reads, form: None });
                true
            }
            Opcode::Slice { axis, start, step: step @ 1.. } if is_byte(node) => {
                self.sample(index, usize::from(*axis), *start as usize, *step as usize)
            }
            Opcode::MaxPool(window) if is_byte(node) => self.greatest(index, window),
            _ => false,
        }
    }

    /// A step whose nodes have all had their turn: what it reads, the form of its result, what it does.
    pub(in crate::program) fn integer_step(
        &mut self,
        pending: Pending,
        posts: &[PostSpec],
    ) -> (Vec<Ref>, Form, Integer) {
        let Pending { mut work, reads, form } = pending;
        // A step that takes any form takes the one that its operands are in.
        let own = |this: &Self, value: usize| {
            let whole = this.table.is_whole(this.plan, value);
            this.table.blocks_of(value).filter(|form| whole && matches!(form, Form::Last { .. }))
        };
        let free = reads.iter().filter(|read| read.1.is_none());
        let found = free.clone().find_map(|&(value, _)| own(self, value)).unwrap_or(Form::Rows);
        let reads = reads.iter().map(|&(value, form)| self.need(value, form.unwrap_or(found))).collect();
        if let Integer::Product(product) = &mut work {
            product.kept.posts = posts.to_vec();
        }
        (reads, form.unwrap_or(found), work)
    }

    pub(super) fn bytes_of(&self, value: usize) -> Option<Constant> {
        let (start, bytes) = self.constant(value)?;
        Some(Constant { start, bytes })
    }

    pub(super) fn single(&self, value: usize) -> bool {
        count(&self.node(value).dims) == 1
    }

    /// A step of one node, in its place.
    pub(super) fn now(&mut self, index: usize, pending: Pending) {
        let kind = GroupKind::Integer(Box::new(pending));
        self.wait_exactly(vec![index as u32], kind);
    }

    /// What becomes of a product of images, channels and positions: the nodes that finish its sums, or the sums.
    fn finished(&self, head: usize, shape: [usize; 3]) -> Option<Finished> {
        let alone = || {
            let nodes = vec![head as u32];
            let whole = count(&self.node(head).dims) == shape.iter().product::<usize>();
            whole.then_some(Finished { nodes, bias: None, becomes: Become::Sums, scale: None })
        };
        self.followed(head, shape).or_else(alone)
    }

    /// What follows a product up to where its sums become bytes or f32.
    fn followed(&self, head: usize, shape: [usize; 3]) -> Option<Finished> {
        let (mut nodes, mut bias, mut at) = (vec![head as u32], None, head);
        loop {
            let next = self.uses.only(at).filter(|&next| !self.claimed[next])?;
            let node = self.node(next);
            let first = node.inputs[0] as usize;
            let fits = |value: usize| by_channel(&node.dims, &self.node(value).dims, shape);
            if count(&node.dims) != shape.iter().product::<usize>() {
                return None;
            }
            nodes.push(next as u32);
            match &node.op {
                Opcode::Reshape => {}
                Opcode::Binary(BinaryOp::Add) if node.dtype == DType::I32 && bias.is_none() => {
                    let other = node.inputs[usize::from(first == at)] as usize;
                    bias = Some(self.bytes_of(other).filter(|_| fits(other))?);
                }
                Opcode::Requantize if first == at => {
                    let (by, zero) = (node.inputs[1] as usize, node.inputs[2] as usize);
                    if !fits(by) || !self.single(zero) {
                        return None;
                    }
                    let (multipliers, zero) = (self.bytes_of(by)?, self.bytes_of(zero)?);
                    let zero = zero.integers(is_signed(node), self.constants)[0];
                    let range = self.bounds(&mut nodes, next);
                    let becomes = Become::Bytes { multipliers, zero, signed: is_signed(node), range };
                    return Some(Finished { nodes, bias, becomes, scale: None });
                }
                Opcode::Dequantize if first == at && shape[2] == 1 => {
                    let (scale, zero) = (node.inputs[1] as usize, self.bytes_of(node.inputs[2] as usize)?);
                    if zero.of(self.constants).iter().any(|&byte| byte != 0) {
                        return None;
                    }
                    return match self.bytes_of(scale) {
                        Some(list) if fits(scale) => {
                            Some(Finished { nodes, bias, becomes: Become::Floats(list), scale: None })
                        }
                        None if fits(scale) => {
                            Some(Finished { nodes, bias, becomes: Become::Scaled(0), scale: Some(scale) })
                        }
                        _ => None,
                    };
                }
                _ => return None,
            }
            at = next;
        }
    }

    /// Takes along the bounds that follow a value of bytes, as a range.
    fn bounds(&self, nodes: &mut Vec<u32>, from: usize) -> [i32; 2] {
        let (mut at, mut range) = (from, range_of(self.node(from)));
        while let Some(next) = self.uses.only(at).filter(|&next| !self.claimed[next]) {
            let node = self.node(next);
            let Opcode::Binary(op @ (BinaryOp::Max | BinaryOp::Min)) = node.op else { break };
            let other = node.inputs[usize::from(node.inputs[0] as usize == at)] as usize;
            let Some(bound) = self.bytes_of(other).filter(|_| self.single(other)) else { break };
            let bound = bound.integers(is_signed(node), self.constants)[0];
            let held = |end: i32| if op == BinaryOp::Max { end.max(bound) } else { end.min(bound) };
            range = range.map(held);
            nodes.push(next as u32);
            at = next;
        }
        range
    }

    fn integer_convolution(&mut self, index: usize, window: &PlanWindow, groups: usize) -> bool {
        let Some((nodes, pending)) = self.convolved(index, window, groups) else { return false };
        self.wait_exactly(nodes, GroupKind::Integer(Box::new(pending)));
        true
    }

    fn convolved(&self, index: usize, window: &PlanWindow, groups: usize) -> Option<(Vec<u32>, Pending)> {
        let node = self.node(index);
        let inputs: Vec<usize> = node.inputs.iter().map(|&input| input as usize).collect();
        let (x, w) = (self.node(inputs[0]), self.node(inputs[1]));
        let geometry = pool(node, x, window);
        let [images, channels] = [x.dims[0] as usize, x.dims[1] as usize];
        let (outputs, results) = (node.dims[1] as usize, geometry.output[0] * geometry.output[1]);
        let found = self.finished(index, [images, outputs, results])?;
        let own = self.bytes_of(inputs[4])?;
        let no_bias = own.of(self.constants).iter().all(|&byte| byte == 0);
        let bias = match found.bias {
            None => Some(own),
            Some(bias) if no_bias => Some(bias),
            Some(_) => return None,
        };
        if matches!(found.becomes, Become::Scaled(_)) {
            return None;
        }
        let (weights, weights_zero) = (self.bytes_of(inputs[1])?, self.bytes_of(inputs[3])?);
        let zero = self.bytes_of(inputs[2])?;
        let taps = geometry.kernel[0] * geometry.kernel[1];
        let inner = channels / groups;
        let form = Form::Last { channels, size: geometry.input[0] * geometry.input[1] };
        let reads = vec![(inputs[0], Some(form))];
        let written = Some(Form::Last { channels: outputs, size: results });
        let bytes = matches!(found.becomes, Become::Bytes { .. });
        let by_rows = depthwise_by_rows(node, [x, w], window, groups as u32);
        if by_rows && taps <= MOST_TAPS && bytes {
            let shape = depthwise_shape(&geometry, channels, is_signed(x));
            let weights = (weights, is_signed(w), weights_zero);
            let step = DepthwiseStep::new(shape, weights, zero, bias, found.becomes);
            return Some((found.nodes, Pending { work: Integer::Depthwise(step), reads, form: written }));
        }
        // Few columns fill few lanes: their positions are better laid side by side.
        let least = if groups > 1 { LEAST_OF_GROUP } else { FEW_COLUMNS };
        if outputs / groups < least && (groups > 1 || results >= FEW_COLUMNS) {
            return None;
        }
        let plain = geometry.kernel == [1, 1] && geometry.stride == [1, 1] && geometry.pad == [0, 0];
        let patches = patches_of(&geometry, channels, inner);
        let product = Product {
            images,
            results,
            columns: outputs / groups,
            groups,
            patches: (!plain || groups > 1 || results != geometry.input[0] * geometry.input[1])
                .then_some(patches),
            signed: is_signed(x),
            zero: ZeroPoint::Constant(zero.of(self.constants)[0]),
            weights: Weights {
                bytes: weights,
                terms: (0..taps * inner).map(|term| term % inner * taps + term / inner).collect(),
                column: inner * taps,
                signed: is_signed(w),
                zero: weights_zero,
                bias,
            },
            becomes: found.becomes,
            kept: Kept::default(),
        };
        Some((found.nodes, Pending { work: Integer::Product(product), reads, form: written }))
    }

    fn integer_product(&mut self, index: usize, labels: [&[u8]; 3]) -> bool {
        let Some((nodes, pending, columns)) = self.multiplied(index, labels) else { return false };
        let becomes = |product: &Product| matches!(product.becomes, Become::Floats(_) | Become::Scaled(_));
        let floats = matches!(&pending.work, Integer::Product(product) if becomes(product));
        let kind = GroupKind::Integer(Box::new(pending));
        if floats {
            self.wait_with(nodes, vec![], kind, Geometry::Rows { columns });
        } else {
            self.wait_exactly(nodes, kind);
        }
        true
    }

    fn multiplied(&self, index: usize, labels: [&[u8]; 3]) -> Option<(Vec<u32>, Pending, usize)> {
        let node = self.node(index);
        let inputs: Vec<usize> = node.inputs.iter().map(|&input| input as usize).collect();
        let operands = [self.node(inputs[0]), self.node(inputs[1])];
        let usable = |image: &usize| {
            let weights = inputs[1 - image];
            self.bytes_of(weights).is_some() && self.bytes_of(inputs[2 + (1 - image)]).is_some()
        };
        let found = (0..2).filter(usable).find_map(|image| pointwise(node, &operands, labels, image))?;
        // As in a convolution.
        if found.columns < FEW_COLUMNS && found.images * found.size >= FEW_COLUMNS {
            return None;
        }
        let (x, w) = (inputs[found.image], inputs[1 - found.image]);
        let finished = self.finished(index, [found.images, found.columns, found.size])?;
        let form = Form::Last { channels: found.channels, size: found.size };
        let mut reads = vec![(x, Some(form))];
        let zero = inputs[2 + found.image];
        let zero = match self.bytes_of(zero) {
            Some(zero) if zero.bytes == 1 => ZeroPoint::Constant(zero.of(self.constants)[0]),
            None if self.single(zero) => {
                reads.push((zero, Some(Form::Rows)));
                ZeroPoint::Read(reads.len() - 1)
            }
            _ => return None,
        };
        let weights_zero = self.bytes_of(inputs[3 - found.image])?;
        if weights_zero.bytes != 1 && weights_zero.bytes != found.columns as u64 {
            return None;
        }
        let mut becomes = finished.becomes;
        if let Some(scale) = finished.scale {
            reads.push((scale, Some(Form::Rows)));
            becomes = Become::Scaled(reads.len() - 1);
        }
        let product = Product {
            images: found.images,
            results: found.size,
            columns: found.columns,
            groups: 1,
            patches: None,
            signed: is_signed(self.node(x)),
            zero,
            weights: Weights {
                bytes: self.bytes_of(w)?,
                terms: (0..found.channels).map(|term| term * found.strides[0]).collect(),
                column: found.strides[1],
                signed: is_signed(self.node(w)),
                zero: weights_zero,
                bias: finished.bias,
            },
            becomes,
            kept: Kept::default(),
        };
        let form = Some(Form::Last { channels: found.columns, size: found.size });
        // The rows of a matrix are the positions of one image as well as images of one position.
        let product =
            if found.size == 1 { Product { images: 1, results: found.images, ..product } } else { product };
        let pending = Pending { work: Integer::Product(product), reads, form };
        Some((finished.nodes, pending, found.columns))
    }
}
