//! The record of one inference in the state tree.

use crate::address::Address;
use crate::amount::Amount;
use crate::hash::{InputHash, ModelId, OutputHash, PlanHash, TxHash};
use crate::tensor::NamedTensor;
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// What running a plan on an input gives: a pure function of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Outcome {
    /// It ran; this is the digest of its outputs.
    Output(OutputHash) = 0,
    /// The input made an opcode fail: an index out of range, an integer division by zero.
    Failed = 1,
}

/// What a transaction's result carries as data: the outputs of its inferences, at most
/// [`crate::limits::MAX_OUTPUT_BYTES`] bytes together. A message whose outcome is `Failed` has none.
#[derive(Debug, Clone, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct TxData {
    /// In the order of the messages.
    pub outputs: Vec<MessageOutput>,
}

/// The output of one inference.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct MessageOutput {
    /// The message's index in the transaction.
    pub index: u32,
    /// The outputs, in the model's declared order.
    pub tensors: Vec<NamedTensor>,
}

/// Which receipt: the transaction, and the message's index in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct ReceiptId {
    /// The transaction.
    pub tx: TxHash,
    /// The message's index.
    pub index: u32,
}

/// Bytes of an encoded [`ReceiptId`].
pub const RECEIPT_ID_BYTES: usize = 36;

/// The record of one inference, at `receipt/<tx hash>/<message index>`.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Receipt {
    /// The model.
    pub model: ModelId,
    /// The plan that ran.
    pub plan: PlanHash,
    /// The engine that the plan belongs to.
    pub engine: u32,
    /// The digest of the inputs, in the model's declared order.
    pub input: InputHash,
    /// What came of it.
    pub outcome: Outcome,
    /// Units of running the plan.
    pub units: u64,
    /// Units of loading it that this inference paid for: none when the model was hot, or the transaction had paid.
    pub load_units: u64,
    /// What the whole transaction paid, the tip included.
    pub fee: Amount,
    /// How much of it is the tip.
    pub tip: Amount,
    /// The account that paid.
    pub payer: Address,
    /// The height of the block.
    pub height: u64,
}
