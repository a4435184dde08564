//! Proofs at the last version and at older ones, of keys that are there and of keys that are not.

use crate::Result;
use crate::io::Io;
use crate::keys::{self, Numbers};
use assay_bench_report::Report;
use assay_store::Store;
use assay_types::proof::{verify_absence, verify_existence};
use std::time::Instant;

/// Versions back from the last one that are asked for.
const BACK: u64 = 15;

/// Measures.
pub fn measure(store: &Store, keys: u64, count: u64, report: &mut Report) -> Result<()> {
    let newest = store.version().unwrap_or(0);
    let mut numbers = Numbers(7);
    for (case, there) in [("proof that a key is there", true), ("proof that a key is not there", false)] {
        let (mut took, mut bytes, io) = (Vec::new(), 0, Io::now()?);
        for _ in 0..count {
            let number = numbers.below(keys);
            let key = keys::key(if there { number } else { u64::MAX - number });
            let version = newest - numbers.below(BACK).min(newest);
            let start = Instant::now();
            let proven = store.prove(&key, version)?;
            took.push(start.elapsed().as_secs_f64() * 1e3);
            bytes += proven.proof.len();
            match &proven.value {
                Some(value) if there => verify_existence(&proven.root, &key, value, &proven.proof)?,
                None if !there => verify_absence(&proven.root, &key, &proven.proof)?,
                _ => return Err("a proof of the other kind".into()),
            }
        }
        let p99 = report.spread(case, "ms", &mut took);
        report.at_most(case, "p99, ms", p99, 1.0);
        report.number(case, "bytes", bytes as f64 / count as f64);
        io.since(case, "proof", count, report)?;
    }
    Ok(())
}
