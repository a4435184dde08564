//! The node's home: where every file is.
//!
//! `config/`, `data/` and `keyring/`; CometBFT's files keep the names that its own tools expect, and its
//! `--home` is the same folder. Secrets are written so that only their owner reads them, and nothing is ever
//! overwritten here.

use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// A home folder, which need not exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Home(PathBuf);

impl Home {
    /// A home at a path.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self(root.into())
    }

    /// The folder itself.
    pub fn root(&self) -> &Path {
        &self.0
    }

    /// Our settings: `config/assayd.toml`.
    pub fn config(&self) -> PathBuf {
        self.0.join("config/assayd.toml")
    }

    /// CometBFT's settings, written at every start: `config/config.toml`.
    pub fn comet_config(&self) -> PathBuf {
        self.0.join("config/config.toml")
    }

    /// The chain's genesis document: `config/genesis.json`.
    pub fn genesis(&self) -> PathBuf {
        self.0.join("config/genesis.json")
    }

    /// The files of the models that the chain started with: `config/genesis.models`.
    pub fn genesis_models(&self) -> PathBuf {
        self.0.join("config/genesis.models")
    }

    /// The key of the node's identity: `config/node_key.json`.
    pub fn node_key(&self) -> PathBuf {
        self.0.join("config/node_key.json")
    }

    /// The key that signs votes: `config/priv_validator_key.json`.
    pub fn validator_key(&self) -> PathBuf {
        self.0.join("config/priv_validator_key.json")
    }

    /// What was signed last: `data/priv_validator_state.json`.
    pub fn validator_state(&self) -> PathBuf {
        self.0.join("data/priv_validator_state.json")
    }

    /// The application's database: `data/app.db`.
    pub fn store(&self) -> PathBuf {
        self.0.join("data/app.db")
    }

    /// Where a new database of the application is made, waits, and where the one that it replaced goes.
    pub fn store_leftovers(&self) -> [PathBuf; 3] {
        ["restore", "restored", "old"].map(|ending| self.0.join(format!("data/app.db.{ending}")))
    }

    /// CometBFT's databases and its log of messages: `data/blockstore.db` and so on.
    pub fn comet_data(&self) -> [PathBuf; 5] {
        ["blockstore.db", "state.db", "cs.wal", "evidence.db", "tx_index.db"]
            .map(|name| self.0.join("data").join(name))
    }

    /// The addresses of peers that CometBFT has met: `config/addrbook.json`.
    pub fn addr_book(&self) -> PathBuf {
        self.0.join("config/addrbook.json")
    }

    /// The state's snapshots: `data/snapshots`.
    pub fn snapshots(&self) -> PathBuf {
        self.0.join("data/snapshots")
    }

    /// The blocks of a chain without CometBFT: `data/solo.blocks`.
    pub fn solo_blocks(&self) -> PathBuf {
        self.0.join("data/solo.blocks")
    }

    /// CometBFT's blocks: `data/blockstore.db`.
    pub fn comet_blocks(&self) -> PathBuf {
        self.0.join("data/blockstore.db")
    }

    /// Where the application answers CometBFT: `data/abci.sock`.
    pub fn socket(&self) -> PathBuf {
        self.0.join("data/abci.sock")
    }

    /// What CometBFT says: `data/comet.log`.
    pub fn comet_log(&self) -> PathBuf {
        self.0.join("data/comet.log")
    }

    /// Makes the folders.
    ///
    /// # Errors
    /// The file system's.
    pub fn create(&self) -> io::Result<()> {
        for folder in ["config", "data", "keyring"] {
            std::fs::DirBuilder::new().recursive(true).mode(0o700).create(self.0.join(folder))?;
        }
        Ok(())
    }
}

/// Writes a file that must not exist yet, readable by its owner alone.
///
/// # Errors
/// The file system's; [`io::ErrorKind::AlreadyExists`] when the file is there.
pub fn write_new(path: &Path, text: &str) -> io::Result<()> {
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// Replaces a file at once: whoever reads it sees the old one or the new one.
///
/// # Errors
/// The file system's.
pub fn replace(path: &Path, text: &str) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_new_file_is_private_and_never_overwrites() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::new(folder.path().join("home"));
        home.create().unwrap();
        write_new(&home.node_key(), "secret").unwrap();
        assert_eq!(std::fs::metadata(home.node_key()).unwrap().permissions().mode() & 0o777, 0o600);
        let again = write_new(&home.node_key(), "other").unwrap_err();
        assert_eq!(again.kind(), io::ErrorKind::AlreadyExists);
        replace(&home.node_key(), "replaced").unwrap();
        assert_eq!(std::fs::read_to_string(home.node_key()).unwrap(), "replaced");
    }
}
