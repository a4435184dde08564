//! The file of a bundle: a gzipped tar with one folder.

use super::digest::StateDigest;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde_json::Value;
use std::io::{self, Read, Write};
use std::path::Path;

/// The file that says what the machine is.
pub const MACHINE: &str = "machine.json";
/// The file that says what the state is.
pub const STATE: &str = "state.json";

/// Bytes of one file that is read.
const MAX_FILE_BYTES: u64 = 64 * 1024 * 1024;
/// Bytes of all files of a bundle that is read.
const MAX_BYTES: u64 = 1024 * 1024 * 1024;
/// Files of a bundle that is read.
const MAX_FILES: usize = 4096;

/// Why a bundle is not read.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// It is no gzipped tar, or one that ends too early.
    #[error("it is no bundle: {0}")]
    Io(#[from] io::Error),
    /// A file of it is not what it should be.
    #[error("its {name} is malformed: {reason}")]
    Malformed {
        /// The file.
        name: &'static str,
        /// Why.
        reason: String,
    },
    /// More than a bundle has.
    #[error("it has more than {MAX_FILES} files, or a file of more than {MAX_FILE_BYTES} bytes")]
    TooLarge,
    /// It has no description of a machine.
    #[error("it has no {MACHINE}: it was not written by `assayd debug bundle`")]
    NoMachine,
}

/// What of a bundle is compared.
#[derive(Debug, Clone, PartialEq)]
pub struct Bundle {
    /// [`MACHINE`].
    pub machine: Value,
    /// [`STATE`], of a node that was stopped.
    pub state: Option<StateDigest>,
}

/// Writes files into a folder of an archive.
///
/// # Errors
/// The writer's.
pub fn write(to: impl Write, folder: &str, files: &[(String, Vec<u8>)], seconds: u64) -> io::Result<()> {
    let mut tar = tar::Builder::new(GzEncoder::new(to, Compression::default()));
    for (name, bytes) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        header.set_mtime(seconds);
        tar.append_data(&mut header, format!("{folder}/{name}"), bytes.as_slice())?;
    }
    tar.into_inner()?.finish()?.flush()
}

/// Reads what is compared of a bundle, which anybody may have written.
///
/// # Errors
/// [`ArchiveError`].
pub fn read(from: impl Read) -> Result<Bundle, ArchiveError> {
    let mut tar = tar::Archive::new(GzDecoder::new(from).take(MAX_BYTES));
    let (mut machine, mut state) = (None, None);
    for (index, entry) in tar.entries()?.enumerate() {
        let mut entry = entry?;
        if index >= MAX_FILES || entry.size() > MAX_FILE_BYTES {
            return Err(ArchiveError::TooLarge);
        }
        let path = entry.path()?.into_owned();
        let mut text = || -> io::Result<Vec<u8>> {
            let mut bytes = Vec::new();
            entry.by_ref().take(MAX_FILE_BYTES).read_to_end(&mut bytes)?;
            Ok(bytes)
        };
        match path.file_name().and_then(|name| name.to_str()) {
            Some(MACHINE) => machine = Some(json(MACHINE, &text()?)?),
            Some(STATE) => state = Some(json(STATE, &text()?)?),
            _ => {}
        }
    }
    Ok(Bundle { machine: machine.ok_or(ArchiveError::NoMachine)?, state })
}

fn json<T: serde::de::DeserializeOwned>(name: &'static str, bytes: &[u8]) -> Result<T, ArchiveError> {
    serde_json::from_slice(bytes).map_err(|error| ArchiveError::Malformed { name, reason: error.to_string() })
}

impl Bundle {
    /// Reads a bundle from a file.
    ///
    /// # Errors
    /// [`ArchiveError`].
    pub fn open(path: &Path) -> Result<Self, ArchiveError> {
        read(io::BufReader::new(std::fs::File::open(path)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed(files: &[(&str, &[u8])]) -> Vec<u8> {
        let files: Vec<_> = files.iter().map(|(name, bytes)| ((*name).to_owned(), bytes.to_vec())).collect();
        let mut bytes = Vec::new();
        write(&mut bytes, "bundle", &files, 7).unwrap();
        bytes
    }

    #[test]
    fn what_was_written_is_read() {
        let bytes = packed(&[("logs/comet.log", b"x"), (MACHINE, b"{\"a\": 1}")]);
        let read = read(bytes.as_slice()).unwrap();
        assert_eq!((read.machine["a"].as_u64(), read.state), (Some(1), None));
    }

    #[test]
    fn what_is_no_bundle_is_refused_with_the_reason() {
        assert!(matches!(read(&b"nonsense"[..]), Err(ArchiveError::Io(_))));
        assert!(matches!(read(&b""[..]), Err(ArchiveError::Io(_) | ArchiveError::NoMachine)));
        assert!(matches!(read(packed(&[("x", b"")]).as_slice()), Err(ArchiveError::NoMachine)));
        let bad = packed(&[(MACHINE, b"{")]);
        assert!(matches!(read(bad.as_slice()), Err(ArchiveError::Malformed { name: MACHINE, .. })));
        let bad = packed(&[(MACHINE, b"{}"), (STATE, b"{\"height\": -1}")]);
        assert!(matches!(read(bad.as_slice()), Err(ArchiveError::Malformed { name: STATE, .. })));
        let whole = packed(&[(MACHINE, b"{\"a\": 1}")]);
        assert!(read(&whole[..whole.len() / 2]).is_err());
    }
}
