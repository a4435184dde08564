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
#[derive(Debug, Clone)]
pub(crate) struct Candidate {
    /// Its place among all that arrived.
    pub at: usize,
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
    Ok(arrange(side_by_side(parent, shared, txs)?))
}

/// Transactions, as they arrived, in the order in which they are packed.
pub(crate) fn arrange(arrived: Vec<Candidate>) -> Vec<Candidate> {
    let mut lines: BTreeMap<Address, Vec<(usize, Candidate)>> = BTreeMap::new();
    for candidate in arrived {
        lines.entry(candidate.verified.payer()).or_default().push((candidate.at, candidate));
    }
    merge(lines.into_iter().map(|(payer, line)| (payer, in_nonce_order(line))).collect())
}

/// Transactions in the order in which they would be packed if all that they run were known, while more arrive.
#[derive(Debug, Default)]
pub(crate) struct Ordered {
    arrived: Vec<Candidate>,
    list: Vec<Candidate>,
    /// The lowest rate among them.
    lowest: Option<u128>,
    /// The highest nonce of each account.
    nonces: BTreeMap<Address, u64>,
}

impl Ordered {
    /// Adds what arrived since; whether what was there stands where it stood, and the new ones behind it.
    pub fn add(&mut self, new: Vec<Candidate>) -> bool {
        let (from, mut grew) = (self.arrived.len(), true);
        for candidate in new {
            let candidate = Candidate { known: true, ..candidate };
            grew &= self.comes_last(&candidate);
            self.arrived.push(candidate);
        }
        if grew {
            self.list.extend(self.arrived.iter().skip(from).cloned());
        } else {
            self.list = arrange(self.arrived.clone());
        }
        grew
    }

    /// Whether one that arrives last is packed last: it offers no more than any other, and follows its account's.
    fn comes_last(&mut self, new: &Candidate) -> bool {
        let (nonce, lowest) = (new.verified.tx().nonce, self.lowest.unwrap_or(u128::MAX));
        let before = self.nonces.get(&new.verified.payer()).copied();
        self.lowest = Some(lowest.min(new.rate));
        self.nonces.insert(new.verified.payer(), before.map_or(nonce, |before| before.max(nonce)));
        new.rate <= lowest && before.is_none_or(|before| before < nonce)
    }

    /// All of them.
    pub fn list(&self) -> &[Candidate] {
        &self.list
    }

    /// Whether they stand as if they had arrived all at once.
    #[cfg(test)]
    pub fn is_arranged(&self) -> bool {
        let hashes = |list: &[Candidate]| list.iter().map(|own| own.verified.hash()).collect::<Vec<_>>();
        hashes(&self.list) == hashes(&arrange(self.arrived.clone()))
    }
}

/// What each transaction offers, several looked at at once: a bid does not depend on any other.
fn side_by_side(parent: &Parent, shared: &Shared, txs: &[Vec<u8>]) -> Result<Vec<Candidate>, Fatal> {
    let each = txs.len().div_ceil(shared.engine.threads()).max(LEAST_EACH);
    let bids = |(first, part): (usize, &[Vec<u8>])| -> Result<Vec<Candidate>, Fatal> {
        let mut ahead = Ahead::new(parent, shared);
        let one = |(at, bytes): (usize, &Vec<u8>)| {
            let verified = shared.verifier.verify(bytes, &parent.chain.chain_id).ok()?;
            bid(parent, &mut ahead, at, verified).transpose()
        };
        (first..).zip(part).filter_map(one).collect()
    };
    let mut parts = (0..).step_by(each).zip(txs.chunks(each));
    let own = parts.next().unwrap_or_default();
    std::thread::scope(|scope| {
        let parts: Vec<_> = parts.collect();
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
pub(crate) fn bid(
    parent: &Parent,
    ahead: &mut Ahead<'_>,
    at: usize,
    verified: Arc<VerifiedTx>,
) -> Result<Option<Candidate>, Fatal> {
    let tx = verified.tx();
    // Its model may be sealed in this very block: then it stays behind everything that can be priced.
    let Ok(price) = split(Price::of(&parent.view, parent, &verified))? else {
        return Ok(Some(Candidate { at, fee: Amount::ZERO, rate: 0, known: false, verified }));
    };
    let Ok(tip) = price.tip(tx) else { return Ok(None) };
    let fee = price.base.checked_add(tip).unwrap_or(tx.max_fee);
    let rate = tip.0.saturating_mul(PRICE_SCALE) / u128::from(price.units.max(1));
    let known = ahead.knows(tx)?;
    Ok(Some(Candidate { at, fee, rate, known, verified }))
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
