//! The tree of a version, computed from the one before.
//!
//! The root and the nodes are functions of the content alone; how they are computed here only decides how long it
//! takes. Three things make it fast over millions of keys. The nodes on the way to the keys are read beforehand, by
//! several threads: the tree library asks for them one by one. What is written goes in sorted, in one pass that
//! hashes each node once ([`insert`]). What is deleted, which that pass cannot do, goes before it, key by key, and the
//! two results are joined ([`join`]).

use crate::tree::{Tree, root_key};
use crate::{StoreError, View, layout};
use assay_types::hash::AppHash;
use jmt::storage::{LeafNode, Node, NodeKey, StaleNodeIndex, TreeReader, TreeUpdateBatch};
use jmt::{KeyHash, OwnedValue, Sha256Jmt};
use std::collections::BTreeMap;

/// Threads that read nodes.
const READERS: usize = 2;
/// Keys for which threads are worth starting.
const KEYS_FOR_THREADS: usize = 64;

/// The writes of a version: `None` deletes.
type Writes = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

/// The root of a version and what changes in the tree. The version before it must be there.
pub(crate) fn update(
    view: &View,
    version: u64,
    writes: &Writes,
) -> Result<(AppHash, TreeUpdateBatch), StoreError> {
    let (mut puts, mut deletions) = (Vec::new(), Vec::new());
    for (key, value) in writes {
        let hash = layout::key_hash(key);
        match value {
            Some(value) => puts.push((hash, value.clone())),
            None => deletions.push((hash, None)),
        }
    }
    puts.sort_unstable_by_key(|(hash, _)| *hash);
    let tree = Ahead { tree: Tree(view), nodes: read_ahead(view, version, &puts)? };
    if puts.is_empty() || version == 0 {
        let all = deletions.into_iter().chain(puts.into_iter().map(|(hash, value)| (hash, Some(value))));
        let all: Vec<_> = all.collect();
        let (root, update) = Sha256Jmt::new(&tree).put_value_set(all, version).map_err(StoreError::from_tree)?;
        return Ok((AppHash(root.0), update));
    }
    if deletions.is_empty() {
        return insert(&tree, version, puts);
    }
    let jmt = Sha256Jmt::new(&tree);
    let (_, first) = jmt.put_value_set(deletions, version).map_err(StoreError::from_tree)?;
    let between = Between { tree: &tree, version, first: &first };
    let (root, second) = insert(&between, version, puts)?;
    Ok((root, join(version, first, second)))
}

/// One pass over sorted writes.
fn insert(
    tree: &impl TreeReader,
    version: u64,
    puts: Vec<(KeyHash, OwnedValue)>,
) -> Result<(AppHash, TreeUpdateBatch), StoreError> {
    let inserted = Sha256Jmt::new(tree).batch_put_value_sets(vec![puts], None, version);
    let (roots, update) = inserted.map_err(StoreError::from_tree)?;
    let root = roots.first().ok_or_else(|| StoreError::Tree("a version without a root".into()))?;
    Ok((AppHash(root.0), update))
}

/// What two passes of one version leave together: the nodes of the first that the second replaced were never there.
fn join(version: u64, mut first: TreeUpdateBatch, second: TreeUpdateBatch) -> TreeUpdateBatch {
    let (never, stale): (Vec<_>, Vec<_>) =
        second.stale_node_index_batch.into_iter().partition(|index| index.node_key.version() == version);
    let mut nodes = first.node_batch.nodes().clone();
    for StaleNodeIndex { node_key, .. } in never {
        nodes.remove(&node_key);
    }
    // Each pass writes the version's root; the second one's counts.
    nodes.remove(&root_key(version));
    nodes.extend(second.node_batch.nodes().clone());
    let mut values = first.node_batch.values().clone();
    values.extend(second.node_batch.values().clone());
    first.node_batch = jmt::storage::NodeBatch::new(nodes, values);
    first.stale_node_index_batch.extend(stale);
    first
}

/// The tree with some of its nodes read beforehand.
struct Ahead<'a> {
    tree: Tree<'a>,
    nodes: BTreeMap<NodeKey, Node>,
}

impl TreeReader for Ahead<'_> {
    fn get_node_option(&self, key: &NodeKey) -> anyhow::Result<Option<Node>> {
        match self.nodes.get(key) {
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

/// The tree after the first of two passes of a version, as the second must see it: where it looks for the root of the
/// version before, it finds that of the first pass.
struct Between<'a> {
    tree: &'a Ahead<'a>,
    version: u64,
    first: &'a TreeUpdateBatch,
}

impl TreeReader for Between<'_> {
    fn get_node_option(&self, key: &NodeKey) -> anyhow::Result<Option<Node>> {
        let before = key.version().checked_add(1) == Some(self.version) && key.nibble_path().is_empty();
        let key = if before { &root_key(self.version) } else { key };
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

/// Reads the nodes on the way to the keys, which are sorted. For few keys it reads none: they are read when needed.
fn read_ahead(
    view: &View,
    version: u64,
    puts: &[(KeyHash, OwnedValue)],
) -> Result<BTreeMap<NodeKey, Node>, StoreError> {
    let Some(parent) = version.checked_sub(1).filter(|_| puts.len() >= KEYS_FOR_THREADS) else {
        return Ok(BTreeMap::new());
    };
    let parts = puts.chunks(puts.len().div_ceil(READERS));
    let read: Vec<Result<BTreeMap<NodeKey, Node>, StoreError>> = std::thread::scope(|scope| {
        let readers: Vec<_> = parts.map(|part| scope.spawn(move || ways(view, parent, part))).collect();
        // A reader that panicked has read nothing; what it would have read is read when needed.
        readers.into_iter().map(|reader| reader.join().unwrap_or_else(|_| Ok(BTreeMap::new()))).collect()
    });
    let mut nodes = BTreeMap::new();
    for part in read {
        nodes.append(&mut part?);
    }
    Ok(nodes)
}

/// The nodes from the root of a version to some keys.
fn ways(
    view: &View,
    version: u64,
    keys: &[(KeyHash, OwnedValue)],
) -> Result<BTreeMap<NodeKey, Node>, StoreError> {
    let (tree, mut nodes) = (Tree(view), BTreeMap::new());
    for (hash, _) in keys {
        let mut at = root_key(version);
        for depth in 0..2 * hash.0.len() {
            if !nodes.contains_key(&at) {
                let Some(node) = tree.get_node_option(&at).map_err(StoreError::from_tree)? else { break };
                nodes.insert(at.clone(), node);
            }
            let Some(Node::Internal(inner)) = nodes.get(&at) else { break };
            let byte = hash.0[depth / 2];
            let nibble = if depth.is_multiple_of(2) { byte >> 4 } else { byte & 0xf };
            let Some(child) = inner.child(nibble.into()) else { break };
            let path = at.nibble_path().nibbles().chain([nibble.into()]).collect();
            at = NodeKey::new(child.version, path);
        }
    }
    Ok(nodes)
}
