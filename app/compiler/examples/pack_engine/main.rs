//! Packs a rebuilt compiler blob into an engine's folder, or compares it with the one that lies there.
//!
//! `pack_engine write|check WASM FOLDER RUSTC-VERSION TRACT-VERSION`. Used by `tools/setup/build-engine.sh`.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod depth;

use assay_compiler::pack;
use assay_types::hash::CompilerHash;
use std::path::Path;
use std::process::ExitCode;

const ENGINE: u32 = 1;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [mode, wasm, folder, rustc, tract] = &arguments[..] else {
        eprintln!("usage: pack_engine write|check WASM FOLDER RUSTC-VERSION TRACT-VERSION");
        return ExitCode::from(2);
    };
    match run(mode, Path::new(wasm), Path::new(folder), rustc, tract) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("pack_engine: {error}");
            ExitCode::from(2)
        }
    }
}

fn run(mode: &str, wasm: &Path, folder: &Path, rustc: &str, tract: &str) -> std::io::Result<bool> {
    let wasm = depth::limit(&std::fs::read(wasm)?).map_err(std::io::Error::other)?;
    let hash = CompilerHash::of(&wasm);
    if mode == "check" {
        let committed = pack::decompress(&std::fs::read(folder.join("compiler.wasm.zst"))?)?;
        let committed = CompilerHash::of(&committed);
        println!("committed {committed}\nrebuilt   {hash}");
        return Ok(hash == committed);
    }
    let packed = pack::compress(&wasm)?;
    std::fs::create_dir_all(folder)?;
    std::fs::write(folder.join("manifest.toml"), pack::manifest(ENGINE, &wasm, &packed, rustc, tract)?)?;
    std::fs::write(folder.join("compiler.wasm.zst"), &packed)?;
    println!("{hash}\n{} bytes, {} compressed", wasm.len(), packed.len());
    Ok(true)
}
