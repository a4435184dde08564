//! What the validator refuses of the quantised opcodes, rule by rule.

use super::refusals::{Operand, f, refusal, refused, window};
use crate::PlanBuilder;
use crate::opcode::*;
use assay_types::tensor::DType::{self, Bool, F32, I8, I32, I64, U8};

fn of(dtype: DType, dims: &[u32]) -> Operand {
    (dtype, dims.to_vec())
}

#[test]
fn scaled_opcodes_ask_for_their_dtypes() {
    let q = |operands: &[Operand], to, rule| refused(Opcode::Quantize, operands, to, &[2], rule);
    q(&[f(&[2]), f(&[1]), of(U8, &[1])], U8, "accepted");
    q(&[f(&[2]), f(&[1]), of(U8, &[1])], I8, "the zero point's dtype is not the result's");
    q(&[f(&[2]), f(&[1]), of(I32, &[1])], I32, "the result is not u8 or i8");
    q(&[f(&[2]), of(I32, &[1]), of(U8, &[1])], U8, "the scale is not f32");
    q(&[of(I32, &[2]), f(&[1]), of(U8, &[1])], U8, "the operand's dtype is wrong");
    q(&[f(&[2]), f(&[3]), of(U8, &[1])], U8, "dims differ and neither is 1");
    q(&[f(&[2]), f(&[]), of(U8, &[1])], U8, "ranks differ");
    q(&[f(&[2]), f(&[1])], U8, "the number of operands is wrong");
    let d = |operands: &[Operand], to, rule| refused(Opcode::Dequantize, operands, to, &[2], rule);
    d(&[of(I32, &[2]), f(&[1]), of(I32, &[1])], F32, "accepted");
    d(&[of(I8, &[2]), f(&[1]), of(U8, &[1])], F32, "the zero point's dtype is not the operand's");
    d(&[of(I8, &[2]), f(&[1]), of(I8, &[1])], I32, "the result is not f32");
    d(&[of(I64, &[2]), f(&[1]), of(I64, &[1])], F32, "the operand is not u8, i8 or i32");
    let r = |operands: &[Operand], to, rule| refused(Opcode::Requantize, operands, to, &[2], rule);
    r(&[of(I32, &[2]), f(&[2]), of(I8, &[2])], I8, "accepted");
    r(&[f(&[2]), f(&[2]), of(I8, &[2])], I8, "the operand's dtype is wrong");
}

#[test]
fn integer_products_ask_for_bytes_and_zero_points_that_fit() {
    let op = || Opcode::EinsumInt { a: vec![0, 1], b: vec![1, 2], out: vec![0, 2] };
    let go = |operands: &[Operand], rule| refused(op(), operands, I32, &[2, 4], rule);
    let (a, b) = (of(U8, &[2, 3]), of(I8, &[3, 4]));
    let ones = |dtype| of(dtype, &[1, 1]);
    go(&[a.clone(), b.clone(), ones(U8), ones(I8)], "accepted");
    go(&[a.clone(), b.clone(), of(U8, &[2, 1]), of(I8, &[1, 4])], "accepted");
    go(&[a.clone(), b.clone(), of(U8, &[1, 3]), ones(I8)], "varies along a dim that it may not");
    go(&[a.clone(), b.clone(), ones(U8), of(I8, &[1, 3])], "varies along a dim that it may not");
    go(&[a.clone(), b.clone(), ones(U8), of(I8, &[4])], "a zero point's rank");
    go(&[a.clone(), b.clone(), ones(I8), ones(I8)], "a zero point's dtype");
    go(&[f(&[2, 3]), b.clone(), f(&[1, 1]), ones(I8)], "a factor is not u8 or i8");
    go(&[a.clone(), of(I8, &[2, 4]), ones(U8), ones(I8)], "the dims of a label differ");
    go(&[a.clone(), b.clone(), ones(U8)], "the number of operands");
    refused(op(), &[a, b, ones(U8), ones(I8)], I64, &[2, 4], "the result is not i32");
}

