//! The tree of a version, computed from the one before.
//!
//! The root and the nodes are functions of the content alone; what is decided here is only how long they take. What is
//! written goes in sorted, in one pass that hashes each node once ([`pass`]). Many writes go in as several passes
//! side by side, each below other children of the root ([`side_by_side`]). What is deleted, which such a pass cannot
//! do, goes before it, key by key, and the two results are joined ([`join`]).

use crate::tree::{Tree, root_key};
use crate::{StoreError, View, layout};
use assay_types::hash::AppHash;
use borsh::{BorshDeserialize, BorshSerialize};
use jmt::storage::{LeafNode, Node, NodeBatch, NodeKey, StaleNodeIndex, TreeReader, TreeUpdateBatch};
use jmt::{KeyHash, OwnedValue, Sha256Jmt};
use sha2::Sha256;
use std::collections::BTreeMap;

/// Passes side by side. It is no matter of the machine: the result is the same with any number.
const PASSES: usize = 4;
/// Children of an inner node.
const CHILDREN: usize = 16;
/// Writes for which threads are worth starting.
const WRITES_FOR_THREADS: usize = 64;

/// The writes of a version: `None` deletes.
type Writes = BTreeMap<Vec<u8>, Option<Vec<u8>>>;
/// What is put, by the tree's order.
type Puts = Vec<(KeyHash, OwnedValue)>;
/// A root and what changes in the tree.
type Updated = (AppHash, TreeUpdateBatch);

/// The root of a version and what changes in the tree. The version before it must be there.
pub(crate) fn update(view: &View, version: u64, writes: &Writes) -> Result<Updated, StoreError> {
    let (mut puts, mut deletions) = (Puts::new(), Vec::new());
    for (key, value) in writes {
        let hash = layout::key_hash(key);
        match value {
            Some(value) => puts.push((hash, value.clone())),
            None => deletions.push((hash, None)),
        }
    }
    let tree = Tree(view);
    if version == 0 || puts.is_empty() {
        let puts = puts.into_iter().map(|(hash, value)| (hash, Some(value)));
        let all: Vec<_> = deletions.into_iter().chain(puts).collect();
        let (root, update) =
            Sha256Jmt::new(&tree).put_value_set(all, version).map_err(StoreError::from_tree)?;
        return Ok((AppHash(root.0), update));
    }
    puts.sort_unstable_by_key(|(hash, _)| *hash);
    if deletions.is_empty() {
        return insert(&tree, version, puts);
    }
    let (_, first) =
        Sha256Jmt::new(&tree).put_value_set(deletions, version).map_err(StoreError::from_tree)?;
    let (root, second) = insert(&Between { tree: &tree, version, first: &first }, version, puts)?;
    Ok((root, join(version, first, second)))
}

/// Sorted writes over the tree of the version before.
fn insert(tree: &(impl TreeReader + Sync), version: u64, puts: Puts) -> Result<Updated, StoreError> {
    let parent = tree.get_node_option(&root_key(version.saturating_sub(1))).map_err(StoreError::from_tree)?;
    match parent {
        Some(Node::Internal(_)) if puts.len() >= WRITES_FOR_THREADS => side_by_side(tree, version, puts),
        _ => pass(tree, version, puts),
    }
}

/// One pass over sorted writes.
fn pass(tree: &impl TreeReader, version: u64, puts: Puts) -> Result<Updated, StoreError> {
    let inserted = Sha256Jmt::new(tree).batch_put_value_sets(vec![puts], None, version);
    let (roots, update) = inserted.map_err(StoreError::from_tree)?;
    let root = roots.first().ok_or_else(|| StoreError::Tree("a version without a root".into()))?;
    Ok((AppHash(root.0), update))
}

