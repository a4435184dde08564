//! Quantised opcodes, element by element: plain loops that any node can run by.

use crate::buffer::Element;
use crate::view::View;
use assay_kernels::Pool;
use assay_plan::walk::{Walk, signed};
use assay_plan::{Node, Opcode, Window};
use assay_types::tensor::DType;

/// An element of one byte, as the integer that it stands for.
pub(crate) trait Byte: Element {
    const LEAST: i32;
    const GREATEST: i32;
    fn wide(self) -> i32;
    fn narrow(value: i32) -> Self;
}

impl Byte for u8 {
    const LEAST: i32 = 0;
    const GREATEST: i32 = 255;
    fn wide(self) -> i32 {
        i32::from(self)
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

/// `t` held to the dtype's range, rounded, with the zero point added. A NaN is the least.
fn rounded<T: Byte>(t: f32, zero: T) -> T {
    let (lo, hi) = ((T::LEAST - zero.wide()) as f32, (T::GREATEST - zero.wide()) as f32);
    let t = if t > lo { t } else { lo };
    let t = if t < hi { t } else { hi };
    T::narrow(t.round_ties_even() as i32 + zero.wide())
}

/// Quantize, Dequantize and Requantize.
pub(crate) fn scaled(walk: &Walk<3>, view: &mut View<'_>) {
    let (to, from) = (view.node().dtype, view.operand_node(0).dtype);
    match view.node().op {
        Opcode::Quantize => {
            by_sign!(to, T => each(walk, view, |x: f32, scale, zero: T| rounded(x / scale, zero)))
        }
        Opcode::Requantize => {
            by_sign!(to, T => each(walk, view, |x: i32, scale, zero: T| rounded(x as f32 * scale, zero)))
        }
        _ if from == DType::I32 => {
            each(walk, view, |x: i32, scale, zero: i32| x.wrapping_sub(zero) as f32 * scale)
        }
        _ => {
            by_sign!(from, T => each(walk, view, |x: T, scale, zero: T| (x.wide() - zero.wide()) as f32 * scale))
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
    let mut runs = y.chunks_exact_mut(walk.run);
    let steps = walk.steps.map(|step| step as usize);
    walk.each(|[x_start, scale_start, zero_start]| {
        let Some(run) = runs.next() else { return };
        for (i, y) in run.iter_mut().enumerate() {
            let at = |start: usize, operand: usize| start + i * steps[operand];
            *y = function(x[at(x_start, 0)], scale[at(scale_start, 1)], zero[at(zero_start, 2)]);
        }
    });
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

/// An integer einsum as two walks: over the result, and over each element's terms.
#[derive(Debug)]
pub(crate) struct EinsumInt {
    /// Over the result: a, b, their zero points.
    outer: Walk<4>,
    /// Over the terms: a, b.
    inner: Walk<2>,
}

/// The stride and the dim of each label that a tensor has; a dim of 1 repeats.
fn along(labels: &[u8], node: &Node, label: u8) -> (isize, u32) {
    let strides = signed(assay_plan::shape::repeating_strides(&node.dims));
    match labels.iter().position(|&own| own == label) {
        Some(axis) => (strides[axis], node.dims[axis]),
        None => (0, 1),
    }
}

impl EinsumInt {
    pub(crate) fn new(node: &Node, operands: &[&Node], [a, b, out]: [&[u8]; 3]) -> Self {
        let labels = [a, b, a, b];
        let over = |operand: usize, label: u8| along(labels[operand], operands[operand], label);
        let column = |operand: usize| out.iter().map(|&label| over(operand, label).0).collect::<Vec<_>>();
        let columns = [column(0), column(1), column(2), column(3)];
        let outer = Walk::new(&node.dims, std::array::from_fn(|i| &columns[i][..]), [0; 4]);
        let only_b = b.iter().filter(|label| !a.contains(label));
        let summed: Vec<u8> = a.iter().chain(only_b).filter(|label| !out.contains(label)).copied().collect();
        let dims: Vec<u32> = summed.iter().map(|&label| over(0, label).1.max(over(1, label).1)).collect();
        let terms = |operand: usize| summed.iter().map(|&label| over(operand, label).0).collect::<Vec<_>>();
        let inner = Walk::new(&dims, [&terms(0), &terms(1)], [0; 2]);
        Self { outer, inner }
    }

    pub(crate) fn run(&self, view: &mut View<'_>) {
        let dtypes = [view.operand_node(0).dtype, view.operand_node(1).dtype];
        by_sign!(dtypes[0], A => by_sign!(dtypes[1], B => self.typed::<A, B>(view)))
    }

    fn typed<A: Byte, B: Byte>(&self, view: &mut View<'_>) {
        let (a, b): (&[A], &[B]) = (view.operand(0), view.operand(1));
        let (za, zb): (&[A], &[B]) = (view.operand(2), view.operand(3));
        let y: &mut [i32] = view.result();
        let mut runs = y.chunks_exact_mut(self.outer.run);
        let steps = self.outer.steps.map(|step| step as usize);
        let [a_step, b_step] = self.inner.steps.map(|step| step as usize);
        self.outer.each(|starts| {
            let Some(run) = runs.next() else { return };
            for (i, y) in run.iter_mut().enumerate() {
                let at: [usize; 4] = std::array::from_fn(|operand| starts[operand] + i * steps[operand]);
                let (za, zb) = (za[at[2]].wide(), zb[at[3]].wide());
                let mut sum = 0i32;
                self.inner.each(|[a_start, b_start]| {
                    let (a, b) = (&a[at[0] + a_start..], &b[at[1] + b_start..]);
                    for k in 0..self.inner.run {
                        let product = (a[k * a_step].wide() - za) * (b[k * b_step].wide() - zb);
                        sum = sum.wrapping_add(product);
                    }
                });
                *y = sum;
            }
        });
    }
}

/// An integer convolution: one plane of the result at a time, tap by tap.
#[derive(Debug)]
pub(crate) struct ConvInt {
    window: Window,
    groups: usize,
}

impl ConvInt {
    pub(crate) fn new(window: &Window, groups: u32) -> Self {
        Self { window: *window, groups: groups as usize }
    }

    pub(crate) fn run(&self, view: &mut View<'_>) {
        let dtypes = [view.operand_node(0).dtype, view.operand_node(1).dtype];
        by_sign!(dtypes[0], X => by_sign!(dtypes[1], W => self.typed::<X, W>(view)))
    }

    fn typed<X: Byte, W: Byte>(&self, view: &mut View<'_>) {
        let sizes = |node: &Node| -> [usize; 4] { std::array::from_fn(|axis| node.dims[axis] as usize) };
        let [_, channels, height, width] = sizes(view.operand_node(0));
        let [_, results, rows, columns] = sizes(view.node());
        let (x, w): (&[X], &[W]) = (view.operand(0), view.operand(1));
        let (zx, zw): (&[X], &[W]) = (view.operand(2), view.operand(3));
        let bias: &[i32] = view.operand(4);
        let y: &mut [i32] = view.result();
        let (inner, taps) = (channels / self.groups, self.window.kernel.map(|k| k as usize));
        for (number, y) in y.chunks_exact_mut(rows * columns).enumerate() {
            let (image, result) = (number / results, number % results);
            let zero = zw[if zw.len() == 1 { 0 } else { result }].wide();
            y.fill(bias[result]);
            for channel in 0..inner {
                let from = image * channels + result / (results / self.groups) * inner + channel;
                let plane = &x[from * height * width..][..height * width];
                let weights = &w[(result * inner + channel) * taps[0] * taps[1]..][..taps[0] * taps[1]];
                for (tap, weight) in weights.iter().enumerate() {
                    let tap = [tap / taps[1], tap % taps[1]];
                    self.tap(plane, [height, width], tap, (zx[0].wide(), weight.wide() - zero), y, columns);
                }
            }
        }
    }

    /// Adds one tap's products to every position of a plane.
    fn tap<X: Byte>(
        &self,
        plane: &[X],
        [height, width]: [usize; 2],
        tap: [usize; 2],
        (zero, weight): (i32, i32),
        y: &mut [i32],
        columns: usize,
    ) {
        // Wrapped below zero, a coordinate fails the bounds check.
        let place = |side: usize, at: usize| {
            let Window { stride, dilation, pad_before, .. } = &self.window;
            let reached = at * stride[side] as usize + tap[side] * dilation[side] as usize;
            reached.wrapping_sub(pad_before[side] as usize)
        };
        for (oy, line) in y.chunks_exact_mut(columns).enumerate() {
            let row = place(0, oy);
            if row >= height {
                continue;
            }
            let row = &plane[row * width..][..width];
            for (ox, y) in line.iter_mut().enumerate() {
                if let Some(x) = row.get(place(1, ox)) {
                    *y = y.wrapping_add((x.wide() - zero) * weight);
                }
            }
        }
    }
}
