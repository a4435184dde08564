//! The Merkle tree's view of the database.
//!
//! Everything the tree reads is written once and never changed (a node belongs to a version, a value too), but
//! pruning takes away what no kept version needs. So a walk reads one [`View`]: what was there when it began
//! stays there until it ends, and no commit waits for it.

use crate::layout::{self, DELETED, NODES, PREIMAGES, VALUE, VALUES};
use crate::{StoreError, View};
use assay_types::hash::AppHash;
use jmt::storage::{HasPreimage, LeafNode, Node, NodeKey, TreeReader};
use jmt::{KeyHash, OwnedValue, Sha256Jmt};
use rocksdb::{Direction, IteratorMode, ReadOptions};

/// The root of a tree without keys.
pub(crate) const EMPTY_ROOT: AppHash = AppHash(Sha256Jmt::<Tree<'static>>::EMPTY_ROOT.0);

/// Where the root node of a version is.
pub(crate) fn root_key(version: u64) -> NodeKey {
    NodeKey::new(version, std::iter::empty().collect())
}

/// The committed nodes and values.
pub(crate) struct Tree<'a>(pub(crate) &'a View);

impl Tree<'_> {
    /// The root of a committed version.
    pub(crate) fn root(&self, version: u64) -> Result<Option<AppHash>, StoreError> {
        let root = Sha256Jmt::new(self).get_root_hash_option(version).map_err(StoreError::from_tree)?;
        Ok(root.map(|root| AppHash(root.0)))
    }
}

impl TreeReader for Tree<'_> {
    fn get_node_option(&self, key: &NodeKey) -> anyhow::Result<Option<Node>> {
        let Some(bytes) = self.0.value(NODES, &layout::node_key(key)?)? else { return Ok(None) };
        let node = borsh::from_slice(&bytes).map_err(|error| {
            StoreError::Corrupt(format!("the tree node {key:?} does not decode: {error}"))
        })?;
        Ok(Some(node))
    }

    fn get_value_option(&self, max_version: u64, hash: KeyHash) -> anyhow::Result<Option<OwnedValue>> {
        let at = layout::value_key(&hash, max_version);
        let mut options = ReadOptions::default();
        options.set_iterate_lower_bound(hash.0);
        options.set_prefix_same_as_start(true);
        let mode = IteratorMode::From(&at, Direction::Reverse);
        let Some(newest) = self.0.iterate(VALUES, options, mode)?.next() else { return Ok(None) };
        let (_, bytes) = newest.map_err(StoreError::from)?;
        match bytes.split_first() {
            Some((&VALUE, value)) => Ok(Some(value.to_vec())),
            Some((&DELETED, [])) => Ok(None),
            _ => Err(StoreError::Corrupt(format!("the value of {hash:?} has no tag")).into()),
        }
    }

    fn get_rightmost_leaf(&self) -> anyhow::Result<Option<(NodeKey, LeafNode)>> {
        Err(StoreError::Tree("restoring node by node is not supported".to_owned()).into())
    }
}

impl HasPreimage for Tree<'_> {
    fn preimage(&self, hash: KeyHash) -> anyhow::Result<Option<Vec<u8>>> {
        Ok(self.0.value(PREIMAGES, &hash.0)?)
    }
}
