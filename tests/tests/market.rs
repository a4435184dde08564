//! The fee market and the mempool's rules with a real CometBFT between them.

use crate::sender::Sender;
use crate::support::{only_network, wallet};
use assay::client::Client;
use assay_netlab::{Binaries, Network, Options};
use assay_types::amount::Amount;
use assay_types::api::TxInfo;
use assay_types::hash::TxHash;
use assay_types::limits::CHUNK_BYTES;
use assay_types::message::{Message, Transfer};
use assay_types::params::{CHUNK_UNITS_PER_BYTE, RECORD_UNITS, TX_UNITS};
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;

const WAIT: Duration = Duration::from_secs(60);
/// The smallest block there may be: five transfers fit it.
const BLOCK_UNITS: u64 = TX_UNITS + RECORD_UNITS + CHUNK_UNITS_PER_BYTE * CHUNK_BYTES as u64;

/// One validator with small and slow blocks, and prices that start above their floor.
fn start(dir: &Path, funded: &[&Sender]) -> Network {
    let _warm = wallet();
    let binaries = Binaries::find().unwrap_or_else(|error| panic!("{error}"));
    let mut options = Options::new(dir.join("network"), binaries);
    options.validators = 1;
    options.accounts = funded.iter().map(|sender| (sender.address(), Amount(1_000_000_000))).collect();
    let mut network = Network::init(options).unwrap_or_else(|error| panic!("{error}"));
    let node = network.node(0);
    let path = node.genesis();
    let mut genesis: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    genesis["app_state"]["params"]["max_block_units"] = json!(BLOCK_UNITS);
    genesis["app_state"]["params"]["min_prices"] = json!({"unit_price": 900, "byte_price": 90_000});
    std::fs::write(&path, genesis.to_string()).unwrap();
    node.set_flags(&["--set", "comet.timeout_commit_ms=4000"]);
    network.start_all().unwrap_or_else(|error| panic!("{error}"));
    network
}

/// Waits until a block has just been committed: what is sent now meets in the next one.
fn fresh_block(client: &Client) -> u64 {
    let height = || client.status().unwrap().heights.application;
    let before = height();
    loop {
        let now = height();
        if now > before {
            return now;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn transfer(client: &Client, sender: &Sender, nonce: u64, tip: u128) -> Vec<u8> {
    let to = Sender::new(99).address();
    let mut tx = sender.draft(client, vec![Message::Transfer(Transfer { to, amount: Amount(1) })]);
    (tx.nonce, tx.tip) = (nonce, Amount(tip));
    sender.sign(tx)
}

fn wait(client: &Client, hash: &TxHash) -> TxInfo {
    client.wait(hash, WAIT).unwrap_or_else(|error| panic!("{error}"))
}

/// A replacement comes in where the first one was, and what stands behind it follows in the same block.
fn replacement(client: &Client, sender: &Sender) {
    let [old, after, new] =
        [(0, 0), (1, 0), (0, 1_000)].map(|(nonce, tip)| transfer(client, sender, nonce, tip));
    fresh_block(client);
    let hashes = [&old, &after, &new].map(|tx| client.submit(tx).unwrap());
    let refused = client.submit(&transfer(client, sender, 0, 1_001)).unwrap_err();
    assert_eq!((refused.code(), refused.name()), (16, "replacement_too_cheap"));
    let (after, new) = (wait(client, &hashes[1]), wait(client, &hashes[2]));
    assert_eq!((after.code, new.code, new.tip), (0, 0, Amount(1_000)));
    assert_eq!((new.height, new.index + 1), (after.height, after.index));
    fresh_block(client);
    assert_eq!(client.tx(&hashes[0]).unwrap(), None, "the first one is in no block");
    assert_eq!(client.submit(&old).unwrap_err().code(), 9, "CometBFT has dropped it");
    assert_eq!(client.account(&sender.address()).unwrap().next_nonce, 2);
}

/// A full block takes the higher tips and makes the next one dearer; empty ones make it cheap again.
fn tips_and_prices(client: &Client, senders: &[Sender]) {
    let tips = [5u128, 70, 0, 30, 90, 10, 50];
    let txs: Vec<_> =
        senders.iter().zip(tips).map(|(sender, tip)| transfer(client, sender, 0, tip)).collect();
    fresh_block(client);
    let hashes: Vec<_> = txs.iter().map(|tx| client.submit(tx).unwrap()).collect();
    let found: Vec<_> = hashes.iter().map(|hash| wait(client, hash)).collect();
    let first = found.iter().map(|info| info.height).min().unwrap();
    let mut packed: Vec<_> = found.iter().filter(|info| info.height == first).collect();
    packed.sort_by_key(|info| info.index);
    let order: Vec<u128> = packed.iter().map(|info| info.tip.0).collect();
    assert_eq!(order, [90, 70, 50, 30, 10]);
    // The two that waited paid more for the same units, tips aside.
    let base = |info: &TxInfo| info.fee.0 - info.tip.0;
    assert!(base(&found[0]) > base(packed[0]) && found[0].units == packed[0].units);
    let fees = loop {
        let fees = client.fees().unwrap();
        if fees.next == fees.min {
            break fees;
        }
        assert!(fees.height < first + 12, "{fees:?}");
        fresh_block(client);
    };
    assert_eq!((fees.min.unit_price, fees.units.most), (900, BLOCK_UNITS));
}

#[test]
fn prices_tips_and_replacements_work_on_a_real_chain() {
    let _only = only_network();
    let folder = tempfile::tempdir().unwrap();
    let (first, senders) = (Sender::new(1), (10..17).map(Sender::new).collect::<Vec<_>>());
    let funded: Vec<&Sender> = senders.iter().chain([&first]).collect();
    let mut network = start(folder.path(), &funded);
    let client = network.node(0).gateway().clone();
    replacement(&client, &first);
    tips_and_prices(&client, &senders);
    network.stop().unwrap();
}
