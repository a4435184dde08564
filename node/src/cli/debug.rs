//! `debug bundle` and `debug compare`.
//!
//! A bundle is made of whatever there is: a node that runs gives its status, one that is stopped its state. What cannot
//! be had is named in the bundle with the reason, for a node that needs one is seldom whole.

use super::offline;
use super::offline_args::{BundleArgs, CompareArgs, DebugCommand};
use super::{print_json, print_text, report, start};
use crate::comet::keys;
use crate::comet::rpc::reachable;
use crate::config::Config;
use crate::debug::{self, Bundle, Compared, MACHINE, STATE, StateDigest};
use crate::error::{Error, Result};
use crate::home::Home;
use crate::{divergence, selftest};
use assay_core::ChainRecord;
use assay_store::{ReadExt, Store, StoreError};
use assay_types::path;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// Bytes of the end of a log that are taken.
const LOG_BYTES: u64 = 4 * 1024 * 1024;
/// Bytes of a settings file or a report that are taken.
const FILE_BYTES: u64 = 1024 * 1024;
/// Reports of divergence that are taken, the latest ones.
const REPORTS: usize = 20;

pub(super) fn run(command: &DebugCommand, json: bool) -> Result<()> {
    match command {
        DebugCommand::Bundle(args) => bundle(args, json),
        DebugCommand::Compare(args) => compare(args, json),
    }
}

/// The files of a bundle, and what could not be had.
#[derive(Default)]
struct Parts {
    files: Vec<(String, Vec<u8>)>,
    missing: Vec<String>,
}

impl Parts {
    fn json(&mut self, name: &str, value: &Value) {
        self.files.push((name.into(), format!("{value:#}\n").into_bytes()));
    }

