//! The strict codec: borsh in which a value has exactly one encoding.
//!
//! Decoding must consume every byte, and what was decoded must encode to the same bytes again. So two different
//! byte strings never mean the same value, and a hash of bytes is a hash of the value. Lengths are capped by the
//! caller's byte limit before anything is allocated: borsh grows collections as elements arrive, so the memory used
//! is bounded by the input's length.

use borsh::{BorshDeserialize, BorshSerialize};

/// Why bytes are not the canonical encoding of a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// More bytes than the kind of value may have.
    #[error("{len} bytes, more than the limit of {limit}")]
    TooLong {
        /// Bytes received.
        len: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// Not the encoding of any value: truncated, trailing bytes, an unknown variant.
    #[error("malformed encoding: {0}")]
    Malformed(String),
    /// Decodes, but is not the one encoding of what it decodes to.
    #[error("not the canonical encoding")]
    NotCanonical,
}

/// Encodes a value canonically.
pub fn encode<T: BorshSerialize>(value: &T) -> Vec<u8> {
    let mut bytes = Vec::new();
    // Writing to a vector cannot fail, and no type of this crate has a failing encoder.
    if value.serialize(&mut bytes).is_err() {
        bytes.clear();
    }
    bytes
}

/// Decodes a value from at most `limit` bytes, accepting nothing but its canonical encoding.
///
/// # Errors
/// [`CodecError`] when the bytes are too many, malformed or not canonical.
pub fn decode<T: BorshSerialize + BorshDeserialize>(bytes: &[u8], limit: usize) -> Result<T, CodecError> {
    if bytes.len() > limit {
        return Err(CodecError::TooLong { len: bytes.len(), limit });
    }
    let value = T::try_from_slice(bytes).map_err(|error| CodecError::Malformed(error.to_string()))?;
    // Compared as it is written: a plan is large, and a second copy of it would cost more than the look.
    let mut rest = Expect(bytes);
    if value.serialize(&mut rest).is_err() || !rest.0.is_empty() {
        return Err(CodecError::NotCanonical);
    }
    Ok(value)
}

/// A writer that takes the bytes it expects and no others.
struct Expect<'a>(&'a [u8]);

impl borsh::io::Write for Expect<'_> {
    fn write(&mut self, bytes: &[u8]) -> borsh::io::Result<usize> {
        match self.0.strip_prefix(bytes) {
            Some(rest) => self.0 = rest,
            None => return Err(borsh::io::ErrorKind::InvalidData.into()),
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> borsh::io::Result<()> {
        Ok(())
    }
}
