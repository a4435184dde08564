//! What one version wrote: which keys, and to which values.
//!
//! Nothing lists it, for nothing needs it but to take a version back or to compare two machines. It is found in the
//! tree: a key that was written has a leaf of that version in one of its records, and one that was deleted is named in
//! its rows of the stale index, for a deletion is outdated as soon as it is there.

use crate::database::range;
use crate::layout::{self, NODES, STALE, Stale, VALUES};
use crate::place::Place;
use crate::view::decoded;
use crate::{StoreError, View};
use jmt::KeyHash;
use rocksdb::IteratorMode;
use std::collections::BTreeSet;

/// A key that a version wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The key.
    pub key: Vec<u8>,
    /// The value; `None` when it was deleted.
    pub value: Option<Vec<u8>>,
}

/// The records and the rows of the stale index that a version wrote, and the hashes of the keys that it wrote.
#[derive(Default)]
pub(crate) struct Traces {
    /// Where its records are.
    pub nodes: Vec<Place>,
    /// Keys of its rows of the stale index.
    pub stale: Vec<Vec<u8>>,
    /// Hashes of the keys that were written.
    pub written: BTreeSet<[u8; 32]>,
}

impl View {
    /// What a kept version wrote, in the order of its keys. That of the oldest one that is kept is not known: what it
    /// deleted may be pruned.
    ///
    /// # Errors
    /// When the version or the one before it is not kept, when the database fails.
    pub fn written(&self, version: u64) -> Result<Vec<Written>, StoreError> {
        self.expect(version)?;
        self.expect(version.saturating_sub(1))?;
        let hashes = self.traces(version)?.written;
        let written = hashes.iter().map(|hash| self.written_at(hash, version));
        let mut written = written.collect::<Result<Vec<_>, _>>()?;
        written.sort_unstable_by(|a, b| a.key.cmp(&b.key));
        Ok(written)
    }

    /// Where a version left its traces.
    pub(crate) fn traces(&self, version: u64) -> Result<Traces, StoreError> {
        let (mut traces, prefix) = (Traces::default(), version.to_be_bytes());
        for entry in self.iterate(NODES, range(&prefix, None), IteratorMode::Start)? {
            let (key, bytes) = entry?;
            let place = Place::of_key(&key).ok_or_else(|| damaged("the place of a record"))?;
            let record = decoded(&place, &bytes)?;
            let own = record.leaves().iter().filter(|leaf| leaf.version == version);
            traces.written.extend(own.map(|leaf| leaf.key));
            traces.nodes.push(place);
        }
        for entry in self.iterate(STALE, range(&prefix, None), IteratorMode::Start)? {
            let (row, bytes) = entry?;
            let entries = Stale::decode(&bytes)?;
            traces.written.extend(entries.iter().filter_map(|entry| match entry {
                Stale::Value(hash, of) if *of == version => Some(hash.0),
                _ => None,
            }));
            traces.stale.push(row.into_vec());
        }
        Ok(traces)
    }

    /// What a version wrote under the hash of a key.
    pub(crate) fn written_at(&self, hash: &[u8; 32], version: u64) -> Result<Written, StoreError> {
        let hash = KeyHash(*hash);
        let bytes = self.value(VALUES, &layout::value_key(&hash, version))?;
        if let Some((key, value)) = layout::value_of(&bytes.ok_or_else(|| damaged("a value"))?)? {
            return Ok(Written { key: key.to_vec(), value: Some(value.to_vec()) });
        }
        // A deletion has no key with it; what it deleted has.
        let before = self.entry_at(&hash, version.saturating_sub(1))?;
        let (key, _) = before.ok_or_else(|| damaged("what was deleted"))?;
        Ok(Written { key, value: None })
    }
}

fn damaged(what: &str) -> StoreError {
    StoreError::Corrupt(format!("{what} of a kept version is not there, or no such thing"))
}
