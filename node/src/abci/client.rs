//! A client that speaks as CometBFT does: a request and a `Flush` in one write, then both answers.

use super::frame::{self, FrameError};
use super::socket::{Listen, Stream};
use prost::Message;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::time::Duration;
use tendermint_proto::v0_38::abci::{Request, RequestFlush, Response, request, response};

/// One connection to an ABCI server.
#[derive(Debug)]
pub struct Client {
    reader: BufReader<Stream>,
    writer: Stream,
}

impl Client {
    /// Connects.
    ///
    /// # Errors
    /// The socket's.
    pub fn connect(address: &Listen) -> io::Result<Self> {
        let writer = Stream::connect(address)?;
        Ok(Self { reader: BufReader::new(writer.try_clone()?), writer })
    }

    /// Makes a call and waits for its answer.
    ///
    /// # Errors
    /// [`FrameError`] when the connection ends or the server speaks no ABCI.
    pub fn call(&mut self, request: request::Value) -> Result<response::Value, FrameError> {
        self.send(&Request { value: Some(request) })?;
        self.answer()
    }

    /// Sends a request and a flush, without waiting.
    ///
    /// # Errors
    /// The socket's.
    pub fn send(&mut self, request: &Request) -> io::Result<()> {
        let flush = Request { value: Some(request::Value::Flush(RequestFlush {})) };
        let mut bytes = Vec::new();
        for message in [request, &flush] {
            message.encode_length_delimited(&mut bytes).map_err(io::Error::other)?;
        }
        self.send_bytes(&bytes)
    }

    /// Sends bytes as they are.
    ///
    /// # Errors
    /// The socket's.
    pub fn send_bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.writer.write_all(bytes)
    }

    /// Reads the answers to a request and to its flush.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub fn answer(&mut self) -> Result<response::Value, FrameError> {
        let answer = self.read()?;
        match self.read()? {
            response::Value::Flush(_) => Ok(answer),
            _ => Err(io::Error::other("the answer to a flush is missing").into()),
        }
    }

    fn read(&mut self) -> Result<response::Value, FrameError> {
        let ended = || FrameError::Io(io::ErrorKind::UnexpectedEof.into());
        let frame = frame::read_frame(&mut self.reader)?.ok_or_else(ended)?;
        Response::decode(frame)?.value.ok_or_else(|| io::Error::other("an empty answer").into())
    }

    /// Whether nothing arrives for so long.
    pub fn is_silent_for(&mut self, time: Duration) -> bool {
        let silent = self.writer.set_read_timeout(Some(time)).is_ok() && self.reader.fill_buf().is_err();
        silent && self.writer.set_read_timeout(None).is_ok()
    }

    /// Whether the server has closed the connection; waits for it to send something or to close.
    pub fn is_closed(&mut self) -> bool {
        !matches!(self.reader.read(&mut [0]), Ok(n) if n > 0)
    }
}
