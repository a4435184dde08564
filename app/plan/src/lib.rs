//! The plan: format, validator, prices, memory planning, executor.
//!
//! This crate decides what a compiled model is ([`Plan`]), which of them may run ([`Plan::validate`], the
//! security boundary), what a run costs ([`ValidPlan::units`]) and how it is run ([`Executable`]). It does
//! not know ONNX, the chain or the machine; it builds for wasm32-unknown-unknown, so that a browser can
//! re-run an inference.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod build;
mod contraction;
mod error;
mod exec;
mod format;
pub mod limits;
mod memory;
mod opcode;
mod price;
mod rules;
mod shape;
mod valid;
mod walk;

pub use assay_kernels::{Check as KernelCheck, Isa, selftest as kernel_selftest};
pub use build::{BuildError, PlanBuilder};
pub use error::PlanError;
pub use exec::{Executable, InputError, RunError};
pub use format::{CONST_ALIGN, Node, OPCODE_SET, Plan, ValueId};
pub use opcode::{Aggregate, BinaryOp, CompareOp, Divisor, Opcode, PadMode, Reducer, UnaryOp, Window};
pub use valid::ValidPlan;

#[cfg(test)]
mod tests;
