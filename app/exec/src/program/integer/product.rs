//! Rows of bytes, or patches of an image, times constant columns.

use super::{Constant, lines};
use crate::program::posts::{PostSpec, Posts};
use crate::view::View;
use assay_kernels::int8::{
    Finish, Output, Packed, Patches, Requantizer, Rows, gather_patches, gemm, pack, row_sums,
};
use assay_kernels::{Grid, Isa, chain_in_place};

/// Bytes of activations that stay in the cache while the panels pass over them.
const CACHED: usize = 64 * 1024;
/// Rows that are worked on together: a multiple of a tile's.
const FEWEST: usize = 6;
const MOST: usize = 240;

/// Constant weights and what is constant about their sums.
#[derive(Debug, Clone)]
pub(crate) struct Weights {
    pub bytes: Constant,
    /// Where each term of a column is, from the column's start.
    pub terms: Vec<usize>,
    /// Bytes between the starts of two columns.
    pub column: usize,
    pub signed: bool,
    /// One zero point, or one for each column.
    pub zero: Constant,
    /// Added to the sums: one for all or one for each column.
    pub bias: Option<Constant>,
}

/// The zero point of the activations.
#[derive(Debug, Clone, Copy)]
pub(crate) enum ZeroPoint {
    /// Known, as a byte.
    Constant(u8),
    /// The step reads it, at this place.
    Read(usize),
}

/// What becomes of the sums.
#[derive(Debug, Clone)]
pub(crate) enum Become {
    Bytes {
        multipliers: Constant,
        zero: i32,
        signed: bool,
        range: [i32; 2],
    },
    /// f32, scaled by constants.
    Floats(Constant),
    /// f32, scaled by one number, or one for each column, that the step reads at this place.
    Scaled(usize),
}

/// Products of all rows of a matrix or all patches of images.
#[derive(Debug)]
pub(crate) struct Product {
    pub images: usize,
    /// Results of an image, and columns of a group.
    pub results: usize,
    pub columns: usize,
    pub groups: usize,
    /// How an image is looked at; `None` when its positions are the rows.
    pub patches: Option<Patches>,
    pub signed: bool,
    pub zero: ZeroPoint,
    pub weights: Weights,
    pub becomes: Become,
    pub kept: Kept,
}

/// What is found or made after the product itself.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    pub posts: Vec<PostSpec>,
    ready: Vec<Ready>,
    multipliers: Vec<Vec<[f32; 16]>>,
}

/// The weights of a group, ready for the kernels.
#[derive(Debug)]
pub(crate) struct Ready {
    packed: Packed,
    bias: Vec<[i32; 16]>,
    /// The zero points of the columns, if any is not 0.
    zeros: Option<Vec<[i32; 16]>>,
}

/// One element for all, or those from `first` on.
fn cut<T: Copy>(list: &[T], first: usize, columns: usize) -> &[T] {
    if list.len() == 1 { list } else { &list[first..][..columns] }
}

impl Product {
    fn terms(&self) -> usize {
        self.weights.terms.len()
    }

    /// Whether rows are used where they lie.
    fn in_place(&self) -> bool {
        self.patches.is_none() && !self.signed && self.terms().is_multiple_of(4)
    }

    fn row(&self) -> usize {
        self.terms().next_multiple_of(4)
    }

    fn block(&self) -> usize {
        (CACHED / self.row()).clamp(FEWEST, MOST) / FEWEST * FEWEST
    }

    /// The bytes of scratch: gathered rows, then their sums.
    pub(crate) fn scratch(&self) -> u64 {
        let rows = if self.in_place() { 0 } else { self.block() * self.row() };
        (rows.next_multiple_of(64) + self.block() * 4) as u64 + 64
    }

    pub(crate) fn prepare(&mut self, isa: Isa, data: &[u8]) {
        let weights = &self.weights;
        let bytes = weights.bytes.of(data);
        // u8 weights and their zero points are moved to i8 by 128.
        let (flip, shift) = if weights.signed { (0, 0) } else { (0x80, 128) };
        let zeros: Vec<i32> =
            weights.zero.integers(weights.signed, data).iter().map(|zero| zero - shift).collect();
        let bias = weights.bias.map_or_else(|| vec![0], |bias| bias.i32s(data));
        let multipliers = match self.becomes {
            Become::Bytes { multipliers: list, .. } | Become::Floats(list) => list.f32s(data),
            Become::Scaled(_) => vec![],
        };
        for group in 0..self.groups {
            let first = group * self.columns;
            let weight = |term: usize, column: usize| {
                (bytes[weights.terms[term] + (first + column) * weights.column] ^ flip) as i8
            };
            let zeros = cut(&zeros, first, self.columns);
            self.kept.ready.push(Ready {
                packed: pack(isa, weights.terms.len(), self.columns, weight),
                bias: lines(cut(&bias, first, self.columns), self.columns),
                zeros: zeros.iter().any(|&zero| zero != 0).then(|| lines(zeros, self.columns)),
            });
            if !multipliers.is_empty() {
                self.kept.multipliers.push(lines(cut(&multipliers, first, self.columns), self.columns));
            }
        }
    }

    /// What the sums of a group start from when the activations, as u8, have this zero point.
    fn start(&self, ready: &Ready, zero: i32) -> Vec<[i32; 16]> {
        let terms = self.terms() as i32;
        let start = |(panel, (bias, sums)): (usize, (&[i32; 16], &[i32; 16]))| {
            std::array::from_fn(|i| {
                let own = ready.zeros.as_ref().map_or(0, |zeros| zeros[panel][i]);
                let both = own.wrapping_mul(terms).wrapping_sub(sums[i]);
                bias[i].wrapping_add(both.wrapping_mul(zero))
            })
        };
        ready.bias.iter().zip(&ready.packed.sums).enumerate().map(start).collect()
    }

