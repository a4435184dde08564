//! Taking the last version back, as if it had never been committed.
//!
//! Everything that it wrote is deleted and what it replaced is the state again, in one synced, atomic batch: records,
//! values, the stale index, the flat reads, chunks that came with it, and the entries of the index that the caller
//! names. What an earlier version left behind is not touched, so the database has the content that it had before the
//! commit.
//!
//! One thing does not come back: the bytes of chunks that the version deleted. A state that names chunks which are not
//! there would be no state, so such a version is not taken back. Only a block that clears retired models deletes any.

use crate::layout::{BLOBS, INDEX, LATEST, META, META_TIP, NODES, STALE, VALUES};
use crate::snapshot::chunk_of;
use crate::store::Tip;
use crate::written::{Traces, Written};
use crate::{Committed, Store, StoreError, View, layout};
use jmt::KeyHash;
use rocksdb::WriteBatch;
use std::sync::PoisonError;

/// What taking the last version back does.
struct Undo {
    before: Tip,
    batch: WriteBatch,
}

impl Store {
    /// What the state would be without the last version. Nothing is written.
    ///
    /// # Errors
    /// [`StoreError::NoWayBack`] with the reason when it cannot be taken back, [`StoreError::NoGenesis`], or when the
    /// database fails.
    pub fn before_last(&self) -> Result<Committed, StoreError> {
        let undo = self.undo()?;
        Ok(Committed { version: undo.before.version, root: undo.before.root })
    }

    /// Takes the last version back, with these keys of the index, and gives the one that is the last now.
    ///
    /// # Errors
    /// As [`Store::before_last`]; nothing is written then.
    pub fn rollback(&self, index: &[Vec<u8>]) -> Result<Committed, StoreError> {
        let Undo { before, mut batch } = self.undo()?;
        let database = self.database();
        for key in index {
            batch.delete_cf(database.family(INDEX)?, key);
        }
        batch.put_cf(database.family(META)?, META_TIP, before.encode());
        let mut tip = self.inner.tip.write().unwrap_or_else(PoisonError::into_inner);
        // A commit may have come in between: then these are not the traces of the last version any more.
        match *tip {
            Some(Tip { version, .. }) if version == before.version.saturating_add(1) => {}
            Some(Tip { version, .. }) => {
                return Err(no_way_back(version, "another version was committed meanwhile"));
            }
            None => return Err(StoreError::NoGenesis),
        }
        database.write(batch)?;
        database.nodes.stop();
        *tip = Some(before);
        Ok(Committed { version: before.version, root: before.root })
    }

    fn undo(&self) -> Result<Undo, StoreError> {
        let view = self.view();
        let kept = view.kept()?.ok_or(StoreError::NoGenesis)?;
        let version = *kept.end();
        let Some(before) = version.checked_sub(1) else {
            return Err(no_way_back(version, "it is the genesis"));
        };
        if before < *kept.start() {
            return Err(no_way_back(version, "the version before it is not kept here"));
        }
        let root = view.root_at(before)?;
        let mut batch = WriteBatch::default();
        let Traces { nodes, stale, written } = view.traces(version)?;
        let database = self.database();
        for place in nodes {
            batch.delete_cf(database.family(NODES)?, place.key());
        }
        for row in stale {
            batch.delete_cf(database.family(STALE)?, row);
        }
        for hash in &written {
            let Written { key, .. } = view.written_at(hash, version)?;
            self.undo_key(&view, &mut batch, (&KeyHash(*hash), &key), version)?;
        }
        Ok(Undo { before: Tip { version: before, root }, batch })
    }

    /// Gives a key the value that it had before the version.
    fn undo_key(
        &self,
        view: &View,
        batch: &mut WriteBatch,
        (hash, key): (&KeyHash, &[u8]),
        version: u64,
    ) -> Result<(), StoreError> {
        let database = self.database();
        let before = view.value_at(hash, version.saturating_sub(1))?;
        batch.delete_cf(database.family(VALUES)?, layout::value_key(hash, version));
        match (&before, chunk_of(key)) {
            (Some(_), Some(chunk)) if view.value(BLOBS, chunk.as_bytes())?.is_none() => {
                return Err(no_way_back(version, &format!("it deleted the model chunk {chunk}")));
            }
            (None, Some(chunk)) => batch.delete_cf(database.family(BLOBS)?, chunk.as_bytes()),
            _ => {}
        }
        match before {
            Some(value) => batch.put_cf(database.family(LATEST)?, key, value),
            None => batch.delete_cf(database.family(LATEST)?, key),
        }
        Ok(())
    }
}

fn no_way_back(version: u64, why: &str) -> StoreError {
    StoreError::NoWayBack { version, why: why.into() }
}
