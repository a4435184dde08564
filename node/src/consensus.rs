//! Consensus as the gateway sees it: what decides blocks, and what can be asked about them.
//!
//! There are two drivers: CometBFT, asked over its RPC ([`crate::comet::rpc::Rpc`]), and
//! [`Solo`](crate::solo::Solo), one validator in this process. Both give CometBFT's own types, so that what the
//! gateway serves (blocks, signed headers, validators) does not depend on the driver. A height that is not there
//! is an answer (`None`); a driver that does not answer is an error.

use std::pin::Pin;
use tendermint::block::signed_header::SignedHeader;
use tendermint::block::{self, Block};
use tendermint::validator;

/// An answer that may take time.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, Unavailable>> + Send + 'a>>;

/// The driver gives no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unavailable(pub String);

/// How far a driver is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// The last decided height; 0 before the first block.
    pub height: u64,
    /// Whether it still catches up with others.
    pub syncing: bool,
    /// Peers connected.
    pub peers: u32,
    /// Its version, as it reports itself.
    pub version: String,
}

/// What becomes of a transaction that is handed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Submission {
    /// It waits for a block.
    Waits,
    /// It was handed in before: it waits, or is in a block.
    Known,
    /// CheckTx refuses it.
    Rejected {
        /// The stable number.
        code: u32,
        /// The reason in words.
        log: String,
    },
    /// There is no room for it now, for this reason.
    Full(String),
}

/// A decided block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decided {
    /// What votes sign.
    pub id: block::Id,
    /// The block.
    pub block: Block,
}

/// What decides blocks.
pub trait Driver: Send + Sync + 'static {
    /// How far it is.
    fn progress(&self) -> Answer<'_, Progress>;

    /// Hands a transaction in, and waits for what CheckTx says.
    fn submit(&self, tx: Vec<u8>) -> Answer<'_, Submission>;

    /// A block; `None` is the latest.
    fn block(&self, height: Option<u64>) -> Answer<'_, Option<Decided>>;

    /// A header with its commit.
    fn signed_header(&self, height: u64) -> Answer<'_, Option<SignedHeader>>;

    /// All validators at a height.
    fn validators(&self, height: u64) -> Answer<'_, Option<Vec<validator::Info>>>;
}
