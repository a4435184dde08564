//! A process killed at any instant leaves exactly some committed version.
//!
//! The killed process is this test binary again, told its directory by an environment variable. SIGKILL shows that
//! a batch is atomic and that what was acknowledged is there; it does not show what a power cut does to a disk that
//! lies about `fsync`.

use super::*;
use crate::Read;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

/// Names the directory in which the process that is killed works; unset in the test itself.
const KILLED_DIR: &str = "ASSAY_STORE_TEST_KILLED_DIR";

/// What every version writes: one key again and again, some of its own, some deletions, a blob, an index
/// entry.
fn block(height: u64) -> (Changes, Vec<Entry>) {
    let mut changes = writes(&[("counter", Some(&height.to_string()))]);
    for i in 0..30 {
        changes.writes.insert(format!("own/{height:05}/{i}").into_bytes(), Some(vec![i + 1; 64]));
        if height > 3 && i % 2 == 0 {
            changes.writes.insert(format!("own/{:05}/{i}", height - 3).into_bytes(), None);
        }
    }
    let chunk = vec![height as u8; 40_000];
    changes.blobs.insert(assay_types::hash::ChunkHash::of(&chunk), Some(chunk));
    (changes, vec![(format!("height/{height:05}").into_bytes(), height.to_be_bytes().to_vec())])
}

/// The body of the process that is killed: commits these blocks until that happens.
fn commit_until_killed(store: &Store, block: impl Fn(u64) -> (Changes, Vec<Entry>)) {
    if store.version().is_none() {
        store.genesis(Changes::default()).unwrap();
    }
    let start = store.version().unwrap() + 1;
    // Far more than it lives for; a bound, lest it outlives a failed parent.
    for height in start..start + 20_000 {
        let (changes, index) = block(height);
        let staged = store.stage(height, changes).unwrap();
        store.commit(staged, index).unwrap();
        println!("committed {height}");
        std::io::stdout().flush().unwrap();
    }
}

/// Heights that the pruning process keeps.
const WINDOW: u64 = 4;

/// The same with a thread that prunes behind it, in small steps so that many are cut short.
fn commit_and_prune_until_killed(store: &Store) {
    let pruning = store.clone();
    std::thread::spawn(move || {
        let mut pruner = pruning.pruner();
        loop {
            match pruning.version() {
                Some(version) => pruning.keep_from(version.saturating_sub(WINDOW)).unwrap(),
                None => continue,
            };
            pruner.step(3).unwrap();
        }
    });
    commit_until_killed(store, block);
}

/// Runs the process until it has committed `blocks` more, kills it, and gives the last height it told of.
fn run_and_kill(dir: &std::path::Path, test: &str, blocks: usize, further_micros: u64) -> u64 {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &format!("tests::crash::{test}"), "--nocapture"])
        .env(KILLED_DIR, dir)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut told = 0;
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let height_of =
        |line: String| line.rsplit_once("committed ").map(|(_, height)| height.parse::<u64>().unwrap());
    for height in lines.by_ref().filter_map(height_of).take(blocks) {
        told = height;
    }
    std::thread::sleep(std::time::Duration::from_micros(further_micros));
    child.kill().unwrap();
    child.wait().unwrap();
    lines.filter_map(height_of).last().unwrap_or(told)
}

#[test]
#[allow(clippy::disallowed_methods, reason = "the environment tells the process to be killed from the test")]
fn a_killed_process_leaves_a_committed_version() {
    if let Some(dir) = std::env::var_os(KILLED_DIR) {
        return commit_until_killed(&Store::open(std::path::Path::new(&dir)).unwrap(), block);
    }
    let dir = tempfile::tempdir().unwrap();
    for round in 0..8u64 {
        // The kill falls at another point of the block each time: within staging, the batch, the sync.
        let told = run_and_kill(dir.path(), "a_killed_process_leaves_a_committed_version", 5, round * 700);
        assert!(told > 0);
        let store = Store::open(dir.path()).unwrap();
        let version = store.version().unwrap();
        assert!(version == told || version == told + 1, "told of {told}, found {version}");
        let mut model = Model::new();
        for height in 1..=version {
            apply(&mut model, &block(height).0);
        }
        assert_eq!(store.root().unwrap(), root_by_definition(&model));
        assert_eq!(store.view().scan(b"", None, usize::MAX).unwrap(), model.into_iter().collect::<Vec<_>>());
        assert_eq!(store.index_scan(b"height/", None, usize::MAX).unwrap().len() as u64, version);
        for height in 1..=version {
            let chunk = block(height).0.blobs.into_keys().next().unwrap();
            assert!(store.blob(&chunk).unwrap().is_some());
        }
        // And it goes on from there.
        let (changes, index) = block(version + 1);
        store.commit(store.stage(version + 1, changes).unwrap(), index).unwrap();
    }
}

