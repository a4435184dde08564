//! Commits of 1,000 writes: 900 of keys that are there, 100 new ones, anywhere in the tree.

use crate::Result;
use crate::io::Io;
use crate::keys::{self, Numbers};
use assay_bench_report::Report;
use assay_store::{Changes, Store};
use std::time::Instant;

const ALONE: &str = "commit of 1,000 writes";
const WRITES: u64 = 1_000;
const NEW: u64 = 100;
/// Commits before the measurement: a node has run for a while.
const WARM: u64 = 50;
/// Versions that are kept while the pruner runs beside the commits.
const KEPT: u64 = 20;
/// Entries of a pruner's step.
const STEP: usize = 256;

/// Measures, first alone, then with the pruner at work beside it.
pub fn measure(store: &Store, keys: u64, commits: u64, report: &mut Report) -> Result<()> {
    let mut numbers = Numbers(store.version().unwrap_or(0));
    run(store, keys, WARM, &mut numbers)?;
    let (io, missed) = (Io::now()?, store.tree_memory().missed);
    let mut alone = run(store, keys, commits, &mut numbers)?;
    report.spread(ALONE, "the root, ms", &mut alone.stage);
    report.spread(ALONE, "the synced write, ms", &mut alone.write);
    let p99 = report.spread(ALONE, "ms", &mut alone.whole);
    report.at_most(ALONE, "p99, ms", p99, 50.0);
    let missed = store.tree_memory().missed.saturating_sub(missed);
    report.number(ALONE, "records that were not in memory per commit", missed as f64 / commits as f64);
    io.since(ALONE, "commit", commits, report)?;
    let stop = std::sync::atomic::AtomicBool::new(false);
    let (mut beside, pruned) = std::thread::scope(|scope| -> Result<(Vec<f64>, usize)> {
        let pruning = scope.spawn(|| prune(store, &stop));
        let took = run(store, keys, commits, &mut numbers);
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        let pruned = pruning.join().map_err(|_| "the pruner panicked")??;
        Ok((took?.whole, pruned))
    })?;
    report.spread("commit of 1,000 writes, pruning beside it", "ms", &mut beside);
    report.number(
        "commit of 1,000 writes, pruning beside it",
        "nodes pruned per commit",
        pruned as f64 / commits as f64,
    );
    Ok(())
}

fn prune(store: &Store, stop: &std::sync::atomic::AtomicBool) -> Result<usize> {
    let (mut pruner, mut nodes) = (store.pruner(), 0);
    while !stop.load(std::sync::atomic::Ordering::Relaxed) {
        store.keep_from(store.version().unwrap_or(0).saturating_sub(KEPT))?;
        let step = pruner.step(STEP)?;
        nodes += step.nodes;
        let rest = if step.more && !step.busy { 2 } else { 20 };
        std::thread::sleep(std::time::Duration::from_millis(rest));
    }
    Ok(nodes)
}

/// Milliseconds of each commit: of the root, of the write, of both.
#[derive(Default)]
struct Took {
    stage: Vec<f64>,
    write: Vec<f64>,
    whole: Vec<f64>,
}

fn run(store: &Store, keys: u64, commits: u64, numbers: &mut Numbers) -> Result<Took> {
    let mut took = Took::default();
    for _ in 0..commits {
        let version = store.version().unwrap_or(0) + 1;
        let mut changes = Changes::default();
        for index in 0..WRITES {
            let number = if index < NEW { keys + version * NEW + index } else { numbers.below(keys) };
            changes.writes.insert(keys::key(number), Some(keys::value(number, version)));
        }
        let start = Instant::now();
        let staged = store.stage(version, changes)?;
        let stage = start.elapsed().as_secs_f64() * 1e3;
        store.commit(staged, Vec::new())?;
        let whole = start.elapsed().as_secs_f64() * 1e3;
        took.stage.push(stage);
        took.write.push(whole - stage);
        took.whole.push(whole);
    }
    Ok(took)
}
