//! Rows of bytes, or patches of an image, times constant columns.

use super::windows::Windows;
use super::{Constant, lines};
use crate::constants::Constants;
use crate::program::posts::{PostSpec, Posts};
use crate::view::View;
use assay_kernels::int8::{
    Finish, Output, Packed, Patches, Requantizer, Rows, gather_patches, gemm, gemm_part, pack, panel_count,
    row_sums,
};
use assay_kernels::{Binary, Grid, Isa, Other, Post, chain_in_place, scale};

/// Bytes of activations that stay in the cache while the panels pass over them.
pub(super) const CACHED: usize = 256 * 1024;
/// Rows that are worked on together: a multiple of what the large tiles have.
const FEWEST: usize = 14;
const MOST: usize = 1008;
/// Results in f32 that stay in the cache until what follows is done to them.
const CACHED_RESULTS: usize = 32 * 1024;

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
    /// Nothing: they are the result.
    Sums,
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

    /// How a convolution's windows are read from its image, if they are not gathered.
    fn windows(&self) -> Option<Windows> {
        self.patches.filter(|_| self.groups == 1).and_then(|patches| Windows::new(patches, self.signed))
    }

    fn row(&self) -> usize {
        self.terms().next_multiple_of(4)
    }

    fn block(&self) -> usize {
        match self.windows() {
            Some(windows) => windows.lines() * windows.patches.output[1],
            None => (CACHED / self.row()).clamp(FEWEST, MOST) / FEWEST * FEWEST,
        }
    }

    /// Bytes of copied or gathered activations.
    fn copied(&self) -> usize {
        match self.windows() {
            Some(windows) => windows.copied(),
            None if self.in_place() => 0,
            None => self.block().min(self.results) * self.row(),
        }
    }

    /// The bytes of scratch: copied or gathered activations, then sums of rows.
    pub(crate) fn scratch(&self) -> u64 {
        (self.copied().next_multiple_of(64) + self.block().min(self.results) * 4) as u64 + 64
    }

    /// Bytes of the packed weights: whole panels, whole steps of each piece of a row.
    pub(crate) fn packed(&self) -> u64 {
        let terms = match self.windows() {
            Some(windows) => windows.padded(),
            None => self.row(),
        };
        (self.groups * panel_count(self.columns) * terms) as u64 * 16
    }

    pub(crate) fn prepare(&mut self, isa: Isa, constants: &Constants<'_>) {
        let weights = &self.weights;
        let bytes = &*weights.bytes.of(constants);
        // u8 weights and their zero points are moved to i8 by 128.
        let (flip, shift) = if weights.signed { (0, 0) } else { (0x80, 128) };
        let zeros: Vec<i32> =
            weights.zero.integers(weights.signed, constants).iter().map(|zero| zero - shift).collect();
        let bias = weights.bias.map_or_else(|| vec![0], |bias| bias.i32s(constants));
        let multipliers = match self.becomes {
            Become::Bytes { multipliers: list, .. } | Become::Floats(list) => list.scales(constants),
            Become::Scaled(_) | Become::Sums => vec![],
        };
        for group in 0..self.groups {
            let first = group * self.columns;
            let weight = |term: usize, column: usize| {
                (bytes[weights.terms[term] + (first + column) * weights.column] ^ flip) as i8
            };
            let zeros = cut(&zeros, first, self.columns);
            let packed = match self.windows() {
                Some(windows) => windows.pack(isa, self.columns, weight),
                None => pack(isa, weights.terms.len(), self.columns, weight),
            };
            self.kept.ready.push(Ready {
                packed,
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
            multipliers.as_flattened_mut().iter_mut().for_each(|x| *x = scale(*x));
        }
        let copied: &mut [u8] = view.scratch(self.copied());
        let totals: &mut [i32] = view.scratch(self.block().min(self.results));
        let posts = Posts::bind(&self.kept.posts, view.run());
        // A sum with one element for each column, when it comes first, is done with the product.
        let added = match posts.first() {
            Some(
                Post::Binary(Binary::Add, Other::Columns(list))
                | Post::Reversed(Binary::Add, Other::Columns(list)),
            ) if self.groups == 1 => Some(lines(list, self.columns)),
            _ => None,
        };
        let mut out = match self.becomes {
            Become::Bytes { .. } => Out::Bytes(view.result()),
            Become::Sums => Out::Sums(view.result()),
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
                added: added.as_deref(),
                posts,
            };
            whole.run(view, &mut out, copied, totals);
        }
    }
}

