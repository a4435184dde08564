//! Any bytes: a manifest or a chunk that decodes encodes to the same bytes and keeps its bounds.
#![no_main]

use assay_store::snapshot::{Chunk, ChunkDigest, ChunkInfo, ChunkKind, MAX_CHUNKS, Manifest, import};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(manifest) = Manifest::decode(bytes) {
        assert_eq!(manifest.encode(), bytes);
        assert!(manifest.chunks.len() <= MAX_CHUNKS && manifest.state_chunks() > 0);
    }
    let _ = import(&mut &bytes[..]);
    let (&first, _) = bytes.split_first().unwrap_or((&0, &[]));
    let kind = if first == 0 { ChunkKind::State } else { ChunkKind::Blobs };
    // The liar's manifest fits his chunk; the number of items is the only thing that he may not know.
    let mut info = ChunkInfo { kind, digest: ChunkDigest::of(bytes), bytes: bytes.len() as u32, items: 1 };
    if let Err(assay_store::snapshot::Refused::Items { found, .. }) = Chunk::decode(0, &info, bytes) {
        info.items = found as u32;
    }
    if let Ok(chunk) = Chunk::decode(0, &info, bytes) {
        assert_eq!(chunk.encode(), bytes);
    }
});
