//! The engine by itself: the runs a second that this machine can do when it does nothing else.

use crate::Result;
use crate::chain::input;
use assay::local::{ENGINE, Workbench};
use assay_exec::{Executable, Isa};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// A model made ready here.
pub struct Raw {
    executable: Executable,
}

impl Raw {
    /// Compiles it as the chain does.
    pub fn new(cache: &Path, file: &Path) -> Result<Self> {
        let compiled = Workbench::new(cache).quiet().compile(ENGINE, &std::fs::read(file)?, &[])?;
        Ok(Self { executable: Executable::new(compiled.plan()?, Isa::detect()) })
    }

    /// Seconds of one run, the best of some, with nothing beside it.
    pub fn seconds(&self) -> Result<f64> {
        let mut best = f64::MAX;
        for number in 0..10 {
            let start = Instant::now();
            self.executable.run(&[input(number)])?;
            best = best.min(start.elapsed().as_secs_f64());
        }
        Ok(best)
    }

    /// Runs a second with a worker for every core.
    pub fn rate(&self, time: Duration) -> Result<f64> {
        let workers = std::thread::available_parallelism()?.get();
        let (done, failed) = (AtomicUsize::new(0), AtomicBool::new(false));
        let start = Instant::now();
        std::thread::scope(|scope| {
            for worker in 0..workers {
                let (done, failed) = (&done, &failed);
                scope.spawn(move || {
                    let mut number = worker;
                    while start.elapsed() < time {
                        failed.fetch_or(self.executable.run(&[input(number)]).is_err(), Ordering::Relaxed);
                        done.fetch_add(1, Ordering::Relaxed);
                        number += workers;
                    }
                });
            }
        });
        if failed.into_inner() {
            Err("a run failed".into())
        } else {
            Ok(done.into_inner() as f64 / start.elapsed().as_secs_f64())
        }
    }
}
