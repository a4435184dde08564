//! What a kept version has under a key, and the proof of it.

use crate::layout::{self, META, META_BASE};
use crate::tree::EMPTY_ROOT;
use crate::{StoreError, View, proof};
use assay_types::hash::AppHash;
use assay_types::limits::MAX_KEY_BYTES;
use prost013::Message;
use std::ops::RangeInclusive;

/// A key's value at a version, or its absence, with the proof.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proven {
    /// The value; `None` when the key is not there, and the proof then proves that.
    pub value: Option<Vec<u8>>,
    /// An ICS23 `CommitmentProof`, protobuf; `assay_types::proof` checks it.
    pub proof: Vec<u8>,
    /// The root that it proves against.
    pub root: AppHash,
}

impl View {
    /// The versions that are kept, the oldest and the newest; `None` before genesis.
    ///
    /// # Errors
    /// When the database fails.
    pub fn kept(&self) -> Result<Option<RangeInclusive<u64>>, StoreError> {
        let Some((newest, _)) = self.tip()? else { return Ok(None) };
        let oldest = match self.value(META, META_BASE)? {
            Some(bytes) => decode_base(&bytes)?,
            None => 0,
        };
        Ok(Some(oldest..=newest))
    }

    /// The root of a kept version.
    ///
    /// # Errors
    /// When the version is not kept, when the database fails.
    pub fn root_at(&self, version: u64) -> Result<AppHash, StoreError> {
        self.expect(version)?;
        Ok(AppHash(self.root_record(version)?.hash()))
    }

    /// A key's value at a kept version, without a proof; `None` when the key was not there.
    ///
    /// # Errors
    /// When the version is not kept, when the database fails.
    pub fn get_at(&self, key: &[u8], version: u64) -> Result<Option<Vec<u8>>, StoreError> {
        self.expect(version)?;
        self.value_at(&layout::key_hash(key), version)
    }

    /// A key's value at a kept version, or its absence, with the proof against that version's root.
    ///
    /// # Errors
    /// When the version is not kept, when its tree is empty, when no tree can have the key, when the database
    /// fails.
    pub fn prove(&self, key: &[u8], version: u64) -> Result<Proven, StoreError> {
        if key.is_empty() || key.len() > MAX_KEY_BYTES {
            return Err(StoreError::BadEntry { what: "a key", len: key.len(), most: MAX_KEY_BYTES });
        }
        let root = self.root_at(version)?;
        if root == EMPTY_ROOT {
            return Err(StoreError::EmptyTree { version });
        }
        let (value, proof) = proof::prove(self, key, version)?;
        Ok(Proven { value, proof: proof.encode_to_vec(), root })
    }

    /// Refuses a version that is not kept.
    pub(crate) fn expect(&self, version: u64) -> Result<(), StoreError> {
        let kept = self.kept()?.ok_or(StoreError::NoGenesis)?;
        if kept.contains(&version) {
            return Ok(());
        }
        Err(StoreError::UnknownVersion { version, oldest: *kept.start(), newest: *kept.end() })
    }
}

pub(crate) fn decode_base(bytes: &[u8]) -> Result<u64, StoreError> {
    let bytes = <[u8; 8]>::try_from(bytes);
    let bytes = bytes.map_err(|_| StoreError::Corrupt("the oldest kept version does not decode".into()))?;
    Ok(u64::from_be_bytes(bytes))
}
