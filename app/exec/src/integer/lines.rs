//! Products of many results: six rows of words at a time meet 16 lanes of bytes, which lie side by side.
//!
//! Lanes are brought side by side as bytes, once for all rows that pass over them; rows are taken term by term as
//! words, less their zero points. Which side of a product gives the lanes is the caller's choice.

use assay_kernels::Isa;
use assay_kernels::int8::{LINE_ROWS, Line, Lines, RowPairs, multiply_lines, transpose_8};
use std::ops::Range;

/// Lanes of a panel.
pub(super) const PANEL: usize = 16;
/// Lanes of a block.
const ACROSS: usize = 16 * PANEL;
/// Blocks whose lanes are kept.
const KEPT: usize = 64;
/// Lanes that are kept.
pub(super) const KEPT_LANES: usize = KEPT * ACROSS;
/// Terms of a block.
const DEEP: usize = 256;
/// Rows or lanes that are turned together.
const SIDE: usize = 8;

/// What is multiplied.
pub(super) trait Sides {
    /// Writes terms of some rows, less their zero points, each row at a multiple of `stride`, and where in the result
    /// each row begins.
    fn rows(&self, rows: Range<usize>, terms: Range<usize>, words: (&mut [i16], usize), at: &mut [usize]);
    /// Says where lanes are and where their results go.
    fn lanes(&self, lanes: Range<usize>, across: &mut Across);
    /// Where terms are, from a lane's start.
    fn terms(&self, terms: Range<usize>, to: &mut [usize]);
    /// The bytes that lanes and terms lie in, and whether they are i8.
    fn bytes(&self) -> (&[u8], bool);
    /// Writes terms of a panel's lanes. `places` are the terms'.
    fn fill(&self, panel: &Panel, _terms: Range<usize>, places: &[usize], to: &mut [Line]) {
        fill(panel, places, self.bytes().0, to);
    }
}

/// Up to 16 lanes.
#[derive(Debug)]
pub(super) struct Panel {
    /// Where each lane starts.
    pub starts: [usize; PANEL],
    pub count: usize,
    /// Elements from lane to lane, if all are as far apart.
    step: Option<usize>,
    pub zeros: [i32; PANEL],
    /// Which of the places are its lanes'.
    places: Range<usize>,
}

/// Lanes whose results lie side by side: the first, how many, and where the first's is from a row's start.
#[derive(Debug, Clone, Copy)]
struct Place {
    lane: usize,
    count: usize,
    at: usize,
}

/// The lanes of a block.
#[derive(Debug, Default)]
pub(super) struct Across {
    panels: Vec<Panel>,
    places: Vec<Place>,
}

impl Across {
    /// Adds a panel of lanes that start there, with one zero point each. Where their results go is said by
    /// [`Across::put`] afterwards.
    pub(super) fn panel(&mut self, starts: [usize; PANEL], count: usize, zeros: [i32; PANEL]) {
        let apart = starts[1].wrapping_sub(starts[0]);
        let even = (1..count).all(|lane| starts[lane].wrapping_sub(starts[lane - 1]) == apart);
        let from = self.places.len();
        let step = if count == 1 { Some(1) } else { even.then_some(apart) };
        self.panels.push(Panel { starts, count, step, zeros, places: from..from });
    }

    /// Adds panels of lanes that are evenly spaced, in the operand and in the result, from the first of all lanes on.
    pub(super) fn even(&mut self, lanes: Range<usize>, [step, apart]: [usize; 2], zeros: [i32; PANEL]) {
        for first in lanes.clone().step_by(PANEL) {
            let count = PANEL.min(lanes.end - first);
            let starts = std::array::from_fn(|lane| (first + lane) * step);
            let from = self.places.len();
            match apart {
                1 => self.places.push(Place { lane: 0, count, at: first }),
                _ => self.places.extend((0..count).map(|lane| {
                    let at = (first + lane) * apart;
                    Place { lane, count: 1, at }
                })),
            }
            let places = from..self.places.len();
            self.panels.push(Panel { starts, count, step: Some(step), zeros, places });
        }
    }

