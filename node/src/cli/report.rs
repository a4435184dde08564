//! `status`, `selftest`, `version`.

use super::args::{HomeArgs, StatusArgs};
use super::{env, print_json, print_text};
use crate::comet;
use crate::comet::rpc::reachable;
use crate::config;
use crate::error::{Error, Result};
use crate::selftest;
use assay_genesis::{doc, engines};
use assay_types::api::{RefusedProposal, StateSyncInfo, Status};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(15);
/// Bytes of a status.
const MAX_STATUS_BYTES: u64 = 1024 * 1024;

/// The node that is asked: one that a flag names comes before one that the environment names. Of a home, also the
/// address of CometBFT's RPC.
fn gateway(args: &StatusArgs, env: fn(&str) -> Option<String>) -> Result<(String, Option<SocketAddr>)> {
    let named = args.node.clone().or_else(|| if args.home.is_none() { env("ASSAY_NODE") } else { None });
    if let Some(url) = named {
        return Ok((url.trim_end_matches('/').to_owned(), None));
    }
    let home = HomeArgs { home: args.home.clone().or_else(|| env("ASSAYD_HOME").map(PathBuf::from)) };
    let path = home.home().config();
    let file = path.is_file().then_some(path.as_path());
    let config = config::load(file, env, &[])
        .map_err(|error| Error::input("bad_config", error, "correct the setting, or give --node URL"))?;
    Ok((format!("http://{}", reachable(config.gateway.listen)), Some(config.comet.rpc)))
}

pub(super) fn status(args: &StatusArgs, json: bool) -> Result<()> {
    let (base, rpc) = gateway(args, env)?;
    let status = ask(&base).map_err(|error| {
        let hint = "start it with `assayd start`, or name another with --node URL";
        Error::failed("network", format!("no answer from {base}: {error}"), hint)
    })?;
    if json {
        print_json(
            &serde_json::to_value(&status).map_err(|error| Error::internal("json", error, "report this"))?,
        );
        return Ok(());
    }
    let Status { chain_id, moniker, node_id, heights, app_hash, peers, syncing, .. } = &status;
    let comet = match status.comet_version.as_str() {
        "none" => "without CometBFT".to_owned(),
        version => format!("CometBFT {version}"),
    };
    let state = if *syncing { "catching up" } else { "in step" };
    print_text(&format!(
        "chain     {chain_id}\nnode      {moniker} {node_id}\nversion   {} ({comet})\n\
         heights   chain {}, application {}, index {}\napp hash  {app_hash}\npeers     {peers}\n\
         state     {state}\nkernels   {}\n",
        status.version, heights.chain, heights.application, heights.index, status.kernels,
    ));
    if let Some(kept) = status.kept {
        print_text(&format!("kept      heights {} to {}\n", kept.oldest, kept.newest));
    }
    let whole: u64 = status.disk.values().sum();
    print_text(&format!("disk      {}\n", size(whole)));
    for (family, bytes) in &status.disk {
        print_text(&format!("          {family:<10} {}\n", size(*bytes)));
    }
    if !status.refused.is_empty() {
        let counts: Vec<String> =
            status.refused.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
        print_text(&format!("refused   proposals by what was wrong: {}\n", counts.join(", ")));
    }
    if let Some(refused) = &status.last_refused {
        let RefusedProposal { height, proposer, kind, detail } = refused;
        print_text(&format!("          the last one of height {height} by {proposer}: {kind}: {detail}\n"));
    }
    if let Some(sync) = &status.state_sync {
        print_text(&snippet(sync, rpc));
    }
    Ok(())
}

