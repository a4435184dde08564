//! `make bench` part snapshot: what making a snapshot of a large state costs the blocks meanwhile, how fast it is
//! restored and in how much memory, and how much faster than real time a chain's blocks are executed again.

#![allow(clippy::disallowed_types, reason = "a measurement has a clock")]

mod replay;
mod restore;
mod state;

use assay_bench_report::Report;
use clap::{Parser, Subcommand};
use std::error::Error;
use std::path::PathBuf;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

#[derive(Parser)]
#[command(about = "Measures snapshots of a large state, and the replay of a chain")]
struct Options {
    /// MiB of the large state; a quarter of it are records, the rest model chunks.
    #[arg(long, default_value_t = 1024, global = true)]
    mib: u64,
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
        /// Milliseconds from block to block while the snapshot is made.
        #[arg(long, default_value_t = 1000)]
        interval: u64,
        /// Seconds of blocks that are replayed.
        #[arg(long, default_value_t = 120)]
        seconds: u64,
    },
}

fn main() -> Result<()> {
    let options = Options::parse();
    let folder = options.cache.join(format!("snapshot-{}", options.mib));
    match options.step {
        Step::Build => state::build(&folder, options.mib),
        Step::Measure { out, commit, interval, seconds } => {
            let mut report = Report::new("snapshot", commit);
            restore::measure(&folder, interval, &mut report)?;
            replay::measure(seconds, &mut report)?;
            Ok(report.write(&out)?)
        }
    }
}
