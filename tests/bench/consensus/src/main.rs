//! `make bench` part consensus: one validator of our chain under load, beside CometBFT's own key-value store behind
//! the same CometBFT with the same settings, in turns.

#![allow(clippy::disallowed_types, reason = "a measurement has a clock")]

mod accounts;
mod chain;
mod load;
mod peer;
mod raw;
mod report;
mod rpc;

use assay_types::amount::Amount;
use assay_types::message::{Message, Transfer};
use chain::{Chain, Spent, infer};
use clap::{Parser, ValueEnum};
use load::{MOST_WAITING, Taken};
use peer::{Behind, KeyValueStore};
use raw::Raw;
use report::Report;
use std::error::Error;
use std::path::PathBuf;
use std::time::Duration;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// Connections of a load.
const LANES: usize = 4;
/// Transactions of each of our blocks that nobody sent.
pub const CLAIMS: u64 = 1;
/// Accounts that send: each has few transactions waiting at once.
const ACCOUNTS: usize = 1000;
/// Transactions made for each second of a load: more than any chain here takes.
const PER_SECOND: usize = 8000;

#[derive(Parser)]
#[command(about = "Measures the chain under load beside CometBFT's own key-value store")]
struct Options {
    /// The folder of cometbft and abci-cli.
    #[arg(long)]
    programs: PathBuf,
    /// The folder of the models job_0.onnx, job_1.onnx, job_2.onnx and job_88.onnx.
    #[arg(long)]
    models: PathBuf,
    /// Where the table and the numbers go.
    #[arg(long)]
    out: PathBuf,
    /// Seconds of a load.
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    /// How often each load takes its turn.
    #[arg(long, default_value_t = 2)]
    rounds: usize,
    /// CometBFT's pause after a block, for all chains.
    #[arg(long, default_value_t = 1000)]
    timeout_commit_ms: u64,
    /// Only these measurements instead of all; for finding out, for a bar may need what another one measures.
    #[arg(long, value_enum)]
    only: Vec<Part>,
    /// A free run of ports; four are used from here.
    #[arg(long, default_value_t = 41500)]
    port: u16,
}

/// A measurement.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    Transfers,
    Inferences,
    Repeats,
    Latency,
    Growth,
}

const PARTS: [Part; 5] = [Part::Transfers, Part::Inferences, Part::Repeats, Part::Latency, Part::Growth];

struct Bench {
    options: Options,
    folder: tempfile::TempDir,
    chain: Chain,
    report: Report,
}

fn main() -> Result<()> {
    let options = Options::parse();
    let folder = tempfile::tempdir()?;
    eprintln!("bench: starting a chain of one validator");
    let chain = Chain::start(&folder.path().join("ours"), ACCOUNTS, options.port, options.timeout_commit_ms)?;
    std::fs::create_dir_all(&options.out)?;
    let mut bench = Bench { options, folder, chain, report: Report::default() };
    for part in PARTS {
        bench.measure(part)?;
    }
    bench.report.write(&bench.options.out.join("consensus"))?;
    Ok(())
}

impl Bench {
    fn wanted(&self, part: Part) -> bool {
        self.options.only.is_empty() || self.options.only.contains(&part)
    }

    fn measure(&mut self, part: Part) -> Result<()> {
        match part {
            part if !self.wanted(part) => Ok(()),
            Part::Transfers => self.transfers(),
            Part::Inferences => self.inferences(),
            Part::Repeats => self.repeats(),
            Part::Latency => self.latency(),
            Part::Growth => self.growth(),
        }
    }

    fn model(&self, name: &str) -> PathBuf {
        self.options.models.join(name)
    }

    fn transfer_lanes(&mut self) -> Result<Vec<Vec<Vec<u8>>>> {
        let each = PER_SECOND * self.options.seconds as usize / LANES;
        self.chain.accounts.lanes(LANES, each, |accounts, from, _| {
            let to = accounts.address((from + 1) % accounts.count());
            Message::Transfer(Transfer { to, amount: Amount(1) })
        })
    }

    /// Transactions a second that our chain takes of a load, and what each call of consensus took meanwhile.
    fn ours(&mut self, what: &str, lanes: &[Vec<Vec<u8>>], most: i64) -> Result<f64> {
        let before = self.chain.calls()?;
        let taken = load::rate(self.chain.node().ports().rpc, lanes, self.options.seconds, CLAIMS, most)?;
        self.blocks(what, &taken);
        for (call, spent) in self.chain.calls()? {
            let since = before.get(&call).copied().unwrap_or_default();
            let (seconds, count) = (spent.seconds - since.seconds, spent.count - since.count);
            if count > 0.0 {
                self.report.number(&format!("{what}: {call}, mean ms"), seconds / count * 1e3);
            }
        }
        Ok(taken.rate)
    }

    /// Notes of which blocks a rate is made.
    fn blocks(&mut self, what: &str, taken: &Taken) {
        self.report.number(&format!("{what}: transactions of a block"), taken.block);
        self.report.number(&format!("{what}: seconds between blocks"), taken.apart);
    }

