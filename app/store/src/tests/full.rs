//! A disk that takes no more, as a limit of the size of files: writes fail in the middle, as they do when it is full.
//!
//! The process with the limit is this test binary again. The shell sets the limit and ignores its signal, so that a
//! write beyond it is an error like any other.

use super::life::{self, live};
use super::*;
use crate::StoreError;
use std::path::Path;
use std::process::Command;

const DIR: &str = "ASSAY_STORE_TEST_FULL_DIR";
const ITSELF: &str = "tests::full::a_write_that_finds_no_room_is_no_commit_and_room_mends_it";
/// In the shell's blocks, of 512 or 1024 bytes.
const LIMIT: &str = "500";
/// Commits that the limit does not let through.
const MOST: u64 = 200;

/// Commits until there is no room, and again: nothing of it counts.
fn commit_until_full(dir: &Path) {
    let store = Store::open(dir).unwrap();
    for _ in 0..MOST {
        let before = (store.version(), store.root().unwrap());
        match live(&store) {
            Ok(_) => {}
            Err(error) => {
                assert!(matches!(error, StoreError::Full(_)), "{error}");
                assert!(error.to_string().contains("make room and start again"), "{error}");
                assert!(live(&store).is_err());
                assert_eq!((store.version(), store.root().unwrap()), before);
                println!("full at {}", store.version().unwrap());
                return;
            }
        }
    }
    panic!("{MOST} commits and no limit");
}

#[test]
#[allow(
    clippy::disallowed_methods,
    reason = "the environment tells the process with the limit from the test"
)]
fn a_write_that_finds_no_room_is_no_commit_and_room_mends_it() {
    if let Some(dir) = std::env::var_os(DIR) {
        return commit_until_full(Path::new(&dir));
    }
    let golden = life::roots(MOST);
    let dir = tempfile::tempdir().unwrap();
    let mut told = None;
    for _ in 0..2 {
        let script = format!("trap '' XFSZ; ulimit -f {LIMIT}; exec \"$@\"");
        let output = Command::new("sh")
            .args(["-c", &script, "sh"])
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", ITSELF, "--nocapture"])
            .env(DIR, dir.path())
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
        let height: u64 = text.split("full at ").nth(1).unwrap().lines().next().unwrap().parse().unwrap();
        assert!(told.is_none_or(|before| before <= height));
        // With room it is where it was, or one further: the write may have been whole and only its end not told.
        let store = Store::open(dir.path()).unwrap();
        let found = store.version().unwrap();
        assert!(found == height || found == height + 1, "{found}, and it was full at {height}");
        assert_eq!(store.root().unwrap(), golden[usize::try_from(found).unwrap()]);
        assert_eq!(live(&store).unwrap(), golden[usize::try_from(found + 1).unwrap()]);
        told = Some(found);
    }
}
