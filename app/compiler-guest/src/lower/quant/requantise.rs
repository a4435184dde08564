//! Quantisations of values that come from integers, without the numbers between.

use super::builder::Builder;
use super::parameters::is_byte;
use super::table;
use assay_plan::{BinaryOp, Opcode};
use assay_types::tensor::DType;

/// Bounds that follow a product, at most.
const MAX_BOUNDS: usize = 4;

/// The least and the greatest of a dtype of one byte.
pub fn range(dtype: DType) -> (i32, i32) {
    if dtype == DType::I8 { (-128, 127) } else { (0, 255) }
}

/// What `Quantize` makes of a number.
pub fn quantised(x: f32, scale: f32, zero: i32, dtype: DType) -> u8 {
    let (least, greatest) = range(dtype);
    let (lo, hi) = ((least - zero) as f32, (greatest - zero) as f32);
    let t = x / scale;
    let t = if t > lo { t } else { lo };
    let t = if t < hi { t } else { hi };
    (t.round_ties_even() as i32 + zero) as u8
}

impl Builder {
    /// A quantisation by a constant scale and zero point of one element.
    pub(super) fn quantised(&mut self, inputs: &[u32], dtype: DType, dims: &[u32]) -> Option<u32> {
        let &[x, scale, zero] = inputs else { return None };
        if self.dims_of(x) != dims {
            return None;
        }
        if let Some(bytes) = self.quantised_constant(x, scale, zero, dtype) {
            return Some(self.constant(dtype, dims, &bytes));
        }
        let by = self.ordinary_scale(scale)?;
        let &[zero_point] = &self.constant_integers(zero)?[..] else { return None };
        if let Some(d) = self.dequantized_byte(x) {
            let same = self.ordinary_scale(d.scale) == Some(by)
                && self.constant_bytes(d.zero) == self.constant_bytes(zero);
            if same && self.dtype_of(d.q) == dtype {
                return Some(d.q);
            }
        }
        if let Some(y) = self.requantised(x, (by, zero_point), zero, dtype, dims) {
            return Some(y);
        }
        let node = self.get(x)?;
        let (op, operands) = (node.op.clone(), node.inputs.clone());
        match op {
            // Quantising keeps the order of numbers and looks at each alone.
            Opcode::MaxPool(_) | Opcode::Reshape | Opcode::Permute { .. } => {
                let from = self.dims_of(operands[0]);
                let ones = vec![1; from.len()];
                let (scale, zero) = (self.shaped(scale, &ones), self.shaped(zero, &ones));
                let q = self.push(Opcode::Quantize, &[operands[0], scale, zero], dtype, &from);
                Some(self.push(op, &[q], dtype, dims))
            }
            Opcode::Concat { .. } if operands.iter().all(|&part| self.dequantized_byte(part).is_some()) => {
                let part = |this: &mut Self, &part: &u32| {
                    let from = this.dims_of(part);
                    this.push(Opcode::Quantize, &[part, scale, zero], dtype, &from)
                };
                let parts: Vec<u32> = operands.iter().map(|operand| part(self, operand)).collect();
                Some(self.push(op, &parts, dtype, dims))
            }
            _ => {
                let (q, numbers) = table::of(self, x, dims)?;
                let bytes: Vec<u8> = numbers.iter().map(|&x| quantised(x, by, zero_point, dtype)).collect();
                let table = self.constant(dtype, &[256], &bytes);
                Some(self.plain(Opcode::Lookup, &[q, table], dtype, dims))
            }
        }
    }

    /// The bytes of a constant of f32 that is quantised, as files have weights that were trained quantised.
    fn quantised_constant(&self, x: u32, scale: u32, zero: u32, dtype: DType) -> Option<Vec<u8>> {
        let numbers = self.constant_numbers(x)?;
        let (scales, zeros) = (self.constant_numbers(scale)?, self.constant_integers(zero)?);
        let dims = self.dims_of(x);
        let (s, z) = (self.index(scale, &dims)?, self.index(zero, &dims)?);
        let byte = |(at, &x): (usize, &f32)| quantised(x, scales[s.of(at)], zeros[z.of(at)], dtype);
        Some(numbers.iter().enumerate().map(byte).collect())
    }

    /// A sum in i32, perhaps held between bounds, to u8 or i8 at once. The bounds are quantised too, for
    /// quantising keeps the order of numbers.
    fn requantised(
        &mut self,
        x: u32,
        (by, zero_point): (f32, i32),
        zero: u32,
        dtype: DType,
        dims: &[u32],
    ) -> Option<u32> {
        let mut bounds = Vec::new();
        let mut value = x;
        let sum = loop {
            if let Some(sum) = self.dequantized_sum(value) {
                break sum;
            }
            let node = self.get(value)?;
            let (op, &[a, b]) = (&node.op, &node.inputs[..]) else { return None };
            let Opcode::Binary(op @ (BinaryOp::Max | BinaryOp::Min)) = *op else { return None };
            let (inner, &[bound]) = (a, &self.constant_numbers(b)?[..]) else { return None };
            if bound.is_nan() || bounds.len() == MAX_BOUNDS || self.dims_of(inner) != dims {
                return None;
            }
            bounds.push((op, quantised(bound, by, zero_point, dtype)));
            value = inner;
        };
        // Right after the product, before what has reshaped it since.
        let whole = self.unshaped(sum.q);
        let old = self.dims_of(whole);
        let scale = self.before_reshape(sum.scale, &old, dims)?;
        let zero = self.before_reshape(zero, &old, dims)?;
        let scales = self.constant_numbers(scale)?;
        if !scales.iter().all(|scale| scale.is_finite()) || !is_byte(dtype) {
            return None;
        }
        let multipliers: Vec<f32> = scales.iter().map(|scale| scale / by).collect();
        let shape = self.dims_of(scale);
        let multiplier = self.constant_f32(&shape, &multipliers);
        let mut y = self.plain(Opcode::Requantize, &[whole, multiplier, zero], dtype, &old);
        for (op, bound) in bounds.into_iter().rev() {
            y = self.bounded(y, op, bound, dtype, &old);
        }
        Some(self.shaped(y, dims))
    }

    /// A bound on bytes; nothing where it is the dtype's own.
    fn bounded(&mut self, y: u32, op: BinaryOp, bound: u8, dtype: DType, dims: &[u32]) -> u32 {
        let (least, greatest) = range(dtype);
        let own = if op == BinaryOp::Max { least } else { greatest };
        if bound == own as u8 {
            return y;
        }
        let bound = self.constant(dtype, &vec![1; dims.len()], &[bound]);
        self.plain(Opcode::Binary(op), &[y, bound], dtype, dims)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_rounded_to_even_and_held_to_the_range() {
        let u8s = [(0.5, 10), (1.5, 12), (-20.0, 0), (1e30, 255), (f32::NAN, 0), (f32::NEG_INFINITY, 0)];
        for (x, q) in u8s {
            assert_eq!(quantised(x, 1.0, 10, DType::U8), q);
        }
        assert_eq!(quantised(-500.0, 1.0, 3, DType::I8) as i8, -128);
        assert_eq!(quantised(0.3, 0.1, -3, DType::I8) as i8, 0);
    }
}
