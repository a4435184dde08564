//! Two state machines, one of which gets its state from the other over ABCI; and what a peer can try.

use super::*;
use crate::abci::Handler;
use crate::app::AbciApp;
use crate::config::Config;
use crate::refusals::Refusals;
use crate::solo::{Solo, dev_accounts};
use crate::speculation::Ahead;
use crate::testing::{self, START, at, document, signer};
use assay_store::snapshot::Manifest;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tendermint_proto::v0_38::abci::request::Value as Ask;
use tendermint_proto::v0_38::abci::response::Value as Answer;
use tendermint_proto::v0_38::abci::response_apply_snapshot_chunk::Result as Apply;
use tendermint_proto::v0_38::abci::response_offer_snapshot::Result as Offer;
use tendermint_proto::v0_38::abci::*;

/// A node without CometBFT and without a chain of its own.
struct Machine {
    folder: TempDir,
    app: Arc<App>,
    snapshots: Arc<Snapshots>,
    handler: Arc<AbciApp>,
}

fn snapshots(folder: &Path, chunk_bytes: usize, interval: u64) -> Arc<Snapshots> {
    let settings = config::Snapshots { interval, ..Config::default().snapshots };
    let spec = Spec { chunk_bytes, ..spec("solo-1") };
    let (made, state) = (Folder::new(folder.join("snapshots")), folder.join("app.db"));
    Arc::new(Snapshots::start(made, state, spec, &settings))
}

impl Machine {
    fn new() -> Self {
        Self::of(tempfile::tempdir().unwrap(), 0)
    }

    fn of(folder: TempDir, interval: u64) -> Self {
        let app = Arc::new(testing::app(folder.path()));
        let snapshots = snapshots(folder.path(), 17_300, interval);
        let handler = AbciApp::new(app.clone(), Refusals::default(), Ahead::default(), folder.path().into());
        let handler = Arc::new(handler.with_snapshots(snapshots.clone()));
        Self { folder, app, snapshots, handler }
    }

    fn restart(self) -> Self {
        let Self { folder, app, snapshots, handler } = self;
        drop((app, snapshots, handler));
        // The thread that loads the hot set may still read.
        let end = Instant::now() + Duration::from_secs(30);
        while assay_store::Store::open(&folder.path().join("app.db")).is_err() {
            assert!(Instant::now() < end, "somebody keeps the state open");
            std::thread::sleep(Duration::from_millis(5));
        }
        Self::of(folder, 0)
    }

    fn call(&self, ask: Ask) -> Answer {
        self.handler.handle(ask).unwrap()
    }

    fn list(&self) -> Vec<Snapshot> {
        match self.call(Ask::ListSnapshots(RequestListSnapshots {})) {
            Answer::ListSnapshots(list) => list.snapshots,
            other => panic!("{other:?}"),
        }
    }

    fn load(&self, snapshot: &Snapshot, chunk: u32) -> Vec<u8> {
        let (height, format) = (snapshot.height, snapshot.format);
        match self.call(Ask::LoadSnapshotChunk(RequestLoadSnapshotChunk { height, format, chunk })) {
            Answer::LoadSnapshotChunk(loaded) => loaded.chunk.to_vec(),
            other => panic!("{other:?}"),
        }
    }

