//! What a step sees while it runs: its operands, its result, its scratch.

use crate::buffer::{Buffer, Element, in_place};
use crate::program::{Pack, Place, Program, Ref, Step};
use assay_kernels::{Isa, any_below, keep_factors};
use assay_plan::Node;
use assay_plan::memory::ALIGN;
use assay_types::tensor::NamedTensor;
use std::borrow::Cow;
use std::sync::atomic::{AtomicU8, Ordering};

/// Everything that the steps of one run share.
pub(crate) struct Run<'a> {
    pub nodes: &'a [Node],
    pub program: &'a Program,
    /// Constants, as they are and packed.
    pub store: &'a [u8],
    pub inputs: &'a [NamedTensor],
    pub isa: Isa,
    /// Threads that a step may use.
    pub threads: usize,
    pub arena: Buffer,
    /// What was found of whole slots that were looked through: 0 if they were not, [`COUNTS`] or [`DOES_NOT`].
    pub looked: Vec<AtomicU8>,
}

/// All elements of a slot count as factors.
const COUNTS: u8 = 1;
/// Some do not.
const DOES_NOT: u8 = 2;

impl<'a> Run<'a> {
    /// Whether an element of a value does not count as a factor. A slot is written once, and looked through once.
    fn any_below(&self, part: Ref, elements: &[f32]) -> bool {
        if part.bytes != self.program.slots[part.slot].bytes {
            return any_below(self.isa, elements);
        }
        let looked = &self.looked[part.slot];
        let mut found = looked.load(Ordering::Relaxed);
        if found == 0 {
            found = if any_below(self.isa, elements) { DOES_NOT } else { COUNTS };
            looked.store(found, Ordering::Relaxed);
        }
        found == DOES_NOT
    }

    /// A step's view. Only one view may be used at a time, which [`crate::Executable::run`] sees to.
    pub(crate) fn view(&'a self, step: &'a Step) -> View<'a> {
        View { run: self, step, result_taken: false, scratch_taken: 0 }
    }

    /// The elements of a value that has been computed and is alive.
    #[allow(unsafe_code)]
    pub(crate) fn read<T: Element>(&'a self, part: Ref) -> &'a [T] {
        let elements = part.bytes as usize / size_of::<T>();
        match self.program.slots[part.slot].place {
            Place::Data(offset) => {
                let bytes = &self.store[(offset + part.offset) as usize..][..elements * size_of::<T>()];
                in_place(bytes).unwrap_or_else(|| unreachable!("the store is aligned for every element"))
            }
            // SAFETY: while a step runs, only its own result and scratch are written, and the program keeps
            // both apart from every living slot.
            Place::Arena(offset) => unsafe { self.arena.slice(offset + part.offset, elements) },
        }
    }
}

/// One step of a run. Its result can be taken once; each piece of scratch goes to one taker.
pub(crate) struct View<'a> {
    run: &'a Run<'a>,
    step: &'a Step,
    result_taken: bool,
    scratch_taken: u64,
}

impl<'a> View<'a> {
    pub(crate) fn isa(&self) -> Isa {
        self.run.isa
    }

    /// Threads that the step may use.
    pub(crate) fn threads(&self) -> usize {
        self.run.threads
    }

    pub(crate) fn run(&self) -> &'a Run<'a> {
        self.run
    }

    /// The node that the step computes; of several, the last.
    pub(crate) fn node(&self) -> &'a Node {
        &self.run.nodes[self.step.node()]
    }

    /// The node that defines an operand of the step's node.
    pub(crate) fn operand_node(&self, operand: usize) -> &'a Node {
        &self.run.nodes[self.node().inputs[operand] as usize]
    }

    /// The elements of what the step reads; for a step of one node, of its operands.
    pub(crate) fn operand<T: Element>(&self, operand: usize) -> &'a [T] {
        self.run.read(self.step.reads[operand])
    }

    /// The elements of an operand as factors of sums of products: as they are, or a copy without those that count as
    /// zero there.
    pub(crate) fn factors(&self, operand: usize) -> Cow<'a, [f32]> {
        let elements: &[f32] = self.operand(operand);
        let part = self.step.reads[operand];
        if self.run.program.slots[part.slot].counts || !self.run.any_below(part, elements) {
            return Cow::Borrowed(elements);
        }
        let mut copy = elements.to_vec();
        keep_factors(self.isa(), &mut copy);
        Cow::Owned(copy)
    }

    /// An input tensor of the run.
    pub(crate) fn input(&self, position: usize) -> &'a NamedTensor {
        &self.run.inputs[position]
    }

    /// Packed weights.
    pub(crate) fn packed(&self, pack: Pack) -> &'a [f32] {
        let bytes = &self.run.store[pack.offset as usize..][..pack.bytes as usize];
        in_place(bytes).unwrap_or_else(|| unreachable!("packed weights are aligned"))
    }

    /// The result's elements, once.
    #[allow(unsafe_code)]
    pub(crate) fn result<T: Element>(&mut self) -> &'a mut [T] {
        assert!(!std::mem::replace(&mut self.result_taken, true), "a result is taken once");
        let write = self.step.write;
        let Place::Arena(offset) = self.run.program.slots[write.slot].place else {
            unreachable!("only slots of the arena are computed");
        };
        // SAFETY: taken once, and the program keeps a result apart from operands, scratch and every living
        // slot.
        unsafe { self.run.arena.slice_mut(offset, write.bytes as usize / size_of::<T>()) }
    }

    /// The next `elements` of the step's scratch; what was taken before stays the taker's.
    #[allow(unsafe_code)]
    pub(crate) fn scratch<T: Element>(&mut self, elements: usize) -> &'a mut [T] {
        let offset = self.step.scratch_at + self.scratch_taken;
        let bytes = (elements * size_of::<T>()) as u64;
        self.scratch_taken += bytes.next_multiple_of(ALIGN);
        assert!(
            self.scratch_taken <= self.step.scratch.next_multiple_of(ALIGN),
            "scratch is larger than planned"
        );
        // SAFETY: each call gets bytes of its own inside the step's scratch, which the program keeps apart
        // from every living slot.
        unsafe { self.run.arena.slice_mut(offset, elements) }
    }
}
