//! Tests that cross crates, in one program: every further one would link wasmtime again.
//!
//! The programs under test are the ones that `cargo build --release --workspace` made; a test that needs one says so
//! when it is missing. Nothing here needs the internet, and what listens listens on loopback.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod bad_inputs;
mod chain;
mod commands;
mod damaged;
mod dev;
mod disk;
mod export;
mod failpoints;
mod faulty;
mod hostile;
mod ics23;
mod kills;
mod liar;
mod load;
mod market;
mod models;
mod network;
mod onnx;
mod operator;
mod pruning;
mod sender;
mod solo;
mod statesync;
mod support;
mod tidy;
mod witness;
