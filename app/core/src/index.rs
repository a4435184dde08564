//! The node's own index of transactions: not consensus, but written in the same batch as the block.
//!
//! A transaction is found by its hash, a block's transactions and what they used by its height. If a hash is in
//! several blocks, or twice in one, the entry is that of the time when it was admitted: a copy that was refused
//! never hides it.

use crate::fatal::Fatal;
use crate::market::Used;
use crate::walk::Executed;
use assay_store::{Entry, Store};
use assay_types::amount::Amount;
use assay_types::codec;
use assay_types::hash::TxHash;
use assay_types::receipt::Receipt;
use borsh::{BorshDeserialize, BorshSerialize};
use std::collections::BTreeMap;

/// Bytes that an entry may have: a transaction, its data, and room.
const MAX_ENTRY_BYTES: usize = 16 * 1024 * 1024;

/// Before every block's entry.
const BLOCKS: &[u8] = b"block/";

/// What the index says of a transaction.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(crate) struct TxEntry {
    pub height: u64,
    pub position: u32,
    pub code: u32,
    pub log: String,
    pub fee: Amount,
    pub tip: Amount,
    pub units: u64,
    pub data: Vec<u8>,
    pub bytes: Vec<u8>,
    /// Its receipts, by their messages' indexes: they leave the state one day.
    pub receipts: Vec<(u32, Receipt)>,
}

fn tx_key(hash: &TxHash) -> Vec<u8> {
    [b"tx/", hash.as_bytes().as_slice()].concat()
}

fn block_key(height: u64) -> Vec<u8> {
    [BLOCKS, &height.to_be_bytes()].concat()
}

fn used_key(height: u64) -> Vec<u8> {
    [b"used/".as_slice(), &height.to_be_bytes()].concat()
}

/// The entries of a block.
pub(crate) fn entries(store: &Store, executed: &Executed, txs: &[Vec<u8>]) -> Result<Vec<Entry>, Fatal> {
    let mut entries: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
    for (position, bytes) in (0..).zip(txs) {
        let index = position as usize;
        let parts = (executed.hashes.get(index), executed.results.get(index), executed.admitted.get(index));
        let ((Some(hash), Some(result), Some(admitted)), Some(receipts)) =
            (parts, executed.receipts.get(index))
        else {
            return Err(Fatal::Invariant("a block with more transactions than results".into()));
        };
        let key = tx_key(hash);
        if !admitted && (entries.contains_key(&key) || store.index_get(&key)?.is_some()) {
            continue;
        }
        let entry = TxEntry {
            height: executed.height,
            position,
            code: result.code,
            log: result.log.clone(),
            fee: result.fee,
            tip: result.tip,
            units: result.units,
            data: result.data.clone(),
            bytes: bytes.clone(),
            receipts: receipts.clone(),
        };
        entries.insert(key, codec::encode(&entry));
    }
    entries.insert(block_key(executed.height), codec::encode(&executed.hashes));
    entries.insert(used_key(executed.height), codec::encode(&executed.used));
    Ok(entries.into_iter().collect())
}

fn read<T: BorshSerialize + BorshDeserialize>(store: &Store, key: &[u8]) -> Result<Option<T>, Fatal> {
    let Some(bytes) = store.index_get(key)? else { return Ok(None) };
    let entry = codec::decode(&bytes, MAX_ENTRY_BYTES);
    entry.map(Some).map_err(|error| Fatal::Invariant(format!("an index entry does not decode: {error}")))
}

/// A transaction, if it is in a block.
pub(crate) fn tx(store: &Store, hash: &TxHash) -> Result<Option<TxEntry>, Fatal> {
    read(store, &tx_key(hash))
}

/// What a block used and at which prices, if there is such a block.
pub(crate) fn used(store: &Store, height: u64) -> Result<Option<Used>, Fatal> {
    read(store, &used_key(height))
}

/// The hashes of a block's transactions, if there is such a block.
pub(crate) fn block_txs(store: &Store, height: u64) -> Result<Option<Vec<TxHash>>, Fatal> {
    read(store, &block_key(height))
}

/// The keys of everything that the index has of a block, which is to be forgotten, and of its transactions; `None`
/// when there is no such block.
pub(crate) fn keys(store: &Store, height: u64) -> Result<Option<Vec<Vec<u8>>>, Fatal> {
    let Some(hashes) = block_txs(store, height)? else { return Ok(None) };
    let mut keys = vec![used_key(height)];
    for hash in hashes {
        // A copy in a later block that was admitted has the entry now.
        if tx(store, &hash)?.is_some_and(|entry| entry.height == height) {
            keys.push(tx_key(&hash));
        }
    }
    // Last, for it says where the others are.
    keys.push(block_key(height));
    Ok(Some(keys))
}

/// The lowest height above `after` whose block the index has.
pub(crate) fn first_block(store: &Store, after: Option<u64>) -> Result<Option<u64>, Fatal> {
    let after = after.map(block_key);
    let found = store.index_scan(BLOCKS, after.as_deref(), 1)?;
    let Some((key, _)) = found.first() else { return Ok(None) };
    let height = key.get(BLOCKS.len()..).and_then(|bytes| <[u8; 8]>::try_from(bytes).ok());
    let height = height.ok_or_else(|| Fatal::Invariant("a block of the index has no height".into()))?;
    Ok(Some(u64::from_be_bytes(height)))
}
