//! Reading the state, committed or not.

use crate::StoreError;
use assay_types::codec;
use assay_types::hash::ChunkHash;
use assay_types::limits::MAX_VALUE_BYTES;
use borsh::{BorshDeserialize, BorshSerialize};

/// A key and its value.
pub type Entry = (Vec<u8>, Vec<u8>);

/// One consistent state: a [`View`](crate::View) of what is committed, or an [`Overlay`](crate::Overlay) over
/// one.
pub trait Read: Send + Sync {
    /// The value of a key, or `None` when the key is not there.
    ///
    /// # Errors
    /// When the database fails.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;

    /// The first `limit` entries whose keys start with `prefix` and, if `after` is given, are above it;
    /// ascending.
    ///
    /// # Errors
    /// When the database fails.
    fn scan(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Result<Vec<Entry>, StoreError>;

    /// A model chunk, checked against its hash, or `None` when it is not there.
    ///
    /// # Errors
    /// When the database fails, or the bytes on disk are not those of the hash.
    fn blob(&self, hash: &ChunkHash) -> Result<Option<Vec<u8>>, StoreError>;
}

/// Reading records of a type.
pub trait ReadExt: Read {
    /// The record of a key, strictly decoded, or `None` when the key is not there.
    ///
    /// # Errors
    /// When the database fails, or the bytes are not the canonical encoding of a `T`.
    fn read<T: BorshSerialize + BorshDeserialize>(&self, key: &[u8]) -> Result<Option<T>, StoreError> {
        let Some(bytes) = self.get(key)? else { return Ok(None) };
        let value = codec::decode(&bytes, MAX_VALUE_BYTES).map_err(|error| StoreError::Record {
            key: String::from_utf8_lossy(key).into_owned(),
            reason: error.to_string(),
        })?;
        Ok(Some(value))
    }
}

impl<R: Read + ?Sized> ReadExt for R {}
