//! Bytes: products and convolutions by themselves and with the nodes that bring their sums back to bytes, and what
//! stands between them.

use super::convolution::window;
use super::{Case, Fill, Link, Operand, case, chain, input, shown};
use assay_plan::{Opcode, Window};
use assay_types::tensor::DType::{self, F32, I8, I32, U8};

pub fn cases(cases: &mut Vec<Case>) {
    products(cases);
    odd(cases);
    convolutions(cases);
    windows(cases);
    scaled(cases);
    lookups(cases);
}

fn bytes(dtype: DType, dims: &[u32]) -> Operand {
    Operand::Input(dtype, dims.to_vec(), Fill::Numbers)
}

fn weights(dims: &[u32]) -> Operand {
    Operand::Const(I8, dims.to_vec(), Fill::Numbers)
}

/// A constant that is one number: a zero point, a multiplier.
fn all(dtype: DType, dims: &[u32], value: f32) -> Operand {
    Operand::Const(dtype, dims.to_vec(), Fill::All(value))
}

/// A node by itself, and the same with a Requantize after it.
fn both(cases: &mut Vec<Case>, opcode: &str, name: &str, make: &dyn Fn() -> Link) {
    cases.push(chain(opcode, &format!("{name} alone"), vec![make()]));
    let first = make();
    let ones = vec![1; first.dims.len()];
    let operands = vec![all(F32, &ones, 0.01), all(U8, &ones, 128.0)];
    let then = Link { op: Opcode::Requantize, operands, dtype: U8, dims: first.dims.clone() };
    cases.push(chain(opcode, &format!("{name} to u8"), vec![first, then]));
}

/// Rows, depth, columns.
fn products(cases: &mut Vec<Case>) {
    for [m, k, n] in [
        [1, 1, 1],
        [1, 64, 10],
        [1, 4096, 4096],
        [1, 768, 768],
        [1, 65536, 1],
        [128, 384, 384],
        [128, 384, 1536],
        [512, 512, 512],
        [4096, 1, 1],
        [4096, 16, 1],
        [4096, 2, 1024],
        [1000, 30, 8],
        [7, 3, 5],
        [64, 64, 17],
    ] {
        let make = || Link {
            op: Opcode::EinsumInt { a: vec![0, 1], b: vec![1, 2], out: vec![0, 2] },
            operands: vec![
                bytes(U8, &[m, k]),
                weights(&[k, n]),
                all(U8, &[1; 2], 7.0),
                all(I8, &[1; 2], 0.0),
            ],
            dtype: I32,
            dims: vec![m, n],
        };
        both(cases, "EinsumInt", &format!("{m}x{k} * {k}x{n}"), &make);
    }
}

