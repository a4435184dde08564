//! Genesis: what a chain starts from, the document CometBFT reads, and the engines that a chain may start
//! with.
//!
//! This crate decides which starting states are sound. It writes no files and asks no clock: whoever builds a
//! document gives its time and its validators' keys, and writes the text where it belongs.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

pub mod doc;
pub mod engines;
pub mod models;
pub mod networks;
pub mod state;
#[cfg(test)]
mod tests;

pub use doc::{DocError, GenesisDoc, Validator};
pub use engines::{Artifact, EngineError, EngineManifest, artifact};
pub use models::GenesisModel;
pub use state::{GenesisAccount, GenesisEngine, GenesisError, GenesisState};
