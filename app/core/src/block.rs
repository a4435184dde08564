//! Blocks: executed transaction by transaction on one overlay, then staged with the root they lead to.
//!
//! A proposer, a validator and a node that replays all walk a block with the same [`Walk`]; they differ only
//! in what they do with a transaction that is not admissible: leave it out, refuse the block, or give it its
//! number.

use crate::admit::{Admitted, Budget};
use crate::chain::{self, ChainRecord};
use crate::engine::Engine;
use crate::execute::{Context, execute};
use crate::fatal::{Fatal, split};
use crate::verify::Verifier;
use crate::{account, index};
use assay_store::{Changes, Entry, Overlay, Staged, Store, View};
use assay_types::amount::Amount;
use assay_types::error::Rejected;
use assay_types::hash::{AppHash, TxHash};
use assay_types::params::Params;
use assay_types::tx::VerifiedTx;
use std::sync::Arc;

/// A decided block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockInput {
    /// Its height.
    pub height: u64,
    /// Its transactions.
    pub txs: Vec<Vec<u8>>,
}

/// What a block gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockResult {
    /// One result per transaction, in order.
    pub tx_results: Vec<TxResult>,
    /// The state root after the block.
    pub app_hash: AppHash,
}

/// What a transaction gave. Code, data and units are consensus; the rest is for people and programs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TxResult {
    /// 0, or the stable number of the rejection.
    pub code: u32,
    /// The canonical bytes of a [`TxData`](assay_types::receipt::TxData); empty when there are no outputs.
    pub data: Vec<u8>,
    /// The rejection in words; empty when there is none.
    pub log: String,
    /// The fee taken.
    pub fee: Amount,
    /// Units paid for.
    pub units: u64,
    /// Events.
    pub events: Vec<Event>,
}

impl TxResult {
    /// The result of a transaction that is in a decided block, but not admissible: nothing is taken from
    /// anybody.
    fn not_admitted(rejected: &Rejected) -> Self {
        Self {
            code: rejected.code(),
            data: Vec::new(),
            log: rejected.to_string(),
            fee: Amount::ZERO,
            units: 0,
            events: Vec::new(),
        }
    }
}

/// Something that happened, for whoever subscribes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// What.
    pub kind: String,
    /// Names and values, and whether to index them.
    pub attributes: Vec<(String, String, bool)>,
}

impl Event {
    /// An event whose attributes are all worth indexing.
    pub(crate) fn new(kind: &str, attributes: &[(&str, String)]) -> Self {
        let attributes =
            attributes.iter().map(|(name, value)| ((*name).to_owned(), value.clone(), true)).collect();
        Self { kind: kind.into(), attributes }
    }
}

/// The state before a block.
pub(crate) struct Parent {
    pub view: View,
    pub chain: ChainRecord,
    pub params: Params,
    /// The height of the block that comes next.
    pub next: u64,
}

impl Parent {
    /// What is committed now.
    pub fn of(store: &Store) -> Result<Self, Fatal> {
        let view = store.view();
        let (version, _) = view.tip()?.ok_or(Fatal::NoChain)?;
        let next = version.checked_add(1).ok_or_else(|| Fatal::Invariant("no height is left".into()))?;
        let (chain, params) = (chain::chain(&view)?, chain::params(&view)?);
        Ok(Self { view, chain, params, next })
    }

    /// Refuses any height but the next.
    pub fn expect(&self, call: &'static str, got: u64) -> Result<(), Fatal> {
        if got == self.next { Ok(()) } else { Err(Fatal::OutOfOrder { call, expected: self.next, got }) }
    }
}

/// A block's transactions being executed, one after the other.
pub(crate) struct Walk<'a> {
    context: Context<'a>,
    params: &'a Params,
    verifier: &'a Verifier,
    overlay: Overlay<'a>,
    budget: Budget,
    executed: Executed,
}

