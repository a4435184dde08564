//! Packing: which of the transactions that are offered come into a block, one after the other.

use crate::app::Shared;
use crate::block::Parent;
use crate::fatal::Fatal;
use crate::job;
use crate::walk::{Paused, Walk};
use assay_types::claim::Claim;
use assay_types::error::Rejected;
use assay_types::limits::MAX_TX_BYTES;
use assay_types::params::Params;
use assay_types::tx::VerifiedTx;
use std::sync::Arc;

/// Bytes that a transaction takes of a block: CometBFT counts the protobuf field around it.
pub(crate) fn block_bytes(len: u64) -> u64 {
    let mut varint: u64 = 1;
    let mut rest = len >> 7;
    while rest > 0 {
        varint += 1;
        rest >>= 7;
    }
    len.saturating_add(1).saturating_add(varint)
}

/// What a block's bytes still have room for, the claim's own counted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Room {
    most: u64,
    used: u64,
    /// The most that was asked for and was there.
    peak: u64,
}

impl Room {
    /// All of a block of at most `max_bytes`, as CometBFT counts them.
    pub fn of(params: &Params, max_bytes: u64) -> Self {
        Self { most: max_bytes.min(params.max_block_bytes), used: 0, peak: 0 }
    }

    /// Bytes taken with so many more bytes of transactions and a claim of so many outcomes; `None` when that
    /// is too much.
    fn with(&mut self, bytes: u64, outcomes: usize) -> Option<u64> {
        let claim = Claim::most_bytes(outcomes);
        let used = self.used.saturating_add(bytes);
        let asked = used.saturating_add(block_bytes(claim as u64));
        if claim > MAX_TX_BYTES || asked > self.most {
            return None;
        }
        self.peak = self.peak.max(asked);
        Some(used)
    }
}

/// What becomes of a transaction that is offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is in the block, and executed.
    Packed,
    /// Another transaction of this block may yet make it admissible.
    Late,
    /// It is not admissible.
    Left,
    /// It does not fit.
    NoRoom,
}

/// A block that is being packed.
pub(crate) struct Packing<'a> {
    walk: Walk<'a>,
    room: Room,
}

/// A packing that is left for a while.
#[derive(Debug)]
pub(crate) struct PausedPacking {
    walk: Paused,
    room: Room,
}

impl PausedPacking {
    /// Nothing packed yet.
    pub fn new(parent: &Parent, max_bytes: u64) -> Self {
        Self { walk: Paused::new(parent), room: Room::of(&parent.params, max_bytes) }
    }

    /// The same in a block of at most `max_bytes`, if everything would have come as it came.
    pub fn within(self, parent: &Parent, max_bytes: u64) -> Option<Self> {
        let Room { used, peak, .. } = self.room;
        let room = Room { used, peak, ..Room::of(&parent.params, max_bytes) };
        (peak <= room.most).then_some(Self { room, ..self })
    }
}

impl<'a> Packing<'a> {
    /// Goes on with a packing on the state that it was begun on.
    pub fn resume(parent: &'a Parent, shared: &'a Shared, paused: PausedPacking) -> Self {
        Self { walk: Walk::resume(parent, shared, paused.walk), room: paused.room }
    }

    /// Leaves it for a while.
    pub fn pause(self) -> PausedPacking {
        PausedPacking { walk: self.walk.pause(), room: self.room }
    }

    /// Executes a transaction if it fits and is admissible where it stands.
    pub fn offer(&mut self, verified: &Arc<VerifiedTx>) -> Result<Fate, Fatal> {
        let outcomes = self.walk.jobs().saturating_add(job::most(verified.tx()));
        let Some(used) = self.room.with(block_bytes(verified.byte_len()), outcomes) else {
            return Ok(Fate::NoRoom);
        };
        Ok(match self.walk.take(verified.clone())? {
            Ok(()) => {
                self.room.used = used;
                Fate::Packed
            }
            Err(
                Rejected::InsufficientBalance { .. }
                | Rejected::NonceTooHigh { .. }
                | Rejected::ModelUnknown
                | Rejected::ModelNotSealed,
            ) => Fate::Late,
            Err(_) => Fate::Left,
        })
    }

    /// Ends it: the walk, and whether there is room for a claim of its outcomes.
    pub fn end(mut self) -> (Walk<'a>, bool) {
        let claimed = self.room.with(0, self.walk.jobs()).is_some();
        (self.walk, claimed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transaction_takes_its_protobuf_field() {
        for (len, bytes) in [(0, 2), (1, 3), (127, 129), (128, 131), (16_383, 16_386), (16_384, 16_388)] {
            assert_eq!(block_bytes(len), bytes);
        }
    }
}