/// Passes over the tree of one version, each below children of the root that no other touches; then their root.
fn side_by_side(tree: &(impl TreeReader + Sync), version: u64, puts: Puts) -> Result<Updated, StoreError> {
    let mut parts: Vec<Puts> = (0..PASSES).map(|_| Puts::new()).collect();
    for put in puts {
        let part = part_of(usize::from(put.0.0[0] >> 4));
        parts[part].push(put);
    }
    let passed: Vec<Option<Result<Updated, StoreError>>> = std::thread::scope(|scope| {
        let start = |part: Puts| (!part.is_empty()).then(|| scope.spawn(move || pass(tree, version, part)));
        let running: Vec<_> = parts.into_iter().map(start).collect();
        let panicked = |_| Err(StoreError::Tree("a thread that computes it panicked".into()));
        running.into_iter().map(|part| part.map(|part| part.join().unwrap_or_else(panicked))).collect()
    });
    let (mut all, mut root) = (TreeUpdateBatch::default(), None);
    for (part, passed) in passed.into_iter().enumerate() {
        let Some(passed) = passed else { continue };
        let (_, update) = passed?;
        let found = update.node_batch.get_node(&root_key(version)).map(Inner::of).transpose()?;
        let found = found.ok_or_else(|| StoreError::Tree("a pass without a root".into()))?;
        let root: &mut Inner = root.get_or_insert_with(|| found.clone());
        for (at, child) in found.children.into_iter().enumerate() {
            if part_of(at) == part {
                root.children[at] = child;
            }
        }
        all.node_batch.merge(update.node_batch);
        all.stale_node_index_batch.extend(update.stale_node_index_batch);
    }
    let root = root.ok_or_else(|| StoreError::Tree("no writes to pass".into()))?.counted().node()?;
    let Node::Internal(inner) = &root else { return Err(StoreError::Tree("a root of another kind".into())) };
    let hash = AppHash(inner.hash::<Sha256>());
    all.node_batch.insert_node(root_key(version), root);
    Ok((hash, all))
}

/// Which pass is below a child of the root.
fn part_of(child: usize) -> usize {
    child * PASSES / CHILDREN
}

/// An inner node as it is on disk: the tree library lets nobody make one.
#[derive(Debug, Clone, BorshSerialize, BorshDeserialize)]
struct Inner {
    tag: u8,
    children: [Option<Child>; CHILDREN],
    count: u64,
    leaves: u64,
}

/// A child of an inner node.
#[derive(Debug, Clone, Copy, BorshSerialize, BorshDeserialize)]
struct Child {
    hash: [u8; 32],
    version: u64,
    kind: Kind,
}

/// What a child is.
#[derive(Debug, Clone, Copy, BorshSerialize, BorshDeserialize)]
enum Kind {
    Leaf,
    Inner { leaves: u64 },
}

impl Inner {
    fn of(node: &Node) -> Result<Self, StoreError> {
        let read = borsh::to_vec(node).and_then(|bytes| borsh::from_slice(&bytes));
        read.map_err(|error| StoreError::Tree(format!("an inner node is none: {error}")))
    }

    /// With the numbers that follow from the children.
    fn counted(self) -> Self {
        let leaves = |child: &Child| match child.kind {
            Kind::Leaf => 1,
            Kind::Inner { leaves } => leaves,
        };
        let there = || self.children.iter().flatten();
        Self {
            count: there().count() as u64,
            leaves: there().map(leaves).fold(0, u64::saturating_add),
            ..self
        }
    }

    fn node(&self) -> Result<Node, StoreError> {
        let read = borsh::to_vec(self).and_then(|bytes| borsh::from_slice(&bytes));
        read.map_err(|error| StoreError::Tree(format!("an inner node cannot be made: {error}")))
    }
}

