//! `unsafe-reset`: a home as it was before its first start, but for what the validator has signed.
//!
//! CometBFT's own `unsafe-reset-all` forgets that too, and a validator that then votes at a height where it has voted
//! before signs twice. So it is kept here unless it is asked for. What tells what happened (logs, reports of
//! divergence) stays, and so do the plans, which are checked by their hashes.

use super::offline::{self, store_failed};
use super::offline_args::ResetArgs;
use super::{print_json, print_text};
use crate::comet::keys;
use crate::error::{Error, Result};
use crate::home::Home;
use assay_store::{Store, StoreError};
use serde_json::json;
use std::path::{Path, PathBuf};

pub(super) fn run(args: &ResetArgs, json: bool) -> Result<()> {
    let home = offline::home(&args.home)?;
    refuse_running(&home)?;
    let remove = what(&home, args);
    let votes = if args.reset_signing_state {
        ", and what the validator has signed is forgotten: on a chain that goes on, it can sign twice"
    } else {
        ""
    };
    let root = home.root().display();
    offline::confirm(args.yes, json, &format!("The state and the blocks in {root} are removed{votes}."))?;
    let mut removed = Vec::new();
    for path in remove {
        if delete(&path).map_err(|error| Error::file(&path, &error))? {
            removed.push(path.display().to_string());
        }
    }
    if args.reset_signing_state {
        keys::forget_votes(&home)
            .map_err(|error| Error::failed("keys", error, "check the disk's space and permissions"))?;
    }
    let signing_state = if args.reset_signing_state { "reset" } else { "kept" };
    if json {
        print_json(&json!({"removed": removed, "signing_state": signing_state}));
    } else {
        removed.iter().for_each(|path| print_text(&format!("removed {path}\n")));
    }
    match args.reset_signing_state {
        true => eprintln!(
            "warning: what the validator has signed is forgotten; do not start it on a chain on which it has voted"
        ),
        false => eprintln!("what the validator has signed is kept: {}", home.validator_state().display()),
    }
    eprintln!("next: `assayd start`; the node begins with the genesis, or by state sync");
    Ok(())
}

/// A node that runs has its state open, or its CometBFT the blocks.
fn refuse_running(home: &Home) -> Result<()> {
    if offline::has_database(home)
        && let Err(error @ StoreError::Locked { .. }) = Store::open(&home.store())
    {
        return Err(store_failed(error));
    }
    if offline::comet_runs(home) {
        let message = format!("a CometBFT runs on {}", home.root().display());
        return Err(Error::failed("running", message, "stop the node first, then try again"));
    }
    Ok(())
}

/// What goes, the state last: until then nothing looks like a home that was never started.
fn what(home: &Home, args: &ResetArgs) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = home.comet_data().into();
    paths.extend([home.solo_blocks(), home.socket()]);
    if !args.keep_addr_book {
        paths.push(home.addr_book());
    }
    if !args.keep_snapshots {
        paths.push(home.snapshots());
    }
    paths.extend(home.store_leftovers());
    paths.push(home.store());
    paths
}

/// Removes a file or a folder; whether it was there. What a link names is not touched.
fn delete(path: &Path) -> std::io::Result<bool> {
    let meta = match std::fs::symlink_metadata(path) {
        Ok(meta) => meta,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    if meta.is_dir() {
        std::fs::remove_dir_all(path)?
    } else {
        std::fs::remove_file(path)?
    }
    Ok(true)
}
