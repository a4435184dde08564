//! The program's own table of values: where each is, in which form, and for how long.
//!
//! A plan's value is row-major. A program may hold it in blocks of 16 channels instead, or in both forms;
//! each form that is needed is a *slot*. Slots of constants are in the store, all others in the arena, from
//! the step that writes them to the last that reads them; scratch lives as long as its step. Reshapes and
//! slices that leave their elements side by side have no storage: they are parts of another value's slot.

use crate::constants::Constants;
use crate::outline::Outline;
use assay_plan::Opcode;
use assay_plan::memory::{ALIGN, Arena};
use assay_plan::shape::{bytes, count, part};
use assay_types::tensor::DType;
use std::collections::BTreeMap;

/// Channels of a block.
pub(crate) const BLOCK: usize = 16;

/// How a value's elements lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Form {
    /// As the plan has them.
    Rows,
    /// Images of `channels` planes of `size` elements, in blocks of 16 channels.
    Blocks { channels: usize, size: usize },
    /// Images of bytes, `size` positions of `channels` elements.
    Last { channels: usize, size: usize },
}

/// Where a slot is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// At this offset of the store of constants.
    Data(u64),
    /// At this offset of the run's arena.
    Arena(u64),
}

/// Part of a slot: what a step reads or writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ref {
    pub slot: usize,
    /// Bytes from the slot's start.
    pub offset: u64,
    /// Bytes.
    pub bytes: u64,
}

/// One form of one value.
#[derive(Debug, Clone)]
pub(crate) struct Slot {
    pub place: Place,
    pub bytes: u64,
    /// Whether all elements count as factors of products, by the opcode that gives them.
    pub counts: bool,
}

/// The value whose storage another is part of, and from which byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Root {
    pub value: usize,
    pub offset: u64,
}

/// The table while a program is built.
#[derive(Debug)]
pub(crate) struct Table {
    pub slots: Vec<Slot>,
    pub roots: Vec<Root>,
    forms: BTreeMap<(usize, Form), usize>,
    counts: Vec<bool>,
}

impl Table {
    pub(crate) fn new(plan: &Outline, constants: &Constants<'_>) -> Self {
        let mut roots: Vec<Root> = Vec::with_capacity(plan.nodes.len());
        for (value, node) in plan.nodes.iter().enumerate() {
            let own = Root { value, offset: 0 };
            let root = node.inputs.first().and_then(|&input| {
                let x = &plan.nodes[input as usize];
                let from = roots[input as usize];
                let start = part(node, x)? * x.dtype.size();
                Some(Root { value: from.value, offset: from.offset + start as u64 })
            });
            roots.push(root.unwrap_or(own));
        }
        Self {
            slots: Vec::new(),
            roots,
            forms: BTreeMap::new(),
            counts: super::factors::counts(plan, constants),
        }
    }

    /// Whether a value's storage is its own or all of another's, so that it can be in blocks.
    pub(crate) fn is_whole(&self, plan: &Outline, value: usize) -> bool {
        let root = self.roots[value];
        root.offset == 0 && count(&plan.nodes[root.value].dims) == count(&plan.nodes[value].dims)
    }

    /// The form under which a slot is found: one image of planes of one element lies the same in both. A
    /// constant does not, for its last block is not filled up.
    fn normal(&self, plan: &Outline, value: usize, form: Form) -> Form {
        if let Form::Last { size: 1, .. } | Form::Last { channels: 1, .. } = form {
            return Form::Rows;
        }
        let Form::Blocks { channels, size: 1 } = form else { return form };
        let constant = matches!(plan.nodes[self.roots[value].value].op, Opcode::Const { .. });
        let alone = count(&plan.nodes[value].dims) == channels && self.is_whole(plan, value);
        if alone && !constant { Form::Rows } else { form }
    }

    /// The value under which a form is found: blocks of part of a value are its own.
    fn key(&self, plan: &Outline, value: usize, form: Form) -> (usize, Form) {
        let root = self.roots[value].value;
        let shared = form == Form::Rows || self.is_whole(plan, value);
        (if shared { root } else { value }, form)
    }

    /// Where a value is in its slot, and its bytes there.
    fn part(&self, plan: &Outline, slot: usize, value: usize, form: Form) -> Ref {
        match form {
            Form::Rows => Ref { slot, offset: self.roots[value].offset, bytes: bytes(&plan.nodes[value]) },
            Form::Blocks { .. } | Form::Last { .. } => Ref { slot, offset: 0, bytes: self.slots[slot].bytes },
        }
    }

