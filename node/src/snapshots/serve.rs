//! What peers are offered and given.

use super::Snapshots;
use assay_store::snapshot::FORMAT;
use tendermint_proto::v0_38::abci::{
    RequestLoadSnapshotChunk, ResponseListSnapshots, ResponseLoadSnapshotChunk, Snapshot,
};

/// Snapshots that are offered; CometBFT sends no more to a peer.
const MOST_OFFERED: usize = 10;

impl Snapshots {
    /// The heights of the latest snapshots, the last one first.
    fn offered(&self) -> Vec<u64> {
        let mut heights = self.folder.heights().unwrap_or_else(|error| {
            tracing::warn!(%error, "the snapshots cannot be listed");
            Vec::new()
        });
        heights.truncate(MOST_OFFERED);
        heights
    }

    /// The oldest height that peers are offered. Who takes it goes on from there with CometBFT's blocks, so these have
    /// to be kept.
    pub fn oldest_offered(&self) -> Option<u64> {
        self.offered().last().copied()
    }

    /// The latest snapshots.
    pub fn list(&self) -> ResponseListSnapshots {
        let snapshots = self.offered().into_iter().filter_map(|height| {
            let manifest = self.folder.get(height).ok()?.manifest;
            Some(Snapshot {
                height,
                format: manifest.format,
                chunks: manifest.count(),
                hash: manifest.id().0.to_vec().into(),
                metadata: manifest.encode().into(),
            })
        });
        ResponseListSnapshots { snapshots: snapshots.collect() }
    }

    /// A chunk; none when it is not there, or damaged.
    pub fn load(&self, request: &RequestLoadSnapshotChunk) -> ResponseLoadSnapshotChunk {
        let RequestLoadSnapshotChunk { height, format, chunk } = *request;
        let found = match self.folder.get(height) {
            Ok(made) if format == FORMAT => made.chunk(chunk),
            _ => return ResponseLoadSnapshotChunk::default(),
        };
        match found {
            Ok(bytes) => ResponseLoadSnapshotChunk { chunk: bytes.into() },
            Err(error) => {
                tracing::warn!(height, chunk, %error, "a peer asked for a chunk that cannot be given");
                ResponseLoadSnapshotChunk::default()
            }
        }
    }
}
