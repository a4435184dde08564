//! Where the tree library restores to: it reads what is in the database, and what it writes is only collected, so that
//! it goes to the disk together with how far the restore is.

use super::frozen::Frozen;
use crate::database::Database;
use crate::place::Place;
use jmt::storage::{LeafNode, Node, NodeBatch, NodeKey, TreeReader, TreeWriter};
use jmt::{KeyHash, OwnedValue};
use std::sync::{Arc, Mutex, PoisonError};

/// The rightmost leaf that was written, and its place.
pub(super) type Rightmost = Option<(NodeKey, LeafNode)>;

pub(super) struct Target {
    /// What was written before this chunk.
    database: Arc<Database>,
    rightmost: Rightmost,
    collected: Mutex<NodeBatch>,
}

impl Target {
    pub fn new(database: Arc<Database>, rightmost: Rightmost) -> Self {
        Self { database, rightmost, collected: Mutex::default() }
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
        let mut place = Place::from(key);
        let found = Frozen::read(&self.database, &place)?;
        if let Some(found) = found {
            return Ok(Some(found.node(&place)?));
        }
        // A node on the way to the rightmost leaf that is not there may be in the record of one above it.
        let way = self.rightmost.as_ref().map(|(_, leaf)| leaf.key_hash().0);
        while way.is_some_and(|way| place.leads_to(&way)) && place.depth > 0 {
            place = place.above(place.depth.saturating_sub(1));
            if let Some(found) = Frozen::read(&self.database, &place)? {
                return Ok(Some(found.node(&place)?));
            }
        }
        Ok(None)
    }

    fn get_value_option(&self, _: u64, _: KeyHash) -> anyhow::Result<Option<OwnedValue>> {
        Err(crate::StoreError::Tree("a restore reads no values".to_owned()).into())
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
