//! The gateway over HTTP: on a chain of one genesis with no CometBFT to ask, and on one that needs none.

use super::*;
use crate::solo::{Solo, dev_accounts};
use crate::testing;
use assay_core::App;
use assay_genesis::GenesisAccount;
use assay_types::address::Address;
use assay_types::amount::Amount;
use assay_types::api::{AccountInfo, Problem};
use assay_types::hash::{AppHash, ModelId};
use assay_types::key::PublicKey;
use assay_types::limits::MAX_TX_BYTES;
use assay_types::proof::{verify_absence, verify_existence};
use axum::serve::Listener;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::io::AsyncReadExt;

struct Running {
    base: String,
    agent: ureq::Agent,
    _runtime: tokio::runtime::Runtime,
    app: Arc<App>,
    _folder: tempfile::TempDir,
}

fn rich() -> Address {
    Address::of(&PublicKey::Ed25519([1; 32]))
}

/// A gateway, before genesis.
fn start(settings: impl FnOnce(&mut config::Gateway)) -> Running {
    // Port 9 of loopback: nobody listens.
    let rpc = crate::comet::rpc::Rpc::new("127.0.0.1:9".parse().unwrap()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let app = Arc::new(testing::app(folder.path()));
    serve(folder, app, Arc::new(rpc), settings)
}

/// A gateway to a chain without CometBFT.
fn solo() -> (Running, Solo) {
    let folder = tempfile::tempdir().unwrap();
    let app = Arc::new(testing::app(folder.path()));
    let solo = testing::solo(folder.path(), &app);
    (serve(folder, app, Arc::new(solo.clone()), |_| ()), solo)
}

fn serve(
    folder: tempfile::TempDir,
    app: Arc<App>,
    driver: Arc<dyn Driver>,
    settings: impl FnOnce(&mut config::Gateway),
) -> Running {
    let mut gateway = config::Config::default().gateway;
    gateway.listen.set_port(0);
    settings(&mut gateway);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let (genesis, refusals) = ("{\"chain_id\":\"c-1\"}".into(), Refusals::default());
    let about = About {
        moniker: "n".into(),
        node_id: "id".into(),
        genesis,
        refusals,
        snapshots: Folder::new("none"),
    };
    let (address, serving) = runtime.block_on(async {
        let server = Gateway::new(app.reader(), driver, about, &gateway);
        server.serve(&gateway, std::future::pending()).await.unwrap()
    });
    runtime.spawn(serving);
    let agent = ureq::Agent::config_builder().http_status_as_error(false).build().new_agent();
    Running { base: format!("http://{address}"), agent, _runtime: runtime, app, _folder: folder }
}

/// The same on a chain that has started.
fn started() -> Running {
    let running = start(|_| {});
    testing::genesis(&running.app, vec![GenesisAccount::new(rich(), Amount(77))]);
    running
}

impl Running {
    fn get(&self, path: &str) -> (u16, String, Value) {
        answer(self.agent.get(format!("{}{path}", self.base)).call().unwrap())
    }

    fn post(&self, path: &str, body: &[u8]) -> (u16, String, Value) {
        answer(self.agent.post(format!("{}{path}", self.base)).send(body).unwrap())
    }
}

fn answer(mut response: ureq::http::Response<ureq::Body>) -> (u16, String, Value) {
    let kind = response.headers()["content-type"].to_str().unwrap().to_string();
    (response.status().as_u16(), kind, response.body_mut().read_json().unwrap())
}

#[track_caller]
fn assert_problem(answer: (u16, String, Value), status: u16, name: &str, code: u32) {
    let problem: Problem = serde_json::from_value(answer.2).unwrap();
    assert_eq!((answer.0, answer.1.as_str()), (status, "application/problem+json"));
    assert_eq!((problem.status, problem.name.as_str(), problem.code), (status, name, code));
    assert!(!problem.hint.is_empty() && !problem.detail.is_empty());
}

#[test]
fn before_genesis_the_status_answers_and_the_rest_says_why_not() {
    let node = start(|_| {});
    let (status, _, body) = node.get("/v1/status");
    assert_eq!((status, &body["heights"]["application"], &body["syncing"]), (200, &json!(0), &json!(true)));
    assert_problem(node.get("/v1/params"), 503, "no_chain", 0);
}

#[test]
fn accounts_models_and_parameters_are_read_from_the_state() {
    let node = started();
    let (status, kind, body) = node.get(&format!("/v1/accounts/{}", rich()));
    let account: AccountInfo = serde_json::from_value(body).unwrap();
    assert_eq!((status, kind.as_str(), account.balance), (200, "application/json", Amount(77)));
    let nobody = Address::of(&PublicKey::Ed25519([2; 32]));
    assert_eq!(node.get(&format!("/v1/accounts/{nobody}")).2["balance"], "0");
    assert_eq!(node.get("/v1/models?limit=5").2, json!({"models": [], "next": null}));
    let (params, fees) = (node.get("/v1/params").2, node.get("/v1/fees").2);
    assert_eq!(params["initial_prices"], fees["next"]);
    assert_eq!(params["initial_prices"]["unit_price"], fees["unit_price"]);
    assert_eq!(params["min_prices"], fees["min"]);
    assert_eq!(fees["units"], json!({"used": 0, "target": 500_000_000, "most": 1_000_000_000u64}));
    assert_eq!(node.get("/v1/status").2["chain_id"], "c-1");
    assert_eq!(node.get("/v1/genesis").2["chain_id"], "c-1");
}

#[test]
fn what_is_wrong_or_not_there_is_a_problem_with_a_hint() {
    let node = started();
    assert_problem(node.get("/v1/nothing"), 404, "not_found", 0);
    assert_problem(node.get("/v1/accounts/me"), 400, "bad_request", 0);
    assert_problem(node.get("/v1/models?limit=0"), 400, "bad_request", 0);
    assert_problem(node.get("/v1/models?limt=5"), 400, "bad_request", 0);
    assert_problem(node.get("/v1/models/00"), 400, "bad_request", 0);
    assert_problem(node.get(&format!("/v1/models/{}", ModelId([0; 32]))), 404, "not_found", 0);
    assert_problem(node.get(&format!("/v1/txs/{}", ModelId([0; 32]))), 404, "not_found", 0);
    assert_problem(node.get(&format!("/v1/receipts/{}/0", ModelId([0; 32]))), 404, "not_found", 0);
    assert_problem(node.get("/v1/txs"), 405, "wrong_method", 0);
    assert_problem(node.get("/v1/blocks/latest"), 503, "no_consensus", 0);
    assert_problem(node.get("/v1/blocks/-1"), 400, "bad_request", 0);
}

#[test]
fn a_body_that_is_wrong_or_too_long_is_refused() {
    let node = started();
    assert_problem(node.post("/v1/txs", b"{"), 400, "bad_request", 0);
    assert_problem(node.post("/v1/txs", br#"{"tx": "", "more": 1}"#), 400, "bad_request", 0);
    assert_problem(node.post("/v1/txs", br#"{"tx": "%"}"#), 400, "bad_request", 0);
    assert_problem(node.post("/v1/txs", &vec![b' '; MAX_BODY_BYTES + 1]), 413, "bad_body", 0);
    let long = json!({"tx": STANDARD.encode(vec![0; MAX_TX_BYTES + 1])}).to_string();
    assert_problem(node.post("/v1/txs", long.as_bytes()), 422, "tx_too_long", 1);
    assert_problem(node.post("/v1/txs", br#"{"tx": "AAAA"}"#), 503, "no_consensus", 0);
}

#[test]
fn a_dry_run_is_refused_with_the_chains_own_number() {
    let node = started();
    let ask = |inputs: &str| json!({"model": ModelId([0; 32]), "inputs": inputs}).to_string();
    // Four zero bytes: an empty list of tensors.
    let empty = STANDARD.encode([0; 4]);
    assert_problem(node.post("/v1/simulate", ask("AA==").as_bytes()), 400, "bad_request", 0);
    // Which of the two rules is looked at first is the state machine's business.
    let (status, _, body) = node.post("/v1/simulate", ask(&empty).as_bytes());
    let found = (status, body["name"].as_str().unwrap());
    assert!([(404, "model_unknown"), (422, "bad_tensors")].contains(&found), "{body}");
}

#[test]
fn a_transaction_goes_in_and_is_found_in_a_signed_block() {
    let (node, solo) = solo();
    assert_problem(node.get("/v1/blocks/latest"), 404, "not_found", 0);
    assert_problem(node.get("/v1/validators"), 404, "not_found", 0);
    let tx = testing::transfer(&dev_accounts()[0], 0);
    let body = json!({"tx": STANDARD.encode(&tx)}).to_string();
    for _ in 0..2 {
        // The second time it is there already.
        let (status, _, answer) = node.post("/v1/txs", body.as_bytes());
        assert_eq!((status, &answer["tx_hash"]), (202, &json!(assay_types::hash::TxHash::of(&tx))));
    }
    let early = json!({"tx": STANDARD.encode(testing::transfer(&dev_accounts()[0], 5))}).to_string();
    assert_problem(node.post("/v1/txs", early.as_bytes()), 422, "nonce_too_high", 10);
    let made = solo.produce().unwrap();
    let (_, _, block) = node.get("/v1/blocks/1");
    assert_eq!(node.get("/v1/blocks/latest").2, block);
    let hash = hex::encode(made.header.hash().as_bytes());
    assert_eq!(
        (&block["hash"], &block["txs"][1]),
        (&json!(hash), &json!(assay_types::hash::TxHash::of(&tx)))
    );
    let (_, _, found) = node.get(&format!("/v1/txs/{}", assay_types::hash::TxHash::of(&tx)));
    assert_eq!((&found["height"], &found["code"]), (&json!(1), &json!(0)));
    let (_, _, validators) = node.get("/v1/validators");
    assert_eq!(validators["validators"][0]["address"], made.header.proposer_address.to_string());
    let status = node.get("/v1/status").2;
    assert_eq!((&status["heights"]["chain"], &status["comet_version"]), (&json!(1), &json!("none")));
    assert_problem(node.get("/v1/blocks/2"), 404, "not_found", 0);
}

#[test]
fn any_key_is_proven_at_any_height_that_is_kept() {
    let (node, solo) = solo();
    for _ in 0..3 {
        solo.produce().unwrap();
    }
    let root = solo.produce().unwrap().header.app_hash;
    let bytes = |answer: &Value, name: &str| STANDARD.decode(answer[name].as_str().unwrap()).unwrap();
    let (status, _, there) = node.get("/v1/state?key=supply&height=3");
    assert_eq!((status, &there["root"]), (200, &json!(hex::encode(root.as_bytes()))));
    let hash = AppHash(root.as_bytes().try_into().unwrap());
    let (value, proof) = (bytes(&there, "value"), bytes(&there, "proof"));
    assert_eq!(verify_existence(&hash, b"supply", &value, &proof), Ok(()));
    let (_, _, missing) = node.get("/v1/state?key_hex=00ff&height=3");
    assert_eq!((&missing["value"], &missing["key_hex"]), (&Value::Null, &json!("00ff")));
    assert_eq!(verify_absence(&hash, &[0, 0xff], &bytes(&missing, "proof")), Ok(()));
    assert_eq!(node.get("/v1/state?key=supply").2["height"], 4);
    assert_problem(node.get("/v1/state?key=supply&height=5"), 404, "height_ahead", 0);
    for wrong in ["", "?key=a&key_hex=00", "?key_hex=0", "?key=", "?key=a&heigth=1", "?key=a&height=-1"] {
        assert_problem(node.get(&format!("/v1/state{wrong}")), 400, "bad_request", 0);
    }
}

#[test]
fn a_full_gateway_makes_the_next_connection_wait_and_lives_on() {
    let node = start(|settings| settings.connections = 2);
    let address = node.base.trim_start_matches("http://");
    let silent: Vec<_> = (0..2).map(|_| std::net::TcpStream::connect(address).unwrap()).collect();
    std::thread::sleep(Duration::from_millis(100));
    let url = format!("{}/v1/genesis", node.base);
    let patience = Some(Duration::from_millis(300));
    assert!(node.agent.get(&url).config().timeout_global(patience).build().call().is_err());
    drop(silent);
    assert_eq!(node.get("/v1/genesis").0, 200);
}

#[test]
fn a_silent_connection_is_dropped() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut guarded = listener::Guarded::new(socket, 1, Duration::from_millis(50));
        let address = guarded.local_addr().unwrap();
        let _silent = tokio::net::TcpStream::connect(address).await.unwrap();
        let (mut connection, _) = guarded.accept().await;
        let error = connection.read(&mut [0; 1]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    });
}

#[test]
fn origins_may_call_only_when_they_are_named() {
    let origin = |node: &Running| {
        let url = format!("{}/v1/genesis", node.base);
        let answer = node.agent.get(url).header("origin", "https://a.example").call().unwrap();
        answer.headers().get("access-control-allow-origin").map(|value| value.to_str().unwrap().to_string())
    };
    assert_eq!(origin(&start(|_| {})), None);
    let open = start(|settings| settings.cors_origins = vec!["https://a.example".into()]);
    assert_eq!(origin(&open).as_deref(), Some("https://a.example"));
}
