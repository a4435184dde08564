//! Everything bad that can be in a transaction: its number, and what it costs.

use super::chain::*;
use crate::Verdict;
use assay_types::amount::Amount;
use assay_types::hash::{ModelId, OutputHash};
use assay_types::key::PublicKey;
use assay_types::limits::{CHUNK_BYTES, MAX_COMPILE_FUEL, MAX_TX_BYTES};
use assay_types::message::{Infer, Message, PublishModel, RetireModel, SealModel, UploadChunk};
use assay_types::tensor::{DType, Tensor};

/// Two chunks long.
fn long() -> Vec<u8> {
    let mut file = b"neg ".to_vec();
    file.resize(CHUNK_BYTES + 10, b' ');
    file
}

/// A transaction that may not even be in a block: everybody refuses it with the same number, and where a
/// block is decided with it all the same, nothing changes.
fn refused(chain: &Chain, what: &str, code: u32, bytes: Vec<u8>) {
    let checked = chain.app.check_tx(&bytes).unwrap();
    assert_eq!(checked.map_err(|rejected| rejected.code()), Err(code), "{what}: CheckTx");
    let prepared = chain.app.prepare_proposal(chain.next(), vec![bytes.clone()], u64::MAX).unwrap();
    assert_eq!(prepared, chain.claimed(&[]), "{what}: PrepareProposal");
    let block = chain.claimed(std::slice::from_ref(&bytes));
    let Verdict::Reject(refusal) = chain.app.process_proposal(chain.next(), &block).unwrap() else {
        panic!("{what}: ProcessProposal")
    };
    let kind = if code == 13 { "over_budget" } else { "not_admissible" };
    assert_eq!(refusal.kind, kind, "{what}: {refusal}");
    let (before, root) = (chain.dump(), chain.app.info().unwrap().app_hash);
    let result = chain.block(&[bytes]).remove(0);
    assert_eq!(result.code, code, "{what}: {}", result.log);
    assert_eq!((result.fee, result.units, result.data.len()), (Amount::ZERO, 0, 0), "{what}");
    assert_eq!(changed(&before, &chain.dump()), Vec::<String>::new(), "{what}");
    assert_eq!(chain.app.info().unwrap().app_hash, root, "{what}");
}

/// A transaction that may be in a block, and whose message fails: the fee and the nonce are all that it
/// costs.
fn fails(chain: &Chain, who: &Who, what: &str, code: u32, messages: Vec<Message>) {
    let bytes = chain.sign(who, messages);
    let checked = chain.app.check_tx(&bytes).unwrap().unwrap();
    let block = chain.claimed(std::slice::from_ref(&bytes));
    assert_eq!(chain.app.process_proposal(chain.next(), &block).unwrap(), Verdict::Accept, "{what}");
    let (before, balance) = (chain.dump(), chain.balance(who));
    let result = chain.block(&[bytes]).remove(0);
    assert_eq!(result.code, code, "{what}: {}", result.log);
    assert_eq!((result.fee, result.units), (checked.fee, checked.units), "{what}");
    assert!(result.data.is_empty(), "{what}");
    let account = format!("account/{}", who.address());
    let mut different = changed(&before, &chain.dump());
    // A model that ran was used, whatever became of its transaction.
    different.retain(|key| key != "hot-set");
    assert_eq!(different, [account, "fee-pool".into()], "{what}");
    assert_eq!(Some(chain.balance(who)), balance.checked_sub(checked.fee), "{what}");
    assert_eq!(chain.nonce(who), checked.nonce + 1, "{what}");
}

#[test]
fn bytes_that_are_no_transaction_are_refused() {
    let chain = Chain::new();
    let (alice, bob) = (Who::alice(), Who::bob());
    let good = alice.sign(0, vec![pay(&bob, 1)]);
    refused(&chain, "empty", 2, vec![]);
    refused(&chain, "truncated", 2, good[..good.len() - 1].to_vec());
    refused(&chain, "trailing byte", 2, [good.clone(), vec![0]].concat());
    refused(&chain, "garbage", 2, vec![0xa5; 300]);
    refused(&chain, "lengths of 2^32", 2, vec![0xff; 300]);
    refused(&chain, "too long", 1, vec![0; MAX_TX_BYTES + 1]);
    let mut flipped = good.clone();
    *flipped.last_mut().unwrap() ^= 1;
    refused(&chain, "another signature", 5, flipped);
    let nan = Tensor::from_f32(vec![1], &[f32::NAN]).unwrap();
    let nan = alice.sign(0, vec![infer(NEG, vec![named("x", nan)])]);
    let at = nan.windows(4).position(|bytes| bytes == 0x7fc0_0000u32.to_le_bytes()).unwrap();
    let mut other = nan;
    other[at] = 1;
    refused(&chain, "a NaN that is not the canonical one", 2, other);
    chain.good(&[good]);
}

