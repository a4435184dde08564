//! The end of a log file, for errors.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

/// Bytes of a log that an error may carry.
const TAIL_BYTES: u64 = 8 * 1024;

/// The last `lines` lines of a file, or a word on why there are none.
pub fn tail(path: &Path, lines: usize) -> String {
    match last_bytes(path) {
        Ok(bytes) if bytes.is_empty() => "(empty)".into(),
        Ok(bytes) => {
            let text = String::from_utf8_lossy(&bytes);
            let all: Vec<&str> = text.lines().collect();
            all[all.len().saturating_sub(lines)..].join("\n")
        }
        Err(error) => format!("(cannot be read: {error})"),
    }
}

fn last_bytes(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    let start = file.metadata()?.len().saturating_sub(TAIL_BYTES);
    file.seek(SeekFrom::Start(start))?;
    let mut bytes = Vec::new();
    file.take(TAIL_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tail_is_the_last_lines_and_a_missing_file_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        assert!(tail(&path, 2).contains("cannot be read"));
        std::fs::write(&path, "").unwrap();
        assert_eq!(tail(&path, 2), "(empty)");
        std::fs::write(&path, "one\ntwo\nthree\n").unwrap();
        assert_eq!(tail(&path, 2), "two\nthree");
        assert_eq!(tail(&path, 9), "one\ntwo\nthree");
    }

    #[test]
    fn a_long_log_is_read_from_its_end_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        std::fs::write(&path, format!("{}\nlast\n", "x".repeat(100_000))).unwrap();
        let read = tail(&path, 2);
        assert!(read.len() <= TAIL_BYTES as usize && read.ends_with("last"));
    }
}
