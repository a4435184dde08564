//! Proposals: every honest one is accepted, none is over a budget.

use super::chain::*;
use crate::{Refusal, Verdict};
use assay_genesis::state::MIN_BLOCK_UNITS;
use assay_types::claim::Claim;
use assay_types::hash::TxHash;
use assay_types::message::{Message, RetireModel};
use proptest::prelude::*;
use std::sync::OnceLock;

/// The smallest block: five transfers fit its units.
fn small() -> Chain {
    let mut state = genesis();
    state.params.max_block_units = MIN_BLOCK_UNITS;
    state.params.max_block_inferences = 2;
    Chain::start(&state, None)
}

/// Whether a block is accepted, claim and all.
fn accepted(chain: &Chain, txs: &[Vec<u8>]) -> bool {
    chain.app.process_proposal(chain.next(), txs).unwrap() == Verdict::Accept
}

/// Why a block of these transactions with an honest claim is refused.
fn refused(chain: &Chain, txs: &[Vec<u8>]) -> Refusal {
    match chain.app.process_proposal(chain.next(), &chain.claimed(txs)).unwrap() {
        Verdict::Reject(refusal) => refusal,
        Verdict::Accept => panic!("accepted"),
    }
}

#[test]
fn a_proposal_keeps_the_order_of_nonces() {
    let chain = Chain::new();
    let (alice, bob) = (Who::alice(), Who::bob());
    let tx = |who: &Who, nonce| who.sign(nonce, vec![pay(&Who::carol(), 1)]);
    let arrived = vec![tx(&alice, 2), tx(&bob, 0), tx(&alice, 0), tx(&bob, 5), tx(&alice, 1)];
    let packed = chain.app.prepare_proposal(1, arrived, u64::MAX).unwrap();
    assert_eq!(packed[1..], [tx(&alice, 0), tx(&bob, 0), tx(&alice, 1), tx(&alice, 2)]);
    assert!(accepted(&chain, &packed));
}

#[test]
fn a_proposal_is_never_over_its_bytes() {
    let chain = Chain::new();
    let txs: Vec<_> = (0..4).map(|nonce| Who::alice().sign(nonce, vec![pay(&Who::bob(), 1)])).collect();
    // Each takes its length and three bytes of protobuf.
    let one = txs[0].len() as u64 + 3;
    // So does the claim, which is the same length whatever it says of them.
    let claim = Claim::most_bytes(0) as u64 + 2;
    let counts = [(0, 1), (one - 1, 1), (one, 2), (2 * one + 1, 3), (4 * one, 5)];
    for (left, count) in counts {
        let packed = chain.app.prepare_proposal(1, txs.clone(), claim + left).unwrap();
        assert_eq!(packed.len(), count, "{left}");
        assert!(accepted(&chain, &packed));
    }
    for max_bytes in [0, 1, claim - 1] {
        let packed = chain.app.prepare_proposal(1, txs.clone(), max_bytes).unwrap();
        assert!(packed.is_empty() && accepted(&chain, &packed), "{max_bytes}");
    }
}

#[test]
fn a_proposal_is_never_over_its_units() {
    let chain = small();
    let txs: Vec<_> = (0..9).map(|nonce| Who::alice().sign(nonce, vec![pay(&Who::bob(), 1)])).collect();
    let packed = chain.app.prepare_proposal(1, txs.clone(), u64::MAX).unwrap();
    assert_eq!(packed[1..], txs[..5]);
    assert!(accepted(&chain, &packed));
    assert_eq!(refused(&chain, &txs[..6]).kind, "over_budget");
    let results = chain.block(&txs[..6]);
    assert_eq!(results.iter().map(|result| result.code).collect::<Vec<_>>(), [0, 0, 0, 0, 0, 13]);
}

#[test]
fn a_proposal_is_never_over_its_inferences() {
    let chain = small();
    for message in [publish(NEG), upload(NEG, 0), seal(NEG)] {
        chain.good(&[chain.sign(&Who::alice(), vec![message])]);
    }
    let txs: Vec<_> = (0..3).map(|nonce| Who::bob().sign(nonce, vec![infer_neg()])).collect();
    let packed = chain.app.prepare_proposal(chain.next(), txs.clone(), u64::MAX).unwrap();
    assert_eq!(packed[1..], txs[..2]);
    assert!(accepted(&chain, &packed));
    assert_eq!(refused(&chain, &txs).kind, "over_budget");
}

#[test]
fn a_proposal_with_a_transaction_that_cannot_pay_any_more_is_refused() {
    let chain = Chain::new();
    let (alice, carol) = (Who::alice(), Who::carol());
    let fee = chain.app.check_tx(&alice.sign(0, vec![pay(&carol, 1)]));
    let all = FUNDS.0 - fee.unwrap().unwrap().fee.0;
    let txs = vec![alice.sign(0, vec![pay(&carol, all)]), alice.sign(1, vec![pay(&carol, 1)])];
    assert!(accepted(&chain, &chain.claimed(&txs[..1])));
    let Refusal { kind, detail } = refused(&chain, &txs);
    assert!(detail.contains("transaction 2") && detail.contains("code 11"), "{detail}");
    assert_eq!(kind, "not_admissible");
    assert_eq!(chain.app.prepare_proposal(1, txs.clone(), u64::MAX).unwrap()[1..], txs[..1]);
}

