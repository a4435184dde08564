//! What a snapshot says of itself. A stranger wrote it: see [`Manifest::decode`] for what is checked.

use super::error::Refused;
use assay_types::codec;
use assay_types::hash::AppHash;
use assay_types::limits::MAX_CHAIN_ID_BYTES;
use borsh::{BorshDeserialize, BorshSerialize};
use std::fmt;

/// The number of this format; ABCI's `format`.
pub const FORMAT: u32 = 1;
/// Bytes of one chunk; CometBFT carries at most 16,000,000.
pub const MAX_CHUNK_BYTES: usize = 8 * 1024 * 1024;
/// Chunks of a snapshot: 625 GiB. CometBFT takes at most 100,000.
pub const MAX_CHUNKS: usize = 80_000;
/// Bytes of a manifest; CometBFT carries at most 4,000,000 with what stands around it.
pub const MAX_MANIFEST_BYTES: usize = 3_500_000;

// Each chunk is a kind, a digest and two numbers.
const _: () = assert!(MAX_CHUNKS * (1 + 32 + 4 + 4) + 256 < MAX_MANIFEST_BYTES);

macro_rules! digest {
    ($(#[$doc:meta])* $name:ident, $context:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
        pub struct $name(pub [u8; 32]);

        impl $name {
            /// The digest of bytes: BLAKE3 `derive_key` with a context of its own.
            pub fn of(bytes: &[u8]) -> Self {
                Self(blake3::derive_key($context, bytes))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }
    };
}

digest!(
    /// Identifies a snapshot: the digest of its manifest; ABCI's `hash`.
    SnapshotId, "assay v1 snapshot"
);
digest!(
    /// The digest of one chunk of a snapshot.
    ChunkDigest, "assay v1 snapshot chunk"
);

/// What a chunk holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
pub enum ChunkKind {
    /// Entries of the tree.
    State,
    /// Model chunks.
    Blobs,
}

/// A chunk as the manifest describes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct ChunkInfo {
    /// What it holds.
    pub kind: ChunkKind,
    /// Its digest.
    pub digest: ChunkDigest,
    /// Its bytes.
    pub bytes: u32,
    /// Entries, or model chunks, in it.
    pub items: u32,
}

/// The description of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Manifest {
    /// [`FORMAT`].
    pub format: u32,
    /// The height.
    pub height: u64,
    /// The root of the state after that height.
    pub app_hash: AppHash,
    /// The chain's id.
    pub chain_id: String,
    /// The version of the state machine.
    pub app_version: u64,
    /// The chunks, those of the tree first.
    pub chunks: Vec<ChunkInfo>,
}

impl Manifest {
    /// Reads a manifest that anybody may have written.
    ///
    /// # Errors
    /// [`Refused`] when the bytes are too many, of another format, not the canonical encoding of a manifest, or when
    /// it says what no snapshot can be.
    pub fn decode(bytes: &[u8]) -> Result<Self, Refused> {
        if bytes.len() > MAX_MANIFEST_BYTES {
            return Err(Refused::ManifestBytes { len: bytes.len(), most: MAX_MANIFEST_BYTES });
        }
        let format = bytes.first_chunk::<4>().map(|bytes| u32::from_le_bytes(*bytes));
        match format {
            Some(FORMAT) => {}
            Some(found) => return Err(Refused::Format { found, supported: FORMAT }),
            None => return Err(Refused::Manifest("it has no format number".into())),
        }
        let manifest: Self =
            codec::decode(bytes, MAX_MANIFEST_BYTES).map_err(|error| Refused::Manifest(error.to_string()))?;
        manifest.check()?;
        Ok(manifest)
    }

    fn check(&self) -> Result<(), Refused> {
        let wrong = |what: &str| Err(Refused::Manifest(what.into()));
        if self.height == 0 || i64::try_from(self.height).is_err() {
            return wrong("its height is none of a block");
        }
        if self.chain_id.is_empty() || self.chain_id.len() > MAX_CHAIN_ID_BYTES {
            return wrong("its chain id has a length that none has");
        }
        if self.chunks.len() > MAX_CHUNKS {
            return wrong("it has too many chunks");
        }
        if self.chunks.first().is_none_or(|chunk| chunk.kind != ChunkKind::State) {
            return wrong("it does not begin with the tree");
        }
        if !self.chunks.is_sorted_by_key(|chunk| chunk.kind) {
            return wrong("it does not have the whole tree in front");
        }
        let empty = |chunk: &ChunkInfo| chunk.items == 0 || chunk.bytes == 0;
        if self.chunks.iter().any(|chunk| empty(chunk) || chunk.bytes as usize > MAX_CHUNK_BYTES) {
            return wrong("it has a chunk of a size that none has");
        }
        Ok(())
    }

    /// Whether it is of a chain, and of a version of the state machine.
    ///
    /// # Errors
    /// [`Refused::Chain`] or [`Refused::AppVersion`] when it is of another.
    pub fn expect(&self, chain_id: &str, app_version: u64) -> Result<(), Refused> {
        if self.chain_id != chain_id {
            return Err(Refused::Chain { found: self.chain_id.clone(), expected: chain_id.to_owned() });
        }
        if self.app_version != app_version {
            return Err(Refused::AppVersion { found: self.app_version, supported: app_version });
        }
        Ok(())
    }

    /// The canonical bytes; ABCI's `metadata`.
    pub fn encode(&self) -> Vec<u8> {
        codec::encode(self)
    }

    /// The snapshot's id.
    pub fn id(&self) -> SnapshotId {
        SnapshotId::of(&self.encode())
    }

    /// How many chunks there are.
    pub fn count(&self) -> u32 {
        u32::try_from(self.chunks.len()).unwrap_or(u32::MAX)
    }

    /// How many of them hold the tree.
    pub fn state_chunks(&self) -> u32 {
        let states = self.chunks.iter().filter(|chunk| chunk.kind == ChunkKind::State);
        u32::try_from(states.count()).unwrap_or(u32::MAX)
    }

    /// The bytes of all chunks.
    pub fn bytes(&self) -> u64 {
        self.chunks.iter().map(|chunk| u64::from(chunk.bytes)).fold(0, u64::saturating_add)
    }

    /// The description of a chunk.
    ///
    /// # Errors
    /// [`Refused::NoChunk`] when there are fewer.
    pub fn chunk(&self, index: u32) -> Result<&ChunkInfo, Refused> {
        self.chunks.get(index as usize).ok_or(Refused::NoChunk { index, count: self.count() })
    }
}
