//! A state from peers: what they offer and send is checked, and CometBFT is told whom not to ask again.
//!
//! | what | answer |
//! |---|---|
//! | an offer of another format | that format is asked of nobody any more |
//! | an offer that contradicts itself, the trusted root or the chain | its senders are rejected |
//! | a chunk with other bytes than its manifest names | its sender is rejected, and another one asked |
//! | a chunk with these bytes that does not lead to the root | the snapshot and the sender are rejected |
//! | a chunk before its turn | the chunks are asked for from the first; those that are there are not needed |
//! | a disk that fails | the node stops with the reason |

use super::Snapshots;
use crate::abci::Fatal;
use crate::metrics;
use assay_core::App;
use assay_store::snapshot::{Applied, Chunk, Manifest, Refused, Restore, SnapshotError, SnapshotId};
use assay_types::hash::AppHash;
use std::sync::{Arc, MutexGuard, PoisonError};
use tendermint_proto::v0_38::abci::response_apply_snapshot_chunk::Result as Apply;
use tendermint_proto::v0_38::abci::response_offer_snapshot::Result as Offer;
use tendermint_proto::v0_38::abci::{
    RequestApplySnapshotChunk, RequestOfferSnapshot, ResponseApplySnapshotChunk, ResponseOfferSnapshot,
};

/// Where the sync is.
#[derive(Default)]
pub(super) enum Stage {
    /// Nothing is offered.
    #[default]
    Idle,
    /// A snapshot is restored.
    Restoring(Box<Restore>),
    /// The state is that of the offer already: the process died between the last chunk and CometBFT's first block.
    There(Box<Manifest>),
}

impl Snapshots {
    fn sync(&self) -> MutexGuard<'_, Stage> {
        self.sync.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes or refuses an offer.
    ///
    /// # Errors
    /// [`Fatal`] when the store fails.
    pub fn offer(&self, app: &App, request: &RequestOfferSnapshot) -> Result<ResponseOfferSnapshot, Fatal> {
        let mut sync = self.sync();
        // What was begun before stays on the disk, and goes on if it is the same.
        *sync = Stage::Idle;
        let offered = self.judge(request).map_err(SnapshotError::from).and_then(|(manifest, trusted)| {
            let info = app.info().map_err(|error| machine(&error))?;
            let (height, id) = (manifest.height, manifest.id());
            if (info.height, info.app_hash) == (height, Some(trusted)) {
                return Ok((Stage::There(Box::new(manifest)), height, id, 0));
            }
            let restore = Restore::open(&self.state, manifest, trusted)?;
            let next = restore.next();
            Ok((Stage::Restoring(Box::new(restore)), height, id, next))
        });
        let result = match offered {
            Ok((begun, height, id, next)) => {
                tracing::info!(height, %id, next, "a snapshot is restored");
                *sync = begun;
                Offer::Accept
            }
            Err(SnapshotError::Refused(refused)) => {
                metrics::snapshot_refused();
                tracing::warn!(%refused, "a snapshot that was offered is refused");
                match refused {
                    Refused::Format { .. } => Offer::RejectFormat,
                    Refused::AppVersion { .. } => Offer::Reject,
                    _ => Offer::RejectSender,
                }
            }
            Err(other) => return Err(Fatal(other.to_string())),
        };
        Ok(ResponseOfferSnapshot { result: result as i32 })
    }

    /// What an offer says, if it is consistent, and the root that CometBFT's light client trusts.
    fn judge(&self, request: &RequestOfferSnapshot) -> Result<(Manifest, AppHash), Refused> {
        let Some(offer) = &request.snapshot else {
            return Err(Refused::Manifest("there is none".into()));
        };
        if offer.format != assay_store::snapshot::FORMAT {
            let (found, supported) = (offer.format, assay_store::snapshot::FORMAT);
            return Err(Refused::Format { found, supported });
        }
        let manifest = Manifest::decode(&offer.metadata)?;
        if SnapshotId::of(&offer.metadata).0[..] != offer.hash[..] {
            return Err(Refused::ManifestHash);
        }
        let pairs = [
            ("the height", offer.height, manifest.height),
            ("the number of chunks", u64::from(offer.chunks), u64::from(manifest.count())),
        ];
        for (what, offered, manifest) in pairs {
            if offered != manifest {
                return Err(Refused::Offer { what, offered, manifest });
            }
        }
        let trusted = <[u8; 32]>::try_from(request.app_hash.as_ref())
            .map_err(|_| Refused::Manifest("the trusted root has not 32 bytes".into()))?;
        let trusted = AppHash(trusted);
        if manifest.app_hash != trusted {
            return Err(Refused::AppHash { found: manifest.app_hash, trusted });
        }
        manifest.expect(&self.spec.chain_id, self.spec.app_version)?;
        Ok((manifest, trusted))
    }

