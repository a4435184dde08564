//! Where every value of a run lives, decided once, before the first run.
//!
//! A value takes storage from its node until its last use; an arena offset is the best fit among the free
//! blocks, the lowest on a tie. A Reshape shares its operand's storage. Constants are used where they are in
//! the plan, but for those that are columns of an einsum: these are packed beforehand, once for all nodes
//! that want the same packing.
//!
//! The layout is a function of the plan alone, and so is the peak, which is part of the model's record: this
//! module is consensus, and a golden test pins it. It does not allocate anything itself.

use crate::contraction::{Contraction, PANEL, conv_depth, conv_panels, pack_key};
use crate::format::{Node, Plan};
use crate::opcode::Opcode;
use crate::shape::{bytes, count, keeps_order, reduced_last};
use std::collections::BTreeMap;

/// Bytes to which every value and scratch area is aligned.
pub const ALIGN: u64 = 64;

/// Where a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// At this offset of the plan's data.
    Data(u64),
    /// At this offset of the run's arena.
    Arena(u64),
}

/// Columns of an einsum that are packed when the plan is loaded.
#[derive(Debug, Clone)]
pub struct Pack {
    /// The constant.
    pub offset: u64,
    /// The first node that uses it.
    pub node: usize,
    /// Its size.
    pub bytes: u64,
}

/// The memory of a run.
#[derive(Debug, Clone, Default)]
pub struct Layout {
    /// One place per value.
    pub places: Vec<Place>,
    /// Offset of each node's scratch in the arena; meaningless for nodes without.
    pub scratch: Vec<u64>,
    /// Bytes of each node's scratch.
    pub scratch_bytes: Vec<u64>,
    /// What is packed.
    pub packs: Vec<Pack>,
    /// Which pack a node uses.
    pub pack_of: BTreeMap<usize, usize>,
    /// Bytes of the arena.
    pub arena_bytes: u64,
}

/// Bytes of scratch that a node needs while it runs.
pub fn scratch_bytes(node: &Node, operands: &[&Node], packed: bool) -> u64 {
    match &node.op {
        Opcode::Einsum { a, b, out } => {
            let loops = einsum_loops(node, operands, [a, b, out]);
            let panels = if packed { 0 } else { round(loops.panel_bytes()) };
            panels.saturating_add(round(loops.row_bytes()))
        }
        Opcode::Conv2d { .. } => {
            let depth = conv_depth(&operands[1].dims);
            let panels = conv_panels(depth, count(&node.dims[2..]));
            (panels as u64).saturating_mul(depth as u64).saturating_mul(4 * PANEL as u64)
        }
        Opcode::Softmax { axes }
        | Opcode::LogSoftmax { axes }
        | Opcode::RmsNorm { axes, .. }
        | Opcode::Reduce { axes, .. } => {
            let dims = &operands[0].dims;
            let in_place = keeps_order(dims, &reduced_last(dims.len(), axes));
            if in_place { 0 } else { bytes(operands[0]) }
        }
        Opcode::TreeEnsemble { classes, .. } => u64::from(*classes),
        // A key of 16 bytes for each element of a row.
        Opcode::TopK { axis, .. } => 16 * u64::from(operands[0].dims[*axis as usize]),
        Opcode::Couple { classes } => u64::from(*classes) * (u64::from(*classes) + 1) * 4,
        _ => 0,
    }
}

/// The loops of an einsum node.
pub fn einsum_loops(node: &Node, operands: &[&Node], [a, b, out]: [&[u8]; 3]) -> Contraction {
    Contraction::new((a, &operands[0].dims), (b, &operands[1].dims), (out, &node.dims))
}

fn round(bytes: u64) -> u64 {
    bytes.checked_next_multiple_of(ALIGN).unwrap_or(u64::MAX)
}

/// Lays a checked plan out.
pub fn layout(plan: &Plan) -> Layout {
    let nodes = &plan.nodes;
    let owners = owners(nodes);
    let (packs, pack_of) = packs(nodes, &owners);
    let expiring = expiring(plan, &owners);
    let mut layout = Layout { packs, pack_of, ..Layout::default() };
    let mut arena = Arena::default();
    for (index, node) in nodes.iter().enumerate() {
        let operands: Vec<&Node> = node.inputs.iter().map(|&input| &nodes[input as usize]).collect();
        let place = match node.op {
            Opcode::Const { offset } => Place::Data(offset),
            Opcode::Reshape => layout.places[owners[index]],
            _ => Place::Arena(arena.take(round(bytes(node)))),
        };
        layout.places.push(place);
        let scratch = round(scratch_bytes(node, &operands, layout.pack_of.contains_key(&index)));
        let offset = if scratch > 0 { arena.take(scratch) } else { 0 };
        layout.scratch.push(offset);
        layout.scratch_bytes.push(scratch);
        if scratch > 0 {
            arena.give(offset, scratch);
        }
        for &gone in &expiring[index] {
            if let Place::Arena(offset) = layout.places[gone] {
                arena.give(offset, round(bytes(&nodes[gone])));
            }
        }
    }
    layout.arena_bytes = arena.top;
    layout
}

