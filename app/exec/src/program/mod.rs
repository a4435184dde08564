//! A program: what a plan is turned into, once, before the first run.
//!
//! A plan says what is computed, node by node; a program says how. Its steps compute one node or several at
//! once: a contraction with what is added and clipped after it, a normalisation in one pass, a chain of
//! elementwise nodes while they are in the cache. Every step keeps the plan's order of roundings and of
//! operands, so that no bit depends on the program.
//!
//! - [`table`] holds the values: their forms (row-major, or blocks of 16 channels for images), their places.
//! - [`tags`] decides which values are images in blocks.
//! - [`heads`] finds the nodes that steps begin with.
//! - [`fuse`] finds the nodes that a step takes along.
//! - [`build`] puts steps together, converts values between forms where they must be, packs constants.
//! - [`product`], [`image`], [`rows`] and [`integer`] are the steps that are more than one node's generic body.
//!
//! A node that none of these knows runs as its generic step (see [`crate::step`]), on row-major values. A
//! family of fused steps, such as integer contractions with their requantisation, is added as a module like
//! [`product`]: a function that takes the builder and the head node and either claims nodes and pushes a
//! step, or leaves everything as it was; a variant of [`Work`]; an arm where [`build`] asks the families in
//! turn; and a way to pack in [`pack`]. A node is claimed by one step only.
//!
//! The arena is the program's own. When blocks and packed weights would take much more memory than the plan's
//! bound says, the program is a plain one: generic steps only.

mod build;
mod factors;
mod fuse;
mod heads;
mod image;
mod integer;
mod pack;
mod posts;
mod product;
mod rows;
mod table;
mod tags;

use crate::constants::Constants;
use crate::executable::Failed;
use crate::step;
use crate::threads::all;
use crate::view::View;
pub(crate) use pack::{Pack, PackJob, write_packs};
pub(crate) use table::{Place, Ref, Slot};

/// What a step does.
#[derive(Debug)]
pub(crate) enum Work {
    /// One node, by its generic body.
    Node(step::Step),
    Product(Box<product::Product>),
    Conv(Box<image::Convolution>),
    Pool(Box<image::BlockPool>),
    Fold(image::BlockFold),
    Concat,
    Convert(image::Convert),
    Norm(Box<rows::NormRows>),
    Softmax(usize),
    Chain(Box<rows::Chain>),
    Integer(Box<integer::Integer>),
}

/// One step of a program.
#[derive(Debug)]
pub(crate) struct Step {
    /// The nodes of the plan that it computes, the last one its result; none for a conversion.
    pub nodes: Vec<u32>,
    pub reads: Vec<Ref>,
    pub write: Ref,
    /// Bytes of scratch, and where they are.
    pub scratch: u64,
    pub scratch_at: u64,
    pub work: Work,
}

impl Step {
    /// The node whose value the step leaves.
    pub(crate) fn node(&self) -> usize {
        self.nodes.last().map_or(0, |&node| node as usize)
    }

    pub(crate) fn run(&self, view: &mut View<'_>) -> Result<(), Failed> {
        match &self.work {
            Work::Node(step) => step.run(view)?,
            Work::Product(product) => product.run(view),
            Work::Conv(convolution) => convolution.run(view),
            Work::Pool(pool) => pool.run(view),
            Work::Fold(fold) => fold.run(view),
            Work::Concat => image::concat(view, self.reads.len()),
            Work::Convert(convert) => convert.run(view),
            Work::Norm(norm) => norm.run(view),
            Work::Softmax(n) => rows::softmax(view, *n),
            Work::Chain(chain) => chain.run(view),
            Work::Integer(integer) => integer.run(view),
        }
        Ok(())
    }

    /// Bytes of what the step keeps of constants itself, as far as that is known before it does.
    pub(crate) fn kept(&self) -> u64 {
        match &self.work {
            Work::Integer(integer) => integer.kept(),
            _ => 0,
        }
    }

    /// What the step does, for people; the first word is the kind.
    pub(crate) fn name(&self, nodes: &[assay_plan::Node]) -> String {
        match &self.work {
            Work::Convert(convert) => convert.name().to_owned(),
            Work::Integer(integer) if self.nodes.is_empty() => integer.name().to_owned(),
            _ => {
                let mut name = String::new();
                for &node in &self.nodes {
                    let op = nodes[node as usize].op.name();
                    name = if name.is_empty() { op.to_owned() } else { format!("{name} {op}") };
                }
                name
            }
        }
    }
}

impl Program {
    /// A digest of what the store holds where.
    pub(crate) fn arrangement(&self) -> [u8; 32] {
        pack::digest(&self.packs)
    }

    /// Makes ready what steps keep of constants themselves.
    pub(crate) fn prepare<'a>(&'a mut self, isa: assay_kernels::Isa, constants: &Constants<'_>) {
        let integer = |step: &'a mut Step| match &mut step.work {
            Work::Integer(integer) => Some(integer),
            _ => None,
        };
        all(self.steps.iter_mut().filter_map(integer).collect(), |step| step.prepare(isa, constants));
    }
}

/// A plan's steps and the memory that they run in.
#[derive(Debug, Default)]
pub(crate) struct Program {
    pub steps: Vec<Step>,
    pub slots: Vec<Slot>,
    /// Where the plan's outputs are.
    pub outputs: Vec<Ref>,
    pub arena_bytes: u64,
    /// What is put into the store of constants when the plan is loaded.
    pub packs: Vec<PackJob>,
    pub store_bytes: u64,
}
