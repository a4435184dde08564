//! Real networks of `assayd` and CometBFT on loopback, for the tests and the demo.
//!
//! This crate decides how a network of real processes is laid out, started, watched, hurt and stopped. Everything
//! that waits has a deadline, and an error that ends a wait carries the tail of the node's log. It signals only
//! processes that it started and their children, each recognised by its start time, so that a reused process id is
//! never hit; a [`Network`] that is dropped takes its processes with it.
//!
//! It knows nothing of the state machine: it drives the programs as a user would, through the command line and the
//! gateway.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

pub mod binaries;
pub mod command;
pub mod demo;
pub mod error;
pub mod log;
pub mod network;
pub mod node;
pub mod ports;
pub mod process;
pub mod wallet;

pub use binaries::Binaries;
pub use error::Error;
pub use network::{Network, Options};
pub use node::Node;
pub use wallet::Wallet;
