//! What the tree library has made of a chunk, as records.
//!
//! It gives every node of the tree, those on the left first, and reads some of them again when it goes on: whether the
//! nodes on the way to the rightmost leaf are there, and the children of those that are not. A record takes its leaves
//! in when it is made, and nothing that is below it is read again. Until then, leaves and small subtrees lie beside
//! the records under keys of their own.

use crate::StoreError;
use crate::database::Database;
use crate::layout::NODES;
use crate::place::Place;
use crate::record::{BUCKET, Child, Leaf, Record, Slot};
use crate::tree::internal;
use crate::view::undecodable;
use jmt::storage::{LeafNode, Node, NodeBatch};
use rocksdb::WriteBatch;
use sha2::Sha256;
use std::collections::BTreeMap;

/// The first byte of a leaf that is in no record yet; its node follows.
const LEAF: u8 = 2;

/// What is under a key while a state is restored.
pub(super) enum Frozen {
    Leaf(LeafNode),
    Record(Record),
}

impl Frozen {
    pub(super) fn read(database: &Database, place: &Place) -> Result<Option<Self>, StoreError> {
        let Some(bytes) = database.get(NODES, &place.key())? else { return Ok(None) };
        let frozen = match bytes.split_first() {
            Some((&LEAF, node)) => borsh::from_slice(node).ok().map(Self::Leaf),
            _ => Record::decode(place.depth, &bytes).map(Self::Record),
        };
        frozen.map(Some).ok_or_else(|| undecodable(place))
    }

    /// As the tree library has it.
    pub(super) fn node(self, place: &Place) -> Result<Node, StoreError> {
        match self {
            Self::Leaf(leaf) => Ok(Node::Leaf(leaf)),
            Self::Record(record) => internal(&record, place),
        }
    }

    fn bytes(&self) -> Result<Vec<u8>, StoreError> {
        match self {
            Self::Leaf(leaf) => {
                let node = borsh::to_vec(leaf).map_err(|error| StoreError::Tree(error.to_string()))?;
                Ok([&[LEAF], node.as_slice()].concat())
            }
            Self::Record(record) => Ok(record.encode()),
        }
    }

    fn into_leaves(self, version: u64) -> Vec<Leaf> {
        match self {
            Self::Leaf(leaf) => vec![leaf_of(&leaf, version)],
            Self::Record(record) => record.into_leaves(),
        }
    }
}

fn leaf_of(leaf: &LeafNode, version: u64) -> Leaf {
    Leaf { key: leaf.key_hash().0, hash: leaf.hash::<Sha256>(), version }
}

/// Adds nodes to a batch as records.
pub(super) fn write(
    database: &Database,
    nodes: &NodeBatch,
    batch: &mut WriteBatch,
) -> Result<(), StoreError> {
    let family = database.family(NODES)?;
    let mut below_first: Vec<_> = nodes.nodes().iter().map(|(key, node)| (Place::from(key), node)).collect();
    below_first.sort_unstable_by_key(|(place, _)| std::cmp::Reverse(place.depth));
    let mut made: BTreeMap<Place, Frozen> = BTreeMap::new();
    for (place, node) in below_first {
        let frozen = match node {
            Node::Null => Frozen::Record(Record::empty(place.depth)),
            // The root is a record always.
            Node::Leaf(leaf) if place.depth == 0 => {
                Frozen::Record(Record::of(0, vec![leaf_of(leaf, place.version)]))
            }
            Node::Leaf(leaf) => Frozen::Leaf(leaf.clone()),
            Node::Internal(inner) => {
                let mut slots = Vec::new();
                for (nibble, child) in inner.children_sorted() {
                    let (way, leaves) = (u8::from(nibble), child.leaf_count() as u64);
                    if leaves > BUCKET as u64 {
                        let child = Child { hash: child.hash, version: child.version, leaves };
                        slots.push((way, Slot::Child(child)));
                        continue;
                    }
                    let at = place.child(way, child.version);
                    let below = match made.remove(&at) {
                        Some(below) => below,
                        None => {
                            batch.delete_cf(family, at.key());
                            let lost = || StoreError::Corrupt(format!("nothing was restored at {at:?}"));
                            Frozen::read(database, &at)?.ok_or_else(lost)?
                        }
                    };
                    slots.push((way, Slot::Leaves(below.into_leaves(place.version))));
                }
                Frozen::Record(Record::empty(place.depth).with(slots))
            }
        };
        made.insert(place, frozen);
    }
    for (place, frozen) in made {
        batch.put_cf(family, place.key(), frozen.bytes()?);
    }
    Ok(())
}
