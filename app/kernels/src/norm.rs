//! Row functions with what precedes and follows them, in one pass over memory: normalisation and softmax.
#![allow(unsafe_code)]

use crate::Binary;
use crate::Isa;
use crate::isa::entry;
use crate::lanes::{Arithmetic, LANES, Lanes, opaque};
use crate::math;
use crate::post::{self, Grid, Other, Post};
use crate::reduce::{exp_lanes, lanes_of, softmax_rows, sum, tree};

/// Normalisation of rows. With `centre = Some(c)`: `m = sum(x) * c`, `v = x - m`; else `v = x`. Then
/// `q = sum of squares of v`, lanes combining as in a row sum, and the result is
/// `posts(v * (1 / sqrt(q / n + eps)))`.
#[derive(Debug, Clone, Copy)]
pub struct Norm<'a> {
    /// Elements of a row.
    pub n: usize,
    /// What the row's sum is multiplied by to give the mean.
    pub centre: Option<f32>,
    /// Added to the mean square.
    pub eps: f32,
    /// What is done to the results: scale and shift as [`Other::Columns`], as a rule.
    pub posts: &'a [Post<'a>],
}

/// Normalises the rows of `x` into those of `y`, as many as `y` holds. Panics if a slice is too short.
pub fn norm_rows(isa: Isa, norm: &Norm<'_>, x: &[f32], y: &mut [f32]) {
    if norm.n == 0 {
        return;
    }
    let rows = y.len() / norm.n;
    assert!(x.len() >= rows * norm.n, "rows reach outside");
    post::check(norm.posts, norm.n, rows * norm.n);
    let (mut scale, mut shift, mut late) = (None, None, norm.posts);
    if let [
        Post::Binary(Binary::Mul, Other::Columns(list)) | Post::Reversed(Binary::Mul, Other::Columns(list)),
        tail @ ..,
    ] = late
    {
        (scale, late) = (Some(*list), tail);
    }
    if let [
        Post::Binary(Binary::Add, Other::Columns(list)) | Post::Reversed(Binary::Add, Other::Columns(list)),
        tail @ ..,
    ] = late
    {
        (shift, late) = (Some(*list), tail);
    }
    for (row, (x, y)) in x.chunks_exact(norm.n).zip(y.chunks_exact_mut(norm.n)).enumerate() {
        norm_row(isa, norm, scale, shift, x, y);
        if !late.is_empty() {
            let grid = Grid { rows: 1, columns: norm.n, stride: norm.n, first_column: 0 };
            let y = y.as_mut_ptr();
            // SAFETY: the row holds the grid; the steps were checked for all rows.
            unsafe { post::run(isa, late, &grid, row * norm.n, y, y) }
        }
    }
}

