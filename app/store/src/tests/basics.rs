//! Open, genesis, commit, reopen; and everything that must be refused.

use super::*;
use crate::layout::{BLOBS, META_FORMAT, META_TIP, NODES};
use crate::{Read, ReadExt, StoreError};
use assay_types::hash::ChunkHash;
use assay_types::limits::{MAX_KEY_BYTES, MAX_VALUE_BYTES};
use rocksdb::WriteBatch;

/// Changes one column family behind the store's back.
fn tamper(dir: &TempDir, family: &'static str, key: &[u8], value: Option<&[u8]>) {
    let database = Database::open(dir.path()).unwrap();
    let mut batch = WriteBatch::default();
    match value {
        Some(value) => batch.put_cf(database.family(family).unwrap(), key, value),
        None => batch.delete_cf(database.family(family).unwrap(), key),
    }
    database.write(batch).unwrap();
}

/// A root's path is empty, so its key is the first of its version's.
fn root_key(database: &Database, version: u64) -> Vec<u8> {
    let nodes = database.iterate(NODES, database::range(&version.to_be_bytes(), None)).unwrap();
    database::entries(nodes, 1).unwrap().remove(0).0
}

#[test]
fn an_empty_store_has_no_version_and_the_empty_root() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&dir.path().join("made/on/the/way")).unwrap();
    assert_eq!(store.version(), None);
    assert_eq!(store.root().unwrap().0, *b"SPARSE_MERKLE_PLACEHOLDER_HASH__");
    assert_eq!(store.view().tip().unwrap(), None);
    assert!(matches!(store.stage(1, Changes::default()), Err(StoreError::NoGenesis)));
    assert!(matches!(store.prove(b"key", 0), Err(StoreError::NoGenesis)));
}

#[test]
fn a_repeated_genesis_leaves_nothing_of_the_one_before() {
    let (_dir, store) = started();
    let first = store.root().unwrap();
    let other = writes(&[("account/c", Some("3"))]);
    let second = store.genesis(other.clone()).unwrap();
    assert_ne!(first, second);
    assert_eq!(store.view().get(b"account/a").unwrap(), None);
    let fresh = tempfile::tempdir().unwrap();
    let fresh = Store::open(fresh.path()).unwrap();
    assert_eq!(fresh.genesis(other).unwrap(), second);
    let (ours, theirs) = (store.view(), fresh.view());
    assert_eq!(ours.scan(b"", None, 10).unwrap(), theirs.scan(b"", None, 10).unwrap());
}

#[test]
fn the_same_genesis_twice_gives_the_same_root_and_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let genesis = || writes(&[("account/a", Some("1")), ("params", Some("p"))]);
    let store = Store::open(dir.path()).unwrap();
    let first = store.genesis(genesis()).unwrap();
    drop(store);
    let before = dump(&Database::open(dir.path()).unwrap());
    let store = Store::open(dir.path()).unwrap();
    assert_eq!(store.genesis(genesis()).unwrap(), first);
    drop(store);
    assert_eq!(dump(&Database::open(dir.path()).unwrap()), before);
}

#[test]
fn a_genesis_after_a_block_is_refused() {
    let (_dir, store) = started();
    let root = commit(&store, 1, writes(&[("account/a", Some("0"))]));
    let refusal = store.genesis(Changes::default());
    assert!(matches!(refusal, Err(StoreError::GenesisTooLate { version: 1 })));
    assert_eq!((store.version(), store.root().unwrap()), (Some(1), root));
}

#[test]
fn a_gap_and_a_repetition_of_versions_are_refused() {
    let (_dir, store) = started();
    commit(&store, 1, Changes::default());
    for version in [0, 1, 3, u64::MAX] {
        let refusal = store.stage(version, Changes::default());
        assert!(matches!(refusal, Err(StoreError::VersionGap { expected: 2, got }) if got == version));
    }
    let (first, second) =
        (store.stage(2, Changes::default()).unwrap(), store.stage(2, Changes::default()).unwrap());
    store.commit(first, Vec::new()).unwrap();
    assert!(matches!(store.commit(second, Vec::new()), Err(StoreError::VersionGap { expected: 3, got: 2 })));
}

#[test]
fn a_block_staged_on_another_parent_is_refused() {
    let (_one, ours) = started();
    let (_two, theirs) = started();
    commit(&ours, 1, writes(&[("x", Some("ours"))]));
    commit(&theirs, 1, writes(&[("x", Some("theirs"))]));
    let staged = theirs.stage(2, writes(&[("y", Some("1"))])).unwrap();
    assert!(matches!(ours.commit(staged, Vec::new()), Err(StoreError::OtherParent { .. })));
    assert_eq!(ours.version(), Some(1));
}

