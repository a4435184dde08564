//! Where in the tree something is: the way down from the root, one nibble of the key's hash a level.

use jmt::storage::NodeKey;

/// Ways down from a place.
pub(crate) const WAYS: usize = 16;

/// The nibble of a hash at a depth.
pub(crate) fn nibble(hash: &[u8; 32], depth: u8) -> u8 {
    let byte = hash.get(usize::from(depth / 2)).copied().unwrap_or_default();
    if depth.is_multiple_of(2) { byte >> 4 } else { byte & 15 }
}

/// A bit of a hash, the most significant first.
pub(crate) fn bit(hash: &[u8; 32], at: usize) -> bool {
    let byte = hash.get(at / 8).copied().unwrap_or_default();
    byte & (0x80 >> (at % 8)) != 0
}

/// A place of the tree of any version: its depth and the way down.
pub(crate) type Spot = (u8, [u8; 32]);

/// A place of the tree of a version. In the order in which records lie on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    /// The version that wrote what is there.
    pub version: u64,
    /// Nibbles from the root.
    pub depth: u8,
    /// The nibbles; zero behind them.
    way: [u8; 32],
}

impl Place {
    /// The root of a version.
    pub(crate) fn root(version: u64) -> Self {
        Self { version, depth: 0, way: [0; 32] }
    }

    /// The place one level down.
    pub(crate) fn child(&self, way: u8, version: u64) -> Self {
        let mut child = Self { version, depth: self.depth.saturating_add(1), way: self.way };
        if let Some(byte) = child.way.get_mut(usize::from(self.depth / 2)) {
            *byte |= if self.depth.is_multiple_of(2) { way << 4 } else { way & 15 };
        }
        child
    }

    /// The same place in the tree of another version.
    pub(crate) fn of(&self, version: u64) -> Self {
        Self { version, ..*self }
    }

    /// The place on the way to this one that has `depth` nibbles.
    pub(crate) fn above(&self, depth: u8) -> Self {
        let mut place = Self::root(self.version);
        for depth in 0..depth.min(self.depth) {
            place = place.child(self.nibble(depth), self.version);
        }
        place
    }

    /// The nibble of the way down that leads on from a depth.
    pub(crate) fn nibble(&self, depth: u8) -> u8 {
        nibble(&self.way, depth)
    }

    /// Whether the way to a key leads through here.
    pub(crate) fn leads_to(&self, hash: &[u8; 32]) -> bool {
        (0..self.depth).all(|depth| self.nibble(depth) == nibble(hash, depth))
    }

    /// The place in whatever version.
    pub(crate) fn spot(&self) -> Spot {
        (self.depth, self.way)
    }

    /// A number that differs between neighbours.
    pub(crate) fn spread(&self) -> usize {
        let way = self.way.first_chunk::<4>().map_or(0, |way| u32::from_be_bytes(*way));
        (u64::from(way).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40) as usize
    }

    /// The key in the database: version first, so that what was written together lies together.
    pub(crate) fn key(&self) -> Vec<u8> {
        let mut bytes = self.version.to_be_bytes().to_vec();
        bytes.push(self.depth);
        bytes.extend_from_slice(&self.way[..usize::from(self.depth.min(64)).div_ceil(2)]);
        bytes
    }

    /// Bytes of the key that some bytes begin with.
    pub(crate) fn key_bytes(bytes: &[u8]) -> Option<usize> {
        let depth = bytes.get(8).filter(|depth| **depth <= 64)?;
        Some(9 + usize::from(*depth).div_ceil(2))
    }

    /// The place of a [`Place::key`].
    pub(crate) fn of_key(bytes: &[u8]) -> Option<Self> {
        let (version, rest) = bytes.split_first_chunk::<8>()?;
        let (&depth, nibbles) = rest.split_first()?;
        let mut way = [0; 32];
        if depth > 64 || nibbles.len() != usize::from(depth).div_ceil(2) {
            return None;
        }
        way[..nibbles.len()].copy_from_slice(nibbles);
        Some(Self { version: u64::from_be_bytes(*version), depth, way })
    }
}

impl From<&NodeKey> for Place {
    fn from(key: &NodeKey) -> Self {
        let down = |place: Self, nibble| place.child(u8::from(nibble), key.version());
        key.nibble_path().nibbles().fold(Self::root(key.version()), down)
    }
}
