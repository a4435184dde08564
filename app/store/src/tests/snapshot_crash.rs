//! A process dies at every place of making, restoring and exchanging; the next one ends what it began, with the root
//! that was to be.
//!
//! As in `crash`, it is this test binary again, told its folder and its place by environment variables.

use super::snapshots::{SMALL, grown, restore_all, spec};
use super::*;
use crate::snapshot::{Folder, forget};
use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};

const DIR: &str = "ASSAY_STORE_TEST_SNAPSHOT_DIR";
const PLACE: &str = "ASSAY_STORE_TEST_SNAPSHOT_PLACE";
const ITSELF: &str = "tests::snapshot_crash::a_process_that_dies_anywhere_is_gone_on_for";
const HEIGHT: u64 = 5;

/// Every place, and how often it is reached before the process dies there.
const PLACES: [(&str, u32); 14] = [
    ("snapshot/chunk", 1),
    ("snapshot/chunk", 7),
    ("snapshot/whole", 1),
    ("snapshot/renamed", 1),
    ("snapshot/removed", 1),
    ("restore/checked", 1),
    ("restore/checked", 5),
    ("restore/written", 1),
    ("restore/written", 6),
    ("restore/whole", 1),
    ("restore/closed", 1),
    ("restore/complete", 1),
    ("swap/old", 1),
    ("swap/new", 1),
];

/// What a node does: makes a snapshot, removes older ones, and makes another state of it.
fn work(dir: &Path) {
    let folder = Folder::new(dir.join("snapshots"));
    folder.clean().unwrap();
    let source = Store::open(&dir.join("app.db")).unwrap();
    if !folder.heights().unwrap().contains(&HEIGHT) {
        folder.make(&source.view(), &spec(SMALL), &mut |_| true).unwrap();
    }
    folder.retain(1).unwrap();
    let made = folder.get(HEIGHT).unwrap();
    let state = dir.join("new.db");
    let store = Store::open(&state).unwrap();
    if store.version() != Some(HEIGHT) {
        let restored = restore_all(&state, &made).unwrap().finish().unwrap();
        assert_eq!(store.adopt(restored).unwrap().version, HEIGHT);
    }
    forget(&state).unwrap();
}

/// Runs the process; whether it ended by itself.
fn run(dir: &Path, place: Option<(&str, u32)>) -> bool {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", ITSELF, "--nocapture"]).env(DIR, dir);
    if let Some((place, times)) = place {
        command.env(PLACE, format!("{place} {times}"));
    }
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap().success()
}

#[test]
#[allow(clippy::disallowed_methods, reason = "the environment tells the process that dies from the test")]
fn a_process_that_dies_anywhere_is_gone_on_for() {
    if let Some(dir) = std::env::var_os(DIR) {
        if let Ok(place) = std::env::var(PLACE) {
            let (place, times) = place.rsplit_once(' ').unwrap();
            crate::point::arm(place, times.parse().unwrap());
        }
        return work(Path::new(&dir));
    }
    for (place, times) in PLACES {
        let (dir, source) = grown(HEIGHT);
        let dir = dir.path();
        // Beside an old snapshot, and an older state in the place of the new one.
        let (old, (_kept, other)) = (Folder::new(dir.join("snapshots")), grown(2));
        old.make(&other.view(), &spec(SMALL), &mut |_| true).unwrap();
        let older = old.get(2).unwrap();
        restore_all(&dir.join("new.db"), &older).unwrap().finish().unwrap().install().unwrap();
        let root = source.root().unwrap();
        drop(source);
        // The source lies in the folder itself.
        move_into(dir, "app.db");
        assert!(!run(dir, Some((place, times))), "it did not die at {place}");
        assert!(run(dir, None), "what died at {place} could not be gone on for");
        let names: BTreeSet<String> = std::fs::read_dir(dir)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        assert_eq!(names, ["app.db", "new.db", "snapshots"].map(String::from).into(), "after {place}");
        assert_eq!(old.heights().unwrap(), [HEIGHT], "after {place}");
        let [source, restored] = ["app.db", "new.db"].map(|name| Store::open(&dir.join(name)).unwrap());
        assert_eq!((restored.version(), restored.root().unwrap()), (Some(HEIGHT), root), "after {place}");
        let next = writes(&[("counter", Some("x")), ("params", None)]);
        let roots = [&source, &restored].map(|store| commit(store, HEIGHT + 1, next.clone()));
        assert_eq!(roots[0], roots[1], "after {place}");
    }
}

/// Moves the database in a folder one folder down.
fn move_into(dir: &Path, name: &str) {
    let into = dir.join(name);
    std::fs::create_dir(&into).unwrap();
    for entry in std::fs::read_dir(dir).unwrap() {
        let (path, file) = entry.map(|entry| (entry.path(), entry.file_name())).unwrap();
        if !["app.db", "new.db", "snapshots"].iter().any(|kept| file == *kept) {
            std::fs::rename(path, into.join(file)).unwrap();
        }
    }
}
