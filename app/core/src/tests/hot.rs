//! The hot set: who pays for loading a model, and which models stay.

use super::chain::*;
use super::toy::Toy;
use assay_types::hash::TxHash;
use assay_types::message::{Infer, Message, RetireModel};
use assay_types::receipt::Receipt;

const GATHER: &[u8] = b"gather";
const HALF: &[u8] = b"half";

fn infer_gather(at: i64) -> Message {
    infer(GATHER, vec![ints("i", &[at])])
}

fn infer_half() -> Message {
    infer(HALF, vec![floats("x", &[1.0])])
}

fn is_hot(chain: &Chain, model: &[u8]) -> bool {
    chain.app.reader().model(&id(model)).unwrap().unwrap().hot
}

fn load_units(chain: &Chain, model: &[u8]) -> u64 {
    let record = chain.app.reader().model(&id(model)).unwrap().unwrap().record;
    record.runnable().unwrap().load_units
}

fn plan_bytes(chain: &Chain, model: &[u8]) -> u64 {
    let record = chain.app.reader().model(&id(model)).unwrap().unwrap().record;
    record.runnable().unwrap().plan_bytes
}

fn receipt(chain: &Chain, tx: &[u8], index: u32) -> Receipt {
    chain.app.reader().receipt(&TxHash::of(tx), index).unwrap().unwrap()
}

fn sealed() -> Chain {
    let chain = Chain::new();
    for file in [NEG, GATHER, HALF] {
        chain.seal(file);
    }
    chain
}

#[test]
fn the_first_inference_pays_for_loading_and_the_next_does_not() {
    let (chain, bob) = (sealed(), Who::bob());
    let load = load_units(&chain, NEG);
    assert!(load > 0 && !is_hot(&chain, NEG));
    let cold = chain.sign(&bob, vec![infer_neg()]);
    let first = chain.good(std::slice::from_ref(&cold)).remove(0);
    assert!(is_hot(&chain, NEG));
    let hot = chain.sign(&bob, vec![infer_neg()]);
    let second = chain.good(std::slice::from_ref(&hot)).remove(0);
    assert_eq!(first.units - second.units, load);
    assert_eq!((receipt(&chain, &cold, 0).load_units, receipt(&chain, &hot, 0).load_units), (load, 0));
    assert_eq!(receipt(&chain, &cold, 0).units, receipt(&chain, &hot, 0).units);
}

#[test]
fn a_transaction_pays_once_for_each_model_and_its_first_inference_says_so() {
    let (chain, bob) = (sealed(), Who::bob());
    let messages = vec![pay(&Who::carol(), 1), infer_neg(), infer_gather(1), infer_neg(), infer_gather(2)];
    let cold = chain.sign(&bob, messages.clone());
    let first = chain.good(std::slice::from_ref(&cold)).remove(0);
    let second = chain.good(&[chain.sign(&bob, messages)]).remove(0);
    let (neg, gather) = (load_units(&chain, NEG), load_units(&chain, GATHER));
    assert_eq!(first.units - second.units, neg + gather);
    let loads = [1, 2, 3, 4].map(|index| receipt(&chain, &cold, index).load_units);
    assert_eq!(loads, [neg, gather, 0, 0]);
}

#[test]
fn what_else_is_in_a_block_changes_no_price() {
    let (chain, alice, bob) = (sealed(), Who::alice(), Who::bob());
    let txs = [chain.sign(&bob, vec![infer_neg()]), chain.sign(&alice, vec![infer_neg()])];
    let units: Vec<_> = txs.iter().map(|tx| chain.app.check_tx(tx).unwrap().unwrap().units).collect();
    let results = chain.good(&txs);
    assert_eq!(results.iter().map(|result| result.units).collect::<Vec<_>>(), units);
    assert_eq!(units[0], units[1]);
}

