//! The compiler blob: ONNX bytes to the bytes of a plan.
//!
//! tract parses the file, infers shapes, folds constants and simplifies the graph; [`lower`] writes each node
//! that is left as opcodes of a plan. The bytes of this crate's WebAssembly are chain state, so what a model
//! compiles to is decided here once for all machines: nothing outside (the compiler that built the blob,
//! libm, CPU, clock, random seed) has a say. The crate trusts its input no more than its host trusts it: a
//! file that tract cannot handle ends in an error or a trap, both of which mean "does not compile".
//!
//! The only crate that names tract. Built for wasm32-wasip1, without simd128, which would change the graph.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod abi;
pub mod compile;
mod decode;
mod lower;
mod operators;
mod text;
