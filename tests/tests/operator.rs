//! What an operator does to a real node that is stopped: takes heights back, compares it with another, begins anew.

use crate::network::{PATIENCE, ok};
use crate::sender::Sender;
use crate::support::{only_network, wallet};
use assay_netlab::{Binaries, Network, Options};
use assay_store::{Changes, Store};
use assay_types::amount::Amount;
use assay_types::hash::{AppHash, TxHash};
use assay_types::message::{Message, Transfer};
use serde_json::Value;
use std::path::Path;
use std::process::Command;

/// Heights that the node keeps.
const WINDOW: u64 = 10;
const FUNDS: Amount = Amount(1_000_000_000_000);

/// One validator with short blocks.
fn one(folder: &Path, sender: &Sender) -> Network {
    let _warm = wallet();
    let mut options = Options::new(folder.join("network"), ok(Binaries::find()));
    options.validators = 1;
    options.accounts = vec![(sender.address(), FUNDS)];
    options.settings = vec!["comet.timeout_commit_ms=100".into(), format!("state.retain_heights={WINDOW}")];
    ok(Network::start(options))
}

/// What `assayd` prints as JSON, and its exit status.
pub fn assayd(words: &[&str]) -> (i32, Value) {
    let mut command = Command::new(ok(Binaries::find()).assayd);
    let output = command.args(words).arg("--json").stdin(std::process::Stdio::null()).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{words:?}: {error}: {text}"));
    (output.status.code().unwrap(), value)
}

pub fn done(words: &[&str]) -> Value {
    let (status, value) = assayd(words);
    assert_eq!(status, 0, "{words:?}: {value}");
    value
}

pub fn refused(words: &[&str]) -> (i32, String) {
    let (status, value) = assayd(words);
    (status, value["error"]["name"].as_str().unwrap_or_else(|| panic!("{words:?}: {value}")).to_owned())
}

fn pay(network: &mut Network, sender: &Sender, amount: u128) -> TxHash {
    let client = network.node(0).gateway().clone();
    let to = Sender::new(200).address();
    let tx = sender.tx(&client, vec![Message::Transfer(Transfer { to, amount: Amount(amount) })]);
    let hash = ok(client.submit(&tx));
    assert_eq!(ok(client.wait(&hash, PATIENCE)).code, 0);
    hash
}

fn restart(network: &mut Network, height: u64) {
    let node = network.node(0);
    ok(node.start());
    ok(node.wait_ready(PATIENCE));
    ok(node.wait_height(height, PATIENCE));
}

#[test]
fn heights_that_were_taken_back_are_executed_again_and_the_chain_goes_on() {
    let _only = only_network();
    let folder = tempfile::tempdir().unwrap();
    let sender = Sender::new(1);
    let mut network = one(folder.path(), &sender);
    let client = network.node(0).gateway().clone();
    let model = sender.publish_iris(&client);
    ok(network.wait_height(2 * WINDOW, PATIENCE));
    let paid = pay(&mut network, &sender, 5);
    let home = network.node(0).home().to_str().unwrap().to_owned();
    let rollback = ["rollback", "--home", &home, "--yes"];
    assert_eq!(refused(&rollback), (1, "running".into()));
    ok(network.node(0).stop());
    assert_eq!(refused(&rollback[..3]), (2, "unconfirmed".into()));

    let first = done(&rollback);
    let height = first["height"].as_u64().unwrap();
    assert_eq!((&first["comet_height"], &first["agrees"]), (&height.into(), &true.into()), "{first}");
    assert_eq!(first["app_hash"], first["comet_app_hash"]);
    // CometBFT is behind its last block by one already, and stays there: the application alone goes further back.
    let second = done(&rollback);
    assert_eq!(
        (&second["height"], &second["comet_height"]),
        (&(height - 1).into(), &height.into()),
        "{second}"
    );
    restart(&mut network, height + 3);
    let header = ok(client.block(Some(height + 1)));
    assert_eq!(header.app_hash.to_string(), first["app_hash"], "another root than before");
    assert_eq!(ok(client.wait(&paid, PATIENCE)).code, 0);
    assert_eq!(ok(client.account(&sender.address())).nonce, 2);
    assert!(ok(client.model(&model)).is_some());
    pay(&mut network, &sender, 6);

    // As far back as heights are kept, and not further.
    let top = ok(client.status()).heights.application;
    ok(network.node(0).stop());
    let mut back = 0;
    let refusal = loop {
        let (status, value) = assayd(&rollback);
        if status != 0 {
            break (status, value["error"].clone());
        }
        back += 1;
        assert!(back < 20 * WINDOW, "there is no end to it");
    };
    assert_eq!((refusal.0, refusal.1["name"].as_str()), (1, Some("no_way_back")), "{refusal:?}");
    assert!(back + 1 >= WINDOW, "only {back} heights could be taken back");
    restart(&mut network, top + 2);
    pay(&mut network, &sender, 7);
    assert_eq!(ok(client.account(&Sender::new(200).address())).balance, Amount(18));
    ok(network.stop());
}

