//! `snapshots`: list, create, delete, export, restore.
//!
//! Whatever reads only the folder of snapshots works beside a running node; what needs the state itself is refused by
//! the state's lock.

use super::args::{ExportArgs, HomeArgs, RestoreArgs, SnapshotArgs, SnapshotsCommand};
use super::offline::{self, has_database, home, store_failed, write_whole};
use super::{print_json, print_text};
use crate::comet;
use crate::error::{Error, Result};
use crate::home::Home;
use crate::snapshots;
use assay_core::{APP_VERSION, ChainRecord};
use assay_genesis::GenesisDoc;
use assay_store::snapshot::{Folder, Made, Manifest, Refused, Restore, SnapshotError, export, import};
use assay_store::{ReadExt, StoreError};
use assay_types::path;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

pub(super) fn run(command: &SnapshotsCommand, json: bool) -> Result<()> {
    match command {
        SnapshotsCommand::List(args) => list(args, json),
        SnapshotsCommand::Create(args) => create(args, json),
        SnapshotsCommand::Delete(args) => delete(args, json),
        SnapshotsCommand::Export(args) => export_one(args, json),
        SnapshotsCommand::Restore(args) => restore(args, json),
    }
}

fn folder(home: &Home) -> Folder {
    Folder::new(home.snapshots())
}

fn wrong(error: SnapshotError) -> Error {
    match error {
        SnapshotError::Refused(refused) => {
            Error::input("bad_snapshot", refused, "use another snapshot; nothing of this one is kept")
        }
        SnapshotError::NoHeight(_) => {
            Error::input("no_snapshot", error, "`assayd snapshots list` shows the ones there are")
        }
        SnapshotError::Exists(_) => {
            Error::input("exists", error, "delete it first, or wait for the next block")
        }
        SnapshotError::Store(error) => store_failed(error),
        SnapshotError::File { .. } | SnapshotError::Stopped => {
            Error::failed("snapshot", error, "check the disk's space and permissions")
        }
    }
}

fn describe(made: &Made) -> Value {
    let manifest = &made.manifest;
    json!({
        "height": manifest.height,
        "format": manifest.format,
        "chunks": manifest.count(),
        "bytes": manifest.bytes(),
        "app_hash": manifest.app_hash,
        "hash": manifest.id().to_string(),
        "chain_id": manifest.chain_id,
        "app_version": manifest.app_version,
        "path": made.path.display().to_string(),
    })
}

fn line(made: &Made) -> String {
    let Manifest { height, app_hash, .. } = &made.manifest;
    format!(
        "{height:>10}  {:>6} chunks  {:>14} bytes  {app_hash}\n",
        made.manifest.count(),
        made.manifest.bytes()
    )
}

fn list(args: &HomeArgs, json: bool) -> Result<()> {
    let folder = folder(&home(args)?);
    let heights = folder.heights().map_err(wrong)?;
    // One may be removed while the node runs.
    let made: Vec<Made> = heights.into_iter().filter_map(|height| folder.get(height).ok()).collect();
    if json {
        print_json(&json!({"snapshots": made.iter().map(describe).collect::<Vec<_>>()}));
        return Ok(());
    }
    made.iter().for_each(|made| print_text(&line(made)));
    if made.is_empty() {
        eprintln!("no snapshots; make one with `assayd snapshots create`, or set snapshots.interval");
    }
    Ok(())
}