    /// The end of a file, if there is such a file.
    fn end_of(&mut self, name: &str, path: &Path, bytes: u64) {
        match end_of(path, bytes) {
            Ok(found) => self.files.push((name.into(), found)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => self.missing.push(format!("{}: {error}", path.display())),
        }
    }
}

fn end_of(path: &Path, bytes: u64) -> std::io::Result<Vec<u8>> {
    let mut file = std::fs::File::open(path)?;
    let from = file.metadata()?.len().saturating_sub(bytes);
    file.seek(SeekFrom::Start(from))?;
    let mut end = Vec::new();
    file.take(bytes).read_to_end(&mut end)?;
    Ok(end)
}

fn bundle(args: &BundleArgs, json: bool) -> Result<()> {
    let home = offline::home(&args.home)?;
    let config = start::config(&home.config(), &[])?;
    let mut parts = Parts::default();
    let status = report::ask(&format!("http://{}", reachable(config.gateway.listen)));
    match status.map(serde_json::to_value) {
        Ok(Ok(status)) => parts.json("status.json", &status),
        Ok(Err(error)) => parts.missing.push(format!("status: {error}")),
        Err(error) => parts.missing.push(format!("status: the node does not answer: {error}")),
    }
    let state = state(&home, args, &mut parts)?;
    files(&home, args, &mut parts);
    let machine = machine(&home, &config, state.as_ref(), &parts.missing)?;
    parts.json(MACHINE, &machine);
    let height = state.as_ref().map_or(0, |state| state.height);
    let node = machine["node_id"].as_str().unwrap_or("node").chars().take(8).collect::<String>();
    let name = format!("assay-debug-{node}-{height}");
    let output = args.output.clone().unwrap_or_else(|| PathBuf::from(format!("{name}.tar.gz")));
    let bytes = write(&output, &name, parts.files, &keys::secrets(&home))?;
    if json {
        print_json(&json!({
            "path": output.display().to_string(),
            "bytes": bytes,
            "height": state.as_ref().map(|state| state.height),
            "app_hash": state.as_ref().map(|state| state.app_hash),
            "missing": parts.missing,
        }));
        return Ok(());
    }
    print_text(&format!("{}\n", output.display()));
    parts.missing.iter().for_each(|missing| eprintln!("not in it: {missing}"));
    eprintln!(
        "next: send it, or compare it with another node's: `assayd debug compare {} OTHER`",
        output.display()
    );
    Ok(())
}

fn write(path: &Path, folder: &str, files: Vec<(String, Vec<u8>)>, secrets: &[Vec<u8>]) -> Result<u64> {
    let failed = |error: std::io::Error| Error::file(path, &error);
    let clean: Vec<_> =
        files.into_iter().map(|(name, bytes)| (name, debug::redact(bytes, secrets))).collect();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let file =
        offline::write_whole(path, |writer| debug::write(writer, folder, &clean, now).map_err(failed))?;
    Ok(file.metadata().map_err(failed)?.len())
}

/// The state of a node that is stopped. What the user asked for and cannot be is an error; the rest is only missing.
fn state(home: &Home, args: &BundleArgs, parts: &mut Parts) -> Result<Option<StateDigest>> {
    let (state, disk) = match digest(home, args) {
        Ok(found) => found,
        Err(error @ StoreError::UnknownVersion { .. }) => return Err(offline::store_failed(error)),
        Err(error) => {
            parts.missing.push(format!("the state: {error}"));
            return Ok(None);
        }
    };
    parts.json("disk.json", &disk);
    let text = serde_json::to_vec_pretty(&state);
    parts.files.push((STATE.into(), text.map_err(|error| Error::internal("json", error, "report this"))?));
    Ok(Some(state))
}

fn digest(home: &Home, args: &BundleArgs) -> Result<(StateDigest, Value), StoreError> {
    if !offline::has_database(home) {
        return Err(StoreError::NoGenesis);
    }
    let store = Store::open(&home.store())?;
    let chain: Option<ChainRecord> = store.view().read(path::CHAIN)?;
    let chain = chain.ok_or(StoreError::NoGenesis)?;
    let state = offline::counting(|tell| {
        StateDigest::of(&store, chain.chain_id, args.height, args.heights, !args.quick, tell)
    })?;
    let kept = store.view().kept()?;
    let families = store.disk()?.into_iter().map(|family| {
        let entry = json!({"bytes": family.bytes, "unflushed_bytes": family.unflushed_bytes, "entries": family.entries});
        (family.name.to_owned(), entry)
    });
    let kept = kept.map(|kept| json!({"oldest": kept.start(), "newest": kept.end()}));
    Ok((state, json!({"families": families.collect::<serde_json::Map<_, _>>(), "kept": kept})))
}

/// Settings, logs and reports.
fn files(home: &Home, args: &BundleArgs, parts: &mut Parts) {
    parts.end_of("config/assayd.toml", &home.config(), FILE_BYTES);
    parts.end_of("config/config.toml", &home.comet_config(), FILE_BYTES);
    parts.end_of("data/priv_validator_state.json", &home.validator_state(), FILE_BYTES);
    parts.end_of("logs/comet.log", &home.comet_log(), LOG_BYTES);
    if let Some(log) = &args.log {
        match end_of(log, LOG_BYTES) {
            Ok(end) => parts.files.push(("logs/assayd.log".into(), end)),
            Err(error) => parts.missing.push(format!("{}: {error}", log.display())),
        }
    }
    let mut reports = divergence::reports(&home.root().join("data"));
    let skip = reports.len().saturating_sub(REPORTS);
    for path in reports.split_off(skip) {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        parts.end_of(&format!("data/{name}"), &path, FILE_BYTES);
    }
}

/// What the machine, the program and the home are.
fn machine(home: &Home, config: &Config, state: Option<&StateDigest>, missing: &[String]) -> Result<Value> {
    let identity = keys::identity(home).ok();
    let genesis = std::fs::read(home.genesis()).ok();
    let genesis = genesis.map(|bytes| hex::encode(Sha256::digest(&bytes)));
    let used = assay_exec::Isa::detect().name();
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    Ok(json!({
        "format": "assay-debug-1",
        "chain_id": state.map(|state| state.chain_id.clone()),
        "height": state.map(|state| state.height),
        "app_hash": state.map(|state| state.app_hash),
        "moniker": config.moniker,
        "node_id": identity.map(|identity| identity.node.node_id()),
        "validator": identity.map(|identity| identity.validator.address()),
        "genesis_sha256": genesis,
        "version": report::long_version()?,
        "kernels": used,
        "selftest": selftest::run().to_json(),
        "cpu": divergence::cpu(),
        "cores": cores,
        "missing": missing,
    }))
}

fn compare(args: &CompareArgs, json: bool) -> Result<()> {
    let [first, second] = [&args.first, &args.second].map(|path| {
        Bundle::open(path).map_err(|error| {
            Error::input(
                "bad_bundle",
                format!("{}: {error}", path.display()),
                "make it with `assayd debug bundle`",
            )
        })
    });
    let (first, second) = (first?, second?);
    let found = debug::compare(&first, &second);
    if json {
        let value =
            serde_json::to_value(&found).map_err(|error| Error::internal("json", error, "report this"))?;
        print_json(&value);
    } else {
        print_text(&words(&found, first.state.is_some() && second.state.is_some()));
    }
    Ok(())
}

fn words(found: &Compared, states: bool) -> String {
    let mut text = String::new();
    for (name, pair) in &found.machine {
        text += &format!("{name}: {} and {}\n", pair.first, pair.second);
    }
    if !states {
        return text + "no states are compared: a bundle of a node that ran has none\n";
    }
    match (found.first_height, &found.app_hash) {
        (Some(height), Some(roots)) => {
            let how = if found.arose_there { "they differ from height" } else { "they differ at height" };
            text += &format!("{how} {height} on: app hash {} and {}\n", roots.first, roots.second);
            if !found.arose_there {
                text +=
                    "  the heights before it are not in both: give --heights or --height to `debug bundle`\n";
            }
        }
        _ if found.compared_heights == 0 => {
            text += "the bundles describe no height in common: give --height to `debug bundle`\n";
        }
        _ => text += &format!("the app hashes of {} heights are the same\n", found.compared_heights),
    }
    for (key, pair) in &found.keys {
        let side = |side: &Option<String>| side.clone().unwrap_or_else(|| "nothing".into());
        text += &format!("  {key}: {} and {}\n", side(&pair.first), side(&pair.second));
    }
    for (kind, difference) in &found.kinds {
        text += &format!("records of kind {kind} differ in {} of 256 buckets\n", difference.buckets.len());
        difference.keys.iter().for_each(|key| text += &format!("  {key}\n"));
    }
    text
}