entry! {
    fn norm_row(norm: &Norm<'_>, scale: Option<&[f32]>, shift: Option<&[f32]>, x: &[f32], y: &mut [f32]) => norm_body
}

#[inline(always)]
fn norm_body<V: Lanes>(
    norm: &Norm<'_>,
    scale: Option<&[f32]>,
    shift: Option<&[f32]>,
    x: &[f32],
    y: &mut [f32],
) {
    match norm.centre {
        Some(factor) => {
            let mean = V::splat(math::product(sum::<V>(x), factor));
            let (vectors, rest) = y.as_chunks_mut::<LANES>();
            for (x, y) in x.as_chunks::<LANES>().0.iter().zip(vectors) {
                V::load(x).sub(mean).store(y);
            }
            if !rest.is_empty() {
                V::load_part(&x[x.len() - rest.len()..], 0.0).sub(mean).store_part(rest);
            }
        }
        None => y.copy_from_slice(&x[..y.len()]),
    }
    let squares = tree(lanes_of!(y, 0.0, |acc, v| math::add_square(acc, v)), |a, b| a + b);
    let root = V::splat(1.0 / (squares / norm.n as f32 + norm.eps).sqrt());
    let (scaled, shifted) = (scale.unwrap_or(&[]), shift.unwrap_or(&[]));
    let (vectors, rest) = y.as_chunks_mut::<LANES>();
    let done = vectors.len() * LANES;
    let (scales, shifts) = (scaled.as_chunks::<LANES>().0, shifted.as_chunks::<LANES>().0);
    for (i, y) in vectors.iter_mut().enumerate() {
        let mut v = math::product(V::load(y), root);
        if scale.is_some() {
            v = math::product(v, V::load(&scales[i]));
        }
        if shift.is_some() {
            v = v.add(V::load(&shifts[i]));
        }
        v.store(y);
    }
    if !rest.is_empty() {
        let mut v = math::product(V::load_part(rest, 0.0), root);
        if scale.is_some() {
            v = math::product(v, V::load_part(&scaled[done..][..rest.len()], 0.0));
        }
        if shift.is_some() {
            v = v.add(V::load_part(&shifted[done..][..rest.len()], 0.0));
        }
        v.store_part(rest);
    }
}

/// Softmax of the rows of `n` elements of `pre(x)` into those of `y`, as many as `y` holds: scale and mask go
/// before. Panics if a slice is too short.
pub fn softmax(isa: Isa, pre: &[Post<'_>], n: usize, x: &[f32], y: &mut [f32]) {
    if n == 0 {
        return;
    }
    let rows = y.len() / n;
    assert!(x.len() >= rows * n, "rows reach outside");
    post::check(pre, n, rows * n);
    let (mut scale, mut rest) = (None, pre);
    if let [
        Post::Binary(Binary::Mul, Other::All(value)) | Post::Reversed(Binary::Mul, Other::All(value)),
        tail @ ..,
    ] = rest
    {
        (scale, rest) = (Some(*value), tail);
    }
    let (mut mask, mut step): (Option<&[f32]>, usize) = (None, 0);
    if let [Post::Binary(Binary::Add, other) | Post::Reversed(Binary::Add, other), tail @ ..] = rest {
        match other {
            Other::Columns(list) => (mask, rest) = (Some(*list), tail),
            Other::Same(list) => (mask, step, rest) = (Some(*list), n, tail),
            Other::All(_) => {}
        }
    }
    let other = !rest.is_empty();
    for (row, (x, y)) in x.chunks_exact(n).zip(y.chunks_exact_mut(n)).enumerate() {
        if other {
            let grid = Grid { rows: 1, columns: n, stride: n, first_column: 0 };
            // SAFETY: the row holds the grid; the steps were checked for all rows.
            unsafe { post::run(isa, pre, &grid, row * n, x.as_ptr(), y.as_mut_ptr()) }
            softmax_rows(isa, n, y);
        } else {
            softmax_row(isa, scale, mask.map(|list| &list[row * step..]), x, y);
        }
    }
}

entry! {
    /// Softmax of `x * scale + mask`, what is missing being left out.
    fn softmax_row(scale: Option<f32>, mask: Option<&[f32]>, x: &[f32], y: &mut [f32]) => softmax_body
}

#[inline(always)]
fn softmax_body<V: Lanes>(scale: Option<f32>, mask: Option<&[f32]>, x: &[f32], y: &mut [f32]) {
    let factor = V::splat(scale.unwrap_or(1.0));
    let mask_list = mask.unwrap_or(&[]);
    let (vectors, rest) = y.as_chunks_mut::<LANES>();
    let (xs, x_rest) = x.as_chunks::<LANES>();
    let masks = mask_list.as_chunks::<LANES>().0;
    let done = vectors.len() * LANES;
    let mut greatest = V::splat(opaque(f32::NEG_INFINITY));
    for (i, (x, y)) in xs.iter().zip(vectors).enumerate() {
        let mut v = V::load(x);
        if scale.is_some() {
            v = math::product(v, factor);
        }
        if mask.is_some() {
            v = v.add(V::load(&masks[i]));
        }
        v.store(y);
        greatest = greatest.max(v);
    }
    let mut lanes = greatest.to_array();
    if !rest.is_empty() {
        let mut v = V::load_part(&x_rest[..rest.len()], 0.0);
        if scale.is_some() {
            v = math::product(v, factor);
        }
        if mask.is_some() {
            v = v.add(V::load_part(&mask_list[done..][..rest.len()], 0.0));
        }
        v.store_part(rest);
        lanes[..rest.len()].copy_from_slice(&greatest.max(v).to_array()[..rest.len()]);
    }
    let shift = V::splat(tree(lanes, crate::lanes::max));
    let total = tree(exp_lanes!(y, shift), |a, b| a + b);
    let root = V::splat(1.0 / total);
    let (vectors, rest) = y.as_chunks_mut::<LANES>();
    for y in vectors {
        math::share(V::load(y), root).store(y);
    }
    if !rest.is_empty() {
        math::share(V::load_part(rest, 0.0), root).store_part(rest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Source, Step, assert_same};
    use crate::{Fold, fold_rows, rms_norm_rows};

    /// The plan's own sequence: ReduceSum, Mul, Sub, RmsNorm, then the steps.
    #[test]
    fn normalisation_has_the_bits_of_its_opcodes_one_by_one() {
        let mut source = Source::new(50);
        for round in 0..80 {
            let (rows, n) = (source.between(1, 5), source.between(1, 70));
            let x = source.list(rows * n);
            let centre = (round % 3 > 0).then_some(1.0 / n as f32);
            let mut steps = Step::list(&mut source, n, rows * n);
            if round % 2 == 0 {
                steps.insert(0, Step::Columns(Binary::Mul, source.list(n), round % 4 == 0));
                steps.insert(1, Step::Columns(Binary::Add, source.list(n), round % 8 < 4));
            }
            let mut law = x.clone();
            if let Some(factor) = centre {
                let mut sums = vec![0.0; rows];
                fold_rows(Isa::Reference, Fold::Sum, n, &x, &mut sums);
                for (i, value) in law.iter_mut().enumerate() {
                    *value -= math::product(sums[i / n], factor);
                }
            }
            rms_norm_rows(Isa::Reference, n, 1e-5, &mut law);
            for (i, value) in law.iter_mut().enumerate() {
                *value = steps.iter().fold(*value, |value, step| step.law(value, i % n, i));
            }
            let posts: Vec<Post<'_>> = steps.iter().map(Step::post).collect();
            for isa in Isa::available() {
                let mut y = vec![7.0; rows * n];
                norm_rows(isa, &Norm { n, centre, eps: 1e-5, posts: &posts }, &x, &mut y);
                assert_same(&format!("{} {rows}x{n}", isa.name()), &y, &law);
            }
        }
    }

    #[test]
    fn softmax_has_the_bits_of_its_opcodes_one_by_one() {
        let mut source = Source::new(51);
        for round in 0..90 {
            let (rows, n) = (source.between(1, 40), source.between(1, 70));
            let x = source.list(rows * n);
            let mut steps = Step::list(&mut source, n, rows * n);
            if round % 2 == 0 {
                steps.truncate(round % 4 / 2);
                let mask = match round % 3 {
                    0 => Step::Same(Binary::Add, source.list(rows * n), round % 8 == 0),
                    _ => Step::Columns(Binary::Add, source.list(n), round % 8 == 0),
                };
                steps.insert(0, mask);
                steps.insert(0, Step::All(Binary::Mul, 0.3, round % 8 == 4));
            }
            let mut law: Vec<f32> = x.clone();
            for (i, value) in law.iter_mut().enumerate() {
                *value = steps.iter().fold(*value, |value, step| step.law(value, i % n, i));
            }
            softmax_rows(Isa::Reference, n, &mut law);
            let posts: Vec<Post<'_>> = steps.iter().map(Step::post).collect();
            for isa in Isa::available() {
                let mut y = vec![7.0; rows * n];
                softmax(isa, &posts, n, &x, &mut y);
                assert_same(&format!("{} {rows}x{n}", isa.name()), &y, &law);
            }
        }
    }

    #[test]
    fn a_chain_has_the_bits_of_its_steps_one_by_one() {
        let mut source = Source::new(52);
        for _ in 0..60 {
            let (rows, columns) = (source.between(1, 30), source.between(1, 90));
            let stride = columns + source.one_of(&[0, 0, 3]);
            let x = source.list(rows * stride);
            let first_column = source.below(4);
            let steps = Step::list(&mut source, first_column + columns, rows * stride);
            let posts: Vec<Post<'_>> = steps.iter().map(Step::post).collect();
            let mut law = vec![7.0; rows * stride];
            for row in 0..rows {
                for column in 0..columns {
                    let at = row * stride + column;
                    law[at] = steps.iter().fold(x[at], |v, step| step.law(v, first_column + column, at));
                }
            }
            let grid = Grid { rows, columns, stride, first_column };
            for isa in Isa::available() {
                let mut y = vec![7.0; rows * stride];
                crate::chain(isa, &posts, &grid, &x, &mut y);
                assert_same(&format!("{} {grid:?}", isa.name()), &y, &law);
                let mut y = x.clone();
                crate::chain_in_place(isa, &posts, &grid, &mut y);
                for row in 0..rows {
                    let row = row * stride..row * stride + columns;
                    assert_same(&isa.name(), &y[row.clone()], &law[row]);
                }
            }
        }
    }
}
