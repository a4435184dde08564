//! Turns: the same piece of work is done by one thread at a time.
//!
//! Blocks, dry runs and speculation may ask for one run at once. Whoever comes first does it and the others
//! wait, then find the answer in the cache. If the first one fails, the next one tries for itself.

use std::collections::BTreeSet;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Who is at work on what.
pub(crate) struct Turns<K: Ord> {
    busy: Mutex<BTreeSet<K>>,
    freed: Condvar,
}

/// The right to work on a key, until it is dropped.
pub(crate) struct Turn<'a, K: Ord> {
    turns: &'a Turns<K>,
    key: K,
}

impl<K: Ord + Clone> Turns<K> {
    pub fn new() -> Self {
        Self { busy: Mutex::new(BTreeSet::new()), freed: Condvar::new() }
    }

    /// Waits until nobody else works on a key. A thread holds one turn at a time, so none waits in a circle.
    pub fn take(&self, key: &K) -> Turn<'_, K> {
        let mut busy = self.lock();
        while !busy.insert(key.clone()) {
            busy = self.freed.wait(busy).unwrap_or_else(PoisonError::into_inner);
        }
        Turn { turns: self, key: key.clone() }
    }
}

impl<K: Ord> Turns<K> {
    fn lock(&self) -> MutexGuard<'_, BTreeSet<K>> {
        self.busy.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Ord> Drop for Turn<'_, K> {
    fn drop(&mut self) {
        self.turns.lock().remove(&self.key);
        self.turns.freed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    #[test]
    fn one_thread_at_a_time_works_on_a_key() {
        let (turns, inside, most) = (Turns::new(), AtomicU32::new(0), AtomicU32::new(0));
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        let _turn = turns.take(&7u8);
                        most.fetch_max(inside.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                        std::thread::yield_now();
                        inside.fetch_sub(1, Ordering::SeqCst);
                    }
                });
            }
        });
        assert_eq!(most.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn another_key_does_not_wait() {
        let turns = Turns::new();
        let _first = turns.take(&1u8);
        drop(turns.take(&2u8));
    }
}
