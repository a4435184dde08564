//! Walking a block: its transactions executed on one overlay, one after the other.
//!
//! A proposer, a validator and a node that replays all use the same [`Walk`]; they differ only in what they
//! do with a transaction that is not admissible: leave it out, refuse the block, or give it its number.

use crate::account;
use crate::admit::{Admitted, Budget};
use crate::app::Shared;
use crate::block::{Parent, TxResult};
use crate::execute::{Context, execute};
use crate::expiry;
use crate::fatal::{Fatal, split};
use crate::hot;
use crate::job::Job;
use crate::market::{self, Used};
use crate::verify::Verifier;
use assay_store::{Changes, Overlay, ReadExt};
use assay_types::error::Rejected;
use assay_types::hash::TxHash;
use assay_types::message::Message;
use assay_types::path;
use assay_types::receipt::{Receipt, ReceiptId};
use assay_types::tx::VerifiedTx;
use std::sync::Arc;

/// A block's transactions being executed.
pub(crate) struct Walk<'a> {
    context: Context<'a>,
    parent: &'a Parent,
    verifier: &'a Verifier,
    overlay: Overlay<'a>,
    budget: Budget,
    executed: Executed,
}

/// Transactions that were executed: their writes and their results, before the root is known.
#[derive(Debug)]
pub(crate) struct Executed {
    pub height: u64,
    /// The engine that models are sealed with at this height.
    pub engine: u32,
    pub hashes: Vec<TxHash>,
    pub results: Vec<TxResult>,
    /// Which transactions were admissible.
    pub admitted: Vec<bool>,
    /// The receipts of each, by their messages' indexes.
    pub receipts: Vec<Vec<(u32, Receipt)>>,
    /// What was run, in order.
    pub jobs: Vec<Job>,
    /// What all transactions together used, and the prices that they paid.
    pub used: Used,
    pub changes: Changes,
}

impl<'a> Walk<'a> {
    /// Starts on the state before the block.
    pub fn new(parent: &'a Parent, shared: &'a Shared) -> Self {
        Self {
            context: Context {
                engine: &shared.engine,
                chain: &parent.chain,
                params: &parent.params,
                height: parent.next,
            },
            parent,
            verifier: &shared.verifier,
            overlay: Overlay::new(&parent.view),
            budget: Budget::of(&parent.params),
            executed: Executed {
                height: parent.next,
                engine: parent.chain.engine,
                hashes: Vec::new(),
                results: Vec::new(),
                admitted: Vec::new(),
                receipts: Vec::new(),
                jobs: Vec::new(),
                used: Used { prices: parent.prices, units: 0, bytes: 0 },
                changes: Changes::default(),
            },
        }
    }

    /// Jobs that ran so far.
    pub fn jobs(&self) -> usize {
        self.executed.jobs.len()
    }

    /// Decodes and verifies a transaction, then takes it as [`Walk::take`].
    pub fn take_bytes(&mut self, bytes: &[u8]) -> Result<Result<(), Rejected>, Fatal> {
        match self.verifier.verify(bytes, &self.context.chain.chain_id) {
            Ok(verified) => self.take(verified),
            Err(rejected) => Ok(Err(rejected)),
        }
    }

    /// Executes a transaction if it is admissible after the ones before it and fits what the block has left.
    ///
    /// The inner error says why it is not; then nothing has happened.
    pub fn take(&mut self, verified: Arc<VerifiedTx>) -> Result<Result<(), Rejected>, Fatal> {
        let (hash, bytes) = (verified.hash(), verified.byte_len());
        let account = account::get(&self.overlay, &verified.payer())?;
        let admitted = split(Admitted::new(&self.overlay, self.parent, &account, verified))?;
        let (admitted, budget) = match admitted.and_then(|tx| self.budget.after(&tx).map(|left| (tx, left))) {
            Ok(found) => found,
            Err(rejected) => return Ok(Err(rejected)),
        };
        let result = execute(&self.context, &mut self.overlay, &admitted, &mut self.executed.jobs)?;
        self.budget = budget;
        let used = &mut self.executed.used;
        used.units = used.units.checked_add(result.units).ok_or_else(overflow)?;
        used.bytes = used.bytes.checked_add(bytes).ok_or_else(overflow)?;
        let receipts = if result.code == 0 { self.receipts(&admitted)? } else { Vec::new() };
        self.record(hash, result, true, receipts);
        Ok(Ok(()))
    }

    /// Notes a transaction that is in the block all the same.
    pub fn note(&mut self, bytes: &[u8], rejected: &Rejected) {
        self.record(TxHash::of(bytes), TxResult::not_admitted(rejected), false, Vec::new());
    }

    /// The receipts that a transaction wrote, which succeeded: one for each of its inferences.
    fn receipts(&self, admitted: &Admitted) -> Result<Vec<(u32, Receipt)>, Fatal> {
        let mut receipts = Vec::new();
        for (index, message) in (0..).zip(&admitted.tx().messages) {
            if matches!(message, Message::Infer(_)) {
                let found: Option<Receipt> = self.overlay.read(&path::receipt(&admitted.hash(), index))?;
                receipts.push((
                    index,
                    found.ok_or_else(|| Fatal::Invariant("an inference left no receipt".into()))?,
                ));
            }
        }
        Ok(receipts)
    }

    fn record(&mut self, hash: TxHash, result: TxResult, admitted: bool, receipts: Vec<(u32, Receipt)>) {
        self.executed.hashes.push(hash);
        self.executed.results.push(result);
        self.executed.admitted.push(admitted);
        self.executed.receipts.push(receipts);
    }

    /// Ends the block: the prices move, and the hot set; what is too old goes.
    pub fn finish(mut self) -> Result<Executed, Fatal> {
        let (params, height) = (&self.parent.params, self.executed.height);
        let Executed { hashes, receipts, .. } = &self.executed;
        let written: Vec<ReceiptId> = hashes
            .iter()
            .zip(receipts)
            .flat_map(|(tx, receipts)| receipts.iter().map(|(index, _)| ReceiptId { tx: *tx, index: *index }))
            .collect();
        expiry::receipts(&mut self.overlay, params, height, &written)?;
        expiry::retired(&mut self.overlay, params, height)?;
        market::update(&mut self.overlay, params, &self.executed.used);
        hot::update(&mut self.overlay, &self.executed.jobs, params.hot_set_bytes)?;
        self.executed.changes = self.overlay.into_changes();
        Ok(self.executed)
    }
}

fn overflow() -> Fatal {
    Fatal::Invariant("a block of more units or bytes than a number holds".into())
}

/// Executes the transactions of a decided block: one that is not admissible gets its number, and nothing
/// else happens to it.
pub(crate) fn execute_all(parent: &Parent, shared: &Shared, txs: &[Vec<u8>]) -> Result<Executed, Fatal> {
    let mut walk = Walk::new(parent, shared);
    for bytes in txs {
        if let Err(rejected) = walk.take_bytes(bytes)? {
            walk.note(bytes, &rejected);
        }
    }
    walk.finish()
}
