//! What can be typed for a node that is stopped.

use super::args::HomeArgs;
use clap::{Args, Subcommand, value_parser};
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(super) enum DebugCommand {
    /// Collect version, machine, settings, logs, and digests of the state into one file. It holds no secret key.
    #[command(after_help = "Examples:\n  $ assayd debug bundle --output mine.tar.gz\n  \
                      $ assayd debug bundle --height 12000 --log /var/log/assayd.log\n\n\
                      With the node stopped, the state is in it: what each of the last heights wrote, and a digest\n\
                      for every kind of record. Of a node that runs, only what it says of itself.")]
    Bundle(BundleArgs),
    /// Compare the bundles of two nodes: the first height at which they differ, and the keys.
    #[command(after_help = "Example:\n  $ assayd debug compare mine.tar.gz theirs.tar.gz")]
    Compare(CompareArgs),
}

#[derive(Debug, Args)]
pub(super) struct ExportStateArgs {
    /// The height, which must be kept [default: the last one].
    #[arg(long, value_name = "H")]
    pub height: Option<u64>,
    /// The file, which must not exist; the models go into the folder of that name that ends with .models
    /// [default: genesis-<height>.json].
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// The id of the new chain [default: that of this one].
    #[arg(long, value_name = "ID")]
    pub chain_id: Option<String>,
    /// When the new chain starts, like 2026-01-31T12:00:00Z [default: when this one did].
    #[arg(long, value_name = "TIME")]
    pub genesis_time: Option<String>,
    #[command(flatten)]
    pub home: HomeArgs,
}

#[derive(Debug, Args)]
pub(super) struct RollbackArgs {
    #[command(flatten)]
    pub home: HomeArgs,
    /// Do not ask.
    #[arg(long)]
    pub yes: bool,
    /// The cometbft program.
    #[arg(long, env = "ASSAYD_COMETBFT", value_name = "FILE")]
    pub cometbft: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct ResetArgs {
    #[command(flatten)]
    pub home: HomeArgs,
    /// Do not ask.
    #[arg(long)]
    pub yes: bool,
    /// Keep the addresses of peers that were met.
    #[arg(long)]
    pub keep_addr_book: bool,
    /// Keep the snapshots.
    #[arg(long)]
    pub keep_snapshots: bool,
    /// Forget what the validator has signed. On a chain that goes on, it can then sign twice.
    #[arg(long)]
    pub reset_signing_state: bool,
}

#[derive(Debug, Args)]
pub(super) struct BundleArgs {
    /// The file, which must not exist [default: assay-debug-<node>-<height>.tar.gz].
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// The height whose state is digested [default: the last one].
    #[arg(long, value_name = "H")]
    pub height: Option<u64>,
    /// How many heights up to that one are described.
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = value_parser!(u64).range(1..=1000))]
    pub heights: u64,
    /// Leave the digests of the whole state out: they read all of it.
    #[arg(long)]
    pub quick: bool,
    /// A file that assayd's own log goes to; its last lines are taken.
    #[arg(long, value_name = "FILE")]
    pub log: Option<PathBuf>,
    #[command(flatten)]
    pub home: HomeArgs,
}

#[derive(Debug, Args)]
pub(super) struct CompareArgs {
    /// A bundle.
    pub first: PathBuf,
    /// Another one.
    pub second: PathBuf,
}
