//! Why a snapshot is not made, or not believed.

use super::manifest::ChunkKind;
use crate::StoreError;
use assay_types::hash::AppHash;
use std::path::{Path, PathBuf};

/// What is wrong with a snapshot, or with a chunk of one, that somebody gave us. Never this machine's fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Another format than this program reads.
    #[error("the snapshot has format {found}, and this program reads format {supported}")]
    Format {
        /// The snapshot's.
        found: u32,
        /// This program's.
        supported: u32,
    },
    /// More bytes than a manifest may have.
    #[error("the manifest has {len} bytes, and may have {most}")]
    ManifestBytes {
        /// Bytes given.
        len: usize,
        /// Bytes allowed.
        most: usize,
    },
    /// The manifest does not decode, or says what cannot be.
    #[error("the manifest is not sound: {0}")]
    Manifest(String),
    /// The manifest is not the one that its hash names.
    #[error("the manifest is not the one that the snapshot's hash names")]
    ManifestHash,
    /// The offer says another height or number of chunks than its manifest.
    #[error("the offer says {what} {offered}, and its manifest {manifest}")]
    Offer {
        /// What.
        what: &'static str,
        /// The offer's.
        offered: u64,
        /// The manifest's.
        manifest: u64,
    },
    /// Another root than the trusted one.
    #[error("the snapshot is of the root {found}, and the chain's is {trusted}")]
    AppHash {
        /// The manifest's.
        found: AppHash,
        /// The trusted one.
        trusted: AppHash,
    },
    /// The state of another version of the state machine.
    #[error("the snapshot is of app version {found}, and this program is of {supported}")]
    AppVersion {
        /// The snapshot's.
        found: u64,
        /// This program's.
        supported: u64,
    },
    /// The state of another chain.
    #[error("the snapshot is of the chain {found:?}, not of {expected:?}")]
    Chain {
        /// The snapshot's.
        found: String,
        /// This node's.
        expected: String,
    },
    /// A chunk of no snapshot that was offered.
    #[error("chunk {index} belongs to no snapshot that was offered")]
    NoOffer {
        /// The chunk's index.
        index: u32,
    },
    /// A chunk that the snapshot does not have.
    #[error("there is no chunk {index}; the snapshot has {count}")]
    NoChunk {
        /// The chunk's index.
        index: u32,
        /// Chunks of the snapshot.
        count: u32,
    },
    /// A chunk before its turn.
    #[error("chunk {got} came where chunk {expected} is next")]
    OutOfOrder {
        /// The chunk that is next.
        expected: u32,
        /// The chunk that came.
        got: u32,
    },
    /// A chunk of another length than the manifest says.
    #[error("chunk {index} has {len} bytes, and its manifest says {expected}")]
    ChunkBytes {
        /// The chunk's index.
        index: u32,
        /// Bytes that came.
        len: usize,
        /// Bytes that the manifest says.
        expected: u32,
    },
    /// Other bytes than the manifest names: damaged on the way, or of another place.
    #[error("chunk {index} is not the one that the manifest names")]
    ChunkHash {
        /// The chunk's index.
        index: u32,
    },
    /// The bytes are no chunk.
    #[error("chunk {index} is malformed: {reason}")]
    Malformed {
        /// The chunk's index.
        index: u32,
        /// Why.
        reason: String,
    },
    /// A chunk of another kind than the manifest says.
    #[error("chunk {index} is not of the kind {expected:?}")]
    Kind {
        /// The chunk's index.
        index: u32,
        /// The manifest's.
        expected: ChunkKind,
    },
    /// A chunk with another number of things than the manifest says.
    #[error("chunk {index} has {found} items, and its manifest says {expected}")]
    Items {
        /// The chunk's index.
        index: u32,
        /// Items that are there.
        found: u64,
        /// Items that the manifest says.
        expected: u32,
    },
    /// An entry that the tree could not hold.
    #[error("chunk {index} has {what} of {len} bytes, where 1 to {most} are allowed")]
    Entry {
        /// The chunk's index.
        index: u32,
        /// A key, a value or a model chunk.
        what: &'static str,
        /// Bytes given.
        len: usize,
        /// Bytes allowed.
        most: usize,
    },
    /// Entries or model chunks that do not ascend: doubled, or shuffled.
    #[error("chunk {index} has {what} that do not ascend")]
    NotAscending {
        /// The chunk's index.
        index: u32,
        /// Entries or model chunks.
        what: &'static str,
    },
    /// Entries that the root does not have, or not all of them.
    #[error("chunk {index} does not lead to the trusted root: {reason}")]
    Proof {
        /// The chunk's index.
        index: u32,
        /// What the tree says.
        reason: String,
    },
    /// A model chunk that the state does not name.
    #[error("chunk {index} has a model chunk {hash} that the state does not name")]
    UnknownBlob {
        /// The chunk's index.
        index: u32,
        /// The model chunk's hash.
        hash: String,
    },
    /// All chunks were applied, and the root is another one: entries are missing.
    #[error("all entries together lead to the root {found}, and the trusted one is {trusted}")]
    Root {
        /// The root that they lead to.
        found: AppHash,
        /// The trusted one.
        trusted: AppHash,
    },
    /// Model chunks that the state names are not in the snapshot.
    #[error("{missing} model chunks that the state names are not in the snapshot")]
    BlobsMissing {
        /// How many.
        missing: u64,
    },
    /// The end came before the last chunk.
    #[error("chunk {next} of {count} has not come yet")]
    Unfinished {
        /// The chunk that is next.
        next: u32,
        /// Chunks of the snapshot.
        count: u32,
    },
    /// A file that holds no snapshot.
    #[error("the file is no snapshot of assayd: {0}")]
    NoSnapshot(&'static str),
}

/// Why a snapshot was not made, read or restored.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// What somebody gave us is wrong.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file failed.
    #[error("{}: {source}; check the disk's space and permissions", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// There is no snapshot of that height.
    #[error("there is no snapshot of height {0}")]
    NoHeight(u64),
    /// There is one of that height already.
    #[error("there is a snapshot of height {0} already")]
    Exists(u64),
    /// Whoever asked for it changed his mind.
    #[error("it was stopped")]
    Stopped,
}

/// Blames a file for an error.
pub(super) fn at(path: &Path) -> impl FnOnce(std::io::Error) -> SnapshotError + '_ {
    |source| SnapshotError::File { path: path.to_path_buf(), source }
}
