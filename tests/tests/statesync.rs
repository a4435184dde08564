//! A real validator that has nothing, and gets its state from a snapshot of its peers.

use crate::network::{PATIENCE, ok};
use crate::sender::Sender;
use crate::support::{only_network, wallet};
use assay::client::Client;
use assay_netlab::{Binaries, Network, Node, Options};
use assay_store::snapshot::Folder;
use assay_types::amount::Amount;
use assay_types::api::StateSyncInfo;
use assay_types::hash::{AppHash, ModelId};
use assay_types::message::{Infer, Message};
use assay_types::tensor::{NamedTensor, Tensor};
use serde_json::Value;
use std::process::Command;
use std::time::{Duration, Instant};

/// The validator that is not there at first.
const LATE: usize = 3;
/// Finding peers' snapshots, restoring one, and the blocks that were made meanwhile.
const SYNC: Duration = Duration::from_secs(120);

/// Four validators' homes, of which three run, with snapshots every few blocks.
fn three_of_four(folder: &std::path::Path, sender: &Sender) -> Network {
    let _warm = wallet();
    let mut options = Options::new(folder.join("network"), ok(Binaries::find()));
    options.accounts = vec![(sender.address(), Amount(1_000_000_000_000))];
    options.settings = vec!["snapshots.interval=10".into(), "comet.timeout_commit_ms=500".into()];
    let mut network = ok(Network::init(options));
    for node in &mut network.nodes_mut()[..LATE] {
        ok(node.start());
    }
    for node in &mut network.nodes_mut()[..LATE] {
        ok(node.wait_ready(SYNC));
    }
    ok(network.wait_height(2, PATIENCE));
    network
}

fn infer(client: &Client, sender: &Sender, model: ModelId, first: f32) -> assay_types::hash::TxHash {
    let tensor = Tensor::from_f32(vec![2, 4], &[first, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]).unwrap();
    let inputs = vec![NamedTensor { name: "X".into(), tensor }];
    let message = Message::Infer(Infer { model, inputs, expect_output_hash: None });
    let hash = ok(client.submit(&sender.tx(client, vec![message])));
    assert_eq!(ok(client.wait(&hash, PATIENCE)).code, 0);
    hash
}

/// The latest snapshot of a node, once it is of that height or above.
fn snapshot_from(client: &Client, height: u64) -> StateSyncInfo {
    let end = Instant::now() + PATIENCE;
    loop {
        let status = ok(client.status());
        if let Some(found) = status.state_sync.filter(|found| found.snapshot_height >= height) {
            return found;
        }
        assert!(Instant::now() < end, "no snapshot of height {height} or above");
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// What `assayd` prints as JSON.
pub fn assayd(words: &[&str]) -> Value {
    let output = Command::new(ok(Binaries::find()).assayd).args(words).arg("--json").output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{words:?}: {error}: {text}"))
}

/// Waits for a block of this proposer above a height; its height.
fn proposed_after(network: &mut Network, address: &str, height: u64) -> u64 {
    for height in height + 1..height + 20 {
        ok(network.wait_height(height, PATIENCE));
        if ok(network.node(0).gateway().block(Some(height))).proposer == address {
            return height;
        }
    }
    panic!("{address} has proposed nothing in 20 blocks after height {height}");
}

fn votes(network: &Network, tx: &assay_types::hash::TxHash, address: &str) -> bool {
    let bundle = ok(network.nodes()[0].gateway().wait_bundle(tx, 0, PATIENCE));
    bundle.signed_header["commit"]["signatures"].to_string().contains(address)
}

/// Puts a snapshot into a node's folder that says another height and root than it has. (The height alone would be true:
/// a block without transactions keeps the root.)
fn forge(node: &Node, of: u64, says: u64) {
    let folder = Folder::new(node.home().join("data/snapshots"));
    let made = folder.get(of).unwrap_or_else(|error| panic!("{error}"));
    let forged = node.home().join(format!("data/snapshots/{says}"));
    std::fs::create_dir(&forged).unwrap();
    for entry in std::fs::read_dir(&made.path).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), forged.join(entry.file_name())).unwrap();
    }
    let app_hash = AppHash([7; 32]);
    let manifest = assay_store::snapshot::Manifest { height: says, app_hash, ..made.manifest };
    std::fs::write(forged.join("manifest"), manifest.encode()).unwrap();
}

