//! The program as scripts see it: names, JSON keys, exit statuses.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod gateway;
mod upload;

use assay_types::amount::Amount;
use assay_types::hash::{ModelId, PlanHash};
use assay_types::model::{Compiled, Manifest, ModelRecord, ModelState};
use assay_types::tensor::{DType, NamedTensor, Port, Tensor, output_hash};
use gateway::Gateway;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

const WORDS: &str =
    "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about";

struct Home {
    dir: tempfile::TempDir,
    node: String,
}

struct Ran {
    status: i32,
    stdout: String,
    stderr: String,
}

impl Ran {
    /// stdout as one JSON object, all of it.
    fn json(&self) -> Value {
        let json: Value = serde_json::from_str(&self.stdout).expect(&self.stdout);
        assert!(json.is_object(), "{json}");
        json
    }

    fn error(&self, status: i32, name: &str) -> Value {
        let json = self.json();
        assert_eq!(
            (self.status, json["error"]["name"].as_str()),
            (status, Some(name)),
            "{json} {}",
            self.stderr
        );
        for key in ["code", "message", "hint"] {
            assert!(!json["error"][key].is_null(), "{json}");
        }
        json["error"].clone()
    }
}

impl Home {
    fn new() -> Self {
        // Port 9 of loopback: nobody listens.
        Self { dir: tempfile::tempdir().unwrap(), node: "http://127.0.0.1:9".into() }
    }

    /// A home with a funded key, and a node.
    fn with(gateway: &Gateway) -> Self {
        let home = Self { node: gateway.url.clone(), ..Self::new() };
        let address =
            home.run(&["keys", "add", "alice", "--keyring", "test", "--json"]).json()["address"].clone();
        gateway.fund(address.as_str().unwrap(), 1_000_000_000);
        home
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        self.run_with(arguments, "", &[])
    }

