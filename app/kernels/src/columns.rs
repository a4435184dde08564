//! Reductions of columns: what [`crate::fold_rows`] does to the rows of the transposed matrix, in place.
#![allow(unsafe_code)]

use crate::isa::entry;
use crate::lanes::{LANES, Lanes, opaque};
use crate::math;
use crate::reduce::Fold;

/// `y[c]` is the fold of the `n` elements `x[i * stride + c]`, for every c of `y`: element i goes to lane i mod
/// 16, in ascending order, then the lanes combine as those of a row do. Panics if x is too short.
pub fn fold_columns(isa: crate::Isa, fold: Fold, n: usize, stride: usize, x: &[f32], y: &mut [f32]) {
    if n > 0 && !y.is_empty() {
        let end = (n - 1).saturating_mul(stride).saturating_add(y.len());
        assert!(end <= x.len(), "columns reach outside");
    }
    fold_all(isa, fold, n, stride, x, y);
}

/// Folds the positions of each channel: `x` is blocks of `size` positions of 16 channels, as many as `y` holds
/// blocks of 16.
pub fn fold_blocks(isa: crate::Isa, fold: Fold, size: usize, x: &[f32], y: &mut [f32]) {
    for (x, y) in x.chunks_exact(size.max(1) * LANES).zip(y.chunks_exact_mut(LANES)) {
        fold_columns(isa, fold, size, LANES, x, y);
    }
}

entry! {
    fn fold_all(fold: Fold, n: usize, stride: usize, x: &[f32], y: &mut [f32]) => fold_body
}

/// Vectors of columns that are folded together.
const WIDE: usize = 4;

#[inline(always)]
fn fold_body<V: Lanes>(fold: Fold, n: usize, stride: usize, x: &[f32], y: &mut [f32]) {
    macro_rules! fold {
        ($start:expr, |$a:ident, $b:ident| $body:expr) => {{
            let mut first = 0;
            while first + WIDE * LANES <= y.len() {
                let mut lanes = [[V::splat($start); WIDE]; LANES];
                for i in 0..n {
                    // SAFETY: the caller has checked that the last column of the last row is inside.
                    let from = unsafe { x.as_ptr().add(i * stride + first) };
                    let accumulators = &mut lanes[i % LANES];
                    for (v, accumulator) in accumulators.iter_mut().enumerate() {
                        // SAFETY: as above.
                        let ($a, $b) = (*accumulator, unsafe { V::read(from.add(v * LANES)) });
                        *accumulator = $body;
                    }
                }
                for half in [8, 4, 2, 1] {
                    for i in 0..half {
                        for v in 0..WIDE {
                            let ($a, $b) = (lanes[i][v], lanes[i + half][v]);
                            lanes[i][v] = $body;
                        }
                    }
                }
                for v in 0..WIDE {
                    lanes[0][v].store_part(&mut y[first + v * LANES..][..LANES]);
                }
                first += WIDE * LANES;
            }
            while first < y.len() {
                let width = LANES.min(y.len() - first);
                let mut lanes = [V::splat($start); LANES];
                for i in 0..n {
                    let row = &x[i * stride + first..][..width];
                    let ($a, $b) = (lanes[i % LANES], V::load_part(row, 0.0));
                    lanes[i % LANES] = $body;
                }
                for half in [8, 4, 2, 1] {
                    for i in 0..half {
                        let ($a, $b) = (lanes[i], lanes[i + half]);
                        lanes[i] = $body;
                    }
                }
                lanes[0].store_part(&mut y[first..first + width]);
                first += width;
            }
        }};
    }
    match fold {
        Fold::Sum => fold!(0.0, |a, b| a.add(b)),
        Fold::Max => fold!(opaque(f32::NEG_INFINITY), |a, b| a.max(b)),
        Fold::Min => fold!(opaque(f32::INFINITY), |a, b| a.min(b)),
        Fold::Prod => fold!(1.0, |a, b| math::product(a, b)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Source, assert_same};
    use crate::{Isa, fold_rows};

    #[test]
    fn columns_fold_as_the_rows_of_the_transpose_do() {
        let mut source = Source::new(40);
        for round in 0..60 {
            let (n, columns) = (source.between(1, 70), source.between(1, 90));
            let stride = columns + source.below(4);
            let x = source.list(n * stride);
            let fold = [Fold::Sum, Fold::Max, Fold::Min, Fold::Prod][round % 4];
            let rows: Vec<f32> = (0..columns * n).map(|i| x[i % n * stride + i / n]).collect();
            let mut law = vec![0.0; columns];
            fold_rows(Isa::Reference, fold, n, &rows, &mut law);
            for isa in Isa::available() {
                let mut y = vec![7.0; columns];
                fold_columns(isa, fold, n, stride, &x, &mut y);
                assert_same(&format!("{} {fold:?} {n}x{columns}", isa.name()), &y, &law);
            }
        }
    }

    #[test]
    fn blocks_fold_their_positions() {
        let mut source = Source::new(41);
        for size in [1, 15, 16, 49, 100] {
            let x = source.list(3 * size * 16);
            let rows: Vec<f32> =
                (0..x.len()).map(|i| x[(i / size / 16 * size + i % size) * 16 + i / size % 16]).collect();
            let mut law = vec![0.0; 48];
            fold_rows(Isa::Reference, Fold::Sum, size, &rows, &mut law);
            for isa in Isa::available() {
                let mut y = vec![7.0; 48];
                fold_blocks(isa, Fold::Sum, size, &x, &mut y);
                assert_same(&format!("{} {size}", isa.name()), &y, &law);
            }
        }
    }
}
