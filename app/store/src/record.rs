//! What is stored of the tree: an inner node of sixteen ways, with the few leaves that lie below it.
//!
//! The tree is the Jellyfish Merkle tree of the `jmt` crate, hash by hash. On disk it is not: a subtree of at most
//! [`BUCKET`] leaves has no node of its own, its leaves stand in the record above it. So a key of a large state is one
//! record below the levels that always are in memory, and an update reads and writes that one. Which records there are
//! is a function of the content, but for their versions.

use crate::place::{WAYS, bit, nibble};
use crate::tree::EMPTY_ROOT;
use sha2::{Digest, Sha256};
use std::sync::OnceLock;

/// Leaves of a subtree that has no record of its own.
pub(crate) const BUCKET: usize = 4;
/// Children for which the hashes between them are kept in memory.
const SUMS_ARE_KEPT: usize = 8;
/// Bytes of a record in memory besides its leaves and children, about.
const OVERHEAD_BYTES: usize = 192;
/// The first byte of a record.
const TAG: u8 = 1;
/// Bytes of a leaf on disk, at least.
const LEAF_BYTES: usize = 65;

/// A key and its value, hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Leaf {
    /// The hash of the key.
    pub key: [u8; 32],
    /// The hash of the leaf: of the key's hash and the value's.
    pub hash: [u8; 32],
    /// The version that wrote the value.
    pub version: u64,
}

impl Leaf {
    /// Of a key's hash and a value that a version writes.
    pub(crate) fn new(key: [u8; 32], value: &[u8], version: u64) -> Self {
        let hash = Sha256::new().chain_update(b"JMT::LeafNode").chain_update(key);
        Self { key, hash: hash.chain_update(Sha256::digest(value)).finalize().into(), version }
    }
}

/// A subtree with a record of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Child {
    /// Its hash.
    pub hash: [u8; 32],
    /// The version that wrote its record.
    pub version: u64,
    /// Leaves below it.
    pub leaves: u64,
}

/// What lies on one way down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Slot {
    /// A few leaves, or none.
    Leaves(Vec<Leaf>),
    /// A subtree with a record of its own.
    Child(Child),
}

/// See the module.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    depth: u8,
    /// Ascending; at most [`BUCKET`] on one way down.
    leaves: Vec<Leaf>,
    /// By the way down, ascending.
    children: Vec<(u8, Child)>,
    sums: OnceLock<Box<Sums>>,
}

/// The hashes of the binary tree inside a record: that of the whole at 1, the halves of what is at `n` at `2n` and
/// `2n + 1`, the sixteen ways down from 16 on.
pub(crate) type Sums = [[u8; 32]; 2 * WAYS];

impl PartialEq for Record {
    fn eq(&self, other: &Self) -> bool {
        (self.depth, &self.leaves, &self.children) == (other.depth, &other.leaves, &other.children)
    }
}

impl Record {
    /// Nothing.
    pub(crate) fn empty(depth: u8) -> Self {
        Self { depth, leaves: Vec::new(), children: Vec::new(), sums: OnceLock::new() }
    }

    /// A few leaves and nothing else.
    pub(crate) fn of(depth: u8, leaves: Vec<Leaf>) -> Self {
        Self { leaves, ..Self::empty(depth) }
    }

    /// The same with something else on some ways down, which ascend.
    pub(crate) fn with(&self, changed: Vec<(u8, Slot)>) -> Self {
        let mut new = Self::empty(self.depth);
        let mut touched = 0u16;
        let mut changed = changed.into_iter().peekable();
        for way in 0..WAYS as u8 {
            let slot = match changed.next_if(|(at, _)| *at == way) {
                Some((_, slot)) => {
                    touched |= 1 << way;
                    slot
                }
                None => match self.child(way) {
                    Some(child) => Slot::Child(*child),
                    None => {
                        new.leaves.extend_from_slice(self.leaves_on(way));
                        continue;
                    }
                },
            };
            match slot {
                Slot::Leaves(leaves) => new.leaves.extend(leaves),
                Slot::Child(child) => new.children.push((way, child)),
            }
        }
        if let Some(sums) = self.sums.get() {
            new.keep(new.sum(Some(sums), touched));
        }
        new
    }

