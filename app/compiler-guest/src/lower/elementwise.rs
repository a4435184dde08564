//! Operators on one element, or on pairs of them.

use super::Lowered;
use super::context::{Lowering, Site, dtype};
use assay_plan::{BinaryOp, CompareOp, Opcode, UnaryOp};
use assay_types::tensor::DType;
use tract_onnx::prelude::*;
use tract_onnx::tract_core::ops::binary::TypedBinOp;
use tract_onnx::tract_core::ops::element_wise::ElementWiseOp;
use tract_onnx::tract_core::ops::logic::Iff;
use tract_onnx::tract_core::ops::math::{IsInf, IsNan, PowConst};
use tract_onnx::tract_core::ops::nn::LeakyRelu;
use tract_onnx::tract_hir::internal::*;

pub fn lower(lowering: &mut Lowering, site: &Site<'_>) -> Lowered {
    let value = if let Some(op) = site.op::<TypedBinOp>() {
        binary(lowering, site, op)?
    } else if let Some(op) = site.op::<ElementWiseOp>() {
        unary(lowering, site, op)?
    } else if site.op::<Iff>().is_some() {
        let dtype = site.result()?.0;
        let (yes, no) = (lowering.cast(site.input(1)?, dtype)?, lowering.cast(site.input(2)?, dtype)?);
        lowering.select(site.input(0)?, yes, no)?
    } else {
        return Ok(None);
    };
    Ok(Some(vec![value]))
}

enum Pair {
    Arithmetic(BinaryOp),
    /// The operands change places.
    Reversed(BinaryOp),
    Comparison(CompareOp),
}

/// The opcode of an operator, on bools if `flags`.
fn pair(name: &str, flags: bool) -> TractResult<Pair> {
    Ok(match name {
        "Add" => Pair::Arithmetic(BinaryOp::Add),
        "Sub" => Pair::Arithmetic(BinaryOp::Sub),
        "SubF" => Pair::Reversed(BinaryOp::Sub),
        "Mul" => Pair::Arithmetic(BinaryOp::Mul),
        "Div" => Pair::Arithmetic(BinaryOp::Div),
        "Rem" => Pair::Arithmetic(BinaryOp::Rem),
        "Max" => Pair::Arithmetic(BinaryOp::Max),
        "Min" => Pair::Arithmetic(BinaryOp::Min),
        "Pow" => Pair::Arithmetic(BinaryOp::Pow),
        "And" => Pair::Arithmetic(BinaryOp::And),
        "Or" => Pair::Arithmetic(BinaryOp::Or),
        "Xor" => Pair::Arithmetic(BinaryOp::Xor),
        "BitAnd" => Pair::Arithmetic(if flags { BinaryOp::And } else { BinaryOp::BitAnd }),
        "BitOr" => Pair::Arithmetic(if flags { BinaryOp::Or } else { BinaryOp::BitOr }),
        "BitXor" => Pair::Arithmetic(if flags { BinaryOp::Xor } else { BinaryOp::BitXor }),
        "ShiftLeft" => Pair::Arithmetic(BinaryOp::ShiftLeft),
        "ShiftRight" => Pair::Arithmetic(BinaryOp::ShiftRight),
        "LT" => Pair::Comparison(CompareOp::Lt),
        "LTE" => Pair::Comparison(CompareOp::Le),
        "GT" => Pair::Comparison(CompareOp::Gt),
        "GTE" => Pair::Comparison(CompareOp::Ge),
        "Eq" => Pair::Comparison(CompareOp::Eq),
        "NE" => Pair::Comparison(CompareOp::Ne),
        other => bail!("operator {other} is not supported"),
    })
}

