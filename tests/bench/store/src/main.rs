//! `make bench` part store: commits and proofs over a large state, what transfers take on disk, and memory.
//!
//! The large state is built once and kept: `build` makes it, `measure` is another process, so that its memory is
//! that of a node which opens the state.

#![allow(clippy::disallowed_types, reason = "a measurement has a clock")]

mod commits;
mod io;
mod keys;
mod large;
mod proofs;
mod transfers;

use assay_bench_report::{Report, peak_memory};
use clap::{Parser, Subcommand};
use std::error::Error;
use std::path::PathBuf;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

#[derive(Parser)]
#[command(about = "Measures the state at ten million keys")]
struct Options {
    /// Keys of the large state.
    #[arg(long, default_value_t = 10_000_000, global = true)]
    keys: u64,
    /// Where the large state is kept.
    #[arg(long, global = true, default_value = "bench-state")]
    cache: PathBuf,
    #[command(subcommand)]
    step: Step,
}

#[derive(Subcommand)]
enum Step {
    /// Makes the large state, if it is not there.
    Build,
    /// Measures, and writes the table and the numbers.
    Measure {
        /// Where they go.
        #[arg(long)]
        out: PathBuf,
        /// The commit that is measured.
        #[arg(long, default_value = "unknown")]
        commit: String,
        /// Commits of the large state.
        #[arg(long, default_value_t = 400)]
        commits: u64,
        /// Proofs of it.
        #[arg(long, default_value_t = 10_000)]
        proofs: u64,
        /// Blocks of 1,000 transfers on a state of their own.
        #[arg(long, default_value_t = 30)]
        blocks: u64,
    },
}

fn main() -> Result<()> {
    let options = Options::parse();
    let folder = options.cache.join(format!("state-{}", options.keys));
    match options.step {
        Step::Build => large::build(&folder, options.keys),
        Step::Measure { out, commit, commits, proofs, blocks } => {
            let mut report = Report::new("store", commit);
            io::disk(&large::state(&folder), &mut report)?;
            let store = large::open(&folder)?;
            large::warm(&store, &mut report)?;
            commits::measure(&store, options.keys, commits, &mut report)?;
            proofs::measure(&store, options.keys, proofs, &mut report)?;
            report.at_most("state of 10M keys", "memory, MiB", peak_memory()? / 1024.0, 2048.0);
            large::sizes(&store, &mut report)?;
            drop(store);
            transfers::measure(blocks, &mut report)?;
            Ok(report.write(&out)?)
        }
    }
}
