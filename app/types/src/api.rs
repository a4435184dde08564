//! The gateway's JSON, version 1: what `assayd` answers under `/v1` and the client library reads.
//!
//! | route | answer |
//! |---|---|
//! | `GET /v1/status` | [`Status`] |
//! | `GET /v1/params` | [`crate::params::Params`] |
//! | `GET /v1/fees` | [`Fees`] |
//! | `GET /v1/validators` | [`Validators`] |
//! | `GET /v1/genesis` | CometBFT's genesis document |
//! | `GET /v1/state?key=TEXT&height=N`, or `key_hex=HEX` | [`ProvenState`]; 410 if pruned, 404 if ahead |
//! | `GET /v1/blocks/{height}` or `latest` | [`Block`] |
//! | `GET /v1/accounts/{address}` | [`AccountInfo`] (zeros for one never seen) |
//! | `GET /v1/models?after=ID&limit=N` | [`ModelPage`] |
//! | `GET /v1/models/{id}` | [`ModelInfo`] |
//! | `GET /v1/models/{id}/file` | the ONNX file, `application/octet-stream` |
//! | `POST /v1/txs` with [`SubmitTx`] | [`Submitted`] once the mempool took it |
//! | `GET /v1/txs/{hash}` | [`TxInfo`], 404 until it is in a block |
//! | `POST /v1/simulate` with [`Simulate`] | [`Simulated`] |
//! | `GET /v1/receipts/{tx hash}/{message index}` | [`crate::bundle::Bundle`], 404 until the next block is signed |
//!
//! Every error is [`Problem`], `application/problem+json` (RFC 9457) with our stable code.

use crate::address::Address;
use crate::amount::Amount;
use crate::claim::Claim;
use crate::fees::Prices;
use crate::hash::{AppHash, CompilerHash, ModelId, OutputHash, TxHash};
use crate::model::ModelRecord;
use crate::receipt::Receipt;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// An error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// A URI of the kind of problem: `about:blank` or `urn:assay:error:<name>`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The kind in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// This case in words.
    pub detail: String,
    /// The stable number of a rejection ([`crate::error::Rejected::code`]); 0 for any other problem.
    pub code: u32,
    /// The stable name.
    pub name: String,
    /// What to do next.
    pub hint: String,
}

/// Heights as the parts of a node see them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heights {
    /// CometBFT's latest block.
    pub chain: u64,
    /// The state's latest version.
    pub application: u64,
    /// The index's latest block.
    pub index: u64,
}

/// An engine that the chain knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EngineInfo {
    /// Its number.
    pub number: u32,
    /// The digest of its compiler.
    pub compiler: CompilerHash,
}

/// How a node is doing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// The chain.
    pub chain_id: String,
    /// The node's name for people.
    pub moniker: String,
    /// The node's id in the peer-to-peer network.
    pub node_id: String,
    /// The version of `assayd`.
    pub version: String,
    /// CometBFT's version, as it reports itself; `none` where there is no CometBFT.
    pub comet_version: String,
    /// Heights.
    pub heights: Heights,
    /// The state root after the application's height.
    pub app_hash: AppHash,
    /// Peers connected.
    pub peers: u32,
    /// Whether the node is still catching up.
    pub syncing: bool,
    /// Engines.
    pub engines: Vec<EngineInfo>,
    /// The body of the kernels that this CPU runs.
    pub kernels: String,
    /// The heights whose state this node keeps; null before genesis.
    #[serde(default)]
    pub kept: Option<KeptHeights>,
    /// What the state takes on disk, by column family, in bytes: files, and what is in the write-ahead log only.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub disk: BTreeMap<String, u64>,
    /// The last proposal that this node voted against since it started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_refused: Option<RefusedProposal>,
    /// How many it voted against since it started, by [`RefusedProposal::kind`].
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub refused: BTreeMap<String, u64>,
    /// What a new node needs to start from this node's latest snapshot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state_sync: Option<StateSyncInfo>,
}

/// A snapshot that a node has, and the block that proves it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateSyncInfo {
    /// The snapshot's height.
    pub snapshot_height: u64,
    /// Its chunks.
    pub chunks: u32,
    /// The bytes of all of them.
    pub bytes: u64,
    /// A height to trust.
    pub trust_height: u64,
    /// The hash of the block at that height, hex.
    pub trust_hash: String,
}

/// Heights whose state a node keeps: proofs can be had at these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptHeights {
    /// The oldest.
    pub oldest: u64,
    /// The newest.
    pub newest: u64,
}

/// A proposal that a node voted against.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedProposal {
    /// Its height.
    pub height: u64,
    /// The proposer's address, hex in upper case.
    pub proposer: String,
    /// The first thing wrong with it, as in the metric `assay_proposals_refused_total`.
    pub kind: String,
    /// The same in words.
    pub detail: String,
}

/// How much of a budget a block used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fullness {
    /// What it used.
    pub used: u64,
    /// Where prices stay as they are; above it they rise.
    pub target: u64,
    /// All that a block has.
    pub most: u64,
}

