//! A real network in which one validator forgets and the other keeps everything.

use crate::network::{PATIENCE, ok};
use crate::support::{only_network, wallet};
use assay::client::Client;
use assay_netlab::{Binaries, Network, Options};
use assay_types::proof::{verify_absence, verify_existence};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use std::path::Path;
use std::time::Instant;

/// Heights that the forgetful validator keeps.
const WINDOW: u64 = 10;

fn start(dir: &Path) -> Network {
    let _warm = wallet();
    let mut options = Options::new(dir.join("network"), ok(Binaries::find()));
    options.validators = 2;
    options.settings = vec!["comet.timeout_commit_ms=100".into()];
    let mut network = ok(Network::init(options));
    network.node(0).set_flags(&["--set", &format!("state.retain_heights={WINDOW}")]);
    network.node(1).set_flags(&["--set", "state.archive=true"]);
    ok(network.start_all());
    network
}

fn oldest(client: &Client) -> u64 {
    ok(client.status()).kept.unwrap().oldest
}

/// Waits until a node keeps nothing below a height.
fn wait_oldest(client: &Client, height: u64) {
    let deadline = Instant::now() + PATIENCE;
    while oldest(client) < height {
        assert!(Instant::now() < deadline, "the oldest height is {}", oldest(client));
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}

/// CometBFT's answer to a query of ours, and the value and the proof in it.
fn abci_query(port: u16, key: &str, height: u64) -> (u64, Vec<u8>, Vec<u8>) {
    let key: String = key.bytes().map(|byte| format!("{byte:02x}")).collect();
    let query = format!("path=%22/store%22&data=0x{key}&height={height}&prove=true");
    let mut answer = ureq::get(format!("http://127.0.0.1:{port}/abci_query?{query}")).call().unwrap();
    let answer: Value = answer.body_mut().read_json().unwrap();
    let response = &answer["result"]["response"];
    let bytes = |value: &Value| STANDARD.decode(value.as_str().unwrap_or_default()).unwrap();
    let proof = bytes(&response["proofOps"]["ops"][0]["data"]);
    (response["code"].as_u64().unwrap(), bytes(&response["value"]), proof)
}

#[test]
fn a_validator_that_prunes_agrees_with_an_archive_and_comes_back_after_a_kill() {
    let _only = only_network();
    let folder = tempfile::tempdir().unwrap();
    let mut network = start(folder.path());
    let [pruned, archive] = [0, 1].map(|index| network.nodes()[index].gateway().clone());
    wait_oldest(&pruned, 12);
    // The block is gone from CometBFT, the height from the state; the archive has both.
    assert_eq!(pruned.state(b"supply", Some(3)).unwrap_err().name(), "height_pruned");
    assert!(ok(archive.state(b"supply", Some(3))).value.is_some());
    assert!(pruned.block(Some(3)).is_err());
    assert_eq!(ok(archive.block(Some(3))).height, 3);
    assert_eq!((oldest(&archive), ok(archive.status()).disk["nodes"] > 0), (0, true));
    // What both keep is the same, and proven against the header of the height after.
    let height = ok(pruned.status()).heights.application - 2;
    let both = [&pruned, &archive].map(|client| ok(client.state(b"supply", Some(height))));
    assert_eq!((&both[0].proof, both[0].root), (&both[1].proof, both[1].root));
    let root = ok(archive.block(Some(height + 1))).app_hash;
    assert_eq!(root, both[0].root);
    let rpc = network.nodes()[1].ports().rpc;
    let (code, value, proof) = abci_query(rpc, "supply", height);
    assert_eq!((code, verify_existence(&root, b"supply", &value, &proof)), (0, Ok(())));
    let (code, value, proof) = abci_query(rpc, "nothing", height);
    assert_eq!((code, value.len(), verify_absence(&root, b"nothing", &proof)), (0, 0, Ok(())));
    assert_eq!(abci_query(network.nodes()[0].ports().rpc, "supply", 3).0, 3);
    // A kill in the middle of it, and the validator goes on, and forgets on.
    for _ in 0..3 {
        let before = oldest(&pruned);
        ok(network.node(0).kill_assayd(PATIENCE));
        ok(network.node(0).start());
        ok(network.node(0).wait_ready(PATIENCE));
        wait_oldest(&pruned, before + 5);
    }
    ok(network.agreed_root(PATIENCE));
    ok(network.stop());
}
