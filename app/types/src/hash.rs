//! 32-byte digests, one type per kind of thing that is hashed.
//!
//! Everything but the transaction hash is BLAKE3 in `derive_key` mode with a context string of its own, so a digest
//! of one kind can never be taken for a digest of another. The transaction hash is SHA-256, for that is the hash
//! CometBFT shows to users.

use borsh::{BorshDeserialize, BorshSerialize};
use sha2::{Digest, Sha256};
use std::fmt;
use std::str::FromStr;

/// A text that is not 64 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a hash is 64 hexadecimal digits, got {0:?}")]
pub struct ParseHashError(String);

fn parse(text: &str) -> Result<[u8; 32], ParseHashError> {
    let mut bytes = [0u8; 32];
    match hex::decode_to_slice(text, &mut bytes) {
        Ok(()) => Ok(bytes),
        Err(_) => Err(ParseHashError(text.chars().take(80).collect())),
    }
}

macro_rules! digest {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
        pub struct $name(pub [u8; 32]);

        impl $name {
            /// The digest's bytes.
            pub fn as_bytes(&self) -> &[u8; 32] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&hex::encode(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl FromStr for $name {
            type Err = ParseHashError;
            fn from_str(text: &str) -> Result<Self, ParseHashError> {
                parse(text).map(Self)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <String as serde::Deserialize>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

macro_rules! blake3_digest {
    ($(#[$doc:meta])* $name:ident, $context:literal) => {
        digest!($(#[$doc])* $name);

        impl $name {
            /// The BLAKE3 `derive_key` context of this kind of digest.
            pub const CONTEXT: &'static str = $context;

            /// Hashes the canonical bytes of the thing itself.
            pub fn of(bytes: &[u8]) -> Self {
                Self(blake3::derive_key(Self::CONTEXT, bytes))
            }
        }
    };
}

digest!(
    /// SHA-256 of a transaction's bytes: what CometBFT calls the transaction's hash.
    TxHash
);
digest!(
    /// The root of the state tree after a block; CometBFT's app hash.
    AppHash
);
blake3_digest!(
    /// Identifies a model: the digest of its borsh manifest (size, chunk digests, fixed input shapes).
    ModelId, "assay v1 model"
);
blake3_digest!(
    /// The digest of one chunk of a model file.
    ChunkHash, "assay v1 chunk"
);
blake3_digest!(
    /// The digest of a plan's canonical bytes.
    PlanHash, "assay v1 plan"
);
blake3_digest!(
    /// The digest of a compiler blob's (uncompressed) WebAssembly bytes.
    CompilerHash, "assay v1 compiler"
);
blake3_digest!(
    /// The digest of an inference's input: the borsh list of named tensors, in the model's declared order.
    InputHash, "assay v1 input"
);
blake3_digest!(
    /// The digest of an inference's output: the borsh list of named tensors, in the model's declared order.
    OutputHash, "assay v1 output"
);
blake3_digest!(
    /// What a transaction's signature covers: the digest of its borsh sign document.
    SignHash, "assay v1 tx sign"
);

impl TxHash {
    /// SHA-256 of the transaction's bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_survives_its_text_form() {
        let hash = ModelId::of(b"model");
        assert_eq!(hash.to_string().parse::<ModelId>().unwrap(), hash);
        assert!("00".parse::<ModelId>().is_err());
        assert!("zz".repeat(32).parse::<ModelId>().is_err());
    }

    #[test]
    fn kinds_of_digest_never_collide() {
        assert_ne!(InputHash::of(b"x").0, OutputHash::of(b"x").0);
        assert_ne!(ModelId::of(b"x").0, PlanHash::of(b"x").0);
    }

    #[test]
    fn digests_are_the_pinned_ones() {
        assert_eq!(
            TxHash::of(b"").to_string(),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
    }
}
