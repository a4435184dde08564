//! Models in state: their records, and the files that their chunks make up.

use crate::fatal::{Failure, Fatal};
use assay_store::{Overlay, Read, ReadExt};
use assay_types::error::Rejected;
use assay_types::hash::ModelId;
use assay_types::model::{Manifest, ModelRecord};
use assay_types::path;

/// A model's record, or `None` when nobody published it.
pub(crate) fn find(state: &dyn Read, id: &ModelId) -> Result<Option<ModelRecord>, Fatal> {
    Ok(state.read(&path::model(id))?)
}

/// A model's record.
///
/// # Errors
/// [`Rejected::ModelUnknown`].
pub(crate) fn get(state: &dyn Read, id: &ModelId) -> Result<ModelRecord, Failure> {
    Ok(find(state, id)?.ok_or(Rejected::ModelUnknown)?)
}

/// Sets a model's record.
pub(crate) fn put(state: &mut Overlay<'_>, id: &ModelId, record: &ModelRecord) {
    state.write(path::model(id), record);
}

/// The file of a model whose chunks are all there.
///
/// The record in state says that they are, so a missing one is this machine's fault.
pub(crate) fn file(state: &dyn Read, manifest: &Manifest) -> Result<Vec<u8>, Fatal> {
    let size =
        usize::try_from(manifest.size).map_err(|_| Fatal::Invariant("a file larger than memory".into()))?;
    let mut file = Vec::with_capacity(size);
    for hash in &manifest.chunks {
        let chunk = state.blob(hash)?;
        let chunk =
            chunk.ok_or_else(|| Fatal::Invariant(format!("chunk {hash} is in state, not on disk")))?;
        file.extend_from_slice(&chunk);
    }
    if file.len() != size {
        return Err(Fatal::Invariant(format!("a file of {} bytes whose manifest says {size}", file.len())));
    }
    Ok(file)
}
