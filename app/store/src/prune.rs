//! Forgetting old versions, in the background and in small steps.
//!
//! Two things happen, in this order. [`Store::keep_from`] says, durably, which version is the oldest that is
//! kept: from then on nobody is answered at an older one. Then a [`Pruner`] takes away what only older versions
//! needed: the nodes that the stale index names, the values that a newer one has replaced at or below the oldest
//! kept version, and the names of keys that no kept version has.
//!
//! Every step is one atomic batch that takes its entries out of the stale index together with what they name. So
//! a process may die anywhere: the next one goes on from what the index still says, and doing a step twice does
//! nothing. A step reads without a lock; a commit waits for nothing but the write of one batch into memory.

use crate::database::range;
use crate::layout::{self, DELETED, META, META_BASE, NODES, PREIMAGES, STALE, VALUES};
use crate::{Store, StoreError, View};
use jmt::KeyHash;
use jmt::storage::Node;
use rocksdb::{IteratorMode, ReadOptions, WriteBatch};
use std::collections::BTreeSet;
use std::sync::PoisonError;

/// What a step of pruning did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Nodes of the tree that are gone.
    pub nodes: usize,
    /// Values that are gone.
    pub values: usize,
    /// Whether there may be more to do.
    pub more: bool,
    /// Whether the database was too busy to take the step; nothing happened, and trying again at once is in vain.
    pub busy: bool,
}

impl Store {
    /// Makes a version the oldest that is kept, and gives the one that is: never one older than before, and never
    /// the last one, for there must be one to go back to.
    ///
    /// # Errors
    /// Before genesis, or when the database fails.
    pub fn keep_from(&self, oldest: u64) -> Result<u64, StoreError> {
        let kept = self.view().kept()?.ok_or(StoreError::NoGenesis)?;
        let oldest = oldest.min(kept.end().saturating_sub(1));
        if oldest <= *kept.start() {
            return Ok(*kept.start());
        }
        let mut batch = WriteBatch::default();
        let database = self.database();
        batch.put_cf(database.family(META)?, META_BASE, oldest.to_be_bytes());
        database.write(batch)?;
        Ok(oldest)
    }

    /// What takes away the versions that are no longer kept. One at a time, please: two do the same work twice.
    pub fn pruner(&self) -> Pruner {
        Pruner { store: self.clone(), done: None }
    }
}

/// Takes away what no kept version needs.
pub struct Pruner {
    store: Store,
    /// The last entry of the stale index that is dealt with: what lies before it are gravestones, and slow to
    /// pass.
    done: Option<Vec<u8>>,
}

/// The values of a key that no kept version needs.
struct Outdated {
    values: Vec<Vec<u8>>,
    /// Whether no kept version has the key, as far as could be seen.
    vanished: bool,
}

impl Pruner {
    /// Deals with up to `most` entries of the stale index.
    ///
    /// # Errors
    /// When the database fails, or holds what is no tree.
    pub fn step(&mut self, most: usize) -> Result<Pruned, StoreError> {
        let view = self.store.view();
        let Some(kept) = view.kept()? else { return Ok(Pruned::default()) };
        let oldest = *kept.start();
        let entries = self.due(&view, oldest, most)?;
        let Some(last) = entries.last().cloned() else { return Ok(Pruned::default()) };
        let database = self.store.database();
        let (nodes, stale) = (database.family(NODES)?, database.family(STALE)?);
        let mut batch = WriteBatch::default();
        let mut keys = BTreeSet::new();
        for entry in &entries {
            let (_, node) =
                entry.split_at_checked(8).ok_or_else(|| corrupt("an entry of the stale index"))?;
            keys.extend(leaf(&view, node)?);
            batch.delete_cf(nodes, node);
            batch.delete_cf(stale, entry);
        }
        let (mut values, mut vanished) = (0, Vec::new());
        for key in keys {
            let outdated = outdated(&view, &key, oldest, most)?;
            values += outdated.values.len();
            for value in &outdated.values {
                batch.delete_cf(database.family(VALUES)?, value);
            }
            if outdated.vanished {
                vanished.push(key);
            }
        }
        if !self.write(batch, vanished, oldest)? {
            return Ok(Pruned { more: true, busy: true, ..Pruned::default() });
        }
        self.done = Some(last);
        Ok(Pruned { nodes: entries.len(), values, more: entries.len() == most, busy: false })
    }

