//! `netlab`: real networks on loopback.

use assay_netlab::demo;
use clap::{Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

/// Real Assay networks on this machine, for demonstration and tests.
#[derive(Parser)]
#[command(name = "netlab", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Start four validators, publish a model, run ten inferences, verify a receipt offline
    Demo {
        /// End after the last step; status 0 only if every step held
        #[arg(long)]
        once: bool,
        /// An empty folder to keep homes, logs and the receipt in [default: a temporary one]
        #[arg(long, value_name = "DIR")]
        dir: Option<PathBuf>,
    },
}

fn main() -> ExitCode {
    let Command::Demo { once, dir } = Arguments::parse().command;
    match demo::run(&demo::Options { once, dir }) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failed) => {
            eprintln!("netlab: {failed}");
            ExitCode::FAILURE
        }
    }
}