/// Whether some bytes hold others.
fn holds(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

/// The secret half of a key file, in base64.
fn secret(path: &Path) -> String {
    let file: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    file["priv_key"]["value"].as_str().unwrap().to_owned()
}

/// Another root at a node's last height, as a machine would have it that is wrong.
fn falsify(home: &Path) {
    let store = Store::open(&home.join("data/app.db")).unwrap();
    let (version, key) = (store.version().unwrap(), b"supply".to_vec());
    let mut value = assay_store::Read::get(&store.view(), &key).unwrap().unwrap();
    store.rollback(&[]).unwrap();
    value[0] ^= 1;
    let changes = Changes { writes: [(key, Some(value))].into(), ..Changes::default() };
    store.commit(store.stage(version, changes).unwrap(), Vec::new()).unwrap();
}

#[test]
fn two_bundles_name_the_height_and_the_key_at_which_two_nodes_differ_and_no_secret() {
    let _only = only_network();
    let folder = tempfile::tempdir().unwrap();
    let sender = Sender::new(1);
    let mut network = one(folder.path(), &sender);
    ok(network.wait_height(5, PATIENCE));
    pay(&mut network, &sender, 5);
    let home = network.node(0).home().to_owned();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let bundle = |home: &str, output: &str| done(&["debug", "bundle", "--home", home, "--output", output]);
    let (own, running, copied) = (home.to_str().unwrap(), at("running.tar.gz"), at("copy"));
    let live = bundle(own, &running);
    assert!(live["height"].is_null() && !live["missing"].as_array().unwrap().is_empty(), "{live}");

    ok(network.node(0).stop());
    // Somebody has a key in a log.
    let secrets =
        ["config/node_key.json", "config/priv_validator_key.json"].map(|name| secret(&home.join(name)));
    let log = home.join("data/comet.log");
    let text = [std::fs::read(&log).unwrap(), secrets.join(" and ").into_bytes()].concat();
    std::fs::write(&log, text).unwrap();
    std::fs::write(home.join("data/divergence-3.json"), "{}").unwrap();
    let (mine, theirs) = (at("mine.tar.gz"), at("theirs.tar.gz"));
    let made = bundle(own, &mine);
    assert_eq!(refused(&["debug", "bundle", "--home", own, "--output", &mine]).0, 2, "it was overwritten");
    let copy = Command::new("cp").args(["-r", own, &copied]).status().unwrap();
    assert!(copy.success());
    falsify(Path::new(&copied));
    bundle(&copied, &theirs);

    let unpacked = Command::new("tar").args(["xzOf", &mine]).output().unwrap();
    assert!(unpacked.status.success() && holds(&unpacked.stdout, b"assay-debug-1"));
    for secret in &secrets {
        assert!(holds(&std::fs::read(&log).unwrap(), secret.as_bytes()));
        assert!(!holds(&unpacked.stdout, secret.as_bytes()), "a secret key is in the bundle");
    }
    let names = Command::new("tar").args(["tzf", &mine]).output().unwrap();
    let names = String::from_utf8(names.stdout).unwrap();
    for name in ["machine.json", "state.json", "disk.json", "logs/comet.log", "data/divergence-3.json"] {
        assert!(names.contains(name), "{name} is not among {names}");
    }
    assert!(!names.contains("key.json"), "{names}");

    let found = done(&["debug", "compare", &mine, &theirs]);
    assert_eq!((&found["same"], &found["first_height"]), (&false.into(), &made["height"]), "{found}");
    assert_eq!(found["arose_there"], true);
    assert!(found["keys"]["supply"]["second"].is_string(), "{found}");
    assert_eq!(found["kinds"]["supply"]["keys"][0], "supply", "{found}");
    assert_ne!(found["app_hash"]["first"], found["app_hash"]["second"]);
    let found = done(&["debug", "compare", &mine, &mine]);
    assert_eq!((&found["same"], &found["keys"]), (&true.into(), &serde_json::json!({})));
    let app_hash: AppHash = made["app_hash"].as_str().unwrap().parse().unwrap();
    assert_eq!(Store::open(&home.join("data/app.db")).unwrap().root().unwrap(), app_hash);
    assert_eq!(refused(&["debug", "compare", &mine, own]).0, 2);
}

#[test]
fn a_node_that_is_reset_keeps_its_keys_and_begins_with_the_genesis() {
    let _only = only_network();
    let folder = tempfile::tempdir().unwrap();
    let sender = Sender::new(1);
    let mut network = one(folder.path(), &sender);
    let client = network.node(0).gateway().clone();
    ok(network.wait_height(4, PATIENCE));
    pay(&mut network, &sender, 5);
    let home = network.node(0).home().to_owned();
    let own = home.to_str().unwrap();
    assert_eq!(refused(&["unsafe-reset", "--home", own, "--yes"]), (1, "running".into()));
    ok(network.node(0).stop());
    assert_eq!(refused(&["unsafe-reset", "--home", own]), (2, "unconfirmed".into()));
    assert!(home.join("data/app.db/CURRENT").exists(), "it was not confirmed");

    let kept = [
        "config/node_key.json",
        "config/priv_validator_key.json",
        "config/genesis.json",
        "config/assayd.toml",
    ];
    let files = || kept.map(|name| std::fs::read(home.join(name)).unwrap());
    let votes = || std::fs::read_to_string(home.join("data/priv_validator_state.json")).unwrap();
    let (before, signed) = (files(), votes());
    assert_eq!(done(&["snapshots", "create", "--home", own])["chain_id"], network.chain_id());
    let reset = done(&["unsafe-reset", "--home", own, "--yes", "--keep-snapshots"]);
    assert_eq!(reset["signing_state"], "kept");
    assert_eq!((files(), votes()), (before.clone(), signed));
    for gone in ["app.db", "blockstore.db", "state.db", "cs.wal"] {
        assert!(!home.join("data").join(gone).exists(), "{gone} is still there");
    }
    assert!(home.join("data/snapshots").exists() && home.join("data/comet.log").exists());
    let reset = done(&["unsafe-reset", "--home", own, "--yes", "--reset-signing-state"]);
    assert_eq!((&reset["signing_state"], files()), (&"reset".into(), before));
    assert!(!home.join("data/snapshots").exists());
    restart(&mut network, 2);
    assert_eq!(ok(client.account(&sender.address())).balance, FUNDS);
    pay(&mut network, &sender, 5);
    ok(network.stop());
}
