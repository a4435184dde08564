//! CometBFT's `config.toml`, written whole at every start.
//!
//! What the protocol or a measurement fixes is fixed here: the flood mempool, no indexer (the kv one halves
//! the throughput and stalls blocks for seconds), transactions of at most 1 MiB, adaptive sync and libp2p
//! off. What an operator chooses comes from our own settings.

use crate::abci::Listen;
use crate::config::{Comet, Config, StateSync};
use assay_store::snapshot::MAX_CHUNKS;
use assay_types::limits::MAX_TX_BYTES;
use std::path::Path;
use toml::Value;

/// Bytes of a request to the RPC: a transaction in base64, in JSON.
const MAX_RPC_BODY_BYTES: usize = 2 * MAX_TX_BYTES;
/// Bytes of all transactions in the mempool.
pub(crate) const MAX_MEMPOOL_BYTES: usize = 64 * MAX_TX_BYTES;
/// Transactions in the mempool.
pub(crate) const MEMPOOL_SIZE: usize = 5000;
/// Transactions that the mempool remembers, so that it does not take them again.
pub(crate) const CACHE_SIZE: usize = 10_000;

fn text(value: impl ToString) -> String {
    Value::String(value.to_string()).to_string()
}

/// Writes the file's text.
///
/// `data` is the folder for what CometBFT keeps for a while.
pub fn render(config: &Config, proxy_app: &Listen, data: &Path) -> String {
    let head = "# Written by assayd at every start: change config/assayd.toml, not this file.\n";
    let (network, consensus) = (network(&config.comet), consensus(&config.comet));
    [head, &base(config, proxy_app), &network, &consensus, &state_sync(&config.state_sync, data), FIXED]
        .concat()
}

fn base(config: &Config, proxy_app: &Listen) -> String {
    let (moniker, proxy_app) = (text(&config.moniker), text(proxy_app));
    let log_level = text(&config.comet.log_level);
    format!(
        r#"proxy_app = {proxy_app}
moniker = {moniker}
abci = "socket"
db_backend = "goleveldb"
db_dir = "data"
log_level = {log_level}
log_format = "plain"
genesis_file = "config/genesis.json"
priv_validator_key_file = "config/priv_validator_key.json"
priv_validator_state_file = "data/priv_validator_state.json"
priv_validator_laddr = ""
node_key_file = "config/node_key.json"
filter_peers = false
"#
    )
}

fn network(comet: &Comet) -> String {
    let (rpc, p2p) = (text(format!("tcp://{}", comet.rpc)), text(format!("tcp://{}", comet.p2p)));
    let external = text(&comet.external_address);
    let (seeds, peers) = (text(comet.seeds.join(",")), text(comet.persistent_peers.join(",")));
    let (pex, strict, duplicate) = (comet.pex, comet.addr_book_strict, comet.allow_duplicate_ip);
    format!(
        r#"
[rpc]
laddr = {rpc}
cors_allowed_origins = []
grpc_laddr = ""
unsafe = false
max_open_connections = 900
max_body_bytes = {MAX_RPC_BODY_BYTES}
timeout_broadcast_tx_commit = "10s"
pprof_laddr = ""

[p2p]
laddr = {p2p}
external_address = {external}
seeds = {seeds}
persistent_peers = {peers}
persistent_peers_max_dial_period = "10s"
addr_book_file = "config/addrbook.json"
addr_book_strict = {strict}
pex = {pex}
seed_mode = false
allow_duplicate_ip = {duplicate}
max_num_inbound_peers = 40
max_num_outbound_peers = 10
handshake_timeout = "20s"
dial_timeout = "3s"

[p2p.libp2p]
enabled = false
"#
    )
}

fn consensus(comet: &Comet) -> String {
    let commit = text(format!("{}ms", comet.timeout_commit_ms));
    format!(
        r#"
[mempool]
type = "flood"
recheck = true
recheck_timeout = "1s"
broadcast = true
size = {MEMPOOL_SIZE}
max_txs_bytes = {MAX_MEMPOOL_BYTES}
cache_size = {CACHE_SIZE}
keep-invalid-txs-in-cache = false
max_tx_bytes = {MAX_TX_BYTES}

[consensus]
wal_file = "data/cs.wal/wal"
timeout_propose = "3s"
timeout_propose_delta = "500ms"
timeout_prevote = "1s"
timeout_prevote_delta = "500ms"
timeout_precommit = "1s"
timeout_precommit_delta = "500ms"
timeout_commit = {commit}
double_sign_check_height = 0
skip_timeout_commit = false
create_empty_blocks = true
create_empty_blocks_interval = "0s"
"#
    )
}

fn state_sync(sync: &StateSync, data: &Path) -> String {
    let (servers, hash) = (text(sync.rpc_servers.join(",")), text(sync.trust_hash.to_lowercase()));
    let (period, discovery) =
        (text(format!("{}h", sync.trust_period_h)), text(format!("{}s", sync.discovery_s)));
    let (enabled, height, temp) = (sync.enabled, sync.trust_height, text(data.display()));
    format!(
        r#"
[statesync]
enable = {enabled}
rpc_servers = {servers}
trust_height = {height}
trust_hash = {hash}
trust_period = {period}
discovery_time = {discovery}
temp_dir = {temp}
chunk_request_timeout = "10s"
chunk_fetchers = "4"
max_snapshot_chunks = {MAX_CHUNKS}
"#
    )
}

/// What nobody chooses.
const FIXED: &str = r#"
[blocksync]
version = "v0"
adaptive_sync = false

[storage]
discard_abci_responses = false

[tx_index]
indexer = "null"

[instrumentation]
prometheus = false
"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_says_what_the_protocol_fixes() {
        let mut config = Config { moniker: "\"\n[rpc]\nunsafe = true".into(), ..Config::default() };
        config.comet.persistent_peers = vec!["a@127.0.0.1:1".into(), "b@127.0.0.1:2".into()];
        config.state_sync.rpc_servers = vec!["a:1".into(), "http://b:2".into()];
        config.state_sync.trust_hash = "AB".repeat(32);
        let written = render(&config, &Listen::Unix("/x/abci.sock".into()), Path::new("/x"));
        let table: toml::Table = written.parse().unwrap();
        assert_eq!(table["moniker"].as_str(), Some(config.moniker.as_str()));
        assert_eq!(table["proxy_app"].as_str(), Some("unix:///x/abci.sock"));
        assert_eq!(table["tx_index"]["indexer"].as_str(), Some("null"));
        assert_eq!(table["mempool"]["type"].as_str(), Some("flood"));
        assert_eq!(table["mempool"]["max_tx_bytes"].as_integer(), Some(1_048_576));
        assert_eq!(table["rpc"]["unsafe"].as_bool(), Some(false));
        assert_eq!(table["p2p"]["persistent_peers"].as_str(), Some("a@127.0.0.1:1,b@127.0.0.1:2"));
        assert_eq!(table["statesync"]["enable"].as_bool(), Some(false));
        assert_eq!(table["statesync"]["rpc_servers"].as_str(), Some("a:1,http://b:2"));
        assert_eq!(table["statesync"]["trust_hash"].as_str(), Some("ab".repeat(32).as_str()));
        assert_eq!(table["statesync"]["trust_period"].as_str(), Some("168h"));
        assert_eq!(table["consensus"]["timeout_commit"].as_str(), Some("1000ms"));
    }
}
