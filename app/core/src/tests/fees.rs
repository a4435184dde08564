//! The fee market: what a transaction pays, what of it is a tip, and how blocks move the prices.

use super::chain::*;
use assay_genesis::GenesisState;
use assay_genesis::state::MIN_BLOCK_UNITS;
use assay_types::amount::Amount;
use assay_types::codec;
use assay_types::error::Rejected;
use assay_types::fees::{Prices, next_price};
use assay_types::params::{RECORD_UNITS, TX_UNITS};
use assay_types::path;
use assay_types::tx::Tx;

/// Units of a transfer.
const UNITS: u64 = TX_UNITS + RECORD_UNITS;

/// The smallest block, which five transfers fill, and prices that may fall.
fn lively() -> GenesisState {
    let mut state = genesis();
    state.params.max_block_units = MIN_BLOCK_UNITS;
    state.params.min_prices = Prices { unit_price: 900, byte_price: 90_000 };
    state
}

fn prices(chain: &Chain) -> Prices {
    chain.app.reader().fees().unwrap().next
}

/// Alice's transfer of nothing much, with a limit and a tip.
fn offer(chain: &Chain, max_fee: u128, tip: u128) -> Vec<u8> {
    let alice = Who::alice();
    let tx = alice.tx(chain.nonce(&alice), vec![pay(&Who::bob(), 1)]);
    alice.sealed(Tx { max_fee: Amount(max_fee), tip: Amount(tip), ..tx })
}

fn check(chain: &Chain, bytes: &[u8]) -> Result<crate::Checked, Rejected> {
    chain.app.check_tx(bytes).unwrap()
}

#[test]
fn prices_follow_what_blocks_use_and_all_of_a_block_pay_the_same() {
    let chain = Chain::start(&lively(), None);
    let alice = Who::alice();
    for count in [5, 5, 0, 2, 0, 0, 5, 0] {
        let before = prices(&chain);
        let nonce = chain.nonce(&alice);
        let txs: Vec<_> =
            (nonce..nonce + count).map(|nonce| alice.sign(nonce, vec![pay(&Who::bob(), 1)])).collect();
        for (tx, result) in txs.iter().zip(chain.good(&txs)) {
            assert_eq!(result.fee, before.fee(tx.len() as u64, UNITS));
        }
        let bytes = txs.iter().map(|tx| tx.len() as u64).sum();
        let expected = Prices {
            unit_price: next_price(before.unit_price, 900, count * UNITS, MIN_BLOCK_UNITS, 8),
            byte_price: next_price(before.byte_price, 90_000, bytes, 4 << 20, 8),
        };
        assert_eq!(prices(&chain), expected);
        let fees = chain.app.reader().fees().unwrap();
        assert_eq!((fees.height + 1, fees.now), (chain.next(), before));
        assert_eq!((fees.units.used, fees.units.most), (count * UNITS, MIN_BLOCK_UNITS));
        assert_eq!((fees.bytes.used, fees.bytes.target), (bytes, 2 << 20));
    }
}

#[test]
fn prices_of_a_scripted_chain_are_the_pinned_ones() {
    let chain = Chain::start(&lively(), None);
    let alice = Who::alice();
    let mut seen = vec![prices(&chain)];
    for count in [5, 5, 3, 2, 0, 0, 0] {
        let nonce = chain.nonce(&alice);
        let pay = |nonce| alice.sign(nonce, vec![pay(&Who::bob(), 1)]);
        chain.good(&(nonce..nonce + count).map(pay).collect::<Vec<_>>());
        seen.push(prices(&chain));
    }
    let unit: Vec<u64> = seen.iter().map(|prices| prices.unit_price).collect();
    assert_eq!(unit, [1_000, 1_092, 1_193, 1_200, 1_154, 1_009, 900, 900]);
    let byte: Vec<u64> = seen.iter().map(|prices| prices.byte_price).collect();
    assert_eq!(byte, [100_000, 90_000, 90_000, 90_000, 90_000, 90_000, 90_000, 90_000]);
}

#[test]
fn prices_are_in_the_state_tree_and_stay_unwritten_at_their_floor() {
    let chain = Chain::new();
    let info = chain.app.info().unwrap();
    let proven = chain.app.reader().prove(path::FEE_MARKET, Some(info.height)).unwrap().unwrap();
    let value: Prices = codec::decode(&proven.proven.value.unwrap(), 16).unwrap();
    assert_eq!(value, prices(&chain));
    chain.block(&[]);
    assert_eq!(chain.app.info().unwrap().app_hash, info.app_hash);
}

