//! Products of dequantised values as products of their integers, and what is added to them.

use super::builder::Builder;
use super::movement::permuted;
use super::parameters::{Dequantized, along, axis_of, count};
use assay_plan::{BinaryOp, Opcode, Window};
use assay_types::tensor::DType;

/// A window of one tap.
const SINGLE: Window =
    Window { kernel: [1; 2], stride: [1; 2], dilation: [1; 2], pad_before: [0; 2], pad_after: [0; 2] };

/// How far the scale of a bias may be from its product's, relative: writers of files round it differently.
const SAME_SCALE: f32 = 1e-6;

/// Labels of axes that have more than one step.
fn long<'a>(labels: impl Iterator<Item = (u8, &'a u32)>) -> Vec<u8> {
    labels.filter(|(_, dim)| **dim > 1).map(|(label, _)| label).collect()
}

impl Builder {
    /// A contraction of two dequantised values of one byte.
    pub(super) fn product(&mut self, labels: [&[u8]; 3], inputs: &[u32], dims: &[u32]) -> Option<u32> {
        let &[a, b] = inputs else { return None };
        let sides = [self.dequantized_byte(a)?, self.dequantized_byte(b)?];
        let mut scales = [0; 2];
        for (side, d) in sides.iter().enumerate() {
            if !self.fits_product(d.zero, labels[side], labels[2]) {
                return None;
            }
            scales[side] = self.carried(d.scale, labels[side], labels[2])?;
        }
        let scale = self.scale_product(scales[0], scales[1]);
        if let Some(sum) = self.pointwise(sides, labels, dims) {
            return Some(self.dequantize_sum(sum, scale, dims));
        }
        let [a, b] = sides;
        let [left, right, out] = labels.map(<[u8]>::to_vec);
        let op = Opcode::EinsumInt { a: left, b: right, out };
        let sum = self.plain(op, &[a.q, b.q, a.zero, b.zero], DType::I32, dims);
        Some(self.dequantize_sum(sum, scale, dims))
    }

    /// A contraction that is a convolution of one tap, by constant weights; its sum.
    fn pointwise(&mut self, sides: [Dequantized; 2], labels: [&[u8]; 3], dims: &[u32]) -> Option<u32> {
        let out = labels[2];
        for (image, weights) in [(0, 1), (1, 0)] {
            let (x, w) = (sides[image], sides[weights]);
            let fixed = self.constant_bytes(w.q).is_some() && self.constant_bytes(w.zero).is_some();
            let (&[first, second], true) = (labels[weights], fixed && self.is_single(x.zero)) else {
                continue;
            };
            let ([channel, result], order) = match (out.contains(&first), out.contains(&second)) {
                (true, false) => ([second, first], [0, 1]),
                (false, true) => ([first, second], [1, 0]),
                _ => continue,
            };
            let (shape, w_shape) = (self.dims_of(x.q), self.dims_of(w.q));
            let Some(at) = labels[image].iter().position(|&label| label == channel) else { continue };
            let replaced = labels[image].iter().map(|&label| if label == channel { result } else { label });
            let mut result_dims = shape.clone();
            result_dims[at] = w_shape[order[0]];
            let same = long(replaced.zip(&result_dims)) == long(out.iter().copied().zip(dims));
            let (inside, positions) = (shape[at], count(&shape[at + 1..]));
            if !same || inside != w_shape[order[1]] || positions == 1 || labels[image].contains(&result) {
                continue;
            }
            let last = *shape.last()?;
            let rows = u32::try_from(positions).ok()? / last;
            let images = u32::try_from(count(&shape[..at])).ok()?;
            let results = w_shape[order[0]];
            let whole = self.shaped(x.q, &[images, inside, rows, last]);
            let bytes = self.constant_bytes(w.q)?;
            let bytes = permuted(bytes, 1, &w_shape, &order.map(|axis| axis as u8));
            let dtype = self.dtype_of(w.q);
            let kernel = self.constant(dtype, &[results, inside, 1, 1], &bytes);
            let zx = self.shaped(x.zero, &[1]);
            let zeros = u32::try_from(count(&self.dims_of(w.zero))).ok()?;
            let zw = self.shaped(w.zero, &[zeros]);
            let bias = self.constant_i32(&[results], &vec![0; results as usize]);
            let sum = self.plain(
                Opcode::Conv2dInt { window: SINGLE, groups: 1 },
                &[whole, kernel, zx, zw, bias],
                DType::I32,
                &[images, results, rows, last],
            );
            return Some(self.shaped(sum, dims));
        }
        None
    }

    /// Whether a zero point varies only along labels that the result has.
    fn fits_product(&self, zero: u32, labels: &[u8], out: &[u8]) -> bool {
        let dims = self.dims_of(zero);
        dims.len() == labels.len()
            && dims.iter().zip(labels).all(|(&dim, label)| dim == 1 || out.contains(label))
    }

    /// A scale along the axes of the result instead of its tensor's.
    fn carried(&mut self, scale: u32, labels: &[u8], out: &[u8]) -> Option<u32> {
        let dims = self.dims_of(scale);
        let axis = match axis_of(&dims).ok()? {
            None => None,
            Some(axis) => Some(out.iter().position(|label| Some(label) == labels.get(axis))?),
        };
        let len = u32::try_from(count(&dims)).ok()?;
        Some(self.shaped(scale, &along(out.len(), axis, len)))
    }

