//! The engines that this build carries: a compressed compiler blob and its manifest each.
//!
//! A blob is taken for what it says only after it was decompressed within its announced size and its digest
//! compared, so a damaged file or a half-finished checkout is noticed before anything is compiled with it.

use assay_types::hash::CompilerHash;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Bytes of a decompressed compiler blob.
pub const MAX_COMPILER_BYTES: u64 = 64 * 1024 * 1024;

/// What an engine's manifest says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EngineManifest {
    /// The engine's number.
    pub engine: u32,
    /// The digest of the decompressed blob.
    pub compiler_hash: CompilerHash,
    /// Bytes of the decompressed blob.
    pub compiler_bytes: u64,
    /// Bytes of the compressed file.
    pub compressed_bytes: u64,
    /// The opcode set of its plans.
    pub opcode_set: u16,
    /// The price table of its plans.
    pub price_table: u16,
    /// The Rust toolchain that built the blob.
    pub rustc: String,
    /// The tract that is in it.
    pub tract: String,
    /// The price table: every number of [`assay_plan::PRICES`] by its name, in lower case.
    pub prices: BTreeMap<String, u64>,
}

/// An engine's files, as committed.
#[derive(Debug, Clone, Copy)]
pub struct Artifact {
    number: u32,
    manifest: &'static str,
    compressed: &'static [u8],
}

/// Why an engine's files are not what they should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("genesis/engines/{number}: {reason}; check it out again, or rebuild it with `make engine`")]
pub struct EngineError {
    /// The engine's number.
    pub number: u32,
    /// What is wrong.
    pub reason: String,
}

const ARTIFACTS: &[Artifact] = &[Artifact {
    number: 1,
    manifest: include_str!("../engines/1/manifest.toml"),
    compressed: include_bytes!("../engines/1/compiler.wasm.zst"),
}];

/// The engine that new chains start with.
pub const LATEST: u32 = 1;

/// The engine of a number, if this build carries it.
pub fn artifact(number: u32) -> Option<&'static Artifact> {
    ARTIFACTS.iter().find(|artifact| artifact.number == number)
}

/// All engines that this build carries, in ascending order.
pub fn artifacts() -> &'static [Artifact] {
    ARTIFACTS
}

impl Artifact {
    /// The engine's number.
    pub fn number(&self) -> u32 {
        self.number
    }

    fn error(&self, reason: impl Into<String>) -> EngineError {
        EngineError { number: self.number, reason: reason.into() }
    }

    /// Reads the manifest and checks it against the file beside it.
    ///
    /// # Errors
    /// [`EngineError`] when it does not read, or is another engine's or another file's.
    pub fn manifest(&self) -> Result<EngineManifest, EngineError> {
        let manifest: EngineManifest =
            toml::from_str(self.manifest).map_err(|error| self.error(format!("manifest.toml: {error}")))?;
        if manifest.engine != self.number {
            return Err(self.error(format!("manifest.toml is of engine {}", manifest.engine)));
        }
        if let Some(name) = other_price(&manifest.prices) {
            return Err(self.error(format!("manifest.toml has another price of {name} than this build")));
        }
        if manifest.compressed_bytes != self.compressed.len() as u64 {
            return Err(self.error(format!(
                "compiler.wasm.zst has {} bytes where manifest.toml says {}",
                self.compressed.len(),
                manifest.compressed_bytes
            )));
        }
        if manifest.compiler_bytes > MAX_COMPILER_BYTES {
            return Err(self.error(format!("a blob of {} bytes", manifest.compiler_bytes)));
        }
        Ok(manifest)
    }

    /// Decompresses the blob, into no more memory than the manifest announces, and checks its digest.
    ///
    /// # Errors
    /// [`EngineError`] when the file is not the manifest's.
    pub fn blob(&self) -> Result<Vec<u8>, EngineError> {
        let manifest = self.manifest()?;
        let capacity =
            usize::try_from(manifest.compiler_bytes).map_err(|_| self.error("a blob too large"))?;
        let blob = zstd::bulk::decompress(self.compressed, capacity)
            .map_err(|error| self.error(format!("compiler.wasm.zst: {error}")))?;
        if blob.len() != capacity {
            return Err(
                self.error(format!("the blob has {} bytes where manifest.toml says {capacity}", blob.len()))
            );
        }
        let hash = CompilerHash::of(&blob);
        if hash != manifest.compiler_hash {
            return Err(self.error(format!(
                "the blob's digest is {hash}, manifest.toml says {}",
                manifest.compiler_hash
            )));
        }
        Ok(blob)
    }
}