fn sync_flags(network: &Network, info: &StateSyncInfo) -> Vec<String> {
    let rpc: Vec<String> =
        network.nodes()[..2].iter().map(|node| format!("127.0.0.1:{}", node.ports().rpc)).collect();
    let settings = [
        "state_sync.enabled=true".to_owned(),
        format!("state_sync.rpc_servers={}", rpc.join(",")),
        format!("state_sync.trust_height={}", info.trust_height),
        format!("state_sync.trust_hash={}", info.trust_hash),
        "state_sync.discovery_s=5".to_owned(),
    ];
    settings.into_iter().flat_map(|setting| ["--set".to_owned(), setting]).collect()
}

#[test]
fn a_fresh_validator_joins_by_state_sync_past_a_liar_and_votes_and_proposes_at_once() {
    let _only = only_network();
    let folder = tempfile::tempdir().unwrap();
    let sender = Sender::new(1);
    let mut network = three_of_four(folder.path(), &sender);
    let client = network.node(0).gateway().clone();
    let model = sender.publish_iris(&client);
    let before = infer(&client, &sender, model, 0.5);
    let made_at = ok(client.wait(&before, PATIENCE)).height;
    let info = snapshot_from(&client, made_at);
    let listed = assayd(&["snapshots", "list", "--home", network.node(0).home().to_str().unwrap()]);
    assert_eq!(listed["snapshots"][0]["chain_id"], network.chain_id());
    // One of the three lies, and its lie looks best. The light client needs two more headers.
    let lie = info.snapshot_height + 1;
    snapshot_from(network.node(2).gateway(), info.snapshot_height);
    forge(network.node(2), info.snapshot_height, lie);
    ok(network.wait_height(lie + 2, PATIENCE));

    let flags = sync_flags(&network, &info);
    let late = network.node(LATE);
    let home = late.home().to_owned();
    let key: Value =
        serde_json::from_slice(&std::fs::read(home.join("config/priv_validator_key.json")).unwrap()).unwrap();
    let address = key["address"].as_str().unwrap().to_owned();
    late.set_flags(&flags.iter().map(String::as_str).collect::<Vec<_>>());
    ok(late.start());
    ok(late.wait_ready(SYNC));
    let joined_at = ok(network.height());
    ok(network.node(LATE).wait_height(joined_at, SYNC));

    // It has no block from before the snapshot, and all of the state.
    let late = network.node(LATE).gateway().clone();
    assert!(late.block(Some(1)).is_err(), "it got all blocks, not a snapshot");
    let log = std::fs::read_to_string(network.node(LATE).log()).unwrap();
    assert!(log.contains("the state is the snapshot's"), "{log}");
    assert!(log.contains("a snapshot that was offered is refused"), "nobody was refused: {log}");
    let comet = std::fs::read_to_string(home.join("data/comet.log")).unwrap();
    assert!(comet.contains("Snapshot sender rejected"), "the liar was not rejected");
    assert_eq!(ok(late.account(&sender.address())), ok(client.account(&sender.address())));
    assert_eq!(ok(late.model(&model)), ok(client.model(&model)));
    assert!(!home.join("data/app.db.restore").exists() && !home.join("data/app.db.old").exists());

    let joined_at = ok(network.height());
    let proposed = proposed_after(&mut network, &address, joined_at);
    // A commit has the votes that came in time: more than two thirds, and not always this one.
    let mut inferences = (1..=12u8).map(|number| infer(&late, &sender, model, f32::from(number)));
    assert!(inferences.any(|tx| votes(&network, &tx, &address)), "it votes for none of twelve blocks");
    ok(network.agreed_root(PATIENCE));
    assert!(proposed > joined_at && ok(late.block(Some(proposed))).proposer == address);

    // The same settings again: it has a state, and goes on from it.
    assert!(ok(network.node(LATE).stop()).success());
    ok(network.node(LATE).start());
    ok(network.node(LATE).wait_ready(SYNC));
    let height = ok(network.height());
    ok(network.wait_height(height + 2, SYNC));
    ok(network.agreed_root(PATIENCE));
    // Its own snapshots are offered too.
    snapshot_from(&late, info.snapshot_height + 1);
    ok(network.stop());
}

