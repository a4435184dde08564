//! What every concern needs: the plan under construction, the node at hand, and small opcodes that many use.

use super::quant::Builder;
use assay_plan::{BinaryOp, CompareOp, Node, Opcode, UnaryOp};
use assay_types::tensor::DType;
use std::collections::BTreeMap;
use tract_onnx::prelude::*;
use tract_onnx::tract_hir::internal::*;

/// The value of each outlet (node, slot) of a graph.
pub type Values = BTreeMap<(usize, usize), u32>;

/// A node and the values of its operands.
pub struct Site<'a> {
    pub model: &'a TypedModel,
    pub node: &'a TypedNode,
    pub inputs: Vec<u32>,
}

impl Site<'_> {
    /// The node's operator, if it is a `T`.
    pub fn op<T: TypedOp>(&self) -> Option<&T> {
        self.node.op_as::<T>()
    }

    /// The value of an operand.
    pub fn input(&self, index: usize) -> TractResult<u32> {
        self.inputs.get(index).copied().with_context(|| format!("operand {index} is missing"))
    }

    /// Element type and dims of the first output.
    pub fn result(&self) -> TractResult<(DType, Vec<u32>)> {
        fact(&self.node.outputs.first().context("a node without outputs")?.fact)
    }
}

/// The plan's name of an element type.
pub fn dtype(datum: DatumType) -> TractResult<DType> {
    Ok(match datum {
        DatumType::F32 => DType::F32,
        // tract computes shapes in a type of its own; with fixed shapes these are plain integers.
        DatumType::I64 | DatumType::TDim => DType::I64,
        DatumType::I32 => DType::I32,
        DatumType::I8 => DType::I8,
        DatumType::U8 => DType::U8,
        DatumType::Bool => DType::Bool,
        other => bail!("the element type {other:?} is not supported"),
    })
}

/// Sizes as dims.
pub fn dims(sizes: &[usize]) -> TractResult<Vec<u32>> {
    sizes.iter().map(|&size| u32::try_from(size).context("a dim is too large")).collect()
}

/// Element type and dims of a value.
pub fn fact(fact: &TypedFact) -> TractResult<(DType, Vec<u32>)> {
    let sizes = fact.shape.as_concrete().context("a shape depends on data")?;
    Ok((dtype(fact.datum_type)?, dims(sizes)?))
}

/// A number as an axis of the plan.
pub fn axis(axis: usize) -> TractResult<u8> {
    u8::try_from(axis).context("an axis is out of range")
}

/// Numbers as sorted axes of the plan.
pub fn axes(axes: &[usize]) -> TractResult<Vec<u8>> {
    let mut axes = axes.iter().map(|&number| axis(number)).collect::<TractResult<Vec<u8>>>()?;
    axes.sort_unstable();
    axes.dedup();
    Ok(axes)
}

/// The plan under construction.
#[derive(Default)]
pub struct Lowering {
    pub plan: Builder,
}

/// Room for what a plan's encoding puts before its constants, so that it need not be moved to get there.
pub const HEAD: usize = 1 << 20;

impl Lowering {
    /// Makes room for so many bytes of constants.
    pub fn reserve(&mut self, constants: usize) {
        self.plan.reserve(constants + HEAD);
    }

    /// Element type and dims of a value.
    pub fn of(&self, value: u32) -> TractResult<(DType, Vec<u32>)> {
        let node = self.plan.get(value).context("an unknown value")?;
        Ok((node.dtype, node.dims.clone()))
    }

    /// The dims of a value.
    pub fn dims(&self, value: u32) -> TractResult<Vec<u32>> {
        Ok(self.of(value)?.1)
    }

    /// Whether a value is a constant.
    pub fn is_constant(&self, value: u32) -> bool {
        self.plan.constant_bytes(value).is_some()
    }

    /// The bytes of a constant.
    pub fn bytes(&self, value: u32, what: &str) -> TractResult<Vec<u8>> {
        let bytes = self.plan.constant_bytes(value);
        bytes
            .map(<[u8]>::to_vec)
            .with_context(|| format!("{what} that are computed, not constant, are not supported"))
    }

    /// The same value under other dims.
    pub fn reshape(&mut self, value: u32, dims: &[u32]) -> TractResult<u32> {
        let (dtype, old) = self.of(value)?;
        if old == dims {
            return Ok(value);
        }
        // A constant is only renamed: its bytes are stored once.
        if let Some(renamed) = self.plan.constant_as(value, dims) {
            return Ok(renamed);
        }
        Ok(self.plan.push(Opcode::Reshape, &[value], dtype, dims))
    }

    /// A value with its axes in another order.
    pub fn permute(&mut self, value: u32, order: &[usize]) -> TractResult<u32> {
        let (dtype, old) = self.of(value)?;
        if order.iter().enumerate().all(|(index, &from)| index == from) {
            return Ok(value);
        }
        let new: Option<Vec<u32>> = order.iter().map(|&from| old.get(from).copied()).collect();
        let new = new.context("an axis is out of range")?;
        let order = order.iter().map(|&from| axis(from)).collect::<TractResult<Vec<u8>>>()?;
        Ok(self.plan.push(Opcode::Permute { axes: order }, &[value], dtype, &new))
    }

