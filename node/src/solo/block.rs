//! Making blocks as CometBFT does: headers, block ids, commits.
//!
//! Everything here is a function of its arguments. The rules are those of CometBFT v0.38 (`types/block.go`,
//! `types/part_set.go`, `state/state.go`); a test makes three blocks of a real CometBFT again, bit for bit.

use super::signer::Signer;
use assay_types::hash::TxHash;
use prost::Message;
use sha2::{Digest, Sha256};
use tendermint::block::parts::Header as Parts;
use tendermint::block::{self, Block, Commit, Header, Height, header::Version};
use tendermint::merkle::simple_hash_from_byte_vectors;
use tendermint::{AppHash, Hash, Time, chain};
use tendermint_proto::v0_38::abci::ExecTxResult;
use tendermint_proto::v0_38::types::{
    Block as RawBlock, BlockId as RawBlockId, CommitSig as RawCommitSig, HashedParams, PartSetHeader,
};

/// CometBFT's version of the block format.
const BLOCK_PROTOCOL: u64 = 11;
/// Bytes of one part of a block.
const PART_BYTES: usize = 65_536;
/// Bytes that the block around the transactions takes at most: its own fields, the header, a commit of one
/// validator.
const AROUND_BYTES: u64 = 11 + 626 + 94 + 111;

/// What is the same in every header of a chain.
#[derive(Debug, Clone)]
pub(super) struct Fixed {
    pub chain_id: chain::Id,
    pub app_version: u64,
    pub consensus_hash: Hash,
    /// Bytes of a block, all counted.
    pub max_bytes: u64,
}

impl Fixed {
    /// Bytes that a block has for its transactions.
    pub fn room(&self) -> u64 {
        self.max_bytes.saturating_sub(AROUND_BYTES)
    }
}

/// What a block is built on: what the block before left, or the genesis.
#[derive(Debug, Clone)]
pub(super) struct Parent {
    /// Its height; 0 for the genesis.
    pub height: u64,
    /// The next block's time: when its commit was signed, or the genesis's time.
    pub time: Time,
    /// `None` for the genesis.
    pub commit: Option<Commit>,
    pub app_hash: AppHash,
    pub results_hash: Hash,
}

/// A header or a commit that cannot be made: a height, a time or a power beyond what CometBFT's types hold.
pub(super) type Invalid = tendermint::Error;

fn merkle(leaves: &[impl AsRef<[u8]>]) -> Hash {
    Hash::Sha256(simple_hash_from_byte_vectors::<Sha256>(leaves))
}

/// The hash of nothing.
pub(super) fn empty_hash() -> Hash {
    merkle(&[] as &[&[u8]])
}

/// A header's `consensus_hash`: of the two parameters that light clients need.
pub(super) fn consensus_hash(max_bytes: i64, max_gas: i64) -> Hash {
    let params = HashedParams { block_max_bytes: max_bytes, block_max_gas: max_gas };
    Hash::Sha256(Sha256::digest(params.encode_to_vec()).into())
}

/// The next header's `last_results_hash`: code, data and gas of each result.
pub(super) fn results_hash(results: &[ExecTxResult]) -> Hash {
    let leaf = |result: &ExecTxResult| {
        let ExecTxResult { code, data, gas_wanted, gas_used, .. } = result.clone();
        ExecTxResult { code, data, gas_wanted, gas_used, ..Default::default() }.encode_to_vec()
    };
    merkle(&results.iter().map(leaf).collect::<Vec<_>>())
}

/// The next header's `last_commit_hash`.
fn commit_hash(commit: Option<&Commit>) -> Hash {
    let signatures = commit.map(|commit| commit.signatures.clone()).unwrap_or_default();
    let leaves: Vec<Vec<u8>> =
        signatures.into_iter().map(|signature| RawCommitSig::from(signature).encode_to_vec()).collect();
    merkle(&leaves)
}

/// The block of these transactions on a parent.
pub(super) fn build(
    fixed: &Fixed,
    parent: &Parent,
    signer: &Signer,
    txs: Vec<Vec<u8>>,
) -> Result<Block, Invalid> {
    let hashes: Vec<TxHash> = txs.iter().map(|tx| TxHash::of(tx)).collect();
    let header = Header {
        version: Version { block: BLOCK_PROTOCOL, app: fixed.app_version },
        chain_id: fixed.chain_id.clone(),
        height: Height::try_from(parent.height.saturating_add(1))?,
        time: parent.time,
        last_block_id: parent.commit.as_ref().map(|commit| commit.block_id),
        last_commit_hash: Some(commit_hash(parent.commit.as_ref())),
        data_hash: Some(merkle(&hashes.iter().map(|hash| hash.0).collect::<Vec<_>>())),
        validators_hash: signer.validators().hash(),
        next_validators_hash: signer.validators().hash(),
        consensus_hash: fixed.consensus_hash,
        app_hash: parent.app_hash.clone(),
        last_results_hash: Some(parent.results_hash),
        evidence_hash: Some(empty_hash()),
        proposer_address: signer.address(),
    };
    Ok(Block::new(header, txs, Default::default(), parent.commit.clone()))
}

/// A block as CometBFT encodes it. What is empty in the first block is written all the same.
pub(super) fn encode(block: &Block) -> Vec<u8> {
    let mut raw = RawBlock::from(block.clone());
    let nil = RawBlockId { hash: Vec::new(), part_set_header: Some(PartSetHeader::default()) };
    if let Some(header) = &mut raw.header {
        header.last_block_id.get_or_insert(nil);
    }
    raw.last_commit.get_or_insert_with(|| Commit::default().into());
    raw.encode_to_vec()
}

/// What votes sign of a block: the header's hash, and that of the encoded block in parts.
pub(super) fn id(block: &Block) -> Result<block::Id, Invalid> {
    let bytes = encode(block);
    let parts: Vec<&[u8]> = bytes.chunks(PART_BYTES).collect();
    let total = u32::try_from(parts.len()).unwrap_or(u32::MAX);
    Ok(block::Id { hash: block.header.hash(), part_set_header: Parts::new(total, merkle(&parts))? })
}