/// The value whose storage each value uses: its own, or, for a Reshape, its operand's.
fn owners(nodes: &[Node]) -> Vec<usize> {
    let mut owners: Vec<usize> = Vec::with_capacity(nodes.len());
    for (index, node) in nodes.iter().enumerate() {
        let owner = if node.op == Opcode::Reshape { owners[node.inputs[0] as usize] } else { index };
        owners.push(owner);
    }
    owners
}

/// For each node, the values whose storage is free once it has run.
fn expiring(plan: &Plan, owners: &[usize]) -> Vec<Vec<usize>> {
    let mut last: Vec<Option<usize>> = owners.iter().enumerate().map(|(at, _)| Some(at)).collect();
    for (index, node) in plan.nodes.iter().enumerate() {
        for &input in &node.inputs {
            last[owners[input as usize]] = Some(index);
        }
        if owners[index] != index {
            last[owners[index]] = Some(index);
        }
    }
    for &(_, output) in &plan.outputs {
        last[owners[output as usize]] = None;
    }
    let mut expiring = vec![Vec::new(); owners.len()];
    for (value, last) in last.into_iter().enumerate() {
        if let (Some(last), true) = (last, owners[value] == value) {
            expiring[last].push(value);
        }
    }
    expiring
}

/// The constant columns of einsums, each distinct packing once.
fn packs(nodes: &[Node], owners: &[usize]) -> (Vec<Pack>, BTreeMap<usize, usize>) {
    let mut known = BTreeMap::new();
    let (mut packs, mut pack_of) = (Vec::new(), BTreeMap::new());
    for (index, node) in nodes.iter().enumerate() {
        let Opcode::Einsum { a, b, out } = &node.op else { continue };
        let operands: Vec<&Node> = node.inputs.iter().map(|&input| &nodes[input as usize]).collect();
        let loops = einsum_loops(node, &operands, [a, b, out]);
        let owner = owners[node.inputs[loops.column_operand()] as usize];
        let Opcode::Const { offset } = nodes[owner].op else { continue };
        if !loops.columns_are_shared() {
            continue;
        }
        let next = packs.len();
        let pack = *known.entry((offset, pack_key(&loops))).or_insert(next);
        if pack == next {
            packs.push(Pack { offset, node: index, bytes: loops.panel_bytes() });
        }
        pack_of.insert(index, pack);
    }
    (packs, pack_of)
}

/// Free blocks below a growing top.
#[derive(Debug, Default)]
pub struct Arena {
    by_offset: BTreeMap<u64, u64>,
    by_size: BTreeMap<(u64, u64), ()>,
    top: u64,
}

impl Arena {
    fn remove(&mut self, offset: u64, size: u64) {
        self.by_offset.remove(&offset);
        self.by_size.remove(&(size, offset));
    }

    fn insert(&mut self, offset: u64, size: u64) {
        self.by_offset.insert(offset, size);
        self.by_size.insert((size, offset), ());
    }

    /// The bytes that were needed so far.
    pub fn top(&self) -> u64 {
        self.top
    }

    /// A block of `size` bytes: the smallest free one that is large enough, or new ones at the top.
    pub fn take(&mut self, size: u64) -> u64 {
        let best = self.by_size.range((size, 0)..).next().map(|(&block, ())| block);
        if let Some((found, offset)) = best {
            self.remove(offset, found);
            if found > size {
                self.insert(offset + size, found - size);
            }
            return offset;
        }
        // The last free block may reach the top: it is part of what is needed.
        let last = self.by_offset.last_key_value().map(|(&offset, &size)| (offset, size));
        let offset = match last {
            Some((offset, free)) if offset + free == self.top => {
                self.remove(offset, free);
                offset
            }
            _ => self.top,
        };
        self.top = offset.saturating_add(size);
        offset
    }

    /// Returns a block, joined with its free neighbours.
    pub fn give(&mut self, mut offset: u64, mut size: u64) {
        let before = self.by_offset.range(..offset).next_back().map(|(&offset, &size)| (offset, size));
        if let Some((start, len)) = before.filter(|(start, len)| start + len == offset) {
            self.remove(start, len);
            offset = start;
            size += len;
        }
        if let Some(&len) = self.by_offset.get(&(offset + size)) {
            self.remove(offset + size, len);
            size += len;
        }
        self.insert(offset, size);
    }
}
