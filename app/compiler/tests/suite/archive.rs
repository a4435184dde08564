//! The archive of one-operator models, `tests/data/corpus.zst`: a list of cases in the protocol's encoding.
//!
//! `tests/operators/make.py` writes it. A case is a model, its inputs, and what ONNX Runtime made of them.

use crate::arrays::shapes;
use crate::root;
use assay_types::tensor::{InputShape, NamedTensor};
use borsh::BorshDeserialize;
use std::sync::OnceLock;

/// How near ONNX Runtime's outputs ours must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Rule {
    /// f32 within 1e-4 of the scale, integers exactly.
    Close = 0,
    /// Every element exactly.
    Exact = 1,
    /// Quantised numbers within one step; f32 as [`Rule::Close`].
    Step = 2,
}

/// A model of one operator.
#[derive(Debug, Clone, BorshDeserialize)]
pub struct Case {
    /// The operator, its opset, and what is special: `Add.13.f32-row`.
    pub name: String,
    /// The operator.
    pub operator: String,
    /// Its domain, `ai.onnx` for ONNX's own.
    pub domain: String,
    /// How near the outputs must be.
    pub rule: Rule,
    /// The file.
    pub onnx: Vec<u8>,
    /// In the model's order.
    pub inputs: Vec<NamedTensor>,
    /// What ONNX Runtime computed, in the model's order.
    pub outputs: Vec<NamedTensor>,
}

impl Case {
    /// The dims of the inputs.
    pub fn shapes(&self) -> Vec<InputShape> {
        shapes(&self.inputs)
    }
}

/// Every case, read once.
pub fn cases() -> &'static [Case] {
    static CASES: OnceLock<Vec<Case>> = OnceLock::new();
    CASES.get_or_init(|| {
        let packed = std::fs::read(root().join("tests/data/corpus.zst")).unwrap();
        borsh::from_slice(&zstd::decode_all(&packed[..]).unwrap()).unwrap()
    })
}
