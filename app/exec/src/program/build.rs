//! Putting a program together.
//!
//! Heads (see [`super::heads`]) are looked at in node order; a step stands where the last of its nodes stood,
//! so that everything it reads has been computed. What a step wants in another form is converted before it,
//! once for all users.

use super::fuse::{Geometry, Side, Taken, Uses};
use super::image::{Convert, Convolution, Kind};
use super::integer::{Integer, Last, Pending};
use super::pack::{How, Packs};
use super::posts::{PostSpec, Side as PostSide};
use super::product::{Product, Source};
use super::rows::{Chain, NormRows, Shape};
use super::table::{Form, Ref, Table, Use, place};
use super::tags::{Image, Kernel, conv_kernel, reads_planes, tags};
use super::{Program, Step, Work};
use crate::constants::Constants;
use crate::outline::Outline;
use crate::{step, trees};
use assay_kernels::{Binary, Conv};
use assay_plan::memory::{einsum_loops, scratch_bytes};
use assay_plan::shape::{bytes, count};
use assay_plan::{Node, Opcode, TableBudget};
use std::collections::BTreeMap;

/// A step that waits for the last of its nodes.
pub(super) struct Group {
    pub(super) head: usize,
    pub(super) nodes: Vec<u32>,
    pub(super) posts: Vec<Taken>,
    pub(super) geometry: Geometry,
    pub(super) kind: GroupKind,
}

/// What a step begins with.
pub(super) enum GroupKind {
    Einsum,
    /// An einsum of one tap, the operand that is its image, and the value that the convolution reads.
    Pointwise {
        conv: Box<Conv>,
        einsum: usize,
        image: usize,
        x: usize,
    },
    Conv,
    Norm {
        x: usize,
        n: usize,
        centre: Option<f32>,
        eps: f32,
    },
    Chain,
    /// On bytes.
    Integer(Box<Pending>),
}

/// A program under construction.
pub(super) struct Builder<'a> {
    pub(super) plan: &'a Outline,
    pub(super) constants: &'a Constants<'a>,
    pub(super) table: Table,
    pub(super) tags: Vec<Option<Image>>,
    pub(super) uses: Uses,
    pub(super) claimed: Vec<bool>,
    pub(super) waiting: BTreeMap<usize, Group>,
    pub(super) packs: Packs,
    forests: TableBudget,
    pub(super) steps: Vec<Step>,
}

impl Program {
    /// The fast program of a plan, unless it would take much more memory than the plan's peak.
    pub(crate) fn new(plan: &Outline, constants: &Constants<'_>) -> Self {
        let fast = Builder::new(plan, constants, true).build();
        let most = plan.peak_bytes.saturating_add((plan.peak_bytes / 5).max(1 << 20));
        if fast.bytes() <= most { fast } else { Self::plain(plan, constants) }
    }

    /// Generic steps only, one for each node.
    pub(crate) fn plain(plan: &Outline, constants: &Constants<'_>) -> Self {
        Builder::new(plan, constants, false).build()
    }

    /// Bytes that the program takes: constants as they are and packed, also with steps, the arena.
    pub(crate) fn bytes(&self) -> u64 {
        let kept: u64 = self.steps.iter().map(Step::kept).sum();
        self.arena_bytes.saturating_add(self.store_bytes).saturating_add(kept)
    }
}

impl<'a> Builder<'a> {
    fn new(plan: &'a Outline, constants: &'a Constants<'a>, fast: bool) -> Self {
        let table = Table::new(plan, constants);
        let tags = if fast { tags(plan, &table) } else { vec![None; plan.nodes.len()] };
        Self {
            uses: Uses::new(plan),
            claimed: vec![!fast; plan.nodes.len()],
            waiting: BTreeMap::new(),
            packs: Packs::default(),
            forests: TableBudget::new(plan.constant_bytes as usize),
            steps: Vec::new(),
            plan,
            constants,
            table,
            tags,
        }
    }

