//! Weights as the products want them: panels of 16 columns, four terms side by side.

pub use super::words::Quad as QuadPanel;
use crate::Isa;
use crate::lanes::LANES;

/// Packed weights, i8 and without their zero point.
///
/// Of two neighbouring weights whose products with u8 could add up beyond the i16 (which AVX2's instruction
/// would cut off there), what is too much is moved to an *extra* step. It takes terms once more: the first two
/// of one step, the last two of another.
#[derive(Debug, Clone, Copy)]
pub struct Panels<'a> {
    /// The panels, [`steps`] steps each.
    pub quads: &'a [QuadPanel],
    /// Extra steps, panel by panel.
    pub extras: &'a [QuadPanel],
    /// Where the four bytes lie, from a row's start, whose first two and whose last two each extra step takes
    /// again.
    pub repeats: &'a [[u32; 2]],
    /// Where the extra steps of each panel end.
    pub ends: &'a [u32],
}

impl<'a> Panels<'a> {
    /// The extra steps of a panel, and where each takes its bytes.
    pub(super) fn extra(&self, panel: usize) -> (&'a [QuadPanel], &'a [[u32; 2]]) {
        let begin = if panel == 0 { 0 } else { self.ends[panel - 1] as usize };
        let range = begin..self.ends[panel] as usize;
        (&self.extras[range.clone()], &self.repeats[range])
    }
}

/// What [`pack`] makes; [`Packed::panels`] is what the bodies take.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Packed {
    /// As in [`Panels`].
    pub quads: Vec<QuadPanel>,
    /// As in [`Panels`].
    pub extras: Vec<QuadPanel>,
    /// As in [`Panels`].
    pub repeats: Vec<[u32; 2]>,
    /// As in [`Panels`].
    pub ends: Vec<u32>,
    /// The sum of each column's weights, the last panel filled up.
    pub sums: Vec<[i32; LANES]>,
}

impl Packed {
    /// Puts what was taken from the second weights of a pair in the extra step `at`, a new one if need be.
    fn add_rests(&mut self, at: usize, half: usize, place: u32, rests: [i8; LANES]) {
        if at == self.extras.len() {
            self.extras.push(QuadPanel::default());
            self.repeats.push([0; 2]);
        }
        self.repeats[at][half] = place;
        for (slots, rest) in self.extras[at].0.iter_mut().zip(rests) {
            slots[2 * half + 1] = rest;
        }
    }

    /// Tells extra steps where bytes are when rows lie in pieces of so many steps, `jump` bytes apart.
    #[must_use]
    pub fn in_pieces(mut self, steps: usize, jump: usize) -> Self {
        for place in self.repeats.as_flattened_mut() {
            let step = *place as usize / 4;
            *place = (step / steps * jump + step % steps * 4) as u32;
        }
        self
    }

    /// The packed weights, borrowed.
    pub fn panels(&self) -> Panels<'_> {
        Panels { quads: &self.quads, extras: &self.extras, repeats: &self.repeats, ends: &self.ends }
    }
}

/// Steps of a sum of so many terms.
pub fn steps(terms: usize) -> usize {
    terms.div_ceil(4)
}

/// Panels of so many columns.
pub fn panel_count(columns: usize) -> usize {
    columns.div_ceil(LANES)
}

/// Whether the bodies of an instruction set need weights that cannot saturate.
pub(crate) fn splits(isa: Isa) -> bool {
    match isa {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2(_) | Isa::Avx512(_) => !isa.has_vnni(),
        _ => false,
    }
}

/// Takes from two weights what keeps `255 * a + 255 * b` in the i16, and gives back the rest of the second.
fn tame(pair: &mut [i8]) -> i8 {
    const MOST: i16 = 128;
    let [a, b] = pair else { return 0 };
    let both = i16::from(*a) + i16::from(*b);
    let rest = (both - both.clamp(-MOST, MOST)) as i8;
    *b -= rest;
    rest
}

/// Packs `weight(term, column)` for the bodies of an instruction set. Weights that are u8 are moved to i8 by
/// 128, and so is their zero point.
pub fn pack(isa: Isa, terms: usize, columns: usize, weight: impl Fn(usize, usize) -> i8) -> Packed {
    let mut packed = Packed::default();
    for first in (0..columns).step_by(LANES) {
        let width = LANES.min(columns - first);
        let mut sums = [0i32; LANES];
        let (begin, mut counts) = (packed.extras.len(), [0; 2]);
        for step in 0..steps(terms) {
            let mut quad = QuadPanel::default();
            for (lane, slots) in quad.0[..width].iter_mut().enumerate() {
                for (slot, term) in slots.iter_mut().zip(4 * step..terms) {
                    *slot = weight(term, first + lane);
                    sums[lane] = sums[lane].wrapping_add(i32::from(*slot));
                }
            }
            if splits(isa) {
                for half in 0..2 {
                    let mut rests = [0; LANES];
                    for (rest, slots) in rests.iter_mut().zip(&mut quad.0) {
                        *rest = tame(&mut slots[2 * half..][..2]);
                    }
                    if rests != [0; LANES] {
                        packed.add_rests(begin + counts[half], half, 4 * step as u32, rests);
                        counts[half] += 1;
                    }
                }
            }
            packed.quads.push(quad);
        }
        packed.ends.push(packed.extras.len() as u32);
        packed.sums.push(sums);
    }
    packed
}
