//! Why a question about a height has no answer.

use assay_store::StoreError;

/// A question that this node's state cannot answer. It is the asker's to correct, or another node's to answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unproven {
    /// The height was pruned.
    #[error("the state of height {asked} is pruned; this node keeps heights {oldest} to {newest}")]
    Pruned {
        /// The height asked for.
        asked: u64,
        /// The oldest height that is kept.
        oldest: u64,
        /// The newest one.
        newest: u64,
    },
    /// The height is not there yet.
    #[error("the state of height {asked} is not there yet; this node keeps heights {oldest} to {newest}")]
    Ahead {
        /// The height asked for.
        asked: u64,
        /// The oldest height that is kept.
        oldest: u64,
        /// The newest one.
        newest: u64,
    },
    /// A key that no state can have.
    #[error("a key has 1 to {most} bytes, and this one has {len}")]
    BadKey {
        /// Its bytes.
        len: usize,
        /// Bytes that a key may have.
        most: usize,
    },
    /// There is no chain yet, or nothing in its state.
    #[error("there is no state yet")]
    NoState,
}

impl Unproven {
    /// Separates what the asker can be told from what this machine must stop for.
    pub(crate) fn from_store(error: StoreError) -> Result<Self, StoreError> {
        match error {
            StoreError::UnknownVersion { version: asked, oldest, newest } if asked < oldest => {
                Ok(Self::Pruned { asked, oldest, newest })
            }
            StoreError::UnknownVersion { version: asked, oldest, newest } => {
                Ok(Self::Ahead { asked, oldest, newest })
            }
            StoreError::BadEntry { len, most, .. } => Ok(Self::BadKey { len, most }),
            StoreError::EmptyTree { .. } | StoreError::NoGenesis => Ok(Self::NoState),
            other => Err(other),
        }
    }
}
