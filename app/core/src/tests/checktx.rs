//! CheckTx: what waits counts, what was committed no longer does, and nobody waits for a block.

use super::chain::*;
use super::toy::Gate;
use assay_types::amount::Amount;
use std::sync::Arc;

fn code(chain: &Chain, bytes: &[u8]) -> u32 {
    chain.app.check_tx(bytes).unwrap().map_or_else(|rejected| rejected.code(), |_| 0)
}

#[test]
fn the_nonces_of_waiting_transactions_count() {
    let chain = Chain::new();
    let (alice, bob) = (Who::alice(), Who::bob());
    for nonce in 0..5 {
        assert_eq!(code(&chain, &alice.sign(nonce, vec![pay(&bob, 1)])), 0);
    }
    assert_eq!(code(&chain, &alice.sign(4, vec![pay(&bob, 2)])), 16);
    assert_eq!(code(&chain, &alice.sign(6, vec![pay(&bob, 1)])), 10);
    let (account, next) = chain.app.reader().account(&alice.address()).unwrap();
    assert_eq!((account.nonce, next), (0, 5));
}

#[test]
fn a_copy_of_a_waiting_transaction_is_refused() {
    let chain = Chain::new();
    let tx = Who::alice().sign(0, vec![pay(&Who::bob(), 1)]);
    assert_eq!(code(&chain, &tx), 0);
    assert_eq!(code(&chain, &tx), 15);
}

#[test]
fn a_copy_in_a_block_gets_its_number_and_is_not_paid_for() {
    let chain = Chain::new();
    let tx = Who::alice().sign(0, vec![pay(&Who::bob(), 1)]);
    let results = chain.block(&[tx.clone(), tx.clone()]);
    assert_eq!((results[0].code, results[1].code), (0, 9));
    assert_eq!(results[1].fee, Amount::ZERO);
    assert_eq!(chain.nonce(&Who::alice()), 1);
    assert_eq!(chain.block(&[tx]).remove(0).code, 9);
}

#[test]
fn money_that_waiting_transfers_move_is_not_promised_twice() {
    let chain = Chain::new();
    let (alice, carol) = (Who::alice(), Who::carol());
    assert_eq!(code(&chain, &alice.sign(0, vec![pay(&carol, FUNDS.0 - 300)])), 0);
    assert_eq!(code(&chain, &alice.sign(1, vec![pay(&carol, 1)])), 11);
    assert_eq!(code(&chain, &carol.sign(0, vec![pay(&alice, 1)])), 11);
}

#[test]
fn after_a_commit_what_waits_is_checked_anew() {
    let chain = Chain::new();
    let (alice, bob) = (Who::alice(), Who::bob());
    let txs: Vec<_> = (0..3).map(|nonce| alice.sign(nonce, vec![pay(&bob, 1)])).collect();
    for tx in &txs {
        assert_eq!(code(&chain, tx), 0);
    }
    chain.good(&txs[..1]);
    let recheck = |bytes: &[u8]| chain.app.check_tx(bytes).unwrap();
    assert_eq!(recheck(&txs[0]).unwrap_err().code(), 9);
    assert_eq!(recheck(&txs[1]).unwrap().nonce, 1);
    assert_eq!(recheck(&txs[2]).unwrap().nonce, 2);
}

#[test]
fn a_waiting_transaction_expires() {
    let chain = Chain::new();
    let alice = Who::alice();
    let mut tx = alice.tx(0, vec![pay(&Who::bob(), 1)]);
    tx.valid_until_height = 2;
    let bytes = alice.sealed(tx);
    for _ in 0..2 {
        assert!(chain.app.check_tx(&bytes).unwrap().is_ok());
        chain.block(&[]);
    }
    assert_eq!(chain.app.check_tx(&bytes).unwrap().unwrap_err().code(), 8);
}

#[test]
fn checks_and_queries_do_not_wait_for_a_block_that_executes() {
    let (gate, reached, open) = Gate::new();
    let chain = Arc::new(Chain::start(&genesis(), Some(gate)));
    let (alice, bob) = (Who::alice(), Who::bob());
    let slow = b"slow";
    let tx = alice.sign(0, vec![publish(slow), upload(slow, 0), seal(slow)]);
    let executing = {
        let chain = chain.clone();
        std::thread::spawn(move || {
            let packed = chain.app.prepare_proposal(1, vec![tx], u64::MAX).unwrap();
            chain.decide(&packed).unwrap()
        })
    };
    reached.recv().unwrap();
    assert_eq!(code(&chain, &bob.sign(0, vec![pay(&alice, 1)])), 0);
    assert_eq!(chain.app.info().unwrap().height, 0);
    assert_eq!(chain.balance(&bob), FUNDS);
    assert!(!executing.is_finished());
    open.send(()).unwrap();
    assert_eq!(executing.join().unwrap().tx_results[1].code, 0);
}
