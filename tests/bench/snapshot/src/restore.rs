//! A snapshot beside blocks, and its restore.

use crate::Result;
use crate::state::record;
use assay_bench_report::{Report, peak_memory};
use assay_store::snapshot::{Folder, MAX_CHUNK_BYTES, Making, Restore, Spec};
use assay_store::{Changes, Store};
use std::path::Path;
use std::sync::mpsc::{TryRecvError, channel};
use std::time::{Duration, Instant};

/// Writes of a block: those of some hundred transfers.
const WRITES: u64 = 1000;
const MIB: f64 = 1024.0 * 1024.0;

/// Measures the making of a snapshot beside blocks, then its restore.
pub fn measure(folder: &Path, interval: u64, report: &mut Report) -> Result<()> {
    let case = "snapshot of the large state";
    let records: u64 = std::fs::read_to_string(folder.join("whole"))?.parse()?;
    let store = Store::open(&folder.join("app.db"))?;
    let scratch = tempfile::tempdir_in(folder)?;
    let snapshots = Folder::new(scratch.path().join("snapshots"));
    let spec = Spec { chain_id: "bench".into(), app_version: 1, chunk_bytes: MAX_CHUNK_BYTES };

    let quiet = blocks(&store, records, Duration::from_millis(interval), 10, || false)?;
    let view = store.view();
    let (done, finished) = channel::<()>();
    let (beside, made) = std::thread::scope(|scope| -> Result<_> {
        let maker = scope.spawn(|| {
            let start = Instant::now();
            let made = snapshots.make(&view, &spec, &mut |_: Making| true);
            let took = start.elapsed();
            drop(done);
            made.map(|made| (made, took))
        });
        let over = || matches!(finished.try_recv(), Err(TryRecvError::Disconnected));
        let beside = blocks(&store, records, Duration::from_millis(interval), usize::MAX, over)?;
        let made = maker.join().map_err(|_| "the thread that makes the snapshot panicked")??;
        Ok((beside, made))
    })?;
    drop(view);
    let (made, took) = made;
    let bytes = made.manifest.bytes() as f64;
    report.number(case, "MiB", bytes / MIB);
    report.number(case, "seconds to make it beside blocks", took.as_secs_f64());
    report.number(case, "blocks meanwhile", beside.count as f64);
    report.number(case, "ms of a block's commit without it, most", quiet.most_work * 1e3);
    report.number(case, "ms of a block's commit beside it, most", beside.most_work * 1e3);
    let worst = beside.most_gap / (interval as f64 / 1e3);
    report.at_most(case, "longest time from block to block, in intervals", worst, 2.0);
    drop(store);

    let case = "restore of it";
    let before = peak_memory()?;
    let state = scratch.path().join("restored.db");
    let start = Instant::now();
    let mut restore = Restore::open(&state, made.manifest.clone(), made.manifest.app_hash)?;
    for index in 0..made.manifest.count() {
        restore.apply(index, &made.chunk(index)?)?;
    }
    let committed = restore.finish()?.install()?;
    let restored = Store::open(&state)?;
    let took = start.elapsed().as_secs_f64();
    if restored.version() != Some(committed.version) || restored.root()? != made.manifest.app_hash {
        return Err("the restored state is another one".into());
    }
    report.at_least(case, "MiB/s", bytes / MIB / took, 50.0);
    report.number(case, "MiB of memory of the process that made and restored it", peak_memory()? / 1024.0);
    report.number(case, "of it before the restore", before / 1024.0);
    Ok(())
}

/// What blocks in a row took.
struct Blocks {
    count: usize,
    /// Seconds of the slowest block's own work.
    most_work: f64,
    /// Seconds from one block's end to the next one's.
    most_gap: f64,
}

/// Makes a block in every interval until there are enough.
fn blocks(
    store: &Store,
    records: u64,
    interval: Duration,
    most: usize,
    mut over: impl FnMut() -> bool,
) -> Result<Blocks> {
    let mut made = Blocks { count: 0, most_work: 0.0, most_gap: 0.0 };
    let mut last: Option<Instant> = None;
    let mut next = Instant::now();
    while made.count < most && !over() {
        std::thread::sleep(next.saturating_duration_since(Instant::now()));
        next += interval;
        let start = Instant::now();
        let version = store.version().unwrap_or_default() + 1;
        let mut changes = Changes::default();
        for step in 0..WRITES {
            let (key, value) = record((version * 7919 + step * 104_729) % records, version);
            changes.writes.insert(key, Some(value));
        }
        store.commit(store.stage(version, changes)?, Vec::new())?;
        let end = Instant::now();
        made.count += 1;
        made.most_work = made.most_work.max(end.duration_since(start).as_secs_f64());
        if let Some(last) = last.replace(end) {
            made.most_gap = made.most_gap.max(end.duration_since(last).as_secs_f64());
        }
    }
    Ok(made)
}
