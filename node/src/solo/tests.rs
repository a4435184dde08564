//! The driver against CometBFT's own blocks, a light client, crashes, and a clock that jumps.

use super::block::{self, Fixed, Parent};
use super::recorded::recorded;
use super::*;
use crate::consensus::Submission;
use crate::testing::{self, START, at, document, document_of, signer};
use assay_core::App;
use assay_genesis::{Validator as GenesisValidator, networks};
use assay_types::params::Params;
use proptest::prelude::*;
use std::sync::atomic::{AtomicI64, Ordering};
use tempfile::TempDir;
use tendermint::block::Commit;
use tendermint::block::signed_header::SignedHeader;
use tendermint_light_client_verifier::options::Options;
use tendermint_light_client_verifier::types::{TrustThreshold, TrustedBlockState, UntrustedBlockState};
use tendermint_light_client_verifier::{ProdVerifier, Verdict, Verifier};
use tendermint_proto::google::protobuf::Timestamp;

/// Seconds of a year.
const YEAR: i64 = 365 * 86_400;
/// A chain whose clock the test sets.
struct Chain {
    folder: TempDir,
    app: Arc<App>,
    clock: Arc<AtomicI64>,
    solo: Solo,
}

fn try_open(folder: &Path, doc: &GenesisDoc, clock: &Arc<AtomicI64>) -> Result<(Arc<App>, Solo), Fatal> {
    let (app, clock) = (Arc::new(testing::app(folder)), clock.clone());
    let solo = testing::try_solo(folder, &app, doc, Box::new(move || at(clock.load(Ordering::SeqCst))))?;
    Ok((app, solo))
}

impl Chain {
    fn start() -> Self {
        Self::start_of(&document())
    }

    fn start_of(document: &GenesisDoc) -> Self {
        let (folder, clock) = (tempfile::tempdir().unwrap(), Arc::new(AtomicI64::new(START)));
        let (app, solo) = try_open(folder.path(), document, &clock).unwrap();
        Self { folder, app, clock, solo }
    }

    fn restart(self) -> Self {
        let Self { folder, app, clock, solo } = self;
        drop((solo, app));
        let (app, solo) = try_open(folder.path(), &document(), &clock).unwrap();
        Self { folder, app, clock, solo }
    }

    /// A transfer with the payer's nonce and the last height at which it may come.
    fn pay(&self, from: usize, nonce: u64, until: u64) -> Vec<u8> {
        testing::transfer_until(&dev_accounts()[from], nonce, until)
    }

    fn signed(&self, height: u64) -> SignedHeader {
        self.solo.0.journal.get(height).unwrap().unwrap().signed_header().unwrap()
    }
}

#[test]
fn the_blocks_of_a_real_cometbft_are_made_again_bit_for_bit() {
    let (key, blocks) = recorded();
    let signer = Signer::new(&key, 10).unwrap();
    let first = &blocks[0].0.header;
    let fixed = Fixed {
        chain_id: first.chain_id.clone(),
        app_version: 1,
        consensus_hash: block::consensus_hash(4 * 1024 * 1024, -1),
        max_bytes: 4 * 1024 * 1024,
    };
    let (app_hash, results_hash) = (first.app_hash.clone(), block::empty_hash());
    let mut parent = Parent { height: 0, time: first.time, commit: None, app_hash, results_hash };
    for (index, (expected, commit, results)) in blocks.iter().enumerate() {
        let made = block::build(&fixed, &parent, &signer, expected.data.clone()).unwrap();
        assert_eq!(made.header, expected.header);
        let id = block::id(&made).unwrap();
        assert_eq!(id, commit.block_id);
        let time = Record::parent(&record(made.clone(), commit.clone())).time;
        assert_eq!(signer.commit(&made.header, id, time).unwrap(), *commit);
        let app_hash =
            blocks.get(index + 1).map_or(first.app_hash.clone(), |next| next.0.header.app_hash.clone());
        let results_hash = block::results_hash(results);
        parent = Parent { app_hash, results_hash, ..Record::parent(&record(made, commit.clone())) };
    }
    assert!(blocks.iter().any(|(block, ..)| block.data.len() > 1), "one of the blocks has a transaction");
}

fn record(block: Block, commit: Commit) -> Record {
    Record { block, commit, app_hash: AppHash::default(), results_hash: block::empty_hash() }
}

