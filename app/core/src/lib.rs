//! The state machine: check, execute, finalize, commit, query.
//!
//! [`App`] is what consensus drives and [`Reader`] what everybody else asks. A transaction is verified, then
//! admitted, executed, staged with its block and committed; each of these stages is a type whose one
//! constructor is the check that earns it.
//!
//! Invariants:
//! * A block's results and its root are a function of the state before it and of its bytes. There is no
//!   clock, no randomness, no environment, no order of arrival in here.
//! * Nothing reaches the disk but in [`App::init_chain`] and [`App::commit`], and, on a node that is stopped, in
//!   [`rollback`].
//! * A failure is either a [`Rejected`](assay_types::error::Rejected), the same on every machine and with a
//!   stable number, or a [`Fatal`], after which this process must stop. Nothing that an outsider sends is
//!   fatal.
//! * Money is neither made nor lost: balances, deposits and the fee pool add up to the supply ([`invariants`]).
//!
//! What it does not do: no sockets, no files but through the store and the plan cache, and no threads but
//! those that compute outcomes of a block side by side and are gone when the call returns.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod account;
mod admit;
mod ahead;
mod app;
mod block;
mod blocks;
mod chain;
mod check;
mod chunks;
mod deposit;
mod difference;
mod engine;
mod execute;
mod expiry;
pub mod export;
mod fatal;
mod fee;
mod genesis;
mod hot;
mod imported;
mod index;
pub mod invariants;
mod job;
mod market;
mod messages;
mod model;
mod order;
mod proposal;
mod prune;
mod reader;
mod recent;
pub mod rollback;
mod run;
mod stage;
mod turns;
mod unproven;
mod verify;
mod waiting;
mod walk;

pub use ahead::Work;
pub use app::{App, Committed, Info};
pub use assay_store::FamilySize;
pub use block::{BlockInput, BlockResult, Event, TxResult};
pub use chain::{APP_VERSION, ChainRecord, EngineRecord};
pub use check::Checked;
pub use difference::{DifferentJob, Divergence, Refusal};
pub use engine::{Compile, Engine};
pub use fatal::Fatal;
pub use genesis::InitError;
pub use imported::{ModelFiles, NoFiles, read_model};
pub use job::Job;
pub use proposal::Verdict;
pub use prune::{Pruner, Step};
pub use reader::{FoundTx, ProvenAt, Reader};
pub use unproven::Unproven;

#[cfg(test)]
mod tests;