    fn run_with(&self, arguments: &[&str], stdin: &str, variables: &[(&str, &str)]) -> Ran {
        let mut child = Command::new(env!("CARGO_BIN_EXE_assay"))
            .args(arguments)
            .env_clear()
            .env("ASSAY_NODE", &self.node)
            .env("ASSAY_HOME", self.dir.path())
            // Making the engine takes half a minute: the tests share it.
            .env("ASSAY_CACHE_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).join("assay-cache"))
            .envs(variables.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A program that does not read its stdin may be gone already.
        let _ = std::io::Write::write_all(&mut child.stdin.take().unwrap(), stdin.as_bytes());
        let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Ran { status: status.code().unwrap(), stdout: text(stdout), stderr: text(stderr) }
    }
}

fn data(name: &str) -> String {
    format!("{}/../../tests/data/{name}", env!("CARGO_MANIFEST_DIR"))
}

fn keys(json: &Value) -> Vec<&str> {
    json.as_object().unwrap().keys().map(String::as_str).collect()
}

fn assert_has(json: &Value, wanted: &[&str]) {
    for key in wanted {
        assert!(keys(json).contains(key), "no {key} in {json}");
    }
}

#[test]
fn keys_are_made_shown_listed_exported_imported_and_deleted() {
    let home = Home::new();
    let added = home.run(&["keys", "add", "a", "--keyring", "test", "--json"]);
    assert_eq!((added.status, added.stderr.as_str()), (0, ""));
    assert_has(&added.json(), &["name", "address", "public_key", "mnemonic"]);
    let words = added.json()["mnemonic"].as_str().unwrap().to_owned();
    let again = home.run_with(&["keys", "import", "b", "--keyring", "test", "--json"], &words, &[]);
    assert_eq!(again.json()["address"], added.json()["address"]);
    let secret =
        home.run(&["keys", "export", "a", "--json"]).json()["secret_key"].as_str().unwrap().to_owned();
    let hex = home.run_with(&["keys", "import", "c", "--keyring", "test", "--json"], &secret, &[]);
    assert_eq!(hex.json()["address"], added.json()["address"]);
    let shown = home.run(&["keys", "show", "a", "--json"]).json();
    assert!(shown.get("mnemonic").is_none() && shown.get("secret_key").is_none());
    assert_eq!(home.run(&["keys", "list", "--json"]).json()["keys"].as_array().unwrap().len(), 3);
    assert_eq!(home.run(&["keys", "delete", "c", "--yes", "--json"]).status, 0);
    home.run(&["keys", "show", "c", "--json"]).error(2, "key_unknown");
    home.run(&["keys", "add", "a", "--keyring", "test", "--json"]).error(2, "key_exists");
}

#[test]
fn a_password_protects_a_key() {
    let home = Home::new();
    let password = [("ASSAY_KEYRING_PASSWORD", "right")];
    let added = home.run_with(&["keys", "import", "a", "--json"], WORDS, &password);
    assert_eq!(added.status, 0, "{}", added.stdout);
    assert_eq!(home.run_with(&["keys", "export", "a", "--json"], "", &password).status, 0);
    let wrong = [("ASSAY_KEYRING_PASSWORD", "wrong")];
    home.run_with(&["keys", "export", "a", "--json"], "", &wrong).error(2, "wrong_password");
}

#[test]
fn words_give_the_pinned_addresses() {
    let home = Home::new();
    let mut addresses = vec![];
    for kind in ["ed25519", "secp256k1"] {
        let arguments = ["keys", "import", kind, "--type", kind, "--keyring", "test", "--json"];
        addresses.push(home.run_with(&arguments, WORDS, &[]).json()["address"].as_str().unwrap().to_owned());
    }
    assert_eq!(addresses, PINNED);
}

const PINNED: [&str; 2] = [
    "assay1yp5cwafgckjwa3shrpnr05kca0fy9w4hy0np4uagzn9039xrarmqpsgana",
    "assay1ccrgk2jxcvgqgx0tex7vug4l44vdhe7d47l6j4uc2cxsygqg3uyqkvdh7u",
];

#[test]
fn wrong_usage_is_json_too() {
    let home = Home::new();
    home.run(&["nonsense", "--json"]).error(2, "usage");
    home.run(&["send", "x", "5", "--no-such-flag", "--json"]).error(2, "usage");
    home.run(&["model", "inspect", "x.onnx", "--shape", "x=0", "--json"]).error(2, "usage");
    let plain = home.run(&["nonsense"]);
    assert_eq!((plain.status, plain.stdout.as_str()), (2, ""));
    assert_eq!(home.run(&["--help"]).status, 0);
    assert!(home.run(&["--version"]).stdout.starts_with("assay 0."));
}

#[test]
fn a_node_that_is_not_there_is_status_1() {
    let home = Home::new();
    home.run(&["query", "status", "--json"]).error(1, "network");
    let plain = home.run(&["query", "fees"]);
    assert_eq!((plain.status, plain.stdout.as_str()), (1, ""));
    assert!(plain.stderr.contains("error: ") && plain.stderr.contains("hint: "));
    home.run(&["query", "fees", "--node", "nonsense", "--json"]).error(2, "bad_input");
}

#[test]
fn money_is_sent() {
    let gateway = Gateway::start();
    let home = Home::with(&gateway);
    let to = home.run(&["keys", "add", "bob", "--keyring", "test", "--json"]).json()["address"].clone();
    let sent = home.run(&["send", to.as_str().unwrap(), "1.5asy", "--from", "alice", "--json"]);
    assert_eq!(sent.status, 0, "{}", sent.stdout);
    assert_eq!(keys(&sent.json()), ["code", "fee", "height", "tx_hash"]);
    assert!(sent.json()["fee"].is_string() && sent.json()["height"].is_u64());
    assert_eq!(home.run(&["query", "account", "bob", "--json"]).json()["balance"], "1500000");
    let hash = sent.json()["tx_hash"].as_str().unwrap().to_owned();
    assert_eq!(home.run(&["query", "tx", &hash, "--json"]).json()["code"], 0);
    home.run(&["query", "tx", &"0".repeat(64), "--json"]).error(1, "tx_unknown");
}

#[test]
fn a_tip_is_paid_on_top_of_the_exact_fee() {
    let gateway = Gateway::start();
    let home = Home::with(&gateway);
    let send = |arguments: &[&str]| home.run(&[&["send", "alice", "5", "--json"], arguments].concat()).json();
    let fee = |sent: &serde_json::Value| sent["fee"].as_str().unwrap().parse::<u128>().unwrap();
    let (plain, tipped) = (send(&[]), send(&["--tip", "33"]));
    assert_eq!(fee(&tipped), fee(&plain) + 33);
    let hash = tipped["tx_hash"].as_str().unwrap().to_owned();
    let found = home.run(&["query", "tx", &hash, "--json"]).json();
    assert_eq!((&found["tip"], &found["fee"]), (&"33".into(), &tipped["fee"]));
    home.run(&["send", "alice", "5", "--tip", "33", "--max-fee", &fee(&plain).to_string(), "--json"])
        .error(1, "fee_too_low");
    home.run(&["send", "alice", "5", "--tip", "-1", "--json"]).error(2, "usage");
}

#[test]
fn the_fee_market_is_shown() {
    let gateway = Gateway::start();
    let home = Home::with(&gateway);
    let fees = home.run(&["query", "fees", "--json"]).json();
    let expected = serde_json::json!({
        "height": 7,
        "unit_price": 1_000,
        "byte_price": 100_000,
        "next": {"unit_price": 1_100, "byte_price": 100_100},
        "min": {"unit_price": 1_000, "byte_price": 100_000},
        "change_divisor": 8,
        "units": {"used": 3, "target": 2, "most": 4},
        "bytes": {"used": 3, "target": 2, "most": 4},
    });
    assert_eq!(fees, expected);
    let text = home.run(&["query", "fees"]).stdout;
    assert!(text.contains("1100 uasy per million units") && text.contains("75%"), "{text}");
}

#[test]
fn a_transaction_that_cannot_succeed_is_not_sent() {
    let gateway = Gateway::start();
    let home = Home::with(&gateway);
    let send = |arguments: &[&str]| home.run(&[&["send"], arguments, &["--json"]].concat());
    assert_eq!(send(&["alice", "5", "--max-fee", "1"]).error(1, "fee_too_low")["code"], 12);
    assert_eq!(send(&["alice", "999999999999"]).error(1, "insufficient_balance")["code"], 11);
    send(&["alice", "0"]).error(1, "amount_is_zero");
    send(&["nobody", "5"]).error(2, "key_unknown");
    send(&["alice", "5", "--from", "nobody"]).error(2, "key_unknown");
    assert_eq!(gateway.state.lock().unwrap().submissions, 0);
}

fn port(name: &str, dims: &[u32]) -> Port {
    Port { name: name.into(), dtype: DType::F32, dims: dims.into() }
}

fn compiled(inputs: Vec<Port>, outputs: Vec<Port>) -> Compiled {
    Compiled {
        engine: 1,
        plan: PlanHash([1; 32]),
        plan_bytes: 100,
        units: 11,
        load_units: 5,
        memory_bytes: 1000,
        fuel: 1000,
        inputs,
        outputs,
        sealed: 3,
    }
}

/// A gateway with one sealed model named `m`, and arrays for it.
fn sealed_model() -> (Gateway, Home, ModelId) {
    let gateway = Gateway::start();
    let home = Home::with(&gateway);
    let manifest = Manifest::of(b"model", vec![]);
    let id = manifest.id();
    let output = Tensor::from_f32(vec![2], &[0.25, f32::NAN]).unwrap();
    {
        let mut state = gateway.state.lock().unwrap();
        state.output = vec![NamedTensor { name: "y".into(), tensor: output }];
        let record = ModelRecord {
            owner: assay_types::address::Address([0; 32]),
            name: "m".into(),
            version: "1".into(),
            description: String::new(),
            manifest,
            published: 1,
            deposit: Amount(5),
            state: ModelState::Sealed(compiled(vec![port("x", &[2])], vec![port("y", &[2])])),
        };
        state.models.insert(id, record);
    }
    let input = Tensor::from_f32(vec![2], &[1.0, 2.0]).unwrap();
    assay::npz::write(&home.path("x.npz"), &[NamedTensor { name: "x".into(), tensor: input }]).unwrap();
    (gateway, home, id)
}

#[test]
fn an_inference_is_made_and_tried() {
    let (gateway, home, id) = sealed_model();
    let (inputs, output) = (home.path("x.npz"), home.path("y.npz"));
    let (inputs, output) = (inputs.to_str().unwrap(), output.to_str().unwrap());
    let wanted =
        ["fee", "height", "index", "load_units", "output_hash", "outputs", "tip", "tx_hash", "units"];
    let tried = home.run(&["infer", "m", "--inputs", inputs, "--dry-run", "--json"]);
    assert_eq!((tried.status, keys(&tried.json())), (0, wanted.to_vec()), "{}", tried.stdout);
    assert!(tried.json()["tx_hash"].is_null());
    assert_eq!(gateway.state.lock().unwrap().submissions, 0);
    let made = home.run(&["infer", &id.to_string(), "--inputs", inputs, "--output", output, "--json"]);
    assert_eq!((made.status, keys(&made.json())), (0, wanted.to_vec()), "{}", made.stdout);
    for key in ["output_hash", "units", "load_units", "fee", "tip", "outputs"] {
        assert_eq!(made.json()[key], tried.json()[key]);
    }
    assert_eq!(made.json()["outputs"][0]["values"], serde_json::json!([0.25, "nan"]));
    let written = assay::npz::Npz::open(Path::new(output)).unwrap().tensor("y", 100).unwrap();
    let named = NamedTensor { name: "y".into(), tensor: written };
    assert_eq!(made.json()["output_hash"], output_hash(&[named]).to_string());
}

#[test]
fn an_inference_that_is_not_wanted_is_not_sent() {
    let (gateway, home, _) = sealed_model();
    let inputs = home.path("x.npz");
    let infer = |arguments: &[&str]| {
        home.run(&[&["infer", "m", "--inputs", inputs.to_str().unwrap(), "--json"], arguments].concat())
    };
    // 11 of the run and 5 of loading.
    infer(&["--max-units", "15"]).error(2, "max_units");
    infer(&["--max-fee", "1"]).error(1, "fee_too_low");
    let expected = "0".repeat(64);
    infer(&["--dry-run", "--expect-output-hash", &expected]).error(1, "unexpected_output");
    home.run(&["infer", "n", "--inputs", inputs.to_str().unwrap(), "--json"]).error(1, "model_unknown");
    home.run(&["infer", "m", "--inputs", "/nonexistent.npz", "--json"]).error(2, "file");
    let wide = Tensor::from_f32(vec![3], &[1.0; 3]).unwrap();
    assay::npz::write(&inputs, &[NamedTensor { name: "x".into(), tensor: wide }]).unwrap();
    infer(&[]).error(2, "bad_input");
    assert_eq!(gateway.state.lock().unwrap().submissions, 0);
}

#[test]
fn a_receipt_that_cannot_come_is_not_waited_for() {
    let (_gateway, home, _) = sealed_model();
    let sent = home.run(&["send", "alice", "5", "--json"]).json();
    let hash = sent["tx_hash"].as_str().unwrap();
    home.run(&["receipt", hash, "--json"]).error(1, "no_receipt");
    home.run(&["receipt", hash, "--index", "1", "--json"]).error(1, "no_receipt");
    home.run(&["receipt", &"0".repeat(64), "--json"]).error(1, "tx_unknown");
}

#[test]
fn a_name_that_two_sealed_models_have_is_refused() {
    let (gateway, home, id) = sealed_model();
    let mut state = gateway.state.lock().unwrap();
    let record = state.models[&id].clone();
    state.models.insert(ModelId([9; 32]), record);
    drop(state);
    home.run(&["model", "show", "m", "--json"]).error(2, "bad_input");
    let shown = home.run(&["model", "show", &id.to_string(), "--json"]).json();
    assert_eq!(shown["model_id"], id.to_string());
    assert_eq!(home.run(&["model", "list", "--json"]).json()["models"].as_array().unwrap().len(), 2);
}

#[test]
fn a_model_is_inspected_and_run_without_a_node() {
    let home = Home::new();
    let (model, arrays) = (data("models/mlp_digits.onnx"), data("models/mlp_digits.npz"));
    let seen = home.run(&["model", "inspect", &model, "--json"]);
    assert_eq!(seen.status, 0, "{}", seen.stdout);
    let wanted = ["admissible", "model_bytes", "inputs", "outputs", "operators", "load_units", "image_bytes"];
    assert_has(&seen.json(), &wanted);
    assert_eq!(
        seen.json()["inputs"][0],
        serde_json::json!({ "name": "x", "dtype": "f32", "shape": [1, 64] })
    );
    let output = home.path("y.npz");
    let run =
        |output: &str| home.run(&["model", "run", &model, "--inputs", &arrays, "--output", output, "--json"]);
    let ran = run(output.to_str().unwrap());
    assert_eq!(ran.status, 0, "{}", ran.stdout);
    assert_has(&ran.json(), &["output_hash", "units", "load_units", "memory_bytes", "millis", "outputs"]);
    let again = run(output.to_str().unwrap());
    assert_eq!(again.json()["output_hash"], ran.json()["output_hash"]);
    // ONNX Runtime's output lies beside the inputs.
    let name = ran.json()["outputs"][0]["name"].as_str().unwrap().to_owned();
    let read = |path: &Path, name: &str| {
        assay::npz::Npz::open(path).unwrap().tensor(name, 1 << 20).unwrap().to_f32().unwrap()
    };
    let (ours, theirs) = (read(&output, &name), read(Path::new(&arrays), &format!("out/{name}")));
    assert_eq!(ours.len(), theirs.len());
    assert!(ours.iter().zip(&theirs).all(|(a, b)| (a - b).abs() <= 1e-4), "{ours:?} {theirs:?}");
}

#[test]
fn a_plan_is_listed_with_the_units_it_is_charged() {
    let home = Home::new();
    let model = data("models/mlp_digits.onnx");
    let plain = home.run(&["model", "inspect", &model, "--json"]).json();
    assert!(plain["nodes"].is_null() && plain["opcodes"].is_null());
    let seen = home.run(&["model", "inspect", &model, "--plan", "--json"]).json();
    let sum = |list: &str| -> u64 {
        seen[list].as_array().unwrap().iter().map(|row| row["units"].as_u64().unwrap()).sum()
    };
    assert_eq!(sum("nodes"), seen["units"].as_u64().unwrap());
    assert_eq!(sum("opcodes"), seen["units"].as_u64().unwrap());
    let node = &seen["nodes"][0];
    assert_has(node, &["node", "opcode", "detail", "operands", "dtype", "shape", "units", "share"]);
    assert_has(&seen["memory"], &["constants", "packed", "arena", "peak"]);
    assert_eq!(seen["memory"]["peak"], seen["memory_bytes"]);
    let text = home.run(&["model", "inspect", &model, "--plan"]).stdout;
    assert!(text.contains("Einsum") && text.contains("share"), "{text}");
}

#[test]
fn a_profile_gives_every_step_its_time_and_units() {
    let home = Home::new();
    let (model, arrays) = (data("models/mlp_digits.onnx"), data("models/mlp_digits.npz"));
    let profile =
        |more: &[&str]| home.run(&[&["model", "profile", &model, "--runs", "2", "--json"], more].concat());
    for more in [&[][..], &["--inputs", &arrays], &["--isa", "reference"]] {
        let ran = profile(more);
        assert_eq!(ran.status, 0, "{} {}", ran.stdout, ran.stderr);
        let json = ran.json();
        assert_has(&json, &["isa", "runs", "units", "micros", "nanos_per_unit", "opcodes", "steps"]);
        let steps = json["steps"].as_array().unwrap();
        assert!(steps.iter().all(|step| step["micros"].as_f64().unwrap() > 0.0), "{json}");
        let shares: f64 = steps.iter().map(|step| step["share"].as_f64().unwrap()).sum();
        assert!((shares - 1.0).abs() < 1e-3, "{json}");
    }
    profile(&["--isa", "abacus"]).error(2, "bad_input");
    let text = home.run(&["model", "profile", &model, "--runs", "1"]).stdout;
    assert!(text.contains("ns per unit"), "{text}");
}

#[test]
fn an_inadmissible_model_is_status_2_and_costs_nothing() {
    let gateway = Gateway::start();
    let home = Home::with(&gateway);
    for file in ["01_empty", "03_trunc_1", "32_external_passwd", "93_rand"] {
        let file = data(&format!("hostile/{file}.onnx"));
        let seen = home.run(&["model", "inspect", &file, "--json"]);
        assert_eq!((seen.status, &seen.json()["admissible"]), (2, &Value::Bool(false)));
        assert!(seen.json()["reason"].is_string());
        home.run(&["model", "publish", &file, "--name", "x", "--json"]).error(2, "inadmissible");
    }
    assert_eq!(gateway.state.lock().unwrap().submissions, 0);
}

#[test]
fn a_model_is_published_once() {
    let gateway = Gateway::start();
    let home = Home::with(&gateway);
    gateway.state.lock().unwrap().compiled = Some(compiled(vec![port("x", &[1])], vec![port("y", &[1])]));
    let model = data("models/mlp_digits.onnx");
    let publish = || home.run(&["model", "publish", &model, "--name", "mlp", "--json"]);
    let done = publish();
    assert_eq!(done.status, 0, "{}", done.stdout);
    assert_has(&done.json(), &["model_id", "tx_hashes", "load_units", "fee"]);
    assert_eq!(done.json()["tx_hashes"].as_array().unwrap().len(), 3);
    let again = publish();
    assert_eq!((again.status, &again.json()["already_sealed"]), (0, &Value::Bool(true)));
    assert_eq!(again.json()["tx_hashes"].as_array().unwrap().len(), 0);
    let id = done.json()["model_id"].as_str().unwrap().to_owned();
    assert_eq!(home.run(&["model", "retire", &id, "--json"]).status, 0);
    publish().error(1, "model_retired");
}

#[test]
fn a_file_that_is_no_bundle_does_not_verify() {
    let home = Home::new();
    let path = home.path("r.assay");
    for text in ["", "{}", "[1,2", "\"x\"", "null", &"[".repeat(100_000)] {
        std::fs::write(&path, text).unwrap();
        let report = home.run(&["verify", path.to_str().unwrap(), "--json"]);
        assert_eq!((report.status, &report.json()["valid"]), (2, &Value::Bool(false)));
        assert_eq!(report.json()["rerun"], "skipped");
        let check = &report.json()["checks"][0];
        assert_eq!((keys(check), &check["name"]), (vec!["detail", "name", "ok"], &"format".into()));
    }
    home.run(&["verify", "/nonexistent.assay", "--json"]).error(2, "file");
    home.run(&["verify", path.to_str().unwrap(), "--trust", "1", "--json"]).error(2, "bad_input");
}