    /// A value converted to another element type.
    pub fn cast(&mut self, value: u32, to: DType) -> TractResult<u32> {
        let (from, dims) = self.of(value)?;
        Ok(if from == to { value } else { self.plan.push(Opcode::Cast, &[value], to, &dims) })
    }

    /// `len` elements along an axis from `start`.
    pub fn slice(&mut self, value: u32, along: usize, start: u32, len: u32) -> TractResult<u32> {
        let (dtype, mut dims) = self.of(value)?;
        *dims.get_mut(along).context("an axis is out of range")? = len;
        let op = Opcode::Slice { axis: axis(along)?, start, step: 1 };
        Ok(self.plan.push(op, &[value], dtype, &dims))
    }

    /// `len` elements along the first axis from `start`; of a constant, a constant.
    pub fn leading(&mut self, value: u32, start: u32, len: u32) -> TractResult<u32> {
        let (dtype, mut dims) = self.of(value)?;
        let whole = dims.first().copied().context("a scalar has no axis")?;
        if whole == len {
            return Ok(value);
        }
        let Some(bytes) = self.plan.constant_bytes(value) else { return self.slice(value, 0, start, len) };
        ensure!(start.checked_add(len).is_some_and(|end| end <= whole), "a slice is out of range");
        let size = bytes.len() / whole as usize;
        let part = bytes[start as usize * size..(start + len) as usize * size].to_vec();
        dims[0] = len;
        Ok(self.plan.constant(dtype, &dims, &part))
    }

    /// A value with dims of 1 repeated to `to`, and leading dims added.
    pub fn broadcast(&mut self, value: u32, to: &[u32]) -> TractResult<u32> {
        let (dtype, old) = self.of(value)?;
        if old == to {
            return Ok(value);
        }
        let missing = to.len().checked_sub(old.len()).context("a broadcast to fewer dims")?;
        let full: Vec<u32> = std::iter::repeat_n(1, missing).chain(old).collect();
        let value = self.reshape(value, &full)?;
        Ok(if full == to { value } else { self.plan.push(Opcode::Broadcast, &[value], dtype, to) })
    }

    /// A function of each element.
    pub fn unary(&mut self, op: UnaryOp, value: u32) -> TractResult<u32> {
        let (dtype, dims) = self.of(value)?;
        // The logarithm of a softmax that underflows would be minus infinity.
        if let (UnaryOp::Ln, Some(Node { op: Opcode::Softmax { axes }, inputs, .. })) = (op, self.plan.get(value)) {
            let (op, inputs) = (Opcode::LogSoftmax { axes: axes.clone() }, inputs.clone());
            return Ok(self.plan.push(op, &inputs, dtype, &dims));
        }
        Ok(self.plan.push(Opcode::Unary(op), &[value], dtype, &dims))
    }

    /// A function of two values of one element type and rank.
    pub fn binary(&mut self, op: BinaryOp, a: u32, b: u32) -> TractResult<u32> {
        let ((dtype, left), right) = (self.of(a)?, self.dims(b)?);
        let dims = repeated(&left, &right)?;
        Ok(self.plan.push(Opcode::Binary(op), &[a, b], dtype, &dims))
    }

    /// A comparison of two values of one element type and rank.
    pub fn compare(&mut self, op: CompareOp, a: u32, b: u32) -> TractResult<u32> {
        let dims = repeated(&self.dims(a)?, &self.dims(b)?)?;
        Ok(self.plan.push(Opcode::Compare(op), &[a, b], DType::Bool, &dims))
    }

    /// One of two values of one element type, by a condition, all of one rank.
    pub fn select(&mut self, condition: u32, yes: u32, no: u32) -> TractResult<u32> {
        let ((dtype, left), right) = (self.of(yes)?, self.dims(no)?);
        let dims = repeated(&self.dims(condition)?, &repeated(&left, &right)?)?;
        Ok(self.plan.push(Opcode::Select, &[condition, yes, no], dtype, &dims))
    }

    /// Values one after the other.
    pub fn concat(&mut self, values: &[u32], along: usize) -> TractResult<u32> {
        let (&first, rest) = values.split_first().context("a concatenation of nothing")?;
        let (dtype, mut dims) = self.of(first)?;
        for &value in rest {
            let more = self.dims(value)?.get(along).copied().context("an axis is out of range")?;
            let dim = dims.get_mut(along).context("an axis is out of range")?;
            *dim = dim.checked_add(more).context("a dim is too large")?;
        }
        Ok(if rest.is_empty() {
            first
        } else {
            self.plan.push(Opcode::Concat { axis: axis(along)? }, values, dtype, &dims)
        })
    }
}

/// The dims of an elementwise result: dims of 1 are repeated.
pub fn repeated(a: &[u32], b: &[u32]) -> TractResult<Vec<u32>> {
    ensure!(a.len() == b.len(), "operands of different rank");
    a.iter()
        .zip(b)
        .map(|(&a, &b)| match (a, b) {
            (1, dim) | (dim, 1) => Ok(dim),
            _ if a == b => Ok(a),
            _ => bail!("operands of different dims"),
        })
        .collect()
}
