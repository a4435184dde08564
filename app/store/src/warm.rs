//! Reading the tree into memory, so that a node that has just started is as fast as one that has run for a while.

use crate::database::scanning;
use crate::layout::NODES;
use crate::nodes::MOST_BYTES;
use crate::place::Place;
use crate::view::decoded;
use crate::{Store, StoreError};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Records of which the way to the next one is stepped over rather than jumped over.
const STEPS: usize = 32;
/// Records between two looks at whether it is time to stop.
const LOOK: u64 = 256;

/// What was read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Warmed {
    /// Records of the tree that are in memory now, and were not, or were.
    pub records: u64,
    /// Whether that is the whole tree of the last version.
    pub whole: bool,
}

/// What of the tree is in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TreeMemory {
    /// Bytes that it takes, about.
    pub bytes: u64,
    /// Bytes that it never exceeds, about.
    pub most_bytes: u64,
    /// Records that were asked for since the state was opened and had to be read.
    pub missed: u64,
}

impl Store {
    /// What of the tree is in memory.
    pub fn tree_memory(&self) -> TreeMemory {
        let database = self.database();
        let bytes = database.nodes.bytes() as u64;
        TreeMemory { bytes, most_bytes: MOST_BYTES as u64, missed: database.nodes.missed() }
    }

    /// Reads the tree of the last version into memory, as far as there is room, in the order in which it lies on the
    /// disk. Stops early when this is the last handle on the store. For a thread in the background.
    ///
    /// # Errors
    /// When the database fails, or holds what is no tree.
    pub fn warm(&self) -> Result<Warmed, StoreError> {
        let view = self.view();
        let (mut warmed, database) = (Warmed::default(), view.database());
        let crowded = database.nodes.crowded();
        let Some((version, _)) = view.tip()? else { return Ok(warmed) };
        let mut rows = view.raw(NODES, scanning())?;
        let mut waiting = BTreeSet::from([Place::root(version)]);
        // A version lies together, and no record names a newer one: so from the newest version to the oldest, and in
        // a version from the root down. What is of version 0 is not kept in memory.
        while let Some(newest) = waiting.last().map(|place| place.version).filter(|newest| *newest > 0) {
            while let Some(place) = waiting.range(Place::root(newest)..).next().copied() {
                waiting.remove(&place);
                let stop = || database.nodes.crowded() > crowded || Arc::strong_count(&self.inner) == 1;
                if warmed.records.is_multiple_of(LOOK) && stop() {
                    return Ok(warmed);
                }
                let key = place.key();
                let mut steps = 0;
                while rows.key().is_some_and(|at| at < key.as_slice()) && steps < STEPS {
                    rows.next();
                    steps += 1;
                }
                if rows.key() != Some(key.as_slice()) {
                    rows.seek(&key);
                }
                let bytes = rows.value().filter(|_| rows.key() == Some(key.as_slice()));
                let Some(bytes) = bytes else {
                    rows.status()?;
                    return Err(StoreError::Corrupt(format!("the record of the tree at {place:?} is gone")));
                };
                let record = decoded(&place, bytes)?;
                waiting.extend(record.children().iter().map(|(way, child)| place.child(*way, child.version)));
                database.nodes.put(place, Arc::new(record));
                warmed.records += 1;
            }
        }
        Ok(Warmed { whole: waiting.is_empty(), ..warmed })
    }
}
