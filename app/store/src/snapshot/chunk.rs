//! The bytes of a chunk.

use super::error::Refused;
use super::manifest::{ChunkDigest, ChunkInfo, ChunkKind, MAX_CHUNK_BYTES};
use crate::Entry;
use assay_types::codec;
use borsh::{BorshDeserialize, BorshSerialize};
use jmt::proof::SparseMerkleRangeProof;
use sha2::Sha256;

/// A part of a snapshot.
#[derive(Debug, Clone, PartialEq, BorshSerialize, BorshDeserialize)]
pub enum Chunk {
    /// Entries of the tree, by the hashes of their keys.
    State {
        /// Keys and values.
        entries: Vec<Entry>,
        /// What is to the right of the last entry on its way to the root.
        proof: SparseMerkleRangeProof<Sha256>,
    },
    /// Model chunks, by their hashes.
    Blobs(Vec<Vec<u8>>),
}

impl Chunk {
    /// The canonical bytes.
    pub fn encode(&self) -> Vec<u8> {
        codec::encode(self)
    }

    /// What the manifest says of a chunk with these bytes.
    pub(super) fn info(&self, bytes: &[u8]) -> ChunkInfo {
        ChunkInfo {
            kind: self.kind(),
            digest: ChunkDigest::of(bytes),
            bytes: u32::try_from(bytes.len()).unwrap_or(u32::MAX),
            items: u32::try_from(self.items()).unwrap_or(u32::MAX),
        }
    }

    fn kind(&self) -> ChunkKind {
        match self {
            Chunk::State { .. } => ChunkKind::State,
            Chunk::Blobs(_) => ChunkKind::Blobs,
        }
    }

    fn items(&self) -> usize {
        match self {
            Chunk::State { entries, .. } => entries.len(),
            Chunk::Blobs(blobs) => blobs.len(),
        }
    }

    /// Refuses bytes that are not those which a manifest describes. Cheap: nothing is decoded.
    ///
    /// # Errors
    /// [`Refused::ChunkBytes`] or [`Refused::ChunkHash`].
    pub fn identify(index: u32, info: &ChunkInfo, bytes: &[u8]) -> Result<(), Refused> {
        if bytes.len() != info.bytes as usize {
            return Err(Refused::ChunkBytes { index, len: bytes.len(), expected: info.bytes });
        }
        if ChunkDigest::of(bytes) != info.digest {
            return Err(Refused::ChunkHash { index });
        }
        Ok(())
    }

    /// Reads a chunk that anybody may have written, and that a manifest describes.
    ///
    /// # Errors
    /// [`Refused`] when the bytes are others than the manifest names, malformed, or hold something else than it says.
    pub fn decode(index: u32, info: &ChunkInfo, bytes: &[u8]) -> Result<Self, Refused> {
        Self::identify(index, info, bytes)?;
        let chunk: Self = codec::decode(bytes, MAX_CHUNK_BYTES)
            .map_err(|error| Refused::Malformed { index, reason: error.to_string() })?;
        if chunk.kind() != info.kind {
            return Err(Refused::Kind { index, expected: info.kind });
        }
        if chunk.items() != info.items as usize {
            return Err(Refused::Items { index, found: chunk.items() as u64, expected: info.items });
        }
        Ok(chunk)
    }
}
