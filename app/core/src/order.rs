//! The order in which a proposer packs: who pays the higher tip per unit first, each account in the order of its
//! nonces.
//!
//! All transactions pay the same prices for their units and bytes, so what a proposer chooses by is the tip per
//! unit, as far as each limit leaves room for it. Between equals, those come first whose outcomes are known, and
//! then those that arrived earlier. An account's transactions never pass each other: the one with its next nonce
//! stands for all of them. Of several with one nonce, the one with the highest fee comes first, and the others
//! will fail by their nonce.
//!
//! It is a proposer's own choice, which no validator checks: a block in any order of nonces is good.

use crate::admit::Price;
use crate::ahead::Ahead;
use crate::app::Shared;
use crate::block::Parent;
use crate::fatal::{Fatal, split};
use assay_types::address::Address;
use assay_types::amount::Amount;
use assay_types::fees::PRICE_SCALE;
use assay_types::tx::VerifiedTx;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::sync::Arc;
use std::thread::Builder;

/// Transactions for which another thread is not worth its start.
const LEAST_EACH: usize = 256;

/// A transaction that a proposer may pack.
#[derive(Debug)]
pub(crate) struct Candidate {
    pub bytes: Vec<u8>,
    pub verified: Arc<VerifiedTx>,
    /// Its fee, the tip included; zero where the state before the block does not say.
    fee: Amount,
    /// The tip for a million units.
    rate: u128,
    known: bool,
}

/// The first waiting transaction of an account; the greatest is packed first.
type Head = (u128, bool, Reverse<usize>, Address);

/// The well-signed transactions that can pay at this block's prices, in the order in which they are packed.
pub(crate) fn order(parent: &Parent, shared: &Shared, txs: &[Vec<u8>]) -> Result<Vec<Candidate>, Fatal> {
    let mut lines: BTreeMap<Address, Vec<(usize, Candidate)>> = BTreeMap::new();
    for (arrived, candidate) in side_by_side(parent, shared, txs)?.into_iter().enumerate() {
        let Some(candidate) = candidate else { continue };
        lines.entry(candidate.verified.payer()).or_default().push((arrived, candidate));
    }
    Ok(merge(lines.into_iter().map(|(payer, line)| (payer, in_nonce_order(line))).collect()))
}

/// What each transaction offers, several looked at at once: a bid does not depend on any other.
fn side_by_side(parent: &Parent, shared: &Shared, txs: &[Vec<u8>]) -> Result<Vec<Option<Candidate>>, Fatal> {
    let each = txs.len().div_ceil(shared.engine.threads()).max(LEAST_EACH);
    let bids = |part: &[Vec<u8>]| -> Result<Vec<Option<Candidate>>, Fatal> {
        let mut ahead = Ahead::new(parent, shared);
        let one = |bytes: &Vec<u8>| match shared.verifier.verify(bytes, &parent.chain.chain_id) {
            Ok(verified) => bid(parent, &mut ahead, bytes, verified),
            Err(_) => Ok(None),
        };
        part.iter().map(one).collect()
    };
    let (own, others) = txs.split_at(each.min(txs.len()));
    std::thread::scope(|scope| {
        let parts: Vec<_> = others.chunks(each).collect();
        // Where no other thread can be started, this one does the work.
        let start = |part| Builder::new().spawn_scoped(scope, move || bids(part)).map_err(|_| part);
        let started: Vec<_> = parts.into_iter().map(start).collect();
        let mut all = bids(own)?;
        for part in started {
            all.extend(match part {
                Ok(thread) => thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?,
                Err(part) => bids(part)?,
            });
        }
        Ok(all)
    })
}

/// What a transaction offers; `None` when its limit is below what this block costs.
fn bid(
    parent: &Parent,
    ahead: &mut Ahead<'_>,
    bytes: &[u8],
    verified: Arc<VerifiedTx>,
) -> Result<Option<Candidate>, Fatal> {
    let (tx, bytes) = (verified.tx(), bytes.to_vec());
    // Its model may be sealed in this very block: then it stays behind everything that can be priced.
    let Ok(price) = split(Price::of(&parent.view, parent, &verified))? else {
        return Ok(Some(Candidate { bytes, fee: Amount::ZERO, rate: 0, known: false, verified }));
    };
    let Ok(tip) = price.tip(tx) else { return Ok(None) };
    let fee = price.base.checked_add(tip).unwrap_or(tx.max_fee);
    let rate = tip.0.saturating_mul(PRICE_SCALE) / u128::from(price.units.max(1));
    let known = ahead.knows(tx)?;
    Ok(Some(Candidate { bytes, fee, rate, known, verified }))
}

/// An account's transactions by nonce; their places among all that arrived are dealt out anew in that order.
fn in_nonce_order(line: Vec<(usize, Candidate)>) -> VecDeque<(usize, Candidate)> {
    let (places, mut line): (Vec<usize>, Vec<Candidate>) = line.into_iter().unzip();
    line.sort_by_key(|candidate| (candidate.verified.tx().nonce, Reverse(candidate.fee)));
    places.into_iter().zip(line).collect()
}

/// All accounts' transactions in one order.
fn merge(mut lines: BTreeMap<Address, VecDeque<(usize, Candidate)>>) -> Vec<Candidate> {
    let head = |payer: &Address, line: &VecDeque<(usize, Candidate)>| -> Option<Head> {
        let (place, first) = line.front()?;
        Some((first.rate, first.known, Reverse(*place), *payer))
    };
    let mut heads: BinaryHeap<Head> = lines.iter().filter_map(|(payer, line)| head(payer, line)).collect();
    let mut order = Vec::new();
    while let Some((_, _, _, payer)) = heads.pop() {
        let Some(line) = lines.get_mut(&payer) else { continue };
        order.extend(line.pop_front().map(|(_, candidate)| candidate));
        heads.extend(head(&payer, line));
    }
    order
}
