//! What leaves the state by itself, at the end of a block: old receipts, and the chunks of retired models.
//!
//! Both are part of the state transition. The work of one block is bounded: receipts by those that one block could
//! write, chunks by [`CHUNKS_PER_BLOCK`]; what is left of the latter is for the next block.

use crate::chunks;
use crate::fatal::Fatal;
use crate::model;
use assay_store::{Overlay, Read, ReadExt};
use assay_types::hash::ModelId;
use assay_types::model::ModelState;
use assay_types::params::Params;
use assay_types::path;
use assay_types::receipt::ReceiptId;
use borsh::{BorshDeserialize, BorshSerialize};

/// Chunks that one block gives back: two of the largest models.
pub(crate) const CHUNKS_PER_BLOCK: u32 = 1024;
/// Retired models that one block looks at.
const MODELS_PER_BLOCK: usize = 256;

/// The record at `retired/<height>/<model id>`, and, of the last one that is dealt with, at `cleared`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(crate) struct Retirement {
    /// The height of the block that retired it.
    pub height: u64,
    pub model: ModelId,
    /// Chunks that still count for it, from the first one on.
    pub chunks: u32,
}

impl Retirement {
    pub fn key(&self) -> Vec<u8> {
        path::retired(self.height, &self.model)
    }
}

/// Lists the receipts that a block wrote, and deletes those of the block whose time is over.
pub(crate) fn receipts(
    state: &mut Overlay<'_>,
    params: &Params,
    height: u64,
    written: &[ReceiptId],
) -> Result<(), Fatal> {
    if !written.is_empty() {
        state.write(path::receipts_at(height), &written.to_vec());
    }
    let Some(over) = height.checked_sub(params.receipt_blocks) else { return Ok(()) };
    let key = path::receipts_at(over);
    let expired: Option<Vec<ReceiptId>> = state.read(&key)?;
    if let Some(expired) = expired {
        for ReceiptId { tx, index } in expired {
            state.delete(path::receipt(&tx, index));
        }
        state.delete(key);
    }
    Ok(())
}

/// Gives chunks of models back whose delay is over, the models retired first first.
pub(crate) fn retired(state: &mut Overlay<'_>, params: &Params, height: u64) -> Result<(), Fatal> {
    let Some(over) = height.checked_sub(params.chunk_delay_blocks) else { return Ok(()) };
    let cleared: Option<Retirement> = state.read(path::CLEARED)?;
    // What lies before it was deleted, and would be passed over one by one.
    let after = cleared.map(|last| last.key());
    let mut left = CHUNKS_PER_BLOCK;
    for (key, _) in state.scan(path::RETIRED, after.as_deref(), MODELS_PER_BLOCK)? {
        let found: Option<Retirement> = state.read(&key)?;
        let retirement = found.ok_or_else(|| Fatal::Invariant("a retirement vanished".into()))?;
        if retirement.height > over || left == 0 {
            break;
        }
        let rest = clear(state, &retirement, left)?;
        left -= retirement.chunks - rest;
        if rest > 0 {
            state.write(key, &Retirement { chunks: rest, ..retirement });
            break;
        }
        state.delete(key);
        state.write(path::CLEARED.to_vec(), &Retirement { chunks: 0, ..retirement });
    }
    Ok(())
}

/// Gives up to `most` chunks of a model back, the last first, and says how many still count.
fn clear(state: &mut Overlay<'_>, retirement: &Retirement, most: u32) -> Result<u32, Fatal> {
    let gone =
        || Fatal::Invariant(format!("the retired model {} is not as its record says", retirement.model));
    let mut record = model::find(state, &retirement.model)?.ok_or_else(gone)?;
    let rest = retirement.chunks.saturating_sub(most);
    let hashes = record.manifest.chunks.get(rest as usize..retirement.chunks as usize).ok_or_else(gone)?;
    for hash in hashes.iter().rev() {
        chunks::release(state, hash)?;
    }
    match &mut record.state {
        ModelState::Retired { stored: false, .. } => {}
        ModelState::Retired { stored, .. } => {
            *stored = false;
            model::put(state, &retirement.model, &record);
        }
        ModelState::Uploading { .. } | ModelState::Sealed(_) => return Err(gone()),
    }
    Ok(rest)
}
