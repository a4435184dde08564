//! What is known of a dequantised value: its integers, its scale, its zero point.

use super::builder::Builder;
use assay_plan::Opcode;
use assay_types::tensor::DType;

/// The operands of a `Dequantize`.
#[derive(Debug, Clone, Copy)]
pub struct Dequantized {
    pub q: u32,
    pub scale: u32,
    pub zero: u32,
}

/// The number of elements.
pub fn count(dims: &[u32]) -> usize {
    dims.iter().map(|&dim| dim as usize).product()
}

/// The axis along which dims vary, if it is one: `Err` for several.
pub fn axis_of(dims: &[u32]) -> Result<Option<usize>, ()> {
    let mut long = dims.iter().enumerate().filter(|(_, dim)| **dim > 1).map(|(axis, _)| axis);
    match (long.next(), long.next()) {
        (axis, None) => Ok(axis),
        _ => Err(()),
    }
}

/// Dims of 1 but for one axis.
pub fn along(rank: usize, axis: Option<usize>, len: u32) -> Vec<u32> {
    (0..rank).map(|at| if Some(at) == axis { len } else { 1 }).collect()
}

/// Whether a dtype is u8 or i8.
pub fn is_byte(dtype: DType) -> bool {
    matches!(dtype, DType::U8 | DType::I8)
}

impl Builder {
    /// The dims of a value.
    pub fn dims_of(&self, value: u32) -> Vec<u32> {
        self.get(value).map(|node| node.dims.clone()).unwrap_or_default()
    }

    /// The dtype of a value; f32 for one that is not there.
    pub fn dtype_of(&self, value: u32) -> DType {
        self.get(value).map_or(DType::F32, |node| node.dtype)
    }

    /// Whether a value has one element.
    pub fn is_single(&self, value: u32) -> bool {
        self.get(value).is_some_and(|node| count(&node.dims) == 1)
    }

    /// The operands of a value that is a `Dequantize` and as large as its integers.
    pub fn dequantized(&self, value: u32) -> Option<Dequantized> {
        let node = self.get(value)?;
        let (Opcode::Dequantize, &[q, scale, zero]) = (&node.op, &node.inputs[..]) else { return None };
        (self.get(q)?.dims == node.dims).then_some(Dequantized { q, scale, zero })
    }

    /// A value that dequantises u8 or i8.
    pub fn dequantized_byte(&self, value: u32) -> Option<Dequantized> {
        self.dequantized(value).filter(|d| is_byte(self.dtype_of(d.q)))
    }

    /// A value that dequantises an i32 without a zero point.
    pub fn dequantized_sum(&self, value: u32) -> Option<Dequantized> {
        let d = self.dequantized(value)?;
        (self.dtype_of(d.q) == DType::I32 && self.is_zero(d.zero)).then_some(d)
    }

    /// Whether a value is a constant of zeros.
    pub fn is_zero(&self, value: u32) -> bool {
        self.constant_bytes(value).is_some_and(|bytes| bytes.iter().all(|&byte| byte == 0))
    }

    /// The elements of a constant of f32.
    pub fn constant_numbers(&self, value: u32) -> Option<Vec<f32>> {
        let bytes = self.constant_bytes(value).filter(|_| self.dtype_of(value) == DType::F32)?;
        Some(bytes.as_chunks::<4>().0.iter().map(|word| f32::from_le_bytes(*word)).collect())
    }

    /// The elements of a constant of u8, i8 or i32.
    pub fn constant_integers(&self, value: u32) -> Option<Vec<i32>> {
        let bytes = self.constant_bytes(value)?;
        Some(match self.dtype_of(value) {
            DType::U8 => bytes.iter().map(|&byte| i32::from(byte)).collect(),
            DType::I8 => bytes.iter().map(|&byte| i32::from(byte as i8)).collect(),
            DType::I32 => bytes.as_chunks::<4>().0.iter().map(|word| i32::from_le_bytes(*word)).collect(),
            _ => return None,
        })
    }

    /// The element of a constant scale of one element, if rounding by it keeps the order of numbers.
    pub fn ordinary_scale(&self, scale: u32) -> Option<f32> {
        match self.constant_numbers(scale)?[..] {
            [scale] if scale.is_normal() && scale > 0.0 => Some(scale),
            _ => None,
        }
    }

    /// The numbers of a dequantised constant, as `Dequantize` computes them.
    pub fn numbers(&self, value: u32) -> Option<Vec<f32>> {
        let d = self.dequantized(value)?;
        let (q, scale, zero) =
            (self.constant_integers(d.q)?, self.constant_numbers(d.scale)?, self.constant_integers(d.zero)?);
        let dims = self.dims_of(d.q);
        let (s, z) = (self.index(d.scale, &dims)?, self.index(d.zero, &dims)?);
        let number = |(at, &q): (usize, &i32)| q.wrapping_sub(zero[z.of(at)]) as f32 * scale[s.of(at)];
        Some(q.iter().enumerate().map(number).collect())
    }

    /// How a parameter of at most one long axis is indexed by positions in a tensor of these dims.
    pub fn index(&self, parameter: u32, dims: &[u32]) -> Option<Index> {
        let own = self.dims_of(parameter);
        Some(match axis_of(&own).ok()? {
            None => Index { inner: 1, len: 1 },
            Some(axis) => Index { inner: count(dims.get(axis + 1..)?), len: own[axis] as usize },
        })
    }

    /// A value under other dims, of as many elements.
    pub fn shaped(&mut self, parameter: u32, dims: &[u32]) -> u32 {
        let parameter = self.unshaped(parameter);
        let dtype = self.dtype_of(parameter);
        if self.dims_of(parameter) == dims {
            return parameter;
        }
        match self.constant_bytes(parameter).map(<[u8]>::to_vec) {
            Some(bytes) => self.constant(dtype, dims, &bytes),
            None => self.plain(Opcode::Reshape, &[parameter], dtype, dims),
        }
    }

    /// What a value was before it was reshaped.
    pub fn unshaped(&self, mut value: u32) -> u32 {
        while let Some(node) = self.get(value).filter(|node| node.op == Opcode::Reshape) {
            value = node.inputs[0];
        }
        value
    }

    /// The product of two scales, dims of 1 repeated.
    pub fn scale_product(&mut self, a: u32, b: u32) -> u32 {
        let (left, right) = (self.dims_of(a), self.dims_of(b));
        let dims: Vec<u32> = left.iter().zip(&right).map(|(&a, &b)| a.max(b)).collect();
        if let (Some(x), Some(y)) = (self.constant_numbers(a), self.constant_numbers(b))
            && (x.len() == 1 || y.len() == 1 || left == right)
        {
            let number = |at: usize| x[at.min(x.len() - 1)] * y[at.min(y.len() - 1)];
            let numbers: Vec<f32> = (0..x.len().max(y.len())).map(number).collect();
            return self.constant_f32(&dims, &numbers);
        }
        self.plain(Opcode::Binary(assay_plan::BinaryOp::Mul), &[a, b], DType::F32, &dims)
    }

    /// Dequantises a sum in i32.
    pub fn dequantize_sum(&mut self, sum: u32, scale: u32, dims: &[u32]) -> u32 {
        let zero = self.constant_i32(&vec![1; dims.len()], &[0]);
        self.plain(Opcode::Dequantize, &[sum, scale, zero], DType::F32, dims)
    }
}

/// Which element of a vector along one axis belongs to a position.
pub struct Index {
    inner: usize,
    len: usize,
}

impl Index {
    /// The element's place in the vector.
    pub fn of(&self, position: usize) -> usize {
        position / self.inner % self.len
    }
}
