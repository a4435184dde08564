//! A process dies at every place of a genesis, a commit, of pruning and of giving place back; the next one ends what it
//! began, and the state is, byte for byte, that of one that never died.
//!
//! As in `snapshot_crash`, it is this test binary again, told its folder and its place by environment variables. What
//! it does is what a node does: blocks, each of which puts a chunk and takes one away, and behind them, as the node's
//! thread does it, the oldest height, the tree and the index.

use super::life::{self, live};
use super::*;
use crate::Pruner;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};

const DIR: &str = "ASSAY_STORE_TEST_DEATH_DIR";
const PLACE: &str = "ASSAY_STORE_TEST_DEATH_PLACE";
const ITSELF: &str = "tests::deaths::a_process_that_dies_anywhere_leaves_what_the_next_one_ends";
const HEIGHTS: u64 = 13;
/// Heights that are kept before the last one.
const WINDOW: u64 = 4;
/// The signal of a process that ended itself at a place; a panic would leave a status.
const ABORTED: i32 = 6;

/// Every place, and how often it is reached before the process dies there.
const PLACES: [(&str, u32); 23] = [
    ("genesis/filled", 1),
    ("genesis/written", 1),
    ("commit/checked", 1),
    ("commit/checked", 9),
    ("commit/filled", 1),
    ("commit/filled", 9),
    ("commit/written", 1),
    ("commit/written", 9),
    ("keep/filled", 1),
    ("keep/filled", 4),
    ("keep/written", 1),
    ("keep/written", 4),
    ("prune/filled", 1),
    ("prune/filled", 8),
    ("prune/written", 1),
    ("prune/written", 8),
    ("index/filled", 1),
    ("index/written", 1),
    ("index/written", 5),
    // The chunks' family is the fifth of seven.
    ("compact/flushed", 5),
    ("compact/flushed", 12),
    ("compact/compacted", 5),
    ("compact/compacted", 12),
];

/// One round of what the node's thread does; whether there is more to do.
fn forget(store: &Store, pruner: &mut Pruner) -> bool {
    let newest = store.version().unwrap();
    let oldest = store.keep_from(newest.saturating_sub(WINDOW)).unwrap();
    let more = pruner.step(5).unwrap().more;
    let first = store.index_scan(b"height/", None, 1).unwrap().pop();
    match first.filter(|(key, _)| *key < format!("height/{oldest:05}").into_bytes()) {
        Some((key, _)) => store.index_delete(&[key]).unwrap(),
        None => more,
    }
}

fn work(dir: &Path) {
    let store = Store::open(dir).unwrap();
    let mut pruner = store.pruner();
    while store.version() != Some(HEIGHTS) {
        live(&store).unwrap();
        forget(&store, &mut pruner);
        if store.version() == Some(HEIGHTS / 2) {
            store.compact().unwrap();
        }
    }
    while forget(&store, &mut pruner) {}
    store.compact().unwrap();
}

/// Runs the process, and says how it ended: by itself, or as it was told to.
fn died(dir: &Path, place: Option<(&str, u32)>) -> bool {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", ITSELF, "--nocapture"]).env(DIR, dir);
    if let Some((place, times)) = place {
        command.env(PLACE, format!("{place} {times}"));
    }
    let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
    let aborted = status.signal() == Some(ABORTED);
    assert!(status.success() || aborted, "{place:?}: {status}");
    aborted
}

#[test]
#[allow(clippy::disallowed_methods, reason = "the environment tells the process that dies from the test")]
fn a_process_that_dies_anywhere_leaves_what_the_next_one_ends() {
    if let Some(dir) = std::env::var_os(DIR) {
        if let Ok(place) = std::env::var(PLACE) {
            let (place, times) = place.rsplit_once(' ').unwrap();
            crate::point::arm(place, times.parse().unwrap());
        }
        return work(Path::new(&dir));
    }
    let golden = life::roots(HEIGHTS + 1);
    let twin = tempfile::tempdir().unwrap();
    work(twin.path());
    let expected = dump(&Database::open(twin.path()).unwrap());
    for place in PLACES {
        let dir = tempfile::tempdir().unwrap();
        assert!(died(dir.path(), Some(place)), "it did not die at {place:?}");
        // What it left is some height's state, whole.
        let store = Store::open(dir.path()).unwrap();
        if let Some(version) = store.version() {
            assert_eq!(store.root().unwrap(), golden[usize::try_from(version).unwrap()], "after {place:?}");
        } else {
            assert_eq!(place.0, "genesis/filled");
        }
        drop(store);
        assert!(!died(dir.path(), None));
        assert_eq!(dump(&Database::open(dir.path()).unwrap()), expected, "after {place:?}");
        let [store, twin] = [dir.path(), twin.path()].map(|dir| Store::open(dir).unwrap());
        life::compare(&store, &twin).unwrap();
        drop(twin);
        assert_eq!(live(&store).unwrap(), golden[golden.len() - 1], "after {place:?}");
    }
}
