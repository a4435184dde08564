//! Copies in other orders: long runs, single elements, strides that fall on one cache set.

use super::{Case, Fill, Operand, case, constant, input, shown};
use assay_plan::{Opcode, PadMode};
use assay_types::tensor::DType;

pub fn cases(cases: &mut Vec<Case>) {
    permutes(cases);
    slices(cases);
    gathers(cases);
    rest(cases);
}

fn permutes(cases: &mut Vec<Case>) {
    let shapes: [(&[u32], &[u8]); 13] = [
        (&[1, 2], &[1, 0]),
        (&[128, 384], &[1, 0]),
        (&[4096, 4096], &[1, 0]),
        (&[1, 128, 12, 32], &[0, 2, 1, 3]),
        (&[1, 128, 12, 32], &[0, 2, 3, 1]),
        (&[64, 56, 56], &[1, 2, 0]),
        (&[16, 16, 16, 16, 16], &[4, 3, 2, 1, 0]),
        (&[2, 500_000], &[1, 0]),
        (&[500_000, 2], &[1, 0]),
        (&[1024, 1024], &[1, 0]),
        (&[1000, 3, 7], &[2, 1, 0]),
        (&[100, 2, 100, 2], &[0, 2, 1, 3]),
        (&[64, 64, 3, 3], &[2, 3, 1, 0]),
    ];
    for (dims, axes) in shapes {
        for dtype in [DType::F32, DType::U8, DType::I64] {
            let out: Vec<u32> = axes.iter().map(|&axis| dims[axis as usize]).collect();
            let operands = [Operand::Input(dtype, dims.to_vec(), Fill::Numbers)];
            let name = format!("{dtype} {} {axes:?}", shown(dims));
            cases.push(case(
                "Permute",
                &name,
                Opcode::Permute { axes: axes.to_vec() },
                &operands,
                dtype,
                &out,
            ));
        }
    }
}

fn slices(cases: &mut Vec<Case>) {
    let shapes: [(&[u32], u8, u32, i32, u32); 10] = [
        (&[1 << 20], 0, 5, 1, 100_000),
        (&[1 << 20], 0, 0, 2, 500_000),
        (&[1 << 20], 0, (1 << 20) - 1, -1, 1 << 20),
        (&[4096, 256], 1, 3, 1, 1),
        (&[4096, 256], 1, 0, 1, 128),
        (&[64, 56, 56], 2, 0, 2, 28),
        (&[4 << 20], 0, 0, 16, 1 << 18),
        (&[2, 4 << 20], 1, 0, 1, 2 << 20),
        (&[100_000, 16], 0, 99_999, -1, 100_000),
        (&[2, 2], 1, 0, 1, 1),
    ];
    for (dims, axis, start, step, len) in shapes {
        let mut out = dims.to_vec();
        out[axis as usize] = len;
        let name = format!("{} [{axis}] {start}..{step}", shown(dims));
        for dtype in [DType::F32, DType::U8] {
            let operands = [Operand::Input(dtype, dims.to_vec(), Fill::Numbers)];
            let (name, op) = (format!("{dtype} {name}"), Opcode::Slice { axis, start, step });
            cases.push(case("Slice", &name, op, &operands, dtype, &out));
        }
    }
    for (from, to) in [
        (&[1, 1][..], &[1000, 1000][..]),
        (&[1000, 1], &[1000, 1000]),
        (&[1, 1000], &[1000, 1000]),
        (&[50_000, 1, 2], &[50_000, 3, 2]),
        (&[50_000, 1], &[50_000, 2]),
        (&[1, 2], &[50_000, 2]),
        (&[1], &[2]),
    ] {
        for dtype in [DType::F32, DType::U8] {
            let name = format!("{dtype} {} to {}", shown(from), shown(to));
            let operands = [Operand::Input(dtype, from.to_vec(), Fill::Numbers)];
            cases.push(case("Broadcast", &name, Opcode::Broadcast, &operands, dtype, to));
        }
    }
}

fn gathers(cases: &mut Vec<Case>) {
    let below = |dims: &[u32], limit| Operand::Input(DType::I64, dims.to_vec(), Fill::Below(limit));
    // Table, axis, how many are taken: from large tables so many that no cache holds what they touch.
    let shapes: [(&[u32], u8, u32); 9] = [
        (&[30_522, 384], 0, 128),
        (&[16 << 20], 0, 1_000_000),
        (&[1000], 0, 1),
        (&[4 << 20, 2], 0, 1_000_000),
        (&[1000, 1000], 1, 3),
        (&[100_000, 16], 1, 1),
        (&[16, 16], 0, 10_000),
        (&[64 << 10, 256], 0, 64 << 10),
        (&[2, 4 << 20], 1, 1_000_000),
    ];
    for (dims, axis, count) in shapes {
        let mut out = dims.to_vec();
        out[axis as usize] = count;
        let operands = [input(dims), below(&[count], dims[axis as usize])];
        let name = format!("{} [{axis}] {count}", shown(dims));
        cases.push(case("Gather", &name, Opcode::Gather { axis }, &operands, DType::F32, &out));
    }
    for (dims, axis, out) in [
        (&[16 << 20][..], 0, &[1_000_000][..]),
        (&[4096, 1024], 0, &[256, 1024]),
        (&[1000, 64], 1, &[1000, 64]),
        (&[100, 2], 1, &[100, 2]),
        (&[1], 0, &[1]),
        (&[50_000, 64], 1, &[50_000, 1]),
    ] {
        let operands = [input(dims), below(out, dims[axis as usize])];
        let name = format!("{} [{axis}] {}", shown(dims), shown(out));
        let op = Opcode::GatherElements { axis };
        cases.push(case("GatherElements", &name, op, &operands, DType::F32, out));
    }
}

fn rest(cases: &mut Vec<Case>) {
    for (dims, axis) in [
        (&[128, 384][..], 1),
        (&[128, 384], 0),
        (&[50_000, 1], 1),
        (&[1], 0),
        (&[4 << 20], 0),
        (&[10_000, 10], 1),
    ] {
        let mut out = dims.to_vec();
        out[axis as usize] *= 2;
        let operands = [input(dims), input(dims)];
        let name = format!("{} [{axis}]", shown(dims));
        cases.push(case("Concat", &name, Opcode::Concat { axis }, &operands, DType::F32, &out));
    }
    many(cases);
    for dims in [&[64, 56, 56][..], &[50_000, 2], &[2], &[200_000], &[2000, 2000], &[40, 40, 40, 3]] {
        for mode in [PadMode::Constant, PadMode::Edge, PadMode::Reflect] {
            let out: Vec<u32> = dims.iter().map(|dim| dim + 2).collect();
            let ones = vec![1; dims.len()];
            let op = Opcode::Pad { before: ones.clone(), after: ones, mode };
            let mut operands = vec![input(dims)];
            if mode == PadMode::Constant {
                operands.push(input(&[1]));
            }
            cases.push(case("Pad", &format!("{mode:?} {}", shown(dims)), op, &operands, DType::F32, &out));
        }
    }
}

/// As many operands as there may be, of one element each.
fn many(cases: &mut Vec<Case>) {
    for (operands, dims) in [(1024, [1]), (1024, [100])] {
        let mut list: Vec<Operand> = (0..operands).map(|_| constant(&dims)).collect();
        list[0] = input(&dims);
        let (name, out) = (format!("{operands} of {}", dims[0]), [operands * dims[0]]);
        cases.push(case("Concat", &name, Opcode::Concat { axis: 0 }, &list, DType::F32, &out));
    }
}
