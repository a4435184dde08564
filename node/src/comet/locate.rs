//! Finds the `cometbft` program.

use super::VERSION;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// There is no CometBFT where it was looked for.
#[derive(Debug, thiserror::Error)]
pub enum LocateError {
    /// The program that was named is not there.
    #[error("{0} is no program that can be run")]
    Named(PathBuf),
    /// It is in none of the usual places.
    #[error("cometbft is neither at {0} nor on PATH")]
    Missing(PathBuf),
}

impl LocateError {
    /// What to do next.
    pub fn hint(&self) -> String {
        format!(
            "install it with `CGO_ENABLED=0 go install github.com/cometbft/cometbft/cmd/cometbft@{VERSION}`, \
             then name it with --cometbft or ASSAYD_COMETBFT"
        )
    }
}

/// The folder of the user's caches that is ours: `$XDG_CACHE_HOME/assay` or `~/.cache/assay`.
pub fn cache_folder(env: impl Fn(&str) -> Option<String>) -> PathBuf {
    let absolute = |name: &str| env(name).map(PathBuf::from).filter(|path| path.is_absolute());
    absolute("XDG_CACHE_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".cache")))
        .unwrap_or_else(std::env::temp_dir)
        .join("assay")
}

/// Finds the program: the one that is named, else the cache's, else the one on `PATH`.
///
/// # Errors
/// [`LocateError`].
pub fn locate(named: Option<&Path>, env: impl Fn(&str) -> Option<String>) -> Result<PathBuf, LocateError> {
    if let Some(path) = named {
        return if runs(path) { Ok(path.into()) } else { Err(LocateError::Named(path.into())) };
    }
    let cached = cache_folder(&env).join("cometbft").join(VERSION).join("cometbft");
    if runs(&cached) {
        return Ok(cached);
    }
    let path = env("PATH").unwrap_or_default();
    let mut places = std::env::split_paths(&path).map(|folder| folder.join("cometbft"));
    places.find(|place| place.is_absolute() && runs(place)).ok_or(LocateError::Missing(cached))
}

fn runs(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program(path: &Path) -> PathBuf {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "#!/bin/sh\n").unwrap();
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
        path.into()
    }

    #[test]
    fn the_cache_counts_more_than_path_and_a_name_more_than_both() {
        let folder = tempfile::tempdir().unwrap();
        let cache = folder.path().join("cache");
        let bin = folder.path().join("bin");
        let env = |name: &str| match name {
            "XDG_CACHE_HOME" => Some(cache.display().to_string()),
            "PATH" => Some(bin.display().to_string()),
            _ => None,
        };
        assert!(matches!(locate(None, env), Err(LocateError::Missing(_))));
        let on_path = program(&bin.join("cometbft"));
        assert_eq!(locate(None, env).unwrap(), on_path);
        let cached = program(&cache.join("assay/cometbft/v0.38.26/cometbft"));
        assert_eq!(locate(None, env).unwrap(), cached);
        assert_eq!(locate(Some(&on_path), env).unwrap(), on_path);
        assert!(matches!(locate(Some(&folder.path().join("none")), env), Err(LocateError::Named(_))));
    }
}