/// A block that was executed: its writes and its results, before the root is known.
#[derive(Debug)]
pub(crate) struct Executed {
    pub height: u64,
    pub hashes: Vec<TxHash>,
    pub results: Vec<TxResult>,
    pub changes: Changes,
    /// Which transactions were admissible.
    pub admitted: Vec<bool>,
}

impl<'a> Walk<'a> {
    /// Starts on the state before the block.
    pub fn new(parent: &'a Parent, engine: &'a Engine, verifier: &'a Verifier) -> Self {
        Self {
            context: Context { engine, chain: &parent.chain, height: parent.next },
            params: &parent.params,
            verifier,
            overlay: Overlay::new(&parent.view),
            budget: Budget::of(&parent.params),
            executed: Executed {
                height: parent.next,
                hashes: Vec::new(),
                results: Vec::new(),
                changes: Changes::default(),
                admitted: Vec::new(),
            },
        }
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
        let hash = verified.hash();
        let account = account::get(&self.overlay, &verified.tx().payer())?;
        let height = self.context.height;
        let admitted = split(Admitted::new(&self.overlay, self.params, height, &account, verified))?;
        let (admitted, budget) = match admitted.and_then(|tx| self.budget.after(&tx).map(|left| (tx, left))) {
            Ok(found) => found,
            Err(rejected) => return Ok(Err(rejected)),
        };
        let result = execute(&self.context, &mut self.overlay, &admitted)?;
        self.budget = budget;
        self.record(hash, result, true);
        Ok(Ok(()))
    }

    /// Notes a transaction that is in the block all the same.
    pub fn note(&mut self, bytes: &[u8], rejected: &Rejected) {
        self.record(TxHash::of(bytes), TxResult::not_admitted(rejected), false);
    }

    fn record(&mut self, hash: TxHash, result: TxResult, admitted: bool) {
        self.executed.hashes.push(hash);
        self.executed.results.push(result);
        self.executed.admitted.push(admitted);
    }

    /// Ends the block.
    pub fn finish(mut self) -> Executed {
        self.executed.changes = self.overlay.into_changes();
        self.executed
    }
}

impl Executed {
    /// Whether this is the block of that height and of these transactions.
    pub fn is(&self, height: u64, txs: &[Vec<u8>]) -> bool {
        self.height == height
            && self.hashes.len() == txs.len()
            && self.hashes.iter().zip(txs).all(|(hash, bytes)| *hash == TxHash::of(bytes))
    }
}

/// Executes a decided block: a transaction that is not admissible gets its number, and nothing else happens
/// to it.
pub(crate) fn execute_decided(
    parent: &Parent,
    engine: &Engine,
    verifier: &Verifier,
    txs: &[Vec<u8>],
) -> Result<Executed, Fatal> {
    let mut walk = Walk::new(parent, engine, verifier);
    for bytes in txs {
        if let Err(rejected) = walk.take_bytes(bytes)? {
            walk.note(bytes, &rejected);
        }
    }
    Ok(walk.finish())
}

/// A block whose root is known, and which only waits for its commit.
pub(crate) struct StagedBlock {
    staged: Staged,
    index: Vec<Entry>,
    executed: Executed,
}

impl StagedBlock {
    /// Computes the root and the index entries of an executed block; writes nothing.
    pub fn new(store: &Store, mut executed: Executed, txs: &[Vec<u8>]) -> Result<Self, Fatal> {
        let index = index::entries(store, &executed, txs)?;
        let staged = store.stage(executed.height, std::mem::take(&mut executed.changes))?;
        Ok(Self { staged, index, executed })
    }

    /// Whether this is the block of that height and of these transactions.
    pub fn is(&self, height: u64, txs: &[Vec<u8>]) -> bool {
        self.executed.is(height, txs)
    }

    /// What the block gave.
    pub fn result(&self) -> BlockResult {
        BlockResult { tx_results: self.executed.results.clone(), app_hash: self.staged.root() }
    }

    /// The writes and the index entries, to be committed.
    pub fn into_parts(self) -> (Staged, Vec<Entry>) {
        (self.staged, self.index)
    }
}
