//! Models that a chain starts with: those of a chain that was exported.
//!
//! The document says what a model is by the digests of its file's chunks, and the plan that it compiles to. The file
//! itself lies beside the document: hundreds of megabytes are more than CometBFT carries in one. Nothing else of a
//! compiled model is said, for whoever starts the chain compiles it and finds out.

use crate::state::GenesisError;
use assay_types::address::Address;
use assay_types::amount::Amount;
use assay_types::hash::{ModelId, PlanHash};
use assay_types::message::{Message, PublishModel};
use assay_types::model::Manifest;
use serde::{Deserialize, Serialize};

/// A sealed model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GenesisModel {
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
    /// What its owner has deposited for its bytes.
    pub deposit: Amount,
    /// The plan that the chain's engine compiles it to.
    pub plan: PlanHash,
}

impl GenesisModel {
    /// The model's id.
    pub fn id(&self) -> ModelId {
        self.manifest.id()
    }

    /// Checks what would be checked of the transaction that published it.
    pub(crate) fn check(&self) -> Result<(), GenesisError> {
        let publish = PublishModel {
            manifest: self.manifest.clone(),
            name: self.name.clone(),
            version: self.version.clone(),
            description: self.description.clone(),
        };
        let checked = Message::PublishModel(publish).check();
        checked.map_err(|rule| GenesisError::BadModel { model: self.id(), rule: rule.to_string() })
    }
}
