//! The ABCI server: CometBFT's requests in, the state machine's answers out.
//!
//! Decides how bytes on a socket become calls, and in which order calls are legal. It knows nothing of
//! accounts or models: whatever implements [`Handler`] does.
//!
//! Invariants:
//! - Answers are buffered and leave on `Flush`, so a request with its flush costs one write and no delayed
//!   ACK.
//! - A length prefix is checked before anything is allocated, and memory grows with the bytes that arrive.
//! - A malformed frame closes its connection; an unknown request is answered with an exception; neither can
//!   panic.
//! - A call out of order, or a fatal answer of the handler, stops the whole process with the reason.

mod client;
mod connection;
mod frame;
mod order;
mod server;
mod socket;
#[cfg(test)]
mod tests;

pub use client::Client;
pub use frame::{FrameError, MAX_FRAME_BYTES, decode_request, read_frame, write_message};
pub use order::{Call, Illegal, Order};
pub use server::Server;
pub use socket::{Listen, ParseListenError, Stream};

use tendermint_proto::v0_38::abci::{request, response};

/// Storage or an invariant is broken: no answer can be given, and the process has to stop.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Fatal(pub String);

/// What answers requests. Calls come from several threads; those of one connection come in order.
pub trait Handler: Send + Sync + 'static {
    /// Answers a request; `Echo` and `Flush` never get here.
    ///
    /// # Errors
    /// [`Fatal`] when the process has to stop.
    fn handle(&self, request: request::Value) -> Result<response::Value, Fatal>;
}