    fn offer(&self, snapshot: &Snapshot, app_hash: &[u8]) -> Offer {
        let app_hash = app_hash.to_vec().into();
        let request = RequestOfferSnapshot { snapshot: Some(snapshot.clone()), app_hash };
        match self.call(Ask::OfferSnapshot(request)) {
            Answer::OfferSnapshot(answer) => Offer::try_from(answer.result).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    fn apply(&self, index: u32, chunk: &[u8]) -> ResponseApplySnapshotChunk {
        let (chunk, sender) = (chunk.to_vec().into(), "peer".to_string());
        match self.call(Ask::ApplySnapshotChunk(RequestApplySnapshotChunk { index, chunk, sender })) {
            Answer::ApplySnapshotChunk(answer) => answer,
            other => panic!("{other:?}"),
        }
    }

    fn info(&self) -> (i64, Vec<u8>) {
        match self.call(Ask::Info(RequestInfo::default())) {
            Answer::Info(info) => (info.last_block_height, info.last_block_app_hash.to_vec()),
            other => panic!("{other:?}"),
        }
    }

    fn finalize(&self, height: i64, txs: &[Vec<u8>]) -> Vec<u8> {
        let txs = txs.iter().map(|tx| tx.clone().into()).collect();
        match self.call(Ask::FinalizeBlock(RequestFinalizeBlock { height, txs, ..Default::default() })) {
            Answer::FinalizeBlock(answer) => answer.app_hash.to_vec(),
            other => panic!("{other:?}"),
        }
    }
}

fn answer_of(answer: &ResponseApplySnapshotChunk) -> (Apply, Vec<u32>, usize) {
    let result = Apply::try_from(answer.result).unwrap();
    (result, answer.refetch_chunks.clone(), answer.reject_senders.len())
}

/// A chain that has made snapshots of its even heights, and goes on.
fn chain() -> (Machine, Solo) {
    let machine = Machine::of(tempfile::tempdir().unwrap(), 2);
    let journal = machine.folder.path().join("solo.blocks");
    let clock = Box::new(|| at(START));
    let solo = Solo::open(machine.handler.clone(), &document(), signer(), &journal, clock).unwrap();
    for height in 1..=6u64 {
        // More accounts in every block, so that the state has several chunks.
        for index in 0..8 {
            let tx = testing::transfer(&dev_accounts()[index], height - 1);
            solo.offer(&tx).unwrap();
        }
        solo.produce().unwrap();
        if height % 2 == 0 {
            wait_for(&machine, height);
        }
    }
    (machine, solo)
}

/// Snapshots are made beside the blocks: the next block may be faster. The oldest goes after the newest has come.
fn wait_for(machine: &Machine, height: u64) {
    let end = Instant::now() + Duration::from_secs(30);
    let kept = Config::default().snapshots.keep as usize;
    let settled = |list: &[Snapshot]| {
        list.len() <= kept && list.first().is_some_and(|snapshot| snapshot.height >= height)
    };
    while !settled(&machine.list()) {
        assert!(Instant::now() < end, "no snapshot of height {height}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_new_node_gets_the_state_over_abci_and_the_next_blocks_have_the_same_roots() {
    let (source, solo) = chain();
    let offered = source.list();
    assert_eq!(offered.iter().map(|snapshot| snapshot.height).collect::<Vec<_>>(), [6, 4], "two are kept");
    let snapshot = &offered[0];
    let (_, trusted) = source.info();
    let mut fresh = Machine::new();
    assert_eq!(fresh.offer(snapshot, &trusted), Offer::Accept);
    for index in 0..snapshot.chunks {
        if index == snapshot.chunks / 2 {
            // The process dies; CometBFT begins again, and what is there is not done again.
            fresh = fresh.restart();
            assert_eq!(fresh.info(), (0, vec![]));
            assert_eq!(fresh.offer(snapshot, &trusted), Offer::Accept);
            for before in 0..index {
                assert_eq!(fresh.apply(before, &source.load(snapshot, before)).result, Apply::Accept as i32);
            }
        }
        let answer = fresh.apply(index, &source.load(snapshot, index));
        assert_eq!(answer_of(&answer), (Apply::Accept, vec![], 0), "chunk {index}");
    }
    assert_eq!(fresh.info(), (6, trusted.clone()));
    for height in 7..=9 {
        let tx = testing::transfer(&dev_accounts()[0], height - 1);
        solo.offer(&tx).unwrap();
        let made = solo.produce().unwrap();
        let root = fresh.finalize(height as i64, &made.txs);
        assert_eq!(root, made.app_hash.as_bytes(), "height {height}");
        fresh.call(Ask::Commit(RequestCommit {}));
    }
    assert_eq!(fresh.info(), source.info());
}

#[test]
fn a_state_that_was_synced_before_cometbft_knew_is_known_or_replaced() {
    let (source, solo) = chain();
    let (snapshot, (_, trusted)) = (source.list()[0].clone(), source.info());
    let mut fresh = Machine::new();
    fresh.offer(&snapshot, &trusted);
    for index in 0..snapshot.chunks {
        fresh.apply(index, &source.load(&snapshot, index));
    }
    fresh = fresh.restart();
    assert_eq!((fresh.info(), fresh.offer(&snapshot, &trusted)), ((6, trusted.clone()), Offer::Accept));
    for index in 0..snapshot.chunks {
        assert_eq!(fresh.apply(index, &source.load(&snapshot, index)).result, Apply::Accept as i32);
    }
    assert_eq!(fresh.apply(0, b"other").result, Apply::Retry as i32);
    solo.produce().unwrap();
    solo.produce().unwrap();
    wait_for(&source, 8);
    let (newer, (_, trusted)) = (source.list()[0].clone(), source.info());
    assert_eq!(fresh.offer(&newer, &trusted), Offer::Accept);
    for index in 0..newer.chunks {
        assert_eq!(fresh.apply(index, &source.load(&newer, index)).result, Apply::Accept as i32);
    }
    assert_eq!(fresh.info(), (8, trusted));
}

#[test]
fn an_offer_that_lies_is_answered_by_its_kind() {
    let (source, _solo) = chain();
    let (good, (_, trusted)) = (source.list()[0].clone(), source.info());
    let fresh = Machine::new();
    let manifest = Manifest::decode(&good.metadata).unwrap();
    let with = |change: &dyn Fn(&mut Snapshot)| {
        let mut snapshot = good.clone();
        change(&mut snapshot);
        fresh.offer(&snapshot, &trusted)
    };
    // Whatever it says about itself, with a hash that fits.
    let saying = |change: &dyn Fn(&mut Manifest)| {
        let mut manifest = manifest.clone();
        change(&mut manifest);
        let (height, chunks) = (manifest.height, manifest.count());
        let (hash, metadata) = (manifest.id().0.to_vec().into(), manifest.encode().into());
        fresh.offer(&Snapshot { height, chunks, hash, metadata, ..good.clone() }, &trusted)
    };
    assert_eq!(with(&|offer| offer.format = 2), Offer::RejectFormat);
    assert_eq!(saying(&|manifest| manifest.format = 2), Offer::RejectFormat);
    assert_eq!(saying(&|manifest| manifest.app_version = 9), Offer::Reject);
    for change in [
        (&|offer: &mut Snapshot| offer.height = 5) as &dyn Fn(&mut Snapshot),
        &|offer| offer.chunks += 1,
        &|offer| offer.hash = vec![1; 32].into(),
        &|offer| offer.hash = vec![].into(),
        &|offer| offer.metadata = vec![].into(),
        &|offer| offer.metadata = vec![1; 4_000_000].into(),
        &|offer| offer.metadata = [&offer.metadata[..], &[0]].concat().into(),
    ] {
        assert_eq!(with(change), Offer::RejectSender);
    }
    assert_eq!(saying(&|manifest| manifest.chain_id = "other".into()), Offer::RejectSender);
    assert_eq!(saying(&|manifest| manifest.app_hash.0[0] ^= 1), Offer::RejectSender);
    assert_eq!(fresh.offer(&good, &[1; 32]), Offer::RejectSender);
    assert_eq!(fresh.offer(&good, &trusted[1..]), Offer::RejectSender);
    let nothing = RequestOfferSnapshot { snapshot: None, app_hash: trusted.clone().into() };
    assert!(matches!(fresh.call(Ask::OfferSnapshot(nothing)),
        Answer::OfferSnapshot(answer) if answer.result == Offer::RejectSender as i32));
    assert_eq!((fresh.info(), fresh.offer(&good, &trusted)), ((0, vec![]), Offer::Accept));
}

#[test]
fn a_chunk_that_is_wrong_is_answered_by_its_kind_and_its_sender_is_named() {
    let (source, _solo) = chain();
    let (snapshot, (_, trusted)) = (source.list()[0].clone(), source.info());
    let older = source.list()[1].clone();
    let fresh = Machine::new();
    let first = source.load(&snapshot, 0);
    assert_eq!(answer_of(&fresh.apply(0, &first)), (Apply::RejectSnapshot, vec![], 0), "nothing was offered");
    fresh.offer(&snapshot, &trusted);
    let again = (Apply::Retry, vec![0], 1);
    let mut damaged = first.clone();
    damaged[100] ^= 1;
    for wrong in [&damaged[..], &first[1..], &[], &source.load(&older, 0)] {
        assert_eq!(answer_of(&fresh.apply(0, wrong)), again);
    }
    assert!(snapshot.chunks > 1);
    let second = source.load(&snapshot, 1);
    assert_eq!(answer_of(&fresh.apply(0, &second)), again, "shuffled");
    assert_eq!(answer_of(&fresh.apply(1, &second)), (Apply::RetrySnapshot, vec![], 0), "before its turn");
    assert_eq!(answer_of(&fresh.apply(0, &first)), (Apply::Accept, vec![], 0));
    assert_eq!(answer_of(&fresh.apply(0, &first)), (Apply::Accept, vec![], 0), "doubled");
    let past = fresh.apply(snapshot.chunks, &first);
    assert_eq!(answer_of(&past), (Apply::RejectSnapshot, vec![], 1));
    assert_eq!(answer_of(&fresh.apply(1, &second)), (Apply::RejectSnapshot, vec![], 0), "it was given up");
    assert!(!fresh.folder.path().join("app.db.restore").exists());
    // A manifest that fits a chunk that the root does not have.
    let mut manifest = Manifest::decode(&snapshot.metadata).unwrap();
    let mut forged = first;
    let at = forged.len() - 40;
    forged[at] ^= 1;
    manifest.chunks[0].digest = assay_store::snapshot::ChunkDigest::of(&forged);
    let (hash, metadata) = (manifest.id().0.to_vec().into(), manifest.encode().into());
    let lie = Snapshot { hash, metadata, ..snapshot.clone() };
    assert_eq!(fresh.offer(&lie, &trusted), Offer::Accept);
    assert_eq!(answer_of(&fresh.apply(0, &forged)), (Apply::RejectSnapshot, vec![], 1));
    assert_eq!(fresh.info(), (0, vec![]));
}

#[test]
fn nothing_is_given_that_is_not_there_or_damaged() {
    let (source, _solo) = chain();
    let snapshot = source.list()[0].clone();
    assert!(!source.load(&snapshot, 0).is_empty());
    assert!(source.load(&snapshot, snapshot.chunks).is_empty());
    assert!(source.load(&Snapshot { format: 2, ..snapshot.clone() }, 0).is_empty());
    assert!(source.load(&Snapshot { height: 5, ..snapshot.clone() }, 0).is_empty());
    let file = source.folder.path().join("snapshots/6/000000.chunk");
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[50] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    assert!(source.load(&snapshot, 0).is_empty());
    std::fs::remove_file(source.folder.path().join("snapshots/6/manifest")).unwrap();
    assert_eq!(source.list().len(), 1);
    source.snapshots.stop();
}