    /// Takes or refuses a chunk; after the last one, the state is that of the snapshot.
    ///
    /// # Errors
    /// [`Fatal`] when the store fails.
    pub fn apply(
        &self,
        app: &Arc<App>,
        request: &RequestApplySnapshotChunk,
    ) -> Result<ResponseApplySnapshotChunk, Fatal> {
        let mut sync = self.sync();
        match self.take(app, &mut sync, request.index, &request.chunk) {
            Ok(()) => Ok(answer(Apply::Accept)),
            Err(SnapshotError::Refused(refused)) => {
                metrics::snapshot_refused();
                let (sender, index) = (&request.sender, request.index);
                tracing::warn!(%refused, sender, index, "a chunk of a snapshot is refused");
                let answer = refusal(&refused, request);
                if answer.result == Apply::RejectSnapshot as i32
                    && let Stage::Restoring(restore) = std::mem::take(&mut *sync)
                {
                    restore.discard().map_err(|error| Fatal(error.to_string()))?;
                }
                Ok(answer)
            }
            Err(other) => Err(Fatal(other.to_string())),
        }
    }

    fn take(&self, app: &Arc<App>, sync: &mut Stage, index: u32, bytes: &[u8]) -> Result<(), SnapshotError> {
        let restore = match sync {
            Stage::Idle => return Err(Refused::NoOffer { index }.into()),
            Stage::There(manifest) => return Ok(Chunk::identify(index, manifest.chunk(index)?, bytes)?),
            Stage::Restoring(restore) => restore,
        };
        let applied = restore.apply(index, bytes)?;
        let (next, count) = (restore.next(), restore.manifest().count());
        if applied == Applied::Now {
            tracing::info!(chunk = index, of = count, "a chunk of the snapshot is in the state");
        }
        // Also when the last one was there before: it died before it could end.
        if next < count || index.saturating_add(1) < count {
            return Ok(());
        }
        let Stage::Restoring(restore) = std::mem::take(sync) else { return Ok(()) };
        let manifest = Box::new(restore.manifest().clone());
        let adopted = app.adopt(restore.finish()?).map_err(|error| machine(&error))?;
        tracing::info!(height = adopted.height, app_hash = %adopted.app_hash, "the state is the snapshot's");
        *sync = Stage::There(manifest);
        warm(app);
        Ok(())
    }
}

/// Compiles what everybody else keeps in memory, so that the first block with an inference does not wait for it.
fn warm(app: &App) {
    let reader = app.reader();
    let thread = std::thread::Builder::new().name("warm".into()).spawn(move || {
        if let Err(error) = reader.warm() {
            tracing::debug!(%error, "the hot set could not be loaded ahead");
        }
    });
    if let Err(error) = thread {
        tracing::debug!(%error, "the hot set is not loaded ahead");
    }
}

/// A failure of the state machine, which is this machine's.
fn machine(error: &assay_core::Fatal) -> SnapshotError {
    SnapshotError::Store(assay_store::StoreError::Tree(error.to_string()))
}

fn answer(result: Apply) -> ResponseApplySnapshotChunk {
    ResponseApplySnapshotChunk { result: result as i32, ..Default::default() }
}

/// What CometBFT does about a chunk that is refused.
fn refusal(refused: &Refused, request: &RequestApplySnapshotChunk) -> ResponseApplySnapshotChunk {
    let reject_senders = vec![request.sender.clone()];
    match refused {
        Refused::ChunkBytes { .. } | Refused::ChunkHash { .. } => ResponseApplySnapshotChunk {
            result: Apply::Retry as i32,
            refetch_chunks: vec![request.index],
            reject_senders,
        },
        Refused::OutOfOrder { .. } => answer(Apply::RetrySnapshot),
        Refused::NoOffer { .. } => answer(Apply::RejectSnapshot),
        _ => ResponseApplySnapshotChunk { reject_senders, ..answer(Apply::RejectSnapshot) },
    }
}
