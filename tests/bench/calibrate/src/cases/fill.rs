//! What operands hold: the same numbers in every run, kind ones and unkind ones.

use assay_types::tensor::{CANONICAL_NAN, DType, byte_len};

/// What an operand holds.
#[derive(Clone, Copy)]
pub enum Fill {
    /// Numbers between -2 and 2, all different; integers from 1 to 1000.
    Numbers,
    /// The same, but one that is no number.
    Hole,
    /// Indices below this.
    Below(u32),
    /// Subnormal numbers.
    Tiny,
    /// Numbers whose products with each other are subnormal.
    Small,
    /// Numbers of every size; integers of all their bits.
    Wide,
    /// Each greater than the one before.
    Rising,
    /// One number, everywhere.
    All(f32),
}

/// Which one of [`Fill::Hole`].
const HOLE: usize = 29;

/// Knuth's generator.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 32) as u32
    }
}

impl Fill {
    /// What stands in for [`Fill::Numbers`], by its name.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "numbers" => Fill::Numbers,
            "tiny" => Fill::Tiny,
            "small" => Fill::Small,
            "wide" => Fill::Wide,
            _ => return None,
        })
    }

    fn number(self, at: usize, word: u32) -> f32 {
        match self {
            Fill::Hole if at == HOLE => f32::from_bits(CANONICAL_NAN),
            Fill::Numbers | Fill::Hole => (f64::from(word) / f64::from(u32::MAX) * 4.0 - 2.0) as f32,
            Fill::Below(limit) => ((u64::from(word) * u64::from(limit)) >> 32) as f32,
            Fill::Tiny => f32::from_bits(word >> 10),
            Fill::Small => f32::from_bits((word & 0x807f_ffff) | (63 << 23)),
            // All exponents but those of infinities and NaN.
            Fill::Wide => f32::from_bits(word & 0xbfff_ffff),
            Fill::Rising => at as f32,
            Fill::All(value) => value,
        }
    }

    fn integer(self, at: usize, word: u32, low: u32) -> i64 {
        match self {
            Fill::Below(limit) => ((u64::from(word) * u64::from(limit)) >> 32) as i64,
            Fill::Wide => ((u64::from(word) << 32) | u64::from(low)) as i64,
            Fill::Rising => at as i64,
            Fill::All(value) => value as i64,
            _ => i64::from(word % 1000) + 1,
        }
    }

    /// The bytes of a tensor.
    pub fn bytes(self, dtype: DType, dims: &[u32], seed: u64) -> Vec<u8> {
        let mut random = Random(seed);
        let count = byte_len(dtype, dims).unwrap_or(0) / dtype.size();
        let mut bytes = Vec::with_capacity(count * dtype.size());
        for at in 0..count {
            let word = random.next();
            if dtype == DType::F32 {
                bytes.extend(self.number(at, word).to_le_bytes());
                continue;
            }
            let integer = self.integer(at, word, random.next());
            match dtype {
                DType::I64 => bytes.extend(integer.to_le_bytes()),
                DType::I32 => bytes.extend((integer as i32).to_le_bytes()),
                DType::Bool => bytes.push((word >> 7) as u8 & 1),
                // All bytes, unless they are indices or one number.
                _ if matches!(self, Fill::Numbers) => bytes.push(word as u8),
                _ => bytes.push(integer as u8),
            }
        }
        bytes
    }
}
