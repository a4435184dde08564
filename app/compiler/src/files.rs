//! Files of a cache, written whole or not at all. Who reads one checks what it holds.
//!
//! Writers put a file under a name of their own and rename it, so several processes may write one entry at once,
//! and a reader sees all of one of theirs or nothing.

use std::fs;
use std::io::{Error, Result, Write};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

/// Tells apart the temporary files of one process.
static NEXT: AtomicU64 = AtomicU64::new(0);

/// Writes a file of some parts, replacing any of that name. Its folder is made if missing.
pub fn write(path: &Path, parts: &[&[u8]]) -> Result<()> {
    let folder = path.parent().ok_or_else(|| Error::other("a cache file lies in a folder"))?;
    fs::create_dir_all(folder)?;
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let temporary = path.with_extension(format!("{}-{number}.tmp", std::process::id()));
    let written = write_new(&temporary, parts).and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        // Best effort: what failed already is what is reported.
        let _ = fs::remove_file(&temporary);
    }
    written
}

fn write_new(path: &Path, parts: &[&[u8]]) -> Result<()> {
    let mut file = fs::File::create(path)?;
    for part in parts {
        file.write_all(part)?;
    }
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_there_whole_and_no_temporary_one_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a").join("entry");
        write(&path, &[&[7; 1000], b"digest"]).unwrap();
        write(&path, &[b"again", b"", b"!"]).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"again!");
        assert_eq!(fs::read_dir(folder.path().join("a")).unwrap().count(), 1);
    }

    #[test]
    fn a_file_that_cannot_take_its_name_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("entry")).unwrap();
        write(&folder.path().join("entry"), &[b"contents"]).unwrap_err();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
