//! Steps on bytes: products and convolutions of quantised tensors with what becomes of their sums, and what
//! stands between them.
//!
//! Images of bytes are held with their channels last (see [`Form::Last`](super::table::Form)), which is also
//! how the rows of a matrix lie; so a pointwise convolution and a product with constant columns are one kind
//! of step. Everything else about a step (weights, zero points, multipliers) must be constant, but for the
//! zero point and the scale of a product's activations, which may be computed: a node of another kind runs by
//! its generic body. Weights are packed when the plan is loaded and kept with the step.

mod between;
mod build;
mod depthwise;
mod elementwise;
mod find;
mod product;
mod windows;

use crate::constants::Constants;
use crate::view::View;
use assay_kernels::{Isa, scale};
pub(super) use build::Pending;
use depthwise::DepthwiseStep;
pub(super) use elementwise::Last;
use elementwise::{Change, Lookup, Mapped, Pair, Sample, Sums, Window};
pub(super) use product::Product;
use std::borrow::Cow;

/// What an integer step does.
#[derive(Debug)]
pub(crate) enum Integer {
    Product(Product),
    Depthwise(DepthwiseStep),
    Pair(Pair),
    Mapped(Mapped),
    Sample(Sample),
    Sums(Sums),
    Change(Change),
    Lookup(Lookup),
    Window(Window),
    Last(Last),
}

impl Integer {
    /// Packs what is constant.
    pub(crate) fn prepare(&mut self, isa: Isa, constants: &Constants<'_>) {
        match self {
            Integer::Product(product) => product.prepare(isa, constants),
            Integer::Depthwise(depthwise) => depthwise.prepare(isa, constants),
            Integer::Mapped(mapped) => mapped.prepare(isa, constants),
            _ => {}
        }
    }

    /// Bytes of packed constants, those apart that an instruction set asks for besides.
    pub(crate) fn kept(&self) -> u64 {
        match self {
            Integer::Product(product) => product.packed(),
            Integer::Depthwise(depthwise) => depthwise.packed(),
            _ => 0,
        }
    }

    /// Bytes of scratch.
    pub(crate) fn scratch(&self) -> u64 {
        match self {
            Integer::Product(product) => product.scratch(),
            Integer::Sums(sums) => sums.scratch(),
            _ => 0,
        }
    }

    /// A name for people, of a step that computes no node.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Integer::Last(Last { back: true, .. }) => "(channels back)",
            _ => "(channels last)",
        }
    }

    pub(crate) fn run(&self, view: &mut View<'_>) {
        match self {
            Integer::Product(product) => product.run(view),
            Integer::Depthwise(depthwise) => depthwise.run(view),
            Integer::Pair(pair) => pair.run(view),
            Integer::Mapped(mapped) => mapped.run(view),
            Integer::Sample(sample) => sample.run(view),
            Integer::Sums(sums) => sums.run(view),
            Integer::Change(change) => change.run(view),
            Integer::Lookup(lookup) => lookup.run(view),
            Integer::Window(window) => window.run(view),
            Integer::Last(last) => last.run(view),
        }
    }
}

/// A constant of the plan: where its bytes are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Constant {
    pub start: u64,
    pub bytes: u64,
}

impl Constant {
    pub(crate) fn of<'a>(self, constants: &Constants<'a>) -> Cow<'a, [u8]> {
        constants.bytes((self.start, self.bytes))
    }

    /// Scales of integers.
    pub(crate) fn scales(self, constants: &Constants<'_>) -> Vec<f32> {
        self.of(constants).as_chunks().0.iter().map(|&word| scale(f32::from_le_bytes(word))).collect()
    }

    pub(crate) fn i32s(self, constants: &Constants<'_>) -> Vec<i32> {
        self.of(constants).as_chunks().0.iter().map(|&word| i32::from_le_bytes(word)).collect()
    }

    /// Bytes as the integers that they stand for.
    pub(crate) fn integers(self, signed: bool, constants: &Constants<'_>) -> Vec<i32> {
        self.of(constants).iter().map(|&byte| integer(signed, byte)).collect()
    }
}

/// What a byte stands for.
pub(crate) fn integer(signed: bool, byte: u8) -> i32 {
    if signed { i32::from(byte as i8) } else { i32::from(byte) }
}

/// A list for `columns` columns of one element for all or one for each, in lines of 16.
fn lines<T: Copy + Default>(list: &[T], columns: usize) -> Vec<[T; 16]> {
    let at = |column: usize| if list.len() == 1 { list[0] } else { list[column] };
    let line = |first: usize| {
        std::array::from_fn(|i| if first + i < columns { at(first + i) } else { T::default() })
    };
    (0..columns).step_by(16).map(line).collect()
}
