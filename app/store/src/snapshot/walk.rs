//! The entries of a view's state, in the order in which a tree is restored: by the hashes of their keys.
//!
//! Two families lie in that order, the keys and the versions of the values, so both are read from one end to the
//! other and nothing is looked up. They are large, so they do not go through the block cache.

use crate::layout::{self, DELETED, PREIMAGES, VALUE, VALUES};
use crate::{StoreError, View};
use jmt::KeyHash;
use rocksdb::{DB, DBIteratorWithThreadMode, DBRawIteratorWithThreadMode, IteratorMode, ReadOptions};

/// Bytes that are read ahead.
const READAHEAD: usize = 2 * 1024 * 1024;
/// Old versions of a value that are stepped over before the rest is jumped over.
const STEPS: usize = 16;

/// An entry of the tree.
pub(super) struct Found {
    pub hash: KeyHash,
    pub key: Vec<u8>,
    pub value: Vec<u8>,
}

/// The entries that are still to come.
pub(super) struct Walk<'a> {
    keys: DBIteratorWithThreadMode<'a, DB>,
    values: DBRawIteratorWithThreadMode<'a, DB>,
}

/// How large families are read from one end to the other.
pub(super) fn scanning() -> ReadOptions {
    let mut options = ReadOptions::default();
    options.fill_cache(false);
    options.set_total_order_seek(true);
    options.set_readahead_size(READAHEAD);
    options
}

impl<'a> Walk<'a> {
    pub fn new(view: &'a View) -> Result<Self, StoreError> {
        let keys = view.iterate(PREIMAGES, scanning(), IteratorMode::Start)?;
        let mut values = view.raw(VALUES, scanning())?;
        values.seek_to_first();
        Ok(Self { keys, values })
    }

    /// The next entry.
    pub fn next(&mut self) -> Result<Option<Found>, StoreError> {
        loop {
            let Some(next) = self.keys.next() else { return Ok(None) };
            let (hash, key) = next?;
            let hash = <[u8; 32]>::try_from(hash.as_ref())
                .map_err(|_| StoreError::Corrupt("a key's hash has another length than 32 bytes".into()))?;
            // A key may have been deleted, and its values pruned.
            if let Some(value) = self.newest(&hash)? {
                return Ok(Some(Found { hash: KeyHash(hash), key: key.into_vec(), value }));
            }
        }
    }

    /// The newest value under a hash, which no later call may ask for again.
    fn newest(&mut self, hash: &[u8; 32]) -> Result<Option<Vec<u8>>, StoreError> {
        while self.values.key().is_some_and(|key| key < hash.as_slice()) {
            self.values.next();
        }
        let of_hash = |key: Option<&[u8]>| key.is_some_and(|key| key.starts_with(hash));
        let (mut newest, mut steps) = (None, 0);
        while of_hash(self.values.key()) {
            steps += 1;
            if steps == STEPS {
                // No version is above this one.
                self.values.seek_for_prev(layout::value_key(&KeyHash(*hash), u64::MAX));
            }
            newest = self.values.value().map(<[u8]>::to_vec);
            self.values.next();
        }
        self.values.status()?;
        match newest.as_deref().and_then(<[u8]>::split_first) {
            None if newest.is_none() => Ok(None),
            Some((&DELETED, [])) => Ok(None),
            Some((&VALUE, value)) => Ok(Some(value.to_vec())),
            _ => Err(StoreError::Corrupt("a value has no tag".into())),
        }
    }
}
