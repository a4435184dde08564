//! Where choices come from: a seed, or the bytes of a fuzzer, which learns what they do.

/// A source of choices, without end.
#[derive(Debug, Clone)]
pub enum Choice<'a> {
    /// A generator's state.
    Seed(u64),
    /// Bytes left; zeros follow.
    Bytes(&'a [u8]),
}

impl Choice<'_> {
    /// A generator of choices.
    pub fn seeded(seed: u64) -> Self {
        // Spread, so that neighbouring seeds have nothing in common; never zero, where the generator would stay.
        Choice::Seed(seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// Any 32 bits.
    pub fn word(&mut self) -> u32 {
        match self {
            Choice::Seed(state) => {
                *state ^= *state << 13;
                *state ^= *state >> 7;
                *state ^= *state << 17;
                (*state >> 24) as u32
            }
            Choice::Bytes(bytes) => {
                let (head, rest) = bytes.split_at(bytes.len().min(2));
                *bytes = rest;
                head.iter().fold(0, |word, byte| word << 8 | u32::from(*byte))
            }
        }
    }

    /// A number below `bound`; 0 when there is none.
    pub fn below(&mut self, bound: usize) -> usize {
        if bound < 2 { 0 } else { self.word() as usize % bound }
    }

    /// True once in `times`.
    pub fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    /// An element.
    pub fn of<'a, T>(&mut self, list: &'a [T]) -> Option<&'a T> {
        list.get(self.below(list.len()))
    }

    /// A number that breaks things.
    pub fn number(&mut self) -> u32 {
        const EDGES: [u32; 18] =
            [0, 1, 2, 3, 4, 7, 8, 15, 16, 17, 31, 255, 256, 4096, 65_536, 0x7fff_ffff, 0x8000_0000, u32::MAX];
        if self.once_in(3) { self.word() } else { EDGES[self.below(EDGES.len())] }
    }
}