/// Prices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fees {
    /// The last committed height.
    pub height: u64,
    /// What that block's transactions paid; at height 0, what those of the first block will.
    #[serde(flatten)]
    pub now: Prices,
    /// What the next block's transactions pay, exactly.
    pub next: Prices,
    /// What no price falls below.
    pub min: Prices,
    /// A price changes by at most one part in this many per block.
    pub change_divisor: u32,
    /// Units that the last block used.
    pub units: Fullness,
    /// Bytes that it used.
    pub bytes: Fullness,
}

/// A validator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ValidatorInfo {
    /// CometBFT's address, hex in upper case.
    pub address: String,
    /// The ed25519 public key, base64.
    pub public_key: String,
    /// Voting power.
    pub power: u64,
}

/// The validators at a height.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Validators {
    /// The height.
    pub height: u64,
    /// By power, as CometBFT sorts them.
    pub validators: Vec<ValidatorInfo>,
}

/// A block.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Block {
    /// The height.
    pub height: u64,
    /// The header's hash, hex in lower case.
    pub hash: String,
    /// The header's time, RFC 3339.
    pub time: String,
    /// The proposer's address, hex in upper case.
    pub proposer: String,
    /// The app hash in the header: the state root after the block before.
    pub app_hash: AppHash,
    /// What its proposer stated of it; null in a block of no transactions at all.
    #[serde(default)]
    pub claim: Option<Claim>,
    /// Its transactions; the first is the claim.
    pub txs: Vec<TxHash>,
}

/// An account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountInfo {
    /// The account.
    pub address: Address,
    /// Money.
    pub balance: Amount,
    /// The nonce in state.
    pub nonce: u64,
    /// The nonce that the next transaction must carry, those in the mempool counted.
    pub next_nonce: u64,
}

/// A model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelInfo {
    /// Its id.
    pub model_id: ModelId,
    /// Whether it is in the hot set: if not, an inference pays the record's `load_units` on top.
    #[serde(default)]
    pub hot: bool,
    /// Its record.
    #[serde(flatten)]
    pub record: ModelRecord,
}

/// A page of models, in the order of their ids.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelPage {
    /// The models.
    pub models: Vec<ModelInfo>,
    /// Pass as `after` for the next page; null on the last one.
    pub next: Option<ModelId>,
}

/// A key of the state after a height's block, with the proof.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProvenState {
    /// The key, hex.
    pub key_hex: String,
    /// The height. The root stands in the header of the next one.
    pub height: u64,
    /// The value, base64; null when the key is not there, and the proof then proves that.
    pub value: Option<String>,
    /// An ICS23 `CommitmentProof`, protobuf, base64; [`crate::proof`] checks it.
    pub proof: String,
    /// The state root that it proves against.
    pub root: AppHash,
    /// The oldest height whose state this node keeps.
    pub oldest: u64,
    /// The newest one.
    pub newest: u64,
}

/// A transaction to submit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SubmitTx {
    /// Its bytes, base64.
    pub tx: String,
}

/// A transaction that the mempool took.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Submitted {
    /// Its hash.
    pub tx_hash: TxHash,
}

/// A message of a transaction in a block.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageInfo {
    /// Its kind, as [`crate::message::Message::kind`].
    pub kind: String,
    /// The receipt of an inference that was made.
    pub receipt: Option<Receipt>,
    /// The outputs of an inference: the borsh list of named tensors, base64.
    pub output: Option<String>,
}

/// A transaction in a block.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TxInfo {
    /// Its hash.
    pub tx_hash: TxHash,
    /// The block's height.
    pub height: u64,
    /// Its index in the block.
    pub index: u32,
    /// The account that signed, when the transaction decodes.
    pub payer: Option<Address>,
    /// 0, or the stable number of the rejection.
    pub code: u32,
    /// `ok`, or the stable name of the rejection.
    pub name: String,
    /// The rejection in words; empty when there is none.
    pub message: String,
    /// The fee taken, the tip included.
    pub fee: Amount,
    /// How much of it is the tip.
    #[serde(default)]
    pub tip: Amount,
    /// Units.
    pub units: u64,
    /// Its messages.
    pub messages: Vec<MessageInfo>,
    /// The claim, when this is a block's first transaction, which no account sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claim: Option<Claim>,
}

/// An inference to try without a transaction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Simulate {
    /// The model.
    pub model: ModelId,
    /// The inputs: the borsh list of named tensors, base64.
    pub inputs: String,
}

/// What an inference would give.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Simulated {
    /// The output's digest; null when the run fails.
    pub output_hash: Option<OutputHash>,
    /// The outputs: the borsh list of named tensors, base64; null when the run fails.
    pub output: Option<String>,
    /// Units of the inference alone ([`crate::params::tx_units`] adds the transaction's).
    pub units: u64,
    /// Units of loading the model, which an inference pays on top in the next block: 0 while it is hot.
    #[serde(default)]
    pub load_units: u64,
}
