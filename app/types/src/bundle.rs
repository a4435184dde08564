//! The one-file proof of an inference, as JSON.
//!
//! This module holds the file's shape only. Whether a bundle is true is for the verifier to say, who needs CometBFT's
//! header types, ICS23 and, for a re-run, the engine.

use crate::hash::{ModelId, TxHash};
use crate::model::Manifest;
use serde::{Deserialize, Serialize};

/// The `format` of a bundle that this crate reads and writes.
pub const FORMAT: &str = "assay-bundle-1";

/// Everything needed to check one inference offline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bundle {
    /// [`FORMAT`].
    pub format: String,
    /// The chain.
    pub chain_id: String,
    /// The transaction.
    pub tx_hash: TxHash,
    /// The message's index in the transaction.
    pub index: u32,
    /// The model.
    pub model_id: ModelId,
    /// What the model is: with a file at hand, its id follows from this.
    pub manifest: Manifest,
    /// The header at height h+1 with its commit, in CometBFT's JSON. Its app hash is the root after block h.
    pub signed_header: serde_json::Value,
    /// The validators at height h+1, in CometBFT's JSON.
    pub validators: serde_json::Value,
    /// The ICS23 existence proof of the receipt, protobuf, base64.
    pub proof: String,
    /// The receipt's bytes in state (borsh), base64.
    pub receipt: String,
    /// The inputs: the borsh list of named tensors, base64.
    pub input: String,
    /// The outputs, likewise; absent when the outcome is `Failed`.
    pub output: Option<String>,
}
