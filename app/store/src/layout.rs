//! The column families and the form of their keys. Node-local: no byte of it is under the root.

use jmt::KeyHash;
use jmt::storage::NodeKey;
use sha2::{Digest, Sha256};

/// The format of the state directory. A change of anything below is a new number.
pub(crate) const FORMAT: u32 = 2;

/// Tree nodes: [`node_key`] to the node's borsh.
pub(crate) const NODES: &str = "nodes";
/// Every version of every value: [`value_key`] to [`VALUE`] and the bytes, or [`DELETED`].
pub(crate) const VALUES: &str = "values";
/// Key hash to key.
pub(crate) const PREIMAGES: &str = "preimages";
/// Nodes that a later version replaced: the version that did, big-endian, and [`node_key`]; for pruning.
pub(crate) const STALE: &str = "stale";
/// Key to value at the last committed version: reads that walk no tree.
pub(crate) const LATEST: &str = "latest";
/// Chunk hash to chunk.
pub(crate) const BLOBS: &str = "blobs";
/// Rebuildable look-ups of the node; not consensus.
pub(crate) const INDEX: &str = "index";
/// [`META_FORMAT`], [`META_TIP`], [`META_BASE`] and [`META_RESTORE`].
pub(crate) const META: &str = "meta";

/// Every column family but `meta`, with what a genesis wipes.
pub(crate) const CONTENT: [&str; 7] = [NODES, VALUES, PREIMAGES, STALE, LATEST, BLOBS, INDEX];

/// The format's number, four bytes, big-endian.
pub(crate) const META_FORMAT: &[u8] = b"format";
/// The last committed version, big-endian, and its root.
pub(crate) const META_TIP: &[u8] = b"tip";
/// The oldest version that is kept, big-endian; not there while all are.
pub(crate) const META_BASE: &[u8] = b"base";
/// How far a restore is, as long as it is not complete.
pub(crate) const META_RESTORE: &[u8] = b"restore";

/// Bytes of a [`value_key`] before the version.
pub(crate) const VALUE_PREFIX_BYTES: usize = 32;

/// Before a value that is there.
pub(crate) const VALUE: u8 = 1;
/// Alone, for a deleted value.
pub(crate) const DELETED: u8 = 0;

/// The tree's hash of a key. (`KeyHash::with` does the same, and a log line each time.)
pub(crate) fn key_hash(key: &[u8]) -> KeyHash {
    KeyHash(Sha256::digest(key).into())
}

/// Version first, so that nodes written together lie together.
pub(crate) fn node_key(key: &NodeKey) -> std::io::Result<Vec<u8>> {
    let mut bytes = key.version().to_be_bytes().to_vec();
    borsh::to_writer(&mut bytes, key.nibble_path())?;
    Ok(bytes)
}

/// The version that replaced a node, then [`node_key`]; ascending versions lie together.
pub(crate) fn stale_key(since: u64, node: &NodeKey) -> std::io::Result<Vec<u8>> {
    let mut bytes = since.to_be_bytes().to_vec();
    bytes.extend(node_key(node)?);
    Ok(bytes)
}

/// Ascending versions of one key lie together, so the newest at or below a height is one step back from it.
pub(crate) fn value_key(hash: &KeyHash, version: u64) -> [u8; 40] {
    let mut bytes = [0; 40];
    bytes[..32].copy_from_slice(&hash.0);
    bytes[32..].copy_from_slice(&version.to_be_bytes());
    bytes
}
