//! Matrix products, batched and awkward; convolutions, pools.

use crate::cases::{Case, Fill, Operand, case, constant, input, shown};
use assay_plan::{Divisor, Opcode, Window};
use assay_types::tensor::DType;

pub fn cases(cases: &mut Vec<Case>) {
    products(cases);
    batched(cases);
    awkward(cases);
    convolutions(cases);
    pools(cases);
}

/// Rows, depth, columns: `mk,kn->mn` with constant columns, and with columns that are computed.
fn products(cases: &mut Vec<Case>) {
    let shapes = [
        [1, 1, 1],
        [1, 16, 16],
        [1, 64, 10],
        [1, 384, 384],
        [1, 2048, 1000],
        [1, 4096, 4096],
        [1, 1, 4096],
        [1, 65536, 1],
        [1, 65536, 16],
        [8, 64, 64],
        [32, 384, 1536],
        [128, 384, 384],
        [128, 1536, 384],
        [512, 512, 512],
        [4096, 1, 1],
        [4096, 1, 16],
        [4096, 4096, 1],
        [4096, 16, 1],
        [4096, 2, 4096],
        [7, 3, 5],
        [64, 1000, 3],
        [5, 4096, 17],
    ];
    for [m, k, n] in shapes {
        let op = || Opcode::Einsum { a: vec![0, 1], b: vec![1, 2], out: vec![0, 2] };
        let name = format!("{m}x{k} * {k}x{n}");
        let operands = [input(&[m, k]), constant(&[k, n])];
        cases.push(case("Einsum.const", &name, op(), &operands, DType::F32, &[m, n]));
        let operands = [input(&[m, k]), input(&[k, n])];
        cases.push(case("Einsum.var", &name, op(), &operands, DType::F32, &[m, n]));
    }
    // The law has subnormals like any other number.
    let tiny = |dims: &[u32]| Operand::Input(DType::F32, dims.to_vec(), Fill::Tiny);
    let op = Opcode::Einsum { a: vec![0, 1], b: vec![1, 2], out: vec![0, 2] };
    let operands = [tiny(&[128, 384]), constant(&[384, 384])];
    cases.push(case("Einsum.tiny", "128x384 * 384x384", op, &operands, DType::F32, &[128, 384]));
}

/// As attention has them: `bhqd,bhkd->bhqk`, and many small ones.
fn batched(cases: &mut Vec<Case>) {
    for [batch, m, k, n] in [
        [12, 32, 32, 32],
        [12, 128, 32, 128],
        [64, 8, 8, 8],
        [4096, 1, 16, 1],
        [4096, 4, 4, 4],
        [65536, 1, 1, 1],
        [1024, 1, 64, 16],
    ] {
        for (word, b, dims) in [("nt", vec![0, 3, 2], [batch, n, k]), ("nn", vec![0, 2, 3], [batch, k, n])] {
            let op = Opcode::Einsum { a: vec![0, 1, 2], b, out: vec![0, 1, 3] };
            let operands = [input(&[batch, m, k]), input(&dims)];
            let name = format!("{batch} times {m}x{k} * {k}x{n} {word}");
            cases.push(case("Einsum.batch", &name, op, &operands, DType::F32, &[batch, m, n]));
        }
    }
}

/// Labels in orders that no tile likes.
fn awkward(cases: &mut Vec<Case>) {
    let mut add = |name: &str, lists: [&[u8]; 3], a: &[u32], b: &[u32], out: &[u32]| {
        let op = Opcode::Einsum { a: lists[0].into(), b: lists[1].into(), out: lists[2].into() };
        cases.push(case("Einsum.odd", name, op, &[input(a), input(b)], DType::F32, out));
    };
    add("km,nk->mn 512", [&[1, 0], &[2, 1], &[0, 2]], &[512, 512], &[512, 512], &[512, 512]);
    add("km,nk->nm 512", [&[1, 0], &[2, 1], &[2, 0]], &[512, 512], &[512, 512], &[512, 512]);
    add("all summed 1M", [&[0], &[0], &[]], &[1 << 20], &[1 << 20], &[]);
    add("outer 1024", [&[0], &[1], &[0, 1]], &[1024], &[1024], &[1024, 1024]);
    add("elementwise 1M", [&[0], &[0], &[0]], &[1 << 20], &[1 << 20], &[1 << 20]);
    add("a-only sum", [&[0, 1], &[0], &[0]], &[1024, 1024], &[1024], &[1024]);
    add("abcd,cb->ad", [&[0, 1, 2, 3], &[2, 1], &[0, 3]], &[16, 32, 32, 64], &[32, 32], &[16, 64]);
    add("strided batch", [&[0, 1, 2], &[2, 0, 3], &[1, 0, 3]], &[64, 16, 64], &[64, 64, 32], &[16, 64, 32]);
}

