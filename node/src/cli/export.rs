//! `export`: the state of a height as the genesis of another chain, with the files of its models beside it.

use super::offline::{self, parent, state_failed};
use super::offline_args::ExportStateArgs;
use super::{print_json, print_text};
use crate::error::{Error, Result};
use crate::model_files::Folder;
use assay_core::export::{ExportError, Exported, export};
use assay_genesis::state::MAX_STATE_BYTES;
use assay_genesis::{GenesisDoc, GenesisModel};
use assay_store::{Read, View};
use indicatif::ProgressBar;
use serde_json::json;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

pub(super) fn run(args: &ExportStateArgs, json: bool) -> Result<()> {
    let home = offline::home(&args.home)?;
    let old = document(&home.genesis())?;
    let store = offline::open(&home)?;
    let view = store.view();
    let newest = view.tip().map_err(offline::store_failed)?.map_or(0, |(height, _)| height);
    let height = args.height.unwrap_or(newest);
    let output = args.output.clone().unwrap_or_else(|| PathBuf::from(format!("genesis-{height}.json")));
    let folder = Folder::beside(&output);
    if let Some(taken) = [output.as_path(), folder.path()].into_iter().find(|path| path.exists()) {
        let message = format!("{} is there already", taken.display());
        return Err(Error::input("exists", message, "choose another --output; nothing is overwritten"));
    }
    let exported = offline::counting(|tell| export(&view, height, tell)).map_err(failed)?;
    let text = text(&old, &exported, args)?;
    let models = &exported.state.models;
    if !models.is_empty() {
        write_models(&view, models, &folder)?;
    }
    offline::write_whole(&output, |writer| {
        writer.write_all(text.as_bytes()).map_err(|error| Error::file(&output, &error))
    })?;
    report(&exported, &output, &folder, args, json)
}

fn document(path: &Path) -> Result<GenesisDoc> {
    let text = std::fs::read(path).map_err(|error| Error::file(path, &error))?;
    GenesisDoc::from_json(&text).map_err(|error| Error::input("genesis", error, "use another home"))
}

fn failed(error: ExportError) -> Error {
    match error {
        ExportError::Fatal(error) => state_failed(error),
        other => Error::failed("export", other, "see docs/runbooks/upgrade.md"),
    }
}

/// The document: the old one's validators and parameters of consensus, and the state.
fn text(old: &GenesisDoc, exported: &Exported, args: &ExportStateArgs) -> Result<String> {
    let doc = GenesisDoc {
        chain_id: args.chain_id.clone().unwrap_or_else(|| old.chain_id.clone()),
        genesis_time: args.genesis_time.clone().unwrap_or_else(|| old.genesis_time.clone()),
        app_state: exported.state.clone(),
        ..old.clone()
    };
    doc.validate().map_err(|error| Error::input("genesis", error, "correct the flags and try again"))?;
    // As CometBFT hands it to the application.
    let bytes = serde_json::to_vec(&doc.app_state).map_or(usize::MAX, |bytes| bytes.len());
    if bytes > MAX_STATE_BYTES {
        let message = format!("the state takes {bytes} bytes, where a genesis may have {MAX_STATE_BYTES}");
        return Err(Error::failed("too_large", message, "carry the state in a snapshot instead"));
    }
    doc.to_json().map_err(|error| Error::internal("json", error, "report this"))
}

fn write_models(view: &View, models: &[GenesisModel], folder: &Folder) -> Result<()> {
    let within = |path: &Path, error: std::io::Error| Error::file(path, &error);
    // Whole or not at all, like the document.
    let place = parent(folder.path());
    let unfinished = tempfile::TempDir::new_in(place).map_err(|error| within(place, error))?;
    let part = Folder::new(unfinished.path());
    let bar = ProgressBar::new(models.len() as u64);
    for model in models {
        let path = part.file(&model.id());
        let mut file = File::create_new(&path).map_err(|error| within(&path, error))?;
        for hash in &model.manifest.chunks {
            let chunk = view.blob(hash).map_err(offline::store_failed)?.ok_or_else(|| {
                let message = format!("the model {} of that height is not stored any more", model.id());
                Error::failed("model_gone", message, "export a later height")
            })?;
            file.write_all(&chunk).map_err(|error| within(&path, error))?;
        }
        file.sync_all().map_err(|error| within(&path, error))?;
        bar.inc(1);
    }
    bar.finish_and_clear();
    std::fs::rename(unfinished.keep(), folder.path()).map_err(|error| within(folder.path(), error))
}

fn report(
    exported: &Exported,
    output: &Path,
    folder: &Folder,
    args: &ExportStateArgs,
    json: bool,
) -> Result<()> {
    let Exported { height, app_hash, state, left_out, chain_id } = exported;
    let supply = state.supply().map_err(|error| Error::internal("supply", error, "report this"))?;
    let models = (!state.models.is_empty()).then(|| folder.path().display().to_string());
    if json {
        print_json(&json!({
            "path": output.display().to_string(),
            "models_path": models,
            "height": height,
            "app_hash": app_hash,
            "accounts": state.accounts.len(),
            "models": state.models.len(),
            "supply": supply,
            "left_out": {
                "receipts": left_out.receipts,
                "retired": left_out.retired,
                "uploads": left_out.uploads,
                "given_back": left_out.given_back,
            },
        }));
        return Ok(());
    }
    print_text(&format!("{}\n", output.display()));
    models.iter().for_each(|models| print_text(&format!("{models}\n")));
    eprintln!(
        "{} accounts and {} models of height {height}, {supply} uasy in all; left out: {} receipts, {} retired models, \
         {} uploads",
        state.accounts.len(),
        state.models.len(),
        left_out.receipts,
        left_out.retired,
        left_out.uploads
    );
    if args.chain_id.is_none() {
        eprintln!("the new chain has the id {chain_id} as well; give --chain-id if both are to live on");
    }
    eprintln!("next: `assayd init MONIKER --chain-id ID --genesis {}` for every node", output.display());
    Ok(())
}
