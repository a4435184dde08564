//! What of the tree is in memory changes nothing but the time, and has a bound.

use super::*;
use crate::nodes::Nodes;
use crate::snapshot::Restore;
use crate::tests::snapshots;
use proptest::prelude::*;
use std::sync::Arc;

/// Blocks over some thousand keys, so that the tree has several levels of records.
pub(super) fn block(height: u64, writes: u64) -> Changes {
    let entry = |i: u64| {
        let key = format!("account/{}", (height * 7919 + i * 104_729) % 9_000).into_bytes();
        (key, (!i.is_multiple_of(7)).then(|| format!("{height}-{i}").into_bytes()))
    };
    Changes { writes: (0..writes).map(entry).collect(), ..Changes::default() }
}

/// Opens a state whose tree has only this much memory.
fn open_with(dir: &TempDir, most_bytes: usize) -> Store {
    let store = Store::open(dir.path()).unwrap();
    let mut database = store.inner.database.write().unwrap();
    Arc::get_mut(&mut *database).unwrap().nodes = Nodes::new(most_bytes);
    drop(database);
    store
}

#[test]
fn a_state_is_the_same_with_much_memory_with_little_and_with_none() {
    let dirs = [(); 3].map(|()| tempfile::tempdir().unwrap());
    let little = 128 * 2048;
    let bounds = [usize::MAX, little, 0];
    let stores = bounds.iter().zip(&dirs).map(|(most, dir)| open_with(dir, *most));
    let stores: Vec<Store> = stores.collect();
    for store in &stores {
        store.genesis(block(0, 4_000)).unwrap();
    }
    for height in 1..=12 {
        let roots = stores.iter().map(|store| commit(store, height, block(height, 700)));
        assert!(roots.collect::<Vec<_>>().windows(2).all(|pair| pair[0] == pair[1]));
        let proofs = |key: &[u8], version| {
            let proofs = stores.iter().map(|store| store.prove(key, version).unwrap());
            assert!(proofs.collect::<Vec<_>>().windows(2).all(|pair| pair[0] == pair[1]));
        };
        for i in 0..60 {
            proofs(format!("account/{}", i * 149).as_bytes(), height);
            proofs(format!("nobody/{i}").as_bytes(), height.saturating_sub(i % 5));
        }
    }
    let dumps: Vec<_> = stores.iter().map(|store| dump(&store.database())).collect();
    assert!(dumps[0] == dumps[1] && dumps[1] == dumps[2]);
    let taken: Vec<_> = stores.iter().map(|store| store.database().nodes.bytes()).collect();
    assert!(taken[0] > taken[1] && taken[1] > 0 && taken[1] <= little && taken[2] == 0, "{taken:?}");
    stores.iter().for_each(assert_canonical);
}

#[test]
fn a_commit_puts_what_it_wrote_in_place_of_what_it_replaced() {
    let (_dir, store) = started();
    for height in 1..=30 {
        commit(&store, height, block(height, 400));
    }
    let mut records = 0;
    let mut todo = vec![Place::root(30)];
    while let Some(at) = todo.pop() {
        let record = store.database().nodes.get(&at).unwrap();
        records += 1;
        todo.extend(record.children().iter().map(|(way, child)| at.child(*way, child.version)));
    }
    assert!(records > 100);
    assert!((1..30).all(|version| store.database().nodes.get(&Place::root(version)).is_none()));
}

#[test]
fn a_state_that_was_opened_again_is_read_into_memory_as_a_whole() {
    let (dir, store) = started();
    for height in 1..=30 {
        commit(&store, height, block(height, 400));
    }
    let whole = store.tree_memory().bytes;
    drop(store);
    let store = Store::open(dir.path()).unwrap();
    assert!(store.tree_memory().bytes < whole / 10);
    let other = store.clone();
    let warmed = store.warm().unwrap();
    assert!(warmed.whole && warmed.records > 100, "{warmed:?}");
    assert_eq!(store.tree_memory().bytes, whole);
    let missed = store.tree_memory().missed;
    commit(&other, 31, block(31, 400));
    other.prove(b"account/1", 31).unwrap();
    assert_eq!(store.tree_memory().missed, missed);
}

