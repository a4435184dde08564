//! Functions of one quantised element as tables.
//!
//! Where a quantised tensor passes through functions of each element alone and is quantised again, 256
//! results say it all. The table is part of the plan, so how its numbers are made binds no one: curves are
//! computed here in f64, by sums and products alone, so that they are the same wherever this is compiled.

use super::builder::Builder;
use super::parameters::count;
use assay_plan::{BinaryOp, Opcode, UnaryOp};
use assay_types::tensor::DType;
use std::collections::BTreeMap;

/// Nodes of a function, at most.
const MAX_NODES: usize = 64;

/// The quantised tensor that a value is a function of, and the function's value for each byte.
pub fn of(builder: &Builder, value: u32, dims: &[u32]) -> Option<(u32, Vec<f32>)> {
    let mut search = Search { builder, dims, source: None, seen: BTreeMap::new() };
    let numbers = search.value(value, MAX_NODES)?;
    Some((search.source?, numbers))
}

struct Search<'a> {
    builder: &'a Builder,
    dims: &'a [u32],
    source: Option<u32>,
    seen: BTreeMap<u32, Vec<f32>>,
}

impl Search<'_> {
    fn value(&mut self, value: u32, depth: usize) -> Option<Vec<f32>> {
        if let Some(numbers) = self.seen.get(&value) {
            return Some(numbers.clone());
        }
        if self.seen.len() >= MAX_NODES || depth == 0 {
            return None;
        }
        let node = self.builder.get(value)?;
        if node.dtype != DType::F32 {
            return None;
        }
        if let Some(numbers) = self.builder.constant_numbers(value) {
            return (count(&node.dims) == 1).then(|| vec![numbers[0]; 256]);
        }
        if node.dims != self.dims {
            return None;
        }
        let numbers = match (&node.op, &node.inputs[..]) {
            (Opcode::Dequantize, _) => self.source(value)?,
            (Opcode::Unary(op), &[x]) => {
                let x = self.value(x, depth - 1)?;
                x.iter().map(|&x| unary(*op, x)).collect::<Option<Vec<f32>>>()?
            }
            (Opcode::Binary(op), &[a, b]) => {
                let (a, b) = (self.value(a, depth - 1)?, self.value(b, depth - 1)?);
                a.iter().zip(&b).map(|(&a, &b)| binary(*op, a, b)).collect::<Option<Vec<f32>>>()?
            }
            _ => return None,
        };
        self.seen.insert(value, numbers.clone());
        Some(numbers)
    }

    /// The 256 numbers that a dequantised byte can be.
    fn source(&mut self, value: u32) -> Option<Vec<f32>> {
        let d = self.builder.dequantized_byte(value)?;
        if self.builder.constant_bytes(d.q).is_some() || self.source.is_some_and(|source| source != d.q) {
            return None;
        }
        let (&[scale], &[zero]) =
            (&self.builder.constant_numbers(d.scale)?[..], &self.builder.constant_integers(d.zero)?[..])
        else {
            return None;
        };
        self.source = Some(d.q);
        let signed = self.builder.dtype_of(d.q) == DType::I8;
        let integer = |byte: u8| if signed { i32::from(byte as i8) } else { i32::from(byte) };
        Some((0..=u8::MAX).map(|byte| (integer(byte) - zero) as f32 * scale).collect())
    }
}

/// e to the power x.
fn exp(x: f64) -> f64 {
    let n = (x.clamp(-1000.0, 1000.0) * std::f64::consts::LOG2_E).round_ties_even();
    let rest = x.clamp(-1000.0, 1000.0) - n * std::f64::consts::LN_2;
    let (mut term, mut sum) = (1.0, 1.0);
    for k in 1..20 {
        term *= rest / f64::from(k);
        sum += term;
    }
    // In two halves, for the scale itself may be out of range where the result is not.
    let half = (n as i32) / 2;
    sum * power_of_two(half) * power_of_two(n as i32 - half)
}

