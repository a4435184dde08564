//! Integer products by themselves, in whatever order their elements lie: what no step of the program takes along.
//!
//! Both factors are brought into blocks of words, whose products the kernels add up; sums wrap, so their order changes
//! no bit. The first factor's zero point is taken off on the way, the second's after the sums:
//! `sum(x * (w - z)) = sum(x * w) - z * sum(x)`.

mod conv;
mod einsum;

use assay_kernels::{Isa, MANY, dot_words};
pub(crate) use conv::ConvInt;
pub(crate) use einsum::EinsumInt;
use std::ops::Range;

/// Rows of a block.
const ROWS: usize = 16;
/// Columns of a block.
const COLUMNS: usize = 12 * MANY;
/// Terms of a block.
const TERMS: usize = 512;

/// What is multiplied.
trait Factors {
    /// Writes terms of some rows, less their zero points, each at a multiple of [`TERMS`], and remembers these rows.
    fn rows(&mut self, rows: Range<usize>, terms: Range<usize>, to: &mut [i16]);
    /// Writes terms of some columns, each at a multiple of [`TERMS`], and remembers these columns.
    fn columns(&mut self, columns: Range<usize>, terms: Range<usize>, to: &mut [i16]);
    /// The place of a result and its column's zero point, by what was remembered.
    fn result(&self, row: usize, column: usize) -> (usize, i32);
}

/// Blocks of both factors.
struct Blocks {
    x: Vec<i16>,
    w: Vec<i16>,
}

impl Blocks {
    fn new() -> Self {
        Self { x: vec![0; ROWS * TERMS], w: vec![0; COLUMNS * TERMS] }
    }

    /// Adds all products to `y`.
    fn multiply(
        &mut self,
        isa: Isa,
        factors: &mut impl Factors,
        [rows, columns, terms]: [usize; 3],
        y: &mut [i32],
    ) {
        for from in (0..terms).step_by(TERMS) {
            let terms = from..terms.min(from + TERMS);
            for column in (0..columns).step_by(COLUMNS) {
                let width = COLUMNS.min(columns - column);
                factors.columns(column..column + width, terms.clone(), &mut self.w);
                for row in (0..rows).step_by(ROWS) {
                    let height = ROWS.min(rows - row);
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
