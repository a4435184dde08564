//! Digests of a state, small enough to be sent and fine enough to find where two of them differ.
//!
//! Two machines that disagree have different roots from some height on. What that height wrote is listed key by key
//! ([`HeightDigest`]), so the keys that differ are found at once. For a difference that is older than what both keep,
//! every kind of record has a digest for each of 256 buckets of its keys' hashes ([`KindDigest`]).

use assay_store::{Store, StoreError, View};
use assay_types::hash::AppHash;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// Keys of one height, and of one kind, that are named.
const MAX_KEYS: usize = 2000;
/// Bytes of a digest: it tells machines apart, and convinces nobody.
const DIGEST_BYTES: usize = 12;

/// What a height wrote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeightDigest {
    /// The height.
    pub height: u64,
    /// The root after it.
    pub app_hash: AppHash,
    /// Digests of the values that it wrote, by key; null for a deletion. Null as a whole where it is not known.
    pub written: Option<BTreeMap<String, Option<String>>>,
    /// Keys that are not named, for they are too many.
    pub left_out: usize,
}

/// The records of a kind: those whose keys begin with its name and a slash.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KindDigest {
    /// How many.
    pub entries: u64,
    /// The digest of keys and values, for each first byte of the keys' hashes that occurs.
    pub buckets: BTreeMap<String, String>,
    /// The digest of every value by key, if they are few.
    pub keys: Option<BTreeMap<String, String>>,
}

/// A state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateDigest {
    /// The chain.
    pub chain_id: String,
    /// The height.
    pub height: u64,
    /// The root after it.
    pub app_hash: AppHash,
    /// The last heights, ascending, that one included.
    pub heights: Vec<HeightDigest>,
    /// All records by their kinds; none if the state was not read.
    pub kinds: BTreeMap<String, KindDigest>,
}

impl StateDigest {
    /// Digests a state that is kept and the heights before it. `tell` hears how many entries are read.
    ///
    /// # Errors
    /// When the height is not kept, or the store fails.
    pub fn of(
        store: &Store,
        chain_id: String,
        height: Option<u64>,
        heights: u64,
        whole: bool,
        tell: &mut dyn FnMut(u64),
    ) -> Result<Self, StoreError> {
        let view = store.view();
        let kept = view.kept()?.ok_or(StoreError::NoGenesis)?;
        let height = height.unwrap_or(*kept.end());
        let app_hash = view.root_at(height)?;
        let from = height.saturating_sub(heights.saturating_sub(1)).max(*kept.start());
        let described = (from..=height).map(|at| of_height(&view, at, *kept.start()));
        let heights = described.collect::<Result<_, _>>()?;
        let kinds = if whole { kinds(&view, height, tell)? } else { BTreeMap::new() };
        Ok(Self { chain_id, height, app_hash, heights, kinds })
    }
}

fn of_height(view: &View, height: u64, oldest: u64) -> Result<HeightDigest, StoreError> {
    let app_hash = view.root_at(height)?;
    if height <= oldest {
        return Ok(HeightDigest { height, app_hash, written: None, left_out: 0 });
    }
    let written = view.written(height)?;
    let left_out = written.len().saturating_sub(MAX_KEYS);
    let entry =
        |written: assay_store::Written| (name(&written.key), written.value.map(|value| digest(&[&value])));
    let written = written.into_iter().take(MAX_KEYS).map(entry).collect();
    Ok(HeightDigest { height, app_hash, written: Some(written), left_out })
}

/// A bucket of a kind that is being digested.
#[derive(Default)]
struct Open {
    hasher: Sha256,
    any: bool,
}

/// All records of a version by their kinds.
fn kinds(
    view: &View,
    version: u64,
    tell: &mut dyn FnMut(u64),
) -> Result<BTreeMap<String, KindDigest>, StoreError> {
    let (mut kinds, mut open) = (BTreeMap::<String, KindDigest>::new(), BTreeMap::<String, Open>::new());
    let (mut bucket, mut count) = (0u8, 0u64);
    let mut walk = view.walk(version)?;
    while let Some(found) = walk.next_entry()? {
        let [first, ..] = found.hash.0;
        if first != bucket {
            close(&mut kinds, &mut open, bucket);
            bucket = first;
        }
        let kind = kind(&found.key);
        let slot = open.entry(kind.clone()).or_default();
        slot.any = true;
        for part in [&found.key, &found.value] {
            slot.hasher.update((part.len() as u64).to_be_bytes());
            slot.hasher.update(part);
        }
        let digests = kinds
            .entry(kind)
            .or_insert_with(|| KindDigest { keys: Some(BTreeMap::new()), ..Default::default() });
        digests.entries = digests.entries.saturating_add(1);
        if let Some(keys) = &mut digests.keys {
            keys.insert(name(&found.key), digest(&[&found.value]));
        }
        if digests.entries > MAX_KEYS as u64 {
            digests.keys = None;
        }
        count = count.saturating_add(1);
        tell(count);
    }
    close(&mut kinds, &mut open, bucket);
    Ok(kinds)
}

/// Ends the buckets of all kinds: the walk is past them.
fn close(kinds: &mut BTreeMap<String, KindDigest>, open: &mut BTreeMap<String, Open>, bucket: u8) {
    for (kind, Open { hasher, any }) in std::mem::take(open) {
        if any && let Some(digests) = kinds.get_mut(&kind) {
            digests.buckets.insert(hex::encode([bucket]), short(&hasher.finalize()));
        }
    }
}

/// What kind of record a key is of: what stands before its first slash.
fn kind(key: &[u8]) -> String {
    let end = key.iter().position(|byte| *byte == b'/').unwrap_or(key.len());
    name(&key[..end])
}

fn name(key: &[u8]) -> String {
    String::from_utf8_lossy(key).into_owned()
}

fn digest(parts: &[&[u8]]) -> String {
    let mut hasher = Sha256::new();
    parts.iter().for_each(|part| hasher.update(part));
    short(&hasher.finalize())
}

fn short(digest: &[u8]) -> String {
    hex::encode(&digest[..DIGEST_BYTES.min(digest.len())])
}
