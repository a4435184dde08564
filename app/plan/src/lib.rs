//! The plan: format, validator, prices, the memory bound.
//!
//! This crate decides what a compiled model is ([`Plan`]), which of them may run ([`Plan::validate`], the
//! security boundary) and what a run costs ([`ValidPlan::units`], [`ValidPlan::peak_bytes`]). It does not
//! know ONNX, the chain, the machine or the kernels; the compiler's blob links it, so nothing that only makes
//! runs faster belongs here. It builds for wasm32-unknown-unknown.
//!
//! [`contraction`], [`integer`], [`walk`], [`shape`] and [`memory`] are what the law of prices says about shapes; they
//! are public because whoever runs a plan needs the same arithmetic.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod build;
pub mod contraction;
mod error;
mod format;
mod functions;
pub mod integer;
pub mod limits;
pub mod memory;
mod opcode;
mod price;
mod rules;
pub mod shape;
mod valid;
pub mod walk;

pub use build::{BuildError, PlanBuilder};
pub use error::PlanError;
pub use format::{CONST_ALIGN, Node, OPCODE_SET, Plan, ValueId};
pub use opcode::{
    Aggregate, BinaryOp, CompareOp, Divisor, MAX_COUPLED, Opcode, PadMode, Reducer, Scatter, UnaryOp, Window,
};
pub use price::{PRICES, depthwise_by_rows, integer_product};
pub use rules::{LAST_COMPARISON, LEAF, NAN_IS_TRUE, Rule, TableBudget, result_dims};
pub use valid::ValidPlan;

#[cfg(test)]
mod tests;
