//! Taking a version back, against the database as it was before that version was committed.

use super::prune::prune;
use super::*;
use crate::layout::META_BASE;
use crate::snapshot::{Folder, Spec};
use crate::{Read, StoreError};
use assay_types::hash::ChunkHash;
use assay_types::path;
use proptest::prelude::*;

/// So many that records have children.
const KEYS: u8 = 120;

/// What a version writes: numbers of keys, each with a value or none, and the number of a chunk that it brings.
type Block = (Vec<(u8, Option<u8>)>, Option<u8>);

fn chunk(number: u8) -> Vec<u8> {
    vec![number; 40]
}

fn changes(block: &Block) -> Changes {
    let write = |(number, value): &(u8, Option<u8>)| {
        (format!("key/{number}").into_bytes(), value.map(|value| vec![value, 1]))
    };
    let mut changes = Changes { writes: block.0.iter().map(write).collect(), ..Changes::default() };
    if let Some(number) = block.1 {
        let hash = ChunkHash::of(&chunk(number));
        changes.writes.insert(path::blob(&hash), Some(vec![number]));
        changes.blobs.insert(hash, Some(chunk(number)));
    }
    changes
}

fn blocks() -> impl Strategy<Value = Vec<Block>> {
    let write = (0..KEYS, proptest::option::weighted(0.6, any::<u8>()));
    let writes = proptest::collection::vec(write, 0..50);
    proptest::collection::vec((writes, proptest::option::weighted(0.3, 0u8..9)), 2..14)
}

fn index(version: u64) -> Vec<Entry> {
    vec![(format!("block/{version}").into_bytes(), vec![1]), (b"last".to_vec(), vec![7])]
}

fn commit_block(store: &Store, version: u64, block: &Block) -> AppHash {
    store.commit(store.stage(version, changes(block)).unwrap(), index(version)).unwrap().root
}

