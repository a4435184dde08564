//! The mempool's rules: replacements, bounds, what a recheck drops, and how long it takes.

use super::chain::*;
use crate::waiting::{MAX_WAITING, MAX_WAITING_BYTES_OF_ONE, MAX_WAITING_OF_ONE};
use assay_genesis::GenesisAccount;
use assay_types::amount::Amount;
use assay_types::error::Rejected;
use assay_types::key::SecretKey;
use assay_types::limits::CHUNK_BYTES;
use assay_types::message::Message;
use assay_types::tx::Tx;
use proptest::prelude::*;
use std::time::Duration;

fn check(chain: &Chain, bytes: &[u8]) -> Result<(), Rejected> {
    chain.app.check_tx(bytes).unwrap().map(|_| ())
}

fn code(chain: &Chain, bytes: &[u8]) -> u32 {
    check(chain, bytes).map_or_else(|rejected| rejected.code(), |()| 0)
}

fn tipped(who: &Who, nonce: u64, tip: u128) -> Vec<u8> {
    who.sealed(Tx { tip: Amount(tip), ..who.tx(nonce, vec![pay(&Who::bob(), 1)]) })
}

/// One of many with money.
fn who(index: u32) -> Who {
    let mut seed = [200; 32];
    seed[..4].copy_from_slice(&index.to_le_bytes());
    Who(SecretKey::Ed25519(seed))
}

fn crowd(count: u32) -> Chain {
    let mut state = genesis();
    let account = |index| GenesisAccount::new(who(index).address(), FUNDS);
    state.accounts.extend((0..count).map(account));
    Chain::start(&state, None)
}

#[test]
fn a_tenth_more_takes_the_place_of_a_waiting_transaction() {
    let chain = Chain::new();
    let alice = Who::alice();
    let (old, after) = (tipped(&alice, 0, 0), tipped(&alice, 1, 0));
    let fee = chain.app.check_tx(&old).unwrap().unwrap().fee.0;
    assert_eq!(code(&chain, &after), 0);
    let needed = fee + fee.div_ceil(10);
    let short = check(&chain, &tipped(&alice, 0, needed - fee - 1)).unwrap_err();
    assert_eq!(short, Rejected::ReplacementTooCheap { needed: Amount(needed), fee: Amount(needed - 1) });
    let new = tipped(&alice, 0, needed - fee);
    assert_eq!(code(&chain, &new), 0);
    assert_eq!(code(&chain, &old), 16);
    assert_eq!(code(&chain, &tipped(&alice, 2, 0)), 0);
    assert_eq!(chain.app.reader().account(&alice.address()).unwrap().1, 3);
    let arrived = vec![old.clone(), after.clone(), new.clone()];
    let packed = chain.app.prepare_proposal(1, arrived, u64::MAX).unwrap();
    assert_eq!(packed[1..], [new, after]);
}

#[test]
fn what_was_replaced_fails_its_next_check_and_what_came_after_it_stays() {
    let chain = Chain::new();
    let alice = Who::alice();
    let (old, after, new) = (tipped(&alice, 0, 0), tipped(&alice, 1, 0), tipped(&alice, 0, 500));
    for tx in [&old, &after, &new] {
        assert_eq!(code(&chain, tx), 0);
    }
    // A block without them: all that waits is checked again, in the order of arrival.
    chain.block(&[]);
    assert_eq!([&old, &after, &new].map(|tx| code(&chain, tx)), [17, 0, 0]);
    for _ in 0..3 {
        chain.block(&[]);
        assert_eq!([&after, &new, &new, &old].map(|tx| code(&chain, tx)), [0, 0, 15, 16]);
        assert_eq!(chain.app.reader().account(&alice.address()).unwrap().1, 2);
    }
    chain.good(std::slice::from_ref(&new));
    assert_eq!([&old, &new, &after].map(|tx| code(&chain, tx)), [9, 9, 0]);
}

#[test]
fn a_winner_that_fails_its_check_takes_those_behind_it_along() {
    let chain = Chain::new();
    let alice = Who::alice();
    let brief = Tx { valid_until_height: 1, tip: Amount(500), ..alice.tx(0, vec![pay(&Who::bob(), 1)]) };
    let brief = alice.sealed(brief);
    let (old, after) = (tipped(&alice, 0, 0), tipped(&alice, 1, 0));
    assert_eq!([&old, &after, &brief].map(|tx| code(&chain, tx)), [0, 0, 0]);
    chain.block(&[]);
    assert_eq!([&old, &after, &brief].map(|tx| code(&chain, tx)), [17, 0, 8]);
    assert_eq!(chain.app.reader().account(&alice.address()).unwrap().1, 0);
    assert_eq!([&after, &old, &after].map(|tx| code(&chain, tx)), [10, 0, 0]);
}

