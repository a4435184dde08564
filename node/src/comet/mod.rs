//! CometBFT: found, given its files, started, watched, asked.
//!
//! CometBFT decides the order of transactions; this module decides that one runs beside the application and
//! that neither survives the other. It changes nothing in CometBFT's own data but by CometBFT's own commands.

pub mod child;
pub mod config;
pub mod keys;
pub mod locate;
mod log;
pub mod rpc;
pub mod tool;

/// The version of CometBFT that the node is made for.
pub const VERSION: &str = "v0.38.26";