    /// Lanes of the last panel have results side by side, from `at` on.
    pub(super) fn put(&mut self, lane: usize, count: usize, at: usize) {
        let Some(panel) = self.panels.last_mut() else { return };
        if let Some(last) = self.places[panel.places.clone()].last_mut()
            && (last.lane + last.count, last.at + last.count) == (lane, at)
        {
            last.count += count;
            return;
        }
        self.places.push(Place { lane, count, at });
        panel.places.end = self.places.len();
    }
}

/// The terms of a panel's lanes, which lie in `raw`.
fn fill(panel: &Panel, terms: &[usize], raw: &[u8], to: &mut [Line]) {
    let (first, starts) = (panel.starts[0], &panel.starts[..panel.count]);
    match (panel.step, panel.count) {
        (Some(1), count) => {
            for (to, term) in to.iter_mut().zip(terms) {
                let from = &raw[first.wrapping_add(*term)..];
                match from.first_chunk() {
                    // Lanes that do not count may hold anything.
                    Some(line) => *to = *line,
                    None => to[..count].copy_from_slice(&from[..count]),
                }
            }
        }
        (Some(2), PANEL) => {
            for (to, term) in to.iter_mut().zip(terms) {
                match raw[first + term..].first_chunk::<{ 2 * PANEL }>() {
                    Some(line) => (0..PANEL).for_each(|lane| to[lane] = line[2 * lane]),
                    None => (0..PANEL).for_each(|lane| to[lane] = raw[first + term + 2 * lane]),
                }
            }
        }
        _ => {
            let mut at = 0;
            while at < terms.len() {
                let (term, next) = (terms[at], &terms[at..terms.len().min(at + SIDE)]);
                if next.len() == SIDE && next.iter().enumerate().all(|(i, next)| *next == term + i) {
                    turn(starts, term, raw, &mut to[at..][..SIDE]);
                    at += SIDE;
                    continue;
                }
                to[at].iter_mut().zip(starts).for_each(|(to, start)| *to = raw[start.wrapping_add(term)]);
                at += 1;
            }
        }
    }
}

/// Eight terms that lie side by side in each lane.
fn turn(starts: &[usize], term: usize, raw: &[u8], to: &mut [Line]) {
    for (half, starts) in starts.chunks(SIDE).enumerate() {
        let mut rows = [0; SIDE];
        for (row, start) in rows.iter_mut().zip(starts) {
            if let Some(bytes) = raw[start.wrapping_add(term)..].first_chunk() {
                *row = u64::from_le_bytes(*bytes);
            }
        }
        for (line, column) in to.iter_mut().zip(transpose_8(rows)) {
            line[half * SIDE..][..SIDE].copy_from_slice(&column.to_le_bytes());
        }
    }
}

/// Room for blocks of both sides.
pub(super) struct Multiplier {
    deep: usize,
    /// The lanes of every block, if they are not too many, else of the last.
    across: Vec<Across>,
    /// Of how many blocks they are known.
    known: usize,
    terms: Vec<usize>,
    words: Vec<i16>,
    pairs: Vec<RowPairs>,
    lines: Vec<[Line; 2]>,
}

impl Multiplier {
    /// Room for products of at most so many lanes and terms.
    pub(super) fn new(lanes: usize, terms: usize) -> Self {
        let deep = terms.min(DEEP).next_multiple_of(2);
        let panels = lanes.min(ACROSS).div_ceil(PANEL);
        let blocks = lanes.div_ceil(ACROSS);
        let kept = if blocks <= KEPT { blocks } else { 1 };
        Self {
            deep,
            across: (0..kept).map(|_| Across::default()).collect(),
            known: 0,
            terms: vec![0; deep],
            words: vec![0; LINE_ROWS * deep],
            pairs: vec![RowPairs::default(); deep / 2],
            lines: vec![[[0; PANEL]; 2]; panels * deep / 2],
        }
    }

