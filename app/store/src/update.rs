//! The tree of a version, computed from the one before.
//!
//! The root is a function of the content alone; what is decided here is how long it takes. Writes go down the tree
//! sorted, so that each record on their ways is read, hashed and written once, below each way down from the root on a
//! thread of its own, and hashes inside a record that no write is below are not computed again.

use crate::place::{Place, nibble};
use crate::record::{BUCKET, Child, Leaf, Record, Slot};
use crate::{StoreError, View, layout};
use assay_types::hash::AppHash;
use jmt::KeyHash;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Writes for which threads are worth starting.
const WRITES_FOR_THREADS: usize = 64;

/// The writes of a version: `None` deletes.
type Writes = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

/// What a version changes in the tree.
#[derive(Debug, Clone)]
pub(crate) struct Update {
    pub(crate) root: AppHash,
    /// Records that it writes.
    pub(crate) records: Vec<(Place, Arc<Record>)>,
    /// Records that it replaces.
    pub(crate) replaced: Vec<Place>,
    /// Those of them that have no record in their place.
    pub(crate) vanished: Vec<Place>,
    /// Values that it replaces or deletes, by the key and the version that wrote them, and its own deletions.
    pub(crate) outdated: Vec<(KeyHash, u64)>,
    /// The hashes of the keys that it writes, in the order of the keys.
    pub(crate) hashes: Vec<KeyHash>,
}

/// A write, by the hash of its key.
struct Edit<'a> {
    key: [u8; 32],
    value: Option<&'a [u8]>,
}

/// What was done below a place.
#[derive(Default)]
struct Done {
    records: Vec<(Place, Arc<Record>)>,
    replaced: Vec<Place>,
    vanished: Vec<Place>,
    outdated: Vec<(KeyHash, u64)>,
}

/// What changes on a way down from the root, and what was done below it.
type Part = (Vec<(u8, Slot)>, Done);

/// The root of a version and what changes in the tree. The version before it must be there.
pub(crate) fn update(view: &View, version: u64, writes: &Writes) -> Result<Update, StoreError> {
    let hashes: Vec<KeyHash> = writes.keys().map(|key| layout::key_hash(key)).collect();
    let pairs = hashes.iter().zip(writes.values());
    let mut edits: Vec<Edit<'_>> =
        pairs.map(|(hash, value)| Edit { key: hash.0, value: value.as_deref() }).collect();
    edits.sort_unstable_by_key(|edit| edit.key);
    let mut done = Done::default();
    let before = match version.checked_sub(1) {
        None => Arc::new(Record::empty(0)),
        Some(before) => {
            done.replaced.push(Place::root(before));
            view.root_record(before)?
        }
    };
    let root = before.with(Pass { view, version }.root(&before, &edits, &mut done)?);
    let hash = AppHash(root.hash());
    done.records.push((Place::root(version), Arc::new(root)));
    let Done { records, replaced, vanished, outdated } = done;
    Ok(Update { root: hash, records, replaced, vanished, outdated, hashes })
}

/// The way down to one version.
struct Pass<'a> {
    view: &'a View,
    version: u64,
}

