//! Keeps what CometBFT says: in a file of bounded size, and its last error at hand for the reason of a stop.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// A log file above this many bytes becomes `comet.log.1`.
const MAX_LOG_BYTES: u64 = 32 * 1024 * 1024;
/// Bytes of one line that are kept.
const MAX_LINE_BYTES: u64 = 16 * 1024;
/// Lines that are remembered.
const TAIL_LINES: usize = 20;
/// What CometBFT says when its consensus has ended and the rest of it goes on, for ever and in vain: on a full disk,
/// for example.
const CONSENSUS_FAILURE: &str = "CONSENSUS FAILURE!!!";

/// The last lines, and the one that says that consensus failed.
#[derive(Debug, Clone, Default)]
pub(super) struct Tail(Arc<Mutex<Lines>>);

#[derive(Debug, Default)]
struct Lines {
    last: VecDeque<String>,
    failure: Option<String>,
}

impl Tail {
    fn push(&self, line: String) {
        let Lines { last: lines, failure } = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if failure.is_none() && line.contains(CONSENSUS_FAILURE) {
            // Its reason; what follows are the names of functions.
            *failure = Some(line.split(" stack=").next().unwrap_or_default().to_owned());
        }
        if lines.len() == TAIL_LINES {
            lines.pop_front();
        }
        lines.push_back(line);
    }

    /// The last line that says what went wrong: an error of the log, or a line that is no log line at all.
    pub(super) fn last_error(&self) -> Option<String> {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let quiet = |line: &&String| ["I[", "D["].iter().any(|level| line.starts_with(level));
        lines.last.iter().rev().find(|line| !quiet(line) && !line.trim().is_empty()).cloned()
    }

    /// Why consensus ended, if it did.
    pub(super) fn failure(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).failure.clone()
    }
}

/// Copies lines into the file until the source ends.
pub(super) fn copy(source: impl Read, path: &Path, tail: &Tail) -> io::Result<()> {
    let mut reader = BufReader::new(source);
    let mut file = Rotating::open(path)?;
    let mut line = Vec::new();
    loop {
        line.clear();
        if (&mut reader).take(MAX_LINE_BYTES).read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        tail.push(String::from_utf8_lossy(&line).trim_end().to_string());
        // A full disk must not stop consensus: the line is lost, the copying goes on.
        let _ = file.write(&line);
    }
}

struct Rotating {
    path: PathBuf,
    file: File,
    bytes: u64,
}

impl Rotating {
    fn open(path: &Path) -> io::Result<Self> {
        let file = File::options().create(true).append(true).open(path)?;
        let bytes = file.metadata()?.len();
        Ok(Self { path: path.into(), file, bytes })
    }

    fn write(&mut self, line: &[u8]) -> io::Result<()> {
        if self.bytes >= MAX_LOG_BYTES {
            std::fs::rename(&self.path, self.path.with_extension("log.1"))?;
            *self = Self::open(&self.path)?;
        }
        self.file.write_all(line)?;
        self.bytes = self.bytes.saturating_add(line.len() as u64);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_land_in_the_file_and_the_last_error_is_remembered() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("comet.log");
        let text = "I[1] fine\nE[2] port is taken\nI[3] bye\n";
        let tail = Tail::default();
        copy(text.as_bytes(), &path, &tail).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        assert_eq!(tail.last_error().as_deref(), Some("E[2] port is taken"));
        assert_eq!(tail.failure(), None);
    }

    #[test]
    fn consensus_that_has_ended_is_noticed_and_its_reason_kept() {
        let folder = tempfile::tempdir().unwrap();
        let text =
            "E[1] CONSENSUS FAILURE!!!     module=consensus err=\"no space left\" stack=\"goroutine 7\"\n";
        let lines = [text.to_owned(), "I[2] a peer came\n".repeat(2 * TAIL_LINES)].concat();
        let tail = Tail::default();
        copy(lines.as_bytes(), &folder.path().join("comet.log"), &tail).unwrap();
        let reason = tail.failure().unwrap();
        assert!(reason.ends_with("err=\"no space left\""), "{reason}");
        assert_eq!(tail.last_error(), None);
    }

    #[test]
    fn a_full_log_is_set_aside() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("comet.log");
        File::create(&path).unwrap().set_len(MAX_LOG_BYTES).unwrap();
        copy("new\n".as_bytes(), &path, &Tail::default()).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"new\n");
        assert_eq!(std::fs::metadata(folder.path().join("comet.log.1")).unwrap().len(), MAX_LOG_BYTES);
    }
}
