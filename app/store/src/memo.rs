//! A look at what is committed that remembers what it saw.
//!
//! A block, and CheckTx before it, ask for the same few records again and again: an account for each of its
//! transactions, a model for each of its runs. A view never changes, so what it answered once stays true. What is
//! remembered is bounded; beyond that the database is asked as ever.

use crate::{Entry, Read, StoreError, View};
use assay_types::hash::ChunkHash;
use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock};

/// Bytes that are remembered, about.
pub(crate) const MOST_BYTES: usize = 16 * 1024 * 1024;
/// What an answer takes in memory besides its bytes, about.
const OVERHEAD_BYTES: usize = 96;

/// See the module.
pub struct Memo {
    view: View,
    known: RwLock<Known>,
}

#[derive(Default)]
struct Known {
    values: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    bytes: usize,
}

impl Memo {
    /// Nothing is remembered yet.
    pub fn new(view: View) -> Self {
        Self { view, known: RwLock::default() }
    }

    /// Bytes that are remembered, about.
    #[cfg(test)]
    pub(crate) fn bytes(&self) -> usize {
        self.known.read().unwrap_or_else(PoisonError::into_inner).bytes
    }
}

impl Read for Memo {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        if let Some(known) = self.known.read().unwrap_or_else(PoisonError::into_inner).values.get(key) {
            return Ok(known.clone());
        }
        let found = self.view.get(key)?;
        let bytes =
            key.len().saturating_add(found.as_ref().map_or(0, Vec::len)).saturating_add(OVERHEAD_BYTES);
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let after = known.bytes.saturating_add(bytes);
        if after <= MOST_BYTES && known.values.insert(key.to_vec(), found.clone()).is_none() {
            known.bytes = after;
        }
        Ok(found)
    }

    fn scan(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Result<Vec<Entry>, StoreError> {
        self.view.scan(prefix, after, limit)
    }

    fn blob(&self, hash: &ChunkHash) -> Result<Option<Vec<u8>>, StoreError> {
        self.view.blob(hash)
    }
}
