//! A large state: records as those of accounts and receipts, and model chunks.

use crate::Result;
use assay_store::{Changes, Store};
use assay_types::hash::ChunkHash;
use assay_types::limits::CHUNK_BYTES;
use assay_types::path;
use std::path::Path;

/// Bytes of a record's value, and about of its key: a receipt's.
pub const VALUE: usize = 190;
const ENTRY: u64 = VALUE as u64 + 75;
/// Records that a version of the building writes.
const RECORDS: u64 = 20_000;

/// Numbers that look random and are the same every time.
pub fn noise(seed: u64, bytes: &mut [u8]) {
    let mut x = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    for part in bytes.chunks_mut(8) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        part.copy_from_slice(&x.to_le_bytes()[..part.len()]);
    }
}

/// The key and the value of a record.
pub fn record(number: u64, version: u64) -> (Vec<u8>, Vec<u8>) {
    let mut name = [0; 16];
    noise(number, &mut name);
    let name: String = name.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut value = vec![0; VALUE];
    noise(number ^ version << 40, &mut value);
    (format!("receipt/{name}{name}/0").into_bytes(), value)
}

/// Makes the state; nothing when it is there.
pub fn build(folder: &Path, mib: u64) -> Result<()> {
    if folder.join("whole").exists() {
        return Ok(());
    }
    if folder.exists() {
        std::fs::remove_dir_all(folder)?;
    }
    let store = Store::open(&folder.join("app.db"))?;
    store.genesis(Changes::default())?;
    let records = mib * 1024 * 1024 / 4 / ENTRY;
    let mut version = 0;
    let mut put = |changes: Changes| -> Result<()> {
        version += 1;
        store.commit(store.stage(version, changes)?, Vec::new())?;
        Ok(())
    };
    for first in (0..records).step_by(RECORDS as usize) {
        let mut changes = Changes::default();
        for number in first..(first + RECORDS).min(records) {
            let (key, value) = record(number, 0);
            changes.writes.insert(key, Some(value));
        }
        put(changes)?;
        eprintln!("bench: {first} of {records} records");
    }
    let blobs = mib * 3 / 4 * 1024 * 1024 / CHUNK_BYTES as u64;
    for first in (0..blobs).step_by(16) {
        let mut changes = Changes::default();
        for number in first..(first + 16).min(blobs) {
            let mut blob = vec![0; CHUNK_BYTES];
            noise(u64::MAX - number, &mut blob);
            let hash = ChunkHash::of(&blob);
            changes.writes.insert(path::blob(&hash), Some(blob.len().to_le_bytes().to_vec()));
            changes.blobs.insert(hash, Some(blob));
        }
        put(changes)?;
    }
    std::fs::write(folder.join("whole"), records.to_string())?;
    Ok(())
}
