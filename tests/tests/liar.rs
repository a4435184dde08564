//! A real validator that proposes lies, blocks over a budget and garbage: it wastes its own rounds and nothing else.

use crate::network::{PATIENCE, all_agree, goes_on, ok};
use crate::sender::Sender;
use crate::support::{only_network, wallet};
use assay_netlab::{Binaries, Network, Options, command};
use assay_types::amount::Amount;
use assay_types::api::Status;
use assay_types::hash::{ModelId, TxHash};
use assay_types::message::{Infer, Message};
use assay_types::tensor::{NamedTensor, Tensor};
use serde_json::Value;
use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// The node that lies.
const LIAR: usize = 3;
/// Its lies in turn, and the names that validators have for them. The first two need inferences that wait.
const LIES: [(&str, &str); 11] = [
    ("over_budget", "over_budget"),
    ("outcome", "outcome"),
    ("no_claim", "no_claim"),
    ("bad_claim", "bad_claim"),
    ("second_claim", "second_claim"),
    ("claim_height", "claim_height"),
    ("claim_engine", "claim_engine"),
    ("outcome_count", "outcome_count"),
    ("units", "units"),
    ("state_root", "state_root"),
    ("garbage", "not_admissible"),
];
/// Inferences that wait at once, two of which fit a block.
const INFERENCES: u8 = 24;

/// Writes a parameter into every home's genesis document.
fn set_param(network: &Network, name: &str, value: u64) {
    for node in network.nodes() {
        let mut doc: Value = serde_json::from_slice(&std::fs::read(node.genesis()).unwrap()).unwrap();
        assert!(!doc["app_state"]["params"][name].is_null(), "{doc}");
        doc["app_state"]["params"][name] = value.into();
        std::fs::write(node.genesis(), doc.to_string()).unwrap();
    }
}

fn start(dir: &Path, sender: &Sender) -> Network {
    let _warm = wallet();
    let mut options = Options::new(dir.join("network"), ok(Binaries::find()));
    options.accounts = vec![(sender.address(), Amount(1_000_000_000_000))];
    options.settings = vec!["metrics.enabled=true".into(), "comet.timeout_commit_ms=200".into()];
    let mut network = ok(Network::init(options));
    set_param(&network, "max_block_inferences", 2);
    let lies: Vec<&str> = LIES.iter().map(|(lie, _)| *lie).collect();
    network.node(LIAR).set_flags(&["--lying-proposals", &lies.join(",")]);
    ok(network.start_all());
    network
}

fn inference(model: ModelId, seed: u8) -> Message {
    let values: Vec<f32> = (0..8u8).map(|at| f32::from(at + seed) / 4.0).collect();
    let tensor = Tensor::from_f32(vec![2, 4], &values).unwrap();
    let inputs = vec![NamedTensor { name: "X".into(), tensor }];
    Message::Infer(Infer { model, inputs, expect_output_hash: None })
}

/// Makes more inferences wait than fit a few blocks.
fn flood(network: &Network, sender: &Sender, model: ModelId, from: u8) -> Vec<TxHash> {
    let client = network.nodes()[0].gateway();
    let send = |seed| ok(client.submit(&sender.tx(client, vec![inference(model, seed)])));
    (from..from + INFERENCES).map(send).collect()
}

fn statuses(network: &Network) -> Vec<Status> {
    network.nodes()[..LIAR].iter().map(|node| ok(node.gateway().status())).collect()
}

/// What a node's page of metrics says.
fn metrics(port: u16) -> String {
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").unwrap();
    let mut page = String::new();
    stream.read_to_string(&mut page).unwrap();
    page
}

/// Each honest node has refused each lie, and says so in its log, its metrics, and to who asks for its status.
fn refusals_are_visible(network: &Network, status: &Status, index: usize) {
    let node = &network.nodes()[index];
    let log = std::fs::read_to_string(node.log()).unwrap();
    let page = metrics(node.ports().metrics);
    let url = node.gateway().url();
    let assayd = &network.binaries().assayd;
    let shown = ok(command::run(Command::new(assayd).args(["status", "--node", url]), PATIENCE));
    for (_, kind) in LIES {
        let count = status.refused[kind];
        assert!(count > 0 && shown.contains(kind), "{kind}: {shown}");
        let line = format!("assay_proposals_refused_total{{kind=\"{kind}\"}}");
        assert!(page.contains(&line), "{line} is not in\n{page}");
        let said =
            |line: &&str| line.contains("a proposal is refused") && line.contains(&format!("\"{kind}\""));
        assert!(
            log.lines().filter(said).count() as u64 >= count,
            "{kind} is not in the log of {}",
            node.name()
        );
    }
    let last = status.last_refused.as_ref().unwrap();
    assert!(shown.contains(&last.proposer), "{shown}");
}

#[test]
fn a_validator_that_proposes_lies_wastes_its_own_rounds_and_no_wrong_state_is_committed() {
    let _only = only_network();
    let folder = tempfile::tempdir().unwrap();
    let sender = Sender::new(1);
    let mut network = start(folder.path(), &sender);
    let client = network.node(0).gateway().clone();
    let model = sender.publish_iris(&client);

    let mut inferences = flood(&network, &sender, model, 0);
    let expected: BTreeSet<&str> = LIES.iter().map(|(_, kind)| *kind).collect();
    let end = Instant::now() + 4 * PATIENCE;
    let statuses = loop {
        let statuses = statuses(&network);
        let all = |status: &Status| expected.iter().all(|kind| status.refused.contains_key(*kind));
        if statuses.iter().all(all) {
            break statuses;
        }
        let counts: Vec<_> = statuses.iter().map(|status| &status.refused).collect();
        assert!(Instant::now() < end, "some lies were never told or never refused: {counts:?}");
        // A slow machine may have missed the moment at which many waited.
        let missed = !statuses.iter().all(|status| status.refused.contains_key("outcome"));
        if missed && client.wait(inferences.last().unwrap(), Duration::from_millis(100)).is_ok() {
            inferences.extend(flood(&network, &sender, model, inferences.len() as u8));
        }
        std::thread::sleep(Duration::from_millis(200));
    };
    let key = std::fs::read(network.node(LIAR).home().join("config/priv_validator_key.json")).unwrap();
    let key: Value = serde_json::from_slice(&key).unwrap();
    for (index, status) in statuses.iter().enumerate() {
        refusals_are_visible(&network, status, index);
        assert_eq!(key["address"], status.last_refused.as_ref().unwrap().proposer);
        assert!(status.refused.keys().all(|kind| expected.contains(kind.as_str())), "{:?}", status.refused);
    }

    let txs = vec![goes_on(&mut network, &sender, LIAR)];
    // The liar's own state is as everybody's.
    all_agree(&network, &txs, &inferences);
    let height = ok(network.height()) - 1;
    for height in 1..height {
        let (block, next) = (ok(client.block(Some(height))), ok(client.block(Some(height + 1))));
        assert_eq!(block.claim.map(|claim| claim.state_root), Some(next.app_hash), "block {height}");
    }
    ok(network.stop());
}
