//! The column families and the form of their keys. Node-local: no byte of it is under the root.

use crate::StoreError;
use crate::place::Place;
use assay_types::limits::MAX_KEY_BYTES;
use jmt::KeyHash;
use sha2::{Digest, Sha256};

/// The format of the state directory. A change of anything below is a new number.
pub(crate) const FORMAT: u32 = 3;

/// The tree: [`Place::key`] to a record's bytes.
pub(crate) const NODES: &str = "nodes";
/// Every version of every value: [`value_key`] to [`value_bytes`].
pub(crate) const VALUES: &str = "values";
/// What a version replaced: [`Stale::row`] to [`Stale::encode`]; for pruning.
pub(crate) const STALE: &str = "stale";
/// Key to value at the last committed version: reads that walk no tree.
pub(crate) const LATEST: &str = "latest";
/// Chunk hash to chunk.
pub(crate) const BLOBS: &str = "blobs";
/// Rebuildable look-ups of the node; not consensus.
pub(crate) const INDEX: &str = "index";
/// [`META_FORMAT`], [`META_TIP`], [`META_BASE`] and [`META_RESTORE`].
pub(crate) const META: &str = "meta";

/// Every column family but `meta`, with what a genesis wipes.
pub(crate) const CONTENT: [&str; 6] = [NODES, VALUES, STALE, LATEST, BLOBS, INDEX];

/// The format's number, four bytes, big-endian.
pub(crate) const META_FORMAT: &[u8] = b"format";
/// The last committed version, big-endian, and its root.
pub(crate) const META_TIP: &[u8] = b"tip";
/// The oldest version that is kept, big-endian; not there while all are.
pub(crate) const META_BASE: &[u8] = b"base";
/// How far a restore is, as long as it is not complete.
pub(crate) const META_RESTORE: &[u8] = b"restore";

/// Entries of a row of the stale index.
pub(crate) const STALE_ROW: usize = 128;
/// Bytes of an entry, at most: of a value, or of a record as deep as there are.
const STALE_BYTES: usize = 42;

/// Bytes of a [`value_key`] before the version.
pub(crate) const VALUE_PREFIX_BYTES: usize = 32;

/// Before a value that is there, with its key.
const VALUE: u8 = 1;
/// Alone, for a deleted value.
const DELETED: u8 = 0;

/// The tree's hash of a key. (`KeyHash::with` does the same, and a log line each time.)
pub(crate) fn key_hash(key: &[u8]) -> KeyHash {
    KeyHash(Sha256::digest(key).into())
}

/// What a version replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stale {
    /// The record of a place.
    Record(Place),
    /// The value of a key that a version wrote. For a deletion there are two: the value, and that it was deleted.
    Value(KeyHash, u64),
}

impl Stale {
    /// The key of a row of entries: ascending versions lie together.
    pub(crate) fn row(since: u64, number: usize) -> Vec<u8> {
        let number = u32::try_from(number).unwrap_or(u32::MAX).to_be_bytes();
        [since.to_be_bytes().as_slice(), &number].concat()
    }

    /// The bytes of a row.
    pub(crate) fn encode(entries: &[Self]) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(entries.len() * STALE_BYTES);
        for entry in entries {
            match entry {
                Stale::Record(place) => {
                    bytes.push(0);
                    bytes.extend(place.key());
                }
                Stale::Value(hash, version) => {
                    bytes.push(1);
                    bytes.extend(value_key(hash, *version));
                }
            }
        }
        bytes
    }

    /// The entries of a row; an error if the bytes are none.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Vec<Self>, StoreError> {
        let damaged = || StoreError::Corrupt("a row of the stale index does not decode".into());
        Self::entries(bytes).ok_or_else(damaged)
    }

    fn entries(mut bytes: &[u8]) -> Option<Vec<Self>> {
        let mut entries = Vec::new();
        while let Some((tag, rest)) = bytes.split_first() {
            let (entry, rest) = match tag {
                0 => {
                    let (place, rest) = rest.split_at_checked(Place::key_bytes(rest)?)?;
                    (Self::Record(Place::of_key(place)?), rest)
                }
                1 => {
                    let (hash, rest) = rest.split_first_chunk::<VALUE_PREFIX_BYTES>()?;
                    let (version, rest) = rest.split_first_chunk::<8>()?;
                    (Self::Value(KeyHash(*hash), u64::from_be_bytes(*version)), rest)
                }
                _ => return None,
            };
            entries.push(entry);
            bytes = rest;
        }
        Some(entries)
    }
}

/// Ascending versions of one key lie together, so the newest at or below a height is one step back from it.
pub(crate) fn value_key(hash: &KeyHash, version: u64) -> [u8; 40] {
    let mut bytes = [0; 40];
    bytes[..32].copy_from_slice(&hash.0);
    bytes[32..].copy_from_slice(&version.to_be_bytes());
    bytes
}

/// A key and its value.
pub(crate) type KeyAndValue<'a> = (&'a [u8], &'a [u8]);

/// What lies under a [`value_key`]: the key and its value, or that it was deleted.
pub(crate) fn value_bytes(entry: Option<KeyAndValue<'_>>) -> Vec<u8> {
    let Some((key, value)) = entry else { return vec![DELETED] };
    let length = u16::try_from(key.len()).unwrap_or(u16::MAX).to_be_bytes();
    [&[VALUE], length.as_slice(), key, value].concat()
}

/// What the bytes of [`value_bytes`] say; an error if they say nothing.
pub(crate) fn value_of(bytes: &[u8]) -> Result<Option<KeyAndValue<'_>>, StoreError> {
    let damaged = || StoreError::Corrupt("a value does not decode".to_owned());
    match bytes.split_first() {
        Some((&DELETED, [])) => Ok(None),
        Some((&VALUE, rest)) => key_and_value(rest).map(Some).ok_or_else(damaged),
        _ => Err(damaged()),
    }
}

fn key_and_value(bytes: &[u8]) -> Option<KeyAndValue<'_>> {
    let (length, rest) = bytes.split_first_chunk::<2>()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))
}

// Its length has two bytes.
const _: () = assert!(MAX_KEY_BYTES < 1 << 16);