    pub(crate) fn run(&self, view: &mut View<'_>) {
        let flip = if self.signed { 0x80 } else { 0 };
        let zero = match self.zero {
            ZeroPoint::Constant(zero) => zero ^ flip,
            ZeroPoint::Read(at) => view.operand::<u8>(at)[0] ^ flip,
        };
        let mut multipliers: Vec<[f32; 16]> = vec![];
        if let Become::Scaled(at) = self.becomes {
            multipliers = lines(view.operand(at), self.columns);
        }
        let gathered: &mut [u8] =
            if self.in_place() { &mut [] } else { view.scratch(self.block() * self.row()) };
        let totals: &mut [i32] = view.scratch(self.block());
        let mut out = match self.becomes {
            Become::Bytes { .. } => Out::Bytes(view.result()),
            _ => Out::Floats(view.result()),
        };
        for (group, ready) in self.kept.ready.iter().enumerate() {
            let whole = Whole {
                product: self,
                ready,
                group,
                zero,
                start: self.start(ready, i32::from(zero)),
                multipliers: self.kept.multipliers.get(group).unwrap_or(&multipliers),
            };
            whole.run(view, &mut out, gathered, totals);
        }
    }
}

/// Where the results go.
enum Out<'a> {
    Bytes(&'a mut [u8]),
    Floats(&'a mut [f32]),
}

/// A group of a product in a run.
struct Whole<'a> {
    product: &'a Product,
    ready: &'a Ready,
    group: usize,
    zero: u8,
    start: Vec<[i32; 16]>,
    multipliers: &'a [[f32; 16]],
}

impl Whole<'_> {
    fn run(&self, view: &View<'_>, out: &mut Out<'_>, gathered: &mut [u8], totals: &mut [i32]) {
        let Product { images, results, columns, groups, ref becomes, .. } = *self.product;
        let x: &[u8] = view.operand(0);
        let (image, width, isa) = (x.len() / images, columns * groups, view.isa());
        let posts = Posts::bind(&self.product.kept.posts, view.run());
        let multipliers = self.multipliers;
        for (at, x) in x.chunks_exact(image).enumerate() {
            self.blocks(isa, x, gathered, totals, |rows, totals, first, last| {
                let place = (at * results + first) * width;
                let end = place + (last - first) * width;
                match (&mut *out, becomes) {
                    (Out::Bytes(y), Become::Bytes { zero, signed, range, .. }) => {
                        let how = Requantizer { multipliers, zero: *zero, range: *range, signed: *signed };
                        let y = &mut y[place + self.group * columns..end];
                        self.gemm(isa, rows, totals, width, Output::Bytes(how, y));
                    }
                    (Out::Floats(y), _) => {
                        let y = &mut y[place + self.group * columns..end];
                        let floats = Output::Floats { multipliers, bias: None, y: &mut *y };
                        self.gemm(isa, rows, totals, width, floats);
                        if !posts.is_empty() {
                            let grid = Grid { rows: last - first, columns, stride: width, first_column: 0 };
                            chain_in_place(isa, &posts.cut(place), &grid, y);
                        }
                    }
                    (Out::Bytes(_), _) => unreachable!("bytes are made by multipliers"),
                }
            });
        }
    }

    fn gemm(&self, isa: Isa, rows: Rows<'_>, totals: &[i32], stride: usize, output: Output<'_>) {
        let factors = self.ready.zeros.as_deref().map(|zeros| (totals, zeros));
        let mut done = Finish { bias: &self.start, rows: factors, stride, output };
        gemm(isa, rows, self.ready.packed.panels(), self.product.columns, &mut done);
    }

    /// Calls `block` with the rows of an image, some at a time, their sums, and which they are.
    fn blocks(
        &self,
        isa: Isa,
        x: &[u8],
        gathered: &mut [u8],
        totals: &mut [i32],
        mut block: impl FnMut(Rows<'_>, &[i32], usize, usize),
    ) {
        let product = self.product;
        let (terms, row) = (product.terms(), product.row());
        for first in (0..product.results).step_by(product.block()) {
            let count = product.block().min(product.results - first);
            let rows = if product.in_place() {
                Rows { x: &x[first * terms..], count, stride: terms, terms }
            } else {
                let y = &mut gathered[..count * row];
                self.gather(isa, x, first, y);
                Rows { x: y, count, stride: row, terms }
            };
            if self.ready.zeros.is_some() {
                row_sums(&rows, totals);
            }
            block(rows, totals, first, first + count);
        }
    }

    fn gather(&self, isa: Isa, x: &[u8], first: usize, y: &mut [u8]) {
        let (terms, row) = (self.product.terms(), self.product.row());
        let flip = if self.product.signed { 0x80 } else { 0 };
        match self.product.patches {
            Some(patches) => {
                let from = patches.taken[0] + self.group * patches.taken[1];
                // What lies outside is flipped with the rest.
                let taken = [from, patches.taken[1]];
                let patches = Patches { outside: self.zero ^ flip, taken, ..patches };
                gather_patches(isa, &patches, x, first, y);
            }
            None => {
                for (y, x) in y.chunks_exact_mut(row).zip(x[first * terms..].chunks_exact(terms)) {
                    y[..terms].copy_from_slice(x);
                }
            }
        }
        if flip != 0 {
            y.iter_mut().for_each(|byte| *byte ^= flip);
        }
    }
}
