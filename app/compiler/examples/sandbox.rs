//! The bench's word for compiling models in the sandbox, as a validator does when one is sealed.
//!
//! `sandbox CACHE` keeps the engine's machine code in that folder and takes commands on standard input.
// What is measured is shown to people, and changes nothing.
#![allow(clippy::disallowed_types)]

use assay_bench_worker::{Engine, Input, Result, serve};
use assay_compiler::{Compiler, pack};
use assay_types::hash::CompilerHash;
use assay_types::limits::MAX_COMPILE_FUEL;
use assay_types::tensor::InputShape;
use std::path::{Path, PathBuf};
use std::time::Instant;

fn main() -> Result<()> {
    let cache = std::env::args().nth(1).ok_or("usage: sandbox CACHE")?;
    serve(&mut Sandbox::new(Path::new(&cache))?)
}

struct Sandbox {
    cache: PathBuf,
    compiler: Compiler,
    /// Nanoseconds that the start took.
    started: u128,
}

impl Sandbox {
    fn new(cache: &Path) -> Result<Self> {
        let start = Instant::now();
        let compiler = engine(cache)?;
        Ok(Self { cache: cache.to_path_buf(), compiler, started: start.elapsed().as_nanos() })
    }

    fn compile(&self, model: &str, plan: &str, shapes: &[InputShape]) -> Result<String> {
        let onnx = std::fs::read(model)?;
        let start = Instant::now();
        let done = self.compiler.compile(&onnx, shapes, MAX_COMPILE_FUEL)?;
        let nanos = start.elapsed().as_nanos();
        let valid = done.outcome?;
        std::fs::write(plan, valid.bytes())?;
        Ok(format!("nanos={nanos} fuel={} file={} sandbox={}", done.fuel, onnx.len(), done.memory_bytes))
    }
}

/// `NAME=1x3x224x224`.
fn shape(text: &str) -> Result<InputShape> {
    let (name, dims) = text.rsplit_once('=').ok_or("a shape is NAME=DIMxDIM")?;
    let dims = dims.split('x').map(str::parse).collect::<std::result::Result<_, _>>()?;
    Ok(InputShape { name: name.into(), dims })
}

/// The engine of the newest number, its machine code from the cache or made now.
fn engine(cache: &Path) -> Result<Compiler> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../genesis/engines/1");
    let manifest = std::fs::read_to_string(folder.join("manifest.toml"))?;
    let line = manifest.lines().find_map(|line| line.strip_prefix("compiler_hash = "));
    let hash: CompilerHash = line.ok_or("no hash in the manifest")?.trim_matches('"').parse()?;
    if let Some(compiler) = Compiler::cached(hash, cache) {
        return Ok(compiler);
    }
    let blob = pack::decompress(&std::fs::read(folder.join("compiler.wasm.zst"))?)?;
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
            ("compile", [model, plan, shapes @ ..]) => {
                let shapes = shapes.iter().map(|text| shape(text)).collect::<Result<Vec<_>>>()?;
                self.compile(model, plan, &shapes).map(Some)
            }
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