#[test]
#[allow(clippy::disallowed_methods, reason = "the environment tells the process to be killed from the test")]
fn a_process_killed_while_it_prunes_has_lost_nothing_that_is_kept() {
    if let Some(dir) = std::env::var_os(KILLED_DIR) {
        return commit_and_prune_until_killed(&Store::open(std::path::Path::new(&dir)).unwrap());
    }
    let dir = tempfile::tempdir().unwrap();
    let name = "a_process_killed_while_it_prunes_has_lost_nothing_that_is_kept";
    let mut pruned = 0;
    for round in 0..8u64 {
        let told = run_and_kill(dir.path(), name, 12, round * 700);
        let store = Store::open(dir.path()).unwrap();
        let kept = store.view().kept().unwrap().unwrap();
        assert!(kept.contains(&told), "told of {told}, kept {kept:?}");
        let mut model = Model::new();
        for height in 0..=*kept.end() {
            apply(&mut model, &if height > 0 { block(height).0 } else { Changes::default() });
            if !kept.contains(&height) {
                continue;
            }
            let keys = (1..=*kept.end()).map(|own| format!("own/{own:05}/7").into_bytes());
            for key in keys.chain([b"counter".to_vec(), b"nobody".to_vec()]) {
                let value = store.view().get_at(&key, height).unwrap();
                assert_eq!(value.as_ref(), model.get(&key), "{height}");
                if height > 0 {
                    let proven = store.prove(&key, height).unwrap();
                    assert_eq!((proven.root, proven.value), (root_by_definition(&model), value));
                }
            }
        }
        pruned = *kept.start();
        // What was left undone is done now, and it goes on from there.
        prune::prune(&store, 50);
        assert_eq!(prune::count(&store, crate::layout::NODES), prune::reachable(&store).len());
        let (changes, index) = block(kept.end() + 1);
        store.commit(store.stage(kept.end() + 1, changes).unwrap(), index).unwrap();
    }
    assert!(pruned > 8 * WINDOW, "{pruned}");
}

/// As [`block`], and the chunk of the height two before goes.
fn block_without_older_chunks(height: u64) -> (Changes, Vec<Entry>) {
    let (mut changes, index) = block(height);
    if height > 2 {
        let older = block(height - 2).0.blobs.into_keys();
        changes.blobs.extend(older.map(|hash| (hash, None)));
    }
    (changes, index)
}

/// Commits, and gives the place of chunks back all the time.
fn commit_and_compact_until_killed(store: &Store) {
    let compacting = store.clone();
    std::thread::spawn(move || {
        loop {
            compacting.compact().unwrap()
        }
    });
    commit_until_killed(store, block_without_older_chunks);
}

#[test]
#[allow(clippy::disallowed_methods, reason = "the environment tells the process to be killed from the test")]
fn a_process_killed_while_chunks_give_their_place_back_has_every_other_chunk() {
    if let Some(dir) = std::env::var_os(KILLED_DIR) {
        return commit_and_compact_until_killed(&Store::open(std::path::Path::new(&dir)).unwrap());
    }
    let dir = tempfile::tempdir().unwrap();
    let name = "a_process_killed_while_chunks_give_their_place_back_has_every_other_chunk";
    for round in 0..6u64 {
        let told = run_and_kill(dir.path(), name, 8, round * 1100);
        let store = Store::open(dir.path()).unwrap();
        let version = store.version().unwrap();
        assert!(version == told || version == told + 1, "told of {told}, found {version}");
        let mut model = Model::new();
        for height in 1..=version {
            apply(&mut model, &block(height).0);
            let chunk = block(height).0.blobs.into_keys().next().unwrap();
            assert_eq!(store.blob(&chunk).unwrap().is_some(), height + 2 > version, "{height} at {version}");
        }
        assert_eq!(store.root().unwrap(), root_by_definition(&model));
        store.compact().unwrap();
        let bytes = store.disk().unwrap().iter().find(|family| family.name == "blobs").unwrap().bytes;
        assert!(bytes < 1_000_000, "{bytes}");
    }
}
