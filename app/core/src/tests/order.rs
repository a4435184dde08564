//! Every order of calls that CometBFT may make gives the same chain; any other is fatal.

use super::chain::*;
use crate::{BlockInput, Fatal, Verdict};
use assay_types::hash::AppHash;
use assay_types::message::Message;
use proptest::prelude::*;

/// A call before a height is decided.
#[derive(Debug, Clone, Copy)]
enum Call {
    /// Prepares a block of these payloads (a bit each), then may judge it as CometBFT lets a proposer do.
    Prepare { payloads: u8, judge: bool },
    /// Judges an honest block of these payloads, made by somebody else.
    Process { payloads: u8 },
    /// Judges a block that lies.
    Lie { payloads: u8 },
    /// Judges the block that will be decided.
    Decided,
    /// A transaction comes.
    Check { payload: u8 },
    /// The process ends and starts again.
    Restart,
    /// What may not come now, with a wrong height where there is one.
    Illegal { kind: u8, height: u8 },
}

/// A height: what is called before it is decided, what is decided, and how often the process ends after it.
#[derive(Debug, Clone)]
struct Height {
    calls: Vec<Call>,
    decided: u8,
    /// Decided again, as after a crash of CometBFT, each time after these calls.
    again: Vec<Option<Call>>,
}

fn any_call() -> impl Strategy<Value = Call> {
    prop_oneof![
        3 => (any::<u8>(), any::<bool>()).prop_map(|(payloads, judge)| Call::Prepare { payloads, judge }),
        3 => any::<u8>().prop_map(|payloads| Call::Process { payloads }),
        2 => any::<u8>().prop_map(|payloads| Call::Lie { payloads }),
        2 => Just(Call::Decided),
        1 => any::<u8>().prop_map(|payload| Call::Check { payload }),
        1 => Just(Call::Restart),
        1 => (0..4u8, any::<u8>()).prop_map(|(kind, height)| Call::Illegal { kind, height }),
    ]
}

fn any_height() -> impl Strategy<Value = Height> {
    let again = proptest::collection::vec(proptest::option::of(any_call()), 0..2);
    (proptest::collection::vec(any_call(), 0..8), any::<u8>(), again)
        .prop_map(|(calls, decided, again)| Height { calls, decided, again })
}

/// The transactions of a height by their bits, good ones and bad ones.
fn payload(chain: &Chain, bits: u8) -> Vec<Vec<u8>> {
    let (alice, bob) = (Who::alice(), Who::bob());
    let (of_alice, of_bob) = (chain.nonce(&alice), chain.nonce(&bob));
    let file = format!("neg {}", chain.next()).into_bytes();
    let all: [(&Who, u64, Vec<Message>); 6] = [
        (&alice, of_alice, vec![pay(&bob, 7)]),
        (&bob, of_bob, vec![infer_neg()]),
        (&alice, of_alice + 1, vec![publish(&file), upload(&file, 0), seal(&file)]),
        (&bob, of_bob + 1, vec![infer_neg(), infer(NEG, vec![floats("z", &[1.0])])]),
        (&bob, of_bob + 9, vec![pay(&alice, 1)]),
        (&alice, of_alice, vec![pay(&bob, 8)]),
    ];
    let chosen = all.iter().enumerate().filter(|(bit, _)| bits & (1 << bit) != 0);
    chosen.map(|(_, (who, nonce, messages))| who.sign(*nonce, messages.clone())).collect()
}

/// A node that others prepare their blocks on; it executes them and keeps none.
fn honest(other: &Chain, bits: u8) -> Vec<Vec<u8>> {
    other.app.prepare_proposal(other.next(), payload(other, bits), u64::MAX).unwrap()
}

fn judged(chain: &Chain, block: &[Vec<u8>]) -> bool {
    chain.app.process_proposal(chain.next(), block).unwrap() == Verdict::Accept
}

fn illegal(chain: &Chain, kind: u8, height: u8) {
    let (next, got) = (chain.next(), u64::from(height));
    let wrong = if got == next { next + 1 } else { got };
    let out_of_order = |error: Fatal| matches!(error, Fatal::OutOfOrder { .. });
    match kind {
        0 => assert!(matches!(chain.app.commit(), Err(Fatal::NothingToCommit))),
        1 => assert!(out_of_order(chain.app.prepare_proposal(wrong, vec![], 1000).unwrap_err())),
        2 => assert!(out_of_order(chain.app.process_proposal(wrong, &[]).unwrap_err())),
        _ => {
            let block = BlockInput { height: wrong, txs: vec![] };
            assert!(out_of_order(chain.app.finalize_block(&block).unwrap_err()));
        }
    }
}

