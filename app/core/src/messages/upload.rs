//! Bringing the chunks of a model's file, strictly in order.
//!
//! The bytes go to the blob store under their hash; the state keeps hash, length and count. Models may share
//! a chunk, which is then stored once.

use crate::chunks;
use crate::execute::Call;
use crate::fatal::Failure;
use crate::model;
use assay_store::Overlay;
use assay_types::error::Rejected;
use assay_types::message::UploadChunk;
use assay_types::model::{ModelRecord, ModelState};

pub(super) fn execute(
    chunk: &UploadChunk,
    state: &mut Overlay<'_>,
    call: &mut Call<'_>,
) -> Result<(), Failure> {
    let mut record = model::get(state, &chunk.model)?;
    let next = next_chunk(&record)?;
    if record.owner != call.admitted.payer() {
        return Err(Rejected::NotOwner.into());
    }
    let got = chunk.index;
    if got < next {
        return Err(Rejected::ChunkExists { got }.into());
    }
    if got > next {
        return Err(Rejected::ChunkOutOfOrder { expected: next, got }.into());
    }
    // Past the last chunk, no bytes at all are expected.
    let expected = record.manifest.chunk_len(got).unwrap_or(0);
    let length = chunk.bytes.len() as u64;
    if length != expected {
        return Err(Rejected::ChunkLength { got: length, expected }.into());
    }
    let hash = chunk.hash();
    if record.manifest.chunks.get(got as usize) != Some(&hash) {
        return Err(Rejected::ChunkHashMismatch { got }.into());
    }
    chunks::add(state, &hash, &chunk.bytes)?;
    record.state = ModelState::Uploading { next_chunk: next.saturating_add(1) };
    model::put(state, &chunk.model, &record);
    call.event("upload_chunk", [("model", chunk.model.to_string()), ("index", got.to_string())]);
    Ok(())
}

/// The index of the chunk that must come next.
///
/// # Errors
/// [`Rejected`] when the model takes no chunks any more.
pub(super) fn next_chunk(record: &ModelRecord) -> Result<u32, Rejected> {
    match record.state {
        ModelState::Uploading { next_chunk } => Ok(next_chunk),
        ModelState::Sealed(_) => Err(Rejected::ModelSealed),
        ModelState::Retired { .. } => Err(Rejected::ModelRetired),
    }
}
