//! Movements of dequantised values: the integers are moved, then dequantised.

use super::builder::Builder;
use super::parameters::{Dequantized, along, axis_of, count};
use assay_plan::{Opcode, PadMode};
use assay_types::tensor::DType;

/// Where the axis of a tensor is after a reshape: the axis of equal length with as many elements before it.
pub fn reshaped(axis: usize, old: &[u32], new: &[u32]) -> Option<usize> {
    let before = count(old.get(..axis)?);
    (0..new.len()).find(|&at| new[at] == old[axis] && count(&new[..at]) == before)
}

impl Builder {
    /// A movement, or the greatest of windows, of dequantised values.
    pub(super) fn moved(&mut self, op: &Opcode, inputs: &[u32], dims: &[u32]) -> Option<u32> {
        if let Opcode::Concat { .. } = op {
            return self.joined(op, inputs, dims);
        }
        let d = self.dequantized(*inputs.first()?)?;
        let single = self.is_single(d.scale) && self.is_single(d.zero);
        let mut operands = inputs.to_vec();
        operands[0] = d.q;
        match op {
            Opcode::MaxPool(_) => {
                self.dequantized_byte(inputs[0])?;
                self.ordinary_scale(d.scale)?;
            }
            Opcode::Pad { mode: PadMode::Constant, .. } => {
                if !single || !self.is_zero(*inputs.get(1)?) {
                    return None;
                }
                operands[1] = self.shaped(d.zero, &[1]);
            }
            _ => {}
        }
        let old = self.dims_of(d.q);
        let scale = self.follow(op, d.scale, &old, dims)?;
        let zero = self.follow(op, d.zero, &old, dims)?;
        let q = self.move_integers(op, &operands, dims);
        Some(self.plain(Opcode::Dequantize, &[q, scale, zero], DType::F32, dims))
    }

    /// A scale or zero point after a movement of its tensor.
    fn follow(&mut self, op: &Opcode, parameter: u32, old: &[u32], new: &[u32]) -> Option<u32> {
        let own = self.dims_of(parameter);
        let axis = match axis_of(&own).ok()? {
            None => None,
            Some(axis) => {
                self.constant_bytes(parameter)?;
                Some(match op {
                    Opcode::Permute { axes } => axes.iter().position(|&from| from as usize == axis)?,
                    Opcode::Reshape => reshaped(axis, old, new)?,
                    Opcode::Slice { axis: cut, .. } if *cut as usize != axis => axis,
                    Opcode::Slice { .. } => return self.sliced(op, parameter, new),
                    Opcode::Broadcast => axis,
                    _ => return None,
                })
            }
        };
        let len = u32::try_from(count(&own)).ok()?;
        Some(self.shaped(parameter, &along(new.len(), axis, len)))
    }

    /// The part of a parameter along the axis that a slice cuts.
    fn sliced(&mut self, op: &Opcode, parameter: u32, new: &[u32]) -> Option<u32> {
        let Opcode::Slice { axis, start, step } = *op else { return None };
        let own = self.dims_of(parameter);
        let dims = along(new.len(), Some(axis as usize), *new.get(axis as usize)?);
        let dtype = self.dtype_of(parameter);
        let bytes = cut(self.constant_bytes(parameter)?, dtype.size(), &own, (axis, start, step), &dims)?;
        Some(self.constant(dtype, &dims, &bytes))
    }

    /// A scale or zero point of a reshaped tensor, for the tensor as it was.
    pub(super) fn before_reshape(&mut self, parameter: u32, old: &[u32], new: &[u32]) -> Option<u32> {
        self.follow(&Opcode::Reshape, parameter, new, old)
    }

    /// Moves integers; constants that are only reordered stay constants.
    fn move_integers(&mut self, op: &Opcode, operands: &[u32], dims: &[u32]) -> u32 {
        let (q, dtype) = (operands[0], self.dtype_of(operands[0]));
        match op {
            Opcode::Reshape => return self.shaped(q, dims),
            Opcode::Permute { axes } => {
                if let Some(bytes) = self.constant_bytes(q) {
                    let bytes = permuted(bytes, dtype.size(), &self.dims_of(q), axes);
                    return self.constant(dtype, dims, &bytes);
                }
            }
            Opcode::Slice { axis, start, step } => {
                let own = self.dims_of(q);
                let bytes = self.constant_bytes(q);
                let part = bytes.and_then(|b| cut(b, dtype.size(), &own, (*axis, *start, *step), dims));
                if let Some(part) = part {
                    return self.constant(dtype, dims, &part);
                }
            }
            _ => {}
        }
        self.push(op.clone(), operands, dtype, dims)
    }

