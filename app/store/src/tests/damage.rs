//! A state whose files are damaged: it is what it was at some height, and goes on as it did; or it is refused with what
//! to do. It is never anything else.
//!
//! The state has every kind of file: tables, files of chunks, a log that some families need and others do not, the log
//! that is written now. Each case damages a copy, opens it, commits the blocks that are missing and three more, and
//! reads everything; every block reads what it writes, so that one wrong read leads to another root.

use super::life::{self, copy, live};
use super::*;
use crate::layout::NODES;
use crate::{Read, StoreError};
use assay_types::hash::ChunkHash;
use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// The height at which everything is in tables.
const FLUSHED: u64 = 6;
/// The height at which the nodes are, and the log is another one from then on.
const ROTATED: u64 = 9;
const NEWEST: u64 = 12;
const LAST: u64 = 15;

/// A state, the roots that it has and will have, and the same state three blocks later.
struct Original {
    dir: TempDir,
    roots: Vec<AppHash>,
    twin: Store,
    // Last, so that it is removed last.
    _twin_dir: TempDir,
}

/// What became of a damaged state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// It is that of this height.
    Same(u64),
    Refused,
}

impl Original {
    fn new() -> Self {
        let (dir, twin_dir) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let [store, twin] = [&dir, &twin_dir].map(|dir| Store::open(dir.path()).unwrap());
        for height in 0..=NEWEST {
            live(&store).unwrap();
            if height == FLUSHED {
                store.compact().unwrap();
            }
            if height == ROTATED {
                let database = store.database();
                database.rocks.flush_cf(database.family(NODES).unwrap()).unwrap();
            }
        }
        drop(store);
        let roots = (0..=LAST).map(|_| live(&twin).unwrap()).collect();
        Self { dir, roots, twin, _twin_dir: twin_dir }
    }

    /// The files of an extension, or those whose names begin so; the oldest first.
    fn files(&self, kind: &str) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.dir.path()).unwrap();
        let mut found: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        let name = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
        found.retain(|path| name(path).starts_with(kind) || name(path).ends_with(kind));
        found.sort();
        assert!(!found.is_empty(), "no {kind}");
        found
    }

    /// What becomes of a copy that is damaged so.
    fn verdict(&self, file: &Path, damage: impl FnOnce(&Path)) -> Verdict {
        let scratch = tempfile::tempdir().unwrap();
        let dir = scratch.path().join("app.db");
        copy(self.dir.path(), &dir);
        damage(&dir.join(file.file_name().unwrap()));
        match Store::open(&dir).and_then(|store| self.go_on(&store)) {
            Ok(version) => Verdict::Same(version),
            Err(error) => {
                let text = error.to_string();
                assert!(error.is_damage() && text.contains("docs/runbooks/restore.md"), "{text}");
                Verdict::Refused
            }
        }
    }

    /// What becomes of a copy in which a file is gone, is empty, is cut in half.
    fn without(&self, file: &Path) -> [Verdict; 3] {
        [
            self.verdict(file, |file| std::fs::remove_file(file).unwrap()),
            self.verdict(file, |file| cut(file, 0)),
            self.verdict(file, |file| cut(file, length(file) / 2)),
        ]
    }

    fn go_on(&self, store: &Store) -> Result<u64, StoreError> {
        let root = |version: u64| self.roots[usize::try_from(version).unwrap()];
        let found = store.version().expect("an empty state in the place of a damaged one");
        assert_eq!(store.root()?, root(found), "at {found}");
        // The blocks to come take them away.
        for height in found.saturating_sub(2).max(1)..=found {
            let chunk = store.blob(&ChunkHash::of(&life::chunk(height)))?;
            assert_eq!(chunk, Some(life::chunk(height)), "the chunk of {height}");
        }
        for height in found + 1..=LAST {
            let (changes, index) = life::block(&store.view(), height)?;
            let staged = store.stage(height, changes)?;
            assert_eq!(staged.root(), root(height), "of {height} over {found}");
            store.commit(staged, index)?;
        }
        life::compare(store, &self.twin)?;
        Ok(found)
    }
}

/// Lengths to cut a file to, or places in it: its ends, and some between that differ from file to file.
fn places(len: u64) -> Vec<u64> {
    let between = (1..8).map(|at| (len * at / 8).wrapping_add(at * 37 + len % 11));
    let all = [0, 1, 7].into_iter().chain(between).chain([len.saturating_sub(60), len.saturating_sub(9)]);
    let mut places: Vec<u64> = all.chain([len - 1]).filter(|at| *at < len).collect();
    places.sort_unstable();
    places.dedup();
    places
}

fn length(file: &Path) -> u64 {
    file.metadata().unwrap().len()
}