/// Products that no fused step takes: of two values, with a zero point for each row or column, batched, transposed.
fn odd(cases: &mut Vec<Case>) {
    let mut add = |name: &str, lists: [&[u8]; 3], a: &[u32], b: &[u32], zeros: [&[u32]; 2], out: &[u32]| {
        let op = Opcode::EinsumInt { a: lists[0].into(), b: lists[1].into(), out: lists[2].into() };
        let operands = [
            bytes(U8, a),
            bytes(I8, b),
            all(U8, zeros[0], 3.0),
            Operand::Const(I8, zeros[1].to_vec(), Fill::Below(5)),
        ];
        cases.push(case("EinsumInt.odd", name, op, &operands, I32, out));
    };
    let mm: [&[u8]; 3] = [&[0, 1], &[1, 2], &[0, 2]];
    add("mk,kn 256", mm, &[256, 256], &[256, 256], [&[1, 1], &[1, 1]], &[256, 256]);
    add("mk,kn 256, column zeros", mm, &[256, 256], &[256, 256], [&[1, 1], &[1, 256]], &[256, 256]);
    add("mk,nk 256", [&[0, 1], &[2, 1], &[0, 2]], &[256, 256], &[256, 256], [&[1, 1], &[1, 1]], &[256, 256]);
    add("km,kn 256", [&[1, 0], &[1, 2], &[0, 2]], &[256, 256], &[256, 256], [&[1, 1], &[1, 1]], &[256, 256]);
    let heads: [&[u8]; 3] = [&[0, 1, 2], &[0, 3, 2], &[0, 1, 3]];
    let one: &[u32] = &[1, 1, 1];
    add("12 times 128x64", heads, &[12, 128, 64], &[12, 128, 64], [one, one], &[12, 128, 128]);
    add("4096 times 4x4", heads, &[4096, 4, 4], &[4096, 4, 4], [one, one], &[4096, 4, 4]);
    add("outer 1024", [&[0], &[1], &[0, 1]], &[1024], &[1024], [&[1], &[1]], &[1024, 1024]);
    add("elementwise 1M", [&[0], &[0], &[0]], &[1 << 20], &[1 << 20], [&[1], &[1]], &[1 << 20]);
    add("all summed 1M", [&[0], &[0], &[]], &[1 << 20], &[1 << 20], [&[1], &[1]], &[]);
    let strided: [&[u8]; 3] = [&[0, 1, 2], &[2, 0, 3], &[1, 0, 3]];
    add("strided batch", strided, &[64, 16, 64], &[64, 64, 32], [one, one], &[16, 64, 32]);
    let row: [&[u8]; 3] = [&[0, 1], &[2, 1], &[0, 2]];
    let two: [&[u32]; 2] = [&[1, 1], &[1, 1]];
    for [m, k, n] in
        [[1, 1024, 4096], [3, 64, 4096], [4, 1024, 4096], [1, 16, 10_000], [7, 65_536, 7], [2, 9, 2]]
    {
        add(&format!("mk,nk {m}x{k}x{n}"), row, &[m, k], &[n, k], two, &[m, n]);
    }
    for [m, k, n] in [[1, 64, 4096], [5, 300, 1000], [100, 3, 100], [8, 4096, 8], [2000, 5, 3], [3, 2, 9]] {
        add(&format!("mk,kn {m}x{k}x{n}"), mm, &[m, k], &[k, n], two, &[m, n]);
    }
    let across: [&[u8]; 3] = [&[1, 0], &[2, 1], &[0, 2]];
    add("km,nk->mn 256", across, &[256, 256], &[256, 256], two, &[256, 256]);
    add("km,nk->mn 10x4096x20", across, &[4096, 10], &[20, 4096], two, &[10, 20]);
    add("km,kn->nm 256", [&[1, 0], &[1, 2], &[2, 0]], &[256, 256], &[256, 256], two, &[256, 256]);
    let strewn: [&[u8]; 3] = [&[0, 1, 2], &[3, 2, 4], &[0, 3, 1, 4]];
    add("amk,nkb->anmb", strewn, &[16, 9, 64], &[12, 64, 11], [one, one], &[16, 12, 9, 11]);
    let apart: [&[u8]; 3] = [&[0, 1, 2, 3], &[3, 4, 1, 5], &[4, 0, 5, 2]];
    add("abcd,debf->eafc", apart, &[10, 12, 9, 8], &[8, 11, 12, 7], [&[1; 4], &[1; 4]], &[11, 10, 7, 9]);
    let few: [&[u8]; 3] = [&[0, 1, 2], &[0, 2, 3], &[0, 1, 3]];
    for [batch, m, k, n] in [
        [65_536, 2, 2, 2],
        [4096, 1, 16, 1],
        [4096, 6, 7, 6],
        [2048, 5, 11, 5],
        [512, 8, 32, 8],
        [300, 2, 300, 2],
    ] {
        let name = format!("{batch} times {m}x{k} * {k}x{n}");
        add(&name, few, &[batch, m, k], &[batch, k, n], [one, one], &[batch, m, n]);
    }
    let summed: [&[u8]; 3] = [&[0, 1, 2, 3], &[3, 1, 2, 4], &[0, 4]];
    add("3 axes summed", summed, &[32, 8, 8, 16], &[16, 8, 8, 32], [&[1; 4], &[1; 4]], &[32, 32]);
}

