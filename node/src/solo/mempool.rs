//! Transactions that wait for a block: in the order of arrival, bounded, without copies.
//!
//! The bounds are those that CometBFT is given (`comet::config`). Whether a transaction may wait is for CheckTx
//! to say; this module decides only whether there is room and whether it was here before.

use crate::comet::config::{CACHE_SIZE, MAX_MEMPOOL_BYTES, MEMPOOL_SIZE};
use assay_types::hash::TxHash;
use prost::bytes::Bytes;
use std::collections::{BTreeSet, VecDeque};

/// Hashes of what was here lately; the oldest goes first.
#[derive(Debug, Default)]
struct Seen {
    hashes: BTreeSet<TxHash>,
    order: VecDeque<TxHash>,
}

impl Seen {
    fn insert(&mut self, hash: TxHash) {
        if self.hashes.insert(hash) {
            self.order.push_back(hash);
        }
        while self.order.len() > CACHE_SIZE {
            if let Some(oldest) = self.order.pop_front() {
                self.hashes.remove(&oldest);
            }
        }
    }

    fn remove(&mut self, hash: &TxHash) {
        if self.hashes.remove(hash) {
            self.order.retain(|other| other != hash);
        }
    }
}

/// The waiting transactions.
#[derive(Debug, Default)]
pub(super) struct Mempool {
    waiting: VecDeque<(TxHash, Bytes)>,
    bytes: usize,
    seen: Seen,
}

impl Mempool {
    /// Whether a transaction is here, or was lately.
    pub fn knows(&self, hash: &TxHash) -> bool {
        self.seen.hashes.contains(hash)
    }

    /// Why there is no room for so many bytes more; `None` when there is.
    pub fn full(&self, bytes: usize) -> Option<String> {
        let full = self.waiting.len() >= MEMPOOL_SIZE || self.bytes.saturating_add(bytes) > MAX_MEMPOOL_BYTES;
        full.then(|| {
            format!("the mempool is full: {} transactions, {} bytes", self.waiting.len(), self.bytes)
        })
    }

    /// Lets a transaction wait.
    pub fn push(&mut self, hash: TxHash, tx: Bytes) {
        self.seen.insert(hash);
        self.bytes = self.bytes.saturating_add(tx.len());
        self.waiting.push_back((hash, tx));
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// The first ones, of at most `most` bytes as a block counts them.
    pub fn first(&self, most: u64) -> Vec<Bytes> {
        let mut used = 0u64;
        let fits = |tx: &Bytes| {
            used = used.saturating_add(field_bytes(tx.len()));
            used <= most
        };
        self.waiting.iter().map(|(_, tx)| tx.clone()).take_while(fits).collect()
    }

    /// Notes what a block did with its transactions: whether it was in it, and whether it succeeded.
    pub fn committed(&mut self, txs: &[(TxHash, bool)]) {
        for (hash, good) in txs {
            if *good {
                self.seen.insert(*hash);
            } else {
                self.seen.remove(hash);
            }
        }
        let gone: BTreeSet<&TxHash> = txs.iter().map(|(hash, _)| hash).collect();
        self.waiting.retain(|(hash, _)| !gone.contains(hash));
        self.bytes = self.waiting.iter().map(|(_, tx)| tx.len()).sum();
    }

    /// Asks again of all that wait, in order, and drops those that may not any more: how many.
    ///
    /// # Errors
    /// The first error of `may_wait`; nothing is dropped then.
    pub fn recheck<E>(&mut self, mut may_wait: impl FnMut(&Bytes) -> Result<bool, E>) -> Result<usize, E> {
        let mut dropped = Vec::new();
        for (hash, tx) in &self.waiting {
            if !may_wait(tx)? {
                dropped.push((*hash, false));
            }
        }
        self.committed(&dropped);
        Ok(dropped.len())
    }
}

/// Bytes that a transaction takes of a block, with its protobuf field.
fn field_bytes(len: usize) -> u64 {
    let prefix = prost::length_delimiter_len(len).saturating_add(1);
    (len as u64).saturating_add(prefix as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tx(byte: u8) -> (TxHash, Bytes) {
        let tx = Bytes::from(vec![byte; 100]);
        (TxHash::of(&tx), tx)
    }

    fn pool(bytes: impl IntoIterator<Item = u8>) -> Mempool {
        let mut pool = Mempool::default();
        for byte in bytes {
            let (hash, tx) = tx(byte);
            pool.push(hash, tx);
        }
        pool
    }

    #[test]
    fn what_was_committed_is_known_and_gone() {
        let mut pool = pool(1..=4);
        pool.committed(&[(tx(2).0, true), (tx(3).0, false)]);
        assert_eq!(pool.first(u64::MAX), [tx(1).1, tx(4).1]);
        assert!(pool.knows(&tx(2).0));
        // One that failed may be sent again.
        assert!(!pool.knows(&tx(3).0));
        assert_eq!(pool.bytes, 200);
    }

    #[test]
    fn a_recheck_drops_what_may_not_wait_any_more() {
        let mut pool = pool(1..=4);
        let dropped = pool.recheck(|tx| Ok::<_, ()>(tx[0] % 2 == 0)).unwrap();
        assert_eq!((dropped, pool.len()), (2, 2));
        assert!(pool.recheck(|_| Err(())).is_err());
        assert_eq!(pool.len(), 2);
    }

    #[test]
    fn a_block_is_offered_what_fits_its_bytes() {
        let pool = pool(1..=4);
        for (most, count) in [(0, 0), (101, 0), (102, 1), (407, 3), (408, 4)] {
            assert_eq!(pool.first(most).len(), count, "{most}");
        }
    }

    #[test]
    fn a_full_mempool_says_so_and_old_hashes_are_forgotten() {
        let mut full = Mempool::default();
        for index in 0..MEMPOOL_SIZE {
            let tx = Bytes::from(index.to_le_bytes().to_vec());
            assert_eq!(full.full(tx.len()), None);
            full.push(TxHash::of(&tx), tx);
        }
        assert!(full.full(1).is_some_and(|why| why.contains("5000 transactions")));
        assert!(pool(1..=1).full(MAX_MEMPOOL_BYTES).is_some());
        let mut seen = Seen::default();
        for index in 0..=CACHE_SIZE {
            seen.insert(TxHash::of(&index.to_le_bytes()));
        }
        assert_eq!((seen.hashes.len(), seen.order.len()), (CACHE_SIZE, CACHE_SIZE));
        assert!(!seen.hashes.contains(&TxHash::of(&0usize.to_le_bytes())));
    }
}
