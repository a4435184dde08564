//! What good transactions do.

use super::chain::*;
use assay_types::amount::Amount;
use assay_types::codec;
use assay_types::limits::{CHUNK_BYTES, MAX_OUTPUT_BYTES};
use assay_types::message::{Infer, Message, RetireModel};
use assay_types::model::ModelState;
use assay_types::path;
use assay_types::receipt::{Outcome, TxData};
use assay_types::tensor::{input_hash, output_hash};

fn data(bytes: &[u8]) -> TxData {
    codec::decode(bytes, MAX_OUTPUT_BYTES).unwrap()
}

#[test]
fn a_transfer_moves_money_and_the_fee_goes_to_the_pool() {
    let chain = Chain::new();
    let (alice, carol) = (Who::alice(), Who::carol());
    let result = chain.send(&alice, vec![pay(&carol, 1_000_000)]);
    assert_eq!(result.code, 0);
    assert_eq!(chain.balance(&carol), Amount(1_000_000));
    assert_eq!(chain.balance(&alice).0, FUNDS.0 - 1_000_000 - result.fee.0);
    assert_eq!(crate::fee::pool(&chain.app.reader().view()).unwrap(), result.fee);
    // Carol can pay now, and a transfer to oneself changes nothing but the fee.
    let own = chain.send(&carol, vec![pay(&carol, 900_000)]);
    assert_eq!((own.code, chain.balance(&carol).0), (0, 1_000_000 - own.fee.0));
}

#[test]
fn money_received_earlier_in_a_block_can_be_spent_later_in_it() {
    let chain = Chain::new();
    let (alice, carol) = (Who::alice(), Who::carol());
    let txs = [alice.sign(0, vec![pay(&carol, 500_000)]), carol.sign(0, vec![pay(&alice, 1)])];
    let packed = chain.app.prepare_proposal(1, txs.to_vec(), u64::MAX).unwrap();
    assert_eq!(packed[1..], txs);
    chain.good(&packed[1..]);
}

#[test]
fn a_model_goes_from_published_to_retired() {
    let chain = Chain::new();
    let alice = Who::alice();
    let mut file = b"neg ".to_vec();
    file.resize(2 * CHUNK_BYTES + 3, b'.');
    let model = id(&file);
    let state = || chain.app.reader().model(&model).unwrap().unwrap().record.state;
    chain.good(&[chain.sign(&alice, vec![publish(&file)])]);
    assert_eq!(state(), ModelState::Uploading { next_chunk: 0 });
    for index in 0..3 {
        assert_eq!(chain.app.reader().model_file(&model).unwrap(), None);
        chain.good(&[chain.sign(&alice, vec![upload(&file, index)])]);
        assert_eq!(state(), ModelState::Uploading { next_chunk: index + 1 });
    }
    assert_eq!(chain.app.reader().model_file(&model).unwrap().unwrap(), file);
    chain.good(&[chain.sign(&alice, vec![seal(&file)])]);
    let ModelState::Sealed(compiled) = state() else { panic!("not sealed") };
    assert_eq!((compiled.engine, compiled.fuel, compiled.sealed), (1, super::toy::FUEL, 5));
    assert_eq!((compiled.inputs[0].name.as_str(), compiled.outputs[0].name.as_str()), ("x", "y"));
    chain.good(&[chain.sign(&alice, vec![Message::RetireModel(RetireModel { model })])]);
    assert_eq!(state(), ModelState::Retired { compiled: Some(compiled), height: 6, stored: true });
    assert_eq!(chain.app.reader().model_file(&model).unwrap().unwrap(), file);
}

#[test]
fn models_may_share_a_chunk() {
    let chain = Chain::new();
    let mut first = b"neg ".to_vec();
    first.resize(CHUNK_BYTES + 1, b'.');
    let mut second = first.clone();
    second[CHUNK_BYTES] = b'!';
    chain.seal(&first);
    chain.seal(&second);
    let blobs = chain.dump().keys().filter(|key| key.starts_with(b"blob/")).count();
    assert_eq!(blobs, 3);
    let twins = [[b'n'; CHUNK_BYTES], [b'n'; CHUNK_BYTES]].concat();
    chain.good(&[chain.sign(&Who::alice(), vec![publish(&twins)])]);
    chain.good(&[chain.sign(&Who::alice(), vec![upload(&twins, 0)])]);
    chain.good(&[chain.sign(&Who::alice(), vec![upload(&twins, 1)])]);
    assert_eq!(chain.app.reader().model_file(&id(&twins)).unwrap().unwrap(), twins);
}

#[test]
fn an_inference_leaves_its_output_and_its_receipt() {
    let chain = Chain::new();
    let bob = Who::bob();
    let model = chain.seal(NEG);
    let inputs = vec![floats("x", &[1.0, -2.0, 0.0, f32::NAN])];
    let outputs = vec![floats("y", &[-1.0, 2.0, -0.0, f32::NAN])];
    let expected = output_hash(&outputs);
    let infer = Message::Infer(Infer { model, inputs: inputs.clone(), expect_output_hash: Some(expected) });
    let bytes = chain.sign(&bob, vec![pay(&Who::carol(), 1), infer]);
    let hash = assay_types::hash::TxHash::of(&bytes);
    let result = chain.good(&[bytes]).remove(0);
    let data = data(&result.data);
    assert_eq!((data.outputs.len(), data.outputs[0].index), (1, 1));
    assert_eq!(data.outputs[0].tensors, outputs);
    let receipt = chain.app.reader().receipt(&hash, 1).unwrap().unwrap();
    assert_eq!((receipt.model, receipt.engine, receipt.height), (model, 1, 2));
    assert_eq!((receipt.input, receipt.outcome), (input_hash(&inputs), Outcome::Output(expected)));
    assert_eq!((receipt.fee, receipt.payer), (result.fee, bob.address()));
    assert_eq!(chain.app.reader().receipt(&hash, 0).unwrap(), None);
    assert_eq!(chain.dump()[&path::receipts_at(2)][..4], [1, 0, 0, 0]);
}

#[test]
fn a_run_that_fails_is_an_outcome_and_not_an_error() {
    let chain = Chain::new();
    let model = chain.seal(b"gather");
    let bytes = chain.sign(
        &Who::bob(),
        vec![infer(b"gather", vec![ints("i", &[3])]), infer(b"gather", vec![ints("i", &[4])])],
    );
    let hash = assay_types::hash::TxHash::of(&bytes);
    let result = chain.good(&[bytes]).remove(0);
    assert_eq!(data(&result.data).outputs.len(), 1);
    let receipt = |index| chain.app.reader().receipt(&hash, index).unwrap().unwrap();
    assert_eq!(receipt(0).outcome, Outcome::Output(output_hash(&[floats("y", &[3.0])])));
    assert_eq!((receipt(1).outcome, receipt(1).model), (Outcome::Failed, model));
    assert_eq!(chain.dump()[&path::receipts_at(2)][..4], [2, 0, 0, 0]);
}

#[test]
fn the_messages_of_a_transaction_see_each_other() {
    let chain = Chain::new();
    let result = chain.send(&Who::alice(), vec![publish(NEG), upload(NEG, 0), seal(NEG)]);
    assert_eq!(result.code, 0, "{}", result.log);
    assert_eq!(result.events.len(), 4);
    chain.good(&[chain.sign(&Who::bob(), vec![infer_neg(), infer_neg()])]);
}
