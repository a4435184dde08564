//! What a transaction can ask for, and the checks that need no state.

use crate::address::Address;
use crate::amount::Amount;
use crate::error::Rejected;
use crate::hash::{ChunkHash, ModelId, OutputHash};
use crate::limits::{
    CHUNK_BYTES, MAX_COMPILE_FUEL, MAX_DESCRIPTION_BYTES, MAX_NAME_BYTES, MAX_VERSION_BYTES,
};
use crate::model::Manifest;
use crate::tensor::{self, NamedTensor};
use borsh::{BorshDeserialize, BorshSerialize};

/// One message of a transaction.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Message {
    /// Moves money from the signer to another account.
    Transfer(Transfer) = 0,
    /// Announces a model; its chunks follow.
    PublishModel(PublishModel) = 1,
    /// Brings one chunk of an announced model's file.
    UploadChunk(UploadChunk) = 2,
    /// Compiles a model whose chunks are all there.
    SealModel(SealModel) = 3,
    /// Withdraws a model: nobody can infer with it any more.
    RetireModel(RetireModel) = 4,
    /// Runs a sealed model on an input.
    Infer(Infer) = 5,
}

/// See [`Message::Transfer`].
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Transfer {
    /// The account that receives.
    pub to: Address,
    /// How much, more than nothing.
    pub amount: Amount,
}

/// See [`Message::PublishModel`].
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct PublishModel {
    /// What the file is and which shapes its inputs have; its digest is the model's id.
    pub manifest: Manifest,
    /// A name for people; not unique.
    pub name: String,
    /// A version for people.
    pub version: String,
    /// Free text.
    pub description: String,
}

/// See [`Message::UploadChunk`].
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct UploadChunk {
    /// The model that the chunk belongs to.
    pub model: ModelId,
    /// The chunk's index in the file; chunks arrive in order.
    pub index: u32,
    /// The chunk.
    pub bytes: Vec<u8>,
}

/// See [`Message::SealModel`].
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct SealModel {
    /// The model to compile.
    pub model: ModelId,
    /// Fuel that the compilation may burn, and is paid for. Compilation is deterministic, so a wallet knows the
    /// exact figure beforehand.
    pub max_fuel: u64,
}

/// See [`Message::RetireModel`].
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct RetireModel {
    /// The model to withdraw.
    pub model: ModelId,
}

/// See [`Message::Infer`].
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Infer {
    /// The model to run.
    pub model: ModelId,
    /// The inputs, in the model's declared order.
    pub inputs: Vec<NamedTensor>,
    /// If given, the message fails unless the output has this digest.
    pub expect_output_hash: Option<OutputHash>,
}

fn text(value: &str, most: usize, what: &'static str) -> Result<(), Rejected> {
    if value.len() > most || value.chars().any(char::is_control) {
        return Err(Rejected::BadText { what, most });
    }
    Ok(())
}

impl Message {
    /// The message's name, as in events and JSON.
    pub fn kind(&self) -> &'static str {
        match self {
            Message::Transfer(_) => "transfer",
            Message::PublishModel(_) => "publish_model",
            Message::UploadChunk(_) => "upload_chunk",
            Message::SealModel(_) => "seal_model",
            Message::RetireModel(_) => "retire_model",
            Message::Infer(_) => "infer",
        }
    }

    /// Checks everything that needs no state.
    ///
    /// # Errors
    /// [`Rejected`] naming the rule that the message breaks.
    pub fn check(&self) -> Result<(), Rejected> {
        match self {
            Message::Transfer(transfer) if transfer.amount == Amount::ZERO => Err(Rejected::AmountIsZero),
            Message::Transfer(_) | Message::RetireModel(_) => Ok(()),
            Message::PublishModel(publish) => {
                if publish.name.is_empty() {
                    return Err(Rejected::BadText { what: "name", most: MAX_NAME_BYTES });
                }
                text(&publish.name, MAX_NAME_BYTES, "name")?;
                text(&publish.version, MAX_VERSION_BYTES, "version")?;
                text(&publish.description, MAX_DESCRIPTION_BYTES, "description")?;
                publish.manifest.check()
            }
            Message::UploadChunk(chunk) if chunk.bytes.is_empty() || chunk.bytes.len() > CHUNK_BYTES => {
                Err(Rejected::ChunkLength { got: chunk.bytes.len() as u64, expected: CHUNK_BYTES as u64 })
            }
            Message::UploadChunk(_) => Ok(()),
            Message::SealModel(seal) if seal.max_fuel == 0 || seal.max_fuel > MAX_COMPILE_FUEL => {
                Err(Rejected::BadFuel { got: seal.max_fuel, most: MAX_COMPILE_FUEL })
            }
            Message::SealModel(_) => Ok(()),
            Message::Infer(infer) => {
                tensor::check_list(&infer.inputs).map_err(|error| Rejected::BadTensors(error.to_string()))
            }
        }
    }
}

impl UploadChunk {
    /// The digest of the bytes.
    pub fn hash(&self) -> ChunkHash {
        ChunkHash::of(&self.bytes)
    }
}