    /// A concatenation of values that are all dequantised alike.
    fn joined(&mut self, op: &Opcode, inputs: &[u32], dims: &[u32]) -> Option<u32> {
        let parts: Option<Vec<Dequantized>> = inputs.iter().map(|&input| self.dequantized(input)).collect();
        let parts = parts?;
        let first = *parts.first()?;
        let same = |a: u32, b: u32| {
            let equal = self.constant_bytes(a).is_some() && self.constant_bytes(a) == self.constant_bytes(b);
            a == b || equal
        };
        let dtype = self.dtype_of(first.q);
        let alike = |d: &Dequantized| {
            let single = self.is_single(d.scale) && self.is_single(d.zero);
            single && self.dtype_of(d.q) == dtype && same(d.scale, first.scale) && same(d.zero, first.zero)
        };
        if !parts.iter().all(alike) {
            return None;
        }
        let integers: Vec<u32> = parts.iter().map(|d| d.q).collect();
        let q = self.plain(op.clone(), &integers, dtype, dims);
        Some(self.plain(Opcode::Dequantize, &[q, first.scale, first.zero], DType::F32, dims))
    }
}

/// The bytes of a slice; `None` where it leaves the tensor.
fn cut(
    bytes: &[u8],
    size: usize,
    dims: &[u32],
    (axis, start, step): (u8, u32, i32),
    new: &[u32],
) -> Option<Vec<u8>> {
    let axis = axis as usize;
    let inner = count(dims.get(axis + 1..)?) * size;
    let (whole, kept) = (*dims.get(axis)? as usize, *new.get(axis)?);
    let mut part = Vec::new();
    for outer in 0..count(&dims[..axis]) {
        for index in 0..kept {
            let at = usize::try_from(i64::from(start) + i64::from(index) * i64::from(step)).ok()?;
            let at = (outer * whole + Some(at).filter(|&at| at < whole)?) * inner;
            part.extend_from_slice(bytes.get(at..at + inner)?);
        }
    }
    Some(part)
}

/// The bytes of a tensor with its axes in another order.
pub fn permuted(bytes: &[u8], size: usize, dims: &[u32], axes: &[u8]) -> Vec<u8> {
    let mut strides = vec![1usize; dims.len()];
    for axis in (1..dims.len()).rev() {
        strides[axis - 1] = strides[axis] * dims[axis] as usize;
    }
    let order: Vec<(usize, usize)> =
        axes.iter().map(|&axis| (dims[axis as usize] as usize, strides[axis as usize])).collect();
    let mut result = Vec::with_capacity(bytes.len());
    for place in 0..count(dims) {
        let (mut rest, mut at) = (place, 0);
        for &(dim, stride) in order.iter().rev() {
            at += rest % dim * stride;
            rest /= dim;
        }
        result.extend_from_slice(&bytes[at * size..][..size]);
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_permuted_constant_is_read_in_the_new_order() {
        let bytes: Vec<u8> = (0..6).collect();
        assert_eq!(permuted(&bytes, 1, &[2, 3], &[1, 0]), [0, 3, 1, 4, 2, 5]);
        assert_eq!(permuted(&bytes, 2, &[3, 1], &[1, 0]), bytes);
    }

    #[test]
    fn a_slice_of_a_constant_is_cut_out_forwards_and_backwards() {
        let bytes: Vec<u8> = (0..6).collect();
        assert_eq!(cut(&bytes, 1, &[2, 3], (1, 1, 1), &[2, 2]).unwrap(), [1, 2, 4, 5]);
        assert_eq!(cut(&bytes, 1, &[3, 2], (0, 2, -2), &[2, 2]).unwrap(), [4, 5, 0, 1]);
        assert_eq!(cut(&bytes, 1, &[2, 3], (1, 2, 1), &[2, 2]), None);
    }

    #[test]
    fn an_axis_is_found_after_a_reshape_by_what_stands_before_it() {
        assert_eq!(reshaped(1, &[2, 3, 4], &[2, 3, 2, 2]), Some(1));
        assert_eq!(reshaped(0, &[3, 4], &[1, 3, 4]), Some(1));
        assert_eq!(reshaped(1, &[2, 3], &[6]), None);
        assert_eq!(reshaped(1, &[2, 2], &[2, 2, 1]), Some(1));
    }
}
