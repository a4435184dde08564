//! A state's life in small: every block reads what it writes, so that a wrong read leads to another root.

use super::*;
use crate::{Read, StoreError, View};
use assay_types::hash::ChunkHash;
use std::path::Path;

/// Heights for which a chunk stays.
const CHUNK_HEIGHTS: u64 = 3;

/// A chunk that compresses badly and is kept out of the sorted files.
pub(super) fn chunk(height: u64) -> Vec<u8> {
    let block = |at: u64| Sha256::digest([height.to_be_bytes(), at.to_be_bytes()].concat()).to_vec();
    (0..640).flat_map(block).collect()
}

/// What the block of a height changes, and its index entry.
pub(super) fn block(view: &View, height: u64) -> Result<(Changes, Vec<Entry>), StoreError> {
    let mut changes = Changes::default();
    for number in 0..6 {
        let key = format!("account/{}", (height + number * number) % 23).into_bytes();
        let before = view.get(&key)?.unwrap_or_default();
        let after = Sha256::digest([before.as_slice(), &height.to_be_bytes()].concat()).to_vec();
        changes.writes.insert(key, Some(after));
    }
    for number in 0..8 {
        changes.writes.insert(format!("own/{height:05}/{number}").into_bytes(), Some(vec![7; 200]));
        if number % 2 == 0 && height > CHUNK_HEIGHTS {
            changes.writes.insert(format!("own/{:05}/{number}", height - CHUNK_HEIGHTS).into_bytes(), None);
        }
    }
    changes.blobs.insert(ChunkHash::of(&chunk(height)), Some(chunk(height)));
    if height > CHUNK_HEIGHTS {
        changes.blobs.insert(ChunkHash::of(&chunk(height - CHUNK_HEIGHTS)), None);
    }
    Ok((changes, vec![(format!("height/{height:05}").into_bytes(), height.to_be_bytes().to_vec())]))
}

/// Commits the next block.
pub(super) fn live(store: &Store) -> Result<AppHash, StoreError> {
    let height = store.version().map_or(0, |version| version + 1);
    if height == 0 {
        return store.genesis(writes(&[("account/0", Some("0")), ("params", Some("p"))]));
    }
    let (changes, index) = block(&store.view(), height)?;
    Ok(store.commit(store.stage(height, changes)?, index)?.root)
}

/// The root of every height up to one.
pub(super) fn roots(until: u64) -> Vec<AppHash> {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    (0..=until).map(|_| live(&store).unwrap()).collect()
}

/// Whether every chunk is there that should be, with its bytes, and no other; and every key as in another store.
pub(super) fn compare(store: &Store, twin: &Store) -> Result<(), StoreError> {
    let newest = twin.version().unwrap();
    assert_eq!(store.version(), Some(newest));
    let [ours, theirs] = [store, twin].map(|store| store.view().scan(b"", None, usize::MAX));
    assert_eq!(ours?, theirs?);
    for height in 1..=newest {
        let stays = height + CHUNK_HEIGHTS > newest;
        let found = store.blob(&ChunkHash::of(&chunk(height)))?;
        assert_eq!(found, stays.then(|| chunk(height)), "the chunk of {height}");
    }
    let keys = ["account/3", "account/11", "own/00002/1", "own/00002/2", "params", "nobody"];
    let kept = store.view().kept()?.unwrap();
    for version in [*kept.start(), kept.start().midpoint(newest), newest] {
        for key in keys {
            let [ours, theirs] = [store, twin].map(|store| store.prove(key.as_bytes(), version));
            assert_eq!(ours?, theirs?, "{key} at {version}");
        }
    }
    let entries = store.index_scan(b"height/", None, usize::MAX)?;
    assert_eq!(entries.last().map(|(key, _)| key.clone()), Some(format!("height/{newest:05}").into_bytes()));
    Ok(())
}

/// Copies the files of a database, but for its lock and its log in words.
pub(super) fn copy(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let (path, name) = entry.map(|entry| (entry.path(), entry.file_name())).unwrap();
        if !name.to_string_lossy().starts_with("LO") {
            std::fs::copy(path, to.join(name)).unwrap();
        }
    }
}