fn window(kernel: u32, stride: u32, pad: u32) -> Window {
    Window {
        kernel: [kernel; 2],
        stride: [stride; 2],
        dilation: [1; 2],
        pad_before: [pad; 2],
        pad_after: [pad; 2],
    }
}

fn convolutions(cases: &mut Vec<Case>) {
    // Batch, channels in and out, side, kernel, stride, groups.
    let shapes: [[u32; 7]; 24] = [
        [1, 3, 64, 224, 7, 2, 1],
        [1, 64, 64, 56, 3, 1, 1],
        [1, 64, 256, 56, 1, 1, 1],
        [1, 256, 64, 56, 1, 1, 1],
        [1, 512, 512, 7, 3, 1, 1],
        [1, 512, 2048, 7, 1, 1, 1],
        [1, 32, 32, 112, 3, 1, 32],
        [1, 96, 96, 112, 3, 2, 96],
        [1, 240, 240, 14, 5, 1, 240],
        [1, 960, 960, 7, 3, 1, 960],
        [1, 3, 32, 224, 3, 2, 1],
        [1, 1, 1, 256, 3, 1, 1],
        [1, 1, 1, 1, 1, 1, 1],
        [1, 1, 1, 64, 1, 1, 1],
        [1, 1, 64, 64, 1, 1, 1],
        [1, 64, 1, 64, 1, 1, 1],
        [1, 1024, 1024, 1, 1, 1, 1],
        [8, 8, 8, 8, 3, 1, 1],
        [1, 64, 64, 28, 3, 1, 32],
        [1, 2, 2, 200, 31, 1, 1],
        [1, 1, 1, 64, 63, 1, 1],
        [1, 16, 16, 5, 3, 1, 16],
        [1, 1024, 1024, 2, 3, 1, 1024],
        [1, 64, 64, 64, 1, 8, 1],
    ];
    for [batch, inner, outer, side, kernel, stride, groups] in shapes {
        let pad = (kernel - 1) / 2;
        let out = (side + 2 * pad - kernel) / stride + 1;
        let op = Opcode::Conv2d { window: window(kernel, stride, pad), groups };
        let weights = [outer, inner / groups, kernel, kernel];
        let operands = [input(&[batch, inner, side, side]), constant(&weights), constant(&[outer])];
        let name = format!("{batch}x{inner}x{side}x{side} * {} /{stride} g{groups}", shown(&weights));
        cases.push(case("Conv2d", &name, op, &operands, DType::F32, &[batch, outer, out, out]));
    }
    // One row of an image: as convolutions in one dimension arrive.
    for [inner, outer, side, kernel, groups] in
        [[64, 64, 1000, 3, 1], [64, 64, 1000, 5, 64], [1, 1, 4000, 9, 1]]
    {
        let flat = Window {
            kernel: [1, kernel],
            stride: [1; 2],
            dilation: [1; 2],
            pad_before: [0, kernel / 2],
            pad_after: [0, kernel / 2],
        };
        let op = Opcode::Conv2d { window: flat, groups };
        let weights = [outer, inner / groups, 1, kernel];
        let operands = [input(&[1, inner, 1, side]), constant(&weights), constant(&[outer])];
        let name = format!("1x{inner}x1x{side} * {} g{groups}", shown(&weights));
        cases.push(case("Conv2d", &name, op, &operands, DType::F32, &[1, outer, 1, side]));
    }
}

fn pools(cases: &mut Vec<Case>) {
    for [channels, side, kernel, stride] in [
        [64, 112, 3, 2],
        [1, 112, 3, 2],
        [2048, 7, 7, 7],
        [512, 14, 2, 2],
        [1, 512, 63, 1],
        [4096, 2, 2, 1],
        [1, 2, 2, 1],
        [64, 64, 3, 1],
    ] {
        let pad = if kernel % 2 == 1 && stride < kernel { kernel / 2 } else { 0 };
        let out = (side + 2 * pad - kernel) / stride + 1;
        let (operands, dims) = ([input(&[1, channels, side, side])], [1, channels, out, out]);
        let name = format!("{channels}x{side}x{side} k{kernel} /{stride}");
        let pool = window(kernel, stride, pad);
        cases.push(case("MaxPool", &name, Opcode::MaxPool(pool), &operands, DType::F32, &dims));
        let op = Opcode::SumPool { window: pool, divisor: Divisor::Inside };
        cases.push(case("SumPool", &name, op, &operands, DType::F32, &dims));
    }
}
