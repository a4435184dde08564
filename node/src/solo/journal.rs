//! The blocks that were decided, in one file that only grows.
//!
//! A block is here, synced, before the application commits it; so after a crash the application is at the last
//! block or one behind, and the block is executed again. A record is its length, a checksum, and protobuf:
//! the block and the commit as CometBFT encodes them, and what the block gave. What a crash left half written at
//! the end is cut off; a record that is damaged elsewhere is an error when it is read.

use super::block::Parent;
use crate::consensus::Decided;
use prost::Message;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::{PoisonError, RwLock};
use tendermint::block::signed_header::SignedHeader;
use tendermint::block::{Block, Commit};
use tendermint::{AppHash, Hash};
use tendermint_proto::v0_38::types::{Block as RawBlock, Commit as RawCommit};

/// Bytes of a record: a block of 4 MiB, and what stands beside it.
const MAX_RECORD_BYTES: u64 = 8 * 1024 * 1024;
/// The length and the checksum before a record.
const HEAD_BYTES: u64 = 8;

#[derive(Clone, PartialEq, Message)]
struct Raw {
    #[prost(message, optional, tag = "1")]
    block: Option<RawBlock>,
    #[prost(message, optional, tag = "2")]
    commit: Option<RawCommit>,
    #[prost(bytes = "vec", tag = "3")]
    app_hash: Vec<u8>,
    #[prost(bytes = "vec", tag = "4")]
    results_hash: Vec<u8>,
}

/// A decided block with its commit, and what it gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record {
    pub block: Block,
    pub commit: Commit,
    pub app_hash: AppHash,
    pub results_hash: Hash,
}

impl Record {
    /// What the next block is built on.
    pub fn parent(&self) -> Parent {
        let signed = self.commit.signatures.first().and_then(signed_at);
        Parent {
            height: self.block.header.height.value(),
            time: signed.unwrap_or(self.block.header.time),
            commit: Some(self.commit.clone()),
            app_hash: self.app_hash.clone(),
            results_hash: self.results_hash,
        }
    }

    /// The block, as it is served.
    pub fn decided(self) -> Decided {
        Decided { id: self.commit.block_id, block: self.block }
    }

    /// The header with its commit.
    pub fn signed_header(self) -> io::Result<SignedHeader> {
        SignedHeader::new(self.block.header, self.commit).map_err(damaged)
    }

    fn encode(&self) -> Vec<u8> {
        let raw = Raw {
            block: Some(self.block.clone().into()),
            commit: Some(self.commit.clone().into()),
            app_hash: self.app_hash.as_bytes().to_vec(),
            results_hash: self.results_hash.as_bytes().to_vec(),
        };
        raw.encode_to_vec()
    }

    fn decode(bytes: &[u8]) -> io::Result<Self> {
        let raw = Raw::decode(bytes).map_err(damaged)?;
        let (Some(block), Some(commit)) = (raw.block, raw.commit) else {
            return Err(damaged("a record without its block"));
        };
        Ok(Self {
            block: block.try_into().map_err(damaged)?,
            commit: commit.try_into().map_err(damaged)?,
            app_hash: raw.app_hash.try_into().map_err(damaged)?,
            results_hash: raw.results_hash.try_into().map_err(damaged)?,
        })
    }
}

fn signed_at(signature: &tendermint::block::CommitSig) -> Option<tendermint::Time> {
    match signature {
        tendermint::block::CommitSig::BlockIdFlagCommit { timestamp, .. } => Some(*timestamp),
        _ => None,
    }
}

fn damaged(why: impl std::fmt::Display) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why.to_string())
}

fn checksum(bytes: &[u8]) -> [u8; 4] {
    let digest = assay_types::hash::TxHash::of(bytes).0;
    [digest[0], digest[1], digest[2], digest[3]]
}

/// Where a record is: its place and its length.
type Place = (u64, u64);

/// The file.
pub(super) struct Journal {
    file: File,
    /// The places of the records: the one of height h is at h - 1.
    places: RwLock<Vec<Place>>,
}

impl Journal {
    /// Opens a journal, new or old; nobody else may have it open.
    ///
    /// # Errors
    /// The file system's, or [`io::ErrorKind::WouldBlock`] when another process has it.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = File::options().create(true).truncate(false).read(true).write(true).open(path)?;
        file.try_lock().map_err(io::Error::from)?;
        let journal = Self { file, places: RwLock::default() };
        let mut places = Vec::new();
        let (end, mut at) = (journal.file.metadata()?.len(), 0);
        while let Some((place, next)) = journal.place(at, end)? {
            places.push(place);
            at = next;
        }
        // Only the last one can be what a crash interrupted.
        if let Some(last) = places.last().copied()
            && journal.record(last).is_err()
        {
            places.pop();
            at = last.0.saturating_sub(HEAD_BYTES);
        }
        if at < end {
            tracing::warn!(bytes = end - at, path = %path.display(), "a block that was half written is dropped");
            journal.file.set_len(at)?;
        }
        *journal.places.write().unwrap_or_else(PoisonError::into_inner) = places;
        Ok(journal)
    }

    /// The place of the record whose head is at `at`, and where the next one begins.
    fn place(&self, at: u64, end: u64) -> io::Result<Option<(Place, u64)>> {
        let body = at.saturating_add(HEAD_BYTES);
        if body > end {
            return Ok(None);
        }
        let mut length = [0; 4];
        self.file.read_exact_at(&mut length, at)?;
        let length = u64::from(u32::from_le_bytes(length));
        let next = body.saturating_add(length);
        let whole = length <= MAX_RECORD_BYTES && next <= end;
        Ok(whole.then_some(((body, length), next)))
    }

    fn record(&self, (at, length): Place) -> io::Result<Record> {
        let mut sum = [0; 4];
        self.file.read_exact_at(&mut sum, at.saturating_sub(4))?;
        let mut bytes = vec![0; usize::try_from(length).map_err(damaged)?];
        self.file.read_exact_at(&mut bytes, at)?;
        if checksum(&bytes) != sum {
            return Err(damaged("a record of the journal is damaged"));
        }
        Record::decode(&bytes)
    }

    /// The last height; 0 when there is none.
    pub fn height(&self) -> u64 {
        self.places.read().unwrap_or_else(PoisonError::into_inner).len() as u64
    }

    /// The block of a height, if it is there.
    ///
    /// # Errors
    /// The file system's; [`io::ErrorKind::InvalidData`] when the record is damaged.
    pub fn get(&self, height: u64) -> io::Result<Option<Record>> {
        let index = height.checked_sub(1).and_then(|index| usize::try_from(index).ok());
        let places = self.places.read().unwrap_or_else(PoisonError::into_inner);
        let place = index.and_then(|index| places.get(index).copied());
        drop(places);
        place.map(|place| self.record(place)).transpose()
    }

    /// Appends the block of the next height, synced. Calls come one at a time.
    ///
    /// # Errors
    /// The file system's.
    pub fn push(&self, record: &Record) -> io::Result<()> {
        let bytes = record.encode();
        let length = u32::try_from(bytes.len()).map_err(damaged)?;
        let last = self.places.read().unwrap_or_else(PoisonError::into_inner).last().copied();
        let at = last.map_or(0, |(at, length)| at.saturating_add(length));
        let whole = [&length.to_le_bytes()[..], &checksum(&bytes), &bytes].concat();
        self.file.write_all_at(&whole, at)?;
        self.file.sync_data()?;
        let place = (at.saturating_add(HEAD_BYTES), u64::from(length));
        self.places.write().unwrap_or_else(PoisonError::into_inner).push(place);
        Ok(())
    }
}
