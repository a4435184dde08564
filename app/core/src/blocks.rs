//! Which blocks are on their way to the disk, and which call may come when.
//!
//! | state | proposals | a decision | commit |
//! |---|---|---|---|
//! | open | executed and kept, a few of them | found or executed: decided | fatal |
//! | decided | open again | found or executed: decided | open, at the next height |
//!
//! A proposal after a decision means that CometBFT began again without this process; within one connection
//! the node refuses it. The decision is then kept like any proposal, so deciding it again costs nothing.
//! Nothing here is on disk, so a process that dies in any state finds itself open at the height of its last
//! commit, and CometBFT replays the decision.

use crate::block::BlockResult;
use crate::fatal::Fatal;
use crate::stage::{Fingerprint, StagedBlock};
use std::collections::VecDeque;

/// Executed proposals that are kept: a height rarely needs more rounds.
const MOST_KEPT: usize = 4;
/// Bytes of executed proposals that are kept, about; the last one is kept whatever its size.
const MOST_KEPT_BYTES: u64 = 128 * 1024 * 1024;

/// Where the process is between two commits.
#[derive(Debug, Default)]
enum State {
    /// No block of the next height is decided.
    #[default]
    Open,
    /// This one is.
    Decided(Box<StagedBlock>),
}

/// Blocks of the next height that were executed here.
#[derive(Debug, Default)]
pub(crate) struct Blocks {
    state: State,
    /// The one executed last stands last.
    kept: VecDeque<StagedBlock>,
}

impl Blocks {
    /// A call that comes before a decision: what was decided is one executed block among others.
    pub fn open(&mut self) {
        if let State::Decided(block) = std::mem::take(&mut self.state) {
            self.keep(*block);
        }
    }

    /// Whether a block was executed here and found sound.
    pub fn knows(&self, fingerprint: &Fingerprint) -> bool {
        self.kept.iter().any(|block| block.fingerprint() == fingerprint)
    }

    /// Keeps an executed block, and forgets the oldest ones when there are too many.
    pub fn keep(&mut self, block: StagedBlock) {
        self.kept.retain(|kept| kept.fingerprint() != block.fingerprint());
        self.kept.push_back(block);
        while self.kept.len() > MOST_KEPT || (self.kept.len() > 1 && self.weight() > MOST_KEPT_BYTES) {
            self.kept.pop_front();
        }
    }

    /// How many are kept.
    #[cfg(test)]
    pub fn kept(&self) -> usize {
        self.kept.len()
    }

    fn weight(&self) -> u64 {
        self.kept.iter().map(StagedBlock::weight).fold(0, u64::saturating_add)
    }

    /// Gives an executed block out of keeping.
    pub fn take(&mut self, fingerprint: &Fingerprint) -> Option<StagedBlock> {
        let at = self.kept.iter().position(|block| block.fingerprint() == fingerprint)?;
        self.kept.remove(at)
    }

    /// Decides a block.
    pub fn decide(&mut self, block: StagedBlock) -> BlockResult {
        let result = block.result();
        self.state = State::Decided(Box::new(block));
        result
    }

    /// Gives the decided block away to be committed, and forgets the proposals that lost.
    ///
    /// # Errors
    /// [`Fatal::NothingToCommit`] when none is decided.
    pub fn commit(&mut self) -> Result<StagedBlock, Fatal> {
        match std::mem::take(&mut self.state) {
            State::Decided(block) => {
                self.kept.clear();
                Ok(*block)
            }
            State::Open => Err(Fatal::NothingToCommit),
        }
    }
}
