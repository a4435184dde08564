//! One connection: read a request, check its place in the order, have it answered, write the answer.

use super::Fatal;
use super::frame::{self, FrameError};
use super::order::{Call, Illegal, Order};
use super::server::Shared;
use super::socket::Stream;
use std::io::{BufReader, BufWriter, Write};
use tendermint_proto::v0_38::abci::{
    Response, ResponseEcho, ResponseException, ResponseFlush, request, response,
};

const BUFFER_BYTES: usize = 64 * 1024;
/// An answer's buffer above this many bytes is given back.
const KEEP_BYTES: usize = 1024 * 1024;

/// Why a connection ended before the other side closed it.
#[derive(Debug, thiserror::Error)]
pub(super) enum End {
    /// The other side spoke no ABCI, or went away.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// The other side called out of order.
    #[error(transparent)]
    Illegal(#[from] Illegal),
    /// A second connection makes consensus calls while the first one lives.
    #[error("two connections make consensus calls at once; run one CometBFT against this application")]
    TwoEngines,
    /// The application cannot go on.
    #[error(transparent)]
    Fatal(#[from] Fatal),
}

impl End {
    /// Whether the process has to stop.
    pub(super) fn stops_the_process(&self) -> bool {
        !matches!(self, End::Frame(_))
    }
}

impl From<std::io::Error> for End {
    fn from(error: std::io::Error) -> Self {
        End::Frame(error.into())
    }
}

/// Serves a connection until the other side closes it.
pub(super) fn serve(stream: Stream, id: u64, shared: &Shared) -> Result<(), End> {
    let mut writer = BufWriter::with_capacity(BUFFER_BYTES, stream.try_clone()?);
    let mut reader = BufReader::with_capacity(BUFFER_BYTES, stream);
    let mut order = Order::default();
    let mut scratch = Vec::new();
    while let Some(frame) = frame::read_frame(&mut reader)? {
        let (answer, flush) = match frame::decode_request(frame)?.value {
            Some(request::Value::Flush(_)) => (response::Value::Flush(ResponseFlush {}), true),
            Some(request::Value::Echo(echo)) => {
                (response::Value::Echo(ResponseEcho { message: echo.message }), false)
            }
            Some(request) => {
                if let Some(call) = Call::of(&request) {
                    if !shared.claim_consensus(id) {
                        return Err(End::TwoEngines);
                    }
                    order.step(call)?;
                }
                (shared.handler.handle(request)?, false)
            }
            None => (unknown(), false),
        };
        frame::write_message(&mut writer, &Response { value: Some(answer) }, &mut scratch)?;
        if flush {
            writer.flush()?;
        }
        scratch.shrink_to(KEEP_BYTES);
    }
    Ok(())
}

fn unknown() -> response::Value {
    let error = "this application speaks ABCI 2.0.0 and does not know the request".into();
    response::Value::Exception(ResponseException { error })
}
