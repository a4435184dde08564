//! The tree as its range proofs read it.
//!
//! Where a node cannot be read, the tree library ends the process in the middle of a proof. So it gets a leaf in that
//! node's place, what was wrong is kept, and the proof that is made of it is thrown away.

use crate::StoreError;
use crate::tree::Tree;
use jmt::storage::{LeafNode, Node, NodeKey, TreeReader};
use jmt::{KeyHash, OwnedValue, ValueHash};
use std::cell::RefCell;

/// See the module.
pub(crate) struct Careful<'a> {
    tree: &'a Tree<'a>,
    failed: RefCell<Option<StoreError>>,
}

/// Lets a proof be made.
///
/// # Errors
/// When a node cannot be read, or is not there; what the library says otherwise.
pub(crate) fn prove<T>(
    tree: &Tree<'_>,
    make: impl FnOnce(&Careful<'_>) -> anyhow::Result<T>,
) -> Result<T, StoreError> {
    let careful = Careful { tree, failed: RefCell::new(None) };
    let made = make(&careful);
    match careful.failed.into_inner() {
        Some(error) => Err(error),
        None => made.map_err(StoreError::from_tree),
    }
}

impl TreeReader for Careful<'_> {
    fn get_node_option(&self, key: &NodeKey) -> anyhow::Result<Option<Node>> {
        let is_root = key.nibble_path().is_empty();
        if is_root && self.failed.borrow().is_some() {
            // Another walk would begin with what the one before made up.
            return Err(StoreError::Tree("the proof has failed already".into()).into());
        }
        let error = match self.tree.get_node_option(key) {
            Ok(Some(node)) => return Ok(Some(node)),
            found if is_root => return found,
            Ok(None) => StoreError::Corrupt(format!("the tree node {key:?} is missing")),
            Err(error) => StoreError::from_tree(error),
        };
        self.failed.borrow_mut().get_or_insert(error);
        Ok(Some(Node::Leaf(LeafNode::new(KeyHash([0; 32]), ValueHash([0; 32])))))
    }

    fn get_value_option(&self, max_version: u64, hash: KeyHash) -> anyhow::Result<Option<OwnedValue>> {
        self.tree.get_value_option(max_version, hash)
    }

    fn get_rightmost_leaf(&self) -> anyhow::Result<Option<(NodeKey, LeafNode)>> {
        self.tree.get_rightmost_leaf()
    }
}
