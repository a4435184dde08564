//! `assay receipt` and `assay verify`.

use super::args::{Receipt, Verify};
use super::context::Context;
use super::reply::{Lines, Reply};
use crate::error::{Error, Result};
use crate::files;
use crate::local::{self, Workbench};
use crate::verify::{self, MAX_BUNDLE_BYTES, Material, Rerun, Trust};
use crate::wallet::{WAIT, accepted};
use assay_types::bundle::Bundle;
use std::io::Write;
use std::path::Path;

/// Bytes of a genesis document.
const MAX_GENESIS_BYTES: u64 = 64 * 1024 * 1024;

/// Writes a bundle as a file.
pub fn save(bundle: &Bundle, path: &Path) -> Result<()> {
    let mut text = serde_json::to_vec_pretty(bundle).map_err(|error| Error::Internal(error.to_string()))?;
    text.push(b'\n');
    files::write_atomic(path, |file| {
        file.write_all(&text).map_err(|error| Error::file("write", path, &error))
    })
}

/// Fetches a bundle.
pub fn fetch(context: &Context, command: Receipt) -> Result<Reply> {
    let Receipt { tx_hash, index, output } = command;
    let client = context.client()?;
    let info = client.tx(&tx_hash)?.ok_or_else(|| {
        Error::failed(
            "tx_unknown",
            format!("transaction {tx_hash} is in no block that this node knows"),
            "check the hash, or wait",
        )
    })?;
    // Only a receipt that there is is worth waiting for: its proof comes with the next block.
    let message = accepted(info)?.messages.into_iter().nth(index as usize);
    if message.is_none_or(|message| message.receipt.is_none()) {
        return Err(Error::failed(
            "no_receipt",
            format!("message {index} of transaction {tx_hash} is no inference"),
            format!("see its messages with `assay query tx {tx_hash}`"),
        ));
    }
    let bundle = client.wait_bundle(&tx_hash, index, WAIT)?;
    let path = output.unwrap_or_else(|| format!("{tx_hash}-{index}.assay").into());
    save(&bundle, &path)?;
    let lines = Lines::new()
        .add("file", path.display())
        .add("model", bundle.model_id)
        .add("check it with", format!("assay verify {}", path.display()));
    let body =
        serde_json::json!({ "file": path, "tx_hash": tx_hash, "index": index, "model_id": bundle.model_id });
    Reply::new(&body, lines.text())
}

/// Checks a bundle.
pub fn verify(context: &Context, command: Verify) -> Result<Reply> {
    let bytes = files::read_bounded(&command.file, MAX_BUNDLE_BYTES)?;
    let trust = trust(context, &command)?;
    let model = command.model.as_deref().map(local::read_model).transpose()?;
    let workbench = Workbench::new(&context.home).with_engine_file(command.engine);
    let report = verify::verify(&bytes, &trust, &Material { model: model.as_deref(), workbench: &workbench });
    let mut lines = Lines::new();
    for check in &report.checks {
        lines =
            lines.add(&format!("{} {}", if check.ok { "ok  " } else { "FAIL" }, check.name), &check.detail);
    }
    let rerun = match report.rerun {
        Rerun::Match => "match",
        Rerun::Differs => "differs",
        Rerun::Skipped => "skipped (give the model with --model FILE to run it again)",
    };
    let text = lines.add("rerun", rerun).add("valid", if report.valid { "yes" } else { "NO" }).text();
    Ok(Reply::new(&report, text)?.with_status(if report.valid { 0 } else { 2 }))
}

/// The user's anchor, or the genesis of the home.
fn trust(context: &Context, command: &Verify) -> Result<Trust> {
    if let Some(text) = &command.trust {
        return text.parse().map_err(|why: String| Error::input(format!("--trust {text}: {why}"), why));
    }
    let default = context.home.join("config").join("genesis.json");
    let path = match &command.genesis {
        Some(path) => path,
        None if default.exists() => &default,
        None => {
            return Ok(Trust::Missing(
                "nothing to trust: give --genesis FILE (the chain's genesis.json) or --trust HEIGHT:HASH"
                    .into(),
            ));
        }
    };
    let json = files::read_bounded(path, MAX_GENESIS_BYTES)?;
    let json = serde_json::from_slice(&json).map_err(|error| error.to_string());
    let trust = json.and_then(|json| Trust::from_genesis(&json, &path.display().to_string()));
    trust.map_err(|why| Error::input(format!("{}: {why}", path.display()), "give the chain's genesis.json"))
}
