//! What can go wrong with the state on disk. None of it is a transaction's fault: every one of these is
//! fatal, and its sentence ends with what to do.

use assay_types::hash::{AppHash, ChunkHash};
use std::path::PathBuf;

/// Why the store did not do what it was asked for. The node that meets one stops and shows it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// RocksDB's lock on the directory is taken.
    #[error("another process uses the state directory {}; stop it, or use another home", .dir.display())]
    Locked {
        /// The state directory.
        dir: PathBuf,
    },
    /// The directory was written in another format.
    #[error(
        "the state in {} has {found}, and this program reads format {supported}; \
         use the version of assayd that wrote it, or an empty directory and a resync", .dir.display()
    )]
    Format {
        /// The state directory.
        dir: PathBuf,
        /// What was found instead.
        found: String,
        /// The format of this program.
        supported: u32,
    },
    /// The disk takes no more.
    #[error(
        "there is no room for the state: {0}; make room and start again, nothing that was committed is lost"
    )]
    Full(String),
    /// RocksDB failed otherwise.
    #[error("the state database failed: {0}; check the disk's health and permissions, then start again")]
    Database(rocksdb::Error),
    /// The state directory cannot be made.
    #[error("cannot use the state directory {}: {source}; check its path and permissions", .dir.display())]
    Directory {
        /// The state directory.
        dir: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Something on disk is not what was written.
    #[error(
        "the state on disk is damaged: {0}; \
         make it again from a snapshot or from peers, as docs/runbooks/restore.md says"
    )]
    Corrupt(String),
    /// The Merkle tree refused.
    #[error(
        "the state tree failed: {0}; \
         make it again from a snapshot or from peers, as docs/runbooks/restore.md says"
    )]
    Tree(String),
    /// A version that does not follow the last committed one.
    #[error("version {got} does not follow the last committed one; the next is {expected}")]
    VersionGap {
        /// The one version that may be written now.
        expected: u64,
        /// The version asked for.
        got: u64,
    },
    /// Nothing is committed yet, not even the genesis.
    #[error("the state has no genesis yet")]
    NoGenesis,
    /// A genesis where blocks are committed already.
    #[error("the state is at version {version}; a genesis cannot replace it (use an empty directory)")]
    GenesisTooLate {
        /// The last committed version.
        version: u64,
    },
    /// The root under which a version would be written is not there.
    #[error(
        "the root of version {version} is missing; \
         make the state again from a snapshot or from peers, as docs/runbooks/restore.md says"
    )]
    MissingRoot {
        /// The version whose root is missing.
        version: u64,
    },
    /// A staged block that was computed on another parent.
    #[error("staged on the root {staged_on}, but the last committed root is {parent}")]
    OtherParent {
        /// The parent root of the staged block.
        staged_on: AppHash,
        /// The last committed root.
        parent: AppHash,
    },
    /// A version that is not there: pruned, or not committed yet.
    #[error("version {version} is not in the state, which has {oldest} to {newest}")]
    UnknownVersion {
        /// The version asked for.
        version: u64,
        /// The oldest one that is there.
        oldest: u64,
        /// The newest one.
        newest: u64,
    },
    /// The last version cannot be taken back.
    #[error(
        "version {version} cannot be taken back: {why}; restore a snapshot instead, as docs/runbooks/restore.md says"
    )]
    NoWayBack {
        /// The last version.
        version: u64,
        /// Why.
        why: String,
    },
    /// A proof cannot be made in a tree without any key.
    #[error("the state at version {version} is empty, which has no proofs")]
    EmptyTree {
        /// The version asked for.
        version: u64,
    },
    /// A key or a value that the tree must not hold.
    #[error("cannot write {what}: {len} bytes, where 1 to {most} are allowed")]
    BadEntry {
        /// A key or a value.
        what: &'static str,
        /// Bytes given.
        len: usize,
        /// Bytes allowed.
        most: usize,
    },
    /// Bytes under a hash that is not theirs.
    #[error("a blob was put under {hash}, which is not its hash")]
    BlobHash {
        /// The hash that was claimed.
        hash: ChunkHash,
    },
    /// A record that does not decode to its type.
    #[error(
        "the record {key:?} does not decode: {reason}; \
         make the state again from a snapshot or from peers, as docs/runbooks/restore.md says"
    )]
    Record {
        /// The key, as text.
        key: String,
        /// Why.
        reason: String,
    },
}

/// What a full disk, a quota and a limit of file sizes are called in RocksDB's messages: it has a kind for none.
const NO_ROOM: [&str; 3] = ["No space left on device", "Disk quota exceeded", "File too large"];
/// What a file that is gone is called there.
const GONE: &str = "No such file or directory";

impl From<rocksdb::Error> for StoreError {
    fn from(error: rocksdb::Error) -> Self {
        let text = error.as_ref();
        match error.kind() {
            rocksdb::ErrorKind::Corruption => StoreError::Corrupt(text.into()),
            rocksdb::ErrorKind::IOError if NO_ROOM.iter().any(|name| text.contains(name)) => {
                StoreError::Full(text.into())
            }
            // The directory is made before it is opened: what is missing was there.
            rocksdb::ErrorKind::IOError if text.contains(GONE) => StoreError::Corrupt(text.into()),
            _ => StoreError::Database(error),
        }
    }
}

impl StoreError {
    /// Whether what is on disk is not what was written: the state has to be made again.
    pub fn is_damage(&self) -> bool {
        matches!(
            self,
            StoreError::Corrupt(_)
                | StoreError::Tree(_)
                | StoreError::MissingRoot { .. }
                | StoreError::Record { .. }
        )
    }

    /// What came back through the tree's reader, which speaks in errors of any type.
    pub(crate) fn from_tree(error: anyhow::Error) -> Self {
        match error.downcast::<StoreError>() {
            Ok(own) => own,
            Err(other) => StoreError::Tree(format!("{other:#}")),
        }
    }
}
