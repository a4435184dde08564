//! Recorded encodings and prices of the quantised opcodes.

use super::golden::{Shape, lines};
use crate::opcode::*;
use assay_types::tensor::DType::{self, F32, I8, I32, U8};

#[test]
fn encodings_and_prices_of_quantised_opcodes_are_the_recorded_ones() {
    let window =
        Window { kernel: [3; 2], stride: [2, 1], dilation: [1; 2], pad_before: [1; 2], pad_after: [0; 2] };
    let of = |dtype: DType, dims: &[u32]| -> Shape { (dtype, dims.to_vec()) };
    let scale = || of(F32, &[1, 9]);
    let list: Vec<(Opcode, Vec<Shape>, DType, Vec<u32>)> = vec![
        (Opcode::Quantize, vec![of(F32, &[4, 9]), scale(), of(U8, &[1, 1])], U8, vec![]),
        (Opcode::Dequantize, vec![of(I32, &[4, 9]), scale(), of(I32, &[1, 1])], F32, vec![]),
        (Opcode::Requantize, vec![of(I32, &[4, 9]), scale(), of(I8, &[1, 1])], I8, vec![]),
        (
            Opcode::EinsumInt { a: vec![0, 1], b: vec![1, 2], out: vec![0, 2] },
            vec![of(U8, &[7, 50]), of(I8, &[50, 20]), of(U8, &[1, 1]), of(I8, &[1, 20])],
            I32,
            vec![],
        ),
        (
            Opcode::Conv2dInt { window, groups: 2 },
            vec![of(U8, &[1, 4, 9, 9]), of(I8, &[6, 2, 3, 3]), of(U8, &[1]), of(I8, &[6]), of(I32, &[6])],
            I32,
            vec![],
        ),
        (Opcode::Lookup, vec![of(U8, &[4, 9]), of(F32, &[256])], F32, vec![]),
        (Opcode::MaxPool(window), vec![of(I8, &[4, 9, 9])], I8, vec![]),
    ];
    assert_eq!(lines(list), PRICES);
}

const PRICES: &str = "\
Quantize 1a 201
Dequantize 1b 177
Requantize 1c 183
EinsumInt 1d020000000001020000000102020000000002 2276
Conv2dInt 1e0300000003000000020000000100000001000000010000000100000001000000000000000000000002000000 2205
Lookup 1f 85
MaxPool 0403000000030000000200000001000000010000000100000001000000010000000000000000000000 5158
";
