//! `config/assayd.toml` as it is written for a new home: every key with its meaning.

use super::{Abci, Comet, Config, Gateway, Log, LogFormat, Metrics, Snapshots, State, StateSync};
use toml::Value;

const HEAD: &str = "\
# Settings of assayd. A variable ASSAYD_<SECTION>_<KEY> counts more than this file, a flag
# (--set section.key=value) more than both. CometBFT's config.toml is written from here at
# every start: change settings here, not there.
";

fn text(value: impl ToString) -> String {
    Value::String(value.to_string()).to_string()
}

fn list(values: &[String]) -> String {
    Value::Array(values.iter().map(|value| Value::String(value.clone())).collect()).to_string()
}

/// The file as it grows.
struct File(String);

impl File {
    fn section(&mut self, name: &str) {
        self.0.push_str(&format!("\n[{name}]\n"));
    }

    fn key(&mut self, name: &str, value: impl ToString, comment: &str) {
        self.0.push_str(&format!("# {comment}\n{name} = {}\n", value.to_string()));
    }
}

/// Writes settings as a commented file.
pub fn render(config: &Config) -> String {
    let Config { moniker, log, abci, state, comet, snapshots, state_sync, gateway, metrics } = config;
    let mut file = File(HEAD.into());
    file.0.push('\n');
    file.key("moniker", text(moniker), "The node's name for people.");
    node(&mut file, log, abci);
    past(&mut file, state);
    consensus(&mut file, comet);
    states(&mut file, snapshots, state_sync);
    edges(&mut file, gateway, metrics);
    file.0
}

fn node(file: &mut File, log: &Log, abci: &Abci) {
    let format = match log.format {
        LogFormat::Text => "text",
        LogFormat::Json => "json",
    };
    file.section("log");
    let level = "error, warn, info, debug, trace, or by module: info,assayd::abci=debug.";
    file.key("level", text(&log.level), level);
    file.key("format", text(format), "text for people, json for machines.");
    file.section("abci");
    let listen = "unix for a socket in the home, or unix:///path, or tcp://127.0.0.1:26658.";
    file.key("listen", text(&abci.listen), listen);
}

fn past(file: &mut File, state: &State) {
    file.section("state");
    file.key("archive", state.archive, "Keep every height's state, the whole index, every block, for ever.");
    let heights =
        "Otherwise, so many of the last heights: of state, index and CometBFT's blocks; at least 10.";
    file.key("retain_heights", state.retain_heights, heights);
}

fn consensus(file: &mut File, comet: &Comet) {
    file.section("comet");
    let binary = "The cometbft program, v0.38.26; empty: look in the cache and on PATH.";
    file.key("binary", text(&comet.binary), binary);
    let rpc = "Where CometBFT's RPC listens. It has no access control: keep it on loopback.";
    file.key("rpc", text(comet.rpc), rpc);
    let p2p = "Where CometBFT listens for peers; 0.0.0.0:26656 on a public network.";
    file.key("p2p", text(comet.p2p), p2p);
    let external = "The host:port that peers are told; empty: none.";
    file.key("external_address", text(&comet.external_address), external);
    let persistent = "Peers to stay connected with: id@host:port.";
    file.key("persistent_peers", list(&comet.persistent_peers), persistent);
    file.key("seeds", list(&comet.seeds), "Nodes to ask for peers: id@host:port.");
    file.key("pex", comet.pex, "Exchange peers' addresses with other nodes.");
    let strict = "Refuse addresses that are not routable; false for a network on one machine.";
    file.key("addr_book_strict", comet.addr_book_strict, strict);
    let duplicate = "Allow several peers at one IP address; true for a network on one machine.";
    file.key("allow_duplicate_ip", comet.allow_duplicate_ip, duplicate);
    let commit = "Milliseconds from a commit to the next block.";
    file.key("timeout_commit_ms", comet.timeout_commit_ms, commit);
    file.key("log_level", text(&comet.log_level), "CometBFT's own log level, for data/comet.log.");
}

fn states(file: &mut File, snapshots: &Snapshots, sync: &StateSync) {
    file.section("snapshots");
    let interval = "Blocks from one snapshot of the state to the next; 0: none. New nodes start from them.";
    file.key("interval", snapshots.interval, interval);
    file.key("keep", snapshots.keep, "How many are kept, in data/snapshots.");
    file.section("state_sync");
    let enabled = "Get the first state from peers' snapshots; a node that has a block ignores it.";
    file.key("enabled", sync.enabled, enabled);
    let servers = "Two or more CometBFT RPCs for the light client: host:port.";
    file.key("rpc_servers", list(&sync.rpc_servers), servers);
    let trust = "A height and its block's hash, from somebody you trust; `assayd status` prints its own.";
    file.key("trust_height", sync.trust_height, trust);
    file.key("trust_hash", text(&sync.trust_hash), "The hash, 64 hexadecimal digits.");
    file.key("trust_period_h", sync.trust_period_h, "Hours for which that trust lasts.");
    file.key("discovery_s", sync.discovery_s, "Seconds for which peers are asked for snapshots.");
}

fn edges(file: &mut File, gateway: &Gateway, metrics: &Metrics) {
    file.section("gateway");
    file.key("enabled", gateway.enabled, "Serve the REST API under /v1.");
    let listen = "Where. Put a proxy with TLS in front of it before it faces the world.";
    file.key("listen", text(gateway.listen), listen);
    let cors = "Web origins that may call it from a browser, as https://example.org; * for any.";
    file.key("cors_origins", list(&gateway.cors_origins), cors);
    file.key("timeout_s", gateway.timeout_s, "Seconds that an answer may take.");
    file.key("simulations", gateway.simulations, "Dry runs of models at once.");
    file.key("connections", gateway.connections, "Connections at once.");
    file.section("metrics");
    file.key("enabled", metrics.enabled, "Serve Prometheus metrics at /metrics.");
    file.key("listen", text(metrics.listen), "Where.");
}