    /// The slot of a form, if there is one.
    pub(crate) fn find(&self, plan: &Outline, value: usize, form: Form) -> Option<Ref> {
        let normal = self.normal(plan, value, form);
        let slot = *self.forms.get(&self.key(plan, value, normal))?;
        let mut part = self.part(plan, slot, value, normal);
        if let (Form::Blocks { channels, size }, Place::Arena(_)) = (form, self.slots[slot].place) {
            // One image of planes of one element, found among rows: its slot has room for the whole block.
            part.bytes = blocks_bytes(count(&plan.nodes[value].dims), channels, size);
        }
        Some(part)
    }

    /// A form of all of a value's root that is not rows, if there is one.
    pub(crate) fn blocks_of(&self, value: usize) -> Option<Form> {
        let root = self.roots[value].value;
        let mut forms = self.forms.range((root, Form::Rows)..).take_while(|(key, _)| key.0 == root);
        forms.find_map(|((_, form), _)| (*form != Form::Rows).then_some(*form))
    }

    /// A new slot in the arena for a value in a form; for rows of part of a value, for all of it.
    pub(crate) fn add(&mut self, plan: &Outline, value: usize, form: Form) -> Ref {
        let normal = self.normal(plan, value, form);
        let key = self.key(plan, value, normal);
        let elements = count(&plan.nodes[key.0].dims);
        let bytes = match form {
            Form::Rows | Form::Last { .. } => bytes(&plan.nodes[key.0]),
            Form::Blocks { channels, size } => blocks_bytes(elements, channels, size),
        };
        let counts = self.counts[key.0];
        self.slots.push(Slot { place: Place::Arena(0), bytes, counts });
        let slot = self.slots.len() - 1;
        self.forms.insert(key, slot);
        let mut part = self.part(plan, slot, value, normal);
        if let Form::Blocks { .. } = form {
            part.bytes = bytes;
        }
        part
    }

    /// The slot of a constant, which is at this offset of the store.
    pub(crate) fn add_constant(&mut self, plan: &Outline, value: usize, offset: u64) {
        let bytes = bytes(&plan.nodes[value]);
        self.slots.push(Slot { place: Place::Data(offset), bytes, counts: false });
        self.forms.insert((value, Form::Rows), self.slots.len() - 1);
    }
}

/// Bytes of a value of so many f32 in blocks.
pub(crate) fn blocks_bytes(elements: usize, channels: usize, size: usize) -> u64 {
    let images = (elements / (channels * size)) as u64;
    images * (channels.div_ceil(BLOCK) * BLOCK) as u64 * size as u64 * DType::F32.size() as u64
}

/// What a step needs of the arena.
pub(crate) struct Use<'a> {
    pub reads: &'a [Ref],
    pub write: Option<Ref>,
    pub scratch: u64,
}

/// Places slots and scratch in an arena. Returns the offset of each step's scratch, and the arena's size.
pub(crate) fn place(slots: &mut [Slot], steps: &[Use<'_>], outputs: &[Ref]) -> (Vec<u64>, u64) {
    let round = |bytes: u64| bytes.next_multiple_of(ALIGN);
    let mut last: Vec<Option<usize>> = vec![None; slots.len()];
    for (at, step) in steps.iter().enumerate() {
        for part in step.reads.iter().chain(&step.write) {
            last[part.slot] = Some(at);
        }
    }
    for output in outputs {
        last[output.slot] = None;
    }
    let mut expiring: Vec<Vec<usize>> = vec![Vec::new(); steps.len()];
    for (slot, last) in last.into_iter().enumerate() {
        if let (Some(at), Place::Arena(_)) = (last, slots[slot].place) {
            expiring[at].push(slot);
        }
    }
    let mut arena = Arena::default();
    let mut scratch = Vec::with_capacity(steps.len());
    for (at, step) in steps.iter().enumerate() {
        if let Some(write) = step.write {
            let offset = arena.take(round(slots[write.slot].bytes));
            slots[write.slot].place = Place::Arena(offset);
        }
        let size = round(step.scratch);
        let offset = if size > 0 { arena.take(size) } else { 0 };
        scratch.push(offset);
        if size > 0 {
            arena.give(offset, size);
        }
        for &slot in &expiring[at] {
            if let Place::Arena(offset) = slots[slot].place {
                arena.give(offset, round(slots[slot].bytes));
            }
        }
    }
    (scratch, arena.top())
}