#[test]
fn a_wrong_element_count_is_no_transaction() {
    let chain = Chain::new();
    let bytes = Who::alice().sign(0, vec![infer(NEG, vec![ints("x", &[7])])]);
    // dims [1] becomes dims [2].
    let at = bytes.windows(9).position(|bytes| bytes == [1, 1, 0, 0, 0, 1, 0, 0, 0]).unwrap();
    let mut other = bytes;
    other[at + 5] = 2;
    refused(&chain, "element count", 2, other);
}

#[test]
fn transactions_that_break_a_stateless_rule_are_refused() {
    let chain = Chain::new();
    let (alice, bob) = (Who::alice(), Who::bob());
    let mut other = alice.tx(0, vec![pay(&bob, 1)]);
    other.chain_id = "another".into();
    refused(&chain, "chain id", 4, alice.sealed(other));
    let mut stolen = alice.tx(0, vec![pay(&bob, 1)]);
    stolen.key = bob.0.public_key().unwrap();
    refused(&chain, "somebody else's key", 5, alice.sealed(stolen));
    let mut no_key = alice.tx(0, vec![pay(&bob, 1)]);
    no_key.key = PublicKey::Secp256k1([0; 33]);
    refused(&chain, "no key", 6, alice.sealed(no_key));
    refused(&chain, "no messages", 7, alice.sign(0, vec![]));
    refused(&chain, "17 messages", 7, alice.sign(0, vec![pay(&bob, 1); 17]));
    refused(&chain, "nothing", 20, alice.sign(0, vec![pay(&bob, 0)]));
    let named = |name: &str| {
        let Message::PublishModel(publish) = publish(NEG) else { unreachable!() };
        Message::PublishModel(PublishModel { name: name.into(), ..publish })
    };
    refused(&chain, "no name", 21, alice.sign(0, vec![named("")]));
    refused(&chain, "a long name", 21, alice.sign(0, vec![named(&"x".repeat(65))]));
    let Message::PublishModel(mut odd) = publish(NEG) else { unreachable!() };
    odd.manifest.size = 0;
    refused(&chain, "manifest", 30, alice.sign(0, vec![Message::PublishModel(odd)]));
    let chunk = |len| Message::UploadChunk(UploadChunk { model: id(NEG), index: 0, bytes: vec![0; len] });
    refused(&chain, "an empty chunk", 40, alice.sign(0, vec![chunk(0)]));
    refused(&chain, "a chunk too long", 40, alice.sign(0, vec![chunk(CHUNK_BYTES + 1)]));
    let fuel = |max_fuel| Message::SealModel(SealModel { model: id(NEG), max_fuel });
    refused(&chain, "no fuel", 43, alice.sign(0, vec![fuel(0)]));
    refused(&chain, "too much fuel", 43, alice.sign(0, vec![fuel(MAX_COMPILE_FUEL + 1)]));
    refused(&chain, "no inputs", 50, alice.sign(0, vec![infer(NEG, vec![])]));
    let twice = vec![floats("x", &[1.0]), floats("x", &[1.0])];
    refused(&chain, "an input twice", 50, alice.sign(0, vec![infer(NEG, twice)]));
}

#[test]
fn transactions_that_are_not_admissible_are_refused() {
    let chain = Chain::new();
    let (alice, bob, carol) = (Who::alice(), Who::bob(), Who::carol());
    chain.good(&[alice.sign(0, vec![pay(&bob, 1)])]);
    let mut expired = alice.tx(1, vec![pay(&bob, 1)]);
    expired.valid_until_height = 1;
    refused(&chain, "expired", 8, alice.sealed(expired));
    refused(&chain, "a nonce again", 9, alice.sign(0, vec![pay(&bob, 2)]));
    refused(&chain, "a nonce too early", 10, alice.sign(2, vec![pay(&bob, 1)]));
    refused(&chain, "no money", 11, carol.sign(0, vec![pay(&bob, 1)]));
    let exact = chain.app.check_tx(&alice.sign(1, vec![pay(&bob, 1)])).unwrap().unwrap().fee;
    chain.block(&[]);
    let limited = |max_fee: u128| {
        let mut tx = alice.tx(1, vec![pay(&bob, 1)]);
        tx.max_fee = Amount(max_fee);
        alice.sealed(tx)
    };
    refused(&chain, "a limit below the fee", 12, limited(exact.0 - 1));
    let burn = Message::SealModel(SealModel { model: id(NEG), max_fuel: MAX_COMPILE_FUEL });
    refused(&chain, "more units than a block has", 13, alice.sign(1, vec![burn]));
    refused(&chain, "an unknown model", 32, alice.sign(1, vec![infer_neg()]));
    chain.good(&[limited(exact.0)]);
    chain.good(&[chain.sign(&alice, vec![publish(NEG)])]);
    refused(&chain, "a model that is not sealed", 34, chain.sign(&alice, vec![infer_neg()]));
    chain.good(&[chain.sign(&alice, vec![upload(NEG, 0), seal(NEG)])]);
    chain.good(&[chain.sign(&bob, vec![infer_neg()])]);
    chain.good(&[chain.sign(&alice, vec![Message::RetireModel(RetireModel { model: id(NEG) })])]);
    refused(&chain, "a retired model", 36, chain.sign(&bob, vec![infer_neg()]));
}