/// A light client that trusts one header accepts another of the chain.
fn light_client(chain: &Chain, trusted: u64, untrusted: u64, now: Time) -> Verdict {
    let validators = signer().validators().clone();
    let (old, new) = (chain.signed(trusted), chain.signed(untrusted));
    let trusted = TrustedBlockState {
        chain_id: &old.header.chain_id,
        header_time: old.header.time,
        height: old.header.height,
        next_validators: &validators,
        next_validators_hash: old.header.next_validators_hash,
    };
    let untrusted = UntrustedBlockState {
        signed_header: &new,
        validators: &validators,
        next_validators: Some(&validators),
    };
    let options = Options {
        trust_threshold: TrustThreshold::TWO_THIRDS,
        trusting_period: Duration::from_secs(400 * YEAR as u64),
        clock_drift: Duration::from_secs(5),
    };
    ProdVerifier::default().verify_update_header(untrusted, trusted, &options, now)
}

#[test]
fn a_light_client_accepts_the_chain_and_the_roots_are_in_its_headers() {
    let chain = Chain::start();
    let mut roots = vec![];
    for nonce in 0..5 {
        chain.clock.fetch_add(1, Ordering::SeqCst);
        let (offers, made) = chain.solo.block().with(&[chain.pay(0, nonce, 100)]).execute().unwrap();
        assert_eq!((offers.as_slice(), made.results[1].code), (&[Submission::Waits][..], 0));
        roots.push(made.app_hash);
    }
    let now = at(START + 10);
    for height in 2..=5 {
        assert_eq!(chain.signed(height).header.app_hash, roots[height as usize - 2]);
        assert_eq!(light_client(&chain, height - 1, height, now), Verdict::Success);
        assert_eq!(light_client(&chain, 1, height, now), Verdict::Success);
    }
    assert_eq!(chain.app.info().unwrap().height, 5);
}

#[test]
fn a_clock_that_jumps_changes_no_state_and_no_block_goes_back_in_time() {
    let (steady, jumping) = (Chain::start(), Chain::start());
    let jumps = [0, 50 * YEAR, -40 * YEAR, 1, -START, 60 * YEAR];
    for (nonce, jump) in (0..).zip(jumps) {
        jumping.clock.fetch_add(jump, Ordering::SeqCst);
        let made = [&steady, &jumping].map(|chain| {
            let (_, made) = chain.solo.block().with(&[chain.pay(1, nonce, 100)]).execute().unwrap();
            (made.app_hash, made.txs, made.results)
        });
        assert_eq!(made[0], made[1]);
    }
    let times: Vec<Time> = (1..=6).map(|height| jumping.signed(height).header.time).collect();
    assert!(times.is_sorted_by(|earlier, later| earlier < later), "{times:?}");
    let now = at(START + 200 * YEAR);
    assert_eq!(light_client(&jumping, 1, 6, now), Verdict::Success);
    assert_eq!(steady.app.info().unwrap(), jumping.app.info().unwrap());
}

#[test]
fn the_application_takes_no_notice_of_a_blocks_time_even_when_it_is_none() {
    let (made, other) = (Chain::start(), Chain::start());
    let made = made.solo.block().with(&[made.pay(0, 0, 100)]).execute().unwrap().1;
    let handler = &other.solo.0.handler;
    let txs: Vec<Bytes> = made.txs.iter().map(|tx| bytes(tx)).collect();
    let odd = |seconds, nanos| Some(Timestamp { seconds, nanos });
    for time in [None, odd(0, 0), odd(i64::MIN, -1), odd(i64::MAX, i32::MAX)] {
        let proposal = RequestProcessProposal { txs: txs.clone(), height: 1, time, ..Default::default() };
        let Answer::ProcessProposal(verdict) = handler.handle(Ask::ProcessProposal(proposal)).unwrap() else {
            panic!("another answer");
        };
        assert_eq!(verdict.status, ProposalStatus::Accept as i32);
        let block = RequestFinalizeBlock { txs: txs.clone(), height: 1, time, ..Default::default() };
        let Answer::FinalizeBlock(result) = handler.handle(Ask::FinalizeBlock(block)).unwrap() else {
            panic!("another answer");
        };
        assert_eq!((&result.tx_results, &result.app_hash[..]), (&made.results, made.app_hash.as_bytes()));
    }
}

#[test]
fn a_chain_goes_on_after_a_restart_and_its_blocks_are_kept() {
    let chain = Chain::start();
    chain.solo.block().with(&[chain.pay(0, 0, 100)]).execute().unwrap();
    let first = chain.signed(1);
    let chain = chain.restart();
    assert_eq!((chain.solo.height(), chain.signed(1)), (1, first));
    let made = chain.solo.block().with(&[chain.pay(0, 1, 100)]).execute().unwrap().1;
    assert_eq!((made.header.height.value(), made.results[1].code), (2, 0));
    assert_eq!(light_client(&chain, 1, 2, at(START + 1)), Verdict::Success);
}

