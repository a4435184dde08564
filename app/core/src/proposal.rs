//! Proposals: which transactions a proposer packs, and which blocks a validator votes for.
//!
//! Both execute what they are given. A proposer leaves out what is not admissible where it stands, and claims
//! what the rest gives. A validator refuses a block that holds such a transaction, or that gives something
//! else here. They ask the same [`Walk`], so every honest proposal is accepted.

use crate::ahead::{self, Ahead};
use crate::app::Shared;
use crate::block::Parent;
use crate::difference::{self, Divergence, Refusal};
use crate::fatal::Fatal;
use crate::job;
use crate::order::{Candidate, order};
use crate::stage::{Computed, StagedBlock};
use crate::walk::{Walk, execute_all};
use assay_types::claim::Claim;
use assay_types::error::Rejected;
use assay_types::hash::TxHash;
use assay_types::limits::MAX_TX_BYTES;
use assay_types::params::Params;

/// A validator's answer to a proposal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Vote for it.
    Accept,
    /// Do not, for this reason.
    Reject(Refusal),
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

/// What a block's bytes still have room for, the claim's own counted.
struct Room {
    most: u64,
    used: u64,
}

impl Room {
    /// All of a block of at most `max_bytes`, as CometBFT counts them.
    fn of(params: &Params, max_bytes: u64) -> Self {
        Self { most: max_bytes.min(params.max_block_bytes), used: 0 }
    }

    /// Bytes taken with so many more bytes of transactions and a claim of so many outcomes; `None` when that
    /// is too much.
    fn with(&self, bytes: u64, outcomes: usize) -> Option<u64> {
        let claim = Claim::most_bytes(outcomes);
        let used = self.used.saturating_add(bytes);
        let fits = claim <= MAX_TX_BYTES && used.saturating_add(block_bytes(claim)) <= self.most;
        fits.then_some(used)
    }
}

/// Packs a block: the claim, and what is admissible, within the bytes, the units and the inferences of a block.
///
/// What is left out because of its place, such as a transaction that is paid for by one behind it, is tried once
/// more at the end; if it does not come in there, it waits for another block.
///
/// Where not even the claim of an empty block fits, the block has no transactions at all: it does nothing, so
/// nothing is claimed of it.
pub(crate) fn prepare(
    parent: &Parent,
    shared: &Shared,
    txs: &[Vec<u8>],
    max_bytes: u64,
) -> Result<(Vec<Vec<u8>>, StagedBlock), Fatal> {
    let mut room = Room::of(&parent.params, max_bytes);
    let mut walk = Walk::new(parent, shared);
    let mut packed = Vec::new();
    let list = order(parent, shared, txs)?;
    let verified: Vec<_> = list.iter().map(|candidate| candidate.verified.clone()).collect();
    Ahead::new(parent, shared).compute(&verified)?;
    let late = pack(&mut walk, &mut room, &mut packed, list)?;
    pack(&mut walk, &mut room, &mut packed, late)?;
    let computed = Computed::new(&shared.store, walk.finish()?)?;
    if room.with(0, computed.jobs().len()).is_some() {
        packed.insert(0, computed.claim().encode());
    }
    let block = computed.into_block(&shared.store, &packed)?;
    Ok((packed, block))
}

/// Packs what fits and is admissible, and gives back what another transaction of this block may yet make so.
fn pack(
    walk: &mut Walk<'_>,
    room: &mut Room,
    packed: &mut Vec<Vec<u8>>,
    list: Vec<Candidate>,
) -> Result<Vec<Candidate>, Fatal> {
    let mut late = Vec::new();
    for candidate in list {
        let outcomes = walk.jobs().saturating_add(job::most(candidate.verified.tx()));
        let Some(used) = room.with(block_bytes(candidate.bytes.len()), outcomes) else { continue };
        match walk.take(candidate.verified.clone())? {
            Ok(()) => {
                room.used = used;
                packed.push(candidate.bytes);
            }
            Err(
                Rejected::InsufficientBalance { .. }
                | Rejected::NonceTooHigh { .. }
                | Rejected::ModelUnknown
                | Rejected::ModelNotSealed,
            ) => late.push(candidate),
            Err(_) => {}
        }
    }
    Ok(late)
}

