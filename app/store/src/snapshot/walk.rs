//! The entries of a view's state, in the order in which a tree is restored: by the hashes of their keys.
//!
//! The versions of the values lie in that order, with their keys, so they are read from one end to the other and
//! nothing is looked up. They are large, so they do not go through the block cache.

use crate::database::scanning;
use crate::layout::{self, VALUES};
use crate::{Entry, StoreError, View};
use jmt::KeyHash;
use rocksdb::{DB, DBRawIteratorWithThreadMode};

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
    values: DBRawIteratorWithThreadMode<'a, DB>,
}

impl<'a> Walk<'a> {
    pub fn new(view: &'a View) -> Result<Self, StoreError> {
        let mut values = view.raw(VALUES, scanning())?;
        values.seek_to_first();
        Ok(Self { values })
    }

    /// The next entry.
    pub fn next(&mut self) -> Result<Option<Found>, StoreError> {
        while let Some(at) = self.values.key() {
            let short = || StoreError::Corrupt("a value is under a key that is too short".into());
            let hash = *at.first_chunk::<32>().ok_or_else(short)?;
            // A key may have been deleted.
            if let Some((key, value)) = self.newest(&hash)? {
                return Ok(Some(Found { hash: KeyHash(hash), key, value }));
            }
        }
        self.values.status()?;
        Ok(None)
    }

    /// The newest entry under a hash, and on to the next hash.
    fn newest(&mut self, hash: &[u8; 32]) -> Result<Option<Entry>, StoreError> {
        let (mut newest, mut steps) = (None, 0);
        while self.values.key().is_some_and(|key| key.starts_with(hash)) {
            steps += 1;
            if steps == STEPS {
                // No version is above this one.
                self.values.seek_for_prev(layout::value_key(&KeyHash(*hash), u64::MAX));
            }
            newest = self.values.value().map(<[u8]>::to_vec);
            self.values.next();
        }
        self.values.status()?;
        let Some(bytes) = newest else { return Ok(None) };
        Ok(layout::value_of(&bytes)?.map(|(key, value)| (key.to_vec(), value.to_vec())))
    }
}
