//! A consistent, read-only look at what is committed.

use crate::database::{self, Database};
use crate::layout::{self, BLOBS, LATEST, META, META_TIP, NODES, VALUES};
use crate::place::Place;
use crate::record::{Leaf, Record};
use crate::store::Tip;
use crate::{Entry, Read, StoreError};
use assay_types::hash::{AppHash, ChunkHash};
use jmt::KeyHash;
use rocksdb::{
    DB, DBIterator, DBRawIteratorWithThreadMode, Direction, IteratorMode, ReadOptions, SnapshotWithThreadMode,
};
use std::sync::Arc;

type Snapshot<'a> = SnapshotWithThreadMode<'a, DB>;

self_cell::self_cell!(
    /// A snapshot that keeps its database open.
    struct Pinned {
        owner: Arc<Database>,
        #[covariant]
        dependent: Snapshot,
    }
);

/// The state as of one commit; later commits do not show in it. Cheap to make and to clone.
///
/// The database cannot forget what a view still sees, so a view is for a block or a query, not for ever; and
/// the directory stays locked until the last view is gone.
#[derive(Clone)]
pub struct View {
    pinned: Arc<Pinned>,
}

impl View {
    pub(crate) fn new(database: Arc<Database>) -> Self {
        Self { pinned: Arc::new(Pinned::new(database, |database| database.rocks.snapshot())) }
    }

    /// The version that is seen, with its root; `None` before genesis.
    ///
    /// # Errors
    /// When the database fails.
    pub fn tip(&self) -> Result<Option<(u64, AppHash)>, StoreError> {
        match self.value(META, META_TIP)? {
            Some(bytes) => Tip::decode(&bytes).map(|tip| Some((tip.version, tip.root))),
            None => Ok(None),
        }
    }

    pub(crate) fn database(&self) -> Arc<Database> {
        Arc::clone(self.pinned.borrow_owner())
    }

    /// Everything in a column family, in the order of an iterator of the snapshot.
    pub(crate) fn iterate(
        &self,
        family: &'static str,
        options: ReadOptions,
        mode: IteratorMode<'_>,
    ) -> Result<DBIterator<'_>, StoreError> {
        let family = self.pinned.borrow_owner().family(family)?;
        Ok(self.pinned.borrow_dependent().iterator_cf_opt(family, options, mode))
    }

    pub(crate) fn value(&self, family: &'static str, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let family = self.pinned.borrow_owner().family(family)?;
        Ok(self.pinned.borrow_dependent().get_cf(family, key)?)
    }

    /// The newest value under a key's hash that is no newer than a version.
    pub(crate) fn value_at(&self, hash: &KeyHash, version: u64) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.entry_at(hash, version)?.map(|(_, value)| value))
    }

    /// The same with its key.
    pub(crate) fn entry_at(&self, hash: &KeyHash, version: u64) -> Result<Option<Entry>, StoreError> {
        let at = layout::value_key(hash, version);
        let mut options = ReadOptions::default();
        options.set_iterate_lower_bound(hash.0);
        options.set_prefix_same_as_start(true);
        let mode = IteratorMode::From(&at, Direction::Reverse);
        let Some(newest) = self.iterate(VALUES, options, mode)?.next() else { return Ok(None) };
        let (_, bytes) = newest?;
        Ok(layout::value_of(&bytes)?.map(|(key, value)| (key.to_vec(), value.to_vec())))
    }

    /// The key and the value of a leaf.
    pub(crate) fn entry(&self, leaf: &Leaf) -> Result<Entry, StoreError> {
        let hash = KeyHash(leaf.key);
        let bytes = self.value(VALUES, &layout::value_key(&hash, leaf.version))?;
        let wrong = || StoreError::Corrupt(format!("the value of {hash:?} is not the one in the tree"));
        let bytes = bytes.ok_or_else(wrong)?;
        let (key, value) = layout::value_of(&bytes)?.ok_or_else(wrong)?;
        if Leaf::new(leaf.key, value, leaf.version) != *leaf {
            return Err(wrong());
        }
        Ok((key.to_vec(), value.to_vec()))
    }

    /// The record of a place, if there is one.
    pub(crate) fn record(&self, place: &Place) -> Result<Option<Arc<Record>>, StoreError> {
        let database = self.pinned.borrow_owner();
        if let Some(record) = database.nodes.get(place) {
            return Ok(Some(record));
        }
        let family = database.family(NODES)?;
        let Some(bytes) = self.pinned.borrow_dependent().get_pinned_cf(family, place.key())? else {
            return Ok(None);
        };
        let record = Arc::new(decoded(place, &bytes)?);
        database.nodes.put(*place, Arc::clone(&record));
        Ok(Some(record))
    }

    /// The record of a version's root, which must be there.
    pub(crate) fn root_record(&self, version: u64) -> Result<Arc<Record>, StoreError> {
        self.record(&Place::root(version))?.ok_or(StoreError::MissingRoot { version })
    }

    /// The record of a place that another one names.
    pub(crate) fn record_at(&self, place: &Place) -> Result<Arc<Record>, StoreError> {
        let lost = || StoreError::Corrupt(format!("the record of the tree at {place:?} is gone"));
        self.record(place)?.ok_or_else(lost)
    }

    /// An iterator over a column family that can be moved at will.
    pub(crate) fn raw(
        &self,
        family: &'static str,
        options: ReadOptions,
    ) -> Result<DBRawIteratorWithThreadMode<'_, DB>, StoreError> {
        let family = self.pinned.borrow_owner().family(family)?;
        Ok(self.pinned.borrow_dependent().raw_iterator_cf_opt(family, options))
    }
}

impl Read for View {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.value(LATEST, key)
    }

    fn scan(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Result<Vec<Entry>, StoreError> {
        let iterator = self.iterate(LATEST, database::range(prefix, after), IteratorMode::Start)?;
        database::entries(iterator, limit)
    }

    fn blob(&self, hash: &ChunkHash) -> Result<Option<Vec<u8>>, StoreError> {
        let Some(bytes) = self.value(BLOBS, hash.as_bytes())? else { return Ok(None) };
        if ChunkHash::of(&bytes) != *hash {
            return Err(StoreError::Corrupt(format!(
                "the model chunk {hash} has other bytes than its hash says"
            )));
        }
        Ok(Some(bytes))
    }
}

/// The record of a place, from its bytes.
pub(crate) fn decoded(place: &Place, bytes: &[u8]) -> Result<Record, StoreError> {
    Record::decode(place.depth, bytes).ok_or_else(|| undecodable(place))
}

/// What is said of a record that does not decode.
pub(crate) fn undecodable(place: &Place) -> StoreError {
    StoreError::Corrupt(format!("the record of the tree at {place:?} does not decode"))
}
