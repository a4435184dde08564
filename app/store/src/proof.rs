//! The way from the root to a leaf, and the proofs that it makes.
//!
//! A proof needs the hashes beside the way, and those are in the records on the way: one record is read that is not in
//! memory, or none. That a key is not there is proven by the leaves next to where it would be.

use crate::place::{Place, WAYS, bit, nibble};
use crate::record::{Leaf, Record, halves, subtree};
use crate::{StoreError, View, layout};
use ics23::commitment_proof::Proof;
use ics23::{CommitmentProof, ExistenceProof, HashOp, InnerOp, LeafOp, LengthOp, NonExistenceProof};
use std::sync::Arc;

/// A value, or none, and the proof.
type Proved = (Option<Vec<u8>>, CommitmentProof);

/// The records from the root down to where a key is or would be.
#[derive(Clone)]
struct Way {
    records: Vec<(Place, Arc<Record>)>,
}

/// A leaf and the way to it.
struct Found {
    way: Way,
    leaf: Leaf,
}

/// A side of a key.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Left,
    Right,
}

/// What a version has under a key, with the proof. The version must be there and have a key.
pub(crate) fn prove(view: &View, key: &[u8], version: u64) -> Result<Proved, StoreError> {
    let hash = layout::key_hash(key).0;
    let way = Way::to(view, &hash, version)?;
    if let Some(leaf) = way.leaf(&hash) {
        let (key, value) = view.entry(&leaf)?;
        let proof = Proof::Exist(Found { way, leaf }.proof(key, value.clone()));
        return Ok((Some(value), CommitmentProof { proof: Some(proof) }));
    }
    let beside = |side| -> Result<_, StoreError> {
        let Some(found) = way.beside(view, &hash, side)? else { return Ok(None) };
        let (key, value) = view.entry(&found.leaf)?;
        Ok(Some(found.proof(key, value)))
    };
    let (left, right) = (beside(Side::Left)?, beside(Side::Right)?);
    let proof = Proof::Nonexist(NonExistenceProof { key: key.to_vec(), left, right });
    Ok((None, CommitmentProof { proof: Some(proof) }))
}

impl Way {
    /// The way to where a key is or would be.
    fn to(view: &View, key: &[u8; 32], version: u64) -> Result<Self, StoreError> {
        let mut way = Self { records: vec![(Place::root(version), view.root_record(version)?)] };
        way.down(view, |record, depth| {
            let next = nibble(key, depth);
            record.child(next).map(|child| (next, child.version))
        })?;
        Ok(way)
    }

    /// Goes on down as long as there is a record to go to.
    fn down(
        &mut self,
        view: &View,
        next: impl Fn(&Record, u8) -> Option<(u8, u64)>,
    ) -> Result<(), StoreError> {
        while let Some((place, record)) = self.records.last()
            && let Some((way, version)) = next(record, place.depth)
        {
            let place = place.child(way, version);
            let record = view.record_at(&place)?;
            self.records.push((place, record));
        }
        Ok(())
    }

    /// The leaf of a key, if the key is there.
    fn leaf(&self, key: &[u8; 32]) -> Option<Leaf> {
        let (_, record) = self.records.last()?;
        let leaves = record.leaves();
        let at = leaves.binary_search_by_key(key, |leaf| leaf.key).ok()?;
        leaves.get(at).copied()
    }

    /// The next leaf on a side of a key that is not there.
    fn beside(&self, view: &View, key: &[u8; 32], side: Side) -> Result<Option<Found>, StoreError> {
        for (above, (place, record)) in self.records.iter().enumerate().rev() {
            let from = nibble(key, place.depth);
            let leaf = match side {
                Side::Left => record.leaves().iter().rfind(|leaf| leaf.key < *key),
                Side::Right => record.leaves().iter().find(|leaf| leaf.key > *key),
            };
            let child = match side {
                Side::Left => record.children().iter().rfind(|(way, _)| *way < from),
                Side::Right => record.children().iter().find(|(way, _)| *way > from),
            };
            let mut way = Self { records: self.records.iter().take(above + 1).cloned().collect() };
            match nearest(leaf, child.map(|(way, child)| (*way, child.version)), place.depth, side) {
                Nearest::Nothing => {}
                Nearest::Leaf(leaf) => return Ok(Some(Found { way, leaf })),
                Nearest::Child(next, version) => {
                    let place = place.child(next, version);
                    way.records.push((place, view.record_at(&place)?));
                    return way.end(view, side).map(Some);
                }
            }
        }
        Ok(None)
    }

