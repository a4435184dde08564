//! Drafts: what waits is packed ahead, while nobody waits for it.
//!
//! A proposer's block is a function of the state before it and of the transactions that it is given. The mempool's
//! order is known here from CheckTx, so a block of what waits is begun before it is asked for, on the proposer's own
//! [`Packing`]. When the proposal comes to be made, its transactions are put in order as ever; where the draft has gone
//! through the very transactions that this order begins with, on the same state, its packing is gone on with, and
//! otherwise thrown away. So a draft decides how long a proposal takes, and no byte of it.
//!
//! A draft never runs a model: it stops at a transaction that runs something whose outcome is not known. It ends with
//! the first call for a block of its height, and is not made where no proposal was asked for lately.

use crate::ahead::Ahead;
use crate::app::Shared;
use crate::block::Parent;
use crate::fatal::Fatal;
use crate::order::{Candidate, Ordered, bid};
use crate::pack::{Fate, Packing, PausedPacking};
use assay_types::hash::TxHash;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Heights for which drafts are made after one whose proposal was asked for.
const LATELY: u64 = 16;
/// How often a draft of a height is begun anew, because something came that is packed before what it has.
const MOST_BEGUN: u32 = 4;

/// The beginning of the next block, were it made now.
pub(crate) struct Draft {
    parent: Arc<Parent>,
    max_bytes: u64,
    /// What arrived, so far as it was looked at, and how much that is.
    ordered: Ordered,
    looked_at: usize,
    /// What became of the first of them.
    gone: Vec<(TxHash, Fate)>,
    packing: PausedPacking,
    begun: u32,
    /// Whether there is no more room.
    full: bool,
}

impl Draft {
    fn new(parent: Arc<Parent>, max_bytes: u64) -> Self {
        let packing = PausedPacking::new(&parent, max_bytes);
        let (ordered, gone) = (Ordered::default(), Vec::new());
        Self { parent, max_bytes, ordered, looked_at: 0, gone, packing, begun: 1, full: false }
    }

    /// The packing so far, and what became of the first transactions of a list, if this is the beginning of the block
    /// of that list.
    pub fn begins(
        self,
        parent: &Arc<Parent>,
        list: &[Candidate],
        max_bytes: u64,
    ) -> Option<(PausedPacking, Vec<Fate>)> {
        if !Arc::ptr_eq(parent, &self.parent) || !self.goes_through(list) {
            return None;
        }
        let packing = self.packing.within(parent, max_bytes)?;
        Some((packing, self.gone.into_iter().map(|(_, fate)| fate).collect()))
    }

    /// Whether a list begins with what this has gone through.
    fn goes_through(&self, list: &[Candidate]) -> bool {
        let begin = list.get(..self.gone.len());
        let same = |(own, (hash, _)): (&Candidate, &(TxHash, Fate))| own.verified.hash() == *hash;
        begin.is_some_and(|begin| begin.iter().zip(&self.gone).all(same))
    }

    /// Looks at what arrived since.
    fn look(&mut self, shared: &Shared) -> Result<(), Fatal> {
        let arrived = shared.check.arrived(&self.parent, self.looked_at);
        if arrived.is_empty() {
            return Ok(());
        }
        let mut ahead = Ahead::new(&self.parent, shared);
        let mut new = Vec::with_capacity(arrived.len());
        for verified in arrived {
            new.extend(bid(&self.parent, &mut ahead, self.looked_at, verified)?);
            self.looked_at = self.looked_at.saturating_add(1);
        }
        // What is not known yet may be known when the block is made. If not, it stands further behind, and what stands
        // before it here still does.
        if !self.ordered.add(new) && !self.goes_through(self.ordered.list()) {
            self.begun = self.begun.saturating_add(1);
            self.gone.clear();
            self.packing = PausedPacking::new(&self.parent, self.max_bytes);
            self.full = false;
        }
        Ok(())
    }

    /// Goes through what waits, until somebody else wants the draft.
    fn go_on(&mut self, shared: &Shared, stop: &AtomicBool) -> Result<(), Fatal> {
        if self.begun > MOST_BEGUN {
            return Ok(());
        }
        self.look(shared)?;
        if self.full || self.begun > MOST_BEGUN {
            return Ok(());
        }
        let parent = Arc::clone(&self.parent);
        let paused = std::mem::replace(&mut self.packing, PausedPacking::new(&parent, self.max_bytes));
        let (mut packing, mut ahead) =
            (Packing::resume(&parent, shared, paused), Ahead::new(&parent, shared));
        for candidate in self.ordered.list().get(self.gone.len()..).unwrap_or_default() {
            if stop.load(Ordering::Relaxed) || !ahead.knows(candidate.verified.tx())? {
                break;
            }
            match packing.offer(&candidate.verified)? {
                Fate::NoRoom => {
                    self.full = true;
                    break;
                }
                fate => self.gone.push((candidate.verified.hash(), fate)),
            }
        }
        self.packing = packing.pause();
        Ok(())
    }
}

/// The draft of the next block, if there is one.
#[derive(Default)]
pub(crate) struct Drafts {
    state: Mutex<State>,
    /// Whether a block is asked for: then it does not wait for a draft.
    stop: AtomicBool,
}

#[derive(Default)]
struct State {
    draft: Option<Draft>,
    /// The next height for which a block was asked for already, or is decided.
    over: u64,
    /// The height of the last proposal that was asked for, and what it might hold.
    asked: Option<(u64, u64)>,
}

impl Drafts {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Goes on with the draft of the block after what is committed.
    pub fn go_on(&self, shared: &Shared) -> Result<(), Fatal> {
        let mut state = self.lock();
        let parent = shared.check.parent()?;
        let height = parent.next;
        let max_bytes = match state.asked {
            Some((asked, max_bytes)) if height <= asked.saturating_add(LATELY) => max_bytes,
            _ => return Ok(()),
        };
        if height <= state.over || self.stop.load(Ordering::Relaxed) {
            return Ok(());
        }
        // It is put back when nothing failed.
        let draft = state.draft.take().filter(|draft| Arc::ptr_eq(&draft.parent, &parent));
        let mut draft = draft.unwrap_or_else(|| Draft::new(parent, max_bytes));
        draft.go_on(shared, &self.stop)?;
        state.draft = Some(draft);
        Ok(())
    }

    /// Gives the draft away to the proposal of a height; there is none of that height any more.
    pub fn take(&self, height: u64, max_bytes: u64) -> Option<Draft> {
        let mut state = self.end(height);
        state.asked = Some((height, max_bytes));
        state.draft.take()
    }

    /// A block of a height is there: no more drafts of it.
    pub fn over(&self, height: u64) {
        self.end(height).draft = None;
    }

    fn end(&self, height: u64) -> MutexGuard<'_, State> {
        self.stop.store(true, Ordering::Relaxed);
        let mut state = self.lock();
        self.stop.store(false, Ordering::Relaxed);
        state.over = height;
        state
    }

    /// Forgets everything, for another state is begun with.
    pub fn clear(&self) {
        *self.lock() = State::default();
    }

    /// Whether what the draft goes through is in the order of a proposal.
    #[cfg(test)]
    pub fn is_arranged(&self) -> bool {
        self.lock().draft.as_ref().is_none_or(|draft| draft.ordered.is_arranged())
    }

    /// How many transactions the draft has gone through.
    #[cfg(test)]
    pub fn gone(&self) -> usize {
        self.lock().draft.as_ref().map_or(0, |draft| draft.gone.len())
    }
}
