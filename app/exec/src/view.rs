//! What a node sees while it runs: its operands, its result, its scratch.

use crate::buffer::{Buffer, Element, in_place};
use assay_kernels::Isa;
use assay_plan::memory::{Layout, Place};
use assay_plan::shape::count;
use assay_plan::{Node, Plan};
use assay_types::tensor::NamedTensor;

/// Everything that the nodes of one run share.
pub(crate) struct Run<'a> {
    pub plan: &'a Plan,
    pub layout: &'a Layout,
    /// The plan's data, aligned.
    pub data: &'a [u8],
    pub packs: &'a [Buffer],
    pub inputs: &'a [NamedTensor],
    pub isa: Isa,
    pub arena: Buffer,
}

/// One node of a run. Its result and its scratch can be taken once each.
pub(crate) struct View<'a> {
    run: &'a Run<'a>,
    index: usize,
    result_taken: bool,
    scratch_taken: u64,
}

impl<'a> Run<'a> {
    /// A node's view. Only one view may be used at a time, which [`crate::Executable::run`] sees to.
    pub(crate) fn view(&'a self, index: usize) -> View<'a> {
        View { run: self, index, result_taken: false, scratch_taken: 0 }
    }

    /// The elements of a value that has been computed and is alive.
    #[allow(unsafe_code)]
    pub(crate) fn value<T: Element>(&'a self, id: usize) -> &'a [T] {
        let node = &self.plan.nodes[id];
        let elements = elements::<T>(node);
        match self.layout.places[id] {
            Place::Data(offset) => {
                let bytes = &self.data[offset as usize..][..elements * size_of::<T>()];
                in_place(bytes).unwrap_or_else(|| unreachable!("data is aligned for every element"))
            }
            // SAFETY: while a node runs, only its own result and scratch are written, and the layout keeps
            // both apart from every living value.
            Place::Arena(offset) => unsafe { self.arena.slice(offset, elements) },
        }
    }
}

/// The elements of a node's value, seen as elements of T.
fn elements<T>(node: &Node) -> usize {
    count(&node.dims) * node.dtype.size() / size_of::<T>()
}

impl<'a> View<'a> {
    pub(crate) fn isa(&self) -> Isa {
        self.run.isa
    }

    pub(crate) fn node(&self) -> &'a Node {
        &self.run.plan.nodes[self.index]
    }

    /// The node that defines an operand.
    pub(crate) fn operand_node(&self, operand: usize) -> &'a Node {
        &self.run.plan.nodes[self.node().inputs[operand] as usize]
    }

    /// An operand's elements.
    pub(crate) fn operand<T: Element>(&self, operand: usize) -> &'a [T] {
        self.run.value(self.node().inputs[operand] as usize)
    }

    /// An input tensor of the run.
    pub(crate) fn input(&self, position: usize) -> &'a NamedTensor {
        &self.run.inputs[position]
    }

    /// The columns packed for this node when the plan was loaded.
    #[allow(unsafe_code)]
    pub(crate) fn packed<T: Element>(&self) -> Option<&'a [T]> {
        let pack = *self.run.layout.pack_of.get(&self.index)?;
        let bytes = self.run.layout.packs[pack].bytes as usize;
        // SAFETY: packs are not written after the plan was loaded.
        Some(unsafe { self.run.packs[pack].slice(0, bytes / size_of::<T>()) })
    }

    /// The result's elements, once.
    #[allow(unsafe_code)]
    pub(crate) fn result<T: Element>(&mut self) -> &'a mut [T] {
        assert!(!std::mem::replace(&mut self.result_taken, true), "a result is taken once");
        let Place::Arena(offset) = self.run.layout.places[self.index] else {
            unreachable!("only values of the arena are computed");
        };
        // SAFETY: taken once, and the layout keeps a result apart from operands, scratch and every living
        // value.
        unsafe { self.run.arena.slice_mut(offset, elements::<T>(self.node())) }
    }

    /// The next `elements` of the node's scratch; what was taken before stays the taker's.
    #[allow(unsafe_code)]
    pub(crate) fn scratch<T: Element>(&mut self, elements: usize) -> &'a mut [T] {
        let offset = self.run.layout.scratch[self.index] + self.scratch_taken;
        let bytes = (elements * size_of::<T>()) as u64;
        self.scratch_taken += bytes.next_multiple_of(assay_plan::memory::ALIGN);
        assert!(
            self.scratch_taken <= self.run.layout.scratch_bytes[self.index],
            "scratch is larger than planned"
        );
        // SAFETY: each call gets bytes of its own inside the node's scratch, which the layout keeps apart
        // from every living value.
        unsafe { self.run.arena.slice_mut(offset, elements) }
    }
}
