//! The large state: made once, in the order of the tree, and kept.

use crate::{Result, keys};
use assay_bench_report::Report;
use assay_store::{Changes, Store, StoreError};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Keys of one version while it is made.
const BATCH: usize = 100_000;
/// The file that says that it is whole.
const WHOLE: &str = "whole";

/// Makes it, unless it is there. What an interruption left, or a program of another format, is thrown away.
pub fn build(folder: &Path, count: u64) -> Result<()> {
    if folder.join(WHOLE).exists() {
        match Store::open(&state(folder)) {
            Err(StoreError::Format { found, supported, .. }) => {
                eprintln!("bench: the state that is there has {found}, and this program format {supported}");
            }
            opened => return Ok(opened.map(drop)?),
        }
    }
    if folder.exists() {
        std::fs::remove_dir_all(folder)?;
    }
    eprintln!("bench: making a state of {count} keys in {} (once)", folder.display());
    let start = Instant::now();
    // A version of neighbours in the tree touches few nodes of other versions. The root does not depend on it.
    let mut order: Vec<([u8; 8], u64)> = (0..count)
        .map(|number| {
            let digest = Sha256::digest(keys::key(number));
            (digest.first_chunk().copied().unwrap_or_default(), number)
        })
        .collect();
    order.sort_unstable();
    let store = Store::open(&state(folder))?;
    store.genesis(Changes::default())?;
    for (version, batch) in (1u64..).zip(order.chunks(BATCH)) {
        let write = |(_, number): &([u8; 8], u64)| (keys::key(*number), Some(keys::value(*number, 0)));
        let changes = Changes { writes: batch.iter().map(write).collect(), ..Changes::default() };
        store.commit(store.stage(version, changes)?, Vec::new())?;
        if version % 10 == 0 {
            eprintln!("bench: {} keys after {:.0} s", version * BATCH as u64, start.elapsed().as_secs_f64());
        }
    }
    drop(store);
    std::fs::write(folder.join(WHOLE), format!("{:.0}", start.elapsed().as_secs_f64()))?;
    eprintln!("bench: made in {:.0} s", start.elapsed().as_secs_f64());
    Ok(())
}

/// Opens it.
pub fn open(folder: &Path) -> Result<Store> {
    if !folder.join(WHOLE).exists() {
        return Err(format!("there is no state in {}; make it with `build`", folder.display()).into());
    }
    Ok(Store::open(&state(folder))?)
}

/// Its directory.
pub fn state(folder: &Path) -> PathBuf {
    folder.join("state")
}

/// Reads its tree into memory, as a node does when it has started.
pub fn warm(store: &Store, report: &mut Report) -> Result<()> {
    let start = Instant::now();
    // It ends when nobody has the store but itself.
    let warmed = store.clone().warm()?;
    report.number("reading the tree into memory", "s", start.elapsed().as_secs_f64());
    report.number("reading the tree into memory", "records", warmed.records as f64);
    let bytes = store.tree_memory().bytes as f64;
    report.number("reading the tree into memory", "MiB", bytes / f64::from(1 << 20));
    Ok(())
}

/// What it takes on disk.
pub fn sizes(store: &Store, report: &mut Report) -> Result<()> {
    let mut whole = 0;
    for family in store.disk()? {
        let bytes = family.bytes + family.unflushed_bytes;
        whole += bytes;
        if bytes >= 1 << 20 {
            let mib = bytes as f64 / f64::from(1 << 20);
            report.number("state of 10M keys", &format!("disk of {}, MiB", family.name), mib);
        }
    }
    report.number("state of 10M keys", "disk, MiB", whole as f64 / f64::from(1 << 20));
    Ok(())
}
