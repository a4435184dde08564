//! A snapshot gives the same state on another machine: whatever it holds, however often the process dies.

use super::*;
use crate::snapshot::{Applied, Chunk, Folder, Made, Making, Restore, SnapshotError, Spec, export, import};
use crate::{Read, StoreError, View};
use assay_types::hash::ChunkHash;
use assay_types::path;
use assay_types::proof::verify_existence;
use proptest::prelude::*;
use std::path::Path;

/// Chunks so small that a small state has many.
pub(super) fn spec(chunk_bytes: usize) -> Spec {
    Spec { chain_id: "c-1".into(), app_version: 1, chunk_bytes }
}

/// Room for a proof and some entries.
pub(super) const SMALL: usize = 19_500;

pub(super) fn make(folder: &Path, view: &View, chunk_bytes: usize) -> Result<Made, SnapshotError> {
    Folder::new(folder).make(view, &spec(chunk_bytes), &mut |_| true)
}

/// A state with values of many sizes, deletions, old versions and model chunks, at this height.
pub(super) fn grown(height: u64) -> (TempDir, Store) {
    let (dir, store) = started();
    for version in 1..=height {
        let mut changes = writes(&[("counter", Some(&version.to_string()))]);
        for i in 0..40u64 {
            let value = vec![i as u8 + 1; 1 + (i * i % 900) as usize];
            changes.writes.insert(format!("own/{version:05}/{i}").into_bytes(), Some(value));
            if version > 2 && i % 3 == 0 {
                changes.writes.insert(format!("own/{:05}/{i}", version - 2).into_bytes(), None);
            }
        }
        let blob = vec![version as u8; 3_000 + version as usize];
        let hash = ChunkHash::of(&blob);
        changes.writes.insert(path::blob(&hash), Some(vec![1]));
        changes.blobs.insert(hash, Some(blob));
        commit(&store, version, changes);
    }
    (dir, store)
}

pub(super) fn restore_all(state: &Path, made: &Made) -> Result<Restore, SnapshotError> {
    let mut restore = Restore::open(state, made.manifest.clone(), made.manifest.app_hash)?;
    for index in restore.next()..made.manifest.count() {
        assert_eq!(restore.apply(index, &made.chunk(index)?)?, Applied::Now);
    }
    Ok(restore)
}

/// The logical content: what a block can read.
fn content(store: &Store) -> (Vec<Entry>, Vec<Vec<u8>>) {
    let view = store.view();
    let entries = view.scan(b"", None, usize::MAX).unwrap();
    let hashes = entries.iter().filter_map(|(key, _)| key.strip_prefix(b"blob/"));
    let hashes = hashes.map(|hash| std::str::from_utf8(hash).unwrap().parse::<ChunkHash>().unwrap());
    let blobs = hashes.map(|hash| view.blob(&hash).unwrap().unwrap()).collect();
    (entries, blobs)
}

/// Two stores write the same blocks from here on and agree on every root.
fn goes_on_equally(a: &Store, b: &Store, blocks: u64) {
    let height = a.version().unwrap();
    assert_eq!((b.version(), b.root().unwrap()), (Some(height), a.root().unwrap()));
    let keys: Vec<Vec<u8>> = content(a).0.into_iter().map(|(key, _)| key).collect();
    for step in 1..=blocks {
        let mut changes = writes(&[("counter", Some(&step.to_string())), ("new", None)]);
        for (index, key) in keys.iter().enumerate().filter(|(index, _)| *index as u64 % 7 == step % 7) {
            let value = (index % 2 == 0).then(|| vec![step as u8; 20]);
            if !key.starts_with(b"blob/") {
                changes.writes.insert(key.clone(), value);
            }
        }
        let roots = [a, b].map(|store| commit(store, height + step, changes.clone()));
        assert_eq!(roots[0], roots[1], "block {step} after the snapshot");
    }
    assert_eq!(content(a), content(b));
}

