//! ONNX bytes to a validated plan: checks before the sandbox, the sandbox, its caches.
//!
//! This crate decides what a model file compiles to: [`admission`] refuses by name what need not reach the
//! compiler, [`Compiler`] runs the compiler blob in wasmtime, and whatever the blob wrote is only believed
//! once [`Plan::validate`](assay_plan::Plan::validate) has accepted it. The answer is a function of the blob,
//! the file, the shapes and the fuel, on every machine; a machine that cannot give it says so with a
//! [`HostError`], which is never an answer. The crate knows neither the chain nor what a model is for. It is
//! the only one that names wasmtime.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

pub mod admission;
mod code_cache;
mod error;
mod files;
mod guest;
mod host;
mod imports;
pub mod pack;
mod plan_cache;

pub use error::{HostError, Refusal};
pub use host::{Compilation, Compiler};
pub use plan_cache::PlanCache;