/// 2 to the power n, for n within a normal exponent.
fn power_of_two(n: i32) -> f64 {
    f64::from_bits(((1023 + i64::from(n)) as u64) << 52)
}

fn tanh(x: f64) -> f64 {
    if x.is_nan() {
        return x;
    }
    let t = exp(-2.0 * x.abs());
    ((1.0 - t) / (1.0 + t)).copysign(x)
}

/// The error function, to far more than a byte can tell.
fn erf(x: f64) -> f64 {
    if x.abs() > 4.5 {
        return x.signum();
    }
    let (mut term, mut sum) = (x, x);
    for n in 1..200 {
        let n = f64::from(n);
        term *= -x * x / n;
        sum += term / (2.0 * n + 1.0);
    }
    sum * std::f64::consts::FRAC_2_SQRT_PI
}

fn unary(op: UnaryOp, x: f32) -> Option<f32> {
    let wide = f64::from(x);
    let sigmoid = || 1.0 / (1.0 + exp(-wide));
    Some(match op {
        UnaryOp::Neg => -x,
        UnaryOp::Abs => x.abs(),
        UnaryOp::Recip => 1.0 / x,
        UnaryOp::Square => x * x,
        UnaryOp::Sqrt => x.sqrt(),
        UnaryOp::Rsqrt => 1.0 / x.sqrt(),
        UnaryOp::Exp => exp(wide) as f32,
        UnaryOp::Tanh => tanh(wide) as f32,
        UnaryOp::Sigmoid => sigmoid() as f32,
        UnaryOp::Erf => erf(wide) as f32,
        UnaryOp::Gelu => (wide / 2.0 * (1.0 + erf(wide * std::f64::consts::FRAC_1_SQRT_2))) as f32,
        UnaryOp::GeluTanh => {
            let inner = (2.0 / std::f64::consts::PI).sqrt() * (wide + 0.044715 * wide * wide * wide);
            (wide / 2.0 * (1.0 + tanh(inner))) as f32
        }
        UnaryOp::Silu => (wide * sigmoid()) as f32,
        UnaryOp::HardSwish => (x + 3.0).clamp(0.0, 6.0) * x / 6.0,
        UnaryOp::LeakyRelu { alpha } if x < 0.0 => f32::from_bits(alpha) * x,
        UnaryOp::LeakyRelu { .. } => x,
        UnaryOp::Floor => x.floor(),
        UnaryOp::Ceil => x.ceil(),
        UnaryOp::Round => x.round_ties_even(),
        _ => return None,
    })
}

fn binary(op: BinaryOp, a: f32, b: f32) -> Option<f32> {
    Some(match op {
        BinaryOp::Add => a + b,
        BinaryOp::Sub => a - b,
        BinaryOp::Mul => a * b,
        BinaryOp::Div => a / b,
        BinaryOp::Max if b > a => b,
        BinaryOp::Min if b < a => b,
        BinaryOp::Max | BinaryOp::Min => a,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_function_is_right_to_ten_digits() {
        let known =
            [(0.0, 0.0), (0.5, 0.5204998778130465), (1.0, 0.8427007929497149), (-3.0, -0.9999779095030014)];
        for (x, y) in known {
            assert!((erf(x) - y).abs() < 1e-10, "{x}");
        }
        assert!((erf(4.4) - 1.0).abs() < 1e-7);
    }

    #[test]
    fn the_exponential_and_the_tangent_are_right_to_ten_digits() {
        let known = [(0.0, 1.0), (1.0, 2.718281828459045), (-20.0, 2.061153622438558e-9)];
        for (x, y) in known {
            assert!((exp(x) / y - 1.0).abs() < 1e-10, "{x}");
        }
        assert!((tanh(-0.5) + 0.46211715726000975).abs() < 1e-10);
        assert_eq!((exp(1e9), exp(-1e9), tanh(50.0)), (f64::INFINITY, 0.0, 1.0));
    }
}
