//! What a block changes.

use crate::{Read, StoreError, View};
use assay_types::hash::ChunkHash;
use assay_types::limits::{MAX_KEY_BYTES, MAX_VALUE_BYTES};
use std::collections::BTreeMap;

/// Writes that are not committed yet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// New values by key; `None` deletes the key.
    pub writes: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    /// Model chunks by hash, which are kept beside the tree; `None` deletes the chunk.
    pub blobs: BTreeMap<ChunkHash, Option<Vec<u8>>>,
}

impl Changes {
    /// Adds later changes to these; where both write a key, the later one counts.
    pub fn absorb(&mut self, later: Changes) {
        self.writes.extend(later.writes);
        self.blobs.extend(later.blobs);
    }

    /// Drops deletions of keys that are not there: the tree would keep a record of each, for nothing.
    pub(crate) fn forget_absent(&mut self, state: &View) -> Result<(), StoreError> {
        let mut absent = Vec::new();
        for (key, value) in &self.writes {
            if value.is_none() && state.get(key)?.is_none() {
                absent.push(key.clone());
            }
        }
        for key in absent {
            self.writes.remove(&key);
        }
        Ok(())
    }

    /// Refuses what the tree or the blob store must not hold. Such changes are a bug of the writer.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        for (key, value) in &self.writes {
            bounded("a key", key, MAX_KEY_BYTES)?;
            if let Some(value) = value {
                bounded("a value", value, MAX_VALUE_BYTES)?;
            }
        }
        let lies = |hash: &ChunkHash, bytes: &Option<Vec<u8>>| {
            bytes.as_ref().is_some_and(|bytes| ChunkHash::of(bytes) != *hash)
        };
        match self.blobs.iter().find(|(hash, bytes)| lies(hash, bytes)) {
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
