//! A real chain's blocks, executed again from the genesis on, against the time that they took.

use crate::Result;
use assay_bench_report::Report;
use assay_netlab::{Binaries, Network, Options};
use assay_types::address::Address;
use assay_types::amount::Amount;
use assay_types::key::{PublicKey, SecretKey};
use assay_types::message::{Message, Transfer};
use assay_types::tx::Tx;
use std::time::{Duration, Instant};

/// Accounts that send, and transactions of each in a second.
const SENDERS: u8 = 50;
const RATE: u64 = 2;
const LIMIT: Duration = Duration::from_secs(120);

struct Account {
    secret: SecretKey,
    key: PublicKey,
    nonce: u64,
}

impl Account {
    fn new(seed: u8) -> Result<Self> {
        let secret = SecretKey::Ed25519([seed; 32]);
        let key = secret.public_key().map_err(|error| error.to_string())?;
        Ok(Self { secret, key, nonce: 0 })
    }

    fn pay(&mut self, chain_id: &str) -> Result<Vec<u8>> {
        let transfer = Transfer { to: Address([9; 32]), amount: Amount(1) };
        let tx = Tx {
            chain_id: chain_id.into(),
            key: self.key,
            nonce: self.nonce,
            valid_until_height: 100_000,
            max_fee: Amount(1_000_000),
            tip: Amount::ZERO,
            messages: vec![Message::Transfer(transfer)],
        };
        self.nonce += 1;
        Ok(tx.sign(&self.secret).map_err(|error| error.to_string())?.encode())
    }
}

/// Runs one validator under a load, takes its state away, and starts it again.
pub fn measure(seconds: u64, report: &mut Report) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut accounts = (1..=SENDERS).map(Account::new).collect::<Result<Vec<_>>>()?;
    let mut options = Options::new(folder.path(), Binaries::find()?);
    options.validators = 1;
    options.accounts =
        accounts.iter().map(|account| (account.key.address(), Amount(1_000_000_000_000))).collect();
    let mut network = Network::start(options)?;
    let client = network.node(0).gateway().clone();
    let chain_id = network.chain_id().to_owned();

    let (first, start) = (network.height()?, Instant::now());
    let mut next = start;
    while start.elapsed() < Duration::from_secs(seconds) {
        for account in &mut accounts {
            client.submit(&account.pay(&chain_id)?)?;
        }
        next += Duration::from_millis(1000 / RATE);
        std::thread::sleep(next.saturating_duration_since(Instant::now()));
    }
    let (last, took) = (network.height()?, start.elapsed().as_secs_f64());
    network.stop()?;

    let node = network.node(0);
    std::fs::remove_dir_all(node.home().join("data/app.db"))?;
    let start = Instant::now();
    node.start()?;
    node.wait_ready(LIMIT)?;
    node.wait_height(last, LIMIT)?;
    let replay = start.elapsed().as_secs_f64();
    let sent: u64 = accounts.iter().map(|account| account.nonce).sum();
    let case = "replay of a chain by CometBFT into an empty application";
    report.number(case, "blocks", last as f64);
    report.number(case, "transfers", sent as f64);
    report.number(case, "seconds of the blocks", took * last as f64 / (last - first) as f64);
    report.number(case, "seconds of the replay, the start of the node included", replay);
    let real = took * last as f64 / (last - first) as f64;
    report.at_least(case, "times real time", real / replay, 20.0);
    network.stop()?;
    Ok(())
}
