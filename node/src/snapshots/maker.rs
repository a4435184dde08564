//! The thread that makes snapshots.

use crate::metrics;
use crate::priority::stand_back;
use assay_store::View;
use assay_store::snapshot::{Folder, SnapshotError, Spec};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

pub(super) struct Maker {
    views: Mutex<Option<SyncSender<View>>>,
    stopping: Arc<AtomicBool>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Maker {
    /// Starts the thread, which keeps the latest so many. Where none can be started, no snapshots are made.
    pub fn start(folder: &Folder, spec: &Spec, keep: usize) -> Self {
        // Nobody waits in the channel: a view that is not taken at once is not kept alive.
        let (sender, receiver) = sync_channel(0);
        let stopping = Arc::new(AtomicBool::new(false));
        let work = Work { folder: folder.clone(), spec: spec.clone(), keep, stopping: Arc::clone(&stopping) };
        let thread = std::thread::Builder::new().name("snapshots".into()).spawn(move || work.run(&receiver));
        if let Err(error) = &thread {
            tracing::warn!(%error, "no snapshots are made: their thread cannot be started");
        }
        Self { views: Mutex::new(Some(sender)), stopping, thread: Mutex::new(thread.ok()) }
    }

    /// Makes one of a view, unless another is being made.
    pub fn make(&self, height: u64, view: View) {
        let views = self.views.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(Err(TrySendError::Full(_))) = views.as_ref().map(|views| views.try_send(view)) {
            tracing::warn!(height, "no snapshot: the last one is still being made; raise snapshots.interval");
        }
    }

    /// Ends the thread; what is half made is thrown away.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
        self.views.lock().unwrap_or_else(PoisonError::into_inner).take();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }
}

struct Work {
    folder: Folder,
    spec: Spec,
    keep: usize,
    stopping: Arc<AtomicBool>,
}

impl Work {
    fn run(&self, views: &Receiver<View>) {
        stand_back();
        while let Ok(view) = views.recv() {
            self.make(&view);
        }
    }

    fn make(&self, view: &View) {
        let start = Instant::now();
        let made = self.folder.make(view, &self.spec, &mut |_| !self.stopping.load(Ordering::Relaxed));
        let made = made.and_then(|made| self.folder.retain(self.keep).map(|_| made));
        match made {
            Ok(made) => {
                let (height, bytes) = (made.manifest.height, made.manifest.bytes());
                metrics::snapshot(height, bytes);
                let chunks = made.manifest.count();
                tracing::info!(height, chunks, bytes, took_ms = start.elapsed().as_millis(), "snapshot");
            }
            // The one of a height that is executed again after a crash.
            Err(SnapshotError::Exists(_) | SnapshotError::Stopped) => {}
            Err(SnapshotError::Store(error)) if error.is_damage() => {
                tracing::error!(%error, "no snapshot can be made of this state");
            }
            Err(error) => tracing::warn!(%error, "no snapshot was made"),
        }
    }
}
