//! What is stored, for how long, and who pays for it: deposits, chunks, receipts.

use super::chain::*;
use crate::chunks::ChunkRecord;
use crate::expiry::{self, CHUNKS_PER_BLOCK, Retirement};
use crate::{Step, Unproven, deposit};
use assay_genesis::GenesisState;
use assay_store::{Overlay, Read, ReadExt};
use assay_types::amount::Amount;
use assay_types::codec;
use assay_types::error::Rejected;
use assay_types::hash::{ChunkHash, ModelId, TxHash};
use assay_types::limits::{CHUNK_BYTES, MAX_VALUE_BYTES};
use assay_types::message::{Message, PublishModel, RetireModel, UploadChunk};
use assay_types::model::{Manifest, ModelRecord, ModelState};
use assay_types::path;
use assay_types::receipt::ReceiptId;
use assay_types::tensor::InputShape;

/// A chain whose receipts live for three blocks and whose retired chunks for two.
fn short() -> GenesisState {
    let mut state = genesis();
    state.params.receipt_blocks = 3;
    state.params.chunk_delay_blocks = 2;
    state.params.deposit_per_byte = 5;
    state
}

fn retire(file: &[u8]) -> Message {
    Message::RetireModel(RetireModel { model: id(file) })
}

fn held(chain: &Chain) -> Amount {
    deposit::held(&chain.app.reader().view()).unwrap()
}

fn count(chain: &Chain, hash: &ChunkHash) -> Option<u64> {
    let bytes = chain.app.reader().view().get(&path::blob(hash)).unwrap()?;
    Some(codec::decode::<ChunkRecord>(&bytes, MAX_VALUE_BYTES).unwrap().count)
}

fn stored(chain: &Chain, model: &ModelId) -> bool {
    let ModelState::Retired { stored, .. } = chain.app.reader().model(model).unwrap().unwrap().record.state
    else {
        panic!("not retired")
    };
    stored
}

#[test]
fn a_deposit_is_held_until_the_model_is_retired() {
    let chain = Chain::start(&short(), None);
    let alice = Who::alice();
    let paid = chain.send(&alice, vec![publish(NEG)]);
    let deposit = Amount(5 * NEG.len() as u128);
    assert_eq!((paid.code, held(&chain)), (0, deposit));
    assert_eq!(chain.balance(&alice).0, FUNDS.0 - paid.fee.0 - deposit.0);
    assert_eq!(chain.app.reader().model(&id(NEG)).unwrap().unwrap().record.deposit, deposit);
    // A model that was never uploaded gives it back too, and once only.
    let back = chain.send(&alice, vec![retire(NEG)]);
    assert_eq!((back.code, held(&chain)), (0, Amount::ZERO));
    assert_eq!(chain.balance(&alice).0, FUNDS.0 - paid.fee.0 - back.fee.0);
    let again = chain.send(&alice, vec![retire(NEG)]);
    assert_eq!(again.code, Rejected::ModelRetired.code());
    assert_eq!(held(&chain), Amount::ZERO);
    assert!(!stored(&chain, &id(NEG)));
}

#[test]
fn whoever_cannot_pay_the_deposit_does_not_publish() {
    let mut state = short();
    state.params.deposit_per_byte = 1_000_000_000_000;
    let chain = Chain::start(&state, None);
    let before = chain.balance(&Who::alice());
    let refused = chain.send(&Who::alice(), vec![publish(NEG)]);
    let needed = Amount(3_000_000_000_000);
    let balance = Amount(before.0 - refused.fee.0);
    assert_eq!(refused.code, Rejected::InsufficientBalance { needed, balance }.code());
    assert_eq!((held(&chain), chain.balance(&Who::alice())), (Amount::ZERO, balance));
    assert_eq!(chain.app.reader().model(&id(NEG)).unwrap(), None);
}

