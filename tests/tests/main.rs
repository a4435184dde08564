//! Tests that cross crates, in one program: RocksDB and wasmtime are linked once.
//!
//! The programs under test are the ones that `cargo build --release --workspace` made; a test that needs one says so
//! when it is missing. Nothing here needs the internet, and what listens listens on loopback.

mod bad_inputs;
mod hostile;
mod models;
mod network;
mod sender;
mod support;
mod tidy;
