//! The compiler with its real blob: models, one-operator models, hostile files, mutants.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod agreement;
mod archive;
mod arrays;
mod cache;
mod classical;
mod corpus;
mod deep;
mod hostile;
mod models;
mod mutants;
mod quantised;

use assay_compiler::{Compiler, pack};
use assay_types::hash::CompilerHash;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// The repository.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The files of a folder of the repository with this extension, sorted.
fn files(folder: &str, extension: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(root().join(folder)).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|found| found == extension));
    files.sort();
    assert!(!files.is_empty());
    files
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap().to_string_lossy().into_owned()
}

fn blob() -> &'static [u8] {
    static BLOB: OnceLock<Vec<u8>> = OnceLock::new();
    BLOB.get_or_init(|| {
        let packed = std::fs::read(root().join("genesis/engines/1/compiler.wasm.zst")).unwrap();
        pack::decompress(&packed).unwrap()
    })
}

/// The committed blob, loaded once for all tests, its machine code kept between runs.
fn compiler() -> &'static Compiler {
    static COMPILER: OnceLock<Compiler> = OnceLock::new();
    COMPILER.get_or_init(|| {
        let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("engine-code");
        Compiler::load(blob(), CompilerHash::of(blob()), Some(&cache), &mut |_| {}).unwrap()
    })
}
