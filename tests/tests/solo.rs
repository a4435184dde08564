//! The real engine under the driver that needs no CometBFT: what is hard to time on a network.

use crate::chain::Chain;
use crate::sender::{Sender, iris, publication};
use crate::support::data;
use assay_types::amount::Amount;
use assay_types::hash::ModelId;
use assay_types::message::{Infer, Message, RetireModel, Transfer};
use assay_types::model::ModelState;
use assay_types::tensor::{NamedTensor, Tensor};
use assayd::consensus::Submission;

fn pay() -> Message {
    Message::Transfer(Transfer { to: Sender::new(9).address(), amount: Amount(7) })
}

fn infer(model: ModelId) -> Message {
    let tensor = Tensor::from_f32(vec![2, 4], &[0.5; 8]).unwrap();
    let inputs = vec![NamedTensor { name: "X".into(), tensor }];
    Message::Infer(Infer { model, inputs, expect_output_hash: None })
}

/// A chain on which sender 1 has a model.
fn with_a_model() -> (Chain, ModelId) {
    let chain = Chain::start(|_| ());
    let lr = iris();
    let (model, messages) = publication(&lr, "X", vec![2, 4]);
    let made = chain.good(&[chain.tx(&Sender::new(1), 0, messages)]);
    assert_eq!(made.results[1].code, 0, "{}", made.results[1].log);
    (chain, model)
}

#[test]
fn a_model_that_compiles_for_as_long_as_the_fuel_lasts_is_paid_for_and_the_chain_goes_on() {
    let chain = Chain::start(|_| ());
    let (owner, other) = (Sender::new(1), Sender::new(2));
    let file = std::fs::read(data("hostile").join("85_unsq_many.onnx")).unwrap();
    let (model, messages) = publication(&file, "x", vec![]);
    let mut txs = Vec::new();
    for (after, message) in (0..).zip(messages) {
        txs.push(chain.tx(&owner, after, vec![message]));
    }
    let seal = txs.pop().unwrap();
    chain.good(&txs);
    let before = chain.balance(&owner);
    let made = chain.good(&[seal, chain.tx(&other, 0, vec![pay()])]);
    let codes: Vec<u32> = made.results.iter().map(|result| result.code).collect();
    let sealing = made.results.iter().find(|result| result.code == 42);
    assert!(codes.len() == 3 && sealing.is_some_and(|result| result.log.contains("fuel")), "{made:?}");
    assert!(chain.balance(&owner) < before);
    let record = chain.reader().model(&model).unwrap().unwrap();
    assert!(matches!(record.record.state, ModelState::Uploading { .. }), "{record:?}");
    assert_eq!(chain.good(&[chain.tx(&other, 0, vec![pay()])]).results[1].code, 0);
}

#[test]
fn an_inference_whose_model_goes_while_it_waits_is_left_out_and_dropped() {
    let (chain, model) = with_a_model();
    let (owner, other) = (Sender::new(1), Sender::new(2));
    let ran = chain.good(&[chain.tx(&other, 0, vec![infer(model)])]);
    assert_eq!(ran.results[1].code, 0);
    // Both may wait: neither is wrong on the committed state.
    let retire = chain.tx(&owner, 0, vec![Message::RetireModel(RetireModel { model })]);
    let doomed = chain.tx(&owner, 1, vec![infer(model)]);
    let deposit = chain.reader().model(&model).unwrap().unwrap().record.deposit.0;
    let before = chain.balance(&owner) + deposit;
    let made = chain.good(&[retire.clone(), doomed.clone()]);
    assert_eq!((made.txs[1..].to_vec(), made.results[1].code), (vec![retire], 0));
    assert_eq!((made.dropped, chain.waiting()), (1, 0));
    let (offers, made) = chain.block().with(&[doomed]).execute().unwrap();
    assert!(matches!(offers[..], [Submission::Rejected { code: 36, .. }]), "{offers:?}");
    assert_eq!(made.txs.len(), 1);
    // Only the retirement was paid for, and the deposit is back.
    assert!(deposit > 0 && chain.balance(&owner) > before - deposit);
    assert!(before - chain.balance(&owner) < 1_000_000);
}

#[test]
fn inferences_over_a_blocks_number_wait_for_the_next_and_every_root_is_claimed() {
    let (chain, model) = {
        let chain = Chain::start(|params| params.max_block_inferences = 2);
        let lr = iris();
        let (model, messages) = publication(&lr, "X", vec![2, 4]);
        chain.good(&[chain.tx(&Sender::new(1), 0, messages)]);
        (chain, model)
    };
    let sender = Sender::new(2);
    let txs: Vec<_> = (0..5).map(|after| chain.tx(&sender, after, vec![infer(model)])).collect();
    let mut counts = vec![];
    let mut made = chain.good(&txs);
    while made.txs.len() > 1 {
        let claim = assay_types::claim::Claim::decode(&made.txs[0]).unwrap();
        assert_eq!(claim.state_root.as_bytes(), made.app_hash.as_bytes());
        counts.push(claim.outcomes.len());
        made = chain.block().execute().unwrap().1;
    }
    assert_eq!((counts, chain.waiting()), (vec![2, 2, 1], 0));
}
