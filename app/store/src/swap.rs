//! Where a state and the one that shall replace it lie, and how they change places.
//!
//! A state is made in `<state>.restore`. Once it is complete, it is renamed to `<state>.restored`, and from then on
//! it will be the state whatever happens: the rest of the way (the old one to `<state>.old`, the new one to
//! `<state>`, the old one removed) is gone by whoever opens the state next, if this process does not come to it.

use crate::{StoreError, point};
use std::path::{Path, PathBuf};

/// The directories around a state.
#[derive(Debug, Clone)]
pub(crate) struct Places {
    pub(crate) state: PathBuf,
    /// Where a new one is made.
    pub(crate) restore: PathBuf,
    restored: PathBuf,
    old: PathBuf,
}

impl Places {
    /// Those around a state's directory.
    pub(crate) fn of(state: &Path) -> Self {
        let beside = |ending: &str| {
            let mut name = state.as_os_str().to_owned();
            name.push(ending);
            PathBuf::from(name)
        };
        Self {
            state: state.to_path_buf(),
            restore: beside(".restore"),
            restored: beside(".restored"),
            old: beside(".old"),
        }
    }

    /// Says that the new state is complete.
    pub(crate) fn complete(&self) -> Result<(), StoreError> {
        remove(&self.restored)?;
        rename(&self.restore, &self.restored)
    }

    /// Puts a complete new state, if there is one, in the place of the old. Nobody may have either open.
    pub(crate) fn settle(&self) -> Result<(), StoreError> {
        if self.restored.exists() {
            if self.state.exists() {
                remove(&self.old)?;
                rename(&self.state, &self.old)?;
                point::reached("swap/old");
            }
            rename(&self.restored, &self.state)?;
            point::reached("swap/new");
        }
        remove(&self.old)
    }
}

/// Removes a directory, if it is there.
pub(crate) fn remove(dir: &Path) -> Result<(), StoreError> {
    match std::fs::remove_dir_all(dir) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(failed(dir, error)),
        _ => Ok(()),
    }
}

/// Renames a directory, and waits until that is on the disk.
fn rename(from: &Path, to: &Path) -> Result<(), StoreError> {
    std::fs::rename(from, to).map_err(|error| failed(from, error))?;
    let parent = to.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let parent = std::fs::File::open(parent).and_then(|parent| parent.sync_all());
    parent.map_err(|error| failed(to, error))
}

fn failed(dir: &Path, source: std::io::Error) -> StoreError {
    StoreError::Directory { dir: dir.to_path_buf(), source }
}
