//! What crosses a wire: limits, amounts, addresses, keys, tensors, the codec, transactions, receipts.
//!
//! This crate decides bytes. It does no I/O, keeps no state, and builds for wasm32-unknown-unknown, so that a
//! browser can check what a node says with the code that the node runs.
//!
//! A transaction goes `bytes -> SignedTx -> VerifiedTx` here; the state machine takes it from there.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

pub mod account;
pub mod address;
pub mod amount;
pub mod api;
pub mod bundle;
pub mod codec;
pub mod error;
pub mod hash;
pub mod key;
pub mod limits;
pub mod message;
pub mod model;
pub mod params;
pub mod path;
pub mod proof;
pub mod receipt;
pub mod tensor;
pub mod tx;
