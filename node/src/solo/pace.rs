//! When blocks are made: at an interval, or when somebody needs one.
//!
//! A block is needed when transactions wait, and once more after a block that had some: the root after a block is
//! signed in the header of the next one, and receipts are proved against that.

use super::{Solo, in_journal};
use crate::abci::Fatal;
use crate::stop::{Stop, Stopper};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// When transactions that wait are tried again that did not get into a block.
const RETRY: Duration = Duration::from_secs(1);

/// When blocks are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// When one is needed.
    WhenNeeded,
    /// One in this time, whether it is needed or not.
    Every(Duration),
}

/// Tells the thread that makes blocks what there is to do.
#[derive(Debug, Default)]
pub(super) struct Wake {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Transactions have come since the last block began.
    transactions: bool,
    stop: bool,
}

impl Wake {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Transactions wait.
    pub fn transactions(&self) {
        self.lock().transactions = true;
        self.changed.notify_all();
    }

    /// Another thread begins.
    fn start(&self) {
        self.lock().stop = false;
    }

    fn stop(&self) {
        self.lock().stop = true;
        self.changed.notify_all();
    }

    /// Waits until `due`, or until transactions have come if that counts; false when there is nothing more to do.
    fn wait(&self, transactions: bool, due: Option<Instant>) -> bool {
        let mut state = self.lock();
        loop {
            if state.stop {
                return false;
            }
            let left = due.map(|due| due.saturating_duration_since(Instant::now()));
            if (transactions && state.transactions) || left.is_some_and(|left| left.is_zero()) {
                state.transactions = false;
                return true;
            }
            state = match left {
                Some(left) => {
                    let waited = self.changed.wait_timeout(state, left);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
                None => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }
}

/// The thread that makes blocks; dropping it stops it.
pub struct Pacemaker {
    solo: Solo,
    thread: Option<JoinHandle<()>>,
}

impl Pacemaker {
    /// Starts the thread. A chain without a block gets its first one at once.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub fn start(solo: &Solo, pace: Pace, stopper: Stopper) -> std::io::Result<Self> {
        solo.0.wake.start();
        let thread = std::thread::Builder::new().name("solo".into()).spawn({
            let solo = solo.clone();
            move || {
                if let Err(error) = run(&solo, pace) {
                    stopper.now(Stop::Fatal(error.to_string()));
                }
            }
        })?;
        Ok(Self { solo: solo.clone(), thread: Some(thread) })
    }

    /// Stops the thread; a block that has begun is finished.
    pub fn stop(&mut self) {
        self.solo.0.wake.stop();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Pacemaker {
    fn drop(&mut self) {
        self.stop();
    }
}

fn run(solo: &Solo, pace: Pace) -> Result<(), Fatal> {
    if solo.height() == 0 {
        solo.produce()?;
    }
    match pace {
        Pace::Every(time) => at_intervals(solo, time),
        Pace::WhenNeeded => when_needed(solo),
    }
}

fn at_intervals(solo: &Solo, time: Duration) -> Result<(), Fatal> {
    let mut due = Instant::now();
    loop {
        // Blocks that took too long are not made up for.
        due = (due + time).max(Instant::now());
        if !solo.0.wake.wait(false, Some(due)) {
            return Ok(());
        }
        solo.produce()?;
    }
}

fn when_needed(solo: &Solo) -> Result<(), Fatal> {
    // The process may have ended before the root of the last block was signed.
    let mut owed = solo.last_had_transactions()?;
    loop {
        // What waits and did not get into the last block may fit a later one.
        let again = (!solo.mempool().is_empty()).then_some(RETRY);
        let due = if owed { Some(Duration::ZERO) } else { again };
        if !solo.0.wake.wait(true, due.map(|due| Instant::now() + due)) {
            return Ok(());
        }
        owed = has_transactions(&solo.produce()?.txs);
    }
}

/// Whether there is more in a block than its claim.
fn has_transactions(txs: &[Vec<u8>]) -> bool {
    txs.len() > 1
}

impl Solo {
    fn last_had_transactions(&self) -> Result<bool, Fatal> {
        let last = self.0.journal.get(self.height()).map_err(in_journal)?;
        Ok(last.is_some_and(|record| has_transactions(&record.block.data)))
    }
}