#[test]
fn messages_about_models_that_fail_cost_the_fee_only() {
    let chain = Chain::new();
    let (alice, bob) = (Who::alice(), Who::bob());
    let file = long();
    let (model, wrong) = (id(&file), ModelId([9; 32]));
    let chunk =
        |index, bytes: &[u8]| Message::UploadChunk(UploadChunk { model, index, bytes: bytes.to_vec() });
    let retire = |model| Message::RetireModel(RetireModel { model });
    let lost = Message::UploadChunk(UploadChunk { model: wrong, index: 0, bytes: vec![1] });
    fails(&chain, &bob, "a transfer of too much", 11, vec![pay(&alice, FUNDS.0)]);
    fails(&chain, &bob, "a chunk of no model", 32, vec![lost]);
    fails(&chain, &bob, "sealing no model", 32, vec![seal(b"nobody's")]);
    fails(&chain, &bob, "retiring no model", 32, vec![retire(wrong)]);
    chain.good(&[chain.sign(&alice, vec![publish(&file)])]);
    fails(&chain, &bob, "publishing it again", 31, vec![publish(&file)]);
    fails(&chain, &bob, "a stranger's chunk", 33, vec![upload(&file, 0)]);
    fails(&chain, &bob, "a stranger's retirement", 33, vec![retire(model)]);
    fails(&chain, &alice, "the second chunk first", 37, vec![upload(&file, 1)]);
    fails(&chain, &alice, "a chunk too short", 40, vec![chunk(0, &file[..10])]);
    fails(&chain, &alice, "another chunk", 39, vec![chunk(0, &[7; CHUNK_BYTES])]);
    fails(&chain, &alice, "sealing nothing", 41, vec![seal(&file)]);
    chain.good(&[chain.sign(&alice, vec![upload(&file, 0)])]);
    fails(&chain, &alice, "a chunk again", 38, vec![upload(&file, 0)]);
    fails(&chain, &alice, "sealing a half", 41, vec![seal(&file)]);
    chain.good(&[chain.sign(&alice, vec![upload(&file, 1)])]);
    fails(&chain, &alice, "a third chunk of two", 40, vec![chunk(2, &[1])]);
    fails(&chain, &bob, "a stranger's seal", 33, vec![seal(&file)]);
    let starved = Message::SealModel(SealModel { model, max_fuel: super::toy::FUEL - 1 });
    fails(&chain, &alice, "too little fuel", 42, vec![starved]);
    chain.good(&[chain.sign(&alice, vec![seal(&file)])]);
    fails(&chain, &alice, "sealing again", 35, vec![seal(&file)]);
    fails(&chain, &alice, "a chunk of a sealed model", 35, vec![upload(&file, 1)]);
    chain.good(&[chain.sign(&alice, vec![retire(model)])]);
    fails(&chain, &alice, "retiring again", 36, vec![retire(model)]);
    fails(&chain, &alice, "sealing a retired model", 36, vec![seal(&file)]);
    fails(&chain, &bob, "publishing a retired model", 31, vec![publish(&file)]);
    chain.good(&[chain.sign(&alice, vec![publish(b"junk"), upload(b"junk", 0)])]);
    fails(&chain, &alice, "a file that does not compile", 42, vec![seal(b"junk")]);
}

#[test]
fn inferences_that_fail_cost_the_fee_only() {
    let chain = Chain::new();
    let bob = Who::bob();
    for file in [NEG, b"half".as_slice(), b"wide"] {
        chain.seal(file);
    }
    let x = || floats("x", &[1.0, 2.0, 3.0, 4.0]);
    fails(&chain, &bob, "two inputs", 51, vec![infer(NEG, vec![x(), floats("z", &[1.0])])]);
    fails(&chain, &bob, "another name", 52, vec![infer(NEG, vec![floats("z", &[1.0; 4])])]);
    fails(&chain, &bob, "another dtype", 53, vec![infer(NEG, vec![ints("x", &[1; 4])])]);
    fails(&chain, &bob, "another shape", 54, vec![infer(NEG, vec![floats("x", &[1.0; 5])])]);
    let square = Tensor::new(DType::F32, vec![2, 2], vec![0; 16]).unwrap();
    fails(&chain, &bob, "another rank", 54, vec![infer(NEG, vec![named("x", square)])]);
    fails(&chain, &bob, "a wide output", 55, vec![infer(b"wide", vec![floats("x", &[1.0])])]);
    let half = || infer(b"half", vec![floats("x", &[1.0])]);
    chain.good(&[chain.sign(&bob, vec![half()])]);
    fails(&chain, &bob, "two halves", 55, vec![half(), half()]);
    let expect = |hash| {
        let expect_output_hash = Some(OutputHash([hash; 32]));
        Message::Infer(Infer { model: id(NEG), inputs: vec![x()], expect_output_hash })
    };
    fails(&chain, &bob, "an unexpected output", 56, vec![expect(1)]);
    fails(&chain, &bob, "a transfer before it", 56, vec![pay(&Who::carol(), 5), expect(2)]);
    fails(&chain, &bob, "an inference before it", 56, vec![infer_neg(), expect(3)]);
}
