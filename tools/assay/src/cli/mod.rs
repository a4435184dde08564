//! The command line.
//!
//! stdout is data, stderr is prose. With `--json` stdout gets exactly one JSON object, errors included. Exit
//! status: 0 done; 1 failed (network, rejected transaction); 2 the input is wrong (file, flag, inadmissible
//! model, proof that does not verify); 70 a fault of this program.

mod args;
mod context;
mod infer;
mod keys;
mod models;
mod plans;
mod profile;
mod publish;
mod query;
mod receipt;
mod reply;
mod send;
mod tensors;

use crate::error::Error;
use args::{Cli, Command};
use clap::Parser;
use context::Context;
use reply::Reply;
use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

/// Runs a command line and prints what came of it.
pub fn main(arguments: Vec<OsString>) -> ExitCode {
    // Read by hand too: when the arguments do not parse, the error must still be JSON.
    let json = arguments.iter().any(|argument| argument == "--json");
    let outcome = match Cli::try_parse_from(&arguments) {
        Ok(cli) => guarded(cli),
        Err(error) if !error.use_stderr() => {
            // Help and version are data.
            print(&error.render().to_string());
            return ExitCode::SUCCESS;
        }
        Err(error) if json => Err(usage(&error)),
        Err(error) => {
            // The terminal may be gone; there is nobody left to tell.
            let _ = error.print();
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(reply) => {
            print(if json { &reply.json } else { &reply.text });
            ExitCode::from(reply.status)
        }
        Err(error) => {
            if json {
                print(&format!("{:#}", error.to_json()));
            } else {
                eprintln!("error: {error}");
                if !error.hint().is_empty() {
                    eprintln!("hint: {}", error.hint());
                }
            }
            ExitCode::from(error.exit_code())
        }
    }
}

/// A panic is this program's fault, and is said in the form of every other error.
fn guarded(cli: Cli) -> Result<Reply, Error> {
    let run = std::panic::AssertUnwindSafe(|| run(cli));
    std::panic::catch_unwind(run).unwrap_or_else(|cause| {
        let text = cause.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| cause.downcast_ref::<&str>().copied()).unwrap_or("a panic");
        Err(Error::Internal(text.into()))
    })
}

fn run(cli: Cli) -> Result<Reply, Error> {
    let context = Context::new(cli.global)?;
    match cli.command {
        Command::Keys(command) => keys::run(&context, command),
        Command::Send(command) => send::run(&context, command),
        Command::Model(command) => models::run(&context, command),
        Command::Infer(command) => infer::run(&context, command),
        Command::Receipt(command) => receipt::fetch(&context, command),
        Command::Verify(command) => receipt::verify(&context, command),
        Command::Query(command) => query::run(&context, command),
    }
}

fn usage(error: &clap::Error) -> Error {
    let text = error.render().to_string();
    let first = text.lines().next().unwrap_or_default().trim_start_matches("error: ");
    Error::Input { name: "usage", message: first.into(), hint: "see `assay --help`".into() }
}

fn print(text: &str) {
    let mut stdout = std::io::stdout().lock();
    // A reader that went away (`assay ... | head`) is no error.
    let _ = stdout.write_all(text.trim_end_matches('\n').as_bytes());
    let _ = stdout.write_all(b"\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_has_examples() {
        fn check(command: &clap::Command, path: &str) {
            let path = format!("{path} {}", command.get_name());
            if command.get_subcommands().next().is_none() {
                let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
                assert!(help.contains("$ assay"), "{path} has no example");
            }
            command
                .get_subcommands()
                .filter(|sub| sub.get_name() != "help")
                .for_each(|sub| check(sub, &path));
        }
        check(&Cli::command(), "");
    }
}
