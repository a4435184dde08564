//! CometBFT's own places to die at: around its log, its blocks, its state, and the calls of FinalizeBlock and Commit.
//!
//! `FAIL_TEST_INDEX=n` ends it at the n-th place that it comes to, counted over heights: 0 to 30 are every place at
//! three heights, and those of the replay after the death before.

use crate::load::Load;
use crate::network::{PATIENCE, ok};
use crate::sender::Sender;
use crate::support::{only_network, wallet};
use crate::witness::Witness;
use assay_netlab::{Binaries, Network, Options};
use assay_types::amount::Amount;
use std::path::Path;

const LAST: u32 = 30;

/// One validator whose blocks come fast, not started yet. The accounts of two senders have money.
pub fn one_validator(dir: &Path, settings: &[&str]) -> Network {
    let _warm = wallet();
    let mut options = Options::new(dir.join("network"), ok(Binaries::find()));
    options.validators = 1;
    options.accounts = [1, 2].map(|seed| (Sender::new(seed).address(), Amount(1_000_000_000_000))).into();
    options.settings = settings.iter().map(|setting| (*setting).to_owned()).collect();
    options.settings.push("comet.timeout_commit_ms=100".into());
    ok(Network::init(options))
}

/// Starts the node, and lets it make so many blocks.
pub fn run_on(network: &mut Network, blocks: u64) {
    let node = network.node(0);
    ok(node.start());
    ok(node.wait_ready(PATIENCE));
    let height = ok(node.gateway().status()).heights.application;
    ok(node.wait_height(height + blocks, PATIENCE));
}

/// Starts the node once more: it makes blocks, each as the witness computes it, and has all that was ever reported.
pub fn is_whole(network: &mut Network, witness: &mut Witness, load: Load) {
    run_on(network, 5);
    let reported = load.stop();
    witness.follow(network.node(0));
    witness.has(&reported);
    assert!(!reported.is_empty(), "nothing was ever reported as committed");
    println!("{} transactions reported, {} heights", reported.len(), witness.height());
    ok(network.stop());
}

#[test]
fn cometbft_dies_at_each_of_its_places_and_nothing_that_was_reported_is_lost() {
    let _only = only_network();
    let folder = tempfile::tempdir().unwrap();
    let mut network = one_validator(folder.path(), &[]);
    let mut witness = Witness::of(network.node(0));
    let load = Load::start(network.node(0).gateway(), 1);
    for index in 0..=LAST {
        let node = network.node(0);
        node.set_variables(&[("FAIL_TEST_INDEX", &index.to_string())]);
        ok(node.start());
        let status = ok(node.wait_end(PATIENCE));
        assert_eq!(status.code(), Some(1), "index {index}: {status}");
        let said = std::fs::read_to_string(node.home().join("data/comet.log")).unwrap();
        let deaths: Vec<&str> = said.lines().filter(|line| line.starts_with("*** fail-test ")).collect();
        let last = format!("*** fail-test {index} ***");
        assert_eq!((deaths.len(), deaths.last()), (index as usize + 1, Some(&last.as_str())));
    }
    network.node(0).set_variables(&[]);
    is_whole(&mut network, &mut witness, load);
}
