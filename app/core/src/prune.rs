//! Forgetting the past, in the background: old versions of the state, and what the index has of their blocks.
//!
//! It is the node's own affair how much it keeps: nothing of it changes a root.

use crate::fatal::Fatal;
use crate::index;
use assay_store::Store;

/// Entries of the tree's stale index in one step: a few milliseconds of work.
const STEP: usize = 256;

/// How a step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// There may be more to do.
    More,
    /// The database has enough to do as it is; nothing happened.
    Busy,
    /// Nothing is left to do.
    Done,
}

/// Forgets step by step what is older than the oldest height to keep.
pub struct Pruner {
    store: Store,
    tree: assay_store::Pruner,
    /// The last block of the index that is gone.
    forgotten: Option<u64>,
}

impl Pruner {
    pub(crate) fn new(store: &Store) -> Self {
        Self { store: store.clone(), tree: store.pruner(), forgotten: None }
    }

    /// Makes a height the oldest whose state is kept, if it is later than that of before, and gives the one that
    /// is. From here on no other is answered.
    ///
    /// # Errors
    /// [`Fatal`] when the store fails, or before there is a chain.
    pub fn keep_from(&self, height: u64) -> Result<u64, Fatal> {
        Ok(self.store.keep_from(height)?)
    }

    /// Takes a little of what is not kept away. No commit waits longer for it than for one small write.
    ///
    /// # Errors
    /// [`Fatal`] when the store fails.
    pub fn step(&mut self) -> Result<Step, Fatal> {
        let pruned = self.tree.step(STEP)?;
        if pruned.busy {
            return Ok(Step::Busy);
        }
        let index = self.step_index()?;
        Ok(if pruned.more && index == Step::Done { Step::More } else { index })
    }

    /// Forgets one block of the index.
    fn step_index(&mut self) -> Result<Step, Fatal> {
        let Some(kept) = self.store.view().kept()? else { return Ok(Step::Done) };
        let Some(height) = index::first_block(&self.store, self.forgotten)? else { return Ok(Step::Done) };
        if height >= *kept.start() {
            return Ok(Step::Done);
        }
        if let Some(keys) = index::keys(&self.store, height)?
            && !self.store.index_delete(&keys)?
        {
            return Ok(Step::Busy);
        }
        self.forgotten = Some(height);
        Ok(Step::More)
    }
}
