//! A recorded quantised plan, and the corners of rounding said by hand.

use super::golden::{numbers, summary};
use crate::{Executable, Isa};
use assay_plan::*;
use assay_types::tensor::{CANONICAL_NAN, DType, NamedTensor, Tensor};

/// Bytes that look random.
fn bytes(count: usize, seed: u32) -> Vec<u8> {
    numbers(count, seed).iter().map(|number| (number * 127.0) as i8 as u8).collect()
}

/// A quantised convolution by channels with padding, a pool, a table, a product, and the way back to numbers.
fn quantised() -> Plan {
    let mut b = PlanBuilder::new();
    let x = b.input("image", DType::F32, &[2, 2, 8, 8]);
    let one = |b: &mut PlanBuilder, rank: usize, value: f32| b.constant_f32(&vec![1; rank], &[value]);
    let (scale, zero) = (one(&mut b, 4, 0.0078125), b.constant(DType::U8, &[1; 4], &[128]));
    let q = b.push(Opcode::Quantize, &[x, scale, zero], DType::U8, &[2, 2, 8, 8]);
    let w = b.constant(DType::I8, &[5, 2, 3, 3], &bytes(90, 1));
    let zx = b.constant(DType::U8, &[1], &[128]);
    let zw = b.constant(DType::I8, &[5], &[0, 1, 2, 3, 255]);
    let bias = b.constant_i32(&[5], &[100, -200, 300, -400, 500]);
    let window =
        Window { kernel: [3; 2], stride: [1; 2], dilation: [1; 2], pad_before: [1; 2], pad_after: [1; 2] };
    let op = Opcode::Conv2dInt { window, groups: 1 };
    let sums = b.push(op, &[q, w, zx, zw, bias], DType::I32, &[2, 5, 8, 8]);
    let by = b.constant_f32(&[1, 5, 1, 1], &[0.001, 0.002, 0.004, 0.008, 0.016]);
    let zero = b.constant(DType::I8, &[1; 4], &[3]);
    let y = b.push(Opcode::Requantize, &[sums, by, zero], DType::I8, &[2, 5, 8, 8]);
    let window =
        Window { kernel: [2; 2], stride: [2; 2], dilation: [1; 2], pad_before: [0; 2], pad_after: [0; 2] };
    let y = b.push(Opcode::MaxPool(window), &[y], DType::I8, &[2, 5, 4, 4]);
    let table = b.constant(DType::U8, &[256], &bytes(256, 2));
    let y = b.push(Opcode::Lookup, &[y, table], DType::U8, &[2, 5, 4, 4]);
    let y = b.push(Opcode::Reshape, &[y], DType::U8, &[2, 80]);
    let w = b.constant(DType::I8, &[80, 10], &bytes(800, 3));
    let (za, zb) = (b.constant(DType::U8, &[1, 1], &[7]), b.constant(DType::I8, &[1, 10], &bytes(10, 4)));
    let op = Opcode::EinsumInt { a: vec![0, 1], b: vec![1, 2], out: vec![0, 2] };
    let sums = b.push(op, &[y, w, za, zb], DType::I32, &[2, 10]);
    let scale = b.constant_f32(&[1, 10], &numbers(10, 5));
    let zero = b.constant_i32(&[1, 1], &[0]);
    let y = b.push(Opcode::Dequantize, &[sums, scale, zero], DType::F32, &[2, 10]);
    b.output("scores", y);
    b.finish().unwrap()
}

#[test]
fn a_quantised_plan_its_price_and_output_are_the_recorded_ones() {
    assert_eq!(summary(quantised()), QUANTISED);
}

