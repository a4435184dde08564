//! Drafts: they change how long a proposal takes, and nothing of it.

use super::chain::*;
use assay_genesis::GenesisAccount;
use assay_types::amount::Amount;
use assay_types::key::SecretKey;
use assay_types::message::Message;
use assay_types::tx::Tx;
use proptest::prelude::*;

/// One of many with money.
fn who(index: u8) -> Who {
    Who(SecretKey::Ed25519([60 + index; 32]))
}

fn chain() -> Chain {
    let mut state = genesis();
    state.params.max_block_units = 4_000_000;
    state.accounts.extend((0..4).map(|index| GenesisAccount::new(who(index).address(), FUNDS)));
    let chain = Chain::start(&state, None);
    chain.seal(NEG);
    chain
}

fn sealed(who: &Who, nonce: u64, tip: u128, message: Message) -> Vec<u8> {
    who.sealed(Tx { tip: Amount(tip), ..who.tx(nonce, vec![message]) })
}

fn transfer(index: u8, nonce: u64, tip: u128) -> Vec<u8> {
    sealed(&who(index), nonce, tip, pay(&Who::carol(), 1_000))
}

fn drafted(chain: &Chain) -> usize {
    chain.app.reader().draft().unwrap();
    chain.app.shared().drafts.gone()
}

/// A proposal asked for, so that there are drafts from now on.
fn asked(chain: &Chain) {
    let block = chain.app.prepare_proposal(chain.next(), vec![], u64::MAX).unwrap();
    commit(chain, &block);
}

fn commit(chain: &Chain, block: &[Vec<u8>]) {
    chain.decide(block).unwrap();
    chain.app.commit().unwrap();
}

#[test]
fn what_waits_is_gone_through_ahead_once_a_proposal_was_asked_for() {
    let chain = chain();
    let txs: Vec<_> = (0..3).map(|nonce| transfer(0, nonce, 0)).collect();
    assert!(chain.app.check_tx(&txs[0]).unwrap().is_ok());
    assert_eq!(drafted(&chain), 0);
    asked(&chain);
    for (count, tx) in (1..).zip(&txs) {
        assert!(chain.app.check_tx(tx).unwrap().is_ok());
        assert_eq!(drafted(&chain), count);
    }
    let block = chain.app.prepare_proposal(chain.next(), txs.clone(), u64::MAX).unwrap();
    assert_eq!(block[1..], txs);
    // It is made, so there is nothing to draft before the next height.
    assert!(chain.app.check_tx(&transfer(1, 0, 0)).unwrap().is_ok());
    assert_eq!(drafted(&chain), 0);
}

#[test]
fn a_draft_stops_at_a_model_that_would_have_to_run_and_goes_on_when_it_has_run() {
    let chain = chain();
    asked(&chain);
    let run = sealed(&who(1), 0, 0, infer(NEG, vec![floats("x", &[9.0; 4])]));
    let txs = [transfer(0, 0, 0), run, transfer(2, 0, 0)];
    let works: Vec<_> = txs.iter().filter_map(|tx| chain.app.check_tx(tx).unwrap().unwrap().work).collect();
    assert_eq!(drafted(&chain), 1);
    works.iter().for_each(|work| chain.app.reader().speculate(work).unwrap());
    assert_eq!(drafted(&chain), 3);
    assert_eq!(chain.app.prepare_proposal(chain.next(), txs.to_vec(), u64::MAX).unwrap()[1..], txs);
}

#[test]
fn what_is_packed_before_a_draft_makes_it_begin_anew() {
    let chain = chain();
    asked(&chain);
    let mut txs = Vec::new();
    for tip in 0..8u8 {
        txs.insert(0, transfer(tip % 4, u64::from(tip / 4), u128::from(tip)));
        assert!(chain.app.check_tx(&txs[0]).unwrap().is_ok());
        drafted(&chain);
    }
    let arrived: Vec<_> = txs.iter().rev().cloned().collect();
    let block = chain.app.prepare_proposal(chain.next(), arrived, u64::MAX).unwrap();
    assert_eq!(block.len(), 9);
}

