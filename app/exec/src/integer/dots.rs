//! Products of few results and many terms: both sides are brought side by side as words, and their dot products taken.

use assay_kernels::{Isa, MANY, dot_words};
use std::ops::Range;

/// Rows and columns of a block.
pub(super) const FEW: usize = 2 * MANY;
/// Terms side by side from which on a dot product of few results is short for what it does.
pub(super) const LONG: usize = 64;
/// The same where there are many columns, which could be lanes as well.
pub(super) const VERY_LONG: usize = 256;
/// Terms of a block.
pub(super) const TERMS: usize = 512;

/// What is multiplied.
pub(super) trait Factors {
    /// Writes terms of some rows, less their zero points, each at a multiple of [`TERMS`], and remembers these rows.
    fn rows(&mut self, rows: Range<usize>, terms: Range<usize>, to: &mut [i16]);
    /// Writes terms of some columns, each at a multiple of [`TERMS`], and remembers these columns.
    fn columns(&mut self, columns: Range<usize>, terms: Range<usize>, to: &mut [i16]);
    /// The place of a result and its column's zero point, by what was remembered.
    fn result(&self, row: usize, column: usize) -> (usize, i32);
}

/// Blocks of both factors.
pub(super) struct Blocks {
    x: Vec<i16>,
    w: Vec<i16>,
}

impl Blocks {
    pub(super) fn new() -> Self {
        Self { x: vec![0; FEW * TERMS], w: vec![0; FEW * TERMS] }
    }

    /// Adds all products to `y`.
    pub(super) fn multiply(
        &mut self,
        isa: Isa,
        factors: &mut impl Factors,
        [rows, columns, terms]: [usize; 3],
        y: &mut [i32],
    ) {
        for from in (0..terms).step_by(TERMS) {
            let terms = from..terms.min(from + TERMS);
            for column in (0..columns).step_by(FEW) {
                let width = FEW.min(columns - column);
                factors.columns(column..column + width, terms.clone(), &mut self.w);
                for row in (0..rows).step_by(FEW) {
                    let height = FEW.min(rows - row);
                    factors.rows(row..row + height, terms.clone(), &mut self.x);
                    self.block(isa, factors, [height, width, terms.len()], y);
                }
            }
        }
    }

    fn block(&self, isa: Isa, factors: &impl Factors, [height, width, terms]: [usize; 3], y: &mut [i32]) {
        for row in 0..height {
            let x = &self.x[row * TERMS..][..terms];
            let sum = x.iter().fold(0i32, |sum, &x| sum.wrapping_add(i32::from(x)));
            for column in (0..width).step_by(MANY) {
                let mut sums = [0; MANY];
                dot_words(isa, x, &self.w[column * TERMS..], TERMS, &mut sums);
                for (column, product) in (column..width).zip(sums) {
                    let (at, zero) = factors.result(row, column);
                    y[at] = y[at].wrapping_add(product).wrapping_sub(zero.wrapping_mul(sum));
                }
            }
        }
    }
}
