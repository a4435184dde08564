//! The steps: each does one thing, checks it, and says what it saw.

use super::{Demo, samples, tamper as bits};
use crate::error::Error;
use crate::network::{Network, Options};
use crate::wallet::{self, Wallet, text};
use assay_types::address::Address;
use assay_types::amount::Amount;
use assay_types::api::TxInfo;
use assay_types::hash::TxHash;
use assay_types::limits::MAX_OUTPUT_BYTES;
use assay_types::receipt::Outcome;
use assay_types::tensor::decode_list;
use base64::Engine;
use serde_json::Value;
use std::ffi::OsStr;
use std::path::Path;
use std::time::Duration;

const KEY: &str = "demo";
const FUNDS: Amount = Amount(1_000_000_000_000);
/// What a node of the demo may use at most, in bytes.
const MEMORY_BAR: u64 = 1 << 30;
const MEET_LIMIT: Duration = Duration::from_secs(30);
const PROOF_LIMIT: Duration = Duration::from_secs(30);

fn ensure(holds: bool, what: impl FnOnce() -> String) -> Result<(), Error> {
    if holds { Ok(()) } else { Err(Error::Claim(what())) }
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    std::fs::write(path, bytes).map_err(Error::io("cannot write", path))
}

pub fn create_key(demo: &mut Demo) -> Result<Vec<String>, Error> {
    let answer = demo.wallet.run(["keys", "add", KEY])?;
    demo.wallet = demo.wallet.signing_as(KEY);
    Ok(vec![text(&answer, "address")?.to_owned()])
}

pub fn start_network(demo: &mut Demo) -> Result<Vec<String>, Error> {
    let shown = demo.wallet.run(["keys", "show", KEY])?;
    let address: Address = text(&shown, "address")?
        .parse()
        .map_err(|error| Error::Answer { what: format!("{error}"), answer: shown.to_string() })?;
    let mut options = Options::new(demo.folder.join("network"), demo.binaries.clone());
    options.chain_id = "assay-demo".into();
    options.accounts = vec![(address, FUNDS)];
    let network = demo.network.insert(Network::start(options)?);
    let mut lines = Vec::new();
    for node in network.nodes() {
        let status = node.gateway().status()?;
        let (height, comet) = (status.heights.application, status.comet_version);
        lines.push(format!("{}  {}  CometBFT {comet}, height {height}", node.name(), node.gateway().url()));
    }
    let first = network.node(0);
    ensure(first.gateway().account(&address)?.balance == FUNDS, || "the key is not funded".into())?;
    demo.wallet = demo.wallet.at(first.gateway().url());
    Ok(lines)
}

pub fn publish(demo: &mut Demo) -> Result<Vec<String>, Error> {
    let file = demo.model_file();
    write(&file, samples::MODEL)?;
    let answer = demo.wallet.run([
        OsStr::new("model"),
        OsStr::new("publish"),
        file.as_os_str(),
        OsStr::new("--name"),
        OsStr::new("digits"),
        OsStr::new("--version"),
        OsStr::new("1"),
    ])?;
    demo.model = text(&answer, "model_id")?.to_owned();
    // What another node than the one that was asked says of it.
    let model = demo.model.clone();
    let id = model.parse().map_err(|error| Error::Claim(format!("{model}: {error}")))?;
    let other = demo.network()?.node(1).gateway().model(&id)?;
    let other = other.ok_or_else(|| Error::Claim("another node does not know the model".into()))?;
    let compiled = other.record.runnable().map_err(|error| Error::Claim(error.to_string()))?;
    Ok(vec![
        format!(
            "{} bytes, trained on scikit-learn's digits by tools/models/train_digits.py",
            samples::MODEL.len()
        ),
        format!("model {model}"),
        format!("plan  {} ({} units an inference)", compiled.plan, compiled.units),
    ])
}

pub fn infer(demo: &mut Demo) -> Result<Vec<String>, Error> {
    let mut lines = Vec::new();
    for (digit, scan) in samples::SCANS.into_iter().enumerate() {
        demo.go_on()?;
        let path = demo.folder.join(format!("scan-{digit}.npz"));
        write(&path, scan)?;
        let arguments =
            [OsStr::new("infer"), OsStr::new(&demo.model), OsStr::new("--inputs"), path.as_os_str()];
        let answer = demo.wallet.run(arguments)?;
        let hash = text(&answer, "tx_hash")?.to_owned();
        let tx: TxHash = hash
            .parse()
            .map_err(|error| Error::Answer { what: format!("{error}"), answer: answer.to_string() })?;
        // Each of the four nodes answers for some.
        let network = demo.network()?;
        let count = network.nodes().len();
        let info = network.node(digit % count).gateway().wait(&tx, MEET_LIMIT)?;
        let (read, probability) = reading(&info)?;
        lines.push(format!(
            "wrote {digit}, read {read} ({:5.1} %)  block {}  {} units  {} uasy  tx {}",
            probability * 100.0,
            info.height,
            info.units,
            info.fee,
            &hash[..16.min(hash.len())]
        ));
        ensure(read == digit, || format!("the scan of {digit} was read as {read}"))?;
        demo.inferences.push(hash);
    }
    Ok(lines)
}

