//! What a block changes.

use crate::StoreError;
use assay_types::hash::ChunkHash;
use assay_types::limits::{MAX_KEY_BYTES, MAX_VALUE_BYTES};
use std::collections::BTreeMap;

/// Writes that are not committed yet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// New values by key; `None` deletes the key.
    pub writes: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    /// Model chunks by hash. They are kept beside the tree and never deleted.
    pub blobs: BTreeMap<ChunkHash, Vec<u8>>,
}

impl Changes {
    /// Adds later changes to these; where both write a key, the later one counts.
    pub fn absorb(&mut self, later: Changes) {
        self.writes.extend(later.writes);
        self.blobs.extend(later.blobs);
    }

    /// Refuses what the tree or the blob store must not hold. Such changes are a bug of the writer.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        for (key, value) in &self.writes {
            bounded("a key", key, MAX_KEY_BYTES)?;
            if let Some(value) = value {
                bounded("a value", value, MAX_VALUE_BYTES)?;
            }
        }
        match self.blobs.iter().find(|(hash, bytes)| ChunkHash::of(bytes) != **hash) {
            Some((hash, _)) => Err(StoreError::BlobHash { hash: *hash }),
            None => Ok(()),
        }
    }
}

fn bounded(what: &'static str, bytes: &[u8], most: usize) -> Result<(), StoreError> {
    if bytes.is_empty() || bytes.len() > most {
        return Err(StoreError::BadEntry { what, len: bytes.len(), most });
    }
    Ok(())
}
