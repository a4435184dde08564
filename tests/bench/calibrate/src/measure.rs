//! Timing one case: the best of many runs of the steps that hold its nodes.

use crate::Options;
use crate::cases::Case;
use assay_exec::Executable;
use std::error::Error;
use std::time::{Duration, Instant};

/// Runs of a case, at least.
const LEAST_RUNS: u32 = 5;
/// Time on a processor after which the share of it that the thread was given is known well enough.
const LONG: Duration = Duration::from_millis(100);

/// A case and what it took.
#[derive(Clone)]
pub struct Measured {
    pub opcode: String,
    pub shapes: String,
    /// `None` for a case of which nothing is left to do in a run.
    pub nanos: Option<u64>,
    pub units: u64,
}

impl Measured {
    pub fn nanos_per_unit(&self) -> Option<f64> {
        self.nanos.map(|nanos| nanos as f64 / self.units.max(1) as f64)
    }
}

/// What it takes to look at the clock twice, at best: no part of a step.
pub fn clock() -> u64 {
    let look = |_| Instant::now().elapsed().as_nanos() as u64;
    (0..10_000).map(look).min().unwrap_or(0)
}

/// Nanoseconds that this thread has been on a processor, as far as the system says; it is right within a few
/// milliseconds.
pub fn on_processor() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split(' ').next()?.parse().ok()
}

/// Runs a case for some milliseconds. What counts is the best run, or, where others had the processor meanwhile, what
/// the runs took of it on average, if that is less.
///
/// Steps that convert values between forms have no nodes; in a case of one opcode they are there because of it.
///
/// # Errors
/// When the case's plan is refused or its run fails.
pub fn measure(case: &Case, options: &Options, clock: u64) -> Result<Measured, Box<dyn Error>> {
    let ready = case.ready(options.numbers)?;
    let valid = ready.plan.validate().map_err(|error| format!("{}: {error}", case.name()))?;
    let units = ready.measured.iter().map(|&node| valid.node_units()[node as usize]).sum();
    let make = if options.plain { Executable::plain } else { Executable::new };
    let executable = make(valid, options.isa);
    let mut best: Option<u64> = None;
    let (start, before) = (Instant::now(), on_processor());
    let (mut runs, mut all) = (0, 0);
    while runs < LEAST_RUNS || start.elapsed() < Duration::from_millis(options.millis) {
        let steps = executable.profile(&ready.inputs).map_err(|error| format!("{}: {error}", case.name()))?;
        let is_mine = |nodes: &[u32]| nodes.iter().any(|node| ready.measured.contains(node));
        if !steps.iter().any(|step| is_mine(&step.nodes)) {
            break;
        }
        let mine = steps.iter().filter(|step| step.nodes.is_empty() || is_mine(&step.nodes));
        let nanos: u64 = mine.map(|step| step.nanos.saturating_sub(clock)).sum();
        all += nanos;
        best = Some(best.map_or(nanos, |best| best.min(nanos)));
        runs += 1;
    }
    let elapsed = start.elapsed();
    if let (Some(before), Some(after)) = (before, on_processor()) {
        let had = Duration::from_nanos(after.saturating_sub(before));
        // Only where these steps are most of what was done is their share that of the whole.
        if had > LONG && Duration::from_nanos(all) > elapsed / 2 {
            let mean =
                all as f64 / f64::from(runs.max(1)) * (had.as_secs_f64() / elapsed.as_secs_f64()).min(1.0);
            best = best.map(|best| best.min(mean as u64));
        }
    }
    Ok(Measured { opcode: case.opcode.clone(), shapes: case.shapes.clone(), nanos: best, units })
}