/// Where the results go.
enum Out<'a> {
    Bytes(&'a mut [u8]),
    Sums(&'a mut [i32]),
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
    added: Option<&'a [[f32; 16]]>,
    posts: Posts<'a>,
}

impl Whole<'_> {
    fn run(&self, view: &View<'_>, out: &mut Out<'_>, copied: &mut [u8], totals: &mut [i32]) {
        let Product { images, results, columns, groups, ref becomes, .. } = *self.product;
        let x: &[u8] = view.operand(0);
        let (image, width, isa) = (x.len() / images, columns * groups, view.isa());
        let multipliers = self.multipliers;
        for (at, x) in x.chunks_exact(image).enumerate() {
            self.blocks(isa, x, copied, totals, |rows, totals, first| {
                let place = (at * results + first) * width;
                let end = place + rows.count() * width;
                match (&mut *out, becomes) {
                    (Out::Bytes(y), Become::Bytes { zero, signed, range, .. }) => {
                        let how = Requantizer { multipliers, zero: *zero, range: *range, signed: *signed };
                        let y = &mut y[place + self.group * columns..end];
                        let mut done = self.finish(totals, width, Output::Bytes(how, y));
                        gemm(isa, rows, self.ready.packed.panels(), columns, &mut done);
                    }
                    (Out::Sums(y), _) => {
                        let y = &mut y[place + self.group * columns..end];
                        let mut done = self.finish(totals, width, Output::Sums(y));
                        gemm(isa, rows, self.ready.packed.panels(), columns, &mut done);
                    }
                    (Out::Floats(y), _) => {
                        let y = &mut y[place + self.group * columns..end];
                        self.floats(isa, rows, totals, place, y);
                    }
                    (Out::Bytes(_), _) => unreachable!("bytes are made by multipliers"),
                }
            });
        }
    }

    fn finish<'a>(&'a self, totals: &'a [i32], stride: usize, output: Output<'a>) -> Finish<'a> {
        let factors = self.ready.zeros.as_deref().map(|zeros| (totals, zeros));
        Finish { bias: &self.start, rows: factors, stride, output }
    }

    /// Results in f32, some columns at a time; what follows is done to them while they are in the cache.
    fn floats(&self, isa: Isa, rows: Rows<'_>, totals: &[i32], place: usize, y: &mut [f32]) {
        let (columns, stride) = (self.product.columns, self.product.columns * self.product.groups);
        let done_before = usize::from(self.added.is_some());
        let panels = panel_count(columns);
        let wide = if self.posts.len() == done_before {
            panels
        } else {
            (CACHED_RESULTS / 16 / rows.count().max(1)).next_multiple_of(4).max(4)
        };
        for first in (0..panels).step_by(wide.max(1)) {
            let part = first..(first + wide).min(panels);
            let (multipliers, bias) = (self.multipliers, self.added);
            let output = Output::Floats { multipliers, bias, y: &mut *y };
            let mut done = self.finish(totals, stride, output);
            gemm_part(isa, rows, self.ready.packed.panels(), columns, part.clone(), &mut done);
            if self.posts.len() > done_before {
                let first_column = 16 * part.start;
                let columns = (16 * part.end).min(columns) - first_column;
                let grid = Grid { rows: rows.count(), columns, stride, first_column };
                let posts = self.posts.cut(place + self.group * self.product.columns + first_column);
                chain_in_place(isa, &posts[done_before..], &grid, &mut y[first_column..]);
            }
        }
    }

    /// Calls `block` with the rows of an image, some at a time, their sums, and which is the first.
    fn blocks(
        &self,
        isa: Isa,
        x: &[u8],
        copied: &mut [u8],
        totals: &mut [i32],
        mut block: impl FnMut(Rows<'_>, &[i32], usize),
    ) {
        let product = self.product;
        let mut with_sums = |rows: Rows<'_>, first: usize| {
            if self.ready.zeros.is_some() {
                row_sums(&rows, totals);
            }
            block(rows, totals, first);
        };
        if let Some(windows) = product.windows() {
            let image = windows.image(x, copied, self.zero);
            for line in (0..windows.patches.output[0]).step_by(windows.lines()) {
                with_sums(windows.rows(image, line), line * windows.patches.output[1]);
            }
            return;
        }
        let (terms, row) = (product.terms(), product.row());
        for first in (0..product.results).step_by(product.block()) {
            let count = product.block().min(product.results - first);
            if product.in_place() {
                with_sums(Rows::plain(&x[first * terms..], count, terms, terms), first);
            } else {
                let y = &mut copied[..count * row];
                self.gather(isa, x, first, y);
                with_sums(Rows::plain(y, count, row, terms), first);
            }
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