/// What two passes of one version leave together, one after the other: the nodes of the first that the second replaced
/// were never there.
fn join(version: u64, mut first: TreeUpdateBatch, second: TreeUpdateBatch) -> TreeUpdateBatch {
    let (never, stale): (Vec<_>, Vec<_>) =
        second.stale_node_index_batch.into_iter().partition(|index| index.node_key.version() == version);
    let mut nodes = first.node_batch.nodes().clone();
    for StaleNodeIndex { node_key, .. } in never {
        nodes.remove(&node_key);
    }
    first.node_batch = NodeBatch::new(nodes, first.node_batch.values().clone());
    // Each pass writes the version's root; the second one's counts.
    first.node_batch.merge(second.node_batch);
    first.stale_node_index_batch.extend(stale);
    first
}

/// The tree after the first of two passes of a version, as the second must see it: where it looks for the root of the
/// version before, it finds that of the first pass.
struct Between<'a> {
    tree: &'a Tree<'a>,
    version: u64,
    first: &'a TreeUpdateBatch,
}

impl TreeReader for Between<'_> {
    fn get_node_option(&self, key: &NodeKey) -> anyhow::Result<Option<Node>> {
        let before = key.version().checked_add(1) == Some(self.version) && key.nibble_path().is_empty();
        let root = root_key(self.version);
        let key = if before { &root } else { key };
        match self.first.node_batch.get_node(key) {
            Some(node) => Ok(Some(node.clone())),
            None => self.tree.get_node_option(key),
        }
    }

    fn get_value_option(&self, max_version: u64, hash: KeyHash) -> anyhow::Result<Option<OwnedValue>> {
        self.tree.get_value_option(max_version, hash)
    }

    fn get_rightmost_leaf(&self) -> anyhow::Result<Option<(NodeKey, LeafNode)>> {
        self.tree.get_rightmost_leaf()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Changes, Read, Store};
    use proptest::prelude::*;

    fn writes(entries: Vec<(u16, Option<u8>)>) -> Writes {
        let entry = |(key, value): (u16, Option<u8>)| {
            (format!("key/{key}").into_bytes(), value.map(|value| vec![value, 7]))
        };
        entries.into_iter().map(entry).collect()
    }

    fn some(keys: u16, most: usize) -> impl Strategy<Value = Writes> {
        let entry = (0..keys, proptest::option::weighted(0.8, any::<u8>()));
        proptest::collection::vec(entry, 1..most).prop_map(writes)
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

        /// The tree library's own way, one key at a time, is the law. With deletions only for the root and the values:
        /// which nodes are made anew then depends on the order, and that none is left over is a test of pruning.
        #[test]
        fn every_node_is_as_if_each_key_had_gone_in_by_itself(
            first in some(2_000, 1_500), second in some(2_000, 400), third in some(2_000, 12), deletes in any::<bool>(),
        ) {
            let dir = tempfile::tempdir().unwrap();
            let store = Store::open(dir.path()).unwrap();
            store.genesis(Changes { writes: first, ..Changes::default() }).unwrap();
            for (version, writes) in [(1, second), (2, third)] {
                let view = store.view();
                let there = |key: &[u8]| view.get(key).unwrap().is_some();
                let fits = |(key, value): &(Vec<u8>, Option<Vec<u8>>)| value.is_some() || (deletes && there(key));
                let writes: Writes = writes.into_iter().filter(fits).collect();
                let (root, update) = update(&view, version, &writes).unwrap();
                let single: Vec<_> =
                    writes.iter().map(|(key, value)| (layout::key_hash(key), value.clone())).collect();
                let (expected, law) = Sha256Jmt::new(&Tree(&view)).put_value_set(single, version).unwrap();
                prop_assert_eq!(root, AppHash(expected.0));
                prop_assert_eq!(update.node_batch.values(), law.node_batch.values());
                if !deletes {
                    prop_assert_eq!(update.node_batch, law.node_batch);
                    prop_assert_eq!(update.stale_node_index_batch, law.stale_node_index_batch);
                }
                let staged = store.stage(version, Changes { writes, ..Changes::default() }).unwrap();
                store.commit(staged, Vec::new()).unwrap();
            }
        }
    }
}
