//! What waits to be computed ahead of its block: bounded, and fair between accounts.
//!
//! The account that has had the fewest units computed of those that wait is next; between equals, the one
//! that pays more for a unit. What does not fit is dropped, and computed when its block comes.

use assay_core::{Checked, Work};
use assay_types::address::Address;
use assay_types::hash::TxHash;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Transactions that wait, of all accounts (what the mempool holds) and of one.
const MOST: usize = 5000;
pub(super) const MOST_OF_ONE: usize = 128;
/// Bytes of transactions that wait.
const MOST_BYTES: u64 = 32 * 1024 * 1024;

/// A transaction that waits.
#[derive(Debug)]
struct Item {
    tx_hash: TxHash,
    work: Work,
    units: u64,
    /// What it pays for a million units.
    price: u128,
}

/// An account's turn, the least first: the units that it has had computed, counted from the least of those that
/// waited when it came; what its first transaction pays; who it is.
type Turn = (u64, Reverse<u128>, Address);

#[derive(Debug, Default)]
struct Lines {
    /// The transactions of each account, in the order of their nonces.
    lines: BTreeMap<Address, VecDeque<Item>>,
    /// One for each line.
    turns: BTreeSet<Turn>,
    hashes: BTreeSet<TxHash>,
    bytes: u64,
    closed: bool,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Queue {
    lines: Mutex<Lines>,
    filled: Condvar,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets a transaction wait; `false` when there is no room for it.
    pub fn push(&self, checked: &Checked) -> bool {
        let Some(work) = &checked.work else { return true };
        let pushed = self.lock().push(checked, work);
        self.filled.notify_one();
        pushed
    }

    /// The next work, once there is some; `None` when the queue is closed.
    pub fn pop(&self) -> Option<Work> {
        let mut lines = self.lock();
        loop {
            if lines.closed {
                return None;
            }
            if let Some(work) = lines.pop() {
                return Some(work);
            }
            lines = self.filled.wait(lines).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// How many transactions wait.
    pub fn len(&self) -> usize {
        self.lock().hashes.len()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Sends whoever waits for work away.
    pub fn close(&self) {
        self.lock().closed = true;
        self.filled.notify_all();
    }
}

impl Lines {
    fn push(&mut self, checked: &Checked, work: &Work) -> bool {
        if self.hashes.contains(&checked.tx_hash) {
            return true;
        }
        let bytes = self.bytes.saturating_add(work.bytes());
        let own = self.lines.get(&checked.payer).map_or(0, VecDeque::len);
        if self.hashes.len() >= MOST || own >= MOST_OF_ONE || bytes > MOST_BYTES {
            return false;
        }
        let price = checked.fee.0.saturating_mul(1_000_000) / u128::from(checked.units.max(1));
        if own == 0 {
            // Who comes anew is owed nothing for the time when it asked for nothing.
            let least = self.turns.first().map_or(0, |(served, _, _)| *served);
            self.turns.insert((least, Reverse(price), checked.payer));
        }
        let (tx_hash, units) = (checked.tx_hash, checked.units);
        let item = Item { tx_hash, work: work.clone(), units, price };
        self.lines.entry(checked.payer).or_default().push_back(item);
        self.hashes.insert(tx_hash);
        self.bytes = bytes;
        true
    }

    fn pop(&mut self) -> Option<Work> {
        let (served, _, payer) = self.turns.pop_first()?;
        let line = self.lines.get_mut(&payer)?;
        let item = line.pop_front()?;
        match line.front() {
            Some(next) => {
                self.turns.insert((served.saturating_add(item.units), Reverse(next.price), payer));
            }
            None => {
                self.lines.remove(&payer);
            }
        }
        self.hashes.remove(&item.tx_hash);
        self.bytes = self.bytes.saturating_sub(item.work.bytes());
        Some(item.work)
    }
}