/// A convolution of x \[1, 4, 5, 5\] to three channels with these dtypes and zero points.
fn conv(x: DType, w: DType, zeros: [(DType, u32); 2], bias: (DType, u32), constant: bool) -> String {
    let mut builder = PlanBuilder::new();
    let id = |builder: &mut PlanBuilder, dtype: DType, dims: &[u32]| {
        let count = dims.iter().product::<u32>() as usize;
        if constant {
            builder.constant(dtype, dims, &vec![0; count * dtype.size()])
        } else {
            builder.input(&format!("{dtype}{count}"), dtype, dims)
        }
    };
    let given = builder.input("x", x, &[1, 4, 5, 5]);
    let zero = builder.input("zero", zeros[0].0, &[zeros[0].1]);
    let w = id(&mut builder, w, &[3, 4, 3, 3]);
    let zw = id(&mut builder, zeros[1].0, &[zeros[1].1]);
    let bias = id(&mut builder, bias.0, &[bias.1]);
    let op = Opcode::Conv2dInt { window: window(), groups: 1 };
    let y = builder.push(op, &[given, w, zero, zw, bias], I32, &[1, 3, 5, 5]);
    builder.output("y", y);
    refusal(builder.finish().unwrap())
}

#[test]
fn integer_convolutions_ask_for_constant_bytes_and_zero_points_that_fit() {
    assert_eq!(conv(U8, I8, [(U8, 1), (I8, 3)], (I32, 3), true), "accepted");
    assert_eq!(conv(I8, U8, [(I8, 1), (U8, 1)], (I32, 3), true), "accepted");
    let refused = |found: String, rule: &str| assert!(found.contains(rule), "{found:?}, not {rule:?}");
    refused(conv(U8, I8, [(U8, 1), (I8, 3)], (I32, 3), false), "an operand is not a constant");
    refused(conv(U8, I8, [(U8, 1), (I8, 2)], (I32, 3), true), "not as many as channels");
    refused(conv(U8, I8, [(U8, 4), (I8, 1)], (I32, 3), true), "a rank is wrong");
    refused(conv(U8, I8, [(I8, 1), (I8, 1)], (I32, 3), true), "a zero point's dtype");
    refused(conv(F32, I8, [(F32, 1), (I8, 1)], (I32, 3), true), "a factor is not u8 or i8");
    refused(conv(U8, I8, [(U8, 1), (I8, 1)], (F32, 3), true), "the result and the bias are not i32");
    refused(conv(U8, I8, [(U8, 1), (I8, 1)], (I32, 2), true), "the bias is not as long");
}

#[test]
fn a_lookup_asks_for_a_constant_table_of_256() {
    let build = |from: DType, dtype: DType, len: u32, constant: bool| {
        let mut builder = PlanBuilder::new();
        let x = builder.input("x", from, &[3]);
        let table = if constant {
            builder.constant(dtype, &[len], &vec![0; len as usize * dtype.size()])
        } else {
            builder.input("table", dtype, &[len])
        };
        let y = builder.push(Opcode::Lookup, &[x, table], dtype, &[3]);
        builder.output("y", y);
        refusal(builder.finish().unwrap())
    };
    for dtype in [U8, I8, F32] {
        assert_eq!(build(I8, dtype, 256, true), "accepted");
    }
    assert_eq!(build(U8, U8, 256, false), "an operand is not a constant");
    assert_eq!(build(U8, U8, 255, true), "the table has not 256 elements");
    assert_eq!(build(U8, Bool, 256, true), "the table is not u8, i8 or f32");
    assert_eq!(build(I32, U8, 256, true), "the operand is not u8 or i8");
}

#[test]
fn bytes_pool_by_their_greatest_only() {
    let pool = |op, dtype, rule| refused(op, &[of(dtype, &[4, 4])], dtype, &[4, 4], rule);
    pool(Opcode::MaxPool(window()), I8, "accepted");
    pool(Opcode::MaxPool(window()), I32, "the window does not take this dtype");
    let sum = Opcode::SumPool { window: window(), divisor: Divisor::One };
    pool(sum, U8, "the window does not take this dtype");
}
