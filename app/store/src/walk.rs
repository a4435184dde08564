//! The entries of a version of the state, in the order in which a tree is restored: by the hashes of their keys.
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The hash of its key, which is its place.
    pub hash: KeyHash,
    /// Its key.
    pub key: Vec<u8>,
    /// Its value.
    pub value: Vec<u8>,
}

/// The entries that are still to come.
pub struct Walk<'a> {
    version: u64,
    values: DBRawIteratorWithThreadMode<'a, DB>,
}

impl View {
    /// Every entry of a kept version, in the order of the hashes of their keys.
    ///
    /// # Errors
    /// When the version is not kept, when the database fails.
    pub fn walk(&self, version: u64) -> Result<Walk<'_>, StoreError> {
        self.expect(version)?;
        let mut values = self.raw(VALUES, scanning())?;
        values.seek_to_first();
        Ok(Walk { version, values })
    }
}

impl Walk<'_> {
    /// The next entry.
    ///
    /// # Errors
    /// When the database fails, or holds what is no state.
    pub fn next_entry(&mut self) -> Result<Option<Found>, StoreError> {
        while let Some(at) = self.values.key() {
            let short = || StoreError::Corrupt("a value is under a key that is too short".into());
            let hash = *at.first_chunk::<32>().ok_or_else(short)?;
            // A key may have been deleted, or be of a later version.
            if let Some((key, value)) = self.newest(&hash)? {
                return Ok(Some(Found { hash: KeyHash(hash), key, value }));
            }
        }
        self.values.status()?;
        Ok(None)
    }

    /// The newest entry under a hash up to the version, and on to the next hash.
    fn newest(&mut self, hash: &[u8; 32]) -> Result<Option<Entry>, StoreError> {
        let (mut newest, mut steps) = (None, 0);
        // Keys are a hash and a version.
        let last = layout::value_key(&KeyHash(*hash), self.version);
        while self.values.key().is_some_and(|key| key.starts_with(hash)) {
            if self.values.key().is_some_and(|key| key > last.as_slice()) {
                // Later ones, of which there may be many.
                self.values.seek(layout::value_key(&KeyHash(*hash), u64::MAX));
                if self.values.key().is_some_and(|key| key.starts_with(hash)) {
                    self.values.next();
                }
                break;
            }
            steps += 1;
            if steps == STEPS {
                self.values.seek_for_prev(last);
            }
            newest = self.values.value().map(<[u8]>::to_vec);
            self.values.next();
        }
        self.values.status()?;
        let Some(bytes) = newest else { return Ok(None) };
        Ok(layout::value_of(&bytes)?.map(|(key, value)| (key.to_vec(), value.to_vec())))
    }
}
