//! `init` and `testnet init`: homes, with keys, settings and a genesis document.

use super::args::{InitArgs, TestnetArgs};
use super::{print_json, print_text};
use crate::comet::keys::{self, Identity};
use crate::config::{self, Config};
use crate::error::{Error, Result};
use crate::home::{Home, write_new};
use crate::model_files::Folder;
use assay_core::read_model;
use assay_genesis::{GenesisAccount, GenesisDoc, GenesisEngine, GenesisState, Validator, engines, networks};
use assay_types::address::Address;
use assay_types::amount::Amount;
use serde_json::{Value, json};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

/// The voting power of a validator that starts a chain.
const POWER: u64 = 10;
/// Ports of one node of a network on one machine.
const PORTS_PER_NODE: u16 = 10;
/// Bytes of a genesis document that is read from a file.
const MAX_GENESIS_BYTES: u64 = 128 * 1024 * 1024;

/// `assayd init`.
pub(super) fn init(args: &InitArgs, json: bool) -> Result<()> {
    let home = args.home.home();
    let mut base = Config { moniker: args.moniker.clone(), ..Config::default() };
    if let Some((height, hash)) = &args.trust {
        base.state_sync.enabled = true;
        base.state_sync.rpc_servers = args.state_sync.clone();
        (base.state_sync.trust_height, base.state_sync.trust_hash) = (*height, hash.clone());
    }
    let config = settings(base, &args.settings.set)?;
    // What can be wrong with the input is found before anything is written.
    let given = args.genesis.as_deref().map(|path| read_genesis(path, &args.chain_id)).transpose()?;
    let identity = create(&home, &config)?;
    let text = match given {
        Some((text, files)) => {
            copy_models(&files, &home)?;
            text
        }
        None => genesis(&args.chain_id, &[(args.moniker.clone(), identity)], &args.accounts)?,
    };
    write(&home.genesis(), &text)?;
    let next = format!("assayd start --home {}", home.root().display());
    report(json, describe(&home, &config, &identity), &next);
    Ok(())
}

/// `assayd testnet init`.
pub(super) fn testnet(args: &TestnetArgs, json: bool) -> Result<()> {
    let last = u32::from(args.starting_port) + u32::from(PORTS_PER_NODE) * u32::from(args.validators);
    if last > 65_535 {
        let message =
            format!("{} nodes from port {} need ports up to {last}", args.validators, args.starting_port);
        return Err(Error::input("ports", message, "give a lower --starting-port"));
    }
    let mut nodes = Vec::new();
    for index in 0..args.validators {
        let moniker = format!("node{index}");
        let home = Home::new(args.output.join(&moniker));
        let base = local(moniker.clone(), args.starting_port + PORTS_PER_NODE * index);
        let config = settings(base, &args.settings.set)?;
        home.create().map_err(|error| Error::file(home.root(), &error))?;
        let identity = keys::create(&home).map_err(exists)?;
        nodes.push((home, config, identity));
    }
    let peers: Vec<String> =
        nodes.iter().map(|(_, config, id)| format!("{}@{}", id.node.node_id(), config.comet.p2p)).collect();
    let validators: Vec<_> = nodes.iter().map(|(_, config, id)| (config.moniker.clone(), *id)).collect();
    let text = genesis(&args.chain_id, &validators, &args.accounts)?;
    for (index, (home, config, _)) in nodes.iter_mut().enumerate() {
        let others = peers.iter().enumerate().filter(|(other, _)| *other != index);
        config.comet.persistent_peers = others.map(|(_, peer)| peer.clone()).collect();
        write(&home.config(), &config::render(config))?;
        write(&home.genesis(), &text)?;
    }
    let described: Vec<Value> = nodes.iter().map(|(home, config, id)| describe(home, config, id)).collect();
    let next = format!("assayd start --home {}/node0, and so on", args.output.display());
    report(json, json!({"chain_id": args.chain_id, "nodes": described}), &next);
    Ok(())
}

/// Makes the home of a chain for development: this node is its validator, and these accounts have money.
pub(super) fn dev(home: &Home, chain_id: &str, accounts: &[(Address, Amount)]) -> Result<()> {
    let config = Config { moniker: "dev".into(), ..Config::default() };
    let identity = create(home, &config)?;
    let text = genesis(chain_id, &[(config.moniker, identity)], accounts)?;
    write(&home.genesis(), &text)
}

/// The settings of a node of a network on one machine.
fn local(moniker: String, port: u16) -> Config {
    let at = |offset: u16| SocketAddr::from((Ipv4Addr::LOCALHOST, port + offset));
    let mut config = Config { moniker, ..Config::default() };
    config.comet.p2p = at(0);
    config.comet.rpc = at(1);
    config.gateway.listen = at(2);
    config.metrics.listen = at(3);
    config.comet.pex = false;
    config.comet.addr_book_strict = false;
    config.comet.allow_duplicate_ip = true;
    config
}

