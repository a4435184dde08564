//! Replicated state: RocksDB under a versioned Merkle tree.
//!
//! The state is a map from readable keys to records, with one root for its whole content ([`Store::root`]).
//! The tree is a Jellyfish Merkle tree with SHA-256, versioned by block height, so that a proof against the
//! root of any kept height can be made ([`Store::prove`]) and checked without this crate
//! (`assay_types::proof`).
//!
//! Invariants:
//! * The root is a function of the content alone: not of the order of writes, nor of the heights they came
//!   at.
//! * Nothing of the state reaches the disk but through [`Store::genesis`], [`Store::commit`] and [`Store::rollback`],
//!   each one synced, atomic batch. After a kill at any instant the store holds exactly some committed version.
//! * A version is written only on top of the one before it, whose root must be there (the tree library would
//!   start an empty tree otherwise, without a word).
//! * Keys and values are never empty: such entries could not be proven.
//! * A state that was restored from a snapshot ([`snapshot`]) takes the place of another whole ([`Store::adopt`]).
//! * A reader sees one version: a [`View`] is a snapshot, and an [`Overlay`] adds uncommitted writes to it.
//!
//! * Pruning ([`Store::keep_from`], [`Pruner`]) takes away nothing that a kept version needs.
//!
//! What it does not do: it does not know what keys mean. Model chunks lie beside the tree, under their hash; that
//! the hash is in the tree is for the writer to see to.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod careful;
mod changes;
mod database;
mod disk;
mod error;
mod import;
mod layout;
mod memo;
mod nodes;
mod overlay;
mod place;
mod point;
mod proof;
mod proven;
mod prune;
mod read;
mod record;
mod rollback;
pub mod snapshot;
mod stage;
mod store;
mod swap;
mod tree;
mod update;
mod view;
mod walk;
mod warm;
mod written;

pub use changes::Changes;
pub use disk::FamilySize;
pub use error::StoreError;
pub use memo::Memo;
pub use overlay::Overlay;
pub use proven::Proven;
pub use prune::{Pruned, Pruner};
pub use read::{Entry, Read, ReadExt};
pub use stage::Staged;
pub use store::{Committed, Store};
pub use view::View;
pub use walk::{Found, Walk};
pub use warm::{TreeMemory, Warmed};
pub use written::Written;

#[cfg(test)]
mod tests;
