//! The blob's machine code on disk, so that only the first start on a machine compiles it.
//!
//! The name of a file is made of the blob's hash and of wasmtime's own digest of everything that its code
//! depends on: its version, the settings, the CPU's features. wasmtime checks the same again when it loads
//! the code.
#![allow(unsafe_code)]

use crate::files;
use assay_types::hash::CompilerHash;
use memmap2::Mmap;
use std::fs::File;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use wasmtime::{Engine, Module};

/// Feeds what wasmtime hashes to BLAKE3: the name must be the same in every process.
struct Digest(blake3::Hasher);

impl Hasher for Digest {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        let digest = self.0.finalize();
        digest.as_bytes().first_chunk().map_or(0, |head| u64::from_le_bytes(*head))
    }
}

/// Where the code for this engine lies.
pub fn path(folder: &Path, hash: &CompilerHash, engine: &Engine) -> PathBuf {
    let mut digest = Digest(blake3::Hasher::new());
    engine.precompile_compatibility_hash().hash(&mut digest);
    folder.join(format!("{hash}-{:016x}.code", digest.finish()))
}

/// The module in a file of the cache, or `None` when it is missing, damaged or made for another machine.
///
/// The code runs where the file is mapped: nothing is copied, and processes share what they have read.
pub fn load(path: &Path, engine: &Engine) -> Option<Module> {
    let file = File::open(path).ok()?;
    // SAFETY: files of the cache are replaced whole by renaming and never written where they lie, so what is mapped
    // stays as it is; the program's own code is mapped from the disk on the same terms.
    let whole = unsafe { Mmap::map(&file) }.ok()?;
    let (code, digest) = whole.split_last_chunk()?;
    if blake3::hash(code).as_bytes() != digest {
        return None;
    }
    // SAFETY: `deserialize_open_file` requires bytes that `Module::serialize` made, in a file that does not change. The
    // digest behind them, where ELF does not look, shows that they are what this program wrote into its own cache;
    // whoever can forge it can replace the program as well.
    unsafe { Module::deserialize_open_file(engine, file) }.ok()
}

/// Keeps a module's code: the code, which has to begin where the file does, then its digest.
pub fn store(path: &Path, module: &Module) -> std::io::Result<()> {
    let code = module.serialize().map_err(std::io::Error::other)?;
    files::write(path, &[&code, blake3::hash(&code).as_bytes()])
}
