//! How much of the past a node keeps, and the thread that forgets the rest.
//!
//! One window holds for everything: versions of the state, the index, and CometBFT's own blocks, which are told by
//! the answer to Commit. It never changes a root, so every node chooses its own. A block that evidence can still be
//! about keeps its header and its commit: CometBFT sees to that itself.
//!
//! The thread works in steps of a few milliseconds and rests between them; no commit waits for more than the write
//! of one step.

use crate::metrics;
use crate::priority::stand_back;
use crate::stop::{Stop, Stopper};
use assay_core::{App, Fatal, Step};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Between two steps.
const REST: Duration = Duration::from_millis(4);
/// When there is nothing to do, or the database has enough to do.
const LONG_REST: Duration = Duration::from_millis(200);
/// Between two looks at what the state takes on disk.
const MEASURE: Duration = Duration::from_secs(10);
/// The oldest height moves at most so often: each time is a write that waits for the disk.
const MOST_PER_MOVE: u64 = 64;

/// How much of the past is kept. Cheap to clone; all clones see the same.
#[derive(Debug, Clone)]
pub struct Retention {
    /// Heights, the last one included; `None` keeps all.
    heights: Option<u64>,
    /// No height from here on may go: somebody needs it.
    held: Arc<AtomicU64>,
}

impl Retention {
    /// Keeps so many heights, or all of them.
    pub fn new(heights: Option<u64>) -> Self {
        Self { heights, held: Arc::new(AtomicU64::new(u64::MAX)) }
    }

    /// How many heights are kept; `None` for all.
    pub fn heights(&self) -> Option<u64> {
        self.heights
    }

    /// Keeps everything from a height on, as a snapshot needs that is offered to peers; `u64::MAX` needs nothing.
    pub fn hold_from(&self, height: u64) {
        self.held.store(height, Ordering::Relaxed);
    }

    /// The oldest height to keep once `newest` is committed; 0 for all.
    pub fn oldest(&self, newest: u64) -> u64 {
        let Some(heights) = self.heights else { return 0 };
        newest.saturating_sub(heights.saturating_sub(1)).min(self.held.load(Ordering::Relaxed))
    }
}

/// The thread.
pub struct Forgetting {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Forgetting {
    /// Starts it. A failure of the store stops the node.
    ///
    /// # Errors
    /// When the machine gives no thread.
    pub fn start(app: &Arc<App>, retention: &Retention, stopper: Stopper) -> std::io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let (app, retention, asked) = (app.clone(), retention.clone(), stop.clone());
        let thread = std::thread::Builder::new().name("forget".into()).spawn(move || {
            stand_back();
            if let Err(error) = forget(&app, &retention, &asked) {
                stopper.now(Stop::Fatal(format!("old state could not be pruned: {error}")));
            }
        })?;
        Ok(Self { stop, thread: Some(thread) })
    }

    /// Ends it, after the step that it is in.
    pub fn stop(mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A panic of it has ended the process already.
            let _ = thread.join();
        }
    }
}

fn forget(app: &App, retention: &Retention, stop: &AtomicBool) -> Result<(), Fatal> {
    let (reader, mut pruner) = (app.reader(), app.pruner());
    let mut measured: Option<Instant> = None;
    while !stop.load(Ordering::Relaxed) {
        if measured.is_none_or(|at| at.elapsed() >= MEASURE) {
            metrics::disk(&reader.disk()?);
            measured = Some(Instant::now());
        }
        let Some(kept) = reader.kept()? else {
            std::thread::sleep(LONG_REST);
            continue;
        };
        let oldest = retention.oldest(*kept.end());
        let least = (kept.end() - kept.start()) / 10;
        if oldest.saturating_sub(*kept.start()) > least.min(MOST_PER_MOVE) {
            let oldest = pruner.keep_from(oldest)?;
            tracing::debug!(oldest, "older heights are forgotten");
        }
        metrics::oldest(*kept.start());
        std::thread::sleep(match pruner.step()? {
            Step::More => REST,
            Step::Busy | Step::Done => LONG_REST,
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn a_window_counts_the_last_height_and_a_hold_goes_before_it() {
        let retention = Retention::new(Some(10));
        assert_eq!([5, 10, 11, 100].map(|newest| retention.oldest(newest)), [0, 1, 2, 91]);
        retention.clone().hold_from(40);
        assert_eq!((retention.oldest(100), retention.oldest(20)), (40, 11));
        retention.hold_from(u64::MAX);
        assert_eq!(retention.oldest(100), 91);
        let archive = Retention::new(None);
        assert_eq!((archive.oldest(u64::MAX), archive.heights()), (0, None));
    }

    #[test]
    fn the_thread_forgets_what_is_behind_the_window_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let app = Arc::new(testing::app(folder.path()));
        let solo = testing::solo(folder.path(), &app);
        for _ in 0..30 {
            solo.produce().unwrap();
        }
        let (stopper, stops) = Stopper::new();
        let thread = Forgetting::start(&app, &Retention::new(Some(5)), stopper).unwrap();
        let reader = app.reader();
        let deadline = Instant::now() + Duration::from_secs(60);
        // Done is when the index has forgotten them too: that goes one block at a time.
        while reader.block_txs(25).unwrap().is_some() {
            assert!(Instant::now() < deadline, "kept {:?}", reader.kept());
            std::thread::sleep(Duration::from_millis(20));
        }
        assert_eq!(reader.kept().unwrap(), Some(26..=30));
        assert!(reader.prove(b"supply", Some(26)).unwrap().is_ok());
        assert!(matches!(
            reader.prove(b"supply", Some(25)).unwrap(),
            Err(assay_core::Unproven::Pruned { .. })
        ));
        assert!(reader.block_txs(26).unwrap().is_some());
        solo.produce().unwrap();
        thread.stop();
        assert!(stops.try_recv().is_err());
    }
}
