//! Four real validators, hurt and healed.

use crate::sender::Sender;
use crate::support::{funded_wallet, only_network, repository, start_network};
use assay_netlab::{Network, Node, Wallet};
use assay_types::amount::Amount;
use assay_types::hash::TxHash;
use assay_types::message::{Message, Transfer};
use serde_json::Value;
use std::ffi::OsStr;
use std::time::Duration;

/// A minute: CometBFT's own time-outs after a validator went, on two busy cores.
pub const PATIENCE: Duration = Duration::from_secs(60);

pub fn ok<T, E: std::fmt::Display>(result: Result<T, E>) -> T {
    result.unwrap_or_else(|error| panic!("{error}"))
}

fn tx_hash(answer: &Value) -> TxHash {
    ok(ok(assay_netlab::wallet::text(answer, "tx_hash")).parse::<TxHash>())
}

/// The chain goes on without the node at `down`, and takes a transfer meanwhile.
pub fn goes_on(network: &mut Network, sender: &Sender, down: usize) -> TxHash {
    let height = ok(network.height());
    ok(network.wait_height(height + 2, PATIENCE));
    let witness = (down + 1) % network.nodes().len();
    let client = network.node(witness).gateway().clone();
    let message = Message::Transfer(Transfer { to: Sender::new(200).address(), amount: Amount(7) });
    let tx = sender.tx(&client, vec![message]);
    let hash = ok(client.submit(&tx));
    assert_eq!(ok(client.wait(&hash, PATIENCE)).code, 0);
    hash
}

/// A node that was down starts again and reaches the others.
pub fn comes_back(network: &mut Network, index: usize) {
    let height = ok(network.height());
    let node: &mut Node = network.node(index);
    ok(node.start());
    ok(node.wait_ready(PATIENCE));
    ok(node.wait_height(height, PATIENCE));
    ok(network.wait_height(height + 2, PATIENCE));
}

fn publish(wallet: &Wallet) -> String {
    let model = repository().join("tools/models/digits.onnx");
    let arguments = [
        OsStr::new("model"),
        OsStr::new("publish"),
        model.as_os_str(),
        OsStr::new("--name"),
        OsStr::new("digits"),
    ];
    ok(assay_netlab::wallet::text(&ok(wallet.run(arguments)), "model_id")).to_owned()
}

fn infer(wallet: &Wallet, model: &str, digit: u32) -> TxHash {
    let scan = repository().join(format!("tools/models/digits/{digit}.npz"));
    let arguments = [OsStr::new("infer"), OsStr::new(model), OsStr::new("--inputs"), scan.as_os_str()];
    tx_hash(&ok(wallet.run(arguments)))
}

/// Every node says the same of every transaction, of every inference's receipt, and of every header.
pub fn all_agree(network: &Network, txs: &[TxHash], inferences: &[TxHash]) {
    let (height, _) = ok(network.agreed_root(PATIENCE));
    let clients: Vec<_> = network.nodes().iter().map(Node::gateway).collect();
    for tx in txs.iter().chain(inferences) {
        let first = ok(clients[0].wait(tx, PATIENCE));
        assert_eq!(first.code, 0, "{first:?}");
        for client in &clients[1..] {
            assert_eq!(ok(client.wait(tx, PATIENCE)), first);
        }
    }
    for tx in inferences {
        let first = ok(clients[0].wait_bundle(tx, 0, PATIENCE));
        for client in &clients[1..] {
            let other = ok(client.wait_bundle(tx, 0, PATIENCE));
            // The commits may hold other votes; what they sign is one header.
            let parts = |b: &assay_types::bundle::Bundle| {
                let header = b.signed_header["header"].clone();
                (b.receipt.clone(), b.proof.clone(), b.input.clone(), b.output.clone(), header)
            };
            assert_eq!(parts(&other), parts(&first));
        }
    }
    for height in 1..=height {
        let first = ok(clients[0].block(Some(height)));
        for client in &clients[1..] {
            assert_eq!(ok(client.block(Some(height))), first);
        }
    }
}

#[test]
fn four_validators_survive_a_kill_of_each_process_and_agree_on_everything() {
    let _only = only_network();
    let folder = tempfile::tempdir().unwrap();
    let sender = Sender::new(1);
    let (wallet, mut network) = funded_wallet(folder.path(), "publisher", 4, &[sender.address()]);

    let model = publish(&wallet);
    // The others may still be at the block before.
    let sealed_at = ok(network.height());
    ok(network.wait_height(sealed_at, PATIENCE));
    let mut inferences = vec![infer(&wallet.at(network.node(1).gateway().url()), &model, 3)];
    let to = Sender::new(201).address().to_string();
    let mut txs = vec![tx_hash(&ok(wallet.run(["send", to.as_str(), "1000"])))];

    ok(network.node(3).kill_assayd(PATIENCE));
    txs.push(goes_on(&mut network, &sender, 3));
    comes_back(&mut network, 3);

    let status = ok(network.node(2).kill_comet(PATIENCE));
    assert!(!status.success(), "assayd ended with {status} after its CometBFT was killed");
    txs.push(goes_on(&mut network, &sender, 2));
    inferences.push(infer(&wallet, &model, 8));
    comes_back(&mut network, 2);

    all_agree(&network, &txs, &inferences);
    let mut processes = Vec::new();
    for node in network.nodes_mut() {
        processes.extend([ok(node.assayd()), ok(node.comet())]);
    }
    ok(network.stop());
    assert!(processes.iter().all(|process| !process.is_alive()));
}

#[test]
fn a_network_that_stops_and_starts_keeps_its_state_and_a_dropped_one_leaves_nothing() {
    let _only = only_network();
    let folder = tempfile::tempdir().unwrap();
    let sender = Sender::new(1);
    let mut network = start_network(folder.path(), 1, &[sender.address()]);
    let client = network.node(0).gateway().clone();
    let model = sender.publish_iris(&client);
    let before = (ok(client.account(&sender.address())), ok(client.model(&model)));
    assert!(before.1.is_some());

    ok(network.stop());
    ok(network.start_all());
    assert_eq!((ok(client.account(&sender.address())), ok(client.model(&model))), before);
    let processes = [ok(network.node(0).assayd()), ok(network.node(0).comet())];
    drop(network);
    assert!(processes.iter().all(|process| process.wait_gone(Duration::from_secs(5))));
}
