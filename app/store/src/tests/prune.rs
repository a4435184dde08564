//! Pruning, against a twin that forgets nothing, and against the set of what the kept versions need.

use super::*;
use crate::layout::{META_BASE, NODES, STALE, VALUES};
use crate::place::Place;
use crate::{Pruned, StoreError};
use proptest::prelude::*;
use std::collections::BTreeSet;

const KEYS: u8 = 24;

fn key(number: u8) -> Vec<u8> {
    format!("key/{number}").into_bytes()
}

/// What a version writes: numbers of keys, each with a value or none.
type Block = Vec<(u8, Option<u8>)>;

fn changes(block: &Block) -> Changes {
    let write = |(number, value): &(u8, Option<u8>)| (key(*number), value.map(|value| vec![value, 1]));
    Changes { writes: block.iter().map(write).collect(), ..Changes::default() }
}

fn blocks() -> impl Strategy<Value = Vec<Block>> {
    let write = (0..KEYS, proptest::option::weighted(0.6, any::<u8>()));
    proptest::collection::vec(proptest::collection::vec(write, 0..8), 4..24)
}

fn pair() -> (TempDir, Store, TempDir, Store) {
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let stores = [&first, &second].map(|dir| Store::open(dir.path()).unwrap());
    for store in &stores {
        store.genesis(changes(&vec![(0, Some(1)), (1, Some(1))])).unwrap();
    }
    let [store, twin] = stores;
    (first, store, second, twin)
}

/// At every kept version every key has the value and the proof that the twin has; below them there is nothing.
fn assert_same(store: &Store, twin: &Store) {
    let kept = store.view().kept().unwrap().unwrap();
    for version in kept.clone() {
        for number in 0..KEYS + 2 {
            let key = key(number);
            match (store.prove(&key, version), twin.prove(&key, version)) {
                (Err(StoreError::EmptyTree { .. }), Err(StoreError::EmptyTree { .. })) => {}
                (ours, theirs) => assert_eq!(ours.unwrap(), theirs.unwrap(), "{number} at {version}"),
            }
            let values = [store, twin].map(|store| store.view().get_at(&key, version).unwrap());
            assert_eq!(values[0], values[1]);
        }
    }
    if let Some(below) = kept.start().checked_sub(1) {
        let refused = store.prove(&key(0), below).unwrap_err();
        let StoreError::UnknownVersion { version, oldest, newest } = refused else { panic!("{refused}") };
        assert_eq!((version, oldest..=newest), (below, kept));
    }
}

pub(super) fn count(store: &Store, family: &'static str) -> usize {
    let database = store.database();
    let iterator = database.iterate(family, database::range(&[], None)).unwrap();
    database::entries(iterator, usize::MAX).unwrap().len()
}

/// The records that the kept versions have, by a walk from their roots.
pub(super) fn reachable(store: &Store) -> BTreeSet<Vec<u8>> {
    let view = store.view();
    let mut found = BTreeSet::new();
    let mut todo: Vec<Place> = view.kept().unwrap().unwrap().map(Place::root).collect();
    while let Some(at) = todo.pop() {
        let record = view.record_at(&at).unwrap();
        todo.extend(record.children().iter().map(|(way, child)| at.child(*way, child.version)));
        found.insert(at.key());
    }
    found
}

