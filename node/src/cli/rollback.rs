//! `rollback`: the last height taken back, in the application and in CometBFT.
//!
//! The block itself stays: it was decided, and CometBFT hands it in again at the next start. (Its own `--hard`, which
//! removes the block too, would leave a validator with a vote for a block that it does not have.) CometBFT goes first:
//! an application that is ahead of it by the block that it has is what a crash leaves, and heals by itself; so does one
//! that is behind. Whatever comes in between, doing it again is safe.

use super::offline::{self, state_failed};
use super::offline_args::RollbackArgs;
use super::{print_json, print_text, start};
use crate::comet::tool;
use crate::error::{Error, Result};
use assay_core::{Committed, rollback};
use serde_json::json;

pub(super) fn run(args: &RollbackArgs, json: bool) -> Result<()> {
    let home = offline::home(&args.home)?;
    let store = offline::open(&home)?;
    // What can be refused is, before anything is changed.
    let target = rollback::before_last(&store).map_err(state_failed)?;
    let solo = home.solo_blocks().exists();
    let binary = match solo {
        true => None,
        false => {
            let config = start::config(&home.config(), &[])?;
            Some(start::comet_binary(&config, args.cometbft.as_deref())?)
        }
    };
    let last = target.height.saturating_add(1);
    offline::confirm(
        args.yes,
        json,
        &format!(
            "Block {last} is taken back, in the state and in CometBFT; the next start executes it again."
        ),
    )?;
    let comet = binary.map(|binary| tool::rollback(&binary, &home)).transpose().map_err(|error| {
        let hint =
            "stop the CometBFT of this home, and see docs/runbooks/mismatch.md; the state was not changed";
        Error::failed("comet", error, hint)
    })?;
    let Committed { height, app_hash } = rollback::roll_back(&store).map_err(state_failed)?;
    // What CometBFT has is of a header that the validators signed.
    let agrees = comet
        .as_ref()
        .filter(|comet| comet.height == height)
        .map(|comet| comet.app_hash.eq_ignore_ascii_case(&app_hash.to_string()));
    if json {
        print_json(&json!({
            "height": height,
            "app_hash": app_hash,
            "comet_height": comet.as_ref().map(|comet| comet.height),
            "comet_app_hash": comet.as_ref().map(|comet| comet.app_hash.to_lowercase()),
            "agrees": agrees,
        }));
    } else {
        print_text(&format!("height    {height}\napp hash  {app_hash}\n"));
        if let Some(comet) = &comet {
            print_text(&format!("CometBFT  height {}, {}\n", comet.height, comet.app_hash.to_lowercase()));
        }
    }
    match agrees {
        Some(false) => eprintln!(
            "warning: CometBFT's header says another app hash, so this state is wrong too: roll back further, or \
             restore a snapshot (docs/runbooks/mismatch.md)"
        ),
        None if solo => {
            eprintln!("next: `assayd dev --home`; the blocks after height {height} are executed again")
        }
        _ => eprintln!("next: `assayd start`; the blocks after height {height} are executed again"),
    }
    Ok(())
}
