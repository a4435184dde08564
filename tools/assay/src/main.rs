//! The wallet and developer tool; see [`assay::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    assay::cli::main(std::env::args_os().collect())
}