#[test]
fn a_block_that_was_decided_but_not_committed_is_executed_again() {
    let (chain, other) = (Chain::start(), Chain::start());
    for chain in [&chain, &other] {
        chain.solo.block().with(&[chain.pay(0, 0, 100)]).execute().unwrap();
    }
    let made = other.solo.block().with(&[other.pay(0, 1, 100)]).execute().unwrap().1;
    // The state ends at block 1, the journal of the same chain at block 2.
    let Chain { folder, app, clock, solo } = chain;
    drop((app, solo));
    std::fs::copy(other.folder.path().join("solo.blocks"), folder.path().join("solo.blocks")).unwrap();
    let (app, solo) = try_open(folder.path(), &document(), &clock).unwrap();
    let info = app.info().unwrap();
    assert_eq!((info.height, solo.height()), (2, 2));
    assert_eq!(info.app_hash.unwrap().0, made.app_hash.as_bytes());
}

#[test]
fn what_a_crash_left_half_written_is_dropped() {
    let chain = Chain::start();
    for _ in 0..3 {
        chain.solo.produce().unwrap();
    }
    let path = chain.folder.path().join("solo.blocks");
    let whole = std::fs::read(&path).unwrap();
    let last = (whole.len() - 1) as u64;
    let third = chain.solo.0.journal.get(3).unwrap();
    let Chain { folder, app, solo, .. } = chain;
    drop((app, solo));
    for (cut, flip, height) in [(last + 1, None, 3), (last, None, 2), (last + 1, Some(last), 2), (3, None, 0)]
    {
        std::fs::write(&path, &whole[..cut as usize]).unwrap();
        if let Some(place) = flip {
            let mut bytes = whole.clone();
            bytes[place as usize] ^= 1;
            std::fs::write(&path, bytes).unwrap();
        }
        let journal = Journal::open(&path).unwrap();
        assert_eq!(journal.height(), height, "{cut} {flip:?}");
        assert_eq!(journal.get(3).unwrap(), third.clone().filter(|_| height == 3));
        assert!(journal.get(0).unwrap().is_none() && journal.get(u64::MAX).unwrap().is_none());
    }
    // The state is ahead of its blocks now.
    let clock = Arc::new(AtomicI64::new(START));
    let error = try_open(folder.path(), &document(), &clock).err().unwrap();
    assert!(error.0.contains("start with a new home"), "{error}");
}

#[test]
fn a_damaged_block_in_the_middle_is_an_error_and_not_another_block() {
    let chain = Chain::start();
    for _ in 0..3 {
        chain.solo.produce().unwrap();
    }
    let path = chain.folder.path().join("solo.blocks");
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[40] ^= 1;
    drop((chain.solo, chain.app));
    std::fs::write(&path, bytes).unwrap();
    let journal = Journal::open(&path).unwrap();
    assert_eq!(journal.height(), 3);
    assert!(journal.get(1).is_err() && journal.get(2).is_ok());
    assert!(Journal::open(&path).is_err(), "two processes on one journal");
}

#[test]
fn a_genesis_of_others_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(AtomicI64::new(START));
    let mut two = document();
    two.validators.push(GenesisValidator::new("other", &[9; 32], 1));
    let mut other = document();
    other.validators = vec![GenesisValidator::new("other", &[9; 32], 10)];
    for doc in [two, other] {
        assert!(try_open(folder.path(), &doc, &clock).is_err());
    }
}

#[test]
fn a_transaction_is_taken_once_and_its_refusal_has_its_number() {
    let chain = Chain::start();
    let tx = chain.pay(0, 0, 100);
    assert_eq!(chain.solo.offer(&tx).unwrap(), Submission::Waits);
    assert_eq!(chain.solo.offer(&tx).unwrap(), Submission::Known);
    assert!(matches!(chain.solo.offer(b"x").unwrap(), Submission::Rejected { code: 2.., .. }));
    let high = chain.pay(0, 5, 100);
    assert!(matches!(chain.solo.offer(&high).unwrap(), Submission::Rejected { code: 10, .. }));
    assert_eq!(chain.solo.produce().unwrap().txs[1..], *std::slice::from_ref(&tx));
    assert_eq!((chain.solo.offer(&tx).unwrap(), chain.solo.waiting()), (Submission::Known, 0));
}