    /// The leaves that stand here.
    pub(crate) fn leaves(&self) -> &[Leaf] {
        &self.leaves
    }

    /// The subtrees with records of their own, by the way down.
    pub(crate) fn children(&self) -> &[(u8, Child)] {
        &self.children
    }

    /// The leaves that stand here on one way down.
    pub(crate) fn leaves_on(&self, way: u8) -> &[Leaf] {
        let from = self.leaves.partition_point(|leaf| nibble(&leaf.key, self.depth) < way);
        let (_, rest) = self.leaves.split_at(from);
        let (own, _) = rest.split_at(rest.partition_point(|leaf| nibble(&leaf.key, self.depth) == way));
        own
    }

    /// The subtree on one way down that has a record of its own.
    pub(crate) fn child(&self, way: u8) -> Option<&Child> {
        let at = self.children.binary_search_by_key(&way, |(way, _)| *way).ok()?;
        self.children.get(at).map(|(_, child)| child)
    }

    /// Leaves of the whole subtree.
    pub(crate) fn count(&self) -> u64 {
        let children = self.children.iter().map(|(_, child)| child.leaves);
        children.fold(self.leaves.len() as u64, u64::saturating_add)
    }

    /// Whether this is no record, unless it is the root: its leaves belong into the one above.
    pub(crate) fn is_small(&self) -> bool {
        self.children.is_empty() && self.leaves.len() <= BUCKET
    }

    /// Its leaves, if that is all there is.
    pub(crate) fn into_leaves(self) -> Vec<Leaf> {
        self.leaves
    }

    /// The hash of the whole subtree.
    pub(crate) fn hash(&self) -> [u8; 32] {
        match self.sums.get() {
            Some(sums) => sums[1],
            None => self.sums()[1],
        }
    }

    /// All hashes inside.
    pub(crate) fn sums(&self) -> Sums {
        if let Some(sums) = self.sums.get() {
            return **sums;
        }
        let sums = self.sum(None, u16::MAX);
        self.keep(sums);
        sums
    }

    fn keep(&self, sums: Sums) {
        if self.children.len() >= SUMS_ARE_KEPT {
            self.sums.get_or_init(|| Box::new(sums));
        }
    }

    /// Leaves below the nodes of [`Sums`], none, one, or two for more.
    pub(crate) fn counts(&self) -> [u8; 2 * WAYS] {
        let mut counts = [0u8; 2 * WAYS];
        for leaf in &self.leaves {
            let count = &mut counts[WAYS + usize::from(nibble(&leaf.key, self.depth))];
            *count = count.saturating_add(1).min(2);
        }
        for (way, _) in &self.children {
            counts[WAYS + usize::from(*way)] = 2;
        }
        for at in (1..WAYS).rev() {
            counts[at] = counts[2 * at].saturating_add(counts[2 * at + 1]).min(2);
        }
        counts
    }

    /// The hashes inside, of which those that are not above `touched` are known.
    fn sum(&self, known: Option<&Sums>, touched: u16) -> Sums {
        let counts = self.counts();
        let (mut sums, touched) = known.map_or(([[0; 32]; 2 * WAYS], u16::MAX), |known| (*known, touched));
        let mut moved = u32::from(touched) << WAYS;
        for way in (0..WAYS as u8).filter(|way| touched >> way & 1 == 1) {
            sums[WAYS + usize::from(way)] = match self.child(way) {
                Some(child) => child.hash,
                None => subtree(self.leaves_on(way), self.first_bit().saturating_add(4)),
            };
        }
        for at in (1..WAYS).rev() {
            if moved >> (2 * at) & 3 == 0 {
                continue;
            }
            moved |= 1 << at;
            sums[at] = match (counts[at], counts[2 * at]) {
                (0, _) => EMPTY_ROOT.0,
                (1, 1) => sums[2 * at],
                (1, _) => sums[2 * at + 1],
                _ => inner(&sums[2 * at], &sums[2 * at + 1]),
            };
        }
        sums
    }

