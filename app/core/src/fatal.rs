//! The two kinds of failure.
//!
//! A [`Fatal`] means that this machine, its disk or this program is wrong. The process that meets one must
//! stop before anything is persisted; it is never an answer to a transaction.

use crate::difference::Divergence;
use assay_compiler::HostError;
use assay_store::StoreError;
use assay_types::error::Rejected;
use assay_types::hash::{CompilerHash, PlanHash};

/// Why this process must stop.
#[derive(Debug, thiserror::Error)]
pub enum Fatal {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The sandbox of the compiler, or the plan cache, failed as a machine.
    #[error("the compiler's sandbox failed: {0}; check memory and disk, then start again")]
    Host(#[from] HostError),
    /// The state machine found its own rules broken.
    #[error("an invariant is broken: {0}; keep the data directory and report this")]
    Invariant(String),
    /// A call that does not follow from the ones before.
    #[error("{call} at height {got}, where {expected} is next; is another application on this socket?")]
    OutOfOrder {
        /// The call.
        call: &'static str,
        /// The height that is next.
        expected: u64,
        /// The height asked for.
        got: u64,
    },
    /// A commit without a finalized block.
    #[error("a commit without a finalized block")]
    NothingToCommit,
    /// A decided block is not what this machine computes.
    #[error("{0}; nothing was written")]
    Divergence(Box<Divergence>),
    /// There is no chain yet.
    #[error("the chain has not been initialised yet; wait for consensus to start it")]
    NoChain,
    /// The state was written by another version of the state machine.
    #[error(
        "the state is of app version {found}, and this program is of {supported}; \
         run the assayd that the chain uses at this height"
    )]
    OtherVersion {
        /// The state's.
        found: u64,
        /// This program's.
        supported: u64,
    },
    /// The chain uses an engine that this process was not given.
    #[error(
        "the chain uses engine {0}, which this program does not have; run the assayd that the chain uses"
    )]
    UnknownEngine(u32),
    /// The chain uses another compiler under that number.
    #[error(
        "engine {number} compiles with {found} here, and the chain agreed on {expected}; \
         run the assayd that the chain uses"
    )]
    OtherEngine {
        /// The engine.
        number: u32,
        /// The chain's compiler.
        expected: CompilerHash,
        /// This process's.
        found: CompilerHash,
    },
    /// The chain's engine of that number has another opcode set or another price table.
    #[error(
        "engine {number} has {what} {expected} on the chain and {found} in this program; \
         run the assayd that the chain uses"
    )]
    OtherEnginePart {
        /// The engine.
        number: u32,
        /// What differs.
        what: &'static str,
        /// The chain's.
        expected: u16,
        /// This program's.
        found: u16,
    },
    /// A model compiles to another plan than the chain agreed on.
    #[error(
        "a model compiles to plan {found} here, and the chain agreed on {expected}; this machine is wrong"
    )]
    OtherPlan {
        /// The chain's plan.
        expected: PlanHash,
        /// This machine's, or why there is none.
        found: String,
    },
}

impl Fatal {
    /// Whether nothing is broken, and only this program is another than the one that the chain needs.
    pub fn is_other_version(&self) -> bool {
        matches!(
            self,
            Fatal::OtherVersion { .. }
                | Fatal::UnknownEngine(_)
                | Fatal::OtherEngine { .. }
                | Fatal::OtherEnginePart { .. }
                | Fatal::Store(StoreError::Format { .. })
        )
    }
}

/// Either kind, where one function can meet both.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The transaction's fault.
    Rejected(Rejected),
    /// This machine's fault.
    Fatal(Fatal),
}

impl From<Rejected> for Failure {
    fn from(rejected: Rejected) -> Self {
        Failure::Rejected(rejected)
    }
}

impl From<Fatal> for Failure {
    fn from(fatal: Fatal) -> Self {
        Failure::Fatal(fatal)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Failure::Fatal(error.into())
    }
}

/// Separates the two kinds: what the caller answers from what it stops for.
pub(crate) fn split<T>(result: Result<T, Failure>) -> Result<Result<T, Rejected>, Fatal> {
    match result {
        Ok(value) => Ok(Ok(value)),
        Err(Failure::Rejected(rejected)) => Ok(Err(rejected)),
        Err(Failure::Fatal(fatal)) => Err(fatal),
    }
}
