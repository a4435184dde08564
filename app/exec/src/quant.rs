//! Quantised opcodes, element by element: plain loops that any node can run by. Products are in [`crate::integer`].

use crate::buffer::Element;
use crate::view::View;
use assay_kernels::{Pool, quotient, scale};
use assay_plan::Opcode;
use assay_plan::walk::Walk;
use assay_types::tensor::DType;

/// An element of one byte, as the integer that it stands for.
pub(crate) trait Byte: Element {
    const LEAST: i32;
    const GREATEST: i32;
    fn wide(self) -> i32;
    fn word(self) -> i16;
    fn narrow(value: i32) -> Self;
}

impl Byte for u8 {
    const LEAST: i32 = 0;
    const GREATEST: i32 = 255;
    fn wide(self) -> i32 {
        i32::from(self)
    }
    fn word(self) -> i16 {
        i16::from(self)
    }
    fn narrow(value: i32) -> Self {
        value as u8
    }
}

impl Byte for i8 {
    const LEAST: i32 = -128;
    const GREATEST: i32 = 127;
    fn wide(self) -> i32 {
        i32::from(self)
    }
    fn word(self) -> i16 {
        i16::from(self)
    }
    fn narrow(value: i32) -> Self {
        value as i8
    }
}

/// Runs a block with `$t` standing for the element type of a dtype of one byte.
macro_rules! by_sign {
    ($dtype:expr, $t:ident => $body:expr) => {
        if $dtype == DType::I8 {
            type $t = i8;
            $body
        } else {
            type $t = u8;
            $body
        }
    };
}
pub(crate) use by_sign;

/// Added to a number of a few bits, this leaves its nearest integer, ties to even, in the low bits.
const ROUNDS: f32 = 12_582_912.0;

/// `t` held to the dtype's range, rounded, with the zero point added. A NaN is the least.
fn rounded<T: Byte>(t: f32, zero: T) -> T {
    let (lo, hi) = ((T::LEAST - zero.wide()) as f32, (T::GREATEST - zero.wide()) as f32);
    let t = if t > lo { t } else { lo };
    let t = if t < hi { t } else { hi };
    let whole = ((t + ROUNDS).to_bits() as i32).wrapping_sub(ROUNDS.to_bits() as i32);
    T::narrow(whole.wrapping_add(zero.wide()))
}

/// Quantize, Dequantize and Requantize.
pub(crate) fn scaled(walk: &Walk<3>, view: &mut View<'_>) {
    let (to, from) = (view.node().dtype, view.operand_node(0).dtype);
    match view.node().op {
        Opcode::Quantize => {
            by_sign!(to, T => each(walk, view, |x: f32, by, zero: T| rounded(quotient(x, by), zero)))
        }
        Opcode::Requantize => {
            by_sign!(to, T => each(walk, view, |x: i32, by, zero: T| rounded(x as f32 * scale(by), zero)))
        }
        _ if from == DType::I32 => {
            each(walk, view, |x: i32, by, zero: i32| x.wrapping_sub(zero) as f32 * scale(by))
        }
        _ => {
            by_sign!(from, T => each(walk, view, |x: T, by, zero: T| {
                x.wide().wrapping_sub(zero.wide()) as f32 * scale(by)
            }))
        }
    }
}

fn each<X: Element, Z: Element, Y: Element>(
    walk: &Walk<3>,
    view: &mut View<'_>,
    function: impl Fn(X, f32, Z) -> Y,
) {
    let (x, scale, zero): (&[X], &[f32], &[Z]) = (view.operand(0), view.operand(1), view.operand(2));
    let y: &mut [Y] = view.result();
    let run = walk.run;
    let mut runs = y.chunks_exact_mut(run);
    // The two ways that there are in models are loops of their own, which the compiler can make ones of vectors.
    match walk.steps {
        [1, 0, 0] => walk.each(|[x_start, scale_start, zero_start]| {
            let (Some(y), scale, zero) = (runs.next(), scale[scale_start], zero[zero_start]) else { return };
            y.iter_mut().zip(&x[x_start..][..run]).for_each(|(y, &x)| *y = function(x, scale, zero));
        }),
        [1, 1, 0] => walk.each(|[x_start, scale_start, zero_start]| {
            let (Some(y), zero) = (runs.next(), zero[zero_start]) else { return };
            let operands = x[x_start..][..run].iter().zip(&scale[scale_start..][..run]);
            y.iter_mut().zip(operands).for_each(|(y, (&x, &scale))| *y = function(x, scale, zero));
        }),
        steps => {
            let steps = steps.map(|step| step as usize);
            walk.each(|[x_start, scale_start, zero_start]| {
                let Some(y) = runs.next() else { return };
                for (i, y) in y.iter_mut().enumerate() {
                    let at = |start: usize, operand: usize| start + i * steps[operand];
                    *y = function(x[at(x_start, 0)], scale[at(scale_start, 1)], zero[at(zero_start, 2)]);
                }
            });
        }
    }
}

pub(crate) fn lookup(view: &mut View<'_>) {
    let x: &[u8] = view.operand(0);
    if view.node().dtype == DType::F32 {
        let table: &[f32] = view.operand(1);
        view.result().iter_mut().zip(x).for_each(|(y, &x)| *y = table[x as usize]);
    } else {
        let table: &[u8] = view.operand(1);
        view.result().iter_mut().zip(x).for_each(|(y, &x)| *y = table[x as usize]);
    }
}

/// The greatest byte of each window.
pub(crate) fn max_pool(pool: &Pool, view: &mut View<'_>) {
    by_sign!(view.node().dtype, T => max_pool_of::<T>(pool, view))
}

fn max_pool_of<T: Byte>(pool: &Pool, view: &mut View<'_>) {
    let (x, y): (&[T], &mut [T]) = (view.operand(0), view.result());
    let [height, width] = pool.input;
    // Wrapped below zero, a coordinate fails the bounds check.
    let place = |side: usize, at: usize, tap: usize| {
        (at * pool.stride[side] + tap * pool.dilation[side]).wrapping_sub(pool.pad[side])
    };
    let planes = x.chunks_exact(height * width).zip(y.chunks_exact_mut(pool.output[0] * pool.output[1]));
    for (plane, y) in planes {
        for (at, y) in y.iter_mut().enumerate() {
            let (oy, ox) = (at / pool.output[1], at % pool.output[1]);
            let mut best = T::LEAST;
            for row in (0..pool.kernel[0]).map(|tap| place(0, oy, tap)).filter(|&row| row < height) {
                let row = &plane[row * width..][..width];
                let taps = (0..pool.kernel[1]).filter_map(|tap| row.get(place(1, ox, tap)));
                best = taps.fold(best, |best, x| best.max(x.wide()));
            }
            *y = T::narrow(best);
        }
    }
}