    /// The lanes are other ones than in the product before.
    pub(super) fn forget(&mut self) {
        self.known = 0;
    }

    /// Adds all products to `y`.
    pub(super) fn multiply(
        &mut self,
        isa: Isa,
        sides: &impl Sides,
        [rows, lanes, terms]: [usize; 3],
        y: &mut [i32],
    ) {
        let deeper = terms > self.deep;
        for from in (0..terms).step_by(self.deep) {
            let terms = from..terms.min(from + self.deep);
            // The terms of one block are the same from product to product, as long as the lanes are.
            if from > 0 || deeper || self.known == 0 {
                sides.terms(terms.clone(), &mut self.terms[..terms.len()]);
            }
            for first in (0..lanes).step_by(ACROSS) {
                let block = self.across(sides, first..lanes.min(first + ACROSS));
                let blocks = self.lines.chunks_exact_mut(self.deep / 2);
                for (panel, lines) in self.across[block].panels.iter().zip(blocks) {
                    let lines = &mut lines.as_flattened_mut()[..terms.len()];
                    sides.fill(panel, terms.clone(), &self.terms[..terms.len()], lines);
                }
                for row in (0..rows).step_by(LINE_ROWS) {
                    let rows = row..rows.min(row + LINE_ROWS);
                    self.block(isa, sides, block, [rows, terms.clone()], y);
                }
            }
        }
    }

    /// Where the lanes of a block are known.
    fn across(&mut self, sides: &impl Sides, lanes: Range<usize>) -> usize {
        let number = lanes.start / ACROSS;
        let all = number < self.across.len();
        if all && number < self.known {
            return number;
        }
        let slot = if all { number } else { 0 };
        self.across[slot].panels.clear();
        self.across[slot].places.clear();
        self.known = if all && self.known == number { number + 1 } else { 0 };
        sides.lanes(lanes, &mut self.across[slot]);
        slot
    }

    /// Some rows over a block's lanes.
    fn block(
        &mut self,
        isa: Isa,
        sides: &impl Sides,
        block: usize,
        [rows, terms]: [Range<usize>; 2],
        y: &mut [i32],
    ) {
        let (height, pairs, mut at) = (rows.len(), terms.len().div_ceil(2), [0; LINE_ROWS]);
        sides.rows(rows, terms.clone(), (&mut self.words[..], self.deep), &mut at[..height]);
        let mut less = [0; LINE_ROWS];
        for (row, words) in self.words.chunks_exact(self.deep).take(height).enumerate() {
            let (twos, rest) = words[..terms.len()].as_chunks::<2>();
            let mut sum = 0i32;
            for (pair, &[a, b]) in self.pairs.iter_mut().zip(twos) {
                pair[row] = [a, b];
                sum = sum.wrapping_add(i32::from(a)).wrapping_add(i32::from(b));
            }
            if let &[last] = rest {
                self.pairs[twos.len()][row] = [last, 0];
                sum = sum.wrapping_add(i32::from(last));
            }
            less[row] = sum.wrapping_neg();
        }
        let signed = sides.bytes().1;
        let blocks = self.lines.chunks_exact(self.deep / 2);
        let across = &self.across[block];
        let mut sums = [[0; PANEL]; LINE_ROWS];
        for (panel, w) in across.panels.iter().zip(blocks) {
            let lines = Lines { x: &self.pairs[..pairs], w, signed, zeros: &panel.zeros, less: &less };
            multiply_lines(isa, lines, &mut sums[..height]);
            for place in &across.places[panel.places.clone()] {
                for (sums, at) in sums.iter().zip(&at[..height]) {
                    let sums = &sums[place.lane..][..place.count];
                    let y = &mut y[at + place.at..][..place.count];
                    y.iter_mut().zip(sums).for_each(|(y, sum)| *y = y.wrapping_add(*sum));
                }
            }
        }
    }
}