/// A bar on a terminal, nothing elsewhere.
fn bar(of: u64, what: &str) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg} {bar:30} {pos}/{len}  {eta}");
    let bar = ProgressBar::new(of).with_message(what.to_owned());
    match style {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

fn create(args: &HomeArgs, json: bool) -> Result<()> {
    let home = home(args)?;
    let folder = folder(&home);
    let store = offline::open(&home).map_err(|error| {
        let itself = "a running node makes snapshots itself, every `snapshots.interval` blocks; to make one by \
                      hand, stop the node first";
        error.hint_for("running", itself)
    })?;
    folder.clean().map_err(wrong)?;
    let view = store.view();
    let chain: Option<ChainRecord> = view.read(path::CHAIN).map_err(store_failed)?;
    let chain = chain.ok_or(StoreError::NoGenesis).map_err(store_failed)?;
    let bar = bar(0, "entries");
    let made = folder.make(&view, &snapshots::spec(&chain.chain_id), &mut |making| {
        bar.set_length(making.of);
        bar.set_position(making.entries);
        true
    });
    bar.finish_and_clear();
    report(&made.map_err(wrong)?, json);
    Ok(())
}

fn report(made: &Made, json: bool) {
    if json { print_json(&describe(made)) } else { print_text(&line(made)) }
}

fn delete(args: &SnapshotArgs, json: bool) -> Result<()> {
    folder(&home(&args.home)?).remove(args.height).map_err(wrong)?;
    if json {
        print_json(&json!({"deleted": args.height}));
    }
    Ok(())
}

fn export_one(args: &ExportArgs, json: bool) -> Result<()> {
    let made = folder(&home(&args.home)?).get(args.height).map_err(wrong)?;
    let output = &args.output;
    let bar = bar(made.manifest.count().into(), "chunks");
    write_whole(output, |writer| {
        let written = export(&made, writer, &mut |chunk| bar.set_position(chunk.into()));
        bar.finish_and_clear();
        written.map_err(wrong)
    })?;
    if json {
        let mut value = describe(&made);
        value["path"] = output.display().to_string().into();
        print_json(&value);
    } else {
        print_text(&format!("{}\n", output.display()));
    }
    Ok(())
}

/// Where the chunks of a snapshot come from.
enum Source {
    Own(Made),
    File(BufReader<File>),
}

impl Source {
    fn chunk(&mut self, manifest: &Manifest, index: u32) -> Result<Vec<u8>, SnapshotError> {
        match self {
            Source::Own(made) => made.chunk(index),
            Source::File(file) => {
                let bytes = manifest.chunk(index)?.bytes;
                let mut chunk = Vec::new();
                match file.take(bytes.into()).read_to_end(&mut chunk) {
                    Ok(got) if got == bytes as usize => Ok(chunk),
                    _ => Err(Refused::NoSnapshot("it ends in a chunk").into()),
                }
            }
        }
    }
}

fn restore(args: &RestoreArgs, json: bool) -> Result<()> {
    let home = home(&args.home)?;
    let (manifest, mut source) = open(&home, &args.from)?;
    refuse_another_chain(&home, &manifest)?;
    refuse_to_replace(&home)?;
    refuse_without_blocks(&home, &manifest, args.without_blocks)?;
    let trusted = args.app_hash.unwrap_or(manifest.app_hash);
    let count = manifest.count();
    let mut restore = Restore::open(&home.store(), manifest.clone(), trusted).map_err(wrong)?;
    let bar = bar(count.into(), "chunks");
    let applied = (0..count).try_for_each(|index| {
        restore.apply(index, &source.chunk(&manifest, index)?)?;
        bar.set_position(u64::from(index) + 1);
        Ok(())
    });
    bar.finish_and_clear();
    if let Err(error) = applied {
        if matches!(error, SnapshotError::Refused(_)) {
            restore.discard().map_err(store_failed)?;
        }
        return Err(wrong(error));
    }
    let restored = restore.finish().map_err(wrong)?;
    let committed = restored.install().map_err(store_failed)?;
    let (height, app_hash) = (committed.version, committed.root);
    if json {
        print_json(&json!({"height": height, "app_hash": app_hash, "chunks": count}));
    } else {
        print_text(&format!("height {height}, app hash {app_hash}\n"));
        let next = height.saturating_add(1);
        eprintln!("next: compare it with the app hash in the header of height {next}, then `assayd start`");
    }
    Ok(())
}

fn open(home: &Home, from: &str) -> Result<(Manifest, Source)> {
    if let Ok(height) = from.parse::<u64>() {
        let made = folder(home).get(height).map_err(wrong)?;
        return Ok((made.manifest.clone(), Source::Own(made)));
    }
    let path = Path::new(from);
    let mut file = BufReader::new(File::open(path).map_err(|error| Error::file(path, &error))?);
    let manifest = import(&mut file).map_err(|refused| wrong(refused.into()))?;
    Ok((manifest, Source::File(file)))
}

fn refuse_another_chain(home: &Home, manifest: &Manifest) -> Result<()> {
    let path = home.genesis();
    let text = std::fs::read(&path).map_err(|error| Error::file(&path, &error))?;
    let genesis =
        GenesisDoc::from_json(&text).map_err(|error| Error::input("genesis", error, "use another home"))?;
    manifest.expect(&genesis.chain_id, APP_VERSION).map_err(|refused| wrong(refused.into()))
}

/// Nothing can follow a state on a home whose CometBFT has no blocks. Its library can begin at a height, by
/// `BootstrapState`; of its programs, the one that this node is for has no command for that.
fn refuse_without_blocks(home: &Home, manifest: &Manifest, allowed: bool) -> Result<()> {
    if allowed || home.comet_blocks().exists() || home.solo_blocks().exists() {
        return Ok(());
    }
    let (root, height, version) = (home.root().display(), manifest.height, comet::VERSION);
    let message = format!(
        "CometBFT has no blocks in {root}, and CometBFT {version} cannot begin at height {height} with a state alone"
    );
    let hint =
        "use state sync (docs/runbooks/state-sync.md); --without-blocks restores the state nevertheless";
    Err(Error::input("no_blocks", message, hint))
}

/// Nothing is lost by a restore: a state that is there is moved away by its owner, or not at all.
fn refuse_to_replace(home: &Home) -> Result<()> {
    if !has_database(home) {
        return Ok(());
    }
    match offline::open(home)?.version() {
        None => Ok(()),
        Some(height) => {
            let message = format!("{} holds the state of height {height} already", home.store().display());
            Err(Error::input("has_state", message, "move that folder away first"))
        }
    }
}