/// Runs a node over constants of f32 or i32, a scale and a zero point.
fn scaled(op: Opcode, x: (DType, Vec<u8>), scale: f32, zero: (DType, &[u8]), to: DType) -> Vec<u8> {
    let mut b = PlanBuilder::new();
    let count = (x.1.len() / x.0.size()) as u32;
    let unused = b.input("unused", DType::F32, &[1]);
    let x = b.constant(x.0, &[count], &x.1);
    let (scale, zero) = (b.constant_f32(&[1], &[scale]), b.constant(zero.0, &[1], zero.1));
    let y = b.push(op, &[x, scale, zero], to, &[count]);
    b.output("y", y);
    b.output("unused", unused);
    let input = NamedTensor { name: "unused".into(), tensor: Tensor::from_f32(vec![1], &[0.0]).unwrap() };
    let run = |isa: Isa, plan: &Plan| {
        let executable = Executable::new(plan.clone().validate().unwrap(), isa);
        executable.run(std::slice::from_ref(&input)).unwrap()[0].tensor.data().to_vec()
    };
    let plan = b.finish().unwrap();
    let results: Vec<Vec<u8>> = Isa::available().into_iter().map(|isa| run(isa, &plan)).collect();
    assert!(results.windows(2).all(|pair| pair[0] == pair[1]));
    results[0].clone()
}

fn f32s(values: &[f32]) -> (DType, Vec<u8>) {
    (DType::F32, values.iter().flat_map(|value| value.to_le_bytes()).collect())
}

fn i32s(values: &[i32]) -> (DType, Vec<u8>) {
    (DType::I32, values.iter().flat_map(|value| value.to_le_bytes()).collect())
}

#[test]
fn quantising_rounds_to_even_saturates_and_takes_a_nan_for_the_least() {
    let values = [0.5, 1.5, 2.5, -0.5, -1.5, 1e30, -1e30, f32::INFINITY, f32::NEG_INFINITY, f32::NAN, -0.0];
    let u8s = scaled(Opcode::Quantize, f32s(&values), 1.0, (DType::U8, &[10]), DType::U8);
    assert_eq!(u8s, [10, 12, 12, 10, 8, 255, 0, 255, 0, 0, 10]);
    let i8s = scaled(Opcode::Quantize, f32s(&values), 1.0, (DType::I8, &[10]), DType::I8);
    assert_eq!(
        i8s.iter().map(|&q| q as i8).collect::<Vec<_>>(),
        [10, 12, 12, 10, 8, 127, -128, 127, -128, -128, 10]
    );
    // A scale of zero: a quotient of infinity, or of NaN.
    let by_zero = scaled(Opcode::Quantize, f32s(&[1.0, -1.0, 0.0]), 0.0, (DType::U8, &[10]), DType::U8);
    assert_eq!(by_zero, [255, 0, 0]);
}

#[test]
fn requantising_rounds_the_sum_to_f32_first() {
    let sums = [5, 7, -5, i32::MAX, i32::MIN, 16_777_217];
    let q = scaled(Opcode::Requantize, i32s(&sums), 0.5, (DType::I8, &[0]), DType::I8);
    assert_eq!(q.iter().map(|&q| q as i8).collect::<Vec<_>>(), [2, 4, -2, 127, -128, 127]);
    let q = scaled(Opcode::Requantize, i32s(&[16_777_217]), 2.0f32.powi(-17), (DType::U8, &[0]), DType::U8);
    assert_eq!(q, [128]);
    let nan = f32::from_bits(CANONICAL_NAN);
    assert_eq!(scaled(Opcode::Requantize, i32s(&[3]), nan, (DType::I8, &[0]), DType::I8), [128]);
}

#[test]
fn dequantising_takes_the_difference_in_i32() {
    let zero = i32::MAX.to_le_bytes();
    let y = scaled(Opcode::Dequantize, i32s(&[-2, i32::MAX]), 1.0, (DType::I32, &zero), DType::F32);
    // -2 - (2^31 - 1) wraps to 2^31 - 1, which rounds to 2^31.
    assert_eq!(y, f32s(&[2_147_483_648.0, 0.0]).1);
}

const QUANTISED: &str = "\
plan b0154519fe02f24cdfeeceecd1f76469193e213a95bef5edcbe35a88defc4c28
units 8153, load 63258, peak 5636
output 5260de59886cc226ecc921a452345b0ddedf2a39b9b350a4151a01d50f9bb027
";