#[test]
fn a_proposal_over_four_mebibytes_is_refused() {
    let chain = Chain::new();
    assert_eq!(refused(&chain, &vec![vec![0; 1024 * 1024]; 4]).kind, "too_many_bytes");
}

/// What the mempool of a bad day may hold.
#[derive(Debug, Clone)]
enum Spec {
    Garbage(Vec<u8>),
    Sent { who: u8, nonce: u64, kind: u8, amount: u128, max_fee: u128, tip: u128, until: u64 },
    Damaged { at: usize, nonce: u64 },
}

fn any_spec() -> impl Strategy<Value = Spec> {
    let tip = prop_oneof![3 => Just(0), 3 => 0..2_000u128, 1 => any::<u128>()];
    let sent = (0..3u8, 0..6u64, 0..9u8, 0..3u8, any::<bool>(), tip, 0..20u64).prop_map(
        |(who, nonce, kind, amount, poor, tip, until)| Spec::Sent {
            who,
            nonce,
            kind,
            amount: [0, 1_000, FUNDS.0 - 100_000][amount as usize],
            max_fee: if poor { 300 } else { FUNDS.0 },
            tip,
            until,
        },
    );
    prop_oneof![
        1 => proptest::collection::vec(any::<u8>(), 0..200).prop_map(Spec::Garbage),
        1 => (0..150usize, 0..4u64).prop_map(|(at, nonce)| Spec::Damaged { at, nonce }),
        8 => sent,
    ]
}

fn build(spec: &Spec) -> Vec<u8> {
    match spec {
        Spec::Garbage(bytes) => bytes.clone(),
        Spec::Damaged { at, nonce } => {
            let mut bytes = Who::alice().sign(*nonce, vec![pay(&Who::bob(), 1)]);
            let at = at % bytes.len();
            bytes[at] ^= 4;
            bytes
        }
        Spec::Sent { who, nonce, kind, amount, max_fee, tip, until } => {
            let who = [Who::alice(), Who::bob(), Who::carol()][*who as usize].clone();
            let file = b"gather";
            let messages = match kind {
                0 => vec![publish(file)],
                1 => vec![upload(file, 0)],
                2 => vec![publish(file), upload(file, 0), seal(file)],
                3 => vec![infer(file, vec![ints("i", &[*amount as i64 % 7])])],
                4 => vec![infer_neg()],
                5 => vec![infer(NEG, vec![floats("z", &[1.0])])],
                6 => vec![Message::RetireModel(RetireModel { model: id(NEG) })],
                _ => vec![pay(&Who::carol(), *amount)],
            };
            let mut tx = who.tx(*nonce, messages);
            tx.max_fee = assay_types::amount::Amount(*max_fee);
            tx.tip = assay_types::amount::Amount(*tip);
            tx.valid_until_height = *until;
            who.sealed(tx)
        }
    }
}

/// Two nodes of one chain, at the same height, with a sealed model.
fn pair() -> &'static (Chain, Chain) {
    static PAIR: OnceLock<(Chain, Chain)> = OnceLock::new();
    PAIR.get_or_init(|| {
        let start = || {
            let mut state = genesis();
            state.params.max_block_units = 3_000_000;
            state.params.max_block_inferences = 3;
            let chain = Chain::start(&state, None);
            chain.seal(NEG);
            chain
        };
        (start(), start())
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_honest_proposal_is_accepted(
        specs in proptest::collection::vec(any_spec(), 0..30),
        max_bytes in prop_oneof![Just(u64::MAX), 0..4_000u64],
    ) {
        let (proposer, validator) = pair();
        let (mut txs, height) = (specs.iter().map(build).collect::<Vec<_>>(), proposer.next());
        txs.extend(txs.first().cloned());
        let packed = proposer.app.prepare_proposal(height, txs, max_bytes).unwrap();
        let bytes: u64 = packed.iter().map(|tx| tx.len() as u64).sum();
        prop_assert!(bytes <= max_bytes);
        prop_assert_eq!(proposer.app.process_proposal(height, &packed).unwrap(), Verdict::Accept);
        prop_assert_eq!(validator.app.process_proposal(height, &packed).unwrap(), Verdict::Accept);
        let results = [proposer, validator].map(|chain| chain.decide(&packed).unwrap());
        prop_assert_eq!(&results[0], &results[1]);
        for (tx, result) in packed.iter().zip(&results[0].tx_results).skip(1) {
            prop_assert!(result.fee.0 > 0, "{} was not paid for: {}", TxHash::of(tx), result.log);
        }
    }

    #[test]
    fn any_decided_block_keeps_the_supply(specs in proptest::collection::vec(any_spec(), 0..12)) {
        let chain = Chain::new();
        let txs: Vec<_> = specs.iter().map(build).collect();
        chain.block(&txs);
    }
}