/// The digit that the first inference of a transaction gave, and its probability.
fn reading(info: &TxInfo) -> Result<(usize, f32), Error> {
    let bad = |what: &str| Error::Answer { what: what.into(), answer: format!("{info:?}") };
    ensure(info.code == 0, || format!("the transaction was rejected: {}", info.message))?;
    let message = info.messages.first().ok_or_else(|| bad("no message"))?;
    let receipt = message.receipt.as_ref().ok_or_else(|| bad("no receipt"))?;
    let bytes =
        message.output.as_ref().and_then(|text| base64::engine::general_purpose::STANDARD.decode(text).ok());
    let bytes = bytes.ok_or_else(|| bad("no output"))?;
    let tensors = decode_list(&bytes, MAX_OUTPUT_BYTES).map_err(|error| bad(&error.to_string()))?;
    let hash = assay_types::tensor::output_hash(&tensors);
    ensure(receipt.outcome == Outcome::Output(hash), || "the output is not the receipt's".into())?;
    let values = tensors.first().and_then(|named| named.tensor.to_f32()).ok_or_else(|| bad("no f32"))?;
    let best = values.iter().copied().enumerate().max_by(|a, b| a.1.total_cmp(&b.1));
    best.filter(|_| values.len() == 10).ok_or_else(|| bad("not ten probabilities"))
}

pub fn compare(demo: &mut Demo) -> Result<Vec<String>, Error> {
    let inferences = demo.inferences.clone();
    let network = demo.network()?;
    let (height, root) = network.agreed_root(MEET_LIMIT)?;
    for tx in &inferences {
        let hash = tx.parse().map_err(|error| Error::Claim(format!("{tx}: {error}")))?;
        let mut answers = Vec::new();
        for node in network.nodes() {
            answers.push(node.gateway().wait(&hash, MEET_LIMIT)?);
        }
        ensure(answers.windows(2).all(|pair| pair[0] == pair[1]), || format!("the nodes differ on {tx}"))?;
    }
    Ok(vec![
        format!("one state root at height {height}: {root}"),
        format!("{} equal receipts and outputs on each", inferences.len()),
    ])
}

pub fn measure(demo: &mut Demo) -> Result<Vec<String>, Error> {
    let mut lines = Vec::new();
    for node in demo.network()?.nodes_mut() {
        let (assayd, comet) = node.peak_memory()?;
        let mib = |bytes: u64| bytes >> 20;
        lines.push(format!("{}  assayd {} MiB, CometBFT {} MiB", node.name(), mib(assayd), mib(comet)));
        ensure(assayd + comet < MEMORY_BAR, || {
            format!("{} uses {} MiB, more than {}", node.name(), mib(assayd + comet), mib(MEMORY_BAR))
        })?;
    }
    Ok(lines)
}

pub fn write_receipt(demo: &mut Demo) -> Result<Vec<String>, Error> {
    let (receipt, genesis) = (demo.receipt(), demo.genesis());
    let tx = demo.inferences.first().cloned().unwrap_or_default();
    // The proof is against the header of the next block.
    let network = demo.network()?;
    let height = network.height()? + 1;
    network.wait_height(height + 1, PROOF_LIMIT)?;
    let source = network.node(0).genesis();
    std::fs::copy(&source, &genesis).map_err(Error::io("cannot copy", source))?;
    demo.wallet.run([OsStr::new("receipt"), OsStr::new(&tx), OsStr::new("--output"), receipt.as_os_str()])?;
    demo.network()?.stop()?;
    let bytes = std::fs::metadata(&receipt).map_err(Error::io("cannot read", &receipt))?.len();
    Ok(vec![format!("{} ({bytes} bytes)", receipt.display())])
}

/// A wallet that cannot ask anybody: nothing listens at its node's address.
fn offline(demo: &Demo) -> Wallet {
    demo.wallet.at("http://127.0.0.1:9")
}

fn verify_arguments(demo: &Demo, receipt: &Path) -> Vec<std::ffi::OsString> {
    let (genesis, model) = (demo.genesis(), demo.model_file());
    vec!["verify".into(), receipt.into(), "--genesis".into(), genesis.into(), "--model".into(), model.into()]
}

pub fn verify(demo: &mut Demo) -> Result<Vec<String>, Error> {
    let answer = offline(demo).run(verify_arguments(demo, &demo.receipt()))?;
    let wrong = |what: &str| Error::Answer { what: what.into(), answer: answer.to_string() };
    if answer["valid"] != Value::Bool(true) {
        return Err(wrong("the receipt does not verify"));
    }
    if answer["rerun"] != "match" {
        return Err(wrong("the re-run does not match"));
    }
    let checks = answer["checks"].as_array().ok_or_else(|| wrong("no checks"))?;
    let mut lines = Vec::new();
    for check in checks {
        let name = text(check, "name")?;
        lines.push(format!("\u{2713} {name}: {}", check["detail"].as_str().unwrap_or_default()));
    }
    Ok(lines)
}

pub fn tamper(demo: &mut Demo) -> Result<Vec<String>, Error> {
    let path = demo.receipt();
    let bytes = std::fs::read(&path).map_err(Error::io("cannot read", &path))?;
    let bundle: Value = serde_json::from_slice(&bytes)
        .map_err(|error| Error::Claim(format!("{} is not JSON: {error}", path.display())))?;
    let mut lines = Vec::new();
    for part in bits::PARTS {
        let what = part.name;
        let forged = demo.folder.join("forged.assay");
        write(&forged, bits::flip(&bundle, part)?.to_string().as_bytes())?;
        let ran = offline(demo).finish(verify_arguments(demo, &forged))?;
        let answer = wallet::object(&ran)?;
        ensure(ran.code() == Some(2), || format!("a bit of {what} was flipped, and {answer}"))?;
        lines.push(format!("one bit of {what}: refused ({})", refusal(&answer)));
    }
    Ok(lines)
}

/// Why a bundle was refused: the first check that failed, or the error.
fn refusal(answer: &Value) -> String {
    let failed = answer["checks"].as_array().into_iter().flatten().find(|check| check["ok"] == false);
    let words = match failed {
        Some(check) => format!("{}: {}", check["name"], check["detail"]),
        None => answer["error"]["message"].to_string(),
    };
    words.replace('"', "").chars().take(90).collect()
}
