//! Several nodes that form one chain.

use crate::binaries::Binaries;
use crate::command;
use crate::error::Error;
use crate::node::{Node, Ports, START_LIMIT};
use crate::ports::{PORTS_PER_NODE, PortBlock};
use assay_types::address::Address;
use assay_types::amount::Amount;
use assay_types::hash::AppHash;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// What a network is to be like.
#[derive(Debug, Clone)]
pub struct Options {
    /// How many validators, of equal power.
    pub validators: usize,
    /// The chain's id.
    pub chain_id: String,
    /// The folder for homes and logs; it must not hold a network already.
    pub dir: PathBuf,
    /// The first port; `None` finds free ones.
    pub base_port: Option<u16>,
    /// The programs.
    pub binaries: Binaries,
    /// Accounts that have money from the start.
    pub accounts: Vec<(Address, Amount)>,
    /// Settings of every node, as `section.key=value`.
    pub settings: Vec<String>,
}

impl Options {
    /// Four validators in a folder, nobody with money.
    pub fn new(dir: impl Into<PathBuf>, binaries: Binaries) -> Self {
        Self {
            validators: 4,
            chain_id: "assay-netlab".into(),
            dir: dir.into(),
            base_port: None,
            binaries,
            accounts: Vec::new(),
            settings: Vec::new(),
        }
    }
}

/// A network of nodes; dropping it ends every process of it.
pub struct Network {
    nodes: Vec<Node>,
    chain_id: String,
    dir: PathBuf,
    binaries: Binaries,
    // Held for as long as the nodes use the ports.
    _ports: Option<PortBlock>,
}

impl Network {
    /// Writes the homes with `assayd testnet init`; nothing runs yet.
    ///
    /// # Errors
    /// [`Error::NoPorts`], [`Error::Command`] with what `assayd` said, [`Error::Io`].
    pub fn init(options: Options) -> Result<Self, Error> {
        let Options { validators, chain_id, dir, base_port, binaries, accounts, settings } = options;
        std::fs::create_dir_all(&dir).map_err(Error::io("cannot create", &dir))?;
        let block = match base_port {
            Some(_) => None,
            None => Some(PortBlock::reserve(PORTS_PER_NODE * validators as u16)?),
        };
        let starting = base_port.or_else(|| block.as_ref().map(PortBlock::first)).unwrap_or_default();
        let homes = dir.join("homes");
        let mut command = Command::new(&binaries.assayd);
        command.args(["testnet", "init", "--chain-id", &chain_id]);
        command.args(["--validators", &validators.to_string(), "--starting-port", &starting.to_string()]);
        command.arg("--output").arg(&homes);
        for (address, amount) in &accounts {
            command.arg("--account").arg(format!("{address}={}", amount.0));
        }
        for setting in &settings {
            command.args(["--set", setting]);
        }
        command::run(&mut command, START_LIMIT)?;
        let mut nodes = Vec::new();
        for index in 0..validators {
            let ports = Ports::of(starting, index);
            nodes.push(Node::new(format!("node{index}"), &dir, binaries.assayd.clone(), ports)?);
        }
        Ok(Self { nodes, chain_id, dir, binaries, _ports: block })
    }

    /// Writes the homes, starts every node, and waits for the first block.
    ///
    /// # Errors
    /// As [`Network::init`] and [`Network::start_all`].
    pub fn start(options: Options) -> Result<Self, Error> {
        let mut network = Self::init(options)?;
        network.start_all()?;
        Ok(network)
    }

    /// Starts every node that does not run, and waits until each has one more block than before.
    ///
    /// # Errors
    /// [`Error::NodeDied`] or [`Error::Timeout`], with the end of the log.
    pub fn start_all(&mut self) -> Result<(), Error> {
        for node in &mut self.nodes {
            node.start()?;
        }
        for node in &mut self.nodes {
            node.wait_ready(START_LIMIT)?;
        }
        let height = self.height()? + 1;
        self.wait_height(height, START_LIMIT)
    }

    /// The chain's id.
    pub fn chain_id(&self) -> &str {
        &self.chain_id
    }

    /// The folder of homes and logs.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The programs.
    pub fn binaries(&self) -> &Binaries {
        &self.binaries
    }

    /// The nodes.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The nodes, to start, hurt and stop.
    pub fn nodes_mut(&mut self) -> &mut [Node] {
        &mut self.nodes
    }

    /// The node at an index.
    ///
    /// # Panics
    /// When there are fewer nodes.
    pub fn node(&mut self, index: usize) -> &mut Node {
        &mut self.nodes[index]
    }

    /// The highest height that a running node's state is at.
    ///
    /// # Errors
    /// The last node's error, when none answers.
    pub fn height(&self) -> Result<u64, Error> {
        let mut best = Err(Error::Claim("the network has no nodes".into()));
        for node in &self.nodes {
            match (node.gateway().status(), &best) {
                (Ok(status), Ok(height)) => best = Ok(status.heights.application.max(*height)),
                (Ok(status), Err(_)) => best = Ok(status.heights.application),
                (Err(error), Err(_)) => best = Err(error.into()),
                (Err(_), Ok(_)) => {}
            }
        }
        best
    }

    /// Waits until every running node is at a height or above it.
    ///
    /// # Errors
    /// [`Error::NodeDied`] or [`Error::Timeout`], with the end of the log.
    pub fn wait_height(&mut self, height: u64, limit: Duration) -> Result<(), Error> {
        let end = Instant::now() + limit;
        for node in self.nodes.iter_mut().filter(|node| node.assayd().is_ok()) {
            node.wait_height(height, end.saturating_duration_since(Instant::now()))?;
        }
        Ok(())
    }

    /// Waits until the running nodes' states are at one height at one moment, and compares their roots; the height
    /// and the root.
    ///
    /// # Errors
    /// [`Error::Claim`] when two roots differ, or the nodes do not meet in time.
    pub fn agreed_root(&self, limit: Duration) -> Result<(u64, AppHash), Error> {
        let end = Instant::now() + limit;
        let running: Vec<&Node> = self.nodes.iter().filter(|node| node.assayd().is_ok()).collect();
        loop {
            let mut seen = Vec::new();
            for node in &running {
                let status = node.gateway().status()?;
                seen.push((status.heights.application, status.app_hash));
            }
            if let Some(&first) = seen.first()
                && seen.iter().all(|(height, _)| *height == first.0)
            {
                if seen.iter().all(|pair| *pair == first) {
                    return Ok(first);
                }
                return Err(Error::Claim(format!("different state roots at one height: {seen:?}")));
            }
            if Instant::now() >= end {
                return Err(Error::Claim(format!("the nodes never met at one height: {seen:?}")));
            }
            std::thread::sleep(Duration::from_millis(150));
        }
    }

    /// Stops every running node cleanly.
    ///
    /// # Errors
    /// The first node's error; the others are stopped nevertheless. [`Error::Claim`] when one ended with another
    /// status than zero.
    pub fn stop(&mut self) -> Result<(), Error> {
        // All are asked before any is waited for: the last ones would otherwise wait for a quorum that is gone.
        let asked: Vec<bool> = self.nodes.iter_mut().map(|node| node.ask_to_stop().is_ok()).collect();
        let mut first = Ok(());
        for (node, _) in self.nodes.iter_mut().zip(asked).filter(|(_, asked)| *asked) {
            let stopped = node.finish_stop().and_then(|status| match status.success() {
                true => Ok(()),
                false => Err(Error::Claim(format!("{} stopped with {status}", node.name()))),
            });
            if first.is_ok() {
                first = stopped;
            }
        }
        first
    }
}
