//! Frames: an unsigned varint length, then that many bytes of protobuf.
//!
//! Nothing is believed before it is seen: the length is checked against the cap before any allocation, and
//! the buffer grows with what arrives, so a lying prefix costs its sender a connection and us nothing.

use prost::Message;
use prost::bytes::Bytes;
use std::io::{self, Read, Write};
use tendermint_proto::v0_38::abci::Request;

/// Bytes of one frame's message.
pub const MAX_FRAME_BYTES: usize = 128 * 1024 * 1024;

/// Bytes allocated on the word of a length prefix alone.
const FIRST_ALLOCATION: usize = 64 * 1024;

/// Why a connection's bytes are no frames.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// The socket failed, or ended in the middle of a frame.
    #[error("the connection failed: {0}")]
    Io(#[from] io::Error),
    /// The length prefix is not a varint of at most ten bytes.
    #[error("the length prefix is no varint")]
    BadLength,
    /// The length prefix says more than [`MAX_FRAME_BYTES`].
    #[error("a frame of {0} bytes, more than {MAX_FRAME_BYTES}")]
    TooLong(u64),
    /// The bytes are no protobuf request.
    #[error("a malformed request: {0}")]
    Malformed(#[from] prost::DecodeError),
}

/// Reads the next frame's message, or `None` when the other side closed between two frames.
///
/// # Errors
/// [`FrameError`] when the bytes are no frame; the connection is useless then.
pub fn read_frame(reader: &mut impl Read) -> Result<Option<Bytes>, FrameError> {
    let Some(len) = read_length(reader)? else { return Ok(None) };
    if len > MAX_FRAME_BYTES as u64 {
        return Err(FrameError::TooLong(len));
    }
    let mut message = Vec::with_capacity((len as usize).min(FIRST_ALLOCATION));
    let got = reader.take(len).read_to_end(&mut message)?;
    if got as u64 != len {
        return Err(FrameError::Io(io::ErrorKind::UnexpectedEof.into()));
    }
    Ok(Some(message.into()))
}

fn read_length(reader: &mut impl Read) -> Result<Option<u64>, FrameError> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let mut byte = [0u8];
        match reader.read_exact(&mut byte) {
            Ok(()) => {}
            Err(error) if shift == 0 && error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            Err(error) => return Err(error.into()),
        }
        let bits = u64::from(byte[0] & 0x7f);
        // The tenth byte has room for one bit.
        if shift == 63 && bits > 1 {
            return Err(FrameError::BadLength);
        }
        value |= bits << shift;
        if byte[0] & 0x80 == 0 {
            return Ok(Some(value));
        }
    }
    Err(FrameError::BadLength)
}

/// Decodes a request; the transactions in it share the frame's memory.
///
/// # Errors
/// [`FrameError::Malformed`].
pub fn decode_request(frame: Bytes) -> Result<Request, FrameError> {
    Ok(Request::decode(frame)?)
}

/// Writes one message as a frame. `scratch` is overwritten; passing the same one again saves allocations.
///
/// # Errors
/// The writer's.
pub fn write_message(
    writer: &mut impl Write,
    message: &impl Message,
    scratch: &mut Vec<u8>,
) -> io::Result<()> {
    scratch.clear();
    message.encode_length_delimited(scratch).map_err(io::Error::other)?;
    writer.write_all(scratch)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use tendermint_proto::v0_38::abci::{RequestEcho, request};

    fn echo(text: &str) -> Request {
        Request { value: Some(request::Value::Echo(RequestEcho { message: text.into() })) }
    }

    #[test]
    fn a_length_over_the_cap_is_refused_before_its_bytes_are_read() {
        let mut prefix = Vec::new();
        prost::encoding::encode_varint(MAX_FRAME_BYTES as u64 + 1, &mut prefix);
        let error = read_frame(&mut prefix.as_slice()).unwrap_err();
        assert!(matches!(error, FrameError::TooLong(len) if len == MAX_FRAME_BYTES as u64 + 1));
    }

    #[test]
    fn a_frame_cut_short_is_an_error_and_an_end_between_frames_is_not() {
        assert!(read_frame(&mut [].as_slice()).unwrap().is_none());
        assert!(matches!(read_frame(&mut [5u8, 1, 2].as_slice()), Err(FrameError::Io(_))));
        assert!(matches!(read_frame(&mut [0x80u8].as_slice()), Err(FrameError::Io(_))));
    }

    #[test]
    fn a_length_of_more_than_64_bits_is_refused() {
        assert!(matches!(read_frame(&mut [0xffu8; 11].as_slice()), Err(FrameError::BadLength)));
        let mut two = [0x80u8; 10];
        two[9] = 2;
        assert!(matches!(read_frame(&mut two.as_slice()), Err(FrameError::BadLength)));
    }

    proptest! {
        #[test]
        fn any_bytes_are_frames_or_an_error_and_never_a_panic(
            bytes in proptest::collection::vec(any::<u8>(), 0..300),
        ) {
            let mut rest = bytes.as_slice();
            while let Ok(Some(frame)) = read_frame(&mut rest) {
                prop_assert!(frame.len() <= bytes.len());
                let _ = decode_request(frame);
            }
        }

        #[test]
        fn a_mutated_request_is_decoded_or_refused(
            text in "[a-z]{0,40}", at in any::<proptest::sample::Index>(), with in any::<u8>(),
        ) {
            let mut bytes = Vec::new();
            write_message(&mut bytes, &echo(&text), &mut Vec::new()).unwrap();
            let at = at.index(bytes.len());
            bytes[at] = with;
            if let Ok(Some(frame)) = read_frame(&mut bytes.as_slice()) {
                let _ = decode_request(frame);
            }
        }

        #[test]
        fn a_request_survives_its_frame(text in ".{0,200}") {
            let mut bytes = Vec::new();
            write_message(&mut bytes, &echo(&text), &mut Vec::new()).unwrap();
            let mut rest = bytes.as_slice();
            let frame = read_frame(&mut rest).unwrap().unwrap();
            prop_assert_eq!(decode_request(frame).unwrap(), echo(&text));
            prop_assert!(rest.is_empty());
        }
    }
}