#[test]
fn a_chunk_goes_with_the_last_model_that_names_it_after_the_delay() {
    let chain = Chain::start(&short(), None);
    let alice = Who::alice();
    let mut first = b"neg ".to_vec();
    first.resize(CHUNK_BYTES + 1, b'.');
    let mut second = first.clone();
    second[CHUNK_BYTES] = b'!';
    let [shared, own] = [&first[..CHUNK_BYTES], &first[CHUNK_BYTES..]].map(ChunkHash::of);
    chain.seal(&first);
    chain.seal(&second);
    assert_eq!((count(&chain, &shared), count(&chain, &own)), (Some(2), Some(1)));
    chain.good(&[chain.sign(&alice, vec![retire(&first)])]);
    chain.block(&[]);
    assert!(stored(&chain, &id(&first)));
    assert_eq!(chain.app.reader().model_file(&id(&first)).unwrap().unwrap(), first);
    chain.block(&[]);
    assert_eq!((count(&chain, &shared), count(&chain, &own)), (Some(1), None));
    assert!(!stored(&chain, &id(&first)));
    assert_eq!(chain.app.reader().model_file(&id(&first)).unwrap(), None);
    let blob = |hash| chain.app.shared().store.blob(hash).unwrap();
    assert_eq!((blob(&own), blob(&shared).is_some()), (None, true));
    // The other model is as it was.
    assert_eq!(chain.app.reader().model_file(&id(&second)).unwrap().unwrap(), second);
    chain.good(&[chain.sign(&Who::bob(), vec![infer(&second, vec![floats("x", &[1.0; 4])])])]);
    chain.good(&[chain.sign(&alice, vec![retire(&second)])]);
    chain.block(&[]);
    chain.block(&[]);
    assert_eq!((count(&chain, &shared), blob(&shared)), (None, None));
    assert!(!chain.dump().keys().any(|key| key.starts_with(b"blob/") || key.starts_with(b"retired/")));
}

#[test]
fn a_chunk_that_comes_back_in_the_block_of_its_deletion_stays() {
    let chain = Chain::start(&short(), None);
    let alice = Who::alice();
    let twin = |name: &str| {
        let shapes = vec![InputShape { name: name.into(), dims: vec![1] }];
        let manifest = Manifest::of(NEG, shapes);
        let (model, name) = (manifest.id(), String::from("toy"));
        let publish = PublishModel { manifest, name, version: "1".into(), description: String::new() };
        let upload = UploadChunk { model, index: 0, bytes: NEG.to_vec() };
        vec![Message::PublishModel(publish), Message::UploadChunk(upload)]
    };
    chain.seal(NEG);
    chain.good(&[chain.sign(&alice, vec![retire(NEG)])]);
    chain.block(&[]);
    // In this block the first model's chunk is given back.
    chain.good(&[chain.sign(&alice, twin("a"))]);
    assert_eq!(count(&chain, &ChunkHash::of(NEG)), Some(1));
    chain.good(&[chain.sign(&alice, twin("b"))]);
    assert_eq!(count(&chain, &ChunkHash::of(NEG)), Some(2));
    assert!(chain.app.shared().store.blob(&ChunkHash::of(NEG)).unwrap().is_some());
}

#[test]
fn a_model_that_was_never_whole_gives_back_what_was_there() {
    let chain = Chain::start(&short(), None);
    let alice = Who::alice();
    let file = vec![b'n'; 3 * CHUNK_BYTES];
    chain.good(&[chain.sign(&alice, vec![publish(&file)])]);
    for index in 0..2 {
        chain.good(&[chain.sign(&alice, vec![upload(&file, index)])]);
    }
    let hash = ChunkHash::of(&file[..CHUNK_BYTES]);
    assert_eq!(count(&chain, &hash), Some(2));
    chain.good(&[chain.sign(&alice, vec![retire(&file)])]);
    assert_eq!(held(&chain), Amount::ZERO);
    chain.block(&[]);
    chain.block(&[]);
    assert_eq!(count(&chain, &hash), None);
}

