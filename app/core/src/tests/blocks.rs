//! Blocks: the same twice, nothing before the commit, the same after a restart.

use super::chain::*;
use crate::{BlockInput, Fatal, InitError};
use assay_genesis::GenesisError;
use assay_store::{Changes, Store};
use assay_types::amount::Amount;
use assay_types::claim::Claim;
use assay_types::hash::CompilerHash;
use assay_types::{codec, path};

fn some_block(chain: &Chain) -> Vec<Vec<u8>> {
    let (alice, bob) = (Who::alice(), Who::bob());
    let nonce = chain.nonce(&alice);
    vec![
        alice.sign(nonce, vec![publish(NEG), upload(NEG, 0), seal(NEG)]),
        bob.sign(chain.nonce(&bob), vec![pay(&Who::carol(), 77), infer_neg()]),
        b"garbage".to_vec(),
        alice.sign(nonce + 1, vec![pay(&bob, 5)]),
    ]
}

#[test]
fn finalizing_a_block_twice_gives_the_same() {
    let chain = Chain::new();
    let txs = some_block(&chain);
    let first = chain.finalize(&txs);
    assert_eq!(first, chain.finalize(&txs));
    // Another block in between is forgotten.
    let other = chain.finalize(&[]);
    assert_ne!(other.app_hash, first.app_hash);
    assert_eq!(first, chain.finalize(&txs));
    assert_eq!(chain.app.commit().unwrap().app_hash, first.app_hash);
}

#[test]
fn a_block_without_a_commit_leaves_no_trace() {
    let chain = Chain::new();
    let (before, info) = (chain.dump(), chain.app.info().unwrap());
    let txs = some_block(&chain);
    let result = chain.finalize(&txs);
    assert_eq!(chain.dump(), before);
    assert_eq!(chain.app.info().unwrap(), info);
    let chain = chain.restart();
    assert_eq!(chain.dump(), before);
    assert_eq!(chain.app.info().unwrap(), info);
    assert_eq!(chain.app.reader().block_txs(1).unwrap(), None);
    assert_eq!(chain.finalize(&txs), result);
}

#[test]
fn a_proposal_that_was_executed_gives_what_a_node_that_never_saw_it_gets() {
    let (proposer, validator, late) = (Chain::new(), Chain::new(), Chain::new());
    let mut txs = some_block(&proposer);
    txs.remove(2);
    let packed = proposer.app.prepare_proposal(1, txs, u64::MAX).unwrap();
    assert_eq!(packed.len(), 4);
    for chain in [&proposer, &validator] {
        assert_eq!(chain.app.process_proposal(1, &packed).unwrap(), crate::Verdict::Accept);
    }
    let results = [&proposer, &validator, &late].map(|chain| chain.decide(&packed).unwrap());
    assert_eq!(results[0], results[1]);
    assert_eq!(results[0], results[2]);
}

#[test]
fn a_restart_goes_on_where_the_commit_was() {
    let chain = Chain::new();
    let txs = some_block(&chain);
    chain.block(&txs);
    let (before, info) = (chain.dump(), chain.app.info().unwrap());
    assert_eq!(info.height, 1);
    let chain = chain.restart();
    assert_eq!(chain.app.info().unwrap(), info);
    assert_eq!(chain.dump(), before);
    chain.good(&[chain.sign(&Who::bob(), vec![infer_neg()])]);
    assert_eq!(chain.app.info().unwrap().height, 2);
}

#[test]
fn an_empty_block_keeps_the_root() {
    let chain = Chain::new();
    let root = chain.app.info().unwrap().app_hash;
    chain.block(&[]);
    let info = chain.app.info().unwrap();
    assert_eq!((info.height, info.app_hash), (1, root));
    let claim = Claim { height: 1, engine: 1, units: 0, outcomes: vec![], state_root: root.unwrap() };
    assert_eq!(chain.app.reader().block_txs(1).unwrap(), Some(vec![claim.hash()]));
}

#[test]
fn only_the_next_height_is_executed() {
    let chain = Chain::new();
    chain.block(&[]);
    for height in [0, 1, 3, u64::MAX] {
        let block = BlockInput { height, txs: vec![] };
        assert!(matches!(chain.app.finalize_block(&block), Err(Fatal::OutOfOrder { expected: 2, .. })));
        assert!(chain.app.prepare_proposal(height, vec![], 10).is_err());
        assert!(chain.app.process_proposal(height, &[]).is_err());
    }
    assert!(matches!(chain.app.commit(), Err(Fatal::NothingToCommit)));
}