fn convolutions(cases: &mut Vec<Case>) {
    // Batch, channels in and out, side, kernel, stride, groups.
    for [batch, inner, outer, side, kernel, stride, groups] in [
        [1, 3, 64, 224, 7, 2, 1],
        [1, 3, 32, 224, 3, 2, 1],
        [1, 64, 64, 56, 3, 1, 1],
        [1, 64, 256, 56, 1, 1, 1],
        [1, 512, 512, 7, 3, 1, 1],
        [1, 512, 2048, 7, 1, 1, 1],
        [1, 1024, 1024, 1, 1, 1, 1],
        [1, 32, 32, 112, 3, 1, 32],
        [1, 96, 96, 112, 3, 2, 96],
        [1, 240, 240, 14, 5, 1, 240],
        [1, 960, 960, 7, 3, 1, 960],
        [1, 16, 16, 5, 3, 1, 16],
        [1, 1, 1, 1, 1, 1, 1],
        [1, 1, 1, 256, 3, 1, 1],
        [1, 1, 64, 64, 1, 1, 1],
        [1, 64, 1, 64, 1, 1, 1],
        [8, 8, 8, 8, 3, 1, 1],
        [1, 64, 64, 28, 3, 1, 32],
        [1, 64, 64, 28, 3, 1, 4],
        [1, 2, 2, 100, 31, 1, 1],
        [1, 17, 17, 30, 3, 1, 1],
        [1, 64, 64, 64, 1, 8, 1],
    ] {
        let (pad, each) = ((kernel - 1) / 2, inner / groups);
        let out = (side + 2 * pad - kernel) / stride + 1;
        let made = [outer, each, kernel, kernel];
        let make = || Link {
            op: Opcode::Conv2dInt { window: window(kernel, stride, pad), groups },
            operands: vec![
                bytes(U8, &[batch, inner, side, side]),
                weights(&made),
                all(U8, &[1], 7.0),
                all(I8, &[1], 0.0),
                Operand::Const(I32, vec![outer], Fill::Numbers),
            ],
            dtype: I32,
            dims: vec![batch, outer, out, out],
        };
        let name = format!("{batch}x{inner}x{side}x{side} * {} /{stride} g{groups}", shown(&made));
        both(cases, "Conv2dInt", &name, &make);
    }
    let line =
        Window { kernel: [1, 5], stride: [1; 2], dilation: [1; 2], pad_before: [0, 2], pad_after: [0, 2] };
    let make = || Link {
        op: Opcode::Conv2dInt { window: line, groups: 64 },
        operands: vec![
            bytes(U8, &[1, 64, 1, 1000]),
            weights(&[64, 1, 1, 5]),
            all(U8, &[1], 7.0),
            Operand::Const(I8, vec![64], Fill::Below(5)),
            Operand::Const(I32, vec![64], Fill::Numbers),
        ],
        dtype: I32,
        dims: vec![1, 64, 1, 1000],
    };
    both(cases, "Conv2dInt", "1x64x1x1000 * 64x1x1x5 g64", &make);
}

/// Windows that no model has: far apart, over nothing, over images of one row or one column, in many small groups.
fn windows(cases: &mut Vec<Case>) {
    // x, channels out, kernel, stride, dilation, pads before, pads after, groups.
    type Shape = ([u32; 4], u32, [[u32; 2]; 5], u32);
    let list: [Shape; 20] = [
        ([1, 1, 100_000, 1], 1, [[9, 1], [1, 1], [1, 1], [4, 0], [4, 0]], 1),
        ([1, 1, 100_000, 1], 16, [[9, 1], [1, 1], [1, 1], [4, 0], [4, 0]], 1),
        ([1, 4, 30_000, 3], 2, [[5, 3], [1, 1], [1, 1], [2, 1], [2, 1]], 1),
        ([1, 64, 4104, 8], 100, [[2, 1], [1, 1], [4096, 1], [0, 0], [0, 0]], 1),
        ([1, 64, 4104, 8], 100, [[2, 1], [1, 1], [4096, 1], [4, 0], [0, 0]], 1),
        ([1, 8, 4, 4], 64, [[2, 2], [1, 1], [4096, 4096], [4096, 4096], [0, 0]], 1),
        ([1, 16, 64, 64], 16, [[3, 3], [1, 1], [2, 2], [2, 2], [2, 2]], 1),
        ([1, 64, 28, 28], 64, [[3, 3], [1, 1], [2, 2], [2, 2], [2, 2]], 64),
        ([1, 8, 90, 90], 8, [[3, 3], [3, 3], [1, 1], [1, 1], [1, 1]], 1),
        ([1, 8, 90, 90], 40, [[1, 7], [5, 3], [1, 2], [0, 0], [0, 0]], 1),
        ([1, 4096, 1, 1], 4096, [[1, 1], [1, 1], [1, 1], [0, 0], [0, 0]], 4096),
        ([1, 4096, 2, 4], 4096, [[1, 1], [1, 1], [1, 1], [0, 0], [0, 0]], 4096),
        ([1, 4096, 4, 4], 4096, [[3, 3], [1, 1], [1, 1], [1, 1], [1, 1]], 4096),
        ([1, 4096, 3, 3], 8192, [[3, 3], [1, 1], [1, 1], [1, 1], [1, 1]], 4096),
        ([1, 2048, 2, 2], 1024, [[2, 2], [1, 1], [1, 1], [1, 1], [1, 1]], 512),
        ([1000, 3, 4, 4], 5, [[2, 2], [2, 2], [1, 1], [0, 0], [0, 0]], 1),
        ([1, 512, 1, 1], 7, [[3, 3], [1, 1], [1, 1], [1, 1], [1, 1]], 1),
        ([1, 64, 2, 2], 1000, [[2, 2], [1, 1], [1, 1], [0, 0], [0, 0]], 1),
        ([1, 1, 64, 64], 1, [[63, 63], [1, 1], [1, 1], [31, 31], [31, 31]], 1),
        ([1, 256, 14, 14], 512, [[3, 3], [1, 1], [1, 1], [1, 1], [1, 1]], 8),
    ];
    for (x, outer, [kernel, stride, dilation, pad_before, pad_after], groups) in list {
        let window = Window { kernel, stride, dilation, pad_before, pad_after };
        let side = |axis: usize| {
            let pads = pad_before[axis] + pad_after[axis];
            (x[2 + axis] + pads - (kernel[axis] - 1) * dilation[axis] - 1) / stride[axis] + 1
        };
        let made = [outer, x[1] / groups, kernel[0], kernel[1]];
        let make = || Link {
            op: Opcode::Conv2dInt { window, groups },
            operands: vec![
                bytes(U8, &x),
                weights(&made),
                all(U8, &[1], 7.0),
                Operand::Const(I8, vec![outer], Fill::Below(5)),
                Operand::Const(I32, vec![outer], Fill::Numbers),
            ],
            dtype: I32,
            dims: vec![x[0], outer, side(0), side(1)],
        };
        let name = format!(
            "{} * {} /{} ..{} +{} g{groups}",
            shown(&x),
            shown(&made),
            shown(&stride),
            shown(&dilation),
            shown(&pad_before)
        );
        // By themselves: what counts is that they take no longer than they cost.
        cases.push(chain("Conv2dInt.odd", &name, vec![make()]));
    }
}

