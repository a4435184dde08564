//! Models that a chain starts with, and their files.
//!
//! Neither the document nor a file is believed: a file must have the bytes that the document names, and must compile,
//! here and now, to the plan that it names. So every node that starts such a chain takes the time of compiling each
//! model, and none can be given a plan that is not the model's.

use crate::chunks::ChunkRecord;
use crate::engine::Engine;
use crate::genesis::InitError;
use assay_genesis::GenesisModel;
use assay_store::{Changes, Store};
use assay_types::codec;
use assay_types::hash::{ChunkHash, ModelId};
use assay_types::limits::{CHUNK_BYTES, MAX_COMPILE_FUEL};
use assay_types::model::{Compiled, ModelRecord, ModelState};
use assay_types::path;
use std::collections::BTreeMap;
use std::io;

/// Where the files of a genesis document's models are.
pub trait ModelFiles: Send + Sync {
    /// The bytes of a model's file, which must be of this length.
    ///
    /// # Errors
    /// When it is not there, or of another length.
    fn read(&self, model: &ModelId, bytes: u64) -> io::Result<Vec<u8>>;
}

/// No files: enough for a chain that starts without models.
pub struct NoFiles;

impl ModelFiles for NoFiles {
    fn read(&self, _: &ModelId, _: u64) -> io::Result<Vec<u8>> {
        Err(io::Error::new(io::ErrorKind::NotFound, "this chain was started without model files"))
    }
}

/// The records of the models, compiled anew, into the first state.
pub(crate) fn records(
    changes: &mut Changes,
    engine: &Engine,
    number: u32,
    models: &[GenesisModel],
    files: &dyn ModelFiles,
) -> Result<(), InitError> {
    let mut chunks: BTreeMap<ChunkHash, ChunkRecord> = BTreeMap::new();
    for model in models {
        let file = file(model, files)?;
        let compiled = engine.compile(number, &file, &model.manifest.shapes, MAX_COMPILE_FUEL)?;
        let compiled = match compiled {
            Ok(compiled) if compiled.plan == model.plan => compiled,
            Ok(other) => return Err(other_plan(model, &other.plan.to_string())),
            Err(refusal) => return Err(other_plan(model, &refusal)),
        };
        for (hash, bytes) in model.manifest.chunks.iter().zip(file.chunks(CHUNK_BYTES)) {
            let chunk = chunks.entry(*hash).or_insert(ChunkRecord { bytes: bytes.len() as u64, count: 0 });
            chunk.count = chunk.count.saturating_add(1);
        }
        changes.writes.insert(path::model(&model.id()), Some(codec::encode(&record(model, compiled))));
    }
    for (hash, record) in chunks {
        changes.writes.insert(path::blob(&hash), Some(codec::encode(&record)));
    }
    Ok(())
}

/// The heights of the chain that it comes from mean nothing in this one.
fn record(model: &GenesisModel, compiled: Compiled) -> ModelRecord {
    ModelRecord {
        owner: model.owner,
        name: model.name.clone(),
        version: model.version.clone(),
        description: model.description.clone(),
        manifest: model.manifest.clone(),
        published: 0,
        deposit: model.deposit,
        state: ModelState::Sealed(Compiled { sealed: 0, ..compiled }),
    }
}

/// Puts the bytes of the models beside the first state.
pub(crate) fn chunks(
    store: &Store,
    models: &[GenesisModel],
    files: &dyn ModelFiles,
) -> Result<(), InitError> {
    for model in models {
        let file = file(model, files)?;
        let chunks = model.manifest.chunks.iter().copied().zip(file.chunks(CHUNK_BYTES));
        store.put_genesis_chunks(chunks).map_err(crate::Fatal::from)?;
    }
    Ok(())
}

fn file(model: &GenesisModel, files: &dyn ModelFiles) -> Result<Vec<u8>, InitError> {
    read_model(model, files)
        .map_err(|error| InitError::ModelFile { model: model.id(), reason: error.to_string() })
}

/// A model's file, whose every chunk is the one that the document names.
///
/// # Errors
/// When it is not there, or another one.
pub fn read_model(model: &GenesisModel, files: &dyn ModelFiles) -> io::Result<Vec<u8>> {
    let size = model.manifest.size;
    let file = files.read(&model.id(), size)?;
    if file.len() as u64 != size {
        return Err(io::Error::other(format!("it has {} bytes, where {size} are named", file.len())));
    }
    let mut pairs = model.manifest.chunks.iter().zip(file.chunks(CHUNK_BYTES));
    match pairs.position(|(hash, bytes)| ChunkHash::of(bytes) != *hash) {
        Some(index) => Err(io::Error::other(format!("its chunk {index} has other bytes than are named"))),
        None => Ok(file),
    }
}

fn other_plan(model: &GenesisModel, found: &str) -> InitError {
    InitError::ModelPlan { model: model.id(), named: model.plan, found: found.into() }
}
