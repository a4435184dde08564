//! Where the tree library restores to: it reads what is in the database, and what it writes is only collected, so that
//! it goes to the disk together with how far the restore is.

use crate::View;
use crate::database::Database;
use crate::tree::Tree;
use jmt::storage::{LeafNode, Node, NodeBatch, NodeKey, TreeReader, TreeWriter};
use jmt::{KeyHash, OwnedValue};
use std::sync::{Arc, Mutex, PoisonError};

/// The rightmost leaf that was written, and its place.
pub(super) type Rightmost = Option<(NodeKey, LeafNode)>;

pub(super) struct Target {
    /// What was written before this chunk.
    view: View,
    rightmost: Rightmost,
    collected: Mutex<NodeBatch>,
}

impl Target {
    pub fn new(database: Arc<Database>, rightmost: Rightmost) -> Self {
        Self { view: View::new(database), rightmost, collected: Mutex::default() }
    }

    /// What was to be written, and the rightmost leaf once it is.
    pub fn collected(&self) -> (NodeBatch, Rightmost) {
        let batch = std::mem::take(&mut *self.collected.lock().unwrap_or_else(PoisonError::into_inner));
        let leaves = batch.nodes().iter().filter_map(|(key, node)| match node {
            Node::Leaf(leaf) => Some((key, leaf)),
            _ => None,
        });
        let rightmost = leaves.max_by_key(|(_, leaf)| leaf.key_hash());
        let rightmost = rightmost.map(|(key, leaf)| (key.clone(), leaf.clone()));
        (batch, rightmost.or_else(|| self.rightmost.clone()))
    }
}

impl TreeReader for Target {
    fn get_node_option(&self, key: &NodeKey) -> anyhow::Result<Option<Node>> {
        Tree(&self.view).get_node_option(key)
    }

    fn get_value_option(&self, max_version: u64, hash: KeyHash) -> anyhow::Result<Option<OwnedValue>> {
        Tree(&self.view).get_value_option(max_version, hash)
    }

    fn get_rightmost_leaf(&self) -> anyhow::Result<Rightmost> {
        Ok(self.rightmost.clone())
    }
}

impl TreeWriter for Target {
    fn write_node_batch(&self, batch: &NodeBatch) -> anyhow::Result<()> {
        let mut collected = self.collected.lock().unwrap_or_else(PoisonError::into_inner);
        for (key, node) in batch.nodes() {
            collected.insert_node(key.clone(), node.clone());
        }
        Ok(())
    }
}
