//! The server: one thread that accepts, one per connection, and a way to stop them all.

use super::Handler;
use super::connection;
use super::socket::{Bound, Listen, Stream};
use crate::stop::{Stop, Stopper};
use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// CometBFT opens four connections; twice that leaves room while one CometBFT replaces another.
const MAX_CONNECTIONS: usize = 8;
/// How long a new consensus connection waits for the one before to end.
const CLAIM_PATIENCE: Duration = Duration::from_millis(if cfg!(test) { 200 } else { 5000 });

/// What the connections share.
pub(super) struct Shared {
    pub(super) handler: Arc<dyn Handler>,
    stop: Stopper,
    stopping: AtomicBool,
    live: Mutex<Live>,
}

#[derive(Default)]
struct Live {
    next: u64,
    connections: BTreeMap<u64, (Stream, JoinHandle<()>)>,
    /// The connection that makes the consensus calls.
    consensus: Option<u64>,
}

impl Shared {
    fn live(&self) -> MutexGuard<'_, Live> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a connection the one that makes consensus calls; waits a little for an earlier one to end.
    pub(super) fn claim_consensus(&self, id: u64) -> bool {
        let deadline = Instant::now() + CLAIM_PATIENCE;
        loop {
            let mut live = self.live();
            if *live.consensus.get_or_insert(id) == id {
                return true;
            }
            drop(live);
            if Instant::now() >= deadline || self.stopping.load(Ordering::SeqCst) {
                return false;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn ended(&self, id: u64) {
        let mut live = self.live();
        live.consensus.take_if(|owner| *owner == id);
        live.connections.remove(&id);
    }
}

/// A running server; dropping it stops it.
pub struct Server {
    shared: Arc<Shared>,
    address: Listen,
    acceptor: Option<JoinHandle<()>>,
}

impl Server {
    /// Binds the address and starts to serve.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub fn start(listen: &Listen, handler: Arc<dyn Handler>, stop: Stopper) -> io::Result<Self> {
        let bound = Bound::bind(listen)?;
        let address = bound.address().clone();
        let live = Mutex::default();
        let shared = Arc::new(Shared { handler, stop, stopping: AtomicBool::new(false), live });
        let acceptor = std::thread::Builder::new().name("abci-accept".into()).spawn({
            let shared = Arc::clone(&shared);
            move || accept(&bound, &shared)
        })?;
        Ok(Self { shared, address, acceptor: Some(acceptor) })
    }

    /// Where it listens; CometBFT's `proxy_app`.
    pub fn address(&self) -> &Listen {
        &self.address
    }

    /// Stops: no new connection is taken, the open ones are closed, a call in progress is waited for.
    pub fn shutdown(&mut self) {
        let Some(acceptor) = self.acceptor.take() else { return };
        self.shared.stopping.store(true, Ordering::SeqCst);
        // The acceptor sits in accept(); a connection wakes it. Where none comes through any more, for somebody
        // removed the socket's file, it sits there until the process ends, and waiting for it would be in vain.
        if Stream::connect(&self.address).is_ok() {
            let _ = acceptor.join();
        }
        let connections = std::mem::take(&mut self.shared.live().connections);
        for (stream, _) in connections.values() {
            stream.close();
        }
        for (_, thread) in connections.into_values() {
            let _ = thread.join();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shutdown();
    }
}

fn accept(bound: &Bound, shared: &Arc<Shared>) {
    loop {
        let accepted = bound.accept().and_then(|stream| Ok((stream.try_clone()?, stream)));
        if shared.stopping.load(Ordering::SeqCst) {
            return;
        }
        match accepted {
            Ok((handle, stream)) => start_connection(handle, stream, shared),
            Err(error) => {
                tracing::warn!(%error, "an ABCI connection could not be taken");
                std::thread::sleep(Duration::from_millis(100));
            }
        }
    }
}

fn start_connection(handle: Stream, stream: Stream, shared: &Arc<Shared>) {
    // Held until the connection is registered, so that one which ends at once finds itself.
    let mut live = shared.live();
    if live.connections.len() >= MAX_CONNECTIONS {
        tracing::warn!("an ABCI connection is refused: {MAX_CONNECTIONS} are open already");
        return stream.close();
    }
    let id = live.next;
    live.next = id.saturating_add(1);
    let thread = std::thread::Builder::new().name(format!("abci-{id}")).spawn({
        let shared = Arc::clone(shared);
        move || serve(stream, id, &shared)
    });
    match thread {
        Ok(thread) => {
            live.connections.insert(id, (handle, thread));
        }
        Err(error) => tracing::warn!(%error, "an ABCI connection could not be served"),
    }
}

fn serve(stream: Stream, id: u64, shared: &Shared) {
    let closer = stream.try_clone();
    let result = connection::serve(stream, id, shared);
    let stopping = shared.stopping.load(Ordering::SeqCst);
    match result {
        Ok(()) => tracing::debug!(id, "an ABCI connection ended"),
        Err(_) if stopping => {}
        Err(end) if end.stops_the_process() => shared.stop.now(Stop::Fatal(end.to_string())),
        Err(end) => tracing::warn!(id, %end, "an ABCI connection is closed"),
    }
    // The registered handle keeps the socket open; the other side must see the end now.
    if let Ok(closer) = closer {
        closer.close();
    }
    shared.ended(id);
}