/// Flags over a base.
fn settings(base: Config, set: &[String]) -> Result<Config> {
    let wrong = |error| Error::input("bad_config", error, "see the settings in docs/operators.md");
    config::over(base, set).map_err(wrong)
}

fn create(home: &Home, config: &Config) -> Result<Identity> {
    home.create().map_err(|error| Error::file(home.root(), &error))?;
    let identity = keys::create(home).map_err(exists)?;
    write(&home.config(), &config::render(config))?;
    Ok(identity)
}

fn exists(error: keys::KeyFileError) -> Error {
    Error::input("home_exists", error, "choose another folder; nothing is overwritten")
}

fn write(path: &Path, text: &str) -> Result<()> {
    write_new(path, text).map_err(|error| Error::file(path, &error))
}

/// A document of an existing chain, and the files that belong to it, all of which are as it says.
fn read_genesis(path: &Path, chain_id: &str) -> Result<(String, Vec<PathBuf>)> {
    let failed = |error| Error::file(path, &error);
    if std::fs::metadata(path).map_err(failed)?.len() > MAX_GENESIS_BYTES {
        let message = format!("{} has more than 128 MiB", path.display());
        return Err(Error::input("genesis", message, "use the chain's own genesis file"));
    }
    let text = std::fs::read_to_string(path).map_err(failed)?;
    let wrong = |message: String| Error::input("genesis", message, "use the chain's own genesis file");
    let doc = GenesisDoc::from_json(text.as_bytes()).map_err(|error| wrong(error.to_string()))?;
    if doc.chain_id != chain_id {
        return Err(wrong(format!("the file is of the chain {:?}, not {chain_id:?}", doc.chain_id)));
    }
    let folder = Folder::beside(path);
    let files = doc.app_state.models.iter().map(|model| {
        let id = model.id();
        read_model(model, &folder).map(|_| folder.file(&id)).map_err(|error| {
            let hint = "copy the folder with the models' files that belongs to the genesis file, beside it";
            Error::input("genesis_models", format!("{id}: {error}"), hint)
        })
    });
    let files = files.collect::<Result<_>>()?;
    Ok((text, files))
}

fn copy_models(files: &[PathBuf], home: &Home) -> Result<()> {
    let folder = home.genesis_models();
    if !files.is_empty() {
        std::fs::create_dir(&folder).map_err(|error| Error::file(&folder, &error))?;
    }
    for file in files {
        let to = folder.join(file.file_name().unwrap_or_default());
        std::fs::copy(file, &to).map_err(|error| Error::file(&to, &error))?;
    }
    Ok(())
}

/// A new chain's genesis document.
fn genesis(
    chain_id: &str,
    validators: &[(String, Identity)],
    accounts: &[(Address, Amount)],
) -> Result<String> {
    let wrong =
        |error: &dyn std::fmt::Display| Error::input("genesis", error, "correct the flags and try again");
    let accounts = accounts.iter().map(|(address, balance)| GenesisAccount::new(*address, *balance));
    let engine = GenesisEngine::of(engines::LATEST).map_err(|error| wrong(&error))?;
    let params = networks::params("local").map_err(|error| wrong(&error))?;
    let state = GenesisState::new(accounts.collect(), engine, params);
    let validators = validators
        .iter()
        .map(|(name, id)| Validator::new(name.as_str(), id.validator.bytes(), POWER))
        .collect();
    let time = tendermint::Time::now().to_rfc3339();
    let doc = GenesisDoc::new(chain_id, &time, validators, state).map_err(|error| wrong(&error))?;
    doc.to_json().map_err(|error| wrong(&error))
}

fn describe(home: &Home, config: &Config, identity: &Identity) -> Value {
    json!({
        "moniker": config.moniker,
        "home": home.root().display().to_string(),
        "node_id": identity.node.node_id(),
        "validator": identity.validator.address(),
        "p2p": config.comet.p2p,
        "rpc": config.comet.rpc,
        "gateway": config.gateway.listen,
    })
}

fn report(json: bool, value: Value, next: &str) {
    if json {
        return print_json(&value);
    }
    let nodes = value.get("nodes").and_then(Value::as_array).cloned().unwrap_or_else(|| vec![value]);
    for node in &nodes {
        let text = |key: &str| node[key].as_str().unwrap_or_default().to_string();
        print_text(&format!("{}  {}  http://{}\n", text("home"), text("node_id"), text("gateway")));
    }
    eprintln!("next: {next}");
}