#[test]
fn a_restored_state_is_the_same_and_its_next_fifty_blocks_too() {
    let (dir, store) = grown(6);
    let made = make(&dir.path().join("snapshots"), &store.view(), SMALL).unwrap();
    assert!(made.manifest.count() > 10, "{} chunks", made.manifest.count());
    let state = dir.path().join("other/app.db");
    std::fs::create_dir(dir.path().join("other")).unwrap();
    let committed = restore_all(&state, &made).unwrap().finish().unwrap().install().unwrap();
    assert_eq!((committed.version, committed.root), (6, store.root().unwrap()));
    let restored = Store::open(&state).unwrap();
    assert_eq!(content(&restored), content(&store));
    for (key, value) in content(&store).0.into_iter().take(50) {
        let proven = restored.prove(&key, 6).unwrap();
        assert_eq!(proven.value.as_ref(), Some(&value));
        verify_existence(&proven.root, &key, &value, &proven.proof).unwrap();
    }
    goes_on_equally(&store, &restored, 50);
    // The old one still proves what the new one has no history of.
    assert!(store.prove(b"counter", 3).is_ok());
    assert!(matches!(restored.prove(b"counter", 3), Err(StoreError::UnknownVersion { version: 3, .. })));
    assert!(!state.with_file_name("app.db.restore").exists());
}

#[test]
fn a_restore_that_dies_after_every_chunk_goes_on_with_the_next() {
    let (dir, store) = grown(5);
    let made = make(&dir.path().join("snapshots"), &store.view(), SMALL).unwrap();
    let state = dir.path().join("new.db");
    for index in 0..made.manifest.count() {
        // Dropped without an end, as a process that dies: what is written is written.
        let mut restore = Restore::open(&state, made.manifest.clone(), made.manifest.app_hash).unwrap();
        assert_eq!(restore.next(), index);
        if index > 0 {
            let before = made.chunk(index - 1).unwrap();
            assert_eq!(restore.apply(index - 1, &before).unwrap(), Applied::Before);
        }
        assert_eq!(restore.apply(index, &made.chunk(index).unwrap()).unwrap(), Applied::Now);
    }
    let restore = Restore::open(&state, made.manifest.clone(), made.manifest.app_hash).unwrap();
    restore.finish().unwrap().install().unwrap();
    goes_on_equally(&store, &Store::open(&state).unwrap(), 3);
}

#[test]
fn a_restore_of_another_snapshot_begins_anew() {
    let (dir, store) = grown(4);
    let first = make(&dir.path().join("snapshots"), &store.view(), SMALL).unwrap();
    let state = dir.path().join("new.db");
    let mut restore = Restore::open(&state, first.manifest.clone(), first.manifest.app_hash).unwrap();
    restore.apply(0, &first.chunk(0).unwrap()).unwrap();
    drop(restore);
    commit(&store, 5, writes(&[("counter", Some("5"))]));
    let second = make(&dir.path().join("snapshots"), &store.view(), SMALL).unwrap();
    let restore = restore_all(&state, &second).unwrap();
    restore.finish().unwrap().install().unwrap();
    goes_on_equally(&store, &Store::open(&state).unwrap(), 2);
}

#[test]
fn a_store_adopts_a_restored_state_on_every_handle_and_finishes_a_swap_that_was_cut() {
    let (dir, store) = grown(4);
    let made = make(&dir.path().join("snapshots"), &store.view(), SMALL).unwrap();
    let state = dir.path().join("live.db");
    let (live, restore) = (Store::open(&state).unwrap(), restore_all(&state, &made).unwrap());
    let other = live.clone();
    let restored = restore.finish().unwrap();
    assert_eq!(live.adopt(restored).unwrap().version, 4);
    goes_on_equally(&store, &other, 2);
    drop((live, other));
    // A process that dies right after the last chunk: the next opening finds the new state.
    let (dir, store) = grown(7);
    let made = make(&dir.path().join("snapshots"), &store.view(), SMALL).unwrap();
    drop(restore_all(&state, &made).unwrap().finish().unwrap());
    let opened = Store::open(&state).unwrap();
    assert_eq!(opened.version(), Some(7));
    goes_on_equally(&store, &opened, 2);
}

