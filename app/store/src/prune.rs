//! Forgetting old versions, in the background and in small steps.
//!
//! Two things happen, in this order. [`Store::keep_from`] says, durably, which version is the oldest that is
//! kept: from then on nobody is answered at an older one. Then a [`Pruner`] takes away what only older versions
//! needed: the records, the values and the deletions that the stale index names. It looks none of them up.
//!
//! Every step is one atomic batch that takes its entries out of the stale index together with what they name. So a
//! process may die anywhere: the next one goes on from what the index still says, and doing a step twice does
//! nothing. Of a key, older values come first, so a deletion is known as long as what it deleted. A commit waits
//! for nothing but the write of one batch into memory.

use crate::layout::{self, META, META_BASE, NODES, STALE, Stale, VALUES};
use crate::{Store, StoreError, View, point};
use rocksdb::{IteratorMode, ReadOptions, WriteBatch};

/// What a step of pruning did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Records of the tree that are gone.
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
        point::reached("keep/filled");
        database.write(batch)?;
        point::reached("keep/written");
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
    /// The last row of the stale index that is dealt with: what lies before it are gravestones, and slow to
    /// pass.
    done: Option<Vec<u8>>,
}

/// A row of the stale index: its key and what it names.
type Row = (Vec<u8>, Vec<Stale>);

impl Pruner {
    /// Deals with the next rows of the stale index, until that are `most` entries.
    ///
    /// # Errors
    /// When the database fails, or holds what is no tree.
    pub fn step(&mut self, most: usize) -> Result<Pruned, StoreError> {
        let view = self.store.view();
        let Some(kept) = view.kept()? else { return Ok(Pruned::default()) };
        let oldest = *kept.start();
        let rows = self.due(&view, oldest, most)?;
        let Some(last) = rows.last().map(|(row, _)| row.clone()) else { return Ok(Pruned::default()) };
        let database = self.store.database();
        let (nodes, values, stale) =
            (database.family(NODES)?, database.family(VALUES)?, database.family(STALE)?);
        let (mut batch, mut pruned) = (WriteBatch::default(), Pruned::default());
        for (row, entries) in rows {
            for entry in entries {
                match entry {
                    Stale::Record(place) => {
                        pruned.nodes += 1;
                        batch.delete_cf(nodes, place.key());
                    }
                    Stale::Value(key, version) => {
                        pruned.values += 1;
                        batch.delete_cf(values, layout::value_key(&key, version));
                    }
                }
            }
            batch.delete_cf(stale, row);
        }
        pruned.more = pruned.nodes.saturating_add(pruned.values) >= most;
        point::reached("prune/filled");
        if !database.write_behind(batch)? {
            return Ok(Pruned { more: true, busy: true, ..Pruned::default() });
        }
        point::reached("prune/written");
        self.done = Some(last);
        Ok(pruned)
    }

    /// The first rows of the stale index of which no kept version needs what they name, up to `most` entries.
    fn due(&self, view: &View, oldest: u64, most: usize) -> Result<Vec<Row>, StoreError> {
        let mut options = ReadOptions::default();
        options.set_iterate_upper_bound(oldest.saturating_add(1).to_be_bytes());
        if let Some(done) = &self.done {
            options.set_iterate_lower_bound([done.as_slice(), &[0]].concat());
        }
        let (mut rows, mut count) = (Vec::new(), 0usize);
        for row in view.iterate(STALE, options, IteratorMode::Start)? {
            if count >= most {
                break;
            }
            let (key, bytes) = row?;
            let entries = Stale::decode(&bytes)?;
            count = count.saturating_add(entries.len());
            rows.push((key.into_vec(), entries));
        }
        Ok(rows)
    }
}
