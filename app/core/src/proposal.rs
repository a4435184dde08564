//! Proposals: which transactions a proposer packs, and which blocks a validator votes for.
//!
//! Both execute what they are given. A proposer leaves out what is not admissible where it stands, and claims
//! what the rest gives. A validator refuses a block that holds such a transaction, or that gives something
//! else here. They ask the same [`Walk`], so every honest proposal is accepted.

use crate::ahead::{self, Ahead};
use crate::app::Shared;
use crate::block::Parent;
use crate::difference::{self, Divergence, Refusal};
use crate::draft::Draft;
use crate::fatal::Fatal;
use crate::order::order;
use crate::pack::{Fate, Packing, PausedPacking, block_bytes};
use crate::stage::{Computed, StagedBlock};
use crate::walk::{Walk, execute_all};
use assay_types::claim::Claim;
use assay_types::error::Rejected;
use assay_types::hash::TxHash;
use std::sync::Arc;

/// A validator's answer to a proposal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Vote for it.
    Accept,
    /// Do not, for this reason.
    Reject(Refusal),
}

/// Packs a block: the claim, and what is admissible, within the bytes, the units and the inferences of a block.
///
/// What is left out because of its place, such as a transaction that is paid for by one behind it, is tried once
/// more at the end; if it does not come in there, it waits for another block.
///
/// Where not even the claim of an empty block fits, the block has no transactions at all: it does nothing, so
/// nothing is claimed of it.
///
/// A draft of this very block spares what it has gone through, and changes nothing.
pub(crate) fn prepare(
    parent: &Arc<Parent>,
    shared: &Shared,
    mut txs: Vec<Vec<u8>>,
    max_bytes: u64,
    draft: Option<Draft>,
) -> Result<(Vec<Vec<u8>>, StagedBlock), Fatal> {
    let list = order(parent, shared, &txs)?;
    let verified: Vec<_> = list.iter().map(|candidate| candidate.verified.clone()).collect();
    Ahead::new(parent, shared).compute(&verified)?;
    let (paused, gone) = match draft.and_then(|draft| draft.begins(parent, &list, max_bytes)) {
        Some(begun) => begun,
        None => (PausedPacking::new(parent, max_bytes), Vec::new()),
    };
    let mut packing = Packing::resume(parent, shared, paused);
    let (mut order, mut late, mut gone) = (Vec::with_capacity(list.len()), Vec::new(), gone.into_iter());
    for candidate in list {
        let fate = match gone.next() {
            Some(fate) => fate,
            None => packing.offer(&candidate.verified)?,
        };
        match fate {
            Fate::Packed => order.push(candidate.at),
            Fate::Late => late.push(candidate),
            Fate::Left | Fate::NoRoom => {}
        }
    }
    for candidate in late {
        if packing.offer(&candidate.verified)? == Fate::Packed {
            order.push(candidate.at);
        }
    }
    let (walk, claimed) = packing.end();
    let computed = Computed::new(&shared.store, walk.finish()?)?;
    let mut packed = Vec::with_capacity(order.len().saturating_add(1));
    if claimed {
        packed.push(computed.claim().encode());
    }
    packed.extend(order.into_iter().filter_map(|at| txs.get_mut(at).map(std::mem::take)));
    let block = computed.into_block(&shared.store, &packed)?;
    Ok((packed, block))
}

/// Judges a proposal: it is returned executed, or refused for the first thing wrong with it.
pub(crate) fn process(
    parent: &Parent,
    shared: &Shared,
    txs: &[Vec<u8>],
) -> Result<Result<StagedBlock, Refusal>, Fatal> {
    let bytes = txs.iter().fold(0u64, |sum, tx| sum.saturating_add(block_bytes(tx.len() as u64)));
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
