//! Where the programs are.
//!
//! Cargo puts `assayd` and `assay` beside `netlab`, and test executables into `deps` below that folder; the
//! environment variables `ASSAYD_BIN` and `ASSAY_BIN` override both.

use crate::error::Error;
use std::path::{Path, PathBuf};

/// CometBFT's version, which `make` installs.
pub const COMET_VERSION: &str = "v0.38.26";

/// The programs that make a network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binaries {
    /// The full node.
    pub assayd: PathBuf,
    /// The wallet.
    pub assay: PathBuf,
}

impl Binaries {
    /// Finds the programs.
    ///
    /// # Errors
    /// [`Error::MissingBinary`] when one is not built, [`Error::MissingComet`] when CometBFT is not installed.
    pub fn find() -> Result<Self, Error> {
        let found = Self::find_without_comet()?;
        let cached = comet_path();
        let path = std::env::var_os("PATH").unwrap_or_default();
        let mut places = std::env::split_paths(&path).map(|folder| folder.join("cometbft"));
        if !cached.is_file() && !places.any(|place| place.is_file()) {
            return Err(Error::MissingComet { looked: cached });
        }
        Ok(found)
    }

    /// Finds the programs for what needs no consensus.
    ///
    /// # Errors
    /// [`Error::MissingBinary`] when one is not built.
    pub fn find_without_comet() -> Result<Self, Error> {
        Ok(Self { assayd: find("assayd", "ASSAYD_BIN")?, assay: find("assay", "ASSAY_BIN")? })
    }
}

fn find(name: &'static str, variable: &'static str) -> Result<PathBuf, Error> {
    let mut candidates = Vec::new();
    if let Some(path) = std::env::var_os(variable) {
        candidates.push(PathBuf::from(path));
    } else if let Ok(executable) = std::env::current_exe() {
        let folders = executable.ancestors().skip(1).take(2);
        candidates.extend(folders.map(|folder| folder.join(name)));
    }
    candidates.iter().find(|path| path.is_file()).cloned().ok_or_else(|| {
        let looked: Vec<String> = candidates.iter().map(|path| path.display().to_string()).collect();
        Error::MissingBinary { name, looked: looked.join(", "), variable }
    })
}

/// Where `make` installs CometBFT, unless `ASSAYD_COMETBFT` names another; the node takes the one on `PATH` after it.
fn comet_path() -> PathBuf {
    if let Some(path) = std::env::var_os("ASSAYD_COMETBFT") {
        return path.into();
    }
    let cache = std::env::var_os("XDG_CACHE_HOME").filter(|value| !value.is_empty()).map_or_else(
        || Path::new(&std::env::var_os("HOME").unwrap_or_default()).join(".cache"),
        PathBuf::from,
    );
    cache.join("assay/cometbft").join(COMET_VERSION).join("cometbft")
}
