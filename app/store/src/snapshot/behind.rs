//! A write that goes on while the next chunk is checked.

use crate::database::Database;
use crate::{StoreError, point};
use rocksdb::WriteBatch;
use std::sync::Arc;
use std::thread::JoinHandle;

/// At most one write, on a thread of its own. What was handed over is written, or its error told, before the next one
/// begins; one that is dropped is waited for, so nobody is left with the database.
#[derive(Default)]
pub(super) struct Behind {
    writing: Option<JoinHandle<Result<(), StoreError>>>,
}

impl Behind {
    /// Waits for what is written.
    pub(super) fn wait(&mut self) -> Result<(), StoreError> {
        match self.writing.take().map(JoinHandle::join) {
            None => Ok(()),
            Some(Ok(written)) => written,
            Some(Err(panic)) => std::panic::resume_unwind(panic),
        }
    }

    /// Writes a batch as [`Database::fill`] does, once the one before is written.
    pub(super) fn fill(&mut self, database: &Arc<Database>, batch: WriteBatch) -> Result<(), StoreError> {
        self.wait()?;
        let database = Arc::clone(database);
        self.writing = Some(std::thread::spawn(move || {
            database.fill(batch)?;
            point::reached("restore/written");
            Ok(())
        }));
        Ok(())
    }
}

impl Drop for Behind {
    fn drop(&mut self) {
        // Whoever drops it gives the restore up.
        let _ = self.writing.take().map(JoinHandle::join);
    }
}