#[test]
fn what_expires_while_it_waits_is_dropped_and_leaves_the_rest() {
    // More than a block may run, so that the last ones wait for the next block.
    let units = 400_000_000;
    let params = Params { max_block_units: units, ..networks::params("local").unwrap() };
    let chain = Chain::start_of(&document_of(params));
    let fit = units / 220_000;
    // Of accounts in turn, for one account may have 256 transactions waiting.
    let first: Vec<_> = (0..fit).map(|number| chain.pay(number as usize % 8, number / 8, 100)).collect();
    let (offers, _) = chain.solo.block().with(&[]).execute().unwrap();
    assert!(offers.is_empty());
    for tx in &first {
        assert_eq!(chain.solo.offer(tx).unwrap(), Submission::Waits);
    }
    let (late, lasting) = (chain.pay(8, 0, 2), chain.pay(9, 0, 100));
    let (offers, made) = chain.solo.block().with(&[late, lasting.clone()]).execute().unwrap();
    assert_eq!(offers, [Submission::Waits, Submission::Waits]);
    assert_eq!((made.txs.len() as u64, made.dropped, chain.solo.waiting()), (fit + 1, 1, 1));
    assert_eq!(chain.solo.produce().unwrap().txs[1..], [lasting]);
}

#[test]
fn blocks_are_made_when_they_are_needed_and_once_more_for_the_root() {
    let chain = Chain::start();
    let (stopper, _stops) = crate::stop::Stopper::new();
    let pacemaker = Pacemaker::start(&chain.solo, Pace::WhenNeeded, stopper).unwrap();
    let reached = |height| {
        let end = std::time::Instant::now() + Duration::from_secs(20);
        while chain.solo.height() < height {
            assert!(std::time::Instant::now() < end, "it stays at height {}", chain.solo.height());
            std::thread::sleep(Duration::from_millis(1));
        }
    };
    let rests_at = |height| {
        reached(height);
        std::thread::sleep(Duration::from_millis(50));
        assert_eq!(chain.solo.height(), height);
    };
    rests_at(1);
    chain.solo.offer(&chain.pay(0, 0, 100)).unwrap();
    rests_at(3);
    drop(pacemaker);
    let (stopper, _stops) = crate::stop::Stopper::new();
    let start = std::time::Instant::now();
    let pacemaker = Pacemaker::start(&chain.solo, Pace::Every(Duration::from_millis(20)), stopper).unwrap();
    reached(8);
    assert!(start.elapsed() >= Duration::from_millis(100));
    drop(pacemaker);
}

/// What may come at any time between the calls for a block.
#[derive(Debug, Clone, Copy)]
enum Aside {
    Info,
    Query,
    Snapshots,
    Check(u8),
    Recheck(u8),
    Restart,
}

fn any_aside() -> impl Strategy<Value = Aside> {
    prop_oneof![
        Just(Aside::Info),
        Just(Aside::Query),
        Just(Aside::Snapshots),
        any::<u8>().prop_map(Aside::Check),
        any::<u8>().prop_map(Aside::Recheck),
        Just(Aside::Restart),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn calls_that_consensus_makes_besides_change_no_root(
        heights in proptest::collection::vec((proptest::collection::vec(any_aside(), 0..5), 0..3u64), 1..5),
    ) {
        let (plain, mut busy) = (Chain::start(), Chain::start());
        let mut nonce = 0;
        for (asides, count) in heights {
            let txs: Vec<_> = (nonce..nonce + count).map(|nonce| plain.pay(0, nonce, 100)).collect();
            nonce += count;
            for aside in asides {
                let check = |byte: u8, kind: CheckTxType| {
                    let tx = busy.pay(usize::from(byte % 4) + 2, u64::from(byte / 64), 100).into();
                    Ask::CheckTx(RequestCheckTx { tx, r#type: kind as i32 })
                };
                let request = match aside {
                    Aside::Info => Ask::Info(RequestInfo::default()),
                    Aside::Query => Ask::Query(Default::default()),
                    Aside::Snapshots => Ask::ListSnapshots(Default::default()),
                    Aside::Check(byte) => check(byte, CheckTxType::New),
                    Aside::Recheck(byte) => check(byte, CheckTxType::Recheck),
                    Aside::Restart => {
                        busy = busy.restart();
                        continue;
                    }
                };
                busy.solo.0.handler.handle(request).unwrap();
            }
            let made = [&plain, &busy].map(|chain| chain.solo.block().with(&txs).execute().unwrap().1);
            prop_assert_eq!(&made[0], &made[1]);
        }
    }
}