/// Judges a proposal: it is returned executed, or refused for the first thing wrong with it.
pub(crate) fn process(
    parent: &Parent,
    shared: &Shared,
    txs: &[Vec<u8>],
) -> Result<Result<StagedBlock, Refusal>, Fatal> {
    let bytes = txs.iter().fold(0u64, |sum, tx| sum.saturating_add(block_bytes(tx.len())));
    let most = parent.params.max_block_bytes;
    if bytes > most {
        let detail = format!("{bytes} bytes of transactions, more than {most}");
        return Ok(Err(Refusal::new("too_many_bytes", detail)));
    }
    let (claim, rest) = match split_claim(parent, txs) {
        Ok(parts) => parts,
        Err(refusal) => return Ok(Err(refusal)),
    };
    Ahead::new(parent, shared).compute(&ahead::verify(parent, shared, rest))?;
    let mut walk = Walk::new(parent, shared);
    for (position, bytes) in (1..).zip(rest) {
        if let Err(rejected) = walk.take_bytes(bytes)? {
            return Ok(Err(not_admissible(position, bytes, &rejected)));
        }
    }
    let computed = Computed::new(&shared.store, walk.finish()?)?;
    match claim.and_then(|claim| difference::first(&claim, &computed)) {
        Some((refusal, _)) => Ok(Err(refusal)),
        None => Ok(Ok(computed.into_block(&shared.store, txs)?)),
    }
}

/// Executes a decided block that was not executed as a proposal.
///
/// # Errors
/// [`Fatal::Divergence`] when it is not what its claim says, or has no sound claim: more than two thirds of
/// the voting power accepted it.
pub(crate) fn decided(parent: &Parent, shared: &Shared, txs: &[Vec<u8>]) -> Result<StagedBlock, Fatal> {
    let height = parent.next;
    let diverged = |refusal, job, claimed, computed| {
        Fatal::Divergence(Box::new(Divergence { height, refusal, job, claimed, computed }))
    };
    let (claim, rest) = split_claim(parent, txs).map_err(|refusal| diverged(refusal, None, None, None))?;
    Ahead::new(parent, shared).compute(&ahead::verify(parent, shared, rest))?;
    let computed = Computed::new(&shared.store, execute_all(parent, shared, rest)?)?;
    if let Some(claim) = claim
        && let Some((refusal, job)) = difference::first(&claim, &computed)
    {
        return Err(diverged(refusal, job, Some(claim), Some(computed.claim().clone())));
    }
    computed.into_block(&shared.store, txs)
}

/// A block's one claim, which must come first, and its transactions.
fn split_claim<'a>(parent: &Parent, txs: &'a [Vec<u8>]) -> Result<(Option<Claim>, &'a [Vec<u8>]), Refusal> {
    let Some((first, rest)) = txs.split_first() else { return Ok((None, &[])) };
    if !Claim::is_claim(first) {
        return Err(Refusal::new("no_claim", "the first transaction is not a claim"));
    }
    let claim = Claim::decode(first).map_err(|error| Refusal::new("bad_claim", error.to_string()))?;
    if let Some(at) = rest.iter().position(|bytes| Claim::is_claim(bytes)) {
        let detail = format!("transaction {} is a claim again", at.saturating_add(1));
        return Err(Refusal::new("second_claim", detail));
    }
    let (height, engine) = (parent.next, parent.chain.engine);
    if claim.height != height {
        let detail = format!("the claim is of height {}, and the block of {height}", claim.height);
        return Err(Refusal::new("claim_height", detail));
    }
    if claim.engine != engine {
        let detail = format!("the claim is of engine {}, and the chain's is {engine}", claim.engine);
        return Err(Refusal::new("claim_engine", detail));
    }
    Ok((Some(claim), rest))
}

fn not_admissible(position: usize, bytes: &[u8], rejected: &Rejected) -> Refusal {
    let kind = match rejected {
        Rejected::TooManyUnits => "over_budget",
        _ => "not_admissible",
    };
    let hash = TxHash::of(bytes);
    let detail =
        format!("transaction {position} ({hash}) is not admissible: {rejected} (code {})", rejected.code());
    Refusal::new(kind, detail)
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