/// What happens between two proposals.
#[derive(Debug, Clone)]
enum Step {
    /// A transaction comes.
    Check { who: u8, nonce: u64, tip: u128, kind: u8 },
    /// Outcomes of what waits are computed.
    Speculate,
    /// What waits is drafted, by the one of the two chains.
    Draft,
    /// A proposal of what waits, some of it dropped; it may be decided and committed, or lost.
    Propose { drop: usize, max_bytes: u64, lost: bool },
}

fn any_step() -> impl Strategy<Value = Step> {
    let room = prop_oneof![4 => Just(u64::MAX), 1 => 0..2_500u64];
    prop_oneof![
        12 => (0..4u8, 0..5u64, 0..3u128, 0..6u8)
            .prop_map(|(who, nonce, tip, kind)| Step::Check { who, nonce, tip: tip * 60, kind }),
        2 => Just(Step::Speculate),
        6 => Just(Step::Draft),
        3 => (0..12usize, room, any::<bool>())
            .prop_map(|(drop, max_bytes, lost)| Step::Propose { drop, max_bytes, lost }),
    ]
}

fn build(index: u8, nonce: u64, tip: u128, kind: u8) -> Vec<u8> {
    let file = format!("late {index}").into_bytes();
    let message = match kind {
        0 => infer(NEG, vec![floats("x", &[nonce as f32, 1.0, 2.0, f32::from(index)])]),
        1 => publish(&file),
        // Of a model that is not there before somebody publishes it.
        2 => infer(b"late 0", vec![]),
        3 => pay(&Who::carol(), FUNDS.0 - 2_000_000),
        _ => pay(&who(0), 5),
    };
    sealed(&who(index), nonce, tip, message)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_draft_never_changes_a_proposal(steps in proptest::collection::vec(any_step(), 1..80)) {
        let (drafting, plain) = (chain(), chain());
        asked(&drafting);
        asked(&plain);
        let (mut mempool, mut works): (Vec<Vec<u8>>, Vec<_>) = (Vec::new(), Vec::new());
        for step in steps {
            match step {
                Step::Check { who, nonce, tip, kind } => {
                    let tx = build(who, nonce, tip, kind);
                    let [one, other] = [&drafting, &plain].map(|chain| chain.app.check_tx(&tx).unwrap());
                    prop_assert_eq!(&one, &other);
                    if let Ok(checked) = one {
                        mempool.push(tx);
                        works.extend(checked.work);
                    }
                }
                Step::Speculate => {
                    for work in works.drain(..) {
                        drafting.app.reader().speculate(&work).unwrap();
                        plain.app.reader().speculate(&work).unwrap();
                    }
                }
                Step::Draft => {
                    drafting.app.reader().draft().unwrap();
                    prop_assert!(drafting.app.shared().drafts.is_arranged());
                }
                Step::Propose { drop, max_bytes, lost } => {
                    let kept = (0..).zip(&mempool).filter(|(at, _)| *at != drop).map(|(_, tx)| tx.clone());
                    let (txs, height): (Vec<_>, _) = (kept.collect(), plain.next());
                    let [block, expected] = [&drafting, &plain]
                        .map(|chain| chain.app.prepare_proposal(height, txs.clone(), max_bytes).unwrap());
                    prop_assert_eq!(&block, &expected);
                    if !lost {
                        let [one, other] = [&drafting, &plain].map(|chain| chain.decide(&block).unwrap());
                        prop_assert_eq!(one, other);
                        prop_assert_eq!(drafting.app.commit().unwrap(), plain.app.commit().unwrap());
                        mempool.retain(|tx| {
                            let [one, other] = [&drafting, &plain].map(|chain| chain.app.check_tx(tx).unwrap());
                            assert_eq!(one, other);
                            one.is_ok()
                        });
                    }
                }
            }
        }
        prop_assert_eq!(drafting.dump(), plain.dump());
    }
}
