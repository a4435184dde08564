//! The full node: ABCI server, CometBFT supervision, the solo driver, gateway, CLI.
//!
//! This crate decides nothing about the chain's state; `assay-core` does. It decides how the state machine is
//! reached (sockets, HTTP), what runs beside it (CometBFT), and how a node is set up and stopped. Threads,
//! clocks and files are here so that the state machine needs none.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

pub mod abci;
pub mod app;
pub mod cli;
pub mod comet;
pub mod config;
pub mod consensus;
pub mod debug;
pub mod divergence;
pub mod engine;
pub mod error;
pub mod faults;
pub mod gateway;
pub mod home;
pub mod metrics;
pub mod model_files;
pub mod node;
mod open;
mod priority;
mod query;
pub mod refusals;
pub mod retention;
pub mod selftest;
pub mod snapshots;
pub mod solo;
pub mod speculation;
pub mod stop;
#[cfg(test)]
mod testing;
