//! The wallet and developer tool, and the client library under it.
//!
//! The library talks to a node's gateway ([`client`]), keeps keys ([`keys`]), quotes, signs and submits
//! ([`wallet`], [`publish`]), compiles and runs models on this machine ([`local`]), reads and writes numpy's
//! files ([`npz`]), and verifies bundles without any network ([`verify`]). [`cli`] is the command line over
//! it. Nothing here is consensus: what a node says is believed only where it is verified.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

pub mod cli;
pub mod client;
pub mod error;
pub mod files;
pub mod keys;
pub mod local;
pub mod npz;
pub mod publish;
pub mod verify;
pub mod wallet;