#[test]
fn the_models_used_last_stay_within_the_bytes() {
    let plain = sealed();
    let bytes = [NEG, GATHER, HALF].map(|file| plan_bytes(&plain, file));
    let mut state = genesis();
    state.params.hot_set_bytes = bytes[0] + bytes[1].max(bytes[2]);
    let chain = Chain::start(&state, None);
    for file in [NEG, GATHER, HALF] {
        chain.seal(file);
    }
    let hot = || [NEG, GATHER, HALF].map(|file| is_hot(&chain, file));
    let run = |message| chain.send(&Who::bob(), vec![message]);
    run(infer_neg());
    assert_eq!(hot(), [true, false, false]);
    run(infer_gather(1));
    assert_eq!(hot(), [true, true, false]);
    run(infer_neg());
    run(infer_half());
    assert_eq!(hot(), [true, false, true]);
    run(infer_half());
    run(infer_gather(1));
    assert_eq!(hot(), [false, true, bytes[1] + bytes[2] <= state.params.hot_set_bytes]);
}

#[test]
fn a_set_of_no_bytes_is_always_cold() {
    let mut state = genesis();
    state.params.hot_set_bytes = 0;
    let chain = Chain::start(&state, None);
    chain.seal(NEG);
    let units = || chain.send(&Who::bob(), vec![infer_neg()]).units;
    assert_eq!(units(), units());
    assert!(!is_hot(&chain, NEG));
}

#[test]
fn what_ran_is_hot_whatever_became_of_it_and_what_did_not_run_is_not() {
    let (chain, bob) = (sealed(), Who::bob());
    let wrong = chain.send(&bob, vec![infer(NEG, vec![floats("z", &[1.0])])]);
    assert_eq!((wrong.code, is_hot(&chain, NEG)), (52, false));
    let x = vec![floats("x", &[1.0, 2.0, 3.0, 4.0])];
    let expect_output_hash = Some(assay_types::hash::OutputHash([1; 32]));
    let other = Message::Infer(Infer { model: id(NEG), inputs: x, expect_output_hash });
    assert_eq!((chain.send(&bob, vec![other]).code, is_hot(&chain, NEG)), (56, true));
    assert_eq!((chain.send(&bob, vec![infer_gather(99)]).code, is_hot(&chain, GATHER)), (0, true));
}

#[test]
fn a_retired_model_is_hot_no_longer() {
    let (chain, alice, bob) = (sealed(), Who::alice(), Who::bob());
    let retire = |file: &[u8]| Message::RetireModel(RetireModel { model: id(file) });
    chain.good(&[chain.sign(&bob, vec![infer_neg()])]);
    chain.good(&[chain.sign(&alice, vec![retire(NEG)])]);
    assert!(!is_hot(&chain, NEG));
    chain.good(&[chain.sign(&bob, vec![infer_gather(1)]), chain.sign(&alice, vec![retire(GATHER)])]);
    assert!(!is_hot(&chain, GATHER));
    assert_eq!(chain.app.reader().hot_models(), (0, 0));
}

#[test]
fn a_dry_run_tells_the_price_of_loading_and_makes_nothing_hot() {
    let (chain, bob) = (sealed(), Who::bob());
    let inputs = [floats("x", &[1.0, 2.0, 3.0, 4.0])];
    let dry = || chain.app.reader().simulate(&id(NEG), &inputs).unwrap().unwrap();
    for _ in 0..3 {
        assert_eq!(dry().load_units, load_units(&chain, NEG));
    }
    chain.good(&[chain.sign(&bob, vec![infer_neg()])]);
    assert_eq!(dry().load_units, 0);
}

#[test]
fn hot_models_are_kept_and_come_back_after_a_restart() {
    let (chain, bob) = (sealed(), Who::bob());
    chain.good(&[chain.sign(&bob, vec![infer_neg(), infer_gather(1)])]);
    assert_eq!(chain.app.reader().hot_models(), (2, 2));
    let toy = Toy::new(None);
    let count = toy.count.clone();
    let chain = chain.restart_with(toy);
    assert_eq!(chain.app.reader().hot_models(), (2, 0));
    chain.app.reader().warm().unwrap();
    assert_eq!((chain.app.reader().hot_models(), *count.lock().unwrap()), ((2, 2), 0));
}
