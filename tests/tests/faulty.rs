//! A real validator whose engine gets a bit wrong: found out before a vote is counted, and by itself.

use crate::network::{PATIENCE, all_agree, comes_back, goes_on, ok};
use crate::sender::Sender;
use crate::support::{only_network, start_network};
use assay_netlab::Network;
use assay_types::hash::{ModelId, TxHash};
use assay_types::message::{Infer, Message};
use assay_types::tensor::{NamedTensor, Tensor};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// The node that is broken.
const BROKEN: usize = 3;
const VALIDATORS: u64 = 4;
/// How often its turn to propose may be missed.
const ATTEMPTS: u8 = 6;

fn read(path: &std::path::Path) -> Value {
    let text = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_slice(&text).unwrap()
}

/// An inference that nobody has made yet.
fn inference(model: ModelId, seed: u8) -> Message {
    let values: Vec<f32> = (0..8u8).map(|at| f32::from(at + seed) / 4.0).collect();
    let tensor = Tensor::from_f32(vec![2, 4], &values).unwrap();
    let inputs = vec![NamedTensor { name: "X".into(), tensor }];
    Message::Infer(Infer { model, inputs, expect_output_hash: None })
}

/// Heights at which a validator is the first to propose, modulo their number: validators of equal power take
/// turns, whatever happened at a height.
fn turn_of(network: &Network, address: &str) -> u64 {
    let client = network.nodes()[0].gateway();
    let height = ok(client.status()).heights.chain;
    let mut counts: BTreeMap<u64, u32> = BTreeMap::new();
    for height in 1..=height {
        if ok(client.block(Some(height))).proposer == address {
            *counts.entry(height % VALIDATORS).or_default() += 1;
        }
    }
    let most = counts.iter().max_by_key(|(_, count)| **count);
    *most.unwrap_or_else(|| panic!("{address} has proposed nothing in {height} blocks")).0
}

fn restart(network: &mut Network, flags: &[&str]) {
    let height = ok(network.height());
    let node = network.node(BROKEN);
    if node.assayd().is_ok() {
        ok(node.stop());
    }
    node.set_flags(flags);
    ok(node.start());
    ok(node.wait_ready(PATIENCE));
    ok(node.wait_height(height, PATIENCE));
}

/// Waits until the broken node is at the height before its turn to propose.
fn await_turn(network: &mut Network, turn: u64) {
    let client = network.node(BROKEN).gateway().clone();
    let end = Instant::now() + PATIENCE;
    let mut last = ok(client.status()).heights.application;
    loop {
        let height = ok(client.status()).heights.application;
        // Only at the moment when it gets there: later there may be no time left.
        if height != last && (height + 1) % VALIDATORS == turn {
            return;
        }
        last = height;
        assert!(Instant::now() < end, "the broken node stays at height {height}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Sends an inference to the broken node when it is its turn, and waits for what follows: the hash.
fn propose_wrongly(network: &mut Network, sender: &Sender, model: ModelId, turn: u64, seed: u8) -> TxHash {
    let client = network.node(BROKEN).gateway().clone();
    let tx = sender.tx(&client, vec![inference(model, seed)]);
    await_turn(network, turn);
    let hash = ok(client.submit(&tx));
    let witness = network.node(0).gateway().clone();
    assert_eq!(ok(witness.wait(&hash, PATIENCE)).code, 0);
    hash
}

/// The broken node has stopped itself and left a report about this inference.
fn stopped_with_a_report(network: &mut Network, model: ModelId, tx: &TxHash) {
    let height = ok(network.node(0).gateway().wait(tx, PATIENCE)).height;
    let node = network.node(BROKEN);
    let status = ok(node.wait_end(PATIENCE));
    assert_eq!(status.code(), Some(70), "it ended with {status}");
    let path = node.home().join(format!("data/divergence-{height}.json"));
    let report = read(&path);
    assert_eq!((&report["height"], &report["kind"]), (&height.into(), &"outcome".into()), "{report}");
    assert_eq!(report["job"]["tx_hash"], tx.to_string());
    assert_eq!(report["job"]["model"], model.to_string());
    assert!(report["job"]["plan"].is_string() && report["isa"]["used"].is_string(), "{report}");
    assert_ne!(report["job"]["claimed"], report["job"]["computed"]);
    assert_ne!(report["state_root"]["claimed"], report["state_root"]["computed"]);
    let log = std::fs::read_to_string(node.log()).unwrap();
    assert!(log.contains(&format!("divergence-{height}.json")) && log.contains("assayd selftest"));
}

#[test]
fn a_validator_with_a_wrong_bit_is_named_stops_itself_and_comes_back_mended() {
    let _only = only_network();
    let folder = tempfile::tempdir().unwrap();
    let sender = Sender::new(1);
    let mut network = start_network(folder.path(), VALIDATORS as usize, &[sender.address()]);
    let client = network.node(0).gateway().clone();
    let model = sender.publish_iris(&client);
    ok(network.wait_height(10, PATIENCE));
    let key = read(&network.node(BROKEN).home().join("config/priv_validator_key.json"));
    let address = key["address"].as_str().unwrap().to_owned();
    let turn = turn_of(&network, &address);

    let mut inferences = Vec::new();
    let refused = loop {
        let seed = u8::try_from(inferences.len()).unwrap();
        assert!(seed < ATTEMPTS, "the broken node was never the first to propose an inference");
        restart(&mut network, &["--faulty-engine"]);
        let tx = propose_wrongly(&mut network, &sender, model, turn, seed);
        stopped_with_a_report(&mut network, model, &tx);
        inferences.push(tx);
        let statuses = network.nodes()[..BROKEN].iter().map(|node| ok(node.gateway().status()));
        let refused: Vec<_> = statuses.filter_map(|status| status.last_refused).collect();
        let height = ok(client.wait(&tx, PATIENCE)).height;
        if refused.len() == BROKEN && refused.iter().all(|refused| refused.height == height) {
            break refused;
        }
        // Another proposer was faster: the replay must be right before it can be wrong again.
        restart(&mut network, &[]);
    };
    for refused in &refused {
        assert_eq!((refused.kind.as_str(), &refused.proposer), ("outcome", &address), "{refused:?}");
        assert!(refused.detail.contains(&model.to_string()), "{refused:?}");
    }

    let txs = vec![goes_on(&mut network, &sender, BROKEN)];
    network.node(BROKEN).set_flags(&[]);
    comes_back(&mut network, BROKEN);
    all_agree(&network, &txs, &inferences);
    ok(network.stop());
}
