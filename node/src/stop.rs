//! Why the node stops, and the one channel that says so.

use std::fmt;
use std::sync::mpsc::{self, Receiver, Sender};

/// Why the node stops.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stop {
    /// Somebody asked for it, by a signal.
    Asked(&'static str),
    /// CometBFT is gone.
    Comet(String),
    /// Storage or an invariant is broken, or the order of calls is.
    Fatal(String),
    /// An edge (the gateway, the metrics) failed.
    Edge(String),
}

impl Stop {
    /// Whether this is an orderly end.
    pub fn is_orderly(&self) -> bool {
        matches!(self, Stop::Asked(_))
    }
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Stop::Asked(signal) => write!(f, "{signal} was received"),
            Stop::Comet(why) => write!(f, "CometBFT stopped: {why}"),
            Stop::Fatal(why) | Stop::Edge(why) => f.write_str(why),
        }
    }
}

/// Tells the node to stop; the first reason counts.
#[derive(Debug, Clone)]
pub struct Stopper(Sender<Stop>);

impl Stopper {
    /// A stopper and the end where its reasons arrive.
    pub fn new() -> (Stopper, Receiver<Stop>) {
        let (sender, receiver) = mpsc::channel();
        (Stopper(sender), receiver)
    }

    /// Stops the node.
    pub fn now(&self, why: Stop) {
        if !why.is_orderly() {
            tracing::error!(%why, "stopping");
        }
        // Nobody listening means that the node is stopping already.
        let _ = self.0.send(why);
    }
}
