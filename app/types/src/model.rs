//! What the chain says of a model: its manifest, and its record in state.

use crate::address::Address;
use crate::amount::Amount;
use crate::codec;
use crate::error::Rejected;
use crate::hash::{ChunkHash, ModelId, PlanHash};
use crate::limits::{CHUNK_BYTES, MAX_MODEL_BYTES, MAX_PORTS, MAX_RANK, MAX_TENSOR_NAME_BYTES};
use crate::tensor::{InputShape, Port};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// What a model is: the file, by the digests of its chunks, and the shapes fixed for its open inputs.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Manifest {
    /// Bytes of the ONNX file.
    pub size: u64,
    /// The digest of every chunk, in order; every chunk but the last has [`CHUNK_BYTES`] bytes.
    pub chunks: Vec<ChunkHash>,
    /// Dims for inputs that the file leaves open, sorted by name; empty when it leaves none.
    pub shapes: Vec<InputShape>,
}

impl Manifest {
    /// The manifest of a file.
    pub fn of(file: &[u8], mut shapes: Vec<InputShape>) -> Self {
        shapes.sort_by(|a, b| a.name.cmp(&b.name));
        let chunks = file.chunks(CHUNK_BYTES).map(ChunkHash::of).collect();
        Self { size: file.len() as u64, chunks, shapes }
    }

    /// The model's id: the digest of this manifest.
    pub fn id(&self) -> ModelId {
        ModelId::of(&codec::encode(self))
    }

    /// Bytes of the chunk at an index, or `None` past the end.
    pub fn chunk_len(&self, index: u32) -> Option<u64> {
        let start = u64::from(index).checked_mul(CHUNK_BYTES as u64)?;
        (start < self.size).then(|| (self.size - start).min(CHUNK_BYTES as u64))
    }

    /// Checks that the parts agree with each other and with the limits.
    ///
    /// # Errors
    /// [`Rejected::BadManifest`] naming the rule.
    pub fn check(&self) -> Result<(), Rejected> {
        let bad = |why: &'static str| Err(Rejected::BadManifest(why));
        if self.size == 0 || self.size > MAX_MODEL_BYTES {
            return bad("a model's file has 1 byte to 256 MiB");
        }
        if self.chunks.len() as u64 != self.size.div_ceil(CHUNK_BYTES as u64) {
            return bad("the number of chunks does not follow from the size");
        }
        if self.shapes.len() > MAX_PORTS {
            return bad("more input shapes than a model may have inputs");
        }
        if !self.shapes.is_sorted_by(|a, b| a.name < b.name) {
            return bad("input shapes are not sorted by name, or one is given twice");
        }
        for shape in &self.shapes {
            if shape.name.is_empty() || shape.name.len() > MAX_TENSOR_NAME_BYTES {
                return bad("an input shape's name is empty or too long");
            }
            if shape.dims.len() > MAX_RANK || shape.dims.contains(&0) {
                return bad("an input shape has too many dims, or one of zero");
            }
        }
        Ok(())
    }
}

/// What compiling a model gave; the price of an inference is here, before anyone runs one.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Compiled {
    /// The engine that compiled it and runs it.
    pub engine: u32,
    /// The plan.
    pub plan: PlanHash,
    /// Bytes of the plan.
    pub plan_bytes: u64,
    /// Units of one inference.
    pub units: u64,
    /// Units of loading the plan.
    pub load_units: u64,
    /// Bytes that one run keeps alive at once.
    pub memory_bytes: u64,
    /// Fuel that the compilation burned.
    pub fuel: u64,
    /// Inputs, in declared order.
    pub inputs: Vec<Port>,
    /// Outputs, in declared order.
    pub outputs: Vec<Port>,
    /// The height of the block that sealed it.
    pub sealed: u64,
}

/// Where a model is in its life.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[borsh(use_discriminant = true)]
#[serde(tag = "status", rename_all = "snake_case")]
#[repr(u8)]
pub enum ModelState {
    /// Chunks are arriving.
    Uploading {
        /// The index of the chunk that must come next.
        next_chunk: u32,
    } = 0,
    /// Compiled; it can be run.
    Sealed(Compiled) = 1,
    /// Withdrawn; the compiled form is kept so that old receipts can be understood.
    Retired {
        /// What it was, had it been sealed.
        compiled: Option<Compiled>,
        /// The height of the block that retired it.
        height: u64,
        /// Whether the chunks that it had are still there.
        stored: bool,
    } = 2,
}

/// A model's record in state.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct ModelRecord {
    /// The account that published it.
    pub owner: Address,
    /// A name for people.
    pub name: String,
    /// A version for people.
    pub version: String,
    /// Free text.
    pub description: String,
    /// What it is.
    pub manifest: Manifest,
    /// The height of the block that published it.
    pub published: u64,
    /// What its owner has deposited for its bytes; nothing once it is retired.
    pub deposit: Amount,
    /// Where it is in its life.
    pub state: ModelState,
}

impl ModelRecord {
    /// The compiled form of a model that can be run.
    ///
    /// # Errors
    /// [`Rejected`] when it is not sealed yet, or retired.
    pub fn runnable(&self) -> Result<&Compiled, Rejected> {
        match &self.state {
            ModelState::Sealed(compiled) => Ok(compiled),
            ModelState::Uploading { .. } => Err(Rejected::ModelNotSealed),
            ModelState::Retired { .. } => Err(Rejected::ModelRetired),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_of_a_file_passes_its_own_check() {
        let file = vec![1u8; CHUNK_BYTES + 5];
        let manifest = Manifest::of(&file, vec![]);
        assert_eq!(manifest.check(), Ok(()));
        assert_eq!(manifest.chunks.len(), 2);
        assert_eq!(manifest.chunk_len(0), Some(CHUNK_BYTES as u64));
        assert_eq!(manifest.chunk_len(1), Some(5));
        assert_eq!(manifest.chunk_len(2), None);
    }

    #[test]
    fn a_manifest_that_disagrees_with_itself_is_refused() {
        let good = Manifest::of(&[1; 10], vec![]);
        let mut chunks = good.clone();
        chunks.chunks.push(ChunkHash([0; 32]));
        let mut size = good.clone();
        size.size = 0;
        let shape = |name: &str, dims: Vec<u32>| InputShape { name: name.into(), dims };
        let mut twice = good.clone();
        twice.shapes = vec![shape("x", vec![1]), shape("x", vec![1])];
        let mut zero = good.clone();
        zero.shapes = vec![shape("x", vec![0])];
        for manifest in [chunks, size, twice, zero] {
            assert!(matches!(manifest.check(), Err(Rejected::BadManifest(_))));
        }
    }

    #[test]
    fn the_shapes_are_part_of_the_id() {
        let shape = InputShape { name: "x".into(), dims: vec![4] };
        assert_ne!(Manifest::of(&[1], vec![]).id(), Manifest::of(&[1], vec![shape]).id());
    }
}
