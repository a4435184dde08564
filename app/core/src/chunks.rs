//! Chunks of model files: counted in state, their bytes in the blob store.
//!
//! A chunk is stored once, however many models have it. Its record counts the places that name it: one for every
//! chunk of every model that was uploaded and not cleared yet. With the last of them the record goes, and the bytes
//! with it, in the same commit.

use crate::fatal::Fatal;
use assay_store::{Overlay, ReadExt};
use assay_types::hash::ChunkHash;
use assay_types::path;
use borsh::{BorshDeserialize, BorshSerialize};

/// The record at `blob/<hash>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(crate) struct ChunkRecord {
    /// Bytes of the chunk.
    pub bytes: u64,
    /// How often uploaded models name it.
    pub count: u64,
}

fn wrong(hash: &ChunkHash) -> Fatal {
    Fatal::Invariant(format!("the count of chunk {hash} is wrong"))
}

/// Counts a chunk once more, and stores its bytes if nobody brought them before.
pub(crate) fn add(state: &mut Overlay<'_>, hash: &ChunkHash, bytes: &[u8]) -> Result<(), Fatal> {
    let key = path::blob(hash);
    let record = match state.read::<ChunkRecord>(&key)? {
        Some(found) => ChunkRecord { count: found.count.checked_add(1).ok_or_else(|| wrong(hash))?, ..found },
        None => {
            state.put_blob(bytes.to_vec());
            ChunkRecord { bytes: bytes.len() as u64, count: 1 }
        }
    };
    state.write(key, &record);
    Ok(())
}

/// Counts a chunk once less, and deletes it with the last.
pub(crate) fn release(state: &mut Overlay<'_>, hash: &ChunkHash) -> Result<(), Fatal> {
    let key = path::blob(hash);
    let record: ChunkRecord = state.read(&key)?.ok_or_else(|| wrong(hash))?;
    match record.count.checked_sub(1).ok_or_else(|| wrong(hash))? {
        0 => {
            state.delete(key);
            state.delete_blob(*hash);
        }
        count => state.write(key, &ChunkRecord { count, ..record }),
    }
    Ok(())
}
