//! The files of models that a chain starts with: `<model id>.onnx` in a folder beside the genesis document.

use assay_core::ModelFiles;
use assay_types::hash::ModelId;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// A folder of models' files.
#[derive(Debug, Clone)]
pub struct Folder(PathBuf);

impl Folder {
    /// The folder at a path, which need not be there.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// The folder that belongs to a genesis document: `genesis.models` to `genesis.json`.
    pub fn beside(document: &Path) -> Self {
        Self(document.with_extension("models"))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The file of a model.
    pub fn file(&self, model: &ModelId) -> PathBuf {
        self.0.join(format!("{model}.onnx"))
    }
}

impl ModelFiles for Folder {
    fn read(&self, model: &ModelId, bytes: u64) -> io::Result<Vec<u8>> {
        let path = self.file(model);
        let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
        let file = File::open(&path).map_err(named)?;
        let found = file.metadata().map_err(named)?.len();
        if found != bytes {
            return Err(named(io::Error::other(format!("it has {found} bytes, where {bytes} are named"))));
        }
        let mut content = Vec::new();
        file.take(bytes).read_to_end(&mut content).map_err(named)?;
        Ok(content)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_only_if_it_has_the_length_that_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::beside(&dir.path().join("genesis.json"));
        assert_eq!(folder.path(), dir.path().join("genesis.models"));
        let id = ModelId([7; 32]);
        assert_eq!(folder.read(&id, 3).unwrap_err().kind(), io::ErrorKind::NotFound);
        std::fs::create_dir(folder.path()).unwrap();
        std::fs::write(folder.file(&id), b"abc").unwrap();
        assert_eq!(folder.read(&id, 3).unwrap(), b"abc");
        let error = folder.read(&id, 1 << 40).unwrap_err().to_string();
        assert!(error.contains("it has 3 bytes") && error.contains(&id.to_string()), "{error}");
    }
}