    /// Transfers a second, and what the key-value store takes of the same size.
    fn transfers(&mut self) -> Result<()> {
        let (mut ours, mut socket, mut builtin) = (vec![], vec![], vec![]);
        for round in 0..self.options.rounds {
            eprintln!("bench: transfers, round {}", round + 1);
            let lanes = self.transfer_lanes()?;
            let bytes = lanes[0][0].len();
            ours.push(self.ours("transfers", &lanes, MOST_WAITING)?);
            self.chain.settle()?;
            for (behind, rates) in [(Behind::Socket, &mut socket), (Behind::Builtin, &mut builtin)] {
                let folder = self.folder.path().join(format!("{behind:?}{round}"));
                std::fs::create_dir_all(&folder)?;
                let port = self.options.port + 2;
                let programs = &self.options.programs;
                let store = KeyValueStore::start(programs, self.chain.node(), &folder, port, behind)?;
                let each = PER_SECOND * self.options.seconds as usize / LANES;
                let lanes = peer::lanes(LANES, each, bytes, round);
                let taken = load::rate(store.port(), &lanes, self.options.seconds, 0, MOST_WAITING)?;
                self.blocks(&format!("kvstore {behind:?}").to_lowercase(), &taken);
                rates.push(taken.rate);
            }
            self.report.number("transfer_bytes", bytes as f64);
        }
        let (ours, socket) = (self.report.median("transfers", &ours), self.report.median("kvstore", &socket));
        self.report.median("kvstore_builtin", &builtin);
        self.report.bar("transfers / Go kvstore by socket", ours / socket, 1.0, true);
        Ok(())
    }

    /// Inferences of distinct inputs a second, and what the engine does by itself; how quick checks are meanwhile.
    fn inferences(&mut self) -> Result<()> {
        for (name, what) in [("job_2.onnx", "1 ms"), ("job_88.onnx", "50 ms")] {
            eprintln!("bench: inferences of {what}");
            let file = self.model(name);
            let raw = Raw::new(self.folder.path(), &file)?;
            let model = self.chain.publish(&file)?;
            let alone = raw.rate(Duration::from_secs(5))?;
            let each = (alone * 2.0) as usize * self.options.seconds as usize / LANES + 1000;
            let lanes = self.chain.accounts.lanes(LANES, each, |_, _, number| infer(model, number))?;
            // What three seconds can do: more would only wait.
            let most = ((alone * 3.0) as i64).clamp(40, MOST_WAITING);
            let rate = self.ours(&format!("inferences of {what}"), &lanes, most)?;
            // The window of quantiles still holds the load.
            let metrics = self.chain.metrics()?;
            self.chain.settle()?;
            self.report.number(&format!("inferences of {what}, engine alone"), alone);
            self.report.number(&format!("inferences of {what}, committed"), rate);
            self.report.bar(&format!("inferences of {what} / engine alone"), rate / alone, 0.7, true);
            let check = r#"assay_abci_call_seconds{method="check_tx",quantile="0.99"}"#;
            let p99 = metrics.get(check).ok_or("the node has no measure of CheckTx")?;
            self.report.bar(&format!("CheckTx p99 under {what} inferences, ms"), p99 * 1e3, 1.0, false);
        }
        Ok(())
    }

    /// Inferences of one known input a second.
    fn repeats(&mut self) -> Result<()> {
        eprintln!("bench: repeats of a known input");
        let model = self.chain.publish(&self.model("job_1.onnx"))?;
        let each = PER_SECOND * self.options.seconds as usize / LANES;
        let lanes = self.chain.accounts.lanes(LANES, each, |_, _, _| infer(model, 0))?;
        let rate = self.ours("repeats", &lanes, MOST_WAITING)?;
        self.chain.settle()?;
        self.report.number("repeats", rate);
        if self.wanted(Part::Transfers) {
            let transfers = self.report.get("transfers")?;
            self.report.bar("repeats of a known input / transfers", rate / transfers, 0.5, true);
        }
        Ok(())
    }

    /// Seconds from submission to block when nothing else happens.
    fn latency(&mut self) -> Result<()> {
        eprintln!("bench: latency at low load");
        let model = self.chain.publish(&self.model("job_88.onnx"))?;
        let (mut transfers, mut inferences) = (vec![], vec![]);
        for number in 0..15 {
            let to = self.chain.accounts.address(2);
            let tx = self.chain.accounts.sign(1, Message::Transfer(Transfer { to, amount: Amount(1) }))?;
            transfers.push(self.chain.commit(&tx)?);
            let tx = self.chain.accounts.sign(3, infer(model, 1_000_000 + number))?;
            inferences.push(self.chain.commit(&tx)?);
        }
        let transfer = self.report.median("transfer to block, s", &transfers);
        let inference = self.report.median("inference of 50 ms to block, s", &inferences);
        self.report.bar("time to block of 50 ms / of a transfer", inference / transfer, 1.3, false);
        Ok(())
    }

    /// What FinalizeBlock takes for a block of one inference, of a model that costs a thousand times another.
    fn growth(&mut self) -> Result<()> {
        eprintln!("bench: FinalizeBlock while the model grows");
        let small = self.chain.publish(&self.model("job_0.onnx"))?;
        let large = self.chain.publish(&self.model("job_2.onnx"))?;
        let mut took = vec![];
        for (model, base) in [(small, 0), (large, 2_000_000)] {
            let before = self.finalized()?;
            for number in 0..10 {
                let tx = self.chain.accounts.sign(5, infer(model, base + number))?;
                self.chain.commit(&tx)?;
            }
            let after = self.finalized()?;
            took.push((after.seconds - before.seconds) / (after.count - before.count));
        }
        let times = [
            Raw::new(self.folder.path(), &self.model("job_0.onnx"))?.seconds()?,
            Raw::new(self.folder.path(), &self.model("job_2.onnx"))?.seconds()?,
        ];
        self.report.number("cost of the larger model / the smaller", times[1] / times[0]);
        self.report.number("FinalizeBlock of the smaller, ms", took[0] * 1e3);
        self.report.number("FinalizeBlock of the larger, ms", took[1] * 1e3);
        self.report.bar("FinalizeBlock of the larger / the smaller", took[1] / took[0], 2.0, false);
        Ok(())
    }

    /// What all calls of FinalizeBlock took so far.
    fn finalized(&self) -> Result<Spent> {
        Ok(*self.chain.calls()?.get("finalize").ok_or("the node has no measure of FinalizeBlock")?)
    }
}