/// Makes a call on `chain`; what others would say comes from `other`.
fn call(chain: Chain, other: &Chain, decided: &[Vec<u8>], call: Call) -> Chain {
    match call {
        Call::Prepare { payloads, judge } => {
            let txs = payload(&chain, payloads);
            let block = chain.app.prepare_proposal(chain.next(), txs, u64::MAX).unwrap();
            assert!(!judge || judged(&chain, &block));
        }
        Call::Process { payloads } => assert!(judged(&chain, &honest(other, payloads))),
        Call::Lie { payloads } => {
            let mut block = honest(other, payloads);
            let mut claim = assay_types::claim::Claim::decode(&block[0]).unwrap();
            claim.state_root = AppHash([payloads; 32]);
            block[0] = claim.encode();
            assert!(!judged(&chain, &block));
        }
        Call::Decided => assert!(judged(&chain, decided)),
        Call::Check { payload: bits } => {
            for bytes in payload(&chain, bits) {
                // Whatever it says of them is right here.
                let _ = chain.app.check_tx(&bytes).unwrap();
            }
        }
        Call::Restart => return chain.restart(),
        Call::Illegal { kind, height } => illegal(&chain, kind, height),
    }
    chain
}

fn sealed() -> Chain {
    let chain = Chain::new();
    chain.seal(NEG);
    chain
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn extra_calls_never_change_the_next_root(heights in proptest::collection::vec(any_height(), 1..4)) {
        // One is called in every order; one only decides and commits; one makes the others' proposals.
        let (mut busy, plain, other) = (sealed(), sealed(), sealed());
        for height in heights {
            let decided = honest(&other, height.decided);
            for extra in height.calls {
                busy = call(busy, &other, &decided, extra);
            }
            let expected = plain.decide(&decided).unwrap();
            prop_assert_eq!(&busy.decide(&decided).unwrap(), &expected);
            for again in height.again {
                busy = match again {
                    Some(extra) if !matches!(extra, Call::Illegal { kind: 0, .. }) => {
                        call(busy, &other, &decided, extra)
                    }
                    _ => busy.restart(),
                };
                prop_assert_eq!(&busy.decide(&decided).unwrap(), &expected);
            }
            prop_assert_eq!(&other.decide(&decided).unwrap(), &expected);
            let roots = [&busy, &plain, &other].map(|chain| chain.app.commit().unwrap().app_hash);
            prop_assert_eq!(roots, [expected.app_hash; 3]);
            prop_assert!(matches!(busy.app.commit(), Err(Fatal::NothingToCommit)));
        }
        prop_assert_eq!(busy.dump(), plain.dump());
    }
}

#[test]
fn a_proposal_after_a_decision_takes_the_decision_back() {
    let chain = sealed();
    let block = honest(&chain, 3);
    let result = chain.decide(&block).unwrap();
    assert!(judged(&chain, &honest(&chain, 1)));
    assert!(matches!(chain.app.commit(), Err(Fatal::NothingToCommit)));
    assert_eq!(chain.decide(&block).unwrap(), result);
    assert_eq!(chain.app.commit().unwrap().app_hash, result.app_hash);
}

#[test]
fn a_few_proposals_are_kept_and_the_forgotten_ones_are_executed_again() {
    let (toy, count) = {
        let toy = super::toy::Toy::new(None);
        let count = toy.count.clone();
        (toy, count)
    };
    let chain = sealed().restart_with(toy);
    let blocks: Vec<_> = (0..6u8)
        .map(|amount| {
            let tx = chain.sign(&Who::alice(), vec![pay(&Who::bob(), u128::from(amount) + 1)]);
            chain.app.prepare_proposal(chain.next(), vec![tx], u64::MAX).unwrap()
        })
        .collect();
    assert_eq!(chain.app.kept(), 4);
    assert!(judged(&chain, &blocks[0]));
    assert_eq!(chain.app.kept(), 4);
    chain.decide(&blocks[1]).unwrap();
    chain.app.commit().unwrap();
    assert_eq!(chain.app.kept(), 0);
    assert_eq!(*count.lock().unwrap(), 0);
}
