//! Snapshots: made beside the blocks, given to peers, and restored from them.
//!
//! The store decides what a snapshot is and which ones are believed; this module decides when one is made, how many
//! are kept, and what CometBFT is told. A snapshot that cannot be made costs a line in the log and nothing else: a
//! block never waits for it. One that cannot be restored because of this machine stops the node.

mod maker;
mod serve;
mod sync;
#[cfg(test)]
mod tests;

use crate::config;
use assay_core::{APP_VERSION, App};
use assay_store::snapshot::{Folder, MAX_CHUNK_BYTES, Spec, forget};
use maker::Maker;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use sync::Stage;

/// What a snapshot of this program's chain says of itself.
pub fn spec(chain_id: &str) -> Spec {
    Spec { chain_id: chain_id.into(), app_version: APP_VERSION, chunk_bytes: MAX_CHUNK_BYTES }
}

/// The snapshots of a node.
pub struct Snapshots {
    folder: Folder,
    spec: Spec,
    /// Where the state is.
    state: PathBuf,
    interval: u64,
    maker: Option<Maker>,
    sync: Mutex<Stage>,
    /// Whether what a restore has left behind is removed.
    tidy: AtomicBool,
}

impl Snapshots {
    /// Those in a folder, of the state in another; made as the settings say.
    pub fn start(folder: Folder, state: PathBuf, spec: Spec, settings: &config::Snapshots) -> Self {
        if let Err(error) = folder.clean() {
            tracing::warn!(%error, "what was left of unfinished snapshots cannot be removed");
        }
        let maker = (settings.interval > 0).then(|| Maker::start(&folder, &spec, settings.keep as usize));
        let (sync, tidy) = (Mutex::default(), AtomicBool::new(false));
        Self { folder, spec, state, interval: settings.interval, maker, sync, tidy }
    }

    /// Begins to make a snapshot of what was just committed, if it is its turn.
    pub fn committed(&self, app: &App, height: u64) {
        // Whoever commits has a state, and needs none that was begun to be restored.
        if !self.tidy.swap(true, Ordering::Relaxed)
            && let Err(error) = forget(&self.state)
        {
            tracing::warn!(%error, "what was left of a restore cannot be removed");
        }
        if let Some(maker) = &self.maker
            && height.checked_rem(self.interval) == Some(0)
        {
            maker.make(height, app.reader().view());
        }
    }

    /// Ends what is being made.
    pub fn stop(&self) {
        if let Some(maker) = &self.maker {
            maker.stop();
        }
    }
}
