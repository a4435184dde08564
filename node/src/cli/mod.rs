//! The command line of `assayd`.
//!
//! stdout is data, stderr is prose. Exit statuses: 0 done, 1 failed, 2 the input is wrong, 70 internal. With
//! `--json` there is exactly one JSON object on stdout, also for an error.

mod args;
mod comet;
mod create;
mod debug;
mod dev;
mod export;
mod logging;
mod offline;
mod offline_args;
mod report;
mod reset;
mod rollback;
mod snapshots;
mod start;
#[cfg(test)]
mod tests;

use crate::error::{Error, Result};
use args::{Cli, CometCommand, Command, TestnetCommand};
use clap::Parser;
use clap::error::ErrorKind;
use serde_json::Value;
use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

/// Runs a command line and says how it ended.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let cli = match Cli::try_parse_from(&arguments) {
        Ok(cli) => cli,
        Err(error) => return refuse(&arguments, &error),
    };
    match run(&cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error, cli.json),
    }
}

fn run(cli: &Cli) -> Result<()> {
    match &cli.command {
        Command::Init(args) => create::init(args, cli.json),
        Command::Testnet { command: TestnetCommand::Init(args) } => create::testnet(args, cli.json),
        Command::Start(args) => start::start(args),
        Command::Dev(args) => dev::dev(args, cli.json),
        Command::Snapshots { command } => snapshots::run(command, cli.json),
        Command::Export(args) => export::run(args, cli.json),
        Command::Rollback(args) => rollback::run(args, cli.json),
        Command::UnsafeReset(args) => reset::run(args, cli.json),
        Command::Debug { command } => debug::run(command, cli.json),
        Command::Status(args) => report::status(args, cli.json),
        Command::Selftest => report::selftest(cli.json),
        Command::Version { long } => report::version(*long, cli.json),
        Command::Comet { command } => match command {
            CometCommand::Exec(args) => comet::exec(args),
            CometCommand::ShowNodeId(args) => comet::show_node_id(args, cli.json),
            CometCommand::ShowValidator(args) => comet::show_validator(args, cli.json),
            CometCommand::ShowAddress(args) => comet::show_address(args, cli.json),
        },
    }
}

/// Answers a command line that is none, or that asks for help.
fn refuse(arguments: &[OsString], error: &clap::Error) -> ExitCode {
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        print_text(&error.to_string());
        return ExitCode::SUCCESS;
    }
    let text = error.to_string();
    let lines: Vec<&str> = text.lines().map(str::trim).take_while(|line| !line.is_empty()).collect();
    let message = lines.join(" ").trim_start_matches("error: ").to_string();
    let refused = Error::input("usage", message, "see `assayd --help`");
    if arguments.iter().any(|argument| argument == "--json") {
        return fail(&refused, true);
    }
    eprint!("{text}");
    ExitCode::from(refused.exit_code())
}

fn fail(error: &Error, json: bool) -> ExitCode {
    if json {
        print_json(&error.to_json());
    }
    eprintln!("error: {error}\nhint: {}", error.hint());
    ExitCode::from(error.exit_code())
}

/// Writes data; whoever stopped reading it does not want it.
fn print_text(text: &str) {
    let _ = std::io::stdout().write_all(text.as_bytes());
}

fn print_json(value: &Value) {
    print_text(&format!("{value:#}\n"));
}

/// The process's environment.
fn env(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
