//! What the commands on a stopped node share: its home, its state, and a word before something is lost.

use super::args::HomeArgs;
use crate::error::{Error, Result};
use crate::home::Home;
use crate::open;
use assay_core::Fatal;
use assay_store::{Store, StoreError};
use indicatif::ProgressBar;
use std::fs::File;
use std::io::{self, BufRead, BufWriter, IsTerminal, Write};
use std::path::Path;

/// Between two words of progress.
const TELL_EVERY: u64 = 4096;

/// The home, which must be one.
pub(super) fn home(args: &HomeArgs) -> Result<Home> {
    let home = args.home();
    if !home.config().is_file() {
        let message = format!("there is no home at {}", home.root().display());
        return Err(Error::input("no_home", message, "name the node's home with --home"));
    }
    Ok(home)
}

/// Whether there is a state's database; opening one that is not there would make it.
pub(super) fn has_database(home: &Home) -> bool {
    home.store().join("CURRENT").exists()
}

/// The state of a node that is stopped.
pub(super) fn open(home: &Home) -> Result<Store> {
    if !has_database(home) {
        return Err(store_failed(StoreError::NoGenesis));
    }
    Store::open(&home.store()).map_err(store_failed)
}

/// As [`open::store_error`], of an error that is over with it.
pub(super) fn store_failed(error: StoreError) -> Error {
    open::store_error(&error)
}

/// As [`open::state_error`], of an error that is over with it.
pub(super) fn state_failed(error: Fatal) -> Error {
    open::state_error(&error)
}

/// Whether somebody has one of CometBFT's databases open: then this home has a node that runs.
pub(super) fn comet_runs(home: &Home) -> bool {
    let lock = std::fs::File::open(home.comet_blocks().join("LOCK"));
    lock.is_ok_and(|lock| matches!(lock.try_lock(), Err(std::fs::TryLockError::WouldBlock)))
}

/// Goes on if the user wants it: said by `--yes`, or now, on a terminal.
pub(super) fn confirm(yes: bool, json: bool, what: &str) -> Result<()> {
    if yes {
        return Ok(());
    }
    if json || !std::io::stdin().is_terminal() {
        return Err(Error::input("unconfirmed", what, "give --yes if that is what you want"));
    }
    eprint!("{what}\nGo on? [y/N] ");
    let _ = std::io::stderr().flush();
    let mut answer = String::new();
    let read = std::io::stdin().lock().read_line(&mut answer);
    match (read, answer.trim()) {
        (Ok(_), "y" | "Y" | "yes") => Ok(()),
        _ => Err(Error::input("unconfirmed", "nothing was changed", "answer y, or give --yes")),
    }
}

/// The folder of a file that is to be written.
pub(super) fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Writes a file that must not exist, whole or not at all.
pub(super) fn write_whole(
    path: &Path,
    fill: impl FnOnce(&mut BufWriter<&mut File>) -> Result<()>,
) -> Result<File> {
    let failed = |error: io::Error| Error::file(path, &error);
    let mut part = tempfile::NamedTempFile::new_in(parent(path)).map_err(failed)?;
    let mut writer = BufWriter::new(part.as_file_mut());
    fill(&mut writer)?;
    writer.flush().map_err(failed)?;
    drop(writer);
    part.as_file().sync_all().map_err(failed)?;
    part.persist_noclobber(path).map_err(|error| failed(error.error))
}

/// Shows how many records are read, which the work tells.
pub(super) fn counting<T>(work: impl FnOnce(&mut dyn FnMut(u64)) -> T) -> T {
    let bar = ProgressBar::new_spinner();
    let done = work(&mut |records| {
        if records.is_multiple_of(TELL_EVERY) {
            bar.set_message(format!("{records} records are read"));
            bar.tick();
        }
    });
    bar.finish_and_clear();
    done
}
