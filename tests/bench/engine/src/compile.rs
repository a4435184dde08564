//! Compiling models in the sandbox, as a validator does when one is sealed.

use assay_bench_worker::{Engine, Input, Result};
use assay_compiler::Compiler;
use assay_genesis::engines;
use assay_types::limits::MAX_COMPILE_FUEL;
use std::path::{Path, PathBuf};
use std::time::Instant;

pub struct Sandbox {
    cache: PathBuf,
    compiler: Compiler,
    /// Nanoseconds that the start took.
    started: u128,
}

impl Sandbox {
    pub fn new(cache: &Path) -> Result<Self> {
        let start = Instant::now();
        let compiler = engine(cache)?;
        Ok(Self { cache: cache.to_path_buf(), compiler, started: start.elapsed().as_nanos() })
    }

    fn compile(&self, model: &str, plan: &str) -> Result<String> {
        let onnx = std::fs::read(model)?;
        let start = Instant::now();
        let done = self.compiler.compile(&onnx, &[], MAX_COMPILE_FUEL)?;
        let nanos = start.elapsed().as_nanos();
        let valid = done.outcome?;
        std::fs::write(plan, valid.bytes())?;
        Ok(format!("nanos={nanos} fuel={} file={} sandbox={}", done.fuel, onnx.len(), done.memory_bytes))
    }
}

/// The newest engine, its machine code from the cache or made now.
fn engine(cache: &Path) -> Result<Compiler> {
    let artifact = engines::artifact(engines::LATEST).ok_or("no engine")?;
    let hash = artifact.manifest()?.compiler_hash;
    if let Some(compiler) = Compiler::cached(hash, cache) {
        return Ok(compiler);
    }
    let blob = artifact.blob()?;
    Ok(Compiler::load(&blob, hash, Some(cache), &mut |line| eprintln!("{line}"))?)
}

impl Engine for Sandbox {
    fn load(&mut self, _: &Path) -> Result<()> {
        Err("this process compiles only".into())
    }

    fn inputs(&mut self, _: &[Input]) -> Result<()> {
        Err("this process compiles only".into())
    }

    fn run(&mut self) -> Result<()> {
        Err("this process compiles only".into())
    }

    fn outputs(&mut self) -> Result<Vec<Vec<u8>>> {
        Err("this process compiles only".into())
    }

    fn other(&mut self, command: &str, arguments: &[&str]) -> Result<Option<String>> {
        match (command, arguments) {
            ("compile", [model, plan]) => self.compile(model, plan).map(Some),
            ("started", []) => Ok(Some(format!("nanos={}", self.started))),
            // The engine again: from its cache, as every start but the first finds it.
            ("engine", []) => {
                let start = Instant::now();
                self.compiler = engine(&self.cache)?;
                Ok(Some(format!("nanos={}", start.elapsed().as_nanos())))
            }
            _ => Ok(None),
        }
    }
}