/// Bytes for people.
pub(super) fn size(bytes: u64) -> String {
    let units = [(1u64 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    match units.iter().find(|(unit, _)| bytes >= *unit) {
        Some((unit, name)) => format!("{}.{} {name}", bytes / unit, bytes % unit * 10 / unit),
        None => format!("{bytes} B"),
    }
}

/// What a new node needs in its settings to start from the latest snapshot.
fn snippet(sync: &StateSyncInfo, rpc: Option<SocketAddr>) -> String {
    let StateSyncInfo { snapshot_height, chunks, bytes, trust_height, trust_hash } = sync;
    let rpc = rpc.map_or("HOST:26657".to_string(), |rpc| reachable(rpc).to_string());
    format!(
        "snapshot  of height {snapshot_height}, {chunks} chunks, {bytes} bytes; a new node starts from it with\n\n\
         [state_sync]\nenabled = true\nrpc_servers = [\"{rpc}\", \"ANOTHER:26657\"]\n\
         trust_height = {trust_height}\ntrust_hash = \"{trust_hash}\"\n"
    )
}

/// What a gateway says of its node.
pub(super) fn ask(base: &str) -> Result<Status, ureq::Error> {
    let agent =
        ureq::Agent::new_with_config(ureq::Agent::config_builder().timeout_global(Some(PATIENCE)).build());
    let mut answer = agent.get(format!("{base}/v1/status")).call()?;
    answer.body_mut().with_config().limit(MAX_STATUS_BYTES).read_json()
}

pub(super) fn selftest(json: bool) -> Result<()> {
    let report = selftest::run();
    let failed: Vec<String> = report.failures().collect();
    if json && failed.is_empty() {
        print_json(&report.to_json());
    } else if !json {
        print_text(&report.to_text());
    }
    match failed.first() {
        None => Ok(()),
        Some(first) => {
            let hint = "do not validate on this machine; report its CPU and this output";
            Err(Error::internal("selftest", format!("{} checks failed, first: {first}", failed.len()), hint))
        }
    }
}

pub(super) fn version(long: bool, json: bool) -> Result<()> {
    let version = env!("CARGO_PKG_VERSION");
    if !long {
        if json {
            print_json(&json!({"version": version}))
        } else {
            print_text(&format!("{version}\n"))
        }
        return Ok(());
    }
    let value = long_version()?;
    if json {
        print_json(&value);
        return Ok(());
    }
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let all = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let kernels: Vec<String> = all(&value["kernels"]).iter().map(text).collect();
    print_text(&format!(
        "assayd    {version}\napp       {}\ncometbft  {}\nabci      2.0.0\nkernels   {}\n",
        doc::APP_VERSION,
        comet::VERSION,
        kernels.join(", ")
    ));
    for engine in all(&value["engines"]) {
        print_text(&format!("engine    {} {}\n", engine["number"], text(&engine["compiler"])));
    }
    Ok(())
}

/// What `version --long --json` prints.
pub(super) fn long_version() -> Result<Value> {
    let mut list = Vec::new();
    for artifact in engines::artifacts() {
        let manifest = artifact.manifest();
        let manifest = manifest.map_err(|error| Error::internal("engine", error, "install assayd again"))?;
        list.push(json!({
            "number": manifest.engine,
            "compiler": manifest.compiler_hash,
            "tract": manifest.tract,
            "rustc": manifest.rustc,
        }));
    }
    let kernels: Vec<&str> = assay_exec::Isa::available().iter().map(|isa| isa.name()).collect();
    Ok(json!({
        "version": env!("CARGO_PKG_VERSION"),
        "app_version": doc::APP_VERSION,
        "cometbft": comet::VERSION,
        "abci": "2.0.0",
        "engines": list,
        "kernels": kernels,
        "target": format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_that_a_flag_names_comes_before_one_of_the_environment() {
        let env = |name: &str| (name == "ASSAY_NODE").then(|| "http://10.0.0.1:1317/".to_owned());
        let asked = |node: Option<&str>, home: Option<&str>, env| {
            let args = StatusArgs { node: node.map(str::to_owned), home: home.map(PathBuf::from) };
            gateway(&args, env).unwrap().0
        };
        let default = format!("http://{}", reachable(config::Config::default().gateway.listen));
        assert_eq!(asked(None, None, env), "http://10.0.0.1:1317");
        assert_eq!(asked(None, Some("nowhere"), env), default);
        assert_eq!(asked(Some("http://a:1"), Some("nowhere"), env), "http://a:1");
        assert_eq!(asked(None, None, |name| (name == "ASSAYD_HOME").then(|| "nowhere".to_owned())), default);
    }
}
