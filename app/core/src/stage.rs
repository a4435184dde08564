//! A block that was executed here, from its root to its commit.
//!
//! [`Computed`] is what this machine says of a block's transactions: it makes the claim of a proposer and is
//! what a validator compares a claim with. [`StagedBlock`] is the same with the block's own bytes, and only
//! waits for its commit. Neither writes anything.

use crate::block::{BlockResult, TxResult};
use crate::fatal::Fatal;
use crate::index;
use crate::job::Job;
use crate::walk::Executed;
use assay_store::{Entry, Staged, Store};
use assay_types::claim::Claim;
use assay_types::hash::TxHash;

/// Which block: its height, and a digest of its transactions in order.
///
/// The state before it needs no place here: only blocks of the next height are ever kept. The digest never leaves
/// the process, and is one for all of the block because each block is asked for three times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fingerprint {
    height: u64,
    txs: [u8; 32],
}

impl Fingerprint {
    pub fn of(height: u64, txs: &[Vec<u8>]) -> Self {
        let mut hasher = blake3::Hasher::new();
        for tx in txs {
            hasher.update(&(tx.len() as u64).to_le_bytes()).update(tx);
        }
        Self { height, txs: hasher.finalize().into() }
    }
}

/// Executed transactions with the root that they lead to.
#[derive(Debug)]
pub(crate) struct Computed {
    executed: Executed,
    staged: Staged,
    claim: Claim,
}

impl Computed {
    /// Computes the root, and writes nothing.
    pub fn new(store: &Store, mut executed: Executed) -> Result<Self, Fatal> {
        let staged = store.stage(executed.height, std::mem::take(&mut executed.changes))?;
        let claim = Claim {
            height: executed.height,
            engine: executed.engine,
            units: executed.used.units,
            outcomes: executed.jobs.iter().map(|job| job.outcome).collect(),
            state_root: staged.root(),
        };
        Ok(Self { executed, staged, claim })
    }

    /// What an honest proposer claims of these transactions.
    pub fn claim(&self) -> &Claim {
        &self.claim
    }

    /// What was run, in order: one for each outcome of the claim.
    pub fn jobs(&self) -> &[Job] {
        &self.executed.jobs
    }

    /// The block of these transactions: `txs` are its bytes, the claim first unless there are none at all.
    pub fn into_block(self, store: &Store, txs: &[Vec<u8>]) -> Result<StagedBlock, Fatal> {
        let Self { mut executed, staged, claim } = self;
        if let Some(bytes) = txs.first() {
            executed.hashes.insert(0, TxHash::of(bytes));
            executed.results.insert(0, TxResult::claim(&claim));
            executed.admitted.insert(0, true);
            executed.receipts.insert(0, Vec::new());
        }
        if executed.hashes.len() != txs.len() {
            return Err(Fatal::Invariant("a block of other transactions than were executed".into()));
        }
        let index = index::entries(store, &executed, txs)?;
        let fingerprint = Fingerprint::of(executed.height, txs);
        let size = |entry: &Entry| entry.0.len().saturating_add(entry.1.len()) as u64;
        // What the entries repeat of the block is about what the block takes in memory, twice.
        let weight = index.iter().map(size).fold(0, u64::saturating_add).saturating_mul(2);
        Ok(StagedBlock { fingerprint, weight, staged, index, results: executed.results })
    }
}

/// A block that only waits for its commit.
#[derive(Debug)]
pub(crate) struct StagedBlock {
    fingerprint: Fingerprint,
    weight: u64,
    staged: Staged,
    index: Vec<Entry>,
    results: Vec<TxResult>,
}

impl StagedBlock {
    pub fn fingerprint(&self) -> &Fingerprint {
        &self.fingerprint
    }

    /// Bytes that it takes in memory, about.
    pub fn weight(&self) -> u64 {
        self.weight
    }

    /// What the block gave.
    pub fn result(&self) -> BlockResult {
        BlockResult { tx_results: self.results.clone(), app_hash: self.staged.root() }
    }

    /// The writes and the index entries, to be committed.
    pub fn into_parts(self) -> (Staged, Vec<Entry>) {
        (self.staged, self.index)
    }
}
