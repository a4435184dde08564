//! What can be typed for a node that is stopped.

use super::args::HomeArgs;
use clap::Args;
use std::path::PathBuf;

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
