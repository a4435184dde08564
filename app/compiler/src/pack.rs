//! Engine files: the compressed blob and its manifest, as they lie in `genesis/engines/<n>/`.

use assay_types::hash::CompilerHash;
use std::io::{Error, Result};

/// Bytes of an uncompressed blob, at most.
pub const MAX_BLOB_BYTES: usize = 64 << 20;
/// zstd's level for the committed blob: slow to pack, fast to unpack.
const LEVEL: i32 = 19;

/// Compresses a blob.
///
/// # Errors
/// When zstd fails, which it does not for bytes in memory.
pub fn compress(wasm: &[u8]) -> Result<Vec<u8>> {
    zstd::bulk::compress(wasm, LEVEL)
}

/// Decompresses a blob of at most [`MAX_BLOB_BYTES`].
///
/// # Errors
/// When the bytes are not a compressed blob of that size.
pub fn decompress(packed: &[u8]) -> Result<Vec<u8>> {
    zstd::bulk::decompress(packed, MAX_BLOB_BYTES)
}

/// The manifest of an engine, as TOML.
///
/// # Errors
/// When a version contains a quote, and so cannot be written.
pub fn manifest(engine: u32, wasm: &[u8], packed: &[u8], rustc: &str, tract: &str) -> Result<String> {
    if [rustc, tract].iter().any(|text| text.contains(['"', '\\', '\n'])) {
        return Err(Error::other("a version with a quote in it"));
    }
    let hash = CompilerHash::of(wasm);
    let (bytes, compressed) = (wasm.len(), packed.len());
    let opcodes = assay_plan::OPCODE_SET;
    Ok(format!(
        "# Written by tools/setup/build-engine.sh; do not edit.\n\
         engine = {engine}\n\
         compiler_hash = \"{hash}\"\n\
         compiler_bytes = {bytes}\n\
         compressed_bytes = {compressed}\n\
         opcode_set = {opcodes}\n\
         price_table = {PRICE_TABLE}\n\
         rustc = \"{rustc}\"\n\
         tract = \"{tract}\"\n{}",
        prices()
    ))
}

/// The price table, as TOML.
fn prices() -> String {
    let line = |(name, value): &(&str, u64)| format!("{} = {value}\n", name.to_lowercase());
    format!("\n[prices]\n{}", assay_plan::PRICES.iter().map(line).collect::<String>())
}

/// The number of the price table that goes with this opcode set.
pub const PRICE_TABLE: u32 = 1;
