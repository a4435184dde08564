//! Elements that go or come where indices say: near and far, one by one and in slices.

use super::{Case, Fill, Operand, case, input, shown};
use assay_plan::{Opcode, Scatter};
use assay_types::tensor::DType;

pub fn cases(cases: &mut Vec<Case>) {
    elements(cases);
    slices(cases);
}

fn below(dims: &[u32], limit: u32) -> Operand {
    Operand::Input(DType::I64, dims.to_vec(), Fill::Below(limit))
}

fn elements(cases: &mut Vec<Case>) {
    // Data, axis, dims of the index.
    let shapes: [(&[u32], u8, &[u32]); 6] = [
        (&[1], 0, &[1]),
        (&[1000], 0, &[1000]),
        (&[16 << 20], 0, &[1_000_000]),
        (&[1 << 20], 0, &[4 << 20]),
        (&[1000, 64], 1, &[1000, 64]),
        (&[4096, 1024], 0, &[256, 1024]),
    ];
    for (dims, axis, index) in shapes {
        for reduction in [Scatter::Put, Scatter::Add, Scatter::Max] {
            let operands = [input(dims), below(index, dims[axis as usize]), input(index)];
            let name = format!("{reduction:?} {} [{axis}] {}", shown(dims), shown(index));
            let op = Opcode::ScatterElements { axis, reduction };
            cases.push(case("ScatterElements", &name, op, &operands, DType::F32, dims));
        }
    }
}

fn slices(cases: &mut Vec<Case>) {
    // Data, tuples, their length.
    let shapes: [(&[u32], u32, u32); 7] = [
        (&[2], 1, 1),
        (&[1000], 1000, 1),
        (&[16 << 20], 1_000_000, 1),
        (&[1024, 1024], 100_000, 2),
        (&[30_522, 384], 128, 1),
        (&[16, 16, 16, 16], 20_000, 4),
        (&[100_000, 2], 50_000, 1),
    ];
    for (dims, tuples, length) in shapes {
        let least = dims[..length as usize].iter().copied().min().unwrap_or(1);
        let index = || below(&[tuples, length], least);
        let updates = [&[tuples], &dims[length as usize..]].concat();
        let name = format!("{} {tuples} tuples of {length}", shown(dims));
        for reduction in [Scatter::Put, Scatter::Add] {
            let operands = [input(dims), index(), input(&updates)];
            let op = Opcode::ScatterNd { reduction };
            cases.push(case("ScatterNd", &format!("{reduction:?} {name}"), op, &operands, DType::F32, dims));
        }
        let operands = [input(dims), index()];
        cases.push(case("GatherNd", &name, Opcode::GatherNd { batch: 0 }, &operands, DType::F32, &updates));
    }
}
