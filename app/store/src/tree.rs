//! The tree of the `jmt` crate, as its functions want to read it.
//!
//! They make the range proofs of snapshots, go on with a restore, and are the law in tests. Here they find the nodes
//! that [`record`](crate::record) does not store: those of small subtrees, which have the version of the record that
//! they are in.

use crate::place::{Place, WAYS};
use crate::record::{Leaf, Record, subtree};
use crate::view::undecodable;
use crate::{StoreError, View};
use assay_types::hash::AppHash;
use borsh::{BorshDeserialize, BorshSerialize};
use jmt::storage::{LeafNode, Node, NodeKey, TreeReader};
use jmt::{KeyHash, OwnedValue, Sha256Jmt, ValueHash};

/// The root of a tree without keys.
pub(crate) const EMPTY_ROOT: AppHash = AppHash(Sha256Jmt::<Tree<'static>>::EMPTY_ROOT.0);

/// The committed nodes and values.
pub(crate) struct Tree<'a>(pub(crate) &'a View);

impl View {
    /// The root of a committed version.
    pub(crate) fn root(&self, version: u64) -> Result<Option<AppHash>, StoreError> {
        let record = self.record(&Place::root(version))?;
        Ok(record.map(|record| AppHash(record.hash())))
    }

    /// How many keys a committed version has.
    pub(crate) fn count(&self, version: u64) -> Result<u64, StoreError> {
        Ok(self.root_record(version)?.count())
    }
}

impl Tree<'_> {
    /// The node of a place that lies in the record at a depth above it, or there.
    fn node(&self, record: &Record, depth: u8, place: &Place) -> Result<Option<Node>, StoreError> {
        if depth == place.depth && (depth > 0 || record.count() > 1) {
            return internal(record, place).map(Some);
        }
        if depth < place.depth && record.child(place.nibble(depth)).is_some() {
            return Ok(None);
        }
        let leaves = record.leaves().iter().filter(|leaf| place.leads_to(&leaf.key));
        let leaves: Vec<Leaf> = leaves.copied().collect();
        match leaves.as_slice() {
            [] if place.depth == 0 => Ok(Some(Node::Null)),
            [] => Ok(None),
            [leaf] => {
                let (_, value) = self.0.entry(leaf)?;
                let hash = ValueHash::with::<sha2::Sha256>(value);
                Ok(Some(Node::Leaf(LeafNode::new(KeyHash(leaf.key), hash))))
            }
            _ => internal(&Record::of(place.depth, leaves), place).map(Some),
        }
    }
}

impl TreeReader for Tree<'_> {
    fn get_node_option(&self, key: &NodeKey) -> anyhow::Result<Option<Node>> {
        let place = Place::from(key);
        for depth in (0..=place.depth).rev() {
            if let Some(record) = self.0.record(&place.above(depth))? {
                return Ok(self.node(&record, depth, &place)?);
            }
        }
        Ok(None)
    }

    fn get_value_option(&self, max_version: u64, hash: KeyHash) -> anyhow::Result<Option<OwnedValue>> {
        Ok(self.0.value_at(&hash, max_version)?)
    }

    fn get_rightmost_leaf(&self) -> anyhow::Result<Option<(NodeKey, LeafNode)>> {
        Err(StoreError::Tree("restoring node by node is not supported".to_owned()).into())
    }
}

#[cfg(test)]
impl jmt::storage::HasPreimage for Tree<'_> {
    fn preimage(&self, hash: KeyHash) -> anyhow::Result<Option<Vec<u8>>> {
        let range = crate::database::range(&hash.0, None);
        for entry in self.0.iterate(crate::layout::VALUES, range, rocksdb::IteratorMode::Start)? {
            if let Some((key, _)) = crate::layout::value_of(&entry?.1)? {
                return Ok(Some(key.to_vec()));
            }
        }
        Ok(None)
    }
}

/// An inner node in the tree library's bytes: it lets nobody make one.
#[derive(BorshSerialize, BorshDeserialize)]
struct Inner {
    tag: u8,
    children: [Option<InnerChild>; WAYS],
    count: u64,
    leaves: u64,
}

/// A child of it.
#[derive(BorshSerialize, BorshDeserialize)]
struct InnerChild {
    hash: [u8; 32],
    version: u64,
    kind: Kind,
}

/// What a child is.
#[derive(BorshSerialize, BorshDeserialize)]
enum Kind {
    Leaf,
    Inner { leaves: u64 },
}

/// A record as a node.
pub(crate) fn internal(record: &Record, place: &Place) -> Result<Node, StoreError> {
    let below = usize::from(place.depth.saturating_add(1)) * 4;
    let child = |way: usize| {
        let way = u8::try_from(way).unwrap_or_default();
        let leaves = record.leaves_on(way);
        match (record.child(way), leaves.len() as u64) {
            (Some(child), _) => {
                let kind = Kind::Inner { leaves: child.leaves };
                Some(InnerChild { hash: child.hash, version: child.version, kind })
            }
            (None, 0) => None,
            (None, count) => {
                let kind = if count == 1 { Kind::Leaf } else { Kind::Inner { leaves: count } };
                Some(InnerChild { hash: subtree(leaves, below), version: place.version, kind })
            }
        }
    };
    let children: [_; WAYS] = std::array::from_fn(child);
    let count = children.iter().flatten().count() as u64;
    let node = Inner { tag: 1, children, count, leaves: record.count() };
    let read = borsh::to_vec(&node).and_then(|bytes| borsh::from_slice(&bytes));
    read.map_err(|_| undecodable(place))
}
