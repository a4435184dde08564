//! A bounded cache: what was used least recently goes when the weights add up to too much.

use std::collections::BTreeMap;

/// Values by key, each with a weight.
pub(crate) struct Recent<K, V> {
    values: BTreeMap<K, Slot<V>>,
    order: BTreeMap<u64, K>,
    weight: u64,
    limit: u64,
    clock: u64,
}

struct Slot<V> {
    value: V,
    weight: u64,
    used: u64,
}

impl<K: Ord + Clone, V: Clone> Recent<K, V> {
    /// A cache that holds values of at most `limit` together, but always the last one put in.
    pub fn new(limit: u64) -> Self {
        Self { values: BTreeMap::new(), order: BTreeMap::new(), weight: 0, limit, clock: 0 }
    }

    /// The value of a key, which counts as a use.
    pub fn get(&mut self, key: &K) -> Option<V> {
        let slot = self.values.get_mut(key)?;
        self.order.remove(&slot.used);
        self.clock += 1;
        slot.used = self.clock;
        self.order.insert(self.clock, key.clone());
        Some(slot.value.clone())
    }

    /// Sets the value of a key, and makes room for it.
    pub fn put(&mut self, key: K, value: V, weight: u64) {
        self.remove(&key);
        while self.weight.saturating_add(weight) > self.limit {
            let Some(oldest) = self.order.first_key_value().map(|(_, key)| key.clone()) else { break };
            self.remove(&oldest);
        }
        self.clock += 1;
        self.weight = self.weight.saturating_add(weight);
        self.order.insert(self.clock, key.clone());
        self.values.insert(key, Slot { value, weight, used: self.clock });
    }

    fn remove(&mut self, key: &K) {
        if let Some(slot) = self.values.remove(key) {
            self.order.remove(&slot.used);
            self.weight = self.weight.saturating_sub(slot.weight);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_recently_used_goes_first() {
        let mut recent = Recent::new(3);
        for key in ["a", "b", "c"] {
            recent.put(key, key, 1);
        }
        assert_eq!(recent.get(&"a"), Some("a"));
        recent.put("d", "d", 1);
        assert_eq!(recent.get(&"b"), None);
        assert_eq!((recent.get(&"a"), recent.get(&"c"), recent.get(&"d")), (Some("a"), Some("c"), Some("d")));
    }

    #[test]
    fn one_value_above_the_limit_is_held_alone() {
        let mut recent = Recent::new(3);
        recent.put(1, 1, 1);
        recent.put(2, 2, 100);
        assert_eq!((recent.get(&1), recent.get(&2)), (None, Some(2)));
        recent.put(3, 3, 1);
        assert_eq!((recent.get(&2), recent.get(&3)), (None, Some(3)));
    }

    #[test]
    fn putting_a_key_again_counts_its_weight_once() {
        let mut recent = Recent::new(4);
        for _ in 0..10 {
            recent.put(1, 1, 2);
        }
        recent.put(2, 2, 2);
        assert_eq!((recent.get(&1), recent.get(&2)), (Some(1), Some(2)));
    }
}
