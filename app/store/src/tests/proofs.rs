//! What the tree proves, the verifier of `assay-types` accepts, and nothing else.

use super::*;
use crate::tree::Tree;
use crate::{Proven, StoreError};
use assay_types::proof::{spec, verify_absence, verify_existence};
use jmt::Sha256Jmt;
use prost013::Message;

/// A store of a few hundred keys over some heights, with what it held at each.
fn history() -> (TempDir, Store, Vec<Model>) {
    let (dir, store) = started();
    let mut model: Model =
        [("account/a", "1"), ("account/b", "2"), ("params", "p")].map(|(k, v)| (k.into(), v.into())).into();
    let mut models = vec![model.clone()];
    for height in 1u64..=12 {
        let entry = |i: u64| {
            let key = format!("receipt/{}", (height * 31 + i * 17) % 400).into_bytes();
            (key, (!i.is_multiple_of(4)).then(|| format!("{height}-{i}").into_bytes()))
        };
        let changes = Changes { writes: (0..40).map(entry).collect(), ..Changes::default() };
        apply(&mut model, &changes);
        commit(&store, height, changes);
        models.push(model.clone());
    }
    (dir, store, models)
}

fn keys() -> impl Iterator<Item = Vec<u8>> {
    (0..400)
        .step_by(3)
        .map(|i| format!("receipt/{i}").into_bytes())
        .chain([b"params".to_vec(), b"\0".to_vec()])
}

#[test]
fn the_verifier_describes_the_tree_as_the_tree_does() {
    assert_eq!(spec(), jmt::ics23_spec());
}

#[test]
fn every_key_is_provably_there_or_not_at_every_height() {
    let (_dir, store, models) = history();
    let (mut present, mut absent) = (0, 0);
    for (height, model) in (0u64..).zip(&models) {
        for key in keys() {
            let Proven { value, proof, root } = store.prove(&key, height).unwrap();
            assert_eq!(value.as_ref(), model.get(&key));
            assert_eq!(root, root_by_definition(model));
            match value {
                Some(value) => {
                    present += 1;
                    assert_eq!(verify_existence(&root, &key, &value, &proof), Ok(()));
                    assert!(verify_absence(&root, &key, &proof).is_err());
                }
                None => {
                    absent += 1;
                    assert_eq!(verify_absence(&root, &key, &proof), Ok(()));
                    assert!(verify_existence(&root, &key, b"1", &proof).is_err());
                }
            }
        }
    }
    assert!(present > 300 && absent > 300, "{present} present, {absent} absent");
}

#[test]
fn a_proof_has_the_bytes_that_the_tree_library_would_give_it() {
    let (_dir, store) = started();
    for height in 1..=6 {
        commit(&store, height, memory::block(height, 2_500));
    }
    let (view, mut seen) = (store.view(), [0, 0]);
    for height in 1..=6 {
        for i in 0..250 {
            let key =
                if i % 3 == 0 { format!("nobody/{i}") } else { format!("account/{}", i * 37) }.into_bytes();
            let tree = Tree(&view);
            let (value, proof) = Sha256Jmt::new(&tree).get_with_ics23_proof(key.clone(), height).unwrap();
            let ours = view.prove(&key, height).unwrap();
            seen[usize::from(value.is_some())] += 1;
            assert_eq!((ours.value, ours.proof), (value, proof.encode_to_vec()), "{i} at {height}");
        }
    }
    assert!(seen[0] > 300 && seen[1] > 300, "{seen:?}");
}

#[test]
fn a_proof_of_something_else_is_refused() {
    let (_dir, store, models) = history();
    let tip = models.len() as u64 - 1;
    let key = models[tip as usize].keys().find(|key| key.starts_with(b"receipt/")).unwrap();
    let Proven { value, proof, root } = store.prove(key, tip).unwrap();
    let value = value.unwrap();
    let older = store.prove(key, 0).unwrap().root;
    assert!(verify_existence(&root, key, b"another value", &proof).is_err());
    assert!(verify_existence(&root, b"params", &value, &proof).is_err());
    assert!(verify_existence(&older, key, &value, &proof).is_err());
    let missing = store.prove(b"nobody", tip).unwrap();
    assert!(verify_absence(&root, b"somebody", &missing.proof).is_err());
    assert!(verify_absence(&older, b"nobody", &missing.proof).is_err());
}

#[test]
fn a_proof_with_a_flipped_bit_is_refused() {
    let (_dir, store, models) = history();
    let tip = models.len() as u64 - 1;
    let there = store.prove(b"params", tip).unwrap();
    let missing = store.prove(b"nobody", tip).unwrap();
    for bit in 0..there.proof.len() * 8 {
        let mut proof = there.proof.clone();
        proof[bit / 8] ^= 1 << (bit % 8);
        assert!(verify_existence(&there.root, b"params", b"p", &proof).is_err(), "bit {bit}");
    }
    for bit in 0..missing.proof.len() * 8 {
        let mut proof = missing.proof.clone();
        proof[bit / 8] ^= 1 << (bit % 8);
        assert!(verify_absence(&missing.root, b"nobody", &proof).is_err(), "bit {bit}");
    }
}

#[test]
fn a_state_of_one_key_has_proofs_too() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let root = store.genesis(writes(&[("only", Some("one"))])).unwrap();
    let there = store.prove(b"only", 0).unwrap();
    assert_eq!(verify_existence(&root, b"only", b"one", &there.proof), Ok(()));
    for key in [b"a".as_slice(), b"b", b"c", b"d"] {
        assert_eq!(verify_absence(&root, key, &store.prove(key, 0).unwrap().proof), Ok(()));
    }
}

#[test]
fn what_cannot_be_proven_is_said() {
    let (_dir, store) = started();
    commit(&store, 1, writes(&[("account/a", None), ("account/b", None), ("params", None)]));
    assert!(matches!(
        store.prove(b"params", 2),
        Err(StoreError::UnknownVersion { version: 2, oldest: 0, newest: 1 })
    ));
    assert!(matches!(store.prove(b"params", u64::MAX), Err(StoreError::UnknownVersion { .. })));
    assert!(matches!(store.prove(b"params", 1), Err(StoreError::EmptyTree { version: 1 })));
    assert!(matches!(store.prove(b"", 0), Err(StoreError::BadEntry { .. })));
    assert!(store.prove(b"params", 0).is_ok());
}