#[test]
fn a_tip_is_paid_as_far_as_the_limit_leaves_room() {
    let chain = Chain::new();
    let base = check(&chain, &offer(&chain, FUNDS.0, 0)).unwrap().fee.0;
    // limit, tip, the tip that is paid
    for (max_fee, tip, paid) in [
        (base, 0, 0),
        (base, 7, 0),
        (base + 3, 7, 3),
        (base + 7, 7, 7),
        (FUNDS.0, 7, 7),
        (base, u128::MAX, 0),
        (base + 5, u128::MAX, 5),
        (u128::MAX, 5, 5),
    ] {
        chain.block(&[]);
        let (tx, before) = (offer(&chain, max_fee, tip), chain.balance(&Who::alice()).0);
        let checked = check(&chain, &tx).unwrap();
        let result = chain.good(&[tx]).remove(0);
        assert_eq!((result.fee.0, result.tip.0), (base + paid, paid), "{max_fee} {tip}");
        assert_eq!((checked.fee, checked.tip), (result.fee, result.tip));
        assert_eq!(before - chain.balance(&Who::alice()).0, base + paid + 1);
    }
}

#[test]
fn a_limit_below_the_price_is_refused_with_both_numbers() {
    let chain = Chain::new();
    let needed = check(&chain, &offer(&chain, FUNDS.0, 0)).unwrap().fee;
    chain.block(&[]);
    for max_fee in [0, 1, needed.0 - 1] {
        let rejected = check(&chain, &offer(&chain, max_fee, 9)).unwrap_err();
        assert_eq!(rejected, Rejected::FeeTooLow { needed, max_fee: Amount(max_fee) });
        let words = format!("fee below price: the price is {needed} uasy, and the limit {max_fee}");
        assert_eq!(rejected.to_string(), words);
    }
}

#[test]
fn fees_beyond_any_balance_are_refused_and_never_overflow() {
    let chain = Chain::new();
    let rejected = check(&chain, &offer(&chain, u128::MAX, u128::MAX)).unwrap_err();
    assert_eq!(rejected, Rejected::InsufficientBalance { needed: Amount(u128::MAX), balance: FUNDS });
    let packed = chain.app.prepare_proposal(1, vec![offer(&chain, u128::MAX, u128::MAX)], u64::MAX).unwrap();
    assert_eq!(packed.len(), 1);
}

#[test]
fn the_highest_prices_there_are_stay_where_they_are() {
    let mut state = lively();
    let most = Prices { unit_price: u64::MAX, byte_price: u64::MAX };
    state.params.initial_prices = most;
    let rich: Amount = Amount(u128::MAX / 4);
    for account in &mut state.accounts {
        account.balance = rich;
    }
    let chain = Chain::start(&state, None);
    let alice = Who::alice();
    let tx = |nonce| alice.sealed(Tx { max_fee: rich, ..alice.tx(nonce, vec![pay(&Who::bob(), 1)]) });
    let cheap = alice.sign(0, vec![pay(&Who::bob(), 1)]);
    assert_eq!(check(&chain, &cheap).unwrap_err().code(), 12);
    let txs: Vec<_> = (0..5).map(tx).collect();
    let results = chain.good(&txs);
    assert_eq!(results[0].fee, most.fee(txs[0].len() as u64, UNITS));
    assert_eq!(prices(&chain).unit_price, u64::MAX);
}

#[test]
fn a_receipt_says_what_was_paid() {
    let chain = Chain::new();
    chain.seal(NEG);
    let bob = Who::bob();
    let bytes = bob.sealed(Tx { tip: Amount(55), ..bob.tx(0, vec![infer_neg(), infer_neg()]) });
    let hash = assay_types::hash::TxHash::of(&bytes);
    let result = chain.good(&[bytes]).remove(0);
    for index in [0, 1] {
        let receipt = chain.app.reader().receipt(&hash, index).unwrap().unwrap();
        assert_eq!((receipt.fee, receipt.tip), (result.fee, Amount(55)));
    }
    let info = chain.app.reader().tx(&hash).unwrap().unwrap().info;
    assert_eq!((info.fee, info.tip), (result.fee, Amount(55)));
}

#[test]
fn a_waiting_transaction_is_dropped_when_the_price_outgrows_its_limit() {
    let mut state = lively();
    state.params.min_prices = state.params.initial_prices;
    let chain = Chain::start(&state, None);
    let bob = Who::bob();
    let fee = check(&chain, &bob.sign(0, vec![pay(&Who::carol(), 1)])).unwrap().fee;
    let waiting = bob.sealed(Tx { max_fee: fee, ..bob.tx(0, vec![pay(&Who::carol(), 1)]) });
    let full: Vec<_> = (0..5).map(|nonce| Who::alice().sign(nonce, vec![pay(&bob, 1)])).collect();
    chain.good(&full);
    assert!(matches!(check(&chain, &waiting), Err(Rejected::FeeTooLow { max_fee, .. }) if max_fee == fee));
    let packed = chain.app.prepare_proposal(chain.next(), vec![waiting.clone()], u64::MAX).unwrap();
    assert_eq!(packed.len(), 1);
    chain.block(&[]);
    chain.good(&[waiting]);
}