/// A number of the price table that a manifest lacks, has beside it, or has otherwise.
fn other_price(prices: &BTreeMap<String, u64>) -> Option<String> {
    let own: BTreeMap<String, u64> =
        assay_plan::PRICES.iter().map(|&(name, value)| (name.to_lowercase(), value)).collect();
    let names = own.keys().chain(prices.keys());
    names.into_iter().find(|&name| own.get(name) != prices.get(name)).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fixture(manifest: &'static str, compressed: &'static [u8]) -> Artifact {
        Artifact { number: 1, manifest, compressed }
    }

    /// A manifest's price table, as it is written.
    fn prices(artifact: &Artifact) -> &str {
        &artifact.manifest[artifact.manifest.find("[prices]").unwrap()..]
    }

    #[test]
    fn the_latest_engine_has_the_prices_of_this_build() {
        let manifest = artifact(LATEST).unwrap().manifest().unwrap();
        assert_eq!(manifest.prices.len(), assay_plan::PRICES.len());
        assert_eq!(other_price(&manifest.prices), None);
    }

    #[test]
    fn another_price_and_an_unknown_one_are_refused() {
        let whole = artifact(LATEST).unwrap();
        let (name, value) = assay_plan::PRICES[0];
        let line = format!("{} = {value}\n", name.to_lowercase());
        assert!(whole.manifest.contains(&line));
        for other in [
            String::new(),
            format!("{} = {}\n", name.to_lowercase(), value + 1),
            format!("{line}noise = 1\n"),
        ] {
            let manifest = whole.manifest.replacen(&line, &other, 1).leak();
            let reason = fixture(manifest, whole.compressed).manifest().unwrap_err().reason;
            assert!(reason.contains("another price"), "{reason}");
        }
    }

    #[test]
    fn every_engine_of_this_build_is_whole() {
        assert!(artifact(LATEST).is_some());
        for artifact in artifacts() {
            let blob = artifact.blob().unwrap();
            assert_eq!(blob.get(..4), Some(b"\0asm".as_slice()));
            assert_eq!(CompilerHash::of(&blob), artifact.manifest().unwrap().compiler_hash);
        }
    }

    #[test]
    fn an_unknown_engine_is_none() {
        assert!(artifact(0).is_none() && artifact(u32::MAX).is_none());
    }

    #[test]
    fn a_damaged_blob_is_refused() {
        let whole = artifact(1).unwrap();
        let mut bytes = whole.compressed.to_vec();
        let last = bytes.len() - 1;
        bytes[last] ^= 0x55;
        let damaged = fixture(whole.manifest, bytes.leak());
        assert!(damaged.blob().is_err());
        let short = fixture(whole.manifest, &whole.compressed[..last]);
        assert!(short.blob().unwrap_err().reason.contains("bytes where manifest.toml says"));
    }

    #[test]
    fn a_blob_larger_than_announced_is_refused_without_its_memory() {
        let bomb = zstd::bulk::compress(&vec![0; 1 << 20], 19).unwrap();
        let text = format!(
            "engine = 1\ncompiler_hash = \"{}\"\ncompiler_bytes = 100\ncompressed_bytes = {}\n\
             opcode_set = 1\nprice_table = 1\nrustc = \"x\"\ntract = \"y\"\n{}",
            CompilerHash([0; 32]),
            bomb.len(),
            prices(artifact(1).unwrap()),
        );
        let bomb = fixture(text.leak(), bomb.leak());
        assert!(bomb.blob().unwrap_err().reason.starts_with("compiler.wasm.zst"));
    }

    #[test]
    fn a_manifest_with_an_unknown_field_is_refused() {
        assert!(fixture("engine = 1\nnoise = 2\n", b"").manifest().is_err());
    }
}
