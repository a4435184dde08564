//! A block that was taken back and comes again.

use super::chain::*;
use super::toy::Toy;
use crate::rollback::{before_last, roll_back};
use crate::{App, BlockInput, Engine, Fatal};
use assay_compiler::PlanCache;
use assay_exec::Isa;
use assay_store::{Store, StoreError};
use assay_types::hash::TxHash;

fn store(chain: Chain) -> (tempfile::TempDir, Store) {
    let Chain { dir, app } = chain;
    drop(app);
    let store = Store::open(&dir.path().join("state")).unwrap();
    (dir, store)
}

fn again(dir: tempfile::TempDir, store: Store) -> Chain {
    let plans = PlanCache::new(dir.path().join("plans"));
    let engine = Engine::with(vec![(1, Box::new(Toy::new(None)))], plans, Isa::Reference);
    Chain { app: App::open(store, engine).unwrap(), dir }
}

#[test]
fn a_block_comes_again_after_it_was_taken_back_and_leads_to_the_same_root() {
    let chain = Chain::new();
    chain.seal(NEG);
    let before = (chain.dump(), chain.app.info().unwrap());
    let tx = chain.sign(&Who::bob(), vec![pay(&Who::carol(), 1), infer_neg()]);
    let block = chain.claimed(std::slice::from_ref(&tx));
    let decided = chain.decide(&block).unwrap();
    chain.app.commit().unwrap();
    let found = chain.app.reader().tx(&TxHash::of(&tx)).unwrap().unwrap();
    let after = (chain.dump(), chain.app.info().unwrap());

    let (dir, store) = store(chain);
    let target = before_last(&store).unwrap();
    assert_eq!((target.height, Some(target.app_hash)), (before.1.height, before.1.app_hash));
    assert_eq!(roll_back(&store).unwrap(), target);
    let chain = again(dir, store);
    assert_eq!((chain.dump(), chain.app.info().unwrap()), before);
    let reader = chain.app.reader();
    assert_eq!(reader.tx(&TxHash::of(&tx)).unwrap(), None, "the index still has it");
    assert_eq!(reader.block_txs(2).unwrap(), None);

    let result = chain.app.finalize_block(&BlockInput { height: 2, txs: block }).unwrap();
    assert_eq!(result, decided);
    chain.app.commit().unwrap();
    assert_eq!((chain.dump(), chain.app.info().unwrap()), after);
    assert_eq!(chain.app.reader().tx(&TxHash::of(&tx)).unwrap(), Some(found));
    chain.good(&[chain.sign(&Who::bob(), vec![infer_neg()])]);
}

#[test]
fn a_state_without_a_block_has_none_to_take_back() {
    let (_dir, store) = store(Chain::new());
    assert!(matches!(roll_back(&store), Err(Fatal::Store(StoreError::NoWayBack { version: 0, .. }))));
    let empty = tempfile::tempdir().unwrap();
    let store = Store::open(empty.path()).unwrap();
    assert!(matches!(roll_back(&store), Err(Fatal::NoChain)));
}