#[test]
fn a_winner_that_is_gone_gives_its_nonce_free() {
    let chain = Chain::new();
    let alice = Who::alice();
    let (old, new) = (tipped(&alice, 0, 0), tipped(&alice, 0, 500));
    assert_eq!([code(&chain, &old), code(&chain, &new)], [0, 0]);
    chain.block(&[]);
    assert_eq!(code(&chain, &old), 17);
    // It is not seen before the next commit: CometBFT does not have it any more.
    chain.block(&[]);
    assert_eq!(code(&chain, &old), 0);
    // One that may not wait itself is gone at once.
    let brief = alice.sealed(Tx {
        valid_until_height: chain.next(),
        tip: Amount(500),
        ..alice.tx(0, vec![pay(&Who::bob(), 1)])
    });
    assert_eq!(code(&chain, &brief), 0);
    chain.block(&[]);
    assert_eq!([code(&chain, &old), code(&chain, &brief), code(&chain, &old)], [17, 8, 0]);
}

#[test]
fn a_replacement_must_leave_what_waits_behind_it_payable() {
    let chain = Chain::new();
    let (alice, carol) = (Who::alice(), Who::carol());
    assert_eq!(code(&chain, &tipped(&alice, 0, 0)), 0);
    let most = FUNDS.0 - 2_000;
    assert_eq!(code(&chain, &alice.sign(1, vec![pay(&carol, most)])), 0);
    assert_eq!(code(&chain, &tipped(&alice, 0, 5_000)), 11);
    assert_eq!(code(&chain, &tipped(&alice, 0, 1_000)), 0);
}

#[test]
fn one_account_has_only_so_many_waiting_and_others_are_not_touched() {
    let chain = Chain::new();
    let (alice, bob) = (Who::alice(), Who::bob());
    let most = MAX_WAITING_OF_ONE as u64;
    for nonce in 0..most {
        assert_eq!(code(&chain, &tipped(&alice, nonce, 0)), 0);
    }
    let full = check(&chain, &tipped(&alice, most, 0)).unwrap_err();
    assert!(matches!(full, Rejected::TooManyWaiting { waiting, .. } if waiting == most), "{full}");
    assert_eq!(code(&chain, &tipped(&alice, 3, 500)), 0);
    assert_eq!(code(&chain, &bob.sign(0, vec![pay(&alice, 1)])), 0);
}

#[test]
fn one_account_has_only_so_many_bytes_waiting() {
    let chain = Chain::new();
    let (alice, mut file) = (Who::alice(), Vec::new());
    file.resize(20 * CHUNK_BYTES, 7);
    let count = (0..20).take_while(|&nonce| {
        let bytes = alice.sign(nonce, vec![upload(&file, nonce as u32)]);
        let checked = check(&chain, &bytes);
        assert!(matches!(checked, Ok(()) | Err(Rejected::TooManyWaiting { .. })), "{checked:?}");
        checked.is_ok()
    });
    let count = count.count() as u64;
    assert_eq!(count, MAX_WAITING_BYTES_OF_ONE / CHUNK_BYTES as u64 - 1);
    assert_eq!(code(&chain, &tipped(&alice, count, 0)), 0);
    // A replacement counts, too.
    let large = alice.tx(count, vec![upload(&file, 0)]);
    assert_eq!(code(&chain, &alice.sealed(Tx { tip: Amount(1_000_000), ..large })), 18);
}

#[test]
fn nonces_at_the_end_of_their_range_are_refused_in_words() {
    let chain = Chain::new();
    for nonce in [1, 255, u64::from(u32::MAX), u64::MAX - 1, u64::MAX] {
        let gap = check(&chain, &tipped(&Who::alice(), nonce, 0)).unwrap_err();
        assert_eq!(gap, Rejected::NonceTooHigh { expected: 0, got: nonce });
    }
}

#[test]
fn a_job_that_always_fails_is_paid_for_each_time_and_holds_nobody_up() {
    let chain = Chain::new();
    chain.seal(b"gather");
    let bob = Who::bob();
    let failing = || infer(b"gather", vec![ints("i", &[99])]);
    let unexpected = || {
        let Message::Infer(infer) = failing() else { unreachable!() };
        let expect_output_hash = Some(assay_types::hash::OutputHash([1; 32]));
        Message::Infer(assay_types::message::Infer { expect_output_hash, ..infer })
    };
    for round in 0..20 {
        let txs = [chain.sign(&bob, vec![failing()]), bob.sign(chain.nonce(&bob) + 1, vec![unexpected()])];
        let works = txs.each_ref().map(|tx| {
            let work = chain.app.check_tx(tx).unwrap().unwrap().work;
            work.map(|work| chain.app.reader().speculate(&work).unwrap()).is_some()
        });
        // It runs once: what is known is no work any more, and the same for both.
        assert_eq!(works, [round == 0, false], "{round}");
        let results = chain.block(&txs);
        assert_eq!(results.iter().map(|result| result.code).collect::<Vec<_>>(), [0, 56], "{round}");
        assert!(results.iter().all(|result| result.fee.0 > 0 && result.data.is_empty()));
    }
}

