//! The node's settings: flags over the environment (`ASSAYD_<SECTION>_<KEY>`) over `config/assayd.toml` over
//! the defaults.
//!
//! This module decides what can be set and what a value may be. A key that it does not know is an error that
//! names the nearest one, for a typing mistake in a setting must not be a silent default.

mod layers;
mod template;
#[cfg(test)]
mod tests;

pub use layers::{ConfigError, load, over, unknown_variables};
pub use template::render;

use serde::{Deserialize, Serialize};
use std::net::{Ipv4Addr, SocketAddr};

/// Every setting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The node's name for people.
    pub moniker: String,
    /// What is logged.
    pub log: Log,
    /// How CometBFT reaches the application.
    pub abci: Abci,
    /// The state.
    pub state: State,
    /// CometBFT.
    pub comet: Comet,
    /// The state's snapshots.
    pub snapshots: Snapshots,
    /// How a new node gets its first state.
    pub state_sync: StateSync,
    /// The REST gateway.
    pub gateway: Gateway,
    /// The metrics.
    pub metrics: Metrics,
}

/// What is logged, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    /// `error`, `warn`, `info`, `debug`, `trace`, or directives as `info,assayd::abci=debug`.
    pub level: String,
    /// `text` or `json`.
    pub format: LogFormat,
}

/// The form of a line of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines.
    Json,
}

/// How CometBFT reaches the application.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Abci {
    /// `unix` for the home's socket, or `unix:///path`, or `tcp://host:port`.
    pub listen: String,
}

/// How much of the past is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    /// Whether everything is kept: every height's state, the whole index, every block.
    pub archive: bool,
    /// Heights that are kept otherwise, the last one included.
    pub retain_heights: u64,
}

impl State {
    /// Heights that are kept; `None` for all.
    pub fn kept(&self) -> Option<u64> {
        (!self.archive).then_some(self.retain_heights)
    }
}

/// CometBFT's settings that an operator changes; the rest follows from the protocol.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Comet {
    /// The program; empty to look for it.
    pub binary: String,
    /// Where its RPC listens.
    pub rpc: SocketAddr,
    /// Where it listens for peers.
    pub p2p: SocketAddr,
    /// The address that peers are told, `host:port`; empty to tell none.
    pub external_address: String,
    /// Peers to stay connected with: `id@host:port`.
    pub persistent_peers: Vec<String>,
    /// Nodes to ask for peers: `id@host:port`.
    pub seeds: Vec<String>,
    /// Whether to exchange peers' addresses.
    pub pex: bool,
    /// Whether to refuse addresses that are not routable; false for a network on one machine.
    pub addr_book_strict: bool,
    /// Whether several peers may have one IP address; true for a network on one machine.
    pub allow_duplicate_ip: bool,
    /// Milliseconds from a commit to the next proposal.
    pub timeout_commit_ms: u64,
    /// CometBFT's own log level.
    pub log_level: String,
}

/// The state's snapshots, which new nodes can start from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Snapshots {
    /// Blocks from one to the next; 0 makes none.
    pub interval: u64,
    /// How many are kept.
    pub keep: u32,
}

/// How a new node gets its first state: from a snapshot of its peers instead of all blocks. A node that has a block
/// ignores it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StateSync {
    /// Whether it does.
    pub enabled: bool,
    /// At least two CometBFT RPCs, `host:port` or a URL, that its light client asks.
    pub rpc_servers: Vec<String>,
    /// A height whose block it trusts.
    pub trust_height: u64,
    /// The hash of that block, 64 hexadecimal digits.
    pub trust_hash: String,
    /// Hours for which the trust lasts: less than validators can be held to account for.
    pub trust_period_h: u64,
    /// Seconds for which peers are asked for snapshots.
    pub discovery_s: u64,
}

/// The REST gateway.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gateway {
    /// Whether it runs.
    pub enabled: bool,
    /// Where it listens.
    pub listen: SocketAddr,
    /// Web origins that may call it from a browser; `*` for any.
    pub cors_origins: Vec<String>,
    /// Seconds that an answer may take.
    pub timeout_s: u64,
    /// Dry runs of models at once.
    pub simulations: u32,
    /// Connections at once.
    pub connections: u32,
}

/// The metrics.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metrics {
    /// Whether they are served.
    pub enabled: bool,
    /// Where, at `/metrics`.
    pub listen: SocketAddr,
}

impl StateSync {
    /// What the types cannot say.
    fn check(&self) -> Result<(), String> {
        let bad = |server: &&String| {
            let odd = |c: char| c.is_control() || c.is_whitespace() || matches!(c, ',' | '"');
            !server.contains(':') || server.contains(odd)
        };
        if let Some(server) = self.rpc_servers.iter().find(bad) {
            return Err(format!("state_sync.rpc_servers: {server:?} is none; write it as host:port"));
        }
        if !(1..=87_600).contains(&self.trust_period_h) {
            return Err("state_sync.trust_period_h: use 1 to 87600".into());
        }
        if !(5..=3600).contains(&self.discovery_s) {
            return Err("state_sync.discovery_s: use 5 to 3600".into());
        }
        Ok(())
    }

    /// What the settings must have together, once all of them are there.
    fn complete(&self) -> Result<(), String> {
        if !self.enabled {
            return Ok(());
        }
        if self.rpc_servers.len() < 2 {
            return Err("state_sync.rpc_servers: name at least two, which check each other".into());
        }
        let hash = self.trust_hash.len() == 64 && self.trust_hash.chars().all(|c| c.is_ascii_hexdigit());
        if self.trust_height == 0 || !hash {
            return Err(
                "state_sync: give trust_height and trust_hash, the 64 digits of that block's hash".into()
            );
        }
        Ok(())
    }
}

fn loopback(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

impl Default for Config {
    fn default() -> Self {
        Self {
            moniker: "node".into(),
            log: Log { level: "info".into(), format: LogFormat::Text },
            abci: Abci { listen: "unix".into() },
            state: State { archive: false, retain_heights: 100_000 },
            comet: Comet {
                binary: String::new(),
                rpc: loopback(26657),
                p2p: loopback(26656),
                external_address: String::new(),
                persistent_peers: Vec::new(),
                seeds: Vec::new(),
                pex: true,
                addr_book_strict: true,
                allow_duplicate_ip: false,
                timeout_commit_ms: 1000,
                log_level: "info".into(),
            },
            snapshots: Snapshots { interval: 1000, keep: 2 },
            state_sync: StateSync {
                enabled: false,
                rpc_servers: Vec::new(),
                trust_height: 0,
                trust_hash: String::new(),
                trust_period_h: 168,
                discovery_s: 15,
            },
            gateway: Gateway {
                enabled: true,
                listen: loopback(1317),
                cors_origins: Vec::new(),
                timeout_s: 30,
                simulations: 2,
                connections: 256,
            },
            metrics: Metrics { enabled: false, listen: loopback(9090) },
        }
    }
}