fn cut(file: &Path, len: u64) {
    std::fs::File::options().write(true).open(file).unwrap().set_len(len).unwrap();
}

fn flip(file: &Path, at: u64) {
    let mut bytes = std::fs::read(file).unwrap();
    bytes[usize::try_from(at).unwrap()] ^= 0x10;
    std::fs::write(file, bytes).unwrap();
}

#[test]
fn a_log_that_ends_early_gives_an_earlier_height_or_is_refused() {
    let original = Original::new();
    let [older, newer] = &original.files(".log")[..] else { panic!("not two logs") };
    for len in places(length(newer)) {
        let Verdict::Same(version) = original.verdict(newer, |file| cut(file, len)) else {
            panic!("refused, cut to {len}")
        };
        assert!((ROTATED..NEWEST).contains(&version), "{version}, cut to {len}");
    }
    // The nodes' family is further than it says: only together do they make a state.
    for len in places(length(older)) {
        assert_eq!(original.verdict(older, |file| cut(file, len)), Verdict::Refused, "cut to {len}");
    }
}

#[test]
fn a_log_with_a_flipped_bit_gives_an_earlier_height_or_is_refused() {
    let original = Original::new();
    let [older, newer] = &original.files(".log")[..] else { panic!("not two logs") };
    for at in places(length(newer)) {
        let Verdict::Same(version) = original.verdict(newer, |file| flip(file, at)) else {
            panic!("refused, flipped at {at}")
        };
        assert!((ROTATED..=NEWEST).contains(&version), "{version}, flipped at {at}");
    }
    for at in places(length(older)) {
        assert_eq!(original.verdict(older, |file| flip(file, at)), Verdict::Refused, "flipped at {at}");
    }
}

#[test]
fn tables_and_chunks_with_a_flipped_bit_are_read_right_or_refused() {
    let original = Original::new();
    // What was in the logs is in tables and files of chunks after this.
    drop(Store::open(original.dir.path()).unwrap());
    for kind in [".sst", ".blob"] {
        let mut refused = 0;
        for file in original.files(kind) {
            for at in places(length(&file)) {
                match original.verdict(&file, |file| flip(file, at)) {
                    // Not every byte of a file is read: a filter's length, a file's name for itself.
                    Verdict::Same(version) => assert_eq!(version, NEWEST),
                    Verdict::Refused => refused += 1,
                }
            }
        }
        assert!(refused > 5, "{refused} of {kind}");
    }
}

#[test]
fn files_that_are_gone_or_empty_or_cut_in_half_are_refused() {
    let original = Original::new();
    let newest_log = original.files(".log").pop().unwrap();
    for kind in [".sst", ".log", "MANIFEST", "CURRENT"] {
        for file in original.files(kind) {
            let verdicts = original.without(&file);
            let refused = verdicts.iter().all(|verdict| *verdict == Verdict::Refused);
            // What the newest log had is gone, and CometBFT has it still.
            let earlier = |verdict: &Verdict| matches!(verdict, Verdict::Same(ROTATED..NEWEST));
            let fits = if file == newest_log { verdicts.iter().all(earlier) } else { refused };
            assert!(fits, "{}: {verdicts:?}", file.display());
        }
    }
    for kind in ["IDENTITY", "OPTIONS"] {
        for file in original.files(kind) {
            let verdict = original.verdict(&file, |file| std::fs::remove_file(file).unwrap());
            assert_eq!(verdict, Verdict::Same(NEWEST), "{}", file.display());
        }
    }
}

#[test]
fn chunks_whose_files_are_gone_or_empty_or_cut_in_half_are_refused() {
    let original = Original::new();
    // As above.
    drop(Store::open(original.dir.path()).unwrap());
    let mut refused = 0;
    for file in original.files(".blob") {
        for verdict in original.without(&file) {
            match verdict {
                // A file may have only chunks that were deleted since.
                Verdict::Same(version) => assert_eq!(version, NEWEST),
                Verdict::Refused => refused += 1,
            }
        }
    }
    assert!(refused >= 3, "{refused}");
}

#[test]
fn a_list_of_files_that_is_damaged_gives_the_state_or_is_refused() {
    let original = Original::new();
    let [manifest] = &original.files("MANIFEST")[..] else { panic!("not one manifest") };
    let mut refused = 0;
    for at in places(length(manifest)) {
        let damages: [&dyn Fn(&Path); 2] = [&|file| cut(file, at), &|file| flip(file, at)];
        for damage in damages {
            match original.verdict(manifest, damage) {
                Verdict::Same(version) => assert!(version >= ROTATED, "{version}, at {at}"),
                Verdict::Refused => refused += 1,
            }
        }
    }
    assert!(refused > 5, "{refused}");
}