    /// The bit of a key's hash that this record decides first.
    pub(crate) fn first_bit(&self) -> usize {
        usize::from(self.depth) * 4
    }

    /// Bytes that it takes in memory, about.
    pub(crate) fn bytes(&self) -> usize {
        let sums = if self.children.len() >= SUMS_ARE_KEPT { size_of::<Sums>() } else { 0 };
        OVERHEAD_BYTES + sums + size_of_val(&self.leaves[..]) + size_of_val(&self.children[..])
    }

    /// The bytes on disk.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes =
            Vec::with_capacity(4 + self.children.len() * 45 + self.leaves.len() * (LEAF_BYTES + 3));
        let ways = self.children.iter().fold(0u16, |ways, (way, _)| ways | 1 << way);
        bytes.push(TAG);
        bytes.extend(ways.to_be_bytes());
        for (_, child) in &self.children {
            bytes.extend(child.hash);
            put(&mut bytes, child.version);
            put(&mut bytes, child.leaves);
        }
        for leaf in &self.leaves {
            bytes.extend(leaf.key);
            bytes.extend(leaf.hash);
            put(&mut bytes, leaf.version);
        }
        bytes
    }

    /// The record at a depth of its bytes; `None` if they are none.
    pub(crate) fn decode(depth: u8, bytes: &[u8]) -> Option<Self> {
        let (tag, rest) = bytes.split_first()?;
        let (ways, mut rest) = rest.split_first_chunk::<2>()?;
        let ways = u16::from_be_bytes(*ways);
        let mut record = Self::empty(depth);
        record.children.reserve_exact(ways.count_ones() as usize);
        for way in (0..WAYS as u8).filter(|way| ways >> way & 1 == 1) {
            let hash;
            (hash, rest) = rest.split_first_chunk::<32>()?;
            let version = take(&mut rest)?;
            let leaves = take(&mut rest)?;
            record.children.push((way, Child { hash: *hash, version, leaves }));
        }
        record.leaves.reserve_exact(rest.len() / LEAF_BYTES);
        while let Some((key, more)) = rest.split_first_chunk::<32>() {
            let (hash, mut more) = more.split_first_chunk::<32>()?;
            let version = take(&mut more)?;
            record.leaves.push(Leaf { key: *key, hash: *hash, version });
            rest = more;
        }
        let ascend = record.leaves.windows(2).all(|pair| pair[0].key < pair[1].key);
        (*tag == TAG && rest.is_empty() && ascend).then_some(record)
    }
}

/// The hash of the subtree of some leaves from a bit on: one alone is its own, whatever the depth.
pub(crate) fn subtree(leaves: &[Leaf], from: usize) -> [u8; 32] {
    match leaves {
        [] => EMPTY_ROOT.0,
        [leaf] => leaf.hash,
        _ => {
            let (left, right) = halves(leaves, from);
            inner(&subtree(left, from.saturating_add(1)), &subtree(right, from.saturating_add(1)))
        }
    }
}

/// Leaves by a bit of their keys' hashes.
pub(crate) fn halves(leaves: &[Leaf], at: usize) -> (&[Leaf], &[Leaf]) {
    leaves.split_at(leaves.partition_point(|leaf| !bit(&leaf.key, at)))
}

fn inner(left: &[u8; 32], right: &[u8; 32]) -> [u8; 32] {
    Sha256::new().chain_update(b"JMT::IntrnalNode").chain_update(left).chain_update(right).finalize().into()
}

/// Seven bits a byte, the lowest first; the highest bit says that there are more.
fn put(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

fn take(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}