#[test]
fn a_missing_or_different_parent_root_is_refused() {
    let (dir, store) = started();
    commit(&store, 1, writes(&[("x", Some("1"))]));
    drop(store);
    let database = Database::open(dir.path()).unwrap();
    let root_key = root_key(&database, 1);
    let root = database.get(NODES, &root_key).unwrap().unwrap();
    drop(database);

    tamper(&dir, NODES, &root_key, None);
    assert!(matches!(Store::open(dir.path()), Err(StoreError::MissingRoot { version: 1 })));
    tamper(&dir, NODES, &root_key, Some(&root));
    assert!(Store::open(dir.path()).is_ok());
    tamper(&dir, META, META_TIP, Some(&[[0; 7].as_slice(), &[1], &[9; 32]].concat()));
    assert!(matches!(Store::open(dir.path()), Err(StoreError::Corrupt(_))));
    tamper(&dir, META, META_TIP, Some(b"short"));
    assert!(matches!(Store::open(dir.path()), Err(StoreError::Corrupt(_))));
}

#[test]
fn a_root_lost_while_the_store_is_open_stops_the_next_block() {
    let (_dir, store) = started();
    let staged = store.stage(1, writes(&[("x", Some("1"))])).unwrap();
    let database = store.view().database();
    let mut batch = WriteBatch::default();
    batch.delete_cf(database.family(NODES).unwrap(), root_key(&database, 0));
    database.write(batch).unwrap();
    assert!(matches!(store.stage(1, Changes::default()), Err(StoreError::MissingRoot { version: 0 })));
    assert!(matches!(store.commit(staged, Vec::new()), Err(StoreError::MissingRoot { version: 0 })));
}

#[test]
fn a_reopened_store_is_where_it_was() {
    let (dir, store) = started();
    let chunk = vec![7; 100_000];
    let hash = ChunkHash::of(&chunk);
    let mut changes = writes(&[("account/a", None), ("x", Some("1"))]);
    changes.blobs.insert(hash, Some(chunk.clone()));
    let staged = store.stage(1, changes).unwrap();
    let index = vec![(b"height/1".to_vec(), b"one".to_vec()), (b"height/2".to_vec(), b"two".to_vec())];
    let committed = store.commit(staged, index).unwrap();
    drop(store);
    let store = Store::open(dir.path()).unwrap();
    assert_eq!((store.version(), store.root().unwrap()), (Some(1), committed.root));
    assert_eq!(store.view().tip().unwrap(), Some((1, committed.root)));
    assert_eq!(store.view().get(b"account/a").unwrap(), None);
    assert_eq!(store.view().get(b"x").unwrap(), Some(b"1".to_vec()));
    assert_eq!(store.blob(&hash).unwrap(), Some(chunk));
    assert_eq!(store.index_get(b"height/1").unwrap(), Some(b"one".to_vec()));
    assert_eq!(store.index_scan(b"height/", Some(b"height/1"), 9).unwrap().len(), 1);
    assert_eq!(store.index_scan(b"height/", None, 1).unwrap()[0].0, b"height/1");
}

#[test]
fn a_staged_block_leaves_no_trace() {
    let (dir, store) = started();
    let before = dump(&store.view().database());
    let mut changes = writes(&[("x", Some("1")), ("account/a", None)]);
    changes.blobs.insert(ChunkHash::of(b"chunk"), Some(b"chunk".to_vec()));
    let staged = store.stage(1, changes).unwrap();
    assert_eq!(dump(&store.view().database()), before);
    drop(staged);
    drop(store);
    assert_eq!(dump(&Database::open(dir.path()).unwrap()), before);
}

#[test]
fn a_view_does_not_see_later_commits() {
    let (_dir, store) = started();
    let view = store.view();
    commit(
        &store,
        1,
        writes(&[("account/a", Some("changed")), ("account/new", Some("1")), ("params", None)]),
    );
    assert_eq!(view.tip().unwrap().unwrap().0, 0);
    assert_eq!(view.get(b"account/a").unwrap(), Some(b"1".to_vec()));
    assert_eq!(view.get(b"params").unwrap(), Some(b"p".to_vec()));
    assert_eq!(view.scan(b"account/", None, 9).unwrap().len(), 2);
    assert_eq!(store.view().scan(b"account/", None, 9).unwrap().len(), 3);
    drop(store);
    assert_eq!(view.get(b"account/b").unwrap(), Some(b"2".to_vec()), "a view outlives its store");
}

#[test]
fn a_second_handle_on_the_directory_is_refused_with_what_to_do() {
    let (dir, store) = started();
    let refusal = Store::open(dir.path()).err().unwrap();
    assert!(matches!(refusal, StoreError::Locked { .. }), "{refusal}");
    assert!(refusal.to_string().contains("another process uses"));
    drop(store);
    assert!(Store::open(dir.path()).is_ok());
}

#[test]
fn another_format_is_refused() {
    let (dir, store) = started();
    drop(store);
    tamper(&dir, META, META_FORMAT, Some(&1u32.to_be_bytes()));
    let refusal = Store::open(dir.path()).err().unwrap();
    assert!(matches!(&refusal, StoreError::Format { found, .. } if found == "format 1"), "{refusal}");
}