/// Ten thousand jobs of forty accounts: CometBFT keeps 5,000, and waits a second for all rechecks.
#[test]
#[allow(clippy::disallowed_types, reason = "it measures; no state follows from it")]
fn ten_thousand_jobs_are_rechecked_and_packed_in_time() {
    let chain = crowd(40);
    chain.seal(NEG);
    let job = |index: u32, nonce: u64| {
        let value = (u64::from(index) * 250 + nonce) as f32;
        who(index).sign(nonce, vec![infer(NEG, vec![floats("x", &[value; 4])])])
    };
    let txs: Vec<_> = (0..250).flat_map(|nonce| (0..40).map(move |index| job(index, nonce))).collect();
    for tx in &txs {
        assert_eq!(code(&chain, tx), 0);
    }
    chain.block(&[]);
    let start = std::time::Instant::now();
    for tx in &txs {
        assert_eq!(code(&chain, tx), 0);
    }
    let each = start.elapsed() / txs.len() as u32;
    println!("a recheck takes {each:?}");
    assert!(each < Duration::from_millis(1), "{each:?}");
    let start = std::time::Instant::now();
    let packed = chain.app.prepare_proposal(chain.next(), txs, u64::MAX).unwrap();
    println!("a proposal of {} out of ten thousand takes {:?}", packed.len() - 1, start.elapsed());
    assert_eq!(packed.len(), 1_001);
}

#[test]
fn the_whole_mempool_is_bounded() {
    let accounts = (MAX_WAITING / MAX_WAITING_OF_ONE) as u32;
    let chain = crowd(accounts + 1);
    for index in 0..accounts {
        for nonce in 0..MAX_WAITING_OF_ONE as u64 {
            assert_eq!(code(&chain, &tipped(&who(index), nonce, 0)), 0);
        }
    }
    let late = tipped(&who(accounts), 0, 0);
    assert_eq!(check(&chain, &late), Err(Rejected::MempoolFull { waiting: MAX_WAITING as u64 }));
    // A replacement takes no more room than there was.
    assert_eq!(code(&chain, &tipped(&who(0), 0, 500)), 0);
    chain.block(&[]);
    assert_eq!(code(&chain, &late), 0);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever comes in whatever order, with commits in between: what may wait, and was not replaced, is what
    /// the next proposal packs, and nobody's line has a gap.
    #[test]
    fn what_waits_is_what_is_packed(
        steps in proptest::collection::vec((0..3u32, 0..6u64, 0..4u128, any::<u8>()), 1..60),
    ) {
        let chain = crowd(3);
        // As CometBFT keeps them: in the order of arrival, all checked again after a commit.
        let mut mempool: Vec<Vec<u8>> = Vec::new();
        for (index, nonce, tip, dice) in steps {
            let tx = tipped(&who(index), nonce, tip * 40);
            if !mempool.contains(&tx) && code(&chain, &tx) == 0 {
                mempool.push(tx);
            }
            let packed = chain.app.prepare_proposal(chain.next(), mempool.clone(), u64::MAX).unwrap();
            for index in 0..3 {
                let (account, next) = chain.app.reader().account(&who(index).address()).unwrap();
                let key = who(index).0.public_key().unwrap();
                let own = |tx: &&Vec<u8>| {
                    assay_types::tx::SignedTx::decode(tx).is_ok_and(|signed| signed.tx().key == key)
                };
                prop_assert_eq!(packed.iter().filter(own).count() as u64, next - account.nonce);
            }
            if dice < 60 {
                let waiting = packed[1..].to_vec();
                let block = if dice < 30 { packed } else { chain.claimed(&[]) };
                chain.decide(&block).unwrap();
                chain.app.commit().unwrap();
                mempool.retain(|tx| !block.contains(tx));
                mempool.retain(|tx| code(&chain, tx) == 0);
                // Nothing but what was replaced is lost.
                prop_assert!(block.len() > 1 || waiting.iter().all(|tx| mempool.contains(tx)));
            }
        }
    }
}
