//! Model chunks that a chain starts with.
//!
//! They may be far more than one batch can hold, so they come after the batch of the genesis, in steps. A process that
//! dies in between leaves a version 0 without them, which does no harm: consensus starts the chain again, and again the
//! chunks come, until there is a block.

use crate::layout::BLOBS;
use crate::{Store, StoreError};
use assay_types::hash::ChunkHash;
use rocksdb::WriteBatch;

/// Bytes of chunks that are written at once.
const STEP_BYTES: usize = 8 * 1024 * 1024;

impl Store {
    /// Puts chunks that the genesis names; on the disk when this returns.
    ///
    /// # Errors
    /// When the last version is not the genesis, or the database fails.
    pub fn put_genesis_chunks<'a>(
        &self,
        chunks: impl Iterator<Item = (ChunkHash, &'a [u8])>,
    ) -> Result<(), StoreError> {
        match self.version() {
            Some(0) => {}
            Some(version) => return Err(StoreError::GenesisTooLate { version }),
            None => return Err(StoreError::NoGenesis),
        }
        let database = self.database();
        let family = database.family(BLOBS)?;
        let mut batch = WriteBatch::default();
        for (hash, bytes) in chunks {
            if ChunkHash::of(bytes) != hash {
                return Err(StoreError::BlobHash { hash });
            }
            batch.put_cf(family, hash.as_bytes(), bytes);
            if batch.size_in_bytes() >= STEP_BYTES {
                database.write(std::mem::take(&mut batch))?;
            }
        }
        database.write(batch)
    }
}
