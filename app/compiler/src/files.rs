//! Files of a cache: written whole or not at all, and checked when read.
//!
//! A file is the BLAKE3 digest of its contents, then the contents. Writers put it under a name of their own
//! and rename it, so several processes may write one entry at once, and a reader sees all of one of theirs or
//! nothing.

use std::fs;
use std::io::{Error, Result, Write};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

/// Tells apart the temporary files of one process.
static NEXT: AtomicU64 = AtomicU64::new(0);

/// A file of a cache that is whole.
pub struct Entry(Vec<u8>);

impl Entry {
    /// What was written.
    pub fn contents(&self) -> &[u8] {
        &self.0[32..]
    }
}

/// A file, or `None` when it is missing or damaged.
pub fn read(path: &Path) -> Option<Entry> {
    let entry = read_unchecked(path)?;
    (blake3::hash(entry.contents()).as_bytes()[..] == entry.0[..32]).then_some(entry)
}

/// A file that whoever reads it checks by a digest of its own.
pub fn read_unchecked(path: &Path) -> Option<Entry> {
    let bytes = fs::read(path).ok()?;
    (bytes.len() >= 32).then_some(Entry(bytes))
}

/// Writes a file, replacing any of that name. Its folder is made if missing.
pub fn write(path: &Path, contents: &[u8]) -> Result<()> {
    let folder = path.parent().ok_or_else(|| Error::other("a cache file lies in a folder"))?;
    fs::create_dir_all(folder)?;
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let temporary = path.with_extension(format!("{}-{number}.tmp", std::process::id()));
    let written = write_new(&temporary, contents).and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        // Best effort: what failed already is what is reported.
        let _ = fs::remove_file(&temporary);
    }
    written
}

fn write_new(path: &Path, contents: &[u8]) -> Result<()> {
    let mut file = fs::File::create(path)?;
    file.write_all(blake3::hash(contents).as_bytes())?;
    file.write_all(contents)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_damaged_file_reads_as_missing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a").join("entry");
        assert!(read(&path).is_none());
        write(&path, b"contents").unwrap();
        assert_eq!(read(&path).unwrap().contents(), b"contents");
        let mut bytes = fs::read(&path).unwrap();
        bytes[35] ^= 1;
        fs::write(&path, &bytes).unwrap();
        assert!(read(&path).is_none());
        fs::write(&path, b"short").unwrap();
        assert!(read(&path).is_none());
    }

    #[test]
    fn no_temporary_file_is_left() {
        let folder = tempfile::tempdir().unwrap();
        write(&folder.path().join("entry"), &[0; 1000]).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
