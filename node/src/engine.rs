//! Loads the engines that this build carries.
//!
//! Making a compiler's machine code takes half a minute, once per machine: it is kept in the user's cache,
//! and processes that start together take turns, so that one makes it and the others read it.

use crate::comet::locate;
use crate::error::{Error, Result};
use crate::speculation;
use assay_compiler::{Compiler, PlanCache};
use assay_core::Engine;
use assay_exec::Isa;
use std::fs::File;
use std::path::{Path, PathBuf};

/// The cache's folder: `ASSAY_CACHE_DIR`, else `$XDG_CACHE_HOME/assay`, else `~/.cache/assay`.
pub fn cache_folder(env: impl Fn(&str) -> Option<String>) -> PathBuf {
    match env("ASSAY_CACHE_DIR").filter(|folder| !folder.is_empty()) {
        Some(folder) => folder.into(),
        None => locate::cache_folder(env),
    }
}

/// The compilers of every engine, ready to run.
pub struct Compilers(Vec<(u32, Compiler)>);

impl Compilers {
    /// The engines, which keep plans in this folder.
    pub fn engine(self, plans: PathBuf) -> Engine {
        let engine = Engine::new(self.0, PlanCache::new(plans), Isa::detect());
        engine.with_threads(speculation::block_threads())
    }
}

/// Loads every engine's compiler. `progress` is told when it takes long.
///
/// # Errors
/// When this build is damaged, or the machine cannot run an engine.
pub fn load(cache: &Path, progress: &mut dyn FnMut(&str)) -> Result<Compilers> {
    let folder = cache.join("engines");
    // Without a lock the work may be done twice; that is all.
    let _turn =
        std::fs::create_dir_all(&folder).and_then(|()| take_turn(&folder.join("lock"), progress)).ok();
    let mut compilers = Vec::new();
    for artifact in assay_genesis::engines::artifacts() {
        let damaged = |error| Error::internal("engine", error, "install this version of assayd again");
        let expected = artifact.manifest().map_err(damaged)?.compiler_hash;
        let compiler = match Compiler::cached(expected, &folder) {
            Some(compiler) => compiler,
            None => {
                let blob = artifact.blob().map_err(damaged)?;
                let hint = "check that this machine has memory left; it needs about 1 GiB";
                Compiler::load(&blob, expected, Some(&folder), progress)
                    .map_err(|error| Error::internal("engine", error, hint))?
            }
        };
        compilers.push((artifact.number(), compiler));
    }
    Ok(Compilers(compilers))
}

fn take_turn(path: &Path, progress: &mut dyn FnMut(&str)) -> std::io::Result<File> {
    let file = File::options().create(true).truncate(false).write(true).open(path)?;
    if file.try_lock().is_err() {
        progress("waiting for another process that prepares the engine...");
        file.lock()?;
    }
    Ok(file)
}
