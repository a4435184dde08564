//! A state that becomes another chain's genesis.

use super::chain::*;
use super::toy::Toy;
use crate::export::{ExportError, Exported, export};
use crate::{App, Fatal, InitError, ModelFiles, invariants};
use assay_genesis::{GenesisError, GenesisState};
use assay_store::StoreError;
use assay_types::amount::Amount;
use assay_types::hash::{ModelId, PlanHash, TxHash};
use assay_types::limits::CHUNK_BYTES;
use assay_types::message::{Message, RetireModel};
use assay_types::path;
use std::collections::BTreeMap;
use std::io;

/// Files in memory.
#[derive(Default)]
struct Files(BTreeMap<ModelId, Vec<u8>>);

impl Files {
    fn of(files: &[&[u8]]) -> Self {
        Self(files.iter().map(|file| (id(file), file.to_vec())).collect())
    }
}

impl ModelFiles for Files {
    fn read(&self, model: &ModelId, _: u64) -> io::Result<Vec<u8>> {
        self.0.get(model).cloned().ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "no such file"))
    }
}

/// A model of two chunks, which are the same.
fn large() -> Vec<u8> {
    let mut chunk = b"neg large".to_vec();
    chunk.resize(CHUNK_BYTES, b' ');
    chunk.repeat(2)
}

/// A chain with two sealed models, one that is retired, one that is not whole, and receipts.
fn busy() -> Chain {
    let chain = Chain::new();
    let alice = Who::alice();
    for file in [NEG, b"neg retired".as_slice()] {
        chain.seal(file);
    }
    let retire = Message::RetireModel(RetireModel { model: id(b"neg retired") });
    chain.good(&[chain.sign(&alice, vec![retire])]);
    chain.good(&[chain.sign(&Who::bob(), vec![infer_neg(), pay(&Who::carol(), 77)])]);
    chain.good(&[chain.sign(&alice, vec![publish(&large()), upload(&large(), 0)])]);
    chain
}

fn exported(chain: &Chain) -> Exported {
    let view = chain.app.reader().view();
    export(&view, chain.app.info().unwrap().height, &mut |_| ()).unwrap()
}

fn start(state: &GenesisState, files: &Files) -> Result<(tempfile::TempDir, App), InitError> {
    let dir = tempfile::tempdir().unwrap();
    let app = open(&dir, Toy::new(None));
    app.init_chain_with(CHAIN_ID, &serde_json::to_vec(state).unwrap(), files)?;
    Ok((dir, app))
}

#[test]
fn a_chain_that_starts_from_another_has_its_money_its_nonces_and_its_models() {
    let chain = busy();
    let people = [Who::alice(), Who::bob(), Who::carol()];
    let held = |chain: &Chain| people.clone().map(|who| (chain.balance(&who), chain.nonce(&who)));
    let mut before = held(&chain);
    let found = exported(&chain);
    let left = found.left_out;
    assert_eq!((left.receipts, left.retired, left.uploads), (1, 1, 1));
    assert!(left.given_back > Amount::ZERO);
    before[0].0 = before[0].0.checked_add(found.left_out.given_back).unwrap();
    assert_eq!(found.app_hash, chain.app.info().unwrap().app_hash.unwrap());
    let output = chain.good(&[chain.sign(&Who::bob(), vec![infer_neg()])]).remove(0).data;

    let (dir, app) = start(&found.state, &Files::of(&[NEG])).unwrap();
    let next = Chain { dir, app };
    invariants::check_supply(&next.app.reader().view()).unwrap();
    assert_eq!(held(&next), before);
    let key = path::SUPPLY.to_vec();
    assert_eq!(next.dump()[&key], chain.dump()[&key], "another supply");
    let ids: Vec<_> = found.state.models.iter().map(|model| model.id()).collect();
    assert_eq!(ids, [id(NEG)]);
    let again = next.good(&[next.sign(&Who::bob(), vec![infer_neg()])]).remove(0).data;
    assert_eq!(again, output, "another output");
    // What did not come along can be published again.
    next.seal(b"neg retired");
    next.seal(&large());
    let chunk = next.app.shared().store.blob(&manifest(NEG).chunks[0]).unwrap();
    assert_eq!(chunk, Some(NEG.to_vec()));
}

