//! Jobs: the pieces of work that a block asks for, and what came of each.
//!
//! A job is noted when it has run, whatever becomes of its transaction afterwards: the work was done, and a
//! machine that does it wrong must be found out by it.

use assay_types::claim::JobOutcome;
use assay_types::hash::{ModelId, PlanHash, TxHash};
use assay_types::message::Message;
use assay_types::tx::Tx;

/// An inference or a compilation that ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Job {
    /// The transaction that asked for it.
    pub tx_hash: TxHash,
    /// The message's index in the transaction.
    pub message: u32,
    /// The model.
    pub model: ModelId,
    /// The engine that ran it.
    pub engine: u32,
    /// The plan that was run, or that the model compiled to; `None` when it does not compile.
    pub plan: Option<PlanHash>,
    /// What came of it.
    pub outcome: JobOutcome,
}

/// Jobs that a transaction can ask for, at most.
pub(crate) fn most(tx: &Tx) -> usize {
    tx.messages.iter().filter(|message| matches!(message, Message::Infer(_) | Message::SealModel(_))).count()
}