/// Flips a bit in every half kilobyte of the first bytes of a table; a second time puts back what was there. In its
/// place, for a table may just be written; one that nobody needs may go at any moment.
fn flip_often(path: &Path, bytes: u64) {
    let Ok(file) = OpenOptions::new().read(true).write(true).open(path) else { return };
    for at in (0..bytes).step_by(512) {
        let mut byte = [0];
        file.read_exact_at(&mut byte, at).unwrap();
        file.write_all_at(&[byte[0] ^ 0x10], at).unwrap();
    }
}

/// Damages every table; gives what it takes to mend them.
fn flip_all(dir: &Path) -> Vec<(PathBuf, u64)> {
    let paths = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let tables = paths.filter(|path| path.extension().is_some_and(|extension| extension == "sst"));
    let sized = tables.filter_map(|path| path.metadata().ok().map(|data| (path, data.len())));
    let before: Vec<_> = sized.collect();
    mend(&before);
    before
}

/// Flips back what [`flip_all`] flipped.
fn mend(tables: &[(PathBuf, u64)]) {
    tables.iter().for_each(|(path, bytes)| flip_often(path, *bytes));
}

#[test]
fn a_read_of_damage_in_the_middle_of_it_writes_nothing() {
    let original = Original::new();
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("app.db");
    copy(original.dir.path(), &dir);
    let store = Store::open(&dir).unwrap();
    let before = flip_all(&dir);
    let refused = live(&store).unwrap_err();
    assert!(refused.is_damage(), "{refused}");
    assert!(store.view().scan(b"", None, usize::MAX).unwrap_err().is_damage());
    assert_eq!((store.version(), store.root().unwrap()), (Some(NEWEST), original.roots[NEWEST as usize]));
    drop(store);
    mend(&before);
    assert_eq!(original.go_on(&Store::open(&dir).unwrap()).unwrap(), NEWEST);
}

#[test]
fn damage_that_only_the_background_meets_stops_the_next_commit() {
    let original = Original::new();
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("app.db");
    copy(original.dir.path(), &dir);
    let store = Store::open(&dir).unwrap();
    let (changes, index) = life::block(&store.view(), NEWEST + 1).unwrap();
    let staged = store.stage(NEWEST + 1, changes).unwrap();
    let before = flip_all(&dir);
    // What it says does not matter: nobody asked for it.
    let _ = store.compact();
    let refused = store.commit(staged, index).unwrap_err();
    assert!(refused.is_damage(), "{refused}");
    assert_eq!(store.version(), Some(NEWEST));
    drop(store);
    mend(&before);
    assert_eq!(original.go_on(&Store::open(&dir).unwrap()).unwrap(), NEWEST);
}

#[test]
fn a_database_whose_making_was_cut_short_is_made_anew() {
    // Before the first file had its name, and before every family was there.
    let (early, late) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    drop(Store::open(early.path()).unwrap());
    for entry in std::fs::read_dir(early.path()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "log") || path.ends_with("CURRENT") {
            std::fs::remove_file(path).unwrap();
        }
    }
    let mut options = rocksdb::Options::default();
    options.create_if_missing(true);
    options.create_missing_column_families(true);
    drop(rocksdb::DB::open_cf(&options, late.path(), [NODES]).unwrap());
    for dir in [early, late] {
        let store = Store::open(dir.path()).unwrap();
        assert_eq!((store.version(), live(&store).unwrap()), (None, life::roots(0)[0]));
    }
}

#[test]
fn a_proof_over_damaged_nodes_is_an_error() {
    let original = Original::new();
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("app.db");
    copy(original.dir.path(), &dir);
    let store = Store::open(&dir).unwrap();
    let keys: Vec<Vec<u8>> = (0..64).map(|number| format!("account/{number}").into_bytes()).collect();
    let database = store.database();
    let family = database.family(NODES).unwrap();
    let nodes = database.iterate(NODES, database::range(&[], None)).unwrap();
    for (key, bytes) in database::entries(nodes, usize::MAX).unwrap() {
        let damaged: [&dyn Fn(); 2] = [&|| database.rocks.put_cf(family, &key, b"no node").unwrap(), &|| {
            database.rocks.delete_cf(family, &key).unwrap()
        }];
        for damage in damaged {
            damage();
            for (proven, version) in keys.iter().flat_map(|key| [(key, NEWEST), (key, FLUSHED)]) {
                match store.prove(proven, version) {
                    Ok(found) => assert_eq!(found, original.twin.prove(proven, version).unwrap()),
                    Err(error) => assert!(error.is_damage(), "{error}"),
                }
            }
            database.rocks.put_cf(family, &key, &bytes).unwrap();
        }
    }
}