#[test]
fn chunks_that_models_share_are_counted_as_often_as_they_are_named() {
    let chain = Chain::new();
    chain.seal(&large());
    let found = exported(&chain);
    let (dir, app) = start(&found.state, &Files::of(&[&large()])).unwrap();
    let next = Chain { dir, app };
    let blobs = |chain: &Chain| {
        chain.dump().into_iter().filter(|(key, _)| key.starts_with(b"blob/")).collect::<Vec<_>>()
    };
    assert_eq!(blobs(&next), blobs(&chain));
    next.good(&[next.sign(&Who::alice(), vec![Message::RetireModel(RetireModel { model: id(&large()) })])]);
    invariants::check_supply(&next.app.reader().view()).unwrap();
}

#[test]
fn an_older_height_is_exported_as_it_was() {
    let chain = busy();
    let now = exported(&chain);
    let height = now.height;
    chain.good(&[chain.sign(&Who::bob(), vec![pay(&Who::carol(), 5), infer_neg()])]);
    chain.seal(b"neg later");
    let view = chain.app.reader().view();
    assert_eq!(export(&view, height, &mut |_| ()).unwrap(), now);
    let missing = export(&view, height + 100, &mut |_| ());
    assert!(matches!(missing, Err(ExportError::Fatal(Fatal::Store(StoreError::UnknownVersion { .. })))));
}

#[test]
fn an_imported_genesis_is_checked_like_anything_from_a_stranger() {
    let chain = Chain::new();
    chain.seal(NEG);
    let found = exported(&chain).state;
    let refused = |change: &dyn Fn(&mut GenesisState), files: &Files| {
        let mut state = found.clone();
        change(&mut state);
        match start(&state, files) {
            Ok(_) => panic!("it was taken"),
            Err(error) => error,
        }
    };
    let files = Files::of(&[NEG]);
    let keep = |_: &mut GenesisState| ();
    assert!(matches!(refused(&keep, &Files::default()), InitError::ModelFile { .. }));
    for other in [b"".as_slice(), b"neh", b"neg and more"] {
        let files = Files([(id(NEG), other.to_vec())].into());
        assert!(matches!(refused(&keep, &files), InitError::ModelFile { .. }));
    }
    let plan = |state: &mut GenesisState| state.models[0].plan = PlanHash([1; 32]);
    assert!(matches!(refused(&plan, &files), InitError::ModelPlan { .. }));
    // One that does not compile has no plan at all.
    let broken = |state: &mut GenesisState| state.models[0].manifest = manifest(b"nonsense");
    let error = refused(&broken, &Files::of(&[b"nonsense"]));
    assert!(matches!(error, InitError::ModelPlan { .. }), "{error}");
    let twice = |state: &mut GenesisState| state.models.push(state.models[0].clone());
    assert!(matches!(refused(&twice, &files), InitError::Genesis(GenesisError::DuplicateModel(_))));
    let changes: [fn(&mut GenesisState); 4] = [
        |state| state.models[0].name = String::new(),
        |state| state.models[0].name = "x\n".into(),
        |state| state.models[0].manifest.size = 1 << 50,
        |state| state.models[0].manifest.chunks.clear(),
    ];
    for change in changes {
        assert!(matches!(refused(&change, &files), InitError::Genesis(GenesisError::BadModel { .. })));
    }
    let money: [fn(&mut GenesisState); 2] =
        [|state| state.fee_pool = Amount(u128::MAX), |state| state.models[0].deposit = Amount(u128::MAX)];
    for change in money {
        assert!(matches!(refused(&change, &files), InitError::Genesis(GenesisError::SupplyOverflow)));
    }
    let nonce = |state: &mut GenesisState| state.accounts[0].nonce = u64::MAX;
    assert!(matches!(refused(&nonce, &files), InitError::Genesis(GenesisError::BadNonce(_))));
    // Nothing of all that has left a chain behind.
    let dir = tempfile::tempdir().unwrap();
    let app = open(&dir, Toy::new(None));
    let state = serde_json::to_vec(&found).unwrap();
    assert!(app.init_chain_with(CHAIN_ID, &state, &Files::default()).is_err());
    assert_eq!(app.info().unwrap().app_hash, None);
    let first = app.init_chain_with(CHAIN_ID, &state, &files).unwrap();
    assert_eq!(app.init_chain_with(CHAIN_ID, &state, &files).unwrap(), first, "it begins anew each time");
}

#[test]
fn an_export_is_a_function_of_the_state() {
    let (first, second) = (busy(), busy());
    let text = |chain: &Chain| serde_json::to_string_pretty(&exported(chain).state).unwrap();
    assert_eq!(text(&first), text(&second));
    assert_eq!(first.app.reader().tx(&TxHash([0; 32])).unwrap(), None);
    insta::assert_snapshot!("golden_export_of_a_busy_chain", text(&first));
}
