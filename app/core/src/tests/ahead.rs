//! Work done ahead: it changes how long a block takes, and nothing else.

use super::chain::*;
use super::toy::{Gate, Toy};
use crate::Work;
use assay_types::message::Message;
use std::sync::Arc;

fn work(chain: &Chain, bytes: &[u8]) -> Work {
    chain.app.check_tx(bytes).unwrap().unwrap().work.unwrap()
}

/// An inference of its own input.
fn one(value: f32) -> Message {
    infer(NEG, vec![floats("x", &[value; 4])])
}

#[test]
fn only_what_runs_something_is_work() {
    let chain = Chain::new();
    let tx = Who::alice().sign(0, vec![pay(&Who::bob(), 1)]);
    assert_eq!(chain.app.check_tx(&tx).unwrap().unwrap().work, None);
}

#[test]
fn an_outcome_that_was_computed_ahead_is_found_by_the_block() {
    let (chain, plain) = (Chain::new(), Chain::new());
    for chain in [&chain, &plain] {
        chain.seal(NEG);
    }
    let (bob, reader) = (Who::bob(), chain.app.reader());
    let tx = bob.sign(0, vec![one(1.0), one(2.0)]);
    reader.speculate(&work(&chain, &tx)).unwrap();
    assert_eq!(reader.lookups(), (0, 0));
    let packed = chain.app.prepare_proposal(chain.next(), vec![tx.clone()], u64::MAX).unwrap();
    assert_eq!(reader.lookups(), (2, 0));
    let other = plain.app.prepare_proposal(plain.next(), vec![tx], u64::MAX).unwrap();
    assert_eq!((other, plain.app.reader().lookups()), (packed.clone(), (0, 2)));
    assert_eq!(chain.decide(&packed).unwrap(), plain.decide(&packed).unwrap());
}

#[test]
fn a_proposer_prefers_what_is_known_within_the_order_of_nonces() {
    let chain = Chain::new();
    chain.seal(NEG);
    let (alice, bob) = (Who::alice(), Who::bob());
    let (nonce, carol) = (chain.nonce(&alice), Who::carol());
    let unknown = alice.sign(nonce, vec![one(1.0)]);
    let after = alice.sign(nonce + 1, vec![pay(&carol, 1)]);
    let known = bob.sign(0, vec![one(2.0)]);
    chain.app.reader().speculate(&work(&chain, &known)).unwrap();
    let arrived = vec![unknown.clone(), after.clone(), known.clone()];
    let packed = chain.app.prepare_proposal(chain.next(), arrived, u64::MAX).unwrap();
    assert_eq!(packed[1..], [known, unknown, after]);
}

#[test]
fn a_compilation_under_way_is_waited_for_and_not_made_twice() {
    let (gate, reached, open) = Gate::new();
    let toy = Toy::new(Some(gate));
    let count = toy.count.clone();
    let chain = Chain::new().restart_with(toy);
    let alice = Who::alice();
    let slow = b"slow";
    for message in [publish(slow), upload(slow, 0)] {
        chain.good(&[chain.sign(&alice, vec![message])]);
    }
    let chain = Arc::new(chain);
    let tx = chain.sign(&alice, vec![seal(slow)]);
    let speculating = {
        let (reader, work) = (chain.app.reader(), work(&chain, &tx));
        std::thread::spawn(move || reader.speculate(&work).unwrap())
    };
    reached.recv().unwrap();
    let preparing = {
        let chain = chain.clone();
        std::thread::spawn(move || chain.app.prepare_proposal(chain.next(), vec![tx], u64::MAX).unwrap())
    };
    assert!(!preparing.is_finished());
    open.send(()).unwrap();
    speculating.join().unwrap();
    let packed = preparing.join().unwrap();
    assert_eq!(packed.len(), 2);
    assert_eq!(*count.lock().unwrap(), 1);
    assert_eq!(chain.decide(&packed).unwrap().tx_results[1].code, 0);
}

#[test]
fn a_stranger_cannot_have_a_model_compiled_ahead() {
    let toy = Toy::new(None);
    let count = toy.count.clone();
    let chain = Chain::new().restart_with(toy);
    for message in [publish(NEG), upload(NEG, 0)] {
        chain.good(&[chain.sign(&Who::alice(), vec![message])]);
    }
    let tx = chain.sign(&Who::bob(), vec![seal(NEG)]);
    chain.app.reader().speculate(&work(&chain, &tx)).unwrap();
    assert_eq!(*count.lock().unwrap(), 0);
    let tx = chain.sign(&Who::alice(), vec![seal(NEG)]);
    chain.app.reader().speculate(&work(&chain, &tx)).unwrap();
    assert_eq!(*count.lock().unwrap(), 1);
}

#[test]
fn any_number_of_threads_gives_the_same_block() {
    let build = |threads| {
        let Chain { dir, app } = Chain::new();
        drop(app);
        let chain =
            Chain { app: open_with(&dir, Toy::new(None), |engine| engine.with_threads(threads)), dir };
        chain.seal(NEG);
        chain.seal(b"gather");
        let txs: Vec<_> = (0..12u8)
            .map(|nonce| {
                // Some are the same, some fail, one has the wrong inputs.
                let input = vec![ints("i", &[i64::from(nonce % 6)])];
                let wrong = if nonce == 5 { vec![floats("z", &[1.0])] } else { input };
                let messages = vec![one(f32::from(nonce % 5)), infer(b"gather", wrong)];
                Who::bob().sign(u64::from(nonce), messages)
            })
            .collect();
        let packed = chain.app.prepare_proposal(chain.next(), txs, u64::MAX).unwrap();
        let result = chain.decide(&packed).unwrap();
        (packed, result)
    };
    let alone = build(1);
    assert_eq!(alone.0.len(), 13);
    for threads in [2, 3, 8] {
        assert_eq!(build(threads), alone);
    }
}
