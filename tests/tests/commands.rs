//! The wallet's commands against a real chain, as a user would type them.

use crate::onnx::matmul_of_ones;
use crate::support::{funded_wallet, only_network, repository};
use assay::npz::Npz;
use assay_netlab::{Network, Wallet};
use assay_types::tensor::{NamedTensor, Tensor};
use serde_json::Value;
use std::ffi::{OsStr, OsString};
use std::path::Path;

struct Case {
    folder: tempfile::TempDir,
    wallet: Wallet,
    network: Network,
}

impl Case {
    fn path(&self, name: &str) -> OsString {
        self.folder.path().join(name).into()
    }

    fn run(&self, words: &[&OsStr]) -> Value {
        self.wallet.run(words).unwrap_or_else(|error| panic!("{error}"))
    }

    /// A command that is words alone.
    fn say(&self, line: &str) -> Value {
        let words: Vec<&OsStr> = line.split(' ').map(OsStr::new).collect();
        self.run(&words)
    }

    fn refused(&self, line: &str, code: u64, exit: i32) {
        let (got, name, status) =
            self.wallet.refused(line.split(' ')).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!((got, status), (code, Some(exit)), "`{line}` got {name}");
    }
}

fn text(answer: &Value, key: &str) -> String {
    assay_netlab::wallet::text(answer, key).unwrap_or_else(|error| panic!("{error}")).to_owned()
}

/// Publishing, finding and fetching a model.
fn models(case: &Case) -> String {
    let file = repository().join("tools/models/digits.onnx");
    let file = file.to_str().unwrap();
    let published = case.say(&format!("model publish {file} --name digits --version 1"));
    let model = text(&published, "model_id");
    assert!(published["tx_hashes"].as_array().is_some_and(|hashes| !hashes.is_empty()));

    let listed = case.say("model list");
    assert_eq!(listed["models"][0]["model_id"], model.as_str(), "{listed}");
    for word in [model.as_str(), "digits"] {
        assert_eq!(case.say(&format!("model show {word}"))["model_id"], model.as_str());
    }
    let copy = case.path("copy.onnx");
    let words = ["model", "download", "digits", "--output"].map(OsStr::new);
    case.run(&[&words[..], &[&copy]].concat());
    assert_eq!(std::fs::read(copy).unwrap(), std::fs::read(file).unwrap());
    // The same file again is the same model, and costs nothing.
    let again = case.say(&format!("model publish {file} --name digits --version 1"));
    assert_eq!(
        (&again["model_id"], again["tx_hashes"].as_array().map(Vec::len)),
        (&published["model_id"], Some(0))
    );
    model
}