/// x, scale, result.
const SHAPES: [(&[u32], &[u32]); 7] = [
    (&[1], &[1]),
    (&[100_000], &[1]),
    (&[4 << 20], &[1]),
    (&[128, 384], &[1, 384]),
    (&[128, 384], &[128, 1]),
    (&[50_000, 2], &[50_000, 1]),
    (&[64, 64, 56], &[64, 1, 1]),
];

fn scaled(cases: &mut Vec<Case>) {
    for (dims, scale) in SHAPES {
        let name = format!("{} by {}", shown(dims), shown(scale));
        let ones = vec![1; dims.len()];
        for to in [U8, I8] {
            let by = || [all(F32, scale, 0.01), all(to, &ones, 3.0)];
            let operands = [&[input(dims)], &by()[..]].concat();
            cases.push(case("Quantize", &format!("{to} {name}"), Opcode::Quantize, &operands, to, dims));
            let sums = Operand::Input(I32, dims.to_vec(), Fill::Wide);
            let operands = [&[sums], &by()[..]].concat();
            cases.push(case("Requantize", &format!("{to} {name}"), Opcode::Requantize, &operands, to, dims));
        }
        for from in [U8, I8, I32] {
            let operands = [bytes(from, dims), all(F32, scale, 0.01), all(from, &ones, 3.0)];
            cases.push(case(
                "Dequantize",
                &format!("{from} {name}"),
                Opcode::Dequantize,
                &operands,
                F32,
                dims,
            ));
        }
    }
    let wide = [Operand::Input(F32, vec![100_000], Fill::Wide), all(F32, &[1], 1e-39), all(U8, &[1], 3.0)];
    cases.push(case("Quantize", "wide by tiny, unkind", Opcode::Quantize, &wide, U8, &[100_000]));
    let tiny = [bytes(U8, &[100_000]), all(F32, &[1], 1e-42), all(U8, &[1], 3.0)];
    cases.push(case("Dequantize", "by tiny, unkind", Opcode::Dequantize, &tiny, F32, &[100_000]));
}

fn lookups(cases: &mut Vec<Case>) {
    for to in [U8, I8, F32] {
        for size in [1, 1000, 100_000, 4 << 20] {
            let operands = [bytes(U8, &[size]), Operand::Const(to, vec![256], Fill::Numbers)];
            cases.push(case("Lookup", &format!("{to} {size}"), Opcode::Lookup, &operands, to, &[size]));
        }
    }
}
