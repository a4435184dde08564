//! A consistent, read-only look at what is committed.

use crate::database::{self, Database};
use crate::layout::{BLOBS, LATEST, META, META_TIP};
use crate::store::Tip;
use crate::{Entry, Read, StoreError};
use assay_types::hash::{AppHash, ChunkHash};
use rocksdb::{
    DB, DBIterator, DBRawIteratorWithThreadMode, IteratorMode, ReadOptions, SnapshotWithThreadMode,
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

    #[cfg(test)]
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
