//! `comet`: ids and keys of a home, and the step between us and CometBFT.

use super::args::{ExecArgs, HomeArgs};
use super::{print_json, print_text};
use crate::comet::child;
use crate::comet::keys::{self, Identity};
use crate::error::{Error, Result};
use serde_json::json;
use std::path::Path;

fn identity(args: &HomeArgs) -> Result<Identity> {
    keys::identity(&args.home())
        .map_err(|error| Error::input("keys", error, "name the node's home with --home"))
}

pub(super) fn show_node_id(args: &HomeArgs, json: bool) -> Result<()> {
    let id = identity(args)?.node.node_id();
    if json {
        print_json(&json!({"node_id": id}))
    } else {
        print_text(&format!("{id}\n"))
    }
    Ok(())
}

pub(super) fn show_validator(args: &HomeArgs, json: bool) -> Result<()> {
    let key = identity(args)?.validator.to_json();
    if json {
        print_json(&json!({"pub_key": key}))
    } else {
        print_text(&format!("{key}\n"))
    }
    Ok(())
}

pub(super) fn show_address(args: &HomeArgs, json: bool) -> Result<()> {
    let address = identity(args)?.validator.address();
    if json {
        print_json(&json!({"address": address}))
    } else {
        print_text(&format!("{address}\n"))
    }
    Ok(())
}

/// Returns only when it fails.
pub(super) fn exec(args: &ExecArgs) -> Result<()> {
    let [program, arguments @ ..] = args.command.as_slice() else {
        return Err(Error::input("usage", "there is no program to become", "use `assayd start`"));
    };
    let error = child::become_dying_with(args.parent, Path::new(program), arguments);
    Err(Error::failed("exec", format!("{program}: {error}"), "use `assayd start`"))
}