impl Pass<'_> {
    /// What changes below the root.
    fn root(&self, old: &Record, edits: &[Edit<'_>], done: &mut Done) -> Result<Vec<(u8, Slot)>, StoreError> {
        let place = Place::root(self.version);
        if edits.len() < WRITES_FOR_THREADS {
            return self.slots(old, place, edits, done);
        }
        let parts: Vec<Result<Part, StoreError>> = std::thread::scope(|scope| {
            let start = |edits| {
                scope.spawn(move || -> Result<Part, StoreError> {
                    let mut done = Done::default();
                    Ok((self.slots(old, place, edits, &mut done)?, done))
                })
            };
            let running: Vec<_> = groups(edits, 0).map(start).collect();
            let panicked = |_| Err(StoreError::Tree("a thread that computes it panicked".into()));
            running.into_iter().map(|part| part.join().unwrap_or_else(panicked)).collect()
        });
        let mut changed = Vec::new();
        for part in parts {
            let (slots, below) = part?;
            changed.extend(slots);
            done.records.extend(below.records);
            done.replaced.extend(below.replaced);
            done.vanished.extend(below.vanished);
            done.outdated.extend(below.outdated);
        }
        Ok(changed)
    }

    /// What changes below a record.
    fn slots(
        &self,
        old: &Record,
        place: Place,
        edits: &[Edit<'_>],
        done: &mut Done,
    ) -> Result<Vec<(u8, Slot)>, StoreError> {
        let mut changed = Vec::new();
        for edits in groups(edits, place.depth) {
            let way = edits.first().map_or(0, |edit| nibble(&edit.key, place.depth));
            let below = place.child(way, self.version);
            let slot = match old.child(way) {
                Some(child) => self.child(child, below, edits, done)?,
                None => grown(self.merged(old.leaves_on(way), edits, done), below, done),
            };
            changed.push((way, slot));
        }
        Ok(changed)
    }

    /// What becomes of a subtree with a record of its own.
    fn child(
        &self,
        child: &Child,
        place: Place,
        edits: &[Edit<'_>],
        done: &mut Done,
    ) -> Result<Slot, StoreError> {
        let was = place.of(child.version);
        let old = self.view.record_at(&was)?;
        done.replaced.push(was);
        let new = old.with(self.slots(&old, place, edits, done)?);
        let slot = kept(new, place, done);
        if let Slot::Leaves(_) = slot {
            done.vanished.push(was);
        }
        Ok(slot)
    }

    /// Leaves with writes among them.
    fn merged(&self, leaves: &[Leaf], edits: &[Edit<'_>], done: &mut Done) -> Vec<Leaf> {
        let mut merged = Vec::with_capacity(leaves.len().saturating_add(edits.len()));
        let mut old = leaves.iter().peekable();
        for edit in edits {
            while let Some(leaf) = old.next_if(|leaf| leaf.key < edit.key) {
                merged.push(*leaf);
            }
            if let Some(leaf) = old.next_if(|leaf| leaf.key == edit.key) {
                done.outdated.push((KeyHash(edit.key), leaf.version));
            }
            match edit.value {
                Some(value) => merged.push(Leaf::new(edit.key, value, self.version)),
                // That it was deleted has to be known as long as the value is.
                None => done.outdated.push((KeyHash(edit.key), self.version)),
            }
        }
        merged.extend(old);
        merged
    }
}

/// A record as its parent has it: one that became small is none.
fn kept(record: Record, place: Place, done: &mut Done) -> Slot {
    if record.is_small() {
        return Slot::Leaves(record.into_leaves());
    }
    let child = Child { hash: record.hash(), version: place.version, leaves: record.count() };
    done.records.push((place, Arc::new(record)));
    Slot::Child(child)
}

/// A subtree of some leaves that had no record so far.
fn grown(leaves: Vec<Leaf>, place: Place, done: &mut Done) -> Slot {
    if leaves.len() <= BUCKET {
        return Slot::Leaves(leaves);
    }
    let way = |leaf: &Leaf| nibble(&leaf.key, place.depth);
    let parts = leaves.chunk_by(|one, next| way(one) == way(next));
    let slots = parts.map(|part| {
        let at = part.first().map_or(0, way);
        (at, grown(part.to_vec(), place.child(at, place.version), done))
    });
    let slots = slots.collect();
    kept(Record::empty(place.depth).with(slots), place, done)
}

/// Writes by their way down from a depth.
fn groups<'a, 'b>(edits: &'a [Edit<'b>], depth: u8) -> impl Iterator<Item = &'a [Edit<'b>]> {
    edits.chunk_by(move |one, next| nibble(&one.key, depth) == nibble(&next.key, depth))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::assert_canonical;
    use crate::tree::Tree;
    use crate::{Changes, Read, Store};
    use jmt::Sha256Jmt;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn writes(entries: Vec<(u16, Option<u8>)>) -> Writes {
        let entry = |(key, value): (u16, Option<u8>)| {
            (format!("key/{key}").into_bytes(), value.map(|value| vec![value, 7]))
        };
        entries.into_iter().map(entry).collect()
    }

    fn some(keys: u16, most: usize) -> impl Strategy<Value = Writes> {
        let entry = (0..keys, proptest::option::weighted(0.8, any::<u8>()));
        proptest::collection::vec(entry, 1..most).prop_map(writes)
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

        /// The tree library's own way, one key at a time and node by node, is the law.
        #[test]
        fn the_root_is_as_if_each_key_had_gone_into_the_library_by_itself(
            first in some(2_000, 1_500), second in some(2_000, 400), third in some(2_000, 12),
        ) {
            let dir = tempfile::tempdir().unwrap();
            let store = Store::open(dir.path()).unwrap();
            store.genesis(Changes { writes: first, ..Changes::default() }).unwrap();
            for (version, writes) in [(1, second), (2, third)] {
                let view = store.view();
                let there = |key: &[u8]| view.get(key).unwrap().is_some();
                let fits = |(key, value): &(Vec<u8>, Option<Vec<u8>>)| value.is_some() || there(key);
                let writes: Writes = writes.into_iter().filter(fits).collect();
                let update = update(&view, version, &writes).unwrap();
                let single: Vec<_> =
                    writes.iter().map(|(key, value)| (layout::key_hash(key), value.clone())).collect();
                let outdated: BTreeSet<_> =
                    writes.keys().filter(|key| there(key)).map(|key| layout::key_hash(key)).collect();
                let (expected, _) = Sha256Jmt::new(&Tree(&view)).put_value_set(single, version).unwrap();
                prop_assert_eq!(update.root, AppHash(expected.0));
                prop_assert_eq!(update.outdated.iter().map(|(key, _)| *key).collect::<BTreeSet<_>>(), outdated);
                let staged = store.stage(version, Changes { writes, ..Changes::default() }).unwrap();
                store.commit(staged, Vec::new()).unwrap();
                assert_canonical(&store);
            }
        }
    }
}
