//! Speculation: what CheckTx lets wait is computed before its block comes.
//!
//! It is outside of consensus: outcomes are pure functions, so computing one early changes how long a block
//! takes and nothing else. The threads leave the processor to a block that executes, and what fails here is
//! not worth stopping for: it fails again where it counts.

mod queue;
#[cfg(test)]
mod tests;

pub use queue::Queue;

use crate::metrics;
use crate::priority::stand_back;
use assay_core::{Checked, Reader};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long a thread looks away while a block executes.
const YIELD: Duration = Duration::from_millis(5);
/// How long the node waits for a run that has begun when it stops.
const PATIENCE: Duration = Duration::from_secs(2);

/// Threads for the outcomes of one block: all that the machine has.
pub fn block_threads() -> usize {
    std::thread::available_parallelism().map_or(1, |count| count.get().min(16))
}

/// The queue and its threads.
pub struct Speculation {
    ahead: Ahead,
    workers: Vec<JoinHandle<()>>,
}

/// What the application tells its threads. Cheap to clone.
#[derive(Clone, Default)]
pub struct Ahead {
    queue: Arc<Queue>,
    /// Blocks that execute now.
    blocks: Arc<AtomicU32>,
}

/// A block executes while this lives.
pub struct Executing<'a>(&'a AtomicU32);

impl Ahead {
    /// Lets a transaction that may wait in the mempool be computed.
    pub fn queue(&self, checked: &Checked) {
        if checked.work.is_some() {
            let kept = self.queue.push(checked);
            metrics::queued(self.queue.len(), kept);
        }
    }

    /// Says that a block executes, until the answer is dropped.
    pub fn block(&self) -> Executing<'_> {
        self.blocks.fetch_add(1, Ordering::Relaxed);
        Executing(&self.blocks)
    }

    fn work(&self, reader: &Reader) {
        // CheckTx and CometBFT go first.
        stand_back();
        // A failure is seen by the block that needs what could not be loaded.
        if let Err(error) = reader.warm() {
            tracing::debug!(%error, "the hot set could not be loaded ahead");
        }
        while let Some(work) = self.queue.pop() {
            while self.blocks.load(Ordering::Relaxed) > 0 {
                std::thread::sleep(YIELD);
            }
            let done = reader.speculate(&work);
            metrics::speculated(self.queue.len(), done.is_ok());
            if let Err(error) = done {
                tracing::debug!(%error, "speculation failed");
            }
        }
    }
}

impl Drop for Executing<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Speculation {
    /// Starts the threads. Where none can be started, everything is computed in its block.
    pub fn start(reader: &Reader) -> Self {
        let ahead = Ahead::default();
        let workers = (0..block_threads()).filter_map(|index| {
            let (ahead, reader) = (ahead.clone(), reader.clone());
            let name = format!("ahead-{index}");
            std::thread::Builder::new().name(name).spawn(move || ahead.work(&reader)).ok()
        });
        let workers = workers.collect();
        Self { ahead, workers }
    }

    /// What the application tells the threads.
    pub fn ahead(&self) -> Ahead {
        self.ahead.clone()
    }

    /// Ends the threads; one that is in the middle of a long run is left behind.
    pub fn stop(self) {
        self.ahead.queue.close();
        let deadline = Instant::now() + PATIENCE;
        while self.workers.iter().any(|worker| !worker.is_finished()) && Instant::now() < deadline {
            std::thread::sleep(YIELD);
        }
    }
}
