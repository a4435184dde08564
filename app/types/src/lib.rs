//! What crosses a wire: limits, amounts, addresses, keys, tensors, the codec, transactions, claims, receipts.
//!
//! This crate decides bytes. It does no I/O, keeps no state, and builds for wasm32-unknown-unknown, so that a
//! browser can check what a node says with the code that the node runs.
//!
//! A transaction goes `bytes -> SignedTx -> VerifiedTx` here; the state machine takes it from there.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

#[cfg(feature = "chain")]
pub mod account;
#[cfg(feature = "chain")]
pub mod address;
#[cfg(feature = "chain")]
pub mod amount;
#[cfg(feature = "chain")]
pub mod api;
#[cfg(feature = "chain")]
pub mod bundle;
#[cfg(feature = "chain")]
pub mod claim;
pub mod codec;
#[cfg(feature = "chain")]
pub mod error;
#[cfg(feature = "chain")]
pub mod fees;
pub mod hash;
#[cfg(feature = "chain")]
pub mod key;
pub mod limits;
#[cfg(feature = "chain")]
pub mod message;
#[cfg(feature = "chain")]
pub mod model;
#[cfg(feature = "chain")]
pub mod params;
#[cfg(feature = "chain")]
pub mod path;
#[cfg(feature = "chain")]
pub mod proof;
#[cfg(feature = "chain")]
pub mod receipt;
pub mod tensor;
#[cfg(feature = "chain")]
pub mod tx;
