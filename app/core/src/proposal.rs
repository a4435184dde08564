//! Proposals: which transactions a proposer packs, and which blocks a validator votes for.
//!
//! Both execute what they are given. A proposer leaves out what is not admissible where it stands, a
//! validator refuses a block that holds such a transaction; they ask the same [`Walk`], so every honest
//! proposal is accepted.

use crate::block::{Executed, Parent, Walk};
use crate::engine::Engine;
use crate::fatal::Fatal;
use crate::verify::Verifier;
use assay_types::address::Address;
use assay_types::hash::TxHash;
use assay_types::limits::MAX_BLOCK_BYTES;
use assay_types::tx::VerifiedTx;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A validator's answer to a proposal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Vote for it.
    Accept,
    /// Do not, for this reason.
    Reject(String),
}

/// Bytes that a transaction takes of a block: CometBFT counts the protobuf field around it.
fn block_bytes(len: usize) -> u64 {
    let mut varint: u64 = 1;
    let mut rest = len >> 7;
    while rest > 0 {
        varint += 1;
        rest >>= 7;
    }
    (len as u64).saturating_add(1).saturating_add(varint)
}

struct Candidate {
    bytes: Vec<u8>,
    verified: Arc<VerifiedTx>,
}

/// The well-signed transactions, in the order of arrival, but those of one account in the order of their
/// nonces.
fn candidates(verifier: &Verifier, chain_id: &str, txs: Vec<Vec<u8>>) -> Vec<Candidate> {
    let mut list: Vec<Option<Candidate>> = Vec::with_capacity(txs.len());
    let mut places: BTreeMap<Address, Vec<usize>> = BTreeMap::new();
    for bytes in txs {
        if let Ok(verified) = verifier.verify(&bytes, chain_id) {
            places.entry(verified.tx().payer()).or_default().push(list.len());
            list.push(Some(Candidate { bytes, verified }));
        }
    }
    for places in places.values().filter(|places| places.len() > 1) {
        let mut own: Vec<Candidate> = places.iter().filter_map(|&place| list[place].take()).collect();
        own.sort_by_key(|candidate| candidate.verified.tx().nonce);
        for (&place, candidate) in places.iter().zip(own) {
            list[place] = Some(candidate);
        }
    }
    list.into_iter().flatten().collect()
}

/// Packs a block: what is admissible, in nonce order, within the bytes, the units and the inferences of a
/// block.
///
/// Returns the transactions and the block that they make, executed.
pub(crate) fn prepare(
    parent: &Parent,
    engine: &Engine,
    verifier: &Verifier,
    txs: Vec<Vec<u8>>,
    max_bytes: u64,
) -> Result<(Vec<Vec<u8>>, Executed), Fatal> {
    let mut left = max_bytes.min(MAX_BLOCK_BYTES as u64);
    let mut walk = Walk::new(parent, engine, verifier);
    let mut packed = Vec::new();
    for candidate in candidates(verifier, &parent.chain.chain_id, txs) {
        let Some(after) = left.checked_sub(block_bytes(candidate.bytes.len())) else { continue };
        if walk.take(candidate.verified)?.is_ok() {
            left = after;
            packed.push(candidate.bytes);
        }
    }
    Ok((packed, walk.finish()))
}

/// Judges a proposal. An accepted one is returned executed.
pub(crate) fn process(
    parent: &Parent,
    engine: &Engine,
    verifier: &Verifier,
    txs: &[Vec<u8>],
) -> Result<(Verdict, Option<Executed>), Fatal> {
    let reject = |reason: String| Ok((Verdict::Reject(reason), None));
    let bytes = txs.iter().fold(0u64, |sum, tx| sum.saturating_add(block_bytes(tx.len())));
    if bytes > MAX_BLOCK_BYTES as u64 {
        return reject(format!("{bytes} bytes of transactions, more than {MAX_BLOCK_BYTES}"));
    }
    let mut walk = Walk::new(parent, engine, verifier);
    for (position, bytes) in txs.iter().enumerate() {
        if let Err(rejected) = walk.take_bytes(bytes)? {
            return reject(format!(
                "transaction {position} ({}) is not admissible: {rejected} (code {})",
                TxHash::of(bytes),
                rejected.code()
            ));
        }
    }
    Ok((Verdict::Accept, Some(walk.finish())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transaction_takes_its_protobuf_field() {
        for (len, bytes) in [(0, 2), (1, 3), (127, 129), (128, 131), (16_383, 16_386), (16_384, 16_388)] {
            assert_eq!(block_bytes(len), bytes);
        }
    }
}
