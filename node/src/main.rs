//! The full node's program.

use std::process::ExitCode;

fn main() -> ExitCode {
    assayd::cli::main(std::env::args_os())
}
