//! What readers see.

use super::chain::*;
use crate::Unproven;
use assay_types::hash::{ModelId, TxHash};
use assay_types::path;
use assay_types::tensor::output_hash;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

#[test]
fn a_transaction_is_found_by_its_hash() {
    let chain = Chain::new();
    chain.seal(NEG);
    let bob = Who::bob();
    let bytes = chain.sign(&bob, vec![pay(&Who::carol(), 1), infer_neg()]);
    let bad = b"garbage".to_vec();
    let claim = chain.claim(&[bad.clone(), bytes.clone()]);
    chain.block(&[bad.clone(), bytes.clone()]);
    let reader = chain.app.reader();
    let (hash, bad_hash) = (TxHash::of(&bytes), TxHash::of(&bad));
    let found = reader.tx(&hash).unwrap().unwrap();
    assert_eq!(found.bytes, bytes);
    let info = found.info;
    assert_eq!((info.height, info.index, info.code, info.name.as_str()), (2, 2, 0, "ok"));
    assert_eq!(info.payer, Some(bob.address()));
    let kinds: Vec<_> = info.messages.iter().map(|message| message.kind.as_str()).collect();
    assert_eq!(kinds, ["transfer", "infer"]);
    assert_eq!((&info.messages[0].receipt, &info.messages[0].output), (&None, &None));
    assert_eq!(info.messages[1].receipt, reader.receipt(&hash, 1).unwrap());
    let output = STANDARD.decode(info.messages[1].output.as_ref().unwrap()).unwrap();
    let output = assay_types::tensor::decode_list(&output, 1000).unwrap();
    assert_eq!(output, [floats("y", &[-1.0, -2.0, -3.0, -4.0])]);
    let refused = reader.tx(&bad_hash).unwrap().unwrap().info;
    assert_eq!((refused.code, refused.name.as_str(), refused.payer), (2, "tx_malformed", None));
    assert_eq!(reader.block_txs(2).unwrap(), Some(vec![claim.hash(), bad_hash, hash]));
    let found = reader.tx(&claim.hash()).unwrap().unwrap();
    assert_eq!((found.info.index, found.info.code, found.info.payer), (0, 0, None));
    assert_eq!((found.info.claim, found.bytes), (Some(claim.clone()), claim.encode()));
    assert_eq!(info.claim, None);
    assert_eq!(reader.tx(&TxHash([0; 32])).unwrap(), None);
    assert_eq!(reader.block_txs(3).unwrap(), None);
}

#[test]
fn a_refused_copy_does_not_hide_the_transaction() {
    let chain = Chain::new();
    let bytes = Who::alice().sign(0, vec![pay(&Who::bob(), 1)]);
    chain.block(&[bytes.clone(), bytes.clone()]);
    chain.block(std::slice::from_ref(&bytes));
    let info = chain.app.reader().tx(&TxHash::of(&bytes)).unwrap().unwrap().info;
    assert_eq!((info.height, info.index, info.code), (1, 1, 0));
}

#[test]
fn a_transaction_that_came_too_early_is_found_once_it_came_in_time() {
    let chain = Chain::new();
    let alice = Who::alice();
    let (first, second) =
        (alice.sign(0, vec![pay(&Who::bob(), 1)]), alice.sign(1, vec![pay(&Who::bob(), 1)]));
    let results = chain.block(&[second.clone(), first, second.clone()]);
    assert_eq!(results.iter().map(|result| result.code).collect::<Vec<_>>(), [10, 0, 0]);
    let info = chain.app.reader().tx(&TxHash::of(&second)).unwrap().unwrap().info;
    assert_eq!((info.index, info.code), (3, 0));
}

#[test]
fn models_come_in_pages() {
    let chain = Chain::new();
    let files: Vec<Vec<u8>> = (0..5).map(|tag| format!("neg {tag}").into_bytes()).collect();
    for file in &files {
        chain.good(&[chain.sign(&Who::alice(), vec![publish(file)])]);
    }
    let mut ids: Vec<ModelId> = files.iter().map(|file| id(file)).collect();
    ids.sort();
    let reader = chain.app.reader();
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let page = reader.models(after.as_ref(), 2).unwrap();
        assert!(page.models.len() <= 2);
        seen.extend(page.models.iter().map(|model| model.model_id));
        match page.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    assert_eq!(seen, ids);
    assert_eq!(reader.models(None, 5).unwrap().next, None);
}

#[test]
fn a_simulation_gives_what_the_transaction_then_gives() {
    let chain = Chain::new();
    let model = chain.seal(NEG);
    let reader = chain.app.reader();
    let before = chain.dump();
    let inputs = vec![floats("x", &[1.0, 2.0, 3.0, 4.0])];
    let simulated = reader.simulate(&model, &inputs).unwrap().unwrap();
    assert_eq!(chain.dump(), before);
    assert_eq!(simulated.output_hash, Some(output_hash(&[floats("y", &[-1.0, -2.0, -3.0, -4.0])])));
    let bytes = chain.sign(&Who::bob(), vec![infer_neg()]);
    let hash = TxHash::of(&bytes);
    chain.good(&[bytes]);
    let info = reader.tx(&hash).unwrap().unwrap().info;
    assert_eq!(info.messages[0].output, simulated.output);
    assert_eq!(info.messages[0].receipt.as_ref().unwrap().units, simulated.units);
    let code = |model: &ModelId, inputs: &[_]| reader.simulate(model, inputs).unwrap().unwrap_err().code();
    assert_eq!(code(&ModelId([0; 32]), &inputs), 32);
    assert_eq!(code(&model, &[]), 50);
    assert_eq!(code(&model, &[floats("z", &[1.0])]), 52);
    chain.seal(b"gather");
    let failed = reader.simulate(&id(b"gather"), &[ints("i", &[9])]).unwrap().unwrap();
    assert_eq!((failed.output_hash, failed.output), (None, None));
}

#[test]
fn a_receipt_is_proven_under_the_root() {
    let chain = Chain::new();
    chain.seal(NEG);
    let bytes = chain.sign(&Who::bob(), vec![infer_neg()]);
    let key = path::receipt(&TxHash::of(&bytes), 0);
    chain.good(&[bytes]);
    let reader = chain.app.reader();
    let proven = reader.prove(&key, Some(2)).unwrap().unwrap().proven;
    assert_eq!(Some(proven.root), chain.app.info().unwrap().app_hash);
    let value = proven.value.unwrap();
    assert_eq!(chain.dump().get(&key), Some(&value));
    assert_eq!(assay_types::proof::verify_existence(&proven.root, &key, &value, &proven.proof), Ok(()));
    assert_eq!(reader.prove(&key, Some(1)).unwrap().unwrap().proven.value, None);
    let ahead = Unproven::Ahead { asked: 3, oldest: 0, newest: 2 };
    assert_eq!(reader.prove(&key, Some(3)).unwrap(), Err(ahead));
    assert!(matches!(reader.prove(b"", Some(2)).unwrap(), Err(Unproven::BadKey { len: 0, .. })));
}

#[test]
fn a_reader_tells_of_the_chain() {
    let chain = Chain::new();
    let reader = chain.app.reader();
    assert_eq!(reader.chain_id().unwrap(), CHAIN_ID);
    assert_eq!(reader.params().unwrap(), genesis().params);
    assert_eq!(reader.engines().unwrap()[0].compiler, genesis().engine.compiler);
    assert_eq!((reader.height(), reader.kernels()), (Some(0), "reference"));
    let (account, next) = reader.account(&Who::carol().address()).unwrap();
    assert_eq!((account.balance.0, account.nonce, next), (0, 0, 0));
}