    /// The first entries of the stale index whose nodes no kept version needs.
    fn due(&self, view: &View, oldest: u64, most: usize) -> Result<Vec<Vec<u8>>, StoreError> {
        let mut options = ReadOptions::default();
        options.set_iterate_upper_bound(oldest.saturating_add(1).to_be_bytes());
        if let Some(done) = &self.done {
            options.set_iterate_lower_bound([done.as_slice(), &[0]].concat());
        }
        let entries = view.iterate(STALE, options, IteratorMode::Start)?.take(most);
        entries.map(|entry| entry.map(|(key, _)| key.into_vec()).map_err(StoreError::from)).collect()
    }

    /// Writes a step, with the names of those keys that have indeed vanished: the lock keeps a commit from bringing
    /// one back between the look and the write.
    fn write(&self, mut batch: WriteBatch, vanished: Vec<KeyHash>, oldest: u64) -> Result<bool, StoreError> {
        let database = self.store.database();
        let _no_commit = self.store.inner.tip.read().unwrap_or_else(PoisonError::into_inner);
        let view = self.store.view();
        for key in vanished {
            if versions_after(&view, &key, oldest)? == 0 {
                batch.delete_cf(database.family(PREIMAGES)?, key.0);
            }
        }
        database.write_behind(batch)
    }
}

/// The key whose leaf a node is, if it is one.
fn leaf(view: &View, node: &[u8]) -> Result<Option<KeyHash>, StoreError> {
    let Some(bytes) = view.value(NODES, node)? else { return Ok(None) };
    match borsh::from_slice(&bytes) {
        Ok(Node::Leaf(leaf)) => Ok(Some(leaf.key_hash())),
        Ok(Node::Internal(_) | Node::Null) => Ok(None),
        Err(_) => Err(corrupt("a node of the tree")),
    }
}

/// Versions of a key above one; at most one is counted.
fn versions_after(view: &View, key: &KeyHash, oldest: u64) -> Result<usize, StoreError> {
    let mut options = range(&key.0, None);
    options.set_iterate_lower_bound(layout::value_key(key, oldest.saturating_add(1)));
    match view.iterate(VALUES, options, IteratorMode::Start)?.next() {
        Some(entry) => entry.map(|_| 1).map_err(StoreError::from),
        None => Ok(0),
    }
}

/// The values of a key, about twice `most` of them, that no version from `oldest` on reads: all up to `oldest` but the
/// newest of them, and that one too if it says that the key was deleted.
///
/// If there are more than that, later entries of the stale index name the key again: every value that was replaced left
/// one, and a deletion that was replaced left none. So twice `most` are read here, or some would be left over.
fn outdated(view: &View, key: &KeyHash, oldest: u64, most: usize) -> Result<Outdated, StoreError> {
    let mut options = range(&key.0, None);
    options.set_iterate_upper_bound(upper(key, oldest));
    let mut values = Vec::new();
    let mut newest_is_deleted = false;
    let mut whole = true;
    for entry in view.iterate(VALUES, options, IteratorMode::Start)? {
        if values.len() > most.saturating_mul(2) {
            whole = false;
            break;
        }
        let (at, value) = entry?;
        newest_is_deleted = value.first() == Some(&DELETED);
        values.push(at.into_vec());
    }
    if !(whole && newest_is_deleted) {
        // The newest of those that were read is either the one to keep, or one of more.
        values.pop();
        return Ok(Outdated { values, vanished: false });
    }
    let vanished = versions_after(view, key, oldest)? == 0;
    Ok(Outdated { values, vanished })
}

/// Just above the value of a key at a version.
fn upper(key: &KeyHash, version: u64) -> Vec<u8> {
    let mut bound = layout::value_key(key, version).to_vec();
    bound.push(0);
    bound
}

fn corrupt(what: &str) -> StoreError {
    StoreError::Corrupt(format!("{what} does not decode"))
}
