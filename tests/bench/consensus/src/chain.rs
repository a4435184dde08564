//! Our chain: one validator, with accounts and models.

use crate::Result;
use crate::accounts::Accounts;
use assay::client::Client;
use assay::publish::{Job, Watch};
use assay::wallet::Wallet;
use assay_netlab::network::Options;
use assay_netlab::{Network, Node, binaries::Binaries};
use assay_types::amount::Amount;
use assay_types::hash::{ModelId, TxHash};
use assay_types::message::{Infer, Message};
use assay_types::model::Manifest;
use assay_types::tensor::{DType, NamedTensor, Tensor};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

/// Fuel that the models of the bench compile with.
const FUEL: u64 = 4_000_000_000;
/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(120);
const CHAIN_ID: &str = "assay-bench";
/// Elements of the input of a model of the bench.
pub const ELEMENTS: usize = 64;

/// A network of one.
pub struct Chain {
    network: Network,
    metrics: u16,
    /// Who sends.
    pub accounts: Accounts,
}

impl Chain {
    /// Starts it in a folder, its metrics at a port.
    pub fn start(folder: &Path, accounts: usize, metrics: u16, commit_ms: u64) -> Result<Self> {
        let accounts = Accounts::new(accounts, CHAIN_ID)?;
        let options = Options {
            validators: 1,
            chain_id: CHAIN_ID.into(),
            accounts: accounts.money(),
            ..Options::new(folder, Binaries::find()?)
        };
        let mut network = Network::init(options)?;
        widen(&network.node(0).genesis())?;
        let listen = format!("metrics.listen=127.0.0.1:{metrics}");
        let commit = format!("comet.timeout_commit_ms={commit_ms}");
        let flags = ["--set", "metrics.enabled=true", "--set", &listen, "--set", &commit];
        network.node(0).set_flags(&flags);
        network.start_all()?;
        Ok(Self { network, metrics, accounts })
    }

    /// The node.
    pub fn node(&self) -> &Node {
        &self.network.nodes()[0]
    }

    /// The node's gateway.
    pub fn client(&self) -> &Client {
        self.node().gateway()
    }

    /// Submits a transaction and waits for its block; seconds from one to the other.
    pub fn commit(&self, tx: &[u8]) -> Result<f64> {
        let start = Instant::now();
        let hash: TxHash = self.client().submit(tx)?;
        let info = loop {
            if let Some(info) = self.client().tx(&hash)? {
                break info;
            }
            if start.elapsed() > PATIENCE {
                return Err("a transaction was not committed in two minutes".into());
            }
            std::thread::sleep(Duration::from_millis(2));
        };
        let took = start.elapsed().as_secs_f64();
        if info.code != 0 { Err(format!("a transaction failed: {}", info.name).into()) } else { Ok(took) }
    }

    /// Publishes a model that the first account pays for, if it is not there yet.
    pub fn publish(&mut self, file: &Path) -> Result<ModelId> {
        let file = std::fs::read(file)?;
        let client = self.network.nodes()[0].gateway();
        let wallet = Wallet::new(client, assay::wallet::Chain::read(client)?, self.accounts.secret(0))?;
        let job = Job {
            wallet: &wallet,
            file: &file,
            manifest: Manifest::of(&file, vec![]),
            name: "job".into(),
            version: "1".into(),
            description: String::new(),
            fuel: FUEL,
            tip: Amount::ZERO,
        };
        job.run(&mut Quiet)?;
        self.accounts.set_nonce(0, wallet.next_nonce()?);
        Ok(job.id())
    }

    /// Takes the nonces of all accounts from the chain, once nothing waits any more.
    pub fn settle(&mut self) -> Result<()> {
        self.idle()?;
        let client = self.network.nodes()[0].gateway();
        self.accounts.settle(|address| Ok(client.account(address)?.nonce))
    }

    /// Waits until three blocks in a row hold nobody's transactions.
    fn idle(&self) -> Result<()> {
        let rpc = crate::rpc::Rpc::at(self.node().ports().rpc);
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            let height = rpc.height()?;
            if height > 3 && rpc.loads(height - 2, height)?.iter().all(|load| load.txs == crate::CLAIMS) {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(300));
        }
        Err("the mempool did not empty in two minutes".into())
    }

    /// What the calls of consensus took so far, by method.
    pub fn calls(&self) -> Result<BTreeMap<String, Spent>> {
        let mut calls: BTreeMap<String, Spent> = BTreeMap::new();
        for (name, value) in self.metrics()? {
            let Some(rest) = name.strip_prefix("assay_abci_call_seconds_") else { continue };
            let Some((what, method)) = rest.split_once(r#"{method=""#) else { continue };
            let spent = calls.entry(method.trim_end_matches(r#""}"#).to_owned()).or_default();
            match what {
                "sum" => spent.seconds = value,
                "count" => spent.count = value,
                _ => {}
            }
        }
        Ok(calls)
    }

    /// Every number that the node's metrics have, by name and labels.
    pub fn metrics(&self) -> Result<BTreeMap<String, f64>> {
        let url = format!("http://127.0.0.1:{}/metrics", self.metrics);
        let text = ureq::get(&url).call()?.body_mut().read_to_string()?;
        let line = |line: &str| {
            let (name, value) = line.rsplit_once(' ')?;
            Some((name.to_owned(), value.parse().ok()?))
        };
        Ok(text.lines().filter(|line| !line.starts_with('#')).filter_map(line).collect())
    }
}

/// What all calls of a method took so far.
#[derive(Debug, Clone, Copy, Default)]
pub struct Spent {
    pub seconds: f64,
    pub count: f64,
}

/// Says nothing while a model is published.
struct Quiet;

impl Watch for Quiet {
    fn chunks(&mut self, _: u32) {}

    fn say(&mut self, _: &str) {}

    fn stopped(&self) -> bool {
        false
    }
}

/// Gives blocks room for whatever the machine can do: the budget of a network is chosen for its slowest validator.
fn widen(genesis: &Path) -> Result<()> {
    let mut document: serde_json::Value = serde_json::from_slice(&std::fs::read(genesis)?)?;
    let params = &mut document["app_state"]["params"];
    params["max_block_units"] = 4_000_000_000u64.into();
    params["max_block_inferences"] = 7_000.into();
    std::fs::write(genesis, serde_json::to_vec_pretty(&document)?)?;
    Ok(())
}

/// The input of a job: a row that is another for every number.
pub fn input(number: usize) -> NamedTensor {
    let element = |at: usize| ((number * ELEMENTS + at) as f32 * 0.618).sin();
    let data = (0..ELEMENTS).flat_map(|at| element(at).to_le_bytes()).collect();
    let tensor = Tensor::new(DType::F32, vec![1, ELEMENTS as u32], data);
    NamedTensor {
        name: "x".into(),
        tensor: tensor.unwrap_or_else(|error| panic!("a row is a tensor: {error}")),
    }
}

/// An inference of a job.
pub fn infer(model: ModelId, number: usize) -> Message {
    Message::Infer(Infer { model, inputs: vec![input(number)], expect_output_hash: None })
}