pub(super) fn prune(store: &Store, most: usize) -> Pruned {
    let (mut pruner, mut sum) = (store.pruner(), Pruned::default());
    loop {
        let step = pruner.step(most).unwrap();
        assert!(!step.busy);
        sum.nodes += step.nodes;
        sum.values += step.values;
        if !step.more {
            return sum;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_kept_is_as_in_a_store_that_forgets_nothing(
        blocks in blocks(), window in 1u64..6, most in 1usize..9, steps in 0usize..6, again in any::<bool>(),
    ) {
        let (dir, mut store, _other, twin) = pair();
        let mut pruner = store.pruner();
        for (version, block) in (1u64..).zip(&blocks) {
            let root = commit(&store, version, changes(block));
            prop_assert_eq!(root, commit(&twin, version, changes(block)));
            store.keep_from(version.saturating_sub(window)).unwrap();
            for _ in 0..steps {
                pruner.step(most).unwrap();
            }
            assert_same(&store, &twin);
            if again && version.is_multiple_of(5) {
                // The process ends in the middle of it; the next one knows only what is on disk.
                drop(pruner);
                drop(store);
                store = Store::open(dir.path()).unwrap();
                pruner = store.pruner();
                assert_same(&store, &twin);
            }
        }
        prune(&store, most);
        assert_same(&store, &twin);
        prop_assert_eq!(store.root().unwrap(), twin.root().unwrap());
    }

    #[test]
    fn what_is_not_kept_is_gone(blocks in blocks(), most in 1usize..40) {
        let (_dir, store, _other, twin) = pair();
        for (version, block) in (1u64..).zip(&blocks) {
            for store in [&store, &twin] {
                commit(store, version, changes(block));
            }
        }
        let oldest = store.keep_from(u64::MAX).unwrap();
        prop_assert_eq!(oldest, blocks.len() as u64 - 1);
        prune(&store, most);
        assert_same(&store, &twin);
        // Nodes are those of the two versions, values those that either of them reads.
        let database = store.database();
        let nodes = database.iterate(NODES, database::range(&[], None)).unwrap();
        let nodes = database::entries(nodes, usize::MAX).unwrap().into_iter().map(|(key, _)| key);
        prop_assert_eq!(nodes.collect::<BTreeSet<_>>(), reachable(&store));
        let mut values = 0;
        for number in 0..KEYS {
            let [old, new] = [oldest, oldest + 1].map(|at| store.view().get_at(&key(number), at).unwrap());
            // A value that is written again is another one, and a deletion is one too.
            let written = blocks[oldest as usize].iter().any(|(other, _)| *other == number);
            values += usize::from(old.is_some()) + usize::from(written && (old.is_some() || new.is_some()));
        }
        prop_assert_eq!(count(&store, VALUES), values);
        // What the last version replaced is still needed by the one before.
        let last = (oldest + 1).to_be_bytes();
        let database = store.database();
        let stale = database.iterate(STALE, database::range(&[], None)).unwrap();
        let stale = database::entries(stale, usize::MAX).unwrap();
        prop_assert!(stale.iter().all(|(key, _)| key.starts_with(&last)));
    }
}

#[test]
fn a_version_with_no_changes_does_not_leave_a_root_behind() {
    let (_dir, store) = started();
    for version in 1..=20 {
        commit(&store, version, Changes::default());
    }
    // A deletion of what is not there is none either.
    commit(&store, 21, writes(&[("nobody", None)]));
    store.keep_from(20).unwrap();
    assert_eq!(prune(&store, 3).nodes, 20);
    assert_eq!(count(&store, NODES), reachable(&store).len());
    assert_eq!(count(&store, VALUES), 3);
}

#[test]
fn the_oldest_kept_version_only_moves_forward_and_never_to_the_last() {
    let (dir, store) = started();
    assert_eq!(store.keep_from(7).unwrap(), 0);
    for version in 1..=5 {
        commit(&store, version, writes(&[("account/a", Some(&version.to_string()))]));
    }
    assert_eq!(store.keep_from(3).unwrap(), 3);
    assert_eq!(store.keep_from(1).unwrap(), 3);
    assert_eq!(store.keep_from(9).unwrap(), 4);
    // It is on disk before anything is gone.
    drop(store);
    let store = Store::open(dir.path()).unwrap();
    assert_eq!(store.view().kept().unwrap(), Some(4..=5));
    assert_eq!(store.database().get(META, META_BASE).unwrap(), Some(4u64.to_be_bytes().to_vec()));
    assert!(matches!(
        Store::open(tempfile::tempdir().unwrap().path()).unwrap().keep_from(1),
        Err(StoreError::NoGenesis)
    ));
}

#[test]
fn a_view_still_proves_what_is_pruned_after_it_was_made() {
    let (_dir, store) = started();
    for version in 1..=6 {
        commit(&store, version, writes(&[("account/a", Some(&version.to_string())), ("account/b", None)]));
    }
    let view = store.view();
    let before = view.prove(b"account/a", 2).unwrap();
    store.keep_from(5).unwrap();
    prune(&store, 100);
    assert_eq!(view.prove(b"account/a", 2).unwrap(), before);
    assert!(matches!(
        store.prove(b"account/a", 2),
        Err(StoreError::UnknownVersion { version: 2, oldest: 5, newest: 6 })
    ));
}

#[test]
fn a_key_that_comes_back_keeps_its_name() {
    let (_dir, store) = started();
    commit(&store, 1, writes(&[("account/a", None)]));
    commit(&store, 2, writes(&[("account/b", Some("3"))]));
    commit(&store, 3, writes(&[("account/a", Some("4"))]));
    store.keep_from(2).unwrap();
    prune(&store, 100);
    for version in 2..=3 {
        let proven = store.prove(b"account/c", version).unwrap();
        assert_eq!(assay_types::proof::verify_absence(&proven.root, b"account/c", &proven.proof), Ok(()));
    }
    assert_eq!(store.prove(b"account/a", 3).unwrap().value, Some(b"4".to_vec()));
    assert_eq!(count(&store, VALUES), 3);
}

#[test]
fn the_report_names_every_column_family() {
    let (_dir, store) = started();
    commit(&store, 1, writes(&[("account/a", Some("2"))]));
    store.compact().unwrap();
    let disk = store.disk().unwrap();
    let names: Vec<_> = disk.iter().map(|family| family.name).collect();
    assert_eq!(names, ["nodes", "values", "stale", "latest", "blobs", "index", "meta"]);
    let of = |name| disk.iter().find(|family| family.name == name).unwrap();
    assert!(of("nodes").bytes > 0 && of("values").entries == 4 && of("blobs").bytes == 0);
}
