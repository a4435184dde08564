//! Which nodes a step begins with, and which it takes along.
//!
//! A head either claims its nodes, and then waits for the last of them or makes its step at once, or leaves
//! everything as it was; then the node runs by its generic body.

use super::Work;
use super::build::{Builder, Group, GroupKind};
use super::fuse::{Geometry, Taken, following, taken};
use super::image::{BlockFold, BlockPool};
use super::posts::MAX_POSTS;
use super::product::Product;
use super::table::Form;
use super::tags::pointwise;
use crate::conv::{divisor, pool};
use assay_kernels::{Conv, ConvInput, Fold, Pool};
use assay_plan::memory::einsum_loops;
use assay_plan::shape::count;
use assay_plan::{BinaryOp, Opcode, Reducer};
use assay_types::tensor::DType;

impl Builder<'_> {
    /// Makes a node the head of a step; false when only its generic body can compute it.
    pub(super) fn head(&mut self, index: usize) -> bool {
        let node = self.node(index);
        match &node.op {
            Opcode::Einsum { .. } => self.einsum(index),
            Opcode::Conv2d { .. } => {
                let Some(image) = self.tags[index] else { return false };
                self.wait(index, GroupKind::Conv, Geometry::Blocks(image));
                true
            }
            Opcode::Reduce { reducer: Reducer::Sum, axes } if node.dtype == DType::F32 => {
                self.layer_norm(index, axes) || self.fold(index)
            }
            Opcode::Reduce { .. } => self.fold(index),
            Opcode::RmsNorm { axes, eps } => {
                let x = node.inputs[0] as usize;
                let Some(n) = row_length(&node.dims, axes) else { return false };
                let kind = GroupKind::Norm { x, n, centre: None, eps: f32::from_bits(*eps) };
                self.wait(index, kind, Geometry::Rows { columns: n });
                true
            }
            Opcode::Softmax { axes } => {
                let Some(n) = row_length(&node.dims, axes) else { return false };
                let x = self.need(node.inputs[0] as usize, Form::Rows);
                let write = self.table.add(self.plan, index, Form::Rows);
                self.push(vec![index as u32], vec![x], write, 0, Work::Softmax(n));
                true
            }
            Opcode::MaxPool(_) | Opcode::SumPool { .. } => self.pool(index) || self.integer(index),
            Opcode::Slice { .. } => self.strided(index) || self.integer(index),
            Opcode::Concat { .. } => self.concat(index),
            Opcode::Unary(_) | Opcode::Binary(_) => self.chain(index),
            _ => self.integer(index),
        }
    }

    /// Claims a head and what follows it; the step is made when the last node's turn comes.
    fn wait(&mut self, head: usize, kind: GroupKind, geometry: Geometry) {
        let nodes = vec![head as u32];
        self.wait_with(nodes, vec![], kind, geometry);
    }

    /// As [`Builder::wait`], for just these nodes.
    pub(super) fn wait_exactly(&mut self, mut nodes: Vec<u32>, kind: GroupKind) {
        let head = nodes.first().map_or(0, |&node| node as usize);
        while nodes.len() > 1 && self.plan.nodes[nodes[nodes.len() - 1] as usize].op == Opcode::Reshape {
            nodes.pop();
        }
        for &node in &nodes {
            self.claimed[node as usize] = true;
        }
        let last = nodes.last().map_or(head, |&node| node as usize);
        let geometry = Geometry::Rows { columns: 0 };
        self.waiting.insert(last, Group { head, nodes, posts: vec![], geometry, kind });
    }

    pub(super) fn wait_with(
        &mut self,
        mut nodes: Vec<u32>,
        mut posts: Vec<Taken>,
        kind: GroupKind,
        mut geometry: Geometry,
    ) {
        let head = nodes.first().map_or(0, |&node| node as usize);
        let at = nodes.last().map_or(0, |&node| node as usize);
        for (node, taken) in following(self.plan, &self.uses, &self.claimed, at, &mut geometry) {
            if posts.len() == MAX_POSTS {
                break;
            }
            nodes.push(node as u32);
            posts.extend(taken);
        }
        // A reshape at the end stays what it is: another name for the result.
        while nodes.len() > 1 && self.plan.nodes[nodes[nodes.len() - 1] as usize].op == Opcode::Reshape {
            nodes.pop();
        }
        for &node in &nodes {
            self.claimed[node as usize] = true;
        }
        let last = nodes.last().map_or(head, |&node| node as usize);
        self.waiting.insert(last, Group { head, nodes, posts, geometry, kind });
    }

    fn einsum(&mut self, index: usize) -> bool {
        let node = self.node(index);
        if let (Some(image), Some(found)) = (self.tags[index], pointwise(self.plan, node)) {
            let plane = Pool {
                input: [1, found.size],
                output: [1, found.size],
                kernel: [1; 2],
                stride: [1; 2],
                dilation: [1; 2],
                pad: [0; 2],
            };
            if let Some(conv) = Conv::new(plane, found.channels, found.outputs, 1, ConvInput::Blocks) {
                let x = node.inputs[found.image] as usize;
                let kind =
                    GroupKind::Pointwise { conv: Box::new(conv), einsum: index, image: found.image, x };
                self.wait(index, kind, Geometry::Blocks(image));
                return true;
            }
        }
        let Opcode::Einsum { a, b, out } = &node.op else { return false };
        let loops = einsum_loops(node, &self.operands(node), [a, b, out]);
        let Some((product, _)) = Product::new(&loops, false) else { return false };
        self.wait(index, GroupKind::Einsum, Geometry::Rows { columns: product.columns });
        true
    }

    /// Every so many rows and columns of an image, and the einsum of one tap that alone reads them.
    fn strided(&mut self, first: usize) -> bool {
        let x = self.node(first).inputs[0] as usize;
        let rank = self.node(x).dims.len();
        let (Some(from), true) = (self.tags[x], rank > 2) else { return false };
        let (mut nodes, mut stride, mut at) = (vec![], [1; 2], first);
        while let Opcode::Slice { axis, start: 0, step } = self.node(at).op {
            let Some(axis) = (axis as usize + 2).checked_sub(rank) else { return false };
            let (Ok(step), Some(next)) = (usize::try_from(step), self.uses.only(at)) else { return false };
            if self.claimed[at] {
                return false;
            }
            stride[axis] *= step;
            nodes.push(at as u32);
            at = next;
        }
        let (Some(image), Some(found)) = (self.tags[at], pointwise(self.plan, self.node(at))) else {
            return false;
        };
        let last = nodes.last().copied();
        if self.claimed[at]
            || last != Some(self.node(at).inputs[found.image])
            || from.channels != found.channels
        {
            return false;
        }
        let plane = |value: usize| {
            let dims = &self.node(value).dims;
            [dims[rank - 2] as usize, dims[rank - 1] as usize]
        };
        let output = plane(last.map_or(x, |value| value as usize));
        let window = Pool { input: plane(x), output, kernel: [1; 2], stride, dilation: [1; 2], pad: [0; 2] };
        if from.size != window.input[0] * window.input[1] || found.size != output[0] * output[1] {
            return false;
        }
        let Some(conv) = Conv::new(window, found.channels, found.outputs, 1, ConvInput::Blocks) else {
            return false;
        };
        nodes.push(at as u32);
        let kind = GroupKind::Pointwise { conv: Box::new(conv), einsum: at, image: found.image, x };
        self.wait_with(nodes, vec![], kind, Geometry::Blocks(image));
        true
    }

    /// The mean, what is left without it, and its normalisation, in one pass.
    fn layer_norm(&mut self, sum: usize, axes: &[u8]) -> bool {
        let node = self.node(sum);
        let x = node.inputs[0];
        let found = || {
            let n = row_length(&self.node(x as usize).dims, axes)?;
            let scale = self.uses.only(sum).filter(|&at| !self.claimed[at])?;
            let Opcode::Binary(BinaryOp::Mul) = self.node(scale).op else { return None };
            let other = self.node(scale).inputs.iter().copied().find(|&id| id as usize != sum)?;
            let centre = self.scalar(other as usize)?;
            let shift = self.uses.only(scale).filter(|&at| !self.claimed[at])?;
            let Opcode::Binary(BinaryOp::Sub) = self.node(shift).op else { return None };
            let taken_off = self.node(shift).inputs == [x, scale as u32];
            let norm = self.uses.only(shift).filter(|&at| !self.claimed[at])?;
            let Opcode::RmsNorm { axes: other, eps } = &self.node(norm).op else { return None };
            let same = other == axes && self.node(shift).dims == self.node(x as usize).dims;
            (taken_off && same).then_some((n, centre, f32::from_bits(*eps), [sum, scale, shift, norm]))
        };
        let Some((n, centre, eps, nodes)) = found() else { return false };
        let kind = GroupKind::Norm { x: x as usize, n, centre: Some(centre), eps };
        let nodes = nodes.map(|node| node as u32).to_vec();
        self.wait_with(nodes, vec![], kind, Geometry::Rows { columns: n });
        true
    }

    /// The element of a constant of one f32.
    pub(super) fn scalar(&self, value: usize) -> Option<f32> {
        let node = self.node(self.table.roots[value].value);
        let Opcode::Const { offset } = node.op else { return None };
        if node.dtype != DType::F32 || count(&node.dims) != 1 {
            return None;
        }
        let bytes = self.constants.find((offset, 4))?.first_chunk::<4>()?;
        Some(f32::from_le_bytes(*bytes))
    }

    fn fold(&mut self, index: usize) -> bool {
        let node = self.node(index);
        let Opcode::Reduce { reducer, .. } = &node.op else { return false };
        let (Some(image), Some(to)) = (self.tags[node.inputs[0] as usize], self.tags[index]) else {
            return false;
        };
        let fold = match reducer {
            Reducer::Sum => Fold::Sum,
            Reducer::Max => Fold::Max,
            Reducer::Min => Fold::Min,
            Reducer::Prod => Fold::Prod,
        };
        let x = self.need(node.inputs[0] as usize, image.form());
        let write = self.table.add(self.plan, index, to.form());
        self.push(vec![index as u32], vec![x], write, 0, Work::Fold(BlockFold { fold, size: image.size }));
        true
    }

    fn pool(&mut self, index: usize) -> bool {
        let node = self.node(index);
        let (Some(image), Some(to)) = (self.tags[node.inputs[0] as usize], self.tags[index]) else {
            return false;
        };
        let (window, divisor) = match &node.op {
            Opcode::SumPool { window, divisor: by } => (window, Some(divisor(*by))),
            Opcode::MaxPool(window) => (window, None),
            _ => return false,
        };
        let geometry = pool(node, self.node(node.inputs[0] as usize), window);
        let x = self.need(node.inputs[0] as usize, image.form());
        let write = self.table.add(self.plan, index, to.form());
        let work = Work::Pool(Box::new(BlockPool { pool: geometry, divisor }));
        self.push(vec![index as u32], vec![x], write, 0, work);
        true
    }

    fn concat(&mut self, index: usize) -> bool {
        let node = self.node(index);
        let Some(to) = self.tags[index] else { return false };
        let mut reads = Vec::new();
        for &input in &node.inputs {
            let Some(image) = self.tags[input as usize] else { return false };
            reads.push(self.need(input as usize, image.form()));
        }
        let write = self.table.add(self.plan, index, to.form());
        self.push(vec![index as u32], reads, write, 0, Work::Concat);
        true
    }

    /// A chain of elementwise nodes that no other step takes along.
    fn chain(&mut self, index: usize) -> bool {
        let node = self.node(index);
        let whole = |id: &&u32| count(&self.node(**id as usize).dims) == count(&node.dims);
        let Some(&x) = node.inputs.iter().find(whole) else { return false };
        let mut geometry = match self.tags[index] {
            Some(image) => Geometry::Blocks(image),
            None => Geometry::Rows { columns: 0 },
        };
        let Some(first) = taken(self.plan, index, x as usize, &mut geometry) else { return false };
        self.wait_with(vec![index as u32], vec![first], GroupKind::Chain, geometry);
        true
    }
}

/// The elements of the rows that `axes` make, when these lie side by side.
fn row_length(dims: &[u32], axes: &[u8]) -> Option<usize> {
    let order = assay_plan::shape::reduced_last(dims.len(), axes);
    let n = axes.iter().map(|&axis| dims[axis as usize] as usize).product();
    assay_plan::shape::keeps_order(dims, &order).then_some(n)
}