    /// The leaf of a subtree that is next to what lies on the other side of it.
    fn end(mut self, view: &View, side: Side) -> Result<Found, StoreError> {
        let ends = |record: &Record, depth| {
            let (leaf, child) = match side {
                Side::Left => (record.leaves().last(), record.children().last()),
                Side::Right => (record.leaves().first(), record.children().first()),
            };
            nearest(leaf, child.map(|(way, child)| (*way, child.version)), depth, side)
        };
        self.down(view, |record, depth| match ends(record, depth) {
            Nearest::Child(way, version) => Some((way, version)),
            _ => None,
        })?;
        match self.records.last().map(|(place, record)| ends(record, place.depth)) {
            Some(Nearest::Leaf(leaf)) => Ok(Found { way: self, leaf }),
            _ => Err(StoreError::Corrupt("a subtree of the tree has no leaf".into())),
        }
    }
}

/// The nearer one of a leaf and a subtree.
enum Nearest {
    Nothing,
    Leaf(Leaf),
    Child(u8, u64),
}

fn nearest(leaf: Option<&Leaf>, child: Option<(u8, u64)>, depth: u8, side: Side) -> Nearest {
    match (leaf, child) {
        (None, None) => Nearest::Nothing,
        (Some(leaf), None) => Nearest::Leaf(*leaf),
        (None, Some((way, version))) => Nearest::Child(way, version),
        (Some(leaf), Some((way, version))) => {
            let right = nibble(&leaf.key, depth) > way;
            if right == (side == Side::Left) { Nearest::Leaf(*leaf) } else { Nearest::Child(way, version) }
        }
    }
}

impl Found {
    /// The proof that the leaf is in the tree.
    fn proof(&self, key: Vec<u8>, value: Vec<u8>) -> ExistenceProof {
        let path = self.siblings().into_iter().enumerate().rev();
        ExistenceProof {
            key,
            value,
            path: path.map(|(at, sibling)| inner_op(bit(&self.leaf.key, at), &sibling)).collect(),
            leaf: Some(LeafOp {
                hash: HashOp::Sha256.into(),
                prehash_key: HashOp::Sha256.into(),
                prehash_value: HashOp::Sha256.into(),
                length: LengthOp::NoPrefix.into(),
                prefix: b"JMT::LeafNode".to_vec(),
            }),
        }
    }

    /// The hashes beside the way, from the root down.
    fn siblings(&self) -> Vec<[u8; 32]> {
        let mut siblings = Vec::new();
        for (place, record) in &self.way.records {
            let (sums, counts, mut at) = (record.sums(), record.counts(), 1);
            while at < WAYS && counts[at] > 1 {
                let next = 2 * at + usize::from(bit(&self.leaf.key, siblings.len()));
                siblings.push(sums[next ^ 1]);
                at = next;
            }
            if counts[at] < 2 {
                return siblings;
            }
            let way = nibble(&self.leaf.key, place.depth);
            if record.child(way).is_none() {
                self.last(record.leaves_on(way), &mut siblings);
            }
        }
        siblings
    }

    /// The hashes beside the way among the few leaves at its end.
    fn last(&self, mut leaves: &[Leaf], siblings: &mut Vec<[u8; 32]>) {
        while leaves.len() > 1 {
            let at = siblings.len();
            let (left, right) = halves(leaves, at);
            let (own, other) = if bit(&self.leaf.key, at) { (right, left) } else { (left, right) };
            siblings.push(subtree(other, at.saturating_add(1)));
            leaves = own;
        }
    }
}

/// A step up: `right` says on which side one comes from.
fn inner_op(right: bool, sibling: &[u8; 32]) -> InnerOp {
    let domain = b"JMT::IntrnalNode".to_vec();
    let (prefix, suffix) =
        if right { ([&domain[..], sibling].concat(), Vec::new()) } else { (domain, sibling.to_vec()) };
    InnerOp { hash: HashOp::Sha256.into(), prefix, suffix }
}