#[test]
fn somebody_who_keeps_a_view_is_not_robbed_of_it() {
    let (dir, store) = grown(2);
    let made = make(&dir.path().join("snapshots"), &store.view(), SMALL).unwrap();
    let state = dir.path().join("live.db");
    let live = Store::open(&state).unwrap();
    let restored = restore_all(&state, &made).unwrap().finish().unwrap();
    let view = live.view();
    let reader = std::thread::spawn(move || {
        std::thread::sleep(std::time::Duration::from_millis(200));
        view.tip().unwrap()
    });
    assert_eq!(live.adopt(restored).unwrap().version, 2);
    assert_eq!(reader.join().unwrap(), None);
}

#[test]
fn commits_go_on_while_a_snapshot_is_made_and_do_not_show_in_it() {
    let (dir, store) = grown(5);
    let (view, root) = (store.view(), store.root().unwrap());
    let mut height = 5;
    let folder = Folder::new(dir.path().join("snapshots"));
    let made = folder
        .make(&view, &spec(SMALL), &mut |_| {
            height += 1;
            commit(&store, height, writes(&[("counter", Some(&height.to_string())), ("params", None)]));
            true
        })
        .unwrap();
    assert!(height > 10);
    assert_eq!((made.manifest.height, made.manifest.app_hash), (5, root));
    let state = dir.path().join("new.db");
    restore_all(&state, &made).unwrap().finish().unwrap().install().unwrap();
    let restored = Store::open(&state).unwrap();
    assert_eq!(restored.view().get(b"counter").unwrap(), Some(b"5".to_vec()));
}

#[test]
fn a_folder_has_whole_snapshots_only_and_keeps_the_latest() {
    let (dir, store) = grown(3);
    let path = dir.path().join("snapshots");
    let folder = Folder::new(&path);
    assert_eq!(folder.heights().unwrap(), Vec::<u64>::new());
    let mut heard = Vec::new();
    let mut until_second = |making: Making| {
        heard.push(making);
        heard.len() < 2
    };
    let stopped = folder.make(&store.view(), &spec(SMALL), &mut until_second);
    assert!(matches!(stopped, Err(SnapshotError::Stopped)));
    assert!(heard[1].entries > heard[0].entries && heard[1].of > heard[1].entries, "{heard:?}");
    assert!(folder.heights().unwrap().is_empty() && std::fs::read_dir(&path).unwrap().next().is_none());
    // What a process that died has left.
    std::fs::create_dir(path.join(".3.new")).unwrap();
    std::fs::write(path.join(".3.new/000000.chunk"), "half").unwrap();
    assert!(folder.heights().unwrap().is_empty());
    folder.clean().unwrap();
    for height in 3..=6 {
        make(&path, &store.view(), SMALL).unwrap();
        commit(&store, height + 1, writes(&[("counter", Some("x"))]));
    }
    assert_eq!(folder.heights().unwrap(), [6, 5, 4, 3]);
    assert_eq!(folder.retain(2).unwrap(), [4, 3]);
    folder.remove(6).unwrap();
    assert!(matches!(folder.remove(6), Err(SnapshotError::NoHeight(6))));
    assert!(matches!(folder.get(6), Err(SnapshotError::NoHeight(6))));
    assert_eq!((folder.heights().unwrap(), folder.get(5).unwrap().manifest.height), (vec![5], 5));
    let damaged = folder.get(5).unwrap();
    std::fs::write(damaged.path.join("000001.chunk"), "damaged").unwrap();
    assert!(damaged.chunk(0).is_ok() && damaged.chunk(1).is_err());
}

