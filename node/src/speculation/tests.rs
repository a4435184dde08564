use super::queue::{MOST_OF_ONE, Queue};
use crate::testing;
use assay_core::{App, Checked};
use assay_genesis::GenesisAccount;
use assay_types::amount::Amount;
use assay_types::hash::ModelId;
use assay_types::key::SecretKey;
use assay_types::message::{Message, SealModel, Transfer};
use assay_types::tx::Tx;
use std::sync::Arc;

struct Node {
    app: App,
    _folder: tempfile::TempDir,
}

fn key(seed: u8) -> SecretKey {
    SecretKey::Ed25519([seed; 32])
}

fn node() -> Node {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::app(folder.path());
    let account = |seed| {
        let address = key(seed).public_key().unwrap().address();
        GenesisAccount::new(address, Amount(1_000_000_000_000))
    };
    testing::genesis(&app, (1..=5).map(account).collect());
    Node { app, _folder: folder }
}

impl Node {
    fn check(&self, seed: u8, nonce: u64, message: Message) -> Checked {
        let key = key(seed);
        let tx = Tx {
            chain_id: "c-1".into(),
            key: key.public_key().unwrap(),
            nonce,
            valid_until_height: 100,
            max_fee: Amount(1_000_000_000),
            tip: Amount::ZERO,
            messages: vec![message],
        };
        self.app.check_tx(&tx.sign(&key).unwrap().encode()).unwrap().unwrap()
    }

    /// A transaction that compiles something.
    fn work(&self, seed: u8, nonce: u64) -> Checked {
        self.check(
            seed,
            nonce,
            Message::SealModel(SealModel { model: ModelId([seed; 32]), max_fuel: 80_000 }),
        )
    }
}

#[test]
fn accounts_take_turns_and_keep_their_order() {
    let (node, queue) = (node(), Queue::default());
    let mut all = Vec::new();
    for (seed, count) in [(1, 3), (2, 1), (3, 2)] {
        for nonce in 0..count {
            let checked = node.work(seed, nonce);
            assert!(queue.push(&checked));
            all.push((seed, nonce, checked.work.unwrap()));
        }
    }
    assert_eq!(queue.len(), 6);
    let mut order = Vec::new();
    while !queue.is_empty() {
        let work = queue.pop().unwrap();
        let (seed, nonce, _) = all.iter().find(|(_, _, own)| *own == work).unwrap();
        order.push((*seed, *nonce));
    }
    // Every account once before any account twice.
    let firsts: std::collections::BTreeSet<_> = order[..3].iter().copied().collect();
    assert_eq!(firsts, [(1, 0), (2, 0), (3, 0)].into());
    let seconds: std::collections::BTreeSet<_> = order[3..5].iter().copied().collect();
    assert_eq!(seconds, [(1, 1), (3, 1)].into());
    assert_eq!(order[5], (1, 2));
}

#[test]
fn what_runs_nothing_does_not_wait_and_a_copy_waits_once() {
    let (node, queue) = (node(), Queue::default());
    let to = key(2).public_key().unwrap().address();
    let pay = node.check(1, 0, Message::Transfer(Transfer { to, amount: Amount(1) }));
    assert!(pay.work.is_none() && queue.push(&pay) && queue.is_empty());
    let work = node.work(1, 1);
    assert!(queue.push(&work) && queue.push(&work));
    assert_eq!(queue.len(), 1);
}

#[test]
fn the_queue_is_bounded_for_an_account_and_altogether() {
    let (node, queue) = (node(), Queue::default());
    let offered = 0..MOST_OF_ONE as u64 + 6;
    let pushed = offered.filter(|&nonce| queue.push(&node.work(1, nonce))).count();
    assert_eq!((pushed, queue.len()), (MOST_OF_ONE, MOST_OF_ONE));
    // Another account has room all the same.
    assert!(queue.push(&node.work(2, 0)));
}

#[test]
fn a_closed_queue_sends_everybody_away() {
    let queue = Arc::new(Queue::default());
    let waiting = {
        let queue = queue.clone();
        std::thread::spawn(move || queue.pop().is_none())
    };
    queue.close();
    assert!(waiting.join().unwrap());
}

#[test]
fn the_threads_work_off_the_queue_and_a_failure_stops_nothing() {
    let node = node();
    let speculation = super::Speculation::start(&node.app.reader());
    let ahead = speculation.ahead();
    for seed in 1..=3 {
        ahead.queue(&node.work(seed, 0));
    }
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while !ahead.queue.is_empty() {
        assert!(std::time::Instant::now() < deadline);
        std::thread::yield_now();
    }
    speculation.stop();
}