#[test]
fn reading_into_memory_ends_when_there_is_no_room_or_nobody_else() {
    let (dir, store) = started();
    for height in 1..=30 {
        commit(&store, height, block(height, 400));
    }
    assert!(!store.warm().unwrap().whole);
    let empty = tempfile::tempdir().unwrap();
    assert_eq!(Store::open(empty.path()).unwrap().warm().unwrap(), crate::Warmed::default());
    drop(store);
    let store = open_with(&dir, 128 * 1024);
    let _other = store.clone();
    assert!(!store.warm().unwrap().whole);
    assert!(store.database().nodes.bytes() <= 128 * 1024);
}

#[test]
fn a_repeated_genesis_is_not_mixed_with_the_one_before() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    for round in 0..3 {
        let changes = block(round, 3_000);
        let mut model = Model::new();
        apply(&mut model, &changes);
        assert_eq!(store.genesis(changes).unwrap(), root_by_definition(&model));
        for key in model.keys().step_by(97) {
            let proven = store.prove(key, 0).unwrap();
            assert_eq!(proven.value.as_ref(), model.get(key));
            assert_eq!(proven.root, root_by_definition(&model));
        }
        assert_eq!(store.tree_memory().bytes, 0);
        assert_canonical(&store);
    }
}

#[test]
fn an_adopted_state_is_not_mixed_with_the_one_before() {
    let (_dir, other) = started();
    for height in 1..=20 {
        commit(&other, height, block(height, 300));
    }
    let folder = tempfile::tempdir().unwrap();
    let made = snapshots::make(folder.path(), &other.view(), 20_000).unwrap();
    let home = tempfile::tempdir().unwrap();
    let state = home.path().join("state");
    let store = Store::open(&state).unwrap();
    store.genesis(block(50, 3_000)).unwrap();
    for height in 1..=20 {
        commit(&store, height, block(height + 100, 300));
    }
    let restore: Restore = snapshots::restore_all(&state, &made).unwrap();
    store.adopt(restore.finish().unwrap()).unwrap();
    assert_eq!(store.root().unwrap(), other.root().unwrap());
    assert_canonical(&store);
    for height in 21..=25 {
        assert_eq!(commit(&store, height, block(height, 300)), commit(&other, height, block(height, 300)));
        for i in 0..40 {
            let key = format!("account/{}", i * 211).into_bytes();
            assert_eq!(store.prove(&key, height).unwrap(), other.prove(&key, height).unwrap());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn bytes_that_are_no_record_are_refused_or_read_as_they_are(
        depth in 0u8..64, bytes in proptest::collection::vec(any::<u8>(), 0..300), tag in any::<bool>(),
    ) {
        let mut bytes = bytes;
        if let (true, Some(first)) = (tag, bytes.first_mut()) {
            *first = 1;
        }
        if let Some(record) = Record::decode(depth, &bytes) {
            prop_assert_eq!(Record::decode(depth, &record.encode()), Some(record));
        }
    }

    #[test]
    fn memory_never_takes_more_than_its_bound(
        leaves in proptest::collection::vec((any::<[u8; 32]>(), 1u64..9), 1..400), most in 0usize..400_000,
    ) {
        let nodes = Nodes::new(most);
        for (key, version) in &leaves {
            let place = Place::root(*version).child(key[0] >> 4, *version).child(key[0] & 15, *version);
            nodes.put(place, Arc::new(Record::of(2, vec![Leaf::new(*key, b"value", *version)])));
            nodes.get(&place);
            prop_assert!(nodes.bytes() <= most);
        }
        for (key, version) in &leaves {
            nodes.forget(&Place::root(*version).child(key[0] >> 4, *version).child(key[0] & 15, *version));
        }
        prop_assert_eq!(nodes.bytes(), 0);
    }
}
