//! Running a valid plan.
//!
//! An [`Executable`] is a plan made ready once: its [`outline`] turned into a [`program`] of steps, its
//! constants packed in a [`store`]; an [`image`] of both on disk makes it ready again without the plan. A run
//! takes an arena of its own, does the steps in order, and copies the outputs out, making every NaN the
//! canonical one: the only place where that happens. Nothing here may change a bit that the opcodes fix; layout
//! and order of work are free. It builds for wasm32-unknown-unknown, so that a browser can re-run an inference.
//!
//! A new opcode gets a body in the module of its noun and an arm in [`step`]: `Step::Plain` and an arm in
//! `plain` when everything follows from the node, a variant of `Step` when something can be worked out once.
//! A body takes its operands, result and scratch from a [`view::View`]; scratch must be announced in
//! `assay_plan::memory::scratch_bytes`, for it is part of the peak.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod along;
mod buffer;
mod cast;
mod constants;
mod conv;
mod einsum;
mod elementwise;
mod executable;
#[cfg(not(target_family = "wasm"))]
mod image;
mod input;
mod integer;
mod load;
mod movement;
mod outline;
mod program;
mod quant;
mod rows;
mod scatter;
mod step;
mod store;
mod threads;
mod trees;
pub mod vector;
mod view;

pub use assay_kernels::{Check as KernelCheck, Isa, selftest as kernel_selftest};
pub use executable::{Executable, RunError, StepTime};
pub use input::InputError;

#[cfg(test)]
mod tests;