#[test]
fn a_chain_is_started_again_until_it_has_a_block() {
    let chain = Chain::new();
    let first = chain.app.info().unwrap();
    let mut richer = genesis();
    richer.accounts[0].balance = Amount(5);
    let json = serde_json::to_vec(&richer).unwrap();
    let other = chain.app.init_chain(CHAIN_ID, &json).unwrap();
    assert_ne!(Some(other), first.app_hash);
    assert_eq!(chain.balance(&Who::alice()), Amount(5));
    let again = chain.app.init_chain(CHAIN_ID, &serde_json::to_vec(&genesis()).unwrap()).unwrap();
    assert_eq!(Some(again), first.app_hash);
    chain.block(&[]);
    assert!(matches!(chain.app.init_chain(CHAIN_ID, &json), Err(InitError::Fatal(Fatal::Store(_)))));
}

#[test]
fn an_unsound_app_state_does_not_start_a_chain() {
    let chain = Chain::new();
    let start = |json: &[u8]| chain.app.init_chain(CHAIN_ID, json).unwrap_err();
    for json in [b"".as_slice(), b"{}", b"null", b"{\"accounts\": 1}", &[0xff; 10]] {
        assert!(matches!(start(json), InitError::Genesis(GenesisError::Malformed(_))));
    }
    let mut twice = genesis();
    twice.accounts.push(twice.accounts[0].clone());
    let twice = start(&serde_json::to_vec(&twice).unwrap());
    assert!(matches!(twice, InitError::Genesis(GenesisError::DuplicateAccount(_))));
    let mut engine = genesis();
    engine.engine.number = 2;
    let unknown = start(&serde_json::to_vec(&engine).unwrap());
    assert!(matches!(unknown, InitError::Fatal(Fatal::UnknownEngine(2))));
    let mut engine = genesis();
    engine.engine.compiler = CompilerHash([8; 32]);
    let other = start(&serde_json::to_vec(&engine).unwrap());
    assert!(matches!(other, InitError::Fatal(Fatal::OtherEngine { number: 1, .. })));
    let json = serde_json::to_vec(&genesis()).unwrap();
    assert!(matches!(chain.app.init_chain("", &json), Err(InitError::ChainId(0))));
    assert!(matches!(chain.app.init_chain(&"x".repeat(51), &json), Err(InitError::ChainId(51))));
}

#[test]
fn the_state_of_another_app_version_is_not_opened() {
    let chain = Chain::new();
    let mut changes = Changes::default();
    for (key, value) in chain.dump() {
        changes.writes.insert(key, Some(value));
    }
    let record = crate::ChainRecord { chain_id: CHAIN_ID.into(), engine: 1, app_version: 2 };
    changes.writes.insert(path::CHAIN.to_vec(), Some(codec::encode(&record)));
    let Chain { dir, app } = chain;
    drop(app);
    let store = Store::open(&dir.path().join("state")).unwrap();
    store.genesis(changes).unwrap();
    let engine = crate::Engine::with(
        vec![(1, Box::new(super::toy::Toy::new(None)))],
        assay_compiler::PlanCache::new(dir.path().join("plans")),
        assay_exec::Isa::Reference,
    );
    let error = crate::App::open(store, engine).err().unwrap();
    assert!(matches!(error, Fatal::OtherVersion { found: 2, supported: 1 }), "{error}");
}

#[test]
fn before_genesis_there_is_no_chain_and_no_panic() {
    let dir = tempfile::tempdir().unwrap();
    let app = open(&dir, super::toy::Toy::new(None));
    let info = app.info().unwrap();
    assert_eq!((info.height, info.app_hash, info.app_version), (0, None, 1));
    assert!(matches!(app.check_tx(b"x"), Err(Fatal::NoChain)));
    assert!(matches!(app.prepare_proposal(1, vec![], 10), Err(Fatal::NoChain)));
    assert!(matches!(app.reader().params(), Err(Fatal::NoChain)));
    assert_eq!(app.reader().height(), None);
}
