//! Matrix products, batched and awkward.

use super::{Case, Fill, Operand, case, constant, input};
use assay_plan::Opcode;
use assay_types::tensor::DType;

pub fn cases(cases: &mut Vec<Case>) {
    products(cases);
    batched(cases);
    awkward(cases);
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
        [1, 768, 3072],
        [1, 100, 50],
        [2, 384, 384],
        [100, 20, 1],
        [1, 20, 1],
        [64, 64, 17],
        [6, 3, 4096],
        [1000, 30, 8],
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
    cases.push(case("Einsum.tiny", "128x384 * 384x384, unkind", op, &operands, DType::F32, &[128, 384]));
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
        [12, 1, 64, 128],
        [16, 128, 64, 128],
        [256, 16, 1, 16],
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
    add("mk,k->m 4096", [&[0, 1], &[1], &[0]], &[4096, 4096], &[4096], &[4096]);
    add("km,k->m 4096", [&[1, 0], &[1], &[0]], &[4096, 4096], &[4096], &[4096]);
    add("k,kn->n 4096", [&[1], &[1, 2], &[2]], &[4096], &[4096, 4096], &[4096]);
    add("k,nk->n 4096", [&[1], &[2, 1], &[2]], &[4096], &[4096, 4096], &[4096]);
    add(
        "bhqd,bkhd->bqhk",
        [&[0, 1, 2, 3], &[0, 4, 1, 3], &[0, 2, 1, 4]],
        &[2, 8, 64, 32],
        &[2, 64, 8, 32],
        &[2, 64, 8, 64],
    );
    add("ab,ba->a 512", [&[0, 1], &[1, 0], &[0]], &[512, 512], &[512, 512], &[512]);
    add("batch last", [&[0, 1, 2], &[1, 3, 2], &[0, 3, 2]], &[16, 32, 64], &[32, 16, 64], &[16, 16, 64]);
    add("sum of b only", [&[0], &[0, 1], &[0]], &[1024], &[1024, 1024], &[1024]);
    add(
        "3 axes summed",
        [&[0, 1, 2, 3], &[3, 1, 2, 4], &[0, 4]],
        &[32, 8, 8, 16],
        &[16, 8, 8, 32],
        &[32, 32],
    );
    add("strided batch", [&[0, 1, 2], &[2, 0, 3], &[1, 0, 3]], &[64, 16, 64], &[64, 64, 32], &[16, 64, 32]);
}