    fn build(mut self) -> Program {
        let fast = self.claimed.iter().all(|claimed| !claimed);
        for index in 0..self.plan.nodes.len() {
            if self.table.roots[index].value != index {
                continue;
            }
            if !fast || (!self.claimed[index] && !self.head(index)) {
                self.generic(index);
            }
            if let Some(group) = self.waiting.remove(&index) {
                self.emit(group, index);
            }
        }
        let outputs: Vec<Ref> =
            self.plan.outputs.iter().map(|(_, id)| self.need(*id as usize, Form::Rows)).collect();
        let uses: Vec<Use<'_>> = self
            .steps
            .iter()
            .map(|step| Use { reads: &step.reads, write: Some(step.write), scratch: step.scratch })
            .collect();
        let mut slots = self.table.slots;
        let (scratch, arena_bytes) = place(&mut slots, &uses, &outputs);
        for (step, at) in self.steps.iter_mut().zip(scratch) {
            step.scratch_at = at;
        }
        let (packs, store_bytes) = (self.packs.jobs, self.packs.bytes);
        Program { steps: self.steps, slots, outputs, arena_bytes, packs, store_bytes }
    }

    pub(super) fn node(&self, index: usize) -> &'a Node {
        &self.plan.nodes[index]
    }

    pub(super) fn operands(&self, node: &Node) -> Vec<&'a Node> {
        node.inputs.iter().map(|&input| &self.plan.nodes[input as usize]).collect()
    }

    pub(super) fn push(&mut self, nodes: Vec<u32>, reads: Vec<Ref>, write: Ref, scratch: u64, work: Work) {
        self.steps.push(Step { nodes, reads, write, scratch, scratch_at: 0, work });
    }

    /// A value in a form, converted if it has to be.
    pub(super) fn need(&mut self, value: usize, form: Form) -> Ref {
        if let Some(found) = self.table.find(self.plan, value, form) {
            return found;
        }
        let root = self.table.roots[value].value;
        if let (Form::Rows, Opcode::Const { offset }) = (form, &self.node(root).op) {
            let pack = self.packs.add((*offset, bytes(self.node(root))), How::Bytes);
            self.table.add_constant(self.plan, root, pack.offset);
            return self.need(value, form);
        }
        let (source, target, channels, size) = match form {
            Form::Blocks { channels, size } => (self.need(value, Form::Rows), value, channels, size),
            Form::Last { channels, size } => {
                let source = self.need(value, Form::Rows);
                let words = self.node(value).dtype.size() == 4;
                return self.turn(value, value, source, Last { channels, size, back: false, words }, form);
            }
            Form::Rows => {
                // Only what is in blocks has no rows.
                let found = self.table.blocks_of(root);
                if let Some(Form::Last { channels, size }) = found {
                    let source = self.need(root, Form::Last { channels, size });
                    let words = self.node(root).dtype.size() == 4;
                    return self.turn(value, root, source, Last { channels, size, back: true, words }, form);
                }
                let Some(Form::Blocks { channels, size }) = found else {
                    unreachable!("a value is computed before it is used");
                };
                let blocks = Form::Blocks { channels, size };
                (self.need(root, blocks), root, channels, size)
            }
        };
        let write = self.table.add(self.plan, target, form);
        let convert = Convert { to_blocks: form != Form::Rows, channels, size };
        self.push(vec![], vec![source], write, 0, Work::Convert(convert));
        self.table.find(self.plan, value, form).unwrap_or(write)
    }

    /// Images of bytes with their channels moved.
    fn turn(&mut self, value: usize, target: usize, source: Ref, last: Last, form: Form) -> Ref {
        let write = self.table.add(self.plan, target, form);
        self.push(vec![], vec![source], write, 0, Work::Integer(Box::new(Integer::Last(last))));
        self.table.find(self.plan, value, form).unwrap_or(write)
    }

    /// A node by its generic body.
    fn generic(&mut self, index: usize) {
        let node = self.node(index);
        if matches!(node.op, Opcode::Const { .. }) {
            // Stored when a step wants it as it is.
            return;
        }
        let operands = self.operands(node);
        let reads: Vec<Ref> = node.inputs.iter().map(|&id| self.need(id as usize, Form::Rows)).collect();
        let write = self.table.add(self.plan, index, Form::Rows);
        let scratch = scratch_bytes(node, &operands, false);
        let input = self.plan.inputs.iter().position(|(_, id)| *id as usize == index);
        let step = match input {
            // Input nodes may stand in another order than the plan's list of inputs.
            Some(position) => step::Step::Input(position),
            None => match step::Step::new(node, &operands) {
                step::Step::Trees(_) => {
                    let forest = trees::forest(self.plan, self.constants, node, &mut self.forests);
                    step::Step::Trees(forest.map(Box::new))
                }
                step => step,
            },
        };
        self.push(vec![index as u32], reads, write, scratch, Work::Node(step));
    }

    /// What was taken along, bound to where its operands are.
    fn posts(&mut self, taken: &[Taken], geometry: Geometry) -> Vec<PostSpec> {
        let mut list = Vec::with_capacity(taken.len());
        for taken in taken {
            let Taken::Binary { op, other, side, reversed } = *taken else {
                if let Taken::Unary(op) = *taken {
                    list.push(PostSpec::Unary(op));
                }
                continue;
            };
            let side = match (side, self.scalar(other), geometry) {
                (Side::One, Some(value), _) => PostSide::All(value),
                (Side::One, None, _) => PostSide::Scalar(self.need(other, Form::Rows)),
                (Side::Columns, ..) => PostSide::Columns(self.need(other, Form::Rows)),
                (Side::Same, _, Geometry::Rows { .. }) => PostSide::Same(self.need(other, Form::Rows)),
                (Side::Same, _, Geometry::Blocks(image)) => PostSide::Same(self.need(other, image.form())),
            };
            list.push(if reversed { PostSpec::Reversed(op, side) } else { PostSpec::Binary(op, side) });
        }
        list
    }

    fn emit(&mut self, group: Group, last: usize) {
        let Group { head, nodes, posts, geometry, kind } = group;
        let mut posts = self.posts(&posts, geometry);
        let mut form = match geometry {
            Geometry::Rows { .. } => Form::Rows,
            Geometry::Blocks(image) => image.form(),
        };
        let (mut reads, scratch, work) = match kind {
            GroupKind::Einsum => self.product(head, &mut posts),
            GroupKind::Pointwise { conv, einsum, image, x } => {
                self.pointwise(einsum, *conv, image, x, &mut posts)
            }
            GroupKind::Conv => self.convolution(head, posts.clone()),
            GroupKind::Norm { x, n, centre, eps } => {
                let x = self.need(x, Form::Rows);
                let norm = NormRows { n, centre, eps, posts: posts.clone() };
                (vec![x], 0, Work::Norm(Box::new(norm)))
            }
            GroupKind::Chain => self.elementwise(head, &posts, geometry),
            GroupKind::Integer(pending) => {
                let reads;
                let work;
                (reads, form, work) = self.integer_step(*pending, &posts);
                let scratch = work.scratch();
                (reads, scratch, Work::Integer(Box::new(work)))
            }
        };
        reads.extend(posts.iter().filter_map(PostSpec::read));
        let write = self.table.add(self.plan, last, form);
        self.push(nodes, reads, write, scratch, work);
    }

    fn elementwise(&mut self, head: usize, posts: &[PostSpec], geometry: Geometry) -> (Vec<Ref>, u64, Work) {
        let node = self.node(head);
        let whole = |id: &&u32| count(&self.node(**id as usize).dims) == count(&node.dims);
        let x = node.inputs.iter().find(whole).map_or(0, |&id| id as usize);
        let by_channel = posts.iter().any(|post| {
            matches!(
                post,
                PostSpec::Binary(_, PostSide::Columns(_)) | PostSpec::Reversed(_, PostSide::Columns(_))
            )
        });
        let (form, grid) = match geometry {
            Geometry::Rows { columns: 0 } => (Form::Rows, Shape::Rows { columns: count(&node.dims) }),
            Geometry::Rows { columns } => (Form::Rows, Shape::Rows { columns }),
            Geometry::Blocks(Image { channels, size }) => {
                let channels_used = if by_channel { channels } else { 0 };
                (Form::Blocks { channels, size }, Shape::Blocks { channels: channels_used, size })
            }
        };
        let x = self.need(x, form);
        (vec![x], 0, Work::Chain(Box::new(Chain { posts: posts.to_vec(), grid })))
    }

    /// A sum with one element for each column, when it comes first, is a bias.
    fn bias(posts: &mut Vec<PostSpec>) -> Option<Ref> {
        match posts.first() {
            Some(
                PostSpec::Binary(Binary::Add, PostSide::Columns(bias))
                | PostSpec::Reversed(Binary::Add, PostSide::Columns(bias)),
            ) => {
                let bias = *bias;
                posts.remove(0);
                Some(bias)
            }
            _ => None,
        }
    }

    fn product(&mut self, index: usize, posts: &mut Vec<PostSpec>) -> (Vec<Ref>, u64, Work) {
        let node = self.node(index);
        let Opcode::Einsum { a, b, out } = &node.op else { unreachable!("the head is an einsum") };
        let loops = einsum_loops(node, &self.operands(node), [a, b, out]);
        let columns = node.inputs[loops.column_operand()] as usize;
        let constant = self.constant(columns);
        let packed = constant.and_then(|_| Product::new(&loops, true));
        let found = packed.as_ref().map(|_| ()).and(constant);
        let Some((mut product, how)) = packed.or_else(|| Product::new(&loops, false)) else {
            unreachable!("the einsum was found to be products");
        };
        let mut reads = vec![self.need(node.inputs[loops.row_operand] as usize, Form::Rows)];
        match found {
            Some(constant) => product.source = Source::Packed(self.packs.add(constant, how)),
            None => reads.push(self.need(columns, Form::Rows)),
        }
        product.bias = Self::bias(posts);
        reads.extend(product.bias);
        product.posts = posts.clone();
        let scratch = product.scratch();
        (reads, scratch, Work::Product(Box::new(product)))
    }

    /// Where a constant's bytes are.
    pub(super) fn constant(&self, value: usize) -> Option<(u64, u64)> {
        let root = self.table.roots[value];
        match self.node(root.value).op {
            Opcode::Const { offset } => Some((offset + root.offset, bytes(self.node(value)))),
            _ => None,
        }
    }

    fn pointwise(
        &mut self,
        index: usize,
        conv: Conv,
        image: usize,
        value: usize,
        posts: &mut Vec<PostSpec>,
    ) -> (Vec<Ref>, u64, Work) {
        let node = self.node(index);
        let Some(tag) = self.tags[value] else { unreachable!("the operand is an image") };
        let x = self.need(value, tag.form());
        let weights = self.constant(node.inputs[1 - image] as usize);
        let weights = weights.unwrap_or_else(|| unreachable!("the rows are constant"));
        let weights = self.packs.add(weights, How::Conv(Box::new(conv.clone())));
        let bias = Self::bias(posts);
        let reads = [x].into_iter().chain(bias).collect();
        let images = count(&self.node(value).dims) / (tag.channels * tag.size);
        let scratch = conv.scratch_len() as u64 * 4;
        let step = Convolution { kind: Kind::Full(conv), weights, bias, posts: posts.clone(), images };
        (reads, scratch, Work::Conv(Box::new(step)))
    }

    fn convolution(&mut self, index: usize, posts: Vec<PostSpec>) -> (Vec<Ref>, u64, Work) {
        let node = self.node(index);
        let operands = self.operands(node);
        let value = node.inputs[0] as usize;
        let tag = self.tags[value];
        let Some(kernel) = conv_kernel(node, &operands, tag.is_some()) else {
            unreachable!("the convolution has a kernel");
        };
        let [images, channels] = [operands[0].dims[0] as usize, operands[0].dims[1] as usize];
        let own = Form::Blocks { channels, size: count(&operands[0].dims[2..]) };
        let full = matches!(kernel, Kernel::Full(_));
        let form = if full && reads_planes(channels, tag.is_some()) { Form::Rows } else { own };
        let x = self.need(value, form);
        let bias = self.need(node.inputs[2] as usize, Form::Rows);
        let weights = self.constant(node.inputs[1] as usize);
        let weights = weights.unwrap_or_else(|| unreachable!("weights are constant"));
        let (how, kind, scratch) = match kernel {
            Kernel::Full(conv) => {
                (How::Conv(Box::new(conv.clone())), Kind::Full(conv.clone()), conv.scratch_len())
            }
            Kernel::Depthwise(conv) => (How::Depthwise(conv), Kind::Depthwise(conv), 0),
        };
        let weights = self.packs.add(weights, how);
        let step = Convolution { kind, weights, bias: Some(bias), posts, images };
        (vec![x, bias], scratch as u64 * 4, Work::Conv(Box::new(step)))
    }
}
