//! A plan under construction that keeps integers integers.
//!
//! Every node that is lowered passes through [`Builder::push`]. Where its operands are dequantised values,
//! the node may have another form that works on the integers themselves: then that form is pushed, and the
//! value that it gives is again a `Dequantize`, so that the next node finds it. What is no longer needed is
//! dropped when the plan is finished. Models without quantised values pass untouched.
//!
//! A form that is pushed here computes the number that the operators ask for, rounded at most where they
//! round: products are exact in i32, and movements of dequantised values are dequantised movements.

use super::parameters::Dequantized;
use assay_plan::{BinaryOp, Opcode, PlanBuilder};
use assay_types::tensor::DType;
use std::ops::{Deref, DerefMut};

/// The plan under construction.
#[derive(Default)]
pub struct Builder {
    inner: PlanBuilder,
}

impl Deref for Builder {
    type Target = PlanBuilder;

    fn deref(&self) -> &PlanBuilder {
        &self.inner
    }
}

impl DerefMut for Builder {
    fn deref_mut(&mut self) -> &mut PlanBuilder {
        &mut self.inner
    }
}

impl Builder {
    /// Adds a node, in integers where it has such a form, and returns its value.
    pub fn push(&mut self, op: Opcode, inputs: &[u32], dtype: DType, dims: &[u32]) -> u32 {
        let form = match &op {
            Opcode::Einsum { a, b, out } => self.product([a, b, out], inputs, dims),
            Opcode::Conv2d { window, groups } => self.convolution(*window, *groups, inputs, dims),
            Opcode::Binary(BinaryOp::Add) => self.biased(inputs, dims),
            Opcode::Binary(BinaryOp::Mul) => self.scaled(inputs, dims),
            Opcode::Quantize => self.quantised(inputs, dtype, dims),
            Opcode::MaxPool(_)
            | Opcode::Reshape
            | Opcode::Permute { .. }
            | Opcode::Slice { .. }
            | Opcode::Broadcast
            | Opcode::Concat { .. }
            | Opcode::Gather { .. }
            | Opcode::GatherElements { .. }
            | Opcode::Pad { .. } => self.moved(&op, inputs, dims),
            _ => None,
        };
        if let Some(value) = form {
            return value;
        }
        if let (Opcode::Conv2d { .. }, &[x, weights, bias]) = (&op, inputs) {
            // A convolution's weights are constant numbers, if they cannot be integers.
            let weights = self.as_numbers(weights);
            return self.inner.push(op, &[x, weights, bias], dtype, dims);
        }
        self.inner.push(op, inputs, dtype, dims)
    }

    /// Adds a node as it is.
    pub(super) fn plain(&mut self, op: Opcode, inputs: &[u32], dtype: DType, dims: &[u32]) -> u32 {
        self.inner.push(op, inputs, dtype, dims)
    }

    /// A constant of f32 that stands for a dequantised constant; any other value as it is.
    fn as_numbers(&mut self, value: u32) -> u32 {
        match (self.numbers(value), self.dims_of(value)) {
            (Some(numbers), dims) => self.inner.constant_f32(&dims, &numbers),
            (None, _) => value,
        }
    }

    /// Whether a value is known now: a constant, or a dequantised one.
    pub fn is_fixed(&self, value: u32) -> bool {
        let constant = |value: u32| self.constant_bytes(value).is_some();
        let whole = |d: Dequantized| constant(d.q) && constant(d.scale) && constant(d.zero);
        constant(value) || self.dequantized(value).is_some_and(whole)
    }

    /// Makes the dequantised constants that are still needed as numbers constants of f32.
    pub fn fold(&mut self) {
        let live = self.inner.live();
        for (value, _) in (0u32..).zip(&live).filter(|(_, live)| **live) {
            if let Some(numbers) = self.numbers(value) {
                let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
                self.inner.redefine(value, &bytes);
            }
        }
    }

    /// The plan.
    pub fn finish(self) -> Result<assay_plan::Plan, assay_plan::BuildError> {
        self.inner.finish()
    }
}
