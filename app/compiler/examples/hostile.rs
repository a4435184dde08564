//! Compiles every `.onnx` file of a folder, twice, and writes a table of what became of each.
//!
//! `cargo run --release --example hostile [FOLDER]`; the folder is `tests/data/hostile` unless said
//! otherwise. A file either gets a plan or an error, the same both times; the program says so and exits with
//! 1 if not.
// A report may say how long something took.
#![allow(clippy::disallowed_types)]

use assay_compiler::{Compilation, Compiler, pack};
use assay_types::hash::CompilerHash;
use assay_types::limits::MAX_COMPILE_FUEL;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

fn main() -> Result<(), Box<dyn Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let folder = std::env::args().nth(1).map_or_else(|| root.join("tests/data/hostile"), PathBuf::from);
    let blob = pack::decompress(&fs::read(root.join("genesis/engines/1/compiler.wasm.zst"))?)?;
    let cache = std::env::temp_dir().join("assay-example-cache");
    let compiler =
        Compiler::load(&blob, CompilerHash::of(&blob), Some(&cache), &mut |line| eprintln!("{line}"))?;
    let mut files: Vec<PathBuf> =
        fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
    files.retain(|path| path.extension().is_some_and(|extension| extension == "onnx"));
    files.sort();
    println!("| file | bytes | result | fuel | ms | what it says |\n|---|---|---|---|---|---|");
    let mut different = 0;
    for path in &files {
        let bytes = fs::read(path)?;
        let start = Instant::now();
        let first = describe(&compiler.compile(&bytes, &[], MAX_COMPILE_FUEL)?);
        let spent = start.elapsed().as_millis();
        let second = describe(&compiler.compile(&bytes, &[], MAX_COMPILE_FUEL)?);
        different += u32::from(first != second);
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let (kind, fuel, text) = first;
        println!("| {name} | {} | {kind} | {fuel} | {spent} | {text} |", bytes.len());
    }
    println!("\n{} files; {different} with another result the second time", files.len());
    if different > 0 { Err("a result is not deterministic".into()) } else { Ok(()) }
}

fn describe(compilation: &Compilation) -> (&'static str, u64, String) {
    match &compilation.outcome {
        Ok(plan) => ("plan", compilation.fuel, format!("{} units, plan {}", plan.units(), plan.hash())),
        Err(refusal) => {
            let text: String = refusal.to_string().chars().take(160).collect();
            (refusal.name(), compilation.fuel, text.replace(['|', '\n'], " "))
        }
    }
}
