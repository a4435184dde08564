//! A snapshot in one file, to be carried away: a line, the manifest behind its length, the chunks one after the other.

use super::error::{Refused, SnapshotError};
use super::folder::Made;
use super::manifest::{MAX_MANIFEST_BYTES, Manifest};
use std::io::{Read, Write};

/// The first bytes of the file.
const MAGIC: &[u8] = b"assay snapshot 1\n";

/// Writes a snapshot. `tell` hears how many chunks are written.
///
/// # Errors
/// When a chunk is damaged, or a file fails.
pub fn export(made: &Made, to: &mut impl Write, tell: &mut dyn FnMut(u32)) -> Result<(), SnapshotError> {
    let manifest = made.manifest.encode();
    let length = u32::try_from(manifest.len()).unwrap_or(u32::MAX).to_be_bytes();
    for bytes in [MAGIC, &length, &manifest] {
        to.write_all(bytes).map_err(|source| file(made, source))?;
    }
    for index in 0..made.manifest.count() {
        to.write_all(&made.chunk(index)?).map_err(|source| file(made, source))?;
        tell(index.saturating_add(1));
    }
    to.flush().map_err(|source| file(made, source))
}

fn file(made: &Made, source: std::io::Error) -> SnapshotError {
    SnapshotError::File { path: made.path.clone(), source }
}

/// Reads the manifest of such a file; the chunks follow, each as long as it says.
///
/// # Errors
/// [`Refused`] when the bytes are no snapshot.
pub fn import(from: &mut impl Read) -> Result<Manifest, Refused> {
    let mut magic = [0; MAGIC.len()];
    from.read_exact(&mut magic).map_err(|_| Refused::NoSnapshot("it is too short"))?;
    if magic != MAGIC {
        return Err(Refused::NoSnapshot("it begins otherwise"));
    }
    let mut length = [0; 4];
    from.read_exact(&mut length).map_err(|_| Refused::NoSnapshot("it is too short"))?;
    let length = u32::from_be_bytes(length) as usize;
    if length > MAX_MANIFEST_BYTES {
        return Err(Refused::ManifestBytes { len: length, most: MAX_MANIFEST_BYTES });
    }
    let mut manifest = Vec::new();
    let got = from.take(length as u64).read_to_end(&mut manifest);
    if got.ok() != Some(length) {
        return Err(Refused::NoSnapshot("it ends in its manifest"));
    }
    Manifest::decode(&manifest)
}
