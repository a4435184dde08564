//! Snapshots: the whole state of one height in chunks that a stranger can check.
//!
//! A snapshot is a [`Manifest`] and its chunks: first the entries of the tree, in the order of their keys' hashes,
//! each chunk with a range proof against the root; then the model chunks that the state names, in the order of their
//! hashes. So a node that knows nothing but a root finds the first wrong chunk when it arrives, not at the end.
//!
//! Invariants:
//! * Nothing in a manifest is believed. Its counts and lengths are bounded before anything is allocated for them, and
//!   a lie in it ends as a [`Refused`] with its reason.
//! * A snapshot is in its folder whole or not at all: it is written under another name, synced, and renamed.
//! * A restore works in a folder of its own. What it has applied and how far it is are one atomic batch per chunk, so
//!   one that was killed goes on after the last chunk that is on the disk. It has no committed version until its last
//!   check.
//!
//! What it does not do: it fetches nothing and trusts nobody. The root comes from the caller. The index of the node is
//! not in a snapshot.

mod behind;
mod chunk;
mod error;
mod export;
mod folder;
mod frozen;
mod manifest;
mod restore;
mod target;

pub use chunk::Chunk;
pub use error::{Refused, SnapshotError};
pub use export::{export, import};
pub(crate) use folder::chunk_of;
pub use folder::{Folder, Made, Making, Spec};
pub use manifest::{
    ChunkDigest, ChunkInfo, ChunkKind, FORMAT, MAX_CHUNK_BYTES, MAX_CHUNKS, MAX_MANIFEST_BYTES, Manifest,
    SnapshotId,
};
pub use restore::{Applied, Restore, Restored, forget};