#[test]
fn content_without_a_format_is_refused() {
    let (dir, store) = started();
    let database = store.view().database();
    let mut batch = WriteBatch::default();
    batch.delete_cf(database.family(META).unwrap(), META_FORMAT);
    database.write(batch).unwrap();
    drop((store, database));
    assert!(matches!(Store::open(dir.path()), Err(StoreError::Format { .. })));
}

#[test]
fn a_foreign_database_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let mut options = rocksdb::Options::default();
    options.create_if_missing(true);
    options.create_missing_column_families(true);
    drop(rocksdb::DB::open_cf(&options, dir.path(), ["state"]).unwrap());
    assert!(matches!(Store::open(dir.path()), Err(StoreError::Format { .. })));
}

#[test]
fn a_damaged_blob_is_detected() {
    let (dir, store) = started();
    let chunk = vec![3; 50_000];
    let hash = ChunkHash::of(&chunk);
    let mut changes = Changes::default();
    changes.blobs.insert(hash, Some(chunk.clone()));
    commit(&store, 1, changes);
    drop(store);
    let mut damaged = chunk;
    damaged[4321] ^= 1;
    tamper(&dir, BLOBS, hash.as_bytes(), Some(&damaged));
    let store = Store::open(dir.path()).unwrap();
    assert!(matches!(store.blob(&hash), Err(StoreError::Corrupt(_))));
    assert!(matches!(store.view().blob(&hash), Err(StoreError::Corrupt(_))));
    assert_eq!(store.blob(&ChunkHash::of(b"never put")).unwrap(), None);
}

#[test]
fn what_could_not_be_proven_is_refused() {
    let (_dir, store) = started();
    let one =
        |key: Vec<u8>, value: Vec<u8>| Changes { writes: [(key, Some(value))].into(), ..Changes::default() };
    let bad = [
        one(vec![], vec![1]),
        one(vec![1], vec![]),
        one(vec![1; MAX_KEY_BYTES + 1], vec![1]),
        one(vec![1], vec![1; MAX_VALUE_BYTES + 1]),
    ];
    for changes in bad {
        assert!(matches!(store.stage(1, changes), Err(StoreError::BadEntry { .. })));
    }
    assert!(store.stage(1, one(vec![1; MAX_KEY_BYTES], vec![1; MAX_VALUE_BYTES])).is_ok());
    let mut lie = Changes::default();
    lie.blobs.insert(ChunkHash::of(b"one"), Some(b"two".to_vec()));
    assert!(matches!(store.stage(1, lie), Err(StoreError::BlobHash { .. })));
}

#[test]
fn records_are_read_strictly() {
    let (_dir, store) = started();
    let mut changes = writes(&[("short", Some("abc")), ("long", Some("123456789"))]);
    changes.writes.insert(b"right".to_vec(), Some(77u64.to_le_bytes().to_vec()));
    commit(&store, 1, changes);
    let view = store.view();
    assert_eq!(view.read::<u64>(b"right").unwrap(), Some(77));
    assert_eq!(view.read::<u64>(b"missing").unwrap(), None);
    for key in [b"short".as_slice(), b"long"] {
        assert!(matches!(view.read::<u64>(key), Err(StoreError::Record { .. })));
    }
}

#[test]
fn chunks_that_are_deleted_give_their_place_back() {
    let (_dir, store) = started();
    // Bytes that do not compress.
    let chunk = |number: u64| -> Vec<u8> {
        let block = |at: u64| Sha256::digest([number.to_be_bytes(), at.to_be_bytes()].concat()).to_vec();
        (0..4096).flat_map(block).collect()
    };
    let hashes: Vec<ChunkHash> = (0..24).map(|number| ChunkHash::of(&chunk(number))).collect();
    let mut changes = Changes::default();
    changes.blobs.extend(hashes.iter().copied().zip((0..24).map(|number| Some(chunk(number)))));
    commit(&store, 1, changes);
    store.compact().unwrap();
    let bytes = || store.disk().unwrap().iter().find(|family| family.name == "blobs").unwrap().bytes;
    let before = bytes();
    assert!(before > 24 * 128 * 1024, "{before}");
    let view = store.view();
    let mut changes = Changes::default();
    changes.blobs.extend(hashes.iter().map(|hash| (*hash, None)));
    // A later change of the same block counts.
    let mut back = Changes::default();
    back.blobs.insert(hashes[0], Some(chunk(0)));
    changes.absorb(back);
    commit(&store, 2, changes);
    assert_eq!(store.blob(&hashes[0]).unwrap(), Some(chunk(0)));
    assert!(hashes[1..].iter().all(|hash| store.blob(hash).unwrap().is_none()));
    assert_eq!(view.blob(&hashes[1]).unwrap(), Some(chunk(1)));
    drop(view);
    store.compact().unwrap();
    assert!(bytes() < before / 4, "{} of {before}", bytes());
}