fn binary(lowering: &mut Lowering, site: &Site<'_>, op: &TypedBinOp) -> TractResult<u32> {
    let facts = site.model.node_input_facts(site.node.id)?;
    ensure!(facts.len() == 2, "an operator of two operands has {}", facts.len());
    let common = dtype(op.0.operating_datum_type(facts[0].datum_type, facts[1].datum_type)?)?;
    let a = lowering.cast(site.input(0)?, common)?;
    let b = lowering.cast(site.input(1)?, common)?;
    let (result, dims) = site.result()?;
    let (op, a, b) = match pair(op.0.name(), common == DType::Bool)? {
        Pair::Arithmetic(op) => (Opcode::Binary(op), a, b),
        Pair::Reversed(op) => (Opcode::Binary(op), b, a),
        Pair::Comparison(op) => {
            return Ok(lowering.plan.push(Opcode::Compare(op), &[a, b], DType::Bool, &dims));
        }
    };
    // A NaN survives in the first operand of Max and Min only: data goes there, a bound second.
    let bound_first = lowering.is_constant(a) && !lowering.is_constant(b);
    let ordered = matches!(op, Opcode::Binary(BinaryOp::Max | BinaryOp::Min));
    let operands = if ordered && bound_first { [b, a] } else { [a, b] };
    let value = lowering.plan.push(op, &operands, common, &dims);
    lowering.cast(value, result)
}

fn unary(lowering: &mut Lowering, site: &Site<'_>, op: &ElementWiseOp) -> TractResult<u32> {
    let x = site.input(0)?;
    let (result, dims) = site.result()?;
    if let Some(op) = op.0.downcast_ref::<PowConst>() {
        let exponent = lowering.plan.constant_f32(&vec![1; dims.len()], &[op.exponent]);
        return lowering.binary(BinaryOp::Pow, x, exponent);
    }
    if let Some(op) = op.0.downcast_ref::<LeakyRelu>() {
        return lowering.unary(UnaryOp::LeakyRelu { alpha: op.alpha.to_bits() }, x);
    }
    if let Some(op) = op.0.downcast_ref::<IsInf>() {
        return infinite(lowering, x, op);
    }
    if op.0.is::<IsNan>() {
        return lowering.compare(CompareOp::Ne, x, x);
    }
    let name = op.0.name();
    let function = match name.as_str() {
        "Neg" => UnaryOp::Neg,
        "Abs" => UnaryOp::Abs,
        "Recip" => UnaryOp::Recip,
        "Square" => UnaryOp::Square,
        "Sqrt" => UnaryOp::Sqrt,
        "Rsqrt" => UnaryOp::Rsqrt,
        "Exp" => UnaryOp::Exp,
        "Ln" => UnaryOp::Ln,
        "Tanh" => UnaryOp::Tanh,
        "Sigmoid" => UnaryOp::Sigmoid,
        "Erf" => UnaryOp::Erf,
        "GeluExact" => UnaryOp::Gelu,
        "GeluApproximate" => UnaryOp::GeluTanh,
        "Silu" => UnaryOp::Silu,
        "HardSwish" => UnaryOp::HardSwish,
        "Floor" => UnaryOp::Floor,
        "Ceil" => UnaryOp::Ceil,
        "RoundHalfToEven" => UnaryOp::Round,
        "Sign" => UnaryOp::Sign,
        "Sin" => UnaryOp::Sin,
        "Cos" => UnaryOp::Cos,
        "Tan" => UnaryOp::Tan,
        "Asin" => UnaryOp::Asin,
        "Acos" => UnaryOp::Acos,
        "Atan" => UnaryOp::Atan,
        "Sinh" => UnaryOp::Sinh,
        "Cosh" => UnaryOp::Cosh,
        "Asinh" => UnaryOp::Asinh,
        "Acosh" => UnaryOp::Acosh,
        "Atanh" => UnaryOp::Atanh,
        "BitNot" if result != DType::Bool => UnaryOp::BitNot,
        "Not" | "BitNot" => UnaryOp::Not,
        other => bail!("operator {other} is not supported"),
    };
    let value = lowering.unary(function, x)?;
    lowering.cast(value, result)
}

/// Whether an element is one of the infinities that are asked for.
fn infinite(lowering: &mut Lowering, x: u32, op: &IsInf) -> TractResult<u32> {
    let ones = vec![1; lowering.dims(x)?.len()];
    let (x, bound) = match (op.detect_positive, op.detect_negative) {
        (true, true) => (lowering.unary(UnaryOp::Abs, x)?, f32::INFINITY),
        (true, false) => (x, f32::INFINITY),
        (false, true) => (x, f32::NEG_INFINITY),
        // Nothing equals a NaN.
        (false, false) => (x, f32::NAN),
    };
    let bound = lowering.plan.constant_f32(&ones, &[bound]);
    lowering.compare(CompareOp::Eq, x, bound)
}