#[test]
fn one_snapshot_of_a_height_and_none_of_nothing() {
    let (dir, store) = grown(1);
    let path = dir.path().join("snapshots");
    make(&path, &store.view(), SMALL).unwrap();
    assert!(matches!(make(&path, &store.view(), SMALL), Err(SnapshotError::Exists(1))));
    let empty = tempfile::tempdir().unwrap();
    let store = Store::open(empty.path()).unwrap();
    assert!(matches!(make(&path, &store.view(), SMALL), Err(SnapshotError::Store(StoreError::NoGenesis))));
    store.genesis(Changes::default()).unwrap();
    commit(&store, 1, Changes::default());
    let other = dir.path().join("other");
    assert!(matches!(
        make(&other, &store.view(), SMALL),
        Err(SnapshotError::Store(StoreError::EmptyTree { version: 1 }))
    ));
    assert!(Folder::new(other).heights().unwrap().is_empty());
}

#[test]
fn a_snapshot_travels_in_one_file() {
    let (dir, store) = grown(3);
    let made = make(&dir.path().join("snapshots"), &store.view(), SMALL).unwrap();
    let (mut file, mut told) = (Vec::new(), 0);
    export(&made, &mut file, &mut |chunk| told = chunk).unwrap();
    assert_eq!(told, made.manifest.count());
    let mut rest = file.as_slice();
    assert_eq!(import(&mut rest).unwrap(), made.manifest);
    assert_eq!(rest.len() as u64, made.manifest.bytes());
    for index in 0..made.manifest.count() {
        let (chunk, after) = rest.split_at(made.manifest.chunk(index).unwrap().bytes as usize);
        assert_eq!(chunk, made.chunk(index).unwrap());
        rest = after;
    }
    for length in [0, 5, 17, 20, 21, 40, file.len().min(60)] {
        assert!(import(&mut &file[..length]).is_err(), "{length} bytes");
    }
    file[20] ^= 1;
    assert!(import(&mut file.as_slice()).is_err());
}

#[test]
fn a_model_chunk_that_is_gone_is_not_left_out_in_silence() {
    let (dir, store) = started();
    commit(
        &store,
        1,
        Changes { writes: [(path::blob(&ChunkHash([7; 32])), Some(vec![1]))].into(), ..Changes::default() },
    );
    let error = make(&dir.path().join("snapshots"), &store.view(), SMALL).unwrap_err();
    assert!(matches!(error, SnapshotError::Store(StoreError::Corrupt(_))), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_history_and_any_size_of_chunks_give_the_root_by_definition(
        blocks in proptest::collection::vec(
            proptest::collection::btree_map("[a-e]{1,3}", proptest::option::of("[x-z]{1,40}"), 0..30), 1..6),
        room in 0..2_000usize,
    ) {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("app.db")).unwrap();
        let mut model = Model::new();
        let genesis = writes(&[("first", Some("1"))]);
        apply(&mut model, &genesis);
        store.genesis(genesis).unwrap();
        for (block, height) in blocks.iter().zip(1..) {
            let entries: Vec<_> =
                block.iter().map(|(key, value)| (key.as_str(), value.as_deref())).collect();
            let changes = writes(&entries);
            apply(&mut model, &changes);
            commit(&store, height, changes);
        }
        let made = make(&dir.path().join("s"), &store.view(), 16_800 + room).unwrap();
        prop_assert_eq!(made.manifest.app_hash, root_by_definition(&model));
        let state = dir.path().join("new.db");
        restore_all(&state, &made).unwrap().finish().unwrap().install().unwrap();
        let restored = Store::open(&state).unwrap();
        prop_assert_eq!(restored.root().unwrap(), root_by_definition(&model));
        prop_assert_eq!(content(&restored), content(&store));
        let keys: usize = (0..made.manifest.count()).map(|index| {
            let info = made.manifest.chunk(index).unwrap();
            match Chunk::decode(index, info, &made.chunk(index).unwrap()).unwrap() {
                Chunk::State { entries, .. } => entries.len(),
                Chunk::Blobs(_) => 0,
            }
        }).sum();
        prop_assert_eq!(keys, model.len());
    }
}
