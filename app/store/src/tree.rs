//! The Merkle tree's view of the database.
//!
//! Everything the tree reads is written once and never changed (a node belongs to a version, a value too), so
//! reading needs no snapshot and no lock.

use crate::database::Database;
use crate::layout::{self, DELETED, NODES, PREIMAGES, VALUE, VALUES};
use crate::{Changes, StoreError};
use assay_types::hash::AppHash;
use jmt::storage::{HasPreimage, LeafNode, Node, NodeKey, TreeReader, TreeUpdateBatch};
use jmt::{KeyHash, OwnedValue, Sha256Jmt};
use rocksdb::{Direction, IteratorMode, ReadOptions};

/// The root of a tree without keys.
pub(crate) const EMPTY_ROOT: AppHash = AppHash(Sha256Jmt::<Tree<'static>>::EMPTY_ROOT.0);

/// The committed nodes and values.
pub(crate) struct Tree<'a>(pub(crate) &'a Database);

impl Tree<'_> {
    /// The root of a committed version.
    pub(crate) fn root(&self, version: u64) -> Result<Option<AppHash>, StoreError> {
        let root = Sha256Jmt::new(self).get_root_hash_option(version).map_err(StoreError::from_tree)?;
        Ok(root.map(|root| AppHash(root.0)))
    }

    /// The root after changes, and the nodes that lead to it.
    ///
    /// The tree's way of setting many keys at once hashes every node above them once, but cannot delete; the other
    /// way, key by key, hashes the upper nodes again for each. Both give the same nodes.
    pub(crate) fn put(
        &self,
        version: u64,
        changes: &Changes,
    ) -> Result<(AppHash, TreeUpdateBatch), StoreError> {
        let hashed = || changes.writes.iter().map(|(key, value)| (layout::key_hash(key), value));
        let set: Option<Vec<_>> = hashed().map(|(key, value)| Some((key, value.clone()?))).collect();
        let tree = Sha256Jmt::new(self);
        let updated = match set.filter(|set| !set.is_empty()) {
            Some(set) => tree.batch_put_value_sets(vec![set], None, version).map(|(roots, update)| {
                let root = roots.first().map(|root| root.0);
                (root, update)
            }),
            None => {
                let all = hashed().map(|(key, value)| (key, value.clone()));
                tree.put_value_set(all, version).map(|(root, update)| (Some(root.0), update))
            }
        };
        let (root, update) = updated.map_err(StoreError::from_tree)?;
        let root = root.ok_or_else(|| StoreError::Tree("one set of values gave no root".to_owned()))?;
        Ok((AppHash(root), update))
    }
}

impl TreeReader for Tree<'_> {
    fn get_node_option(&self, key: &NodeKey) -> anyhow::Result<Option<Node>> {
        let Some(bytes) = self.0.get(NODES, &layout::node_key(key)?)? else { return Ok(None) };
        let node = borsh::from_slice(&bytes).map_err(|error| {
            StoreError::Corrupt(format!("the tree node {key:?} does not decode: {error}"))
        })?;
        Ok(Some(node))
    }

    fn get_value_option(&self, max_version: u64, hash: KeyHash) -> anyhow::Result<Option<OwnedValue>> {
        let at = layout::value_key(&hash, max_version);
        let mut options = ReadOptions::default();
        options.set_iterate_lower_bound(hash.0);
        let family = self.0.family(VALUES)?;
        let mode = IteratorMode::From(&at, Direction::Reverse);
        let Some(newest) = self.0.rocks.iterator_cf_opt(family, options, mode).next() else {
            return Ok(None);
        };
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
        Ok(self.0.get(PREIMAGES, &hash.0)?)
    }
}
