//! Uncommitted writes over a state.
//!
//! A block executes on an overlay over a view; a transaction on an overlay over the block's; a message on one
//! over the transaction's. What succeeded is absorbed by the one below, what failed is dropped: all or
//! nothing at every level.

use crate::{Changes, Entry, Read, StoreError};
use assay_types::codec;
use assay_types::hash::ChunkHash;
use borsh::BorshSerialize;
use std::collections::BTreeMap;
use std::ops::Bound;

/// A state with changes on top that nobody else sees.
pub struct Overlay<'a> {
    base: &'a dyn Read,
    changes: Changes,
}

impl<'a> Overlay<'a> {
    /// Nothing changed yet.
    pub fn new(base: &'a dyn Read) -> Self {
        Self { base, changes: Changes::default() }
    }

    /// The state `base` with `changes` on top.
    pub fn with_changes(base: &'a dyn Read, changes: Changes) -> Self {
        Self { base, changes }
    }

    /// Sets a key's value. Empty keys and values are refused when the block is staged.
    pub fn put(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.changes.writes.insert(key, Some(value));
    }

    /// Sets a key to a record's canonical bytes.
    pub fn write<T: BorshSerialize>(&mut self, key: Vec<u8>, record: &T) {
        self.put(key, codec::encode(record));
    }

    /// Removes a key; nothing happens if it is not there.
    pub fn delete(&mut self, key: Vec<u8>) {
        self.changes.writes.insert(key, None);
    }

    /// Keeps a model chunk and gives its hash.
    pub fn put_blob(&mut self, bytes: Vec<u8>) -> ChunkHash {
        let hash = ChunkHash::of(&bytes);
        self.changes.blobs.insert(hash, Some(bytes));
        hash
    }

    /// Deletes a model chunk.
    pub fn delete_blob(&mut self, hash: ChunkHash) {
        self.changes.blobs.insert(hash, None);
    }

    /// Takes over the changes of a child that succeeded.
    pub fn absorb(&mut self, child: Changes) {
        self.changes.absorb(child);
    }

    /// The changes so far.
    pub fn changes(&self) -> &Changes {
        &self.changes
    }

    /// Ends the overlay and gives its changes, for the parent to absorb or the store to stage.
    pub fn into_changes(self) -> Changes {
        self.changes
    }

    /// The own writes that a scan must show.
    fn own<'b>(&'b self, prefix: &'b [u8], after: Option<&'b [u8]>) -> impl Iterator<Item = OwnWrite<'b>> {
        let from = match after {
            Some(after) if after >= prefix => Bound::Excluded(after),
            _ => Bound::Included(prefix),
        };
        self.changes
            .writes
            .range::<[u8], _>((from, Bound::Unbounded))
            .take_while(move |(key, _)| key.starts_with(prefix))
    }
}

type OwnWrite<'b> = (&'b Vec<u8>, &'b Option<Vec<u8>>);

impl Read for Overlay<'_> {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        match self.changes.writes.get(key) {
            Some(own) => Ok(own.clone()),
            None => self.base.get(key),
        }
    }

    fn scan(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Result<Vec<Entry>, StoreError> {
        // Of this many entries below, at least `limit` are not deleted here, so nothing beyond them can be
        // wanted.
        let deleted = self.own(prefix, after).filter(|(_, value)| value.is_none()).count();
        let below = self.base.scan(prefix, after, limit.saturating_add(deleted))?;
        let mut merged: BTreeMap<Vec<u8>, Vec<u8>> = below.into_iter().collect();
        for (key, value) in self.own(prefix, after) {
            match value {
                Some(value) => merged.insert(key.clone(), value.clone()),
                None => merged.remove(key),
            };
        }
        Ok(merged.into_iter().take(limit).collect())
    }

    fn blob(&self, hash: &ChunkHash) -> Result<Option<Vec<u8>>, StoreError> {
        match self.changes.blobs.get(hash) {
            Some(own) => Ok(own.clone()),
            None => self.base.blob(hash),
        }
    }
}
