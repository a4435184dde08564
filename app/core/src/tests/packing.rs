//! What a proposer packs first, and what it must not put in front of what.

use super::chain::*;
use crate::Verdict;
use assay_genesis::GenesisAccount;
use assay_genesis::state::MIN_BLOCK_UNITS;
use assay_types::amount::Amount;
use assay_types::key::SecretKey;
use assay_types::tx::Tx;
use proptest::prelude::*;

/// One of many with money.
fn who(tag: u8) -> Who {
    Who(SecretKey::Ed25519([100 + tag; 32]))
}

/// A chain of many accounts with money, of whose transfers five fit a block.
fn crowd() -> Chain {
    let mut state = genesis();
    state.params.max_block_units = MIN_BLOCK_UNITS;
    let account = |tag| GenesisAccount::new(who(tag).address(), FUNDS);
    state.accounts.extend((0..20).map(account));
    Chain::start(&state, None)
}

fn tipped(who: &Who, nonce: u64, tip: u128) -> Vec<u8> {
    who.sealed(Tx { tip: Amount(tip), ..who.tx(nonce, vec![pay(&Who::bob(), 1)]) })
}

/// What a proposer packs of what arrived, without the claim; everybody accepts it.
fn packed(chain: &Chain, txs: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    let mut block = chain.app.prepare_proposal(chain.next(), txs, u64::MAX).unwrap();
    assert_eq!(chain.app.process_proposal(chain.next(), &block).unwrap(), Verdict::Accept);
    block.remove(0);
    block
}

#[test]
fn the_higher_tip_per_unit_comes_first_and_the_lowest_wait() {
    let chain = crowd();
    let tips = [3u128, 9, 0, 7, 1, 9, 4, 0];
    let txs: Vec<_> = (0..).zip(tips).map(|(tag, tip)| tipped(&who(tag), 0, tip)).collect();
    let expected: Vec<_> = [1, 5, 3, 6, 0].map(|at: usize| txs[at].clone()).into();
    assert_eq!(packed(&chain, txs.clone()), expected);
    chain.good(&expected);
    assert_eq!(packed(&chain, txs.clone()), [4, 2, 7].map(|at: usize| txs[at].clone()));
}

#[test]
fn a_tip_counts_by_the_unit_and_as_far_as_the_limit_lets_it() {
    let chain = crowd();
    let base = chain.app.check_tx(&tipped(&who(0), 0, 0)).unwrap().unwrap().fee.0;
    // Twice the units and less than twice the tip.
    let wide = who(1).tx(0, vec![pay(&Who::bob(), 1); 12]);
    let wide = who(1).sealed(Tx { tip: Amount(150), ..wide });
    let narrow = tipped(&who(2), 0, 100);
    let held = who(3).tx(0, vec![pay(&Who::bob(), 1)]);
    let held = who(3).sealed(Tx { tip: Amount(1_000), max_fee: Amount(base + 2), ..held });
    let arrived = vec![held.clone(), wide.clone(), narrow.clone()];
    assert_eq!(packed(&chain, arrived), [narrow, wide, held]);
}

#[test]
fn no_tip_brings_a_nonce_before_the_one_that_it_follows() {
    let chain = crowd();
    let (first, second) = (tipped(&who(0), 0, 0), tipped(&who(0), 1, 1_000));
    let other = tipped(&who(1), 0, 5);
    let arrived = vec![second.clone(), other.clone(), first.clone()];
    assert_eq!(packed(&chain, arrived), [other, first, second]);
}

#[test]
fn what_another_account_pays_for_comes_behind_that_payment_whatever_it_tips() {
    let chain = crowd();
    let (carol, alice) = (Who::carol(), Who::alice());
    let funding = alice.sign(0, vec![pay(&carol, 1_000_000)]);
    let tip = 100_000;
    let funded = (0..2).map(|nonce| tipped(&carol, nonce, tip)).collect::<Vec<_>>();
    for arrived in [
        vec![funding.clone(), funded[0].clone(), funded[1].clone()],
        vec![funded[1].clone(), funded[0].clone(), funding.clone()],
    ] {
        let block = packed(&chain, arrived);
        assert_eq!(block, [funding.clone(), funded[0].clone(), funded[1].clone()]);
    }
    assert_eq!(packed(&chain, funded), Vec::<Vec<u8>>::new());
}

#[test]
fn of_two_with_one_nonce_the_one_that_pays_more_is_packed() {
    let chain = crowd();
    let (cheap, dear) = (tipped(&who(0), 0, 1), tipped(&who(0), 0, 60));
    for arrived in [vec![cheap.clone(), dear.clone()], vec![dear.clone(), cheap]] {
        assert_eq!(packed(&chain, arrived), std::slice::from_ref(&dear));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_full_block_takes_the_best_tips_that_nonces_allow(
        tips in proptest::collection::vec((0..6u8, 0..50u128), 1..24),
    ) {
        let chain = crowd();
        let mut nonces = [0u64; 6];
        let mut txs = Vec::new();
        for (tag, tip) in tips {
            txs.push((tag, nonces[tag as usize], tip));
            nonces[tag as usize] += 1;
        }
        let sign = |&(tag, nonce, tip): &(u8, u64, u128)| tipped(&who(tag), nonce, tip);
        let block = packed(&chain, txs.iter().map(sign).collect());
        prop_assert_eq!(block.len(), txs.len().min(5));
        // Told the plain way: at each step the best of the accounts' next ones, the first one between equals.
        let mut taken = [0u64; 6];
        let mut expected = Vec::new();
        while expected.len() < block.len() {
            let next = txs.iter().filter(|(tag, nonce, _)| taken[*tag as usize] == *nonce);
            let best = next.rev().max_by_key(|(_, _, tip)| *tip).unwrap();
            taken[best.0 as usize] += 1;
            expected.push(sign(best));
        }
        prop_assert_eq!(block, expected);
    }
}
