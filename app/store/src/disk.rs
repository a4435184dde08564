//! What the state takes on disk.

use crate::layout::{CONTENT, META};
use crate::{Store, StoreError, point};

/// What a column family takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FamilySize {
    /// Its name, as in `docs/architecture.md`.
    pub name: &'static str,
    /// Bytes of its files.
    pub bytes: u64,
    /// Bytes in memory that are in the write-ahead log and not in its files yet.
    pub unflushed_bytes: u64,
    /// Entries, about.
    pub entries: u64,
}

impl FamilySize {
    /// All of it: files and write-ahead log, about.
    pub fn all(&self) -> u64 {
        self.bytes.saturating_add(self.unflushed_bytes)
    }
}

impl Store {
    /// What every column family takes, from figures that the database keeps: nothing is read for it.
    ///
    /// # Errors
    /// When the database fails.
    pub fn disk(&self) -> Result<Vec<FamilySize>, StoreError> {
        let database = self.database();
        let mut sizes = Vec::new();
        for name in CONTENT.into_iter().chain([META]) {
            let family = database.family(name)?;
            let figure = |property: &str| -> Result<u64, StoreError> {
                Ok(database.rocks.property_int_value_cf(family, property)?.unwrap_or(0))
            };
            let tables = figure("rocksdb.total-sst-files-size")?;
            sizes.push(FamilySize {
                name,
                bytes: tables.saturating_add(figure("rocksdb.total-blob-file-size")?),
                unflushed_bytes: figure("rocksdb.cur-size-all-mem-tables")?,
                entries: figure("rocksdb.estimate-num-keys")?,
            });
        }
        Ok(sizes)
    }

    /// Writes everything from memory into files and makes the database give back what was deleted. It reads and
    /// writes the whole state.
    ///
    /// # Errors
    /// When the database fails.
    pub fn compact(&self) -> Result<(), StoreError> {
        let database = self.database();
        for name in CONTENT.into_iter().chain([META]) {
            let family = database.family(name)?;
            database.rocks.flush_cf(family)?;
            point::reached("compact/flushed");
            database.rocks.compact_range_cf(family, None::<&[u8]>, None::<&[u8]>);
            point::reached("compact/compacted");
        }
        Ok(())
    }
}