#[test]
fn the_chunks_that_one_block_gives_back_are_bounded_and_the_rest_waits() {
    // One more model than fits: each has one chunk, and they are the same.
    let mut state = short();
    state.params.max_block_units = assay_genesis::state::MAX_BLOCK_UNITS;
    let chain = Chain::start(&state, None);
    let alice = Who::alice();
    let models = CHUNKS_PER_BLOCK / 4 + 5;
    let manifest =
        |number: u32| Manifest::of(&[b'n'; 4], vec![InputShape { name: "x".into(), dims: vec![number + 1] }]);
    let each = |make: &dyn Fn(u32) -> Vec<Message>| {
        let nonce = chain.nonce(&alice);
        let txs: Vec<_> =
            (nonce..).zip(0..models).map(|(nonce, number)| alice.sign(nonce, make(number))).collect();
        chain.good(&txs);
    };
    each(&|number| {
        let (manifest, name) = (manifest(number), String::from("toy"));
        let upload = UploadChunk { model: manifest.id(), index: 0, bytes: vec![b'n'; 4] };
        let publish = PublishModel { manifest, name, version: "1".into(), description: String::new() };
        vec![Message::PublishModel(publish), Message::UploadChunk(upload)]
    });
    let hash = ChunkHash::of(&[b'n'; 4]);
    assert_eq!(count(&chain, &hash), Some(models.into()));
    each(&|number| vec![Message::RetireModel(RetireModel { model: manifest(number).id() })]);
    chain.block(&[]);
    chain.block(&[]);
    // 256 models in a block; the others are next.
    assert_eq!(count(&chain, &hash), Some(u64::from(models) - 256));
    chain.block(&[]);
    assert_eq!(count(&chain, &hash), None);
    let restarted = chain.restart();
    restarted.block(&[]);
}

#[test]
fn a_large_model_is_given_back_over_several_blocks() {
    let chain = Chain::start(&short(), None);
    let chunks: Vec<ChunkHash> =
        (0..CHUNKS_PER_BLOCK * 2 + 3).map(|i| ChunkHash::of(&i.to_be_bytes())).collect();
    let manifest = Manifest { size: 1, chunks: chunks.clone(), shapes: vec![] };
    let (model, view) = (manifest.id(), chain.app.reader().view());
    let mut state = Overlay::new(&view);
    for (i, hash) in (0u32..).zip(&chunks) {
        assert!(crate::chunks::add(&mut state, hash, &i.to_be_bytes()).is_ok());
    }
    let record = ModelRecord {
        owner: Who::alice().address(),
        name: "large".into(),
        version: String::new(),
        description: String::new(),
        manifest,
        published: 1,
        deposit: Amount::ZERO,
        state: ModelState::Retired { compiled: None, height: 7, stored: true },
    };
    state.write(path::model(&model), &record);
    let retirement = Retirement { height: 7, model, chunks: chunks.len() as u32 };
    state.write(retirement.key(), &retirement);
    let left = |state: &Overlay<'_>| state.scan(b"blob/", None, usize::MAX).unwrap().len() as u32;
    for (height, expected) in [(8, 2051), (9, 1027), (10, 3), (11, 0), (12, 0)] {
        expiry::retired(&mut state, &short().params, height).unwrap();
        assert_eq!(left(&state), expected, "{height}");
    }
    assert_eq!(state.get(&retirement.key()).unwrap(), None);
    assert!(chunks.iter().all(|hash| state.blob(hash).unwrap().is_none()));
    let cleared: Retirement = state.read(path::CLEARED).unwrap().unwrap();
    assert_eq!(cleared, Retirement { chunks: 0, ..retirement });
}