    /// A convolution of a dequantised image by dequantised constant weights.
    pub(super) fn convolution(
        &mut self,
        window: Window,
        groups: u32,
        inputs: &[u32],
        dims: &[u32],
    ) -> Option<u32> {
        let &[x, weights, bias] = inputs else { return None };
        let (x, w) = (self.dequantized_byte(x)?, self.dequantized_byte(weights)?);
        let channels = *dims.get(1)?;
        let single = self.is_single(x.scale) && self.is_single(x.zero);
        let fixed = [w.q, w.scale, w.zero].iter().all(|&value| self.constant_bytes(value).is_some());
        let by_channel = |dims: Vec<u32>| matches!(axis_of(&dims), Ok(None | Some(0)));
        if !single || !fixed || !by_channel(self.dims_of(w.scale)) || !by_channel(self.dims_of(w.zero)) {
            return None;
        }
        let zx = self.shaped(x.zero, &[1]);
        let len = |this: &Self, value: u32| this.dims_of(value).first().copied().unwrap_or(1);
        let zw = self.shaped(w.zero, &[len(self, w.zero)]);
        let none = self.constant_i32(&[channels], &vec![0; channels as usize]);
        let op = Opcode::Conv2dInt { window, groups };
        let sum = self.plain(op, &[x.q, w.q, zx, zw, none], DType::I32, dims);
        let sx = self.shaped(x.scale, &[1; 4]);
        let sw = self.shaped(w.scale, &[1, len(self, w.scale), 1, 1]);
        let scale = self.scale_product(sx, sw);
        let y = self.dequantize_sum(sum, scale, dims);
        let numbers = self.constant_numbers(bias)?;
        if numbers.iter().all(|&number| number == 0.0) {
            return Some(y);
        }
        let bias = self.shaped(bias, &[1, channels, 1, 1]);
        Some(self.plain(Opcode::Binary(BinaryOp::Add), &[y, bias], DType::F32, dims))
    }

    /// A bias in i32 of the product's own scale, added before dequantisation.
    pub(super) fn biased(&mut self, inputs: &[u32], dims: &[u32]) -> Option<u32> {
        let &[a, b] = inputs else { return None };
        self.with_bias(a, b, dims).or_else(|| self.with_bias(b, a, dims))
    }

    fn with_bias(&mut self, sum: u32, bias: u32, dims: &[u32]) -> Option<u32> {
        let (sum, bias) = (self.dequantized_sum(sum)?, self.dequantized_sum(bias)?);
        self.constant_bytes(bias.q)?;
        if self.dims_of(sum.q) != dims || !self.same_scale(sum.scale, bias.scale) {
            return None;
        }
        let total = match self.conv_with_bias(sum, bias.q, dims) {
            Some(total) => total,
            None => self.plain(Opcode::Binary(BinaryOp::Add), &[sum.q, bias.q], DType::I32, dims),
        };
        Some(self.plain(Opcode::Dequantize, &[total, sum.scale, sum.zero], DType::F32, dims))
    }

    /// The convolution that a sum is, with a bias of its own.
    fn conv_with_bias(&mut self, sum: Dequantized, bias: u32, dims: &[u32]) -> Option<u32> {
        let whole = self.unshaped(sum.q);
        let node = self.get(whole)?;
        let (op, mut inputs, old) = (node.op.clone(), node.inputs.clone(), node.dims.clone());
        let bias = self.before_reshape(bias, &old, dims)?;
        let channels = *old.get(1)?;
        let shape = self.dims_of(bias);
        if !matches!(op, Opcode::Conv2dInt { .. })
            || !self.is_zero(*inputs.get(4)?)
            || shape != [1, channels, 1, 1]
        {
            return None;
        }
        inputs[4] = self.shaped(bias, &[channels]);
        let total = self.plain(op, &inputs, DType::I32, &old);
        Some(self.shaped(total, dims))
    }

    /// Whether two constant scales are the same, element by element, one of them perhaps repeated.
    fn same_scale(&self, a: u32, b: u32) -> bool {
        let (Some(x), Some(y)) = (self.constant_numbers(a), self.constant_numbers(b)) else { return false };
        let fits = x.len() == 1 || y.len() == 1 || self.dims_of(a) == self.dims_of(b);
        let close = |at: usize| {
            let (x, y) = (x[at.min(x.len() - 1)], y[at.min(y.len() - 1)]);
            (x - y).abs() <= SAME_SCALE * x.abs()
        };
        fits && (0..x.len().max(y.len())).all(close)
    }

    /// An i32 cast to f32 and scaled is dequantised; a dequantised value times one is itself.
    pub(super) fn scaled(&mut self, inputs: &[u32], dims: &[u32]) -> Option<u32> {
        let &[a, b] = inputs else { return None };
        self.with_scale(a, b, dims).or_else(|| self.with_scale(b, a, dims))
    }

    fn with_scale(&mut self, x: u32, scale: u32, dims: &[u32]) -> Option<u32> {
        if self.dims_of(x) != dims {
            return None;
        }
        let ones = |numbers: Vec<f32>| numbers.iter().all(|&number| number == 1.0);
        if self.dequantized(x).is_some() && self.constant_numbers(scale).is_some_and(ones) {
            return Some(x);
        }
        let node = self.get(x)?;
        let &[sum] = &node.inputs[..] else { return None };
        let whole = node.op == Opcode::Cast && node.dtype == DType::F32 && self.dtype_of(sum) == DType::I32;
        whole.then(|| self.dequantize_sum(sum, scale, dims))
    }
}