/// Waits until no price is above its floor, and gives the answer of the query.
fn settled(case: &Case) -> Value {
    for _ in 0..300 {
        let fees = case.say("query fees");
        let now = serde_json::json!({"unit_price": fees["unit_price"], "byte_price": fees["byte_price"]});
        if now == fees["min"] && fees["next"] == fees["min"] {
            return fees;
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    panic!("prices stay above their floor on an idle chain");
}

/// Dry run, run, expectation; the hash of the transaction.
fn inferences(case: &Case, model: &str) -> String {
    let scan = repository().join("tools/models/digits/7.npz");
    let scan = scan.to_str().unwrap();
    let dry = case.say(&format!("infer {model} --inputs {scan} --dry-run"));
    let hash = text(&dry, "output_hash");
    // A seal may fill more than half of a block: then prices are back at their floor soon.
    settled(case);
    // The expectation is 32 bytes more to pay for.
    let dry = case.say(&format!("infer {model} --inputs {scan} --dry-run --expect-output-hash {hash}"));
    let made = case.say(&format!("infer {model} --inputs {scan} --expect-output-hash {hash}"));
    for key in ["output_hash", "units", "load_units", "fee"] {
        assert_eq!(made[key], dry[key], "{key}");
    }
    assert!(made["load_units"].as_u64() > Some(0), "the first inference loads the model");
    assert_eq!(case.say(&format!("model show {model}"))["hot"], true);
    let again = case.say(&format!("infer {model} --inputs {scan} --expect-output-hash {hash} --tip 50"));
    assert_eq!((&again["load_units"], &again["tip"]), (&Value::from(0), &Value::from("50")));
    let fee = |answer: &Value| text(answer, "fee").parse::<u128>().unwrap();
    assert!(fee(&again) < fee(&made) + 50);
    let local = repository().join("tools/models/digits.onnx");
    let local = case.say(&format!("model run {} --inputs {scan}", local.display()));
    assert_eq!((&local["output_hash"], &local["outputs"]), (&made["output_hash"], &made["outputs"]));

    let other = hash.chars().rev().collect::<String>();
    case.refused(&format!("infer {model} --inputs {scan} --expect-output-hash {other}"), 56, 1);
    case.refused(&format!("infer {model} --inputs {scan} --max-fee 1"), 12, 1);
    let iris = repository().join("tests/data/models/lr_iris.npz");
    case.refused(&format!("infer {model} --inputs {}", iris.display()), 0, 2);
    text(&made, "tx_hash")
}

/// The receipt of an inference is valid to who trusts the genesis, and to nobody else.
fn receipts(case: &mut Case, tx: &str) {
    let receipt = case.folder.path().join("receipt.assay");
    let receipt = receipt.to_str().unwrap();
    case.say(&format!("receipt {tx} --output {receipt}"));
    let genesis = case.network.node(0).genesis();
    let model = repository().join("tools/models/digits.onnx");
    let words = format!("verify {receipt} --genesis {}", genesis.display());
    let seen = case.say(&format!("{words} --model {}", model.display()));
    assert_eq!((&seen["valid"], &seen["rerun"]), (&Value::Bool(true), &Value::from("match")), "{seen}");

    let other = case.wallet.finish(format!("{words} --model {receipt}").split(' ')).unwrap();
    assert_eq!(other.code(), Some(2), "a model that is another file: {}", other.stdout);
    let trust = format!("verify {receipt} --trust 3:{}", "ab".repeat(32));
    let other = case.wallet.finish(trust.split(' ')).unwrap();
    assert_eq!(other.code(), Some(2), "another header: {}", other.stdout);
}

/// A file of three chunks goes up, and is priced, run and fetched like a small one.
fn large_model(case: &Case) {
    let (rows, columns) = (512, 600);
    let file = matmul_of_ones(rows, columns);
    assert!(file.len() > 2 * 512 * 1024);
    let (path, inputs, output) = (case.path("ones.onnx"), case.path("x.npz"), case.path("y.npz"));
    std::fs::write(&path, &file).unwrap();
    let x = Tensor::from_f32(vec![1, rows], &vec![0.5; rows as usize]).unwrap();
    assay::npz::write(Path::new(&inputs), &[NamedTensor { name: "x".into(), tensor: x }]).unwrap();
    case.run(&[OsStr::new("model"), OsStr::new("publish"), &path, OsStr::new("--name"), OsStr::new("ones")]);
    let words = [OsStr::new("infer"), OsStr::new("ones"), OsStr::new("--inputs"), &inputs];
    case.run(&[&words[..], &[OsStr::new("--output"), &output]].concat());
    let y = Npz::open(Path::new(&output)).unwrap().tensor("y", 1 << 20).unwrap();
    assert_eq!(y.to_f32().unwrap(), vec![256.0; columns as usize]);
}

fn queries(case: &Case, tx: &str) {
    let status = case.say("query status");
    assert_eq!(status["chain_id"], "assay-netlab");
    assert_eq!(case.say(&format!("query tx {tx}"))["code"], 0);
    let height = case.say(&format!("query tx {tx}"))["height"].clone();
    let block = case.say(&format!("query block {height}"));
    assert_eq!(block["txs"][1], tx, "the first is the claim");
    assert_eq!(block["claim"]["height"], height);
    assert_eq!(case.say("query validators")["validators"].as_array().map(Vec::len), Some(1));
    let (params, fees) = (case.say("query params"), settled(case));
    assert_eq!((&params["min_prices"], &params["max_block_units"]), (&fees["min"], &fees["units"]["most"]));
    let before = case.say("query account user");
    let sent = case.say(&format!("send {} 1500", crate::sender::Sender::new(77).address()));
    let after = case.say("query account user");
    let amount = |answer: &Value, key: &str| text(answer, key).parse::<u128>().unwrap();
    assert_eq!(amount(&before, "balance") - amount(&after, "balance"), amount(&sent, "fee") + 1500);
    case.refused(&format!("query tx {}", "00".repeat(32)), 0, 1);
}

#[test]
fn every_command_does_on_a_real_chain_what_its_documentation_says() {
    let _only = only_network();
    let folder = tempfile::tempdir().unwrap();
    let (wallet, network) = funded_wallet(folder.path(), "user", 1, &[]);
    let mut case = Case { folder, wallet, network };
    let model = models(&case);
    let tx = inferences(&case, &model);
    receipts(&mut case, &tx);
    queries(&case, &tx);
    large_model(&case);
    case.say(&format!("model retire {model}"));
    let scan = repository().join("tools/models/digits/7.npz");
    case.refused(&format!("infer {model} --inputs {}", scan.display()), 36, 1);
    case.network.stop().unwrap();
}
