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