/// Takes everything away that is not kept, however busy the database is with having been opened so often.
fn forget(store: &Store) {
    let mut pruner = store.pruner();
    loop {
        let step = pruner.step(5).unwrap();
        if !step.more {
            return;
        }
        if step.busy {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    }
}

fn reason(error: StoreError) -> String {
    match error {
        StoreError::NoWayBack { why, .. } => why,
        other => panic!("{other}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_database_is_byte_for_byte_as_before_the_commit(
        blocks in blocks(), window in 1u64..5, reopen in any::<bool>(),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let mut store = Store::open(dir.path()).unwrap();
        store.genesis(changes(&(vec![(0, Some(1)), (1, Some(1))], Some(1)))).unwrap();
        for (version, block) in (1u64..).zip(&blocks) {
            // Never so far that the version to take back would be the oldest one.
            store.keep_from(version.saturating_sub(window)).unwrap();
            forget(&store);
            let before = dump(&store.database());
            let root = store.root().unwrap();
            let committed = commit_block(&store, version, block);
            if reopen && version % 4 == 0 {
                drop(store);
                store = Store::open(dir.path()).unwrap();
            }
            let target = store.before_last().unwrap();
            prop_assert_eq!((target.version, target.root), (version - 1, root));
            let added = vec![format!("block/{version}").into_bytes()];
            prop_assert_eq!(store.rollback(&added).unwrap(), target);
            let mut after = dump(&store.database());
            if version == 1 {
                // The one entry of this index that is not a block's stays, as it would for a copy of a transaction.
                let index = after.iter_mut().find(|(name, _)| *name == "index").unwrap();
                prop_assert_eq!(index.1.len(), 1);
                index.1.clear();
            }
            prop_assert_eq!(after, before);
            // And it goes on from there as if nothing had been, even after something else.
            commit_block(&store, version, &blocks[version as usize % blocks.len()]);
            prop_assert_eq!(store.rollback(&added).unwrap(), target);
            prop_assert_eq!(commit_block(&store, version, block), committed);
            assert_canonical(&store);
        }
    }

    #[test]
    fn what_a_version_wrote_is_what_was_staged(blocks in blocks()) {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        store.genesis(changes(&(vec![(0, Some(1))], None))).unwrap();
        let mut expected = Vec::new();
        for (version, block) in (1u64..).zip(&blocks) {
            let changes = changes(block);
            // A deletion of what is not there is none.
            let view = store.view();
            let there = |key: &[u8]| view.get(key).unwrap().is_some();
            let counts = |(key, value): &(&Vec<u8>, &Option<Vec<u8>>)| value.is_some() || there(key);
            let writes = changes.writes.iter().filter(counts);
            expected.push(writes.map(|(key, value)| (key.clone(), value.clone())).collect::<Vec<_>>());
            commit_block(&store, version, block);
        }
        let view = store.view();
        for (version, expected) in (1u64..).zip(expected) {
            let written = view.written(version).unwrap().into_iter().map(|written| (written.key, written.value));
            prop_assert_eq!(written.collect::<Vec<_>>(), expected, "version {}", version);
        }
    }

    #[test]
    fn a_walk_over_a_kept_version_gives_that_versions_entries(blocks in blocks()) {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        store.genesis(changes(&(vec![(0, Some(1))], None))).unwrap();
        let mut model = Model::new();
        apply(&mut model, &changes(&(vec![(0, Some(1))], None)));
        let mut models = vec![model.clone()];
        for (version, block) in (1u64..).zip(&blocks) {
            apply(&mut model, &changes(block));
            models.push(model.clone());
            commit_block(&store, version, block);
        }
        let view = store.view();
        for (version, model) in (0u64..).zip(models) {
            let (mut walk, mut found, mut last) = (view.walk(version).unwrap(), Model::new(), None);
            while let Some(entry) = walk.next_entry().unwrap() {
                prop_assert!(last.is_none_or(|last| last < entry.hash.0));
                last = Some(entry.hash.0);
                found.insert(entry.key, entry.value);
            }
            prop_assert_eq!(found, model, "version {}", version);
        }
    }
}

#[test]
fn a_genesis_and_a_version_without_one_before_it_stay() {
    let (_dir, store) = started();
    assert!(reason(store.rollback(&[]).unwrap_err()).contains("genesis"));
    for version in 1..=6 {
        commit(&store, version, writes(&[("account/a", Some(&version.to_string()))]));
    }
    store.keep_from(4).unwrap();
    prune(&store, 100);
    assert_eq!(store.rollback(&[]).unwrap().version, 5);
    assert_eq!(store.rollback(&[]).unwrap().version, 4);
    let before = dump(&store.database());
    assert!(reason(store.rollback(&[]).unwrap_err()).contains("not kept"));
    assert_eq!(dump(&store.database()), before, "a refusal writes nothing");
    // The state is whole: it is read, proven, written and pruned like any other.
    assert_eq!(store.view().get(b"account/a").unwrap(), Some(b"4".to_vec()));
    assert_eq!(store.prove(b"account/a", 4).unwrap().value, Some(b"4".to_vec()));
    commit(&store, 5, writes(&[("account/a", Some("again"))]));
    commit(&store, 6, writes(&[("account/b", None)]));
    store.keep_from(5).unwrap();
    prune(&store, 100);
    assert_eq!(store.view().kept().unwrap(), Some(5..=6));
    let empty = tempfile::tempdir().unwrap();
    let store = Store::open(empty.path()).unwrap();
    assert!(matches!(store.before_last(), Err(StoreError::NoGenesis)));
}

#[test]
fn a_version_that_deleted_a_chunk_stays() {
    let (_dir, store) = started();
    let (bytes, hash) = (chunk(3), ChunkHash::of(&chunk(3)));
    commit_block(&store, 1, &(vec![], Some(3)));
    let mut gone = writes(&[("account/a", Some("9"))]);
    gone.writes.insert(path::blob(&hash), None);
    gone.blobs.insert(hash, None);
    commit(&store, 2, gone);
    let before = dump(&store.database());
    assert!(reason(store.rollback(&[]).unwrap_err()).contains(&hash.to_string()));
    assert_eq!(dump(&store.database()), before, "a refusal writes nothing");
    // One that brings the chunk back takes it away again, and the deletion below it still stays.
    commit_block(&store, 3, &(vec![], Some(3)));
    assert_eq!(store.blob(&hash).unwrap(), Some(bytes));
    store.rollback(&[]).unwrap();
    assert_eq!((store.blob(&hash).unwrap(), store.version()), (None, Some(2)));
}

#[test]
fn a_restored_state_has_no_version_before_its_own() {
    let (dir, store) = started();
    commit(&store, 1, writes(&[("account/a", Some("5"))]));
    let folder = Folder::new(dir.path().join("snapshots"));
    let spec = Spec { chain_id: "c-1".into(), app_version: 1, chunk_bytes: 1 << 20 };
    let made = folder.make(&store.view(), &spec, &mut |_| true).unwrap();
    let other = tempfile::tempdir().unwrap();
    let state = other.path().join("state");
    let mut restore =
        crate::snapshot::Restore::open(&state, made.manifest.clone(), made.manifest.app_hash).unwrap();
    for index in 0..made.manifest.count() {
        restore.apply(index, &made.chunk(index).unwrap()).unwrap();
    }
    restore.finish().unwrap().install().unwrap();
    let restored = Store::open(&state).unwrap();
    assert!(reason(restored.before_last().unwrap_err()).contains("not kept"));
    commit(&restored, 2, writes(&[("account/a", None)]));
    assert_eq!(restored.rollback(&[]).unwrap().root, store.root().unwrap());
    assert_eq!(restored.database().get(META, META_BASE).unwrap(), Some(1u64.to_be_bytes().to_vec()));
}