#[test]
fn a_receipt_expires_from_the_state_and_stays_in_the_index() {
    let chain = Chain::start(&short(), None);
    chain.seal(NEG);
    let bytes = chain.sign(&Who::bob(), vec![pay(&Who::carol(), 1), infer_neg(), infer_neg()]);
    let tx = TxHash::of(&bytes);
    let rejected = chain.sign(&Who::alice(), vec![infer_neg(), pay(&Who::carol(), u128::MAX)]);
    chain.block(&[bytes, rejected]);
    let listed = chain.dump()[&path::receipts_at(2)].clone();
    let expected = vec![ReceiptId { tx, index: 1 }, ReceiptId { tx, index: 2 }];
    assert_eq!(codec::decode::<Vec<ReceiptId>>(&listed, MAX_VALUE_BYTES).unwrap(), expected);
    chain.block(&[]);
    chain.block(&[]);
    let reader = chain.app.reader();
    assert!(reader.receipt(&tx, 1).unwrap().is_some() && reader.receipt(&tx, 2).unwrap().is_some());
    chain.block(&[]);
    assert_eq!((reader.receipt(&tx, 1).unwrap(), reader.receipt(&tx, 2).unwrap()), (None, None));
    let left: Vec<_> = chain.dump().into_keys().filter(|key| key.starts_with(b"receipt")).collect();
    assert_eq!(left, Vec::<Vec<u8>>::new());
    let found = reader.tx(&tx).unwrap().unwrap().info;
    assert_eq!(found.messages[1].receipt.as_ref().unwrap().height, 2);
    assert_eq!(found.messages[0].receipt, None);
    // It is still proven at the heights that had it, and its absence at those that have not.
    let key = path::receipt(&tx, 1);
    assert!(reader.prove(&key, Some(4)).unwrap().unwrap().proven.value.is_some());
    assert!(reader.prove(&key, Some(5)).unwrap().unwrap().proven.value.is_none());
}

#[test]
fn what_is_pruned_is_refused_and_a_root_does_not_depend_on_it() {
    let (chain, archive) = (Chain::new(), Chain::new());
    let bob = Who::bob();
    let mut hashes = Vec::new();
    let mut pruner = chain.app.pruner();
    for height in 1..=12u64 {
        let tx = chain.sign(&bob, vec![pay(&Who::carol(), height.into())]);
        hashes.push(TxHash::of(&tx));
        let roots = [&chain, &archive].map(|chain| {
            chain.good(std::slice::from_ref(&tx));
            chain.app.info().unwrap().app_hash
        });
        assert_eq!(roots[0], roots[1]);
        pruner.keep_from(height.saturating_sub(3)).unwrap();
        while pruner.step().unwrap() == Step::More {}
    }
    let reader = chain.app.reader();
    assert_eq!(reader.kept().unwrap(), Some(9..=12));
    for height in 9..=12 {
        let proofs = [&chain, &archive]
            .map(|chain| chain.app.reader().prove(path::FEE_POOL, Some(height)).unwrap().unwrap().proven);
        assert_eq!(proofs[0], proofs[1]);
    }
    let refused = reader.prove(path::FEE_POOL, Some(8)).unwrap().unwrap_err();
    assert_eq!(refused, Unproven::Pruned { asked: 8, oldest: 9, newest: 12 });
    let ahead = reader.prove(path::FEE_POOL, Some(13)).unwrap().unwrap_err();
    assert_eq!(ahead, Unproven::Ahead { asked: 13, oldest: 9, newest: 12 });
    for (height, hash) in (1..).zip(&hashes) {
        let kept = height >= 9;
        assert_eq!(reader.tx(hash).unwrap().is_some(), kept, "{height}");
        assert_eq!(reader.block_txs(height).unwrap().is_some(), kept);
        assert!(archive.app.reader().tx(hash).unwrap().is_some());
    }
    // And it goes on from there, also in another process.
    drop((reader, pruner));
    let chain = chain.restart();
    chain.good(&[chain.sign(&bob, vec![pay(&Who::carol(), 1)])]);
}