/// A state without blocks can be carried on, though not gone on from.
fn looked_at(folder: &std::path::Path, node: &Node, file: &str, height: u64) {
    let (home, output) = (folder.join("looker"), folder.join("looked.json"));
    let (home, output) = (home.to_str().unwrap(), output.to_str().unwrap());
    let genesis = node.genesis();
    let genesis = genesis.to_str().unwrap();
    assayd(&["init", "looker", "--chain-id", "assay-netlab", "--genesis", genesis, "--home", home]);
    let restored = assayd(&["snapshots", "restore", file, "--without-blocks", "--home", home]);
    assert_eq!(restored["height"], height, "{restored}");
    let exported = assayd(&["export", "--home", home, "--output", output]);
    assert_eq!((&exported["height"], &exported["models"]), (&height.into(), &1.into()), "{exported}");
}

#[test]
fn a_state_that_is_lost_is_restored_from_a_file_and_the_rest_is_replayed() {
    let _only = only_network();
    let folder = tempfile::tempdir().unwrap();
    let sender = Sender::new(1);
    let mut network = three_of_four(folder.path(), &sender);
    let client = network.node(0).gateway().clone();
    let model = sender.publish_iris(&client);
    let sealed_at = ok(network.height());
    let info = snapshot_from(&client, sealed_at);
    let home = network.node(0).home().to_str().unwrap().to_owned();
    let file = folder.path().join("state.snapshot");
    let (height, file) = (info.snapshot_height.to_string(), file.to_str().unwrap());
    // Beside the running node: reading is allowed, opening the state is not.
    let exported = assayd(&["snapshots", "export", &height, "--output", file, "--home", &home]);
    assert_eq!(exported["height"], info.snapshot_height);
    let refused = assayd(&["snapshots", "create", "--home", &home]);
    assert_eq!(refused["error"]["name"], "running");
    let hint = refused["error"]["hint"].as_str().unwrap();
    assert!(hint.contains("stop the node") && hint.contains("makes snapshots itself"), "{refused}");

    let lost = network.node(1).home().to_owned();
    ok(network.node(1).stop());
    let listed = assayd(&["snapshots", "list", "--home", lost.to_str().unwrap()]);
    for made in listed["snapshots"].as_array().unwrap() {
        let height = made["height"].to_string();
        let deleted = assayd(&["snapshots", "delete", &height, "--home", lost.to_str().unwrap()]);
        assert_eq!(deleted["deleted"], made["height"]);
    }
    let created = assayd(&["snapshots", "create", "--home", lost.to_str().unwrap()]);
    assert!(created["height"].as_u64() >= Some(info.snapshot_height), "{created}");
    let taken = assayd(&["snapshots", "restore", file, "--home", lost.to_str().unwrap()]);
    assert_eq!(taken["error"]["name"], "has_state", "{taken}");
    std::fs::remove_dir_all(lost.join("data/app.db")).unwrap();
    let blocks = [lost.join("data/blockstore.db"), lost.join("data/blocks.away")];
    std::fs::rename(&blocks[0], &blocks[1]).unwrap();
    let bare = assayd(&["snapshots", "restore", file, "--home", lost.to_str().unwrap()]);
    assert_eq!(bare["error"]["name"], "no_blocks", "{bare}");
    std::fs::rename(&blocks[1], &blocks[0]).unwrap();
    looked_at(folder.path(), network.node(0), file, info.snapshot_height);
    let wrong = "0".repeat(64);
    let wrong = ["snapshots", "restore", file, "--app-hash", &wrong, "--home", lost.to_str().unwrap()];
    assert_eq!(assayd(&wrong)["error"]["name"], "bad_snapshot");
    let restored = assayd(&["snapshots", "restore", file, "--home", lost.to_str().unwrap()]);
    assert_eq!((&restored["height"], &restored["app_hash"]), (&exported["height"], &exported["app_hash"]));

    // CometBFT still has the blocks after it, and executes them again.
    ok(network.node(1).start());
    ok(network.node(1).wait_ready(SYNC));
    let height = ok(network.height());
    ok(network.wait_height(height + 2, SYNC));
    ok(network.agreed_root(PATIENCE));
    let other = network.node(1).gateway().clone();
    assert_eq!(ok(other.model(&model)), ok(client.model(&model)));
    ok(network.stop());
}
