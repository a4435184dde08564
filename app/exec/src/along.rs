//! Opcodes that work along one axis, row by row: running sums, and the best elements in order.

use crate::buffer::Element;
use crate::view::View;
use assay_plan::shape::around;
use assay_types::tensor::DType;

/// Running sums.
pub(crate) fn cum_sum(view: &mut View<'_>, axis: u8, exclusive: bool, reverse: bool) {
    match view.node().dtype {
        DType::F32 => sums(view, axis, exclusive, reverse, 0.0f32, |a, b| a + b),
        DType::I64 => sums(view, axis, exclusive, reverse, 0, i64::wrapping_add),
        _ => sums(view, axis, exclusive, reverse, 0, i32::wrapping_add),
    }
}

fn sums<T: Element>(
    view: &mut View<'_>,
    axis: u8,
    exclusive: bool,
    reverse: bool,
    zero: T,
    add: impl Fn(T, T) -> T,
) {
    let (_, dim, inner) = around(&view.node().dims, axis);
    let x: &[T] = view.operand(0);
    let y: &mut [T] = view.result();
    for (x, y) in x.chunks_exact(dim * inner).zip(y.chunks_exact_mut(dim * inner)) {
        if inner == 1 {
            row(x, y, exclusive, reverse, zero, &add);
        } else {
            rows(x, y, inner, exclusive, reverse, zero, &add);
        }
    }
}

/// The running sums of one row.
fn row<T: Element>(x: &[T], y: &mut [T], exclusive: bool, reverse: bool, zero: T, add: &impl Fn(T, T) -> T) {
    let mut sum = zero;
    let mut take = |y: &mut T, x: T| {
        let before = sum;
        sum = add(sum, x);
        *y = if exclusive { before } else { sum };
    };
    if reverse {
        y.iter_mut().zip(x).rev().for_each(|(y, &x)| take(y, x));
    } else {
        y.iter_mut().zip(x).for_each(|(y, &x)| take(y, x));
    }
}

/// The running sums of rows that lie side by side, `inner` of them.
fn rows<T: Element>(
    x: &[T],
    y: &mut [T],
    inner: usize,
    exclusive: bool,
    reverse: bool,
    zero: T,
    add: &impl Fn(T, T) -> T,
) {
    let dim = x.len() / inner;
    let place = |step: usize| if reverse { dim - 1 - step } else { step } * inner;
    for step in 0..dim {
        let at = place(step);
        if step == 0 {
            let start = x[at..][..inner].iter().map(|&x| if exclusive { zero } else { add(zero, x) });
            y[at..][..inner].iter_mut().zip(start).for_each(|(y, sum)| *y = sum);
            continue;
        }
        // The sum so far stands beside; it still lacks the element there if exclusive.
        let before = place(step - 1);
        let (low, high) = y.split_at_mut(at.max(before));
        let (so_far, y) =
            if reverse { (&high[..inner], &mut low[at..]) } else { (&low[before..], &mut high[..]) };
        let added = &x[if exclusive { before } else { at }..][..inner];
        for (y, (&sum, &x)) in y[..inner].iter_mut().zip(so_far.iter().zip(added)) {
            *y = add(sum, x);
        }
    }
}

/// An element as a number whose order is the elements': a NaN above all, both zeros alike.
pub(crate) trait Rank: Element {
    fn rank(self) -> u64;
}

impl Rank for f32 {
    fn rank(self) -> u64 {
        let bits = if self.is_nan() { 0x7fff_ffff } else { (self + 0.0).to_bits() };
        u64::from(if bits >> 31 == 0 { bits | 1 << 31 } else { !bits })
    }
}

macro_rules! rank {
    ($t:ident) => {
        impl Rank for $t {
            fn rank(self) -> u64 {
                (self as i64 as u64) ^ (1 << 63)
            }
        }
    };
}
rank!(i64);
rank!(i32);
rank!(i8);
rank!(u8);

/// The indices of the best elements of each row.
pub(crate) fn top_k(view: &mut View<'_>, axis: u8, largest: bool) {
    match view.operand_node(0).dtype {
        DType::F32 => best::<f32>(view, axis, largest),
        DType::I64 => best::<i64>(view, axis, largest),
        DType::I32 => best::<i32>(view, axis, largest),
        DType::I8 => best::<i8>(view, axis, largest),
        DType::U8 | DType::Bool => best::<u8>(view, axis, largest),
    }
}

/// Rank and index in one number: no two are equal, so that every way of sorting gives the same.
fn best<T: Rank>(view: &mut View<'_>, axis: u8, largest: bool) {
    let (_, dim, inner) = around(&view.operand_node(0).dims, axis);
    let k = view.node().dims[axis as usize] as usize;
    let keys: &mut [u128] = view.scratch(dim);
    let x: &[T] = view.operand(0);
    let y: &mut [i64] = view.result();
    for (x, y) in x.chunks_exact(dim * inner).zip(y.chunks_exact_mut(k * inner)) {
        for column in 0..inner {
            for (i, key) in keys.iter_mut().enumerate() {
                let rank = x[i * inner + column].rank();
                *key = u128::from(if largest { !rank } else { rank }) << 64 | i as u128;
            }
            if k < dim {
                keys.select_nth_unstable(k - 1);
            }
            let chosen = &mut keys[..k];
            chosen.sort_unstable();
            for (i, key) in chosen.iter().enumerate() {
                y[i * inner + column] = *key as u64 as i64;
            }
        }
    }
}
