//! Reductions and functions of rows: along the last axis, along others, long rows and short ones.

use super::{Case, Fill, Operand, case, input, shown};
use assay_plan::{Opcode, Reducer};
use assay_types::tensor::DType;

pub fn cases(cases: &mut Vec<Case>) {
    functions(cases);
    integers(cases);
    sorted(cases);
    couples(cases);
}

/// Dims and axes.
const SHAPES: [(&[u32], &[u8]); 15] = [
    (&[1, 16], &[1]),
    (&[128, 384], &[1]),
    (&[1536, 128], &[1]),
    (&[1, 1 << 20], &[1]),
    (&[65536, 1], &[1]),
    (&[65536, 3], &[1]),
    (&[16384, 17], &[1]),
    (&[1024, 1024], &[0]),
    (&[384, 128], &[0]),
    (&[64, 56, 56], &[1, 2]),
    (&[16, 64, 1024], &[1]),
    (&[2, 100_000], &[0]),
    (&[4, 1 << 20], &[1]),
    (&[20_000, 40], &[1]),
    (&[1, 1], &[1]),
];

fn functions(cases: &mut Vec<Case>) {
    for (dims, axes) in SHAPES {
        let mut reduced = dims.to_vec();
        for &axis in axes {
            reduced[axis as usize] = 1;
        }
        let name = format!("{} over {axes:?}", shown(dims));
        let operands = [input(dims)];
        let mut add = |opcode: &str, op: Opcode, dtype: DType, dims: &[u32]| {
            cases.push(case(opcode, &name, op, &operands, dtype, dims));
        };
        let axes = axes.to_vec();
        let reduce = |reducer| Opcode::Reduce { reducer, axes: axes.clone() };
        add("Reduce.sum", reduce(Reducer::Sum), DType::F32, &reduced);
        add("Reduce.max", reduce(Reducer::Max), DType::F32, &reduced);
        add("Reduce.prod", reduce(Reducer::Prod), DType::F32, &reduced);
        add("Softmax", Opcode::Softmax { axes: axes.clone() }, DType::F32, dims);
        add("LogSoftmax", Opcode::LogSoftmax { axes: axes.clone() }, DType::F32, dims);
        add("RmsNorm", Opcode::RmsNorm { axes: axes.clone(), eps: 1e-5f32.to_bits() }, DType::F32, dims);
        if let [axis] = axes[..] {
            add("ArgMax", Opcode::ArgMax { axis, last: false }, DType::I64, &reduced);
            add("ArgMin", Opcode::ArgMin { axis, last: true }, DType::I64, &reduced);
            let rising = [Operand::Input(DType::F32, dims.to_vec(), Fill::Rising)];
            let op = Opcode::ArgMax { axis, last: true };
            cases.push(case("ArgMax", &format!("{name} rising"), op, &rising, DType::I64, &reduced));
            for (exclusive, reverse) in [(false, false), (true, true)] {
                let op = Opcode::CumSum { axis, exclusive, reverse };
                cases.push(case("CumSum", &name, op, &operands, DType::F32, dims));
            }
        }
    }
    for (what, fill) in [("tiny, unkind", Fill::Tiny), ("wide, unkind", Fill::Wide)] {
        let (dims, operands) = ([1000, 100], [Operand::Input(DType::F32, vec![1000, 100], fill)]);
        let axes = vec![1];
        let list = [
            ("Reduce.prod", Opcode::Reduce { reducer: Reducer::Prod, axes: axes.clone() }, 1),
            ("Reduce.sum", Opcode::Reduce { reducer: Reducer::Sum, axes: axes.clone() }, 1),
            ("Softmax", Opcode::Softmax { axes: axes.clone() }, 100),
            ("LogSoftmax", Opcode::LogSoftmax { axes: axes.clone() }, 100),
            ("RmsNorm", Opcode::RmsNorm { axes, eps: 0 }, 100),
            ("CumSum", Opcode::CumSum { axis: 1, exclusive: false, reverse: false }, 100),
        ];
        for (opcode, op, columns) in list {
            cases.push(case(
                opcode,
                &format!("{} {what}", shown(&dims)),
                op,
                &operands,
                DType::F32,
                &[1000, columns],
            ));
        }
    }
}

fn integers(cases: &mut Vec<Case>) {
    for dtype in [DType::I64, DType::I32, DType::U8, DType::Bool] {
        for (dims, axes) in SHAPES {
            let mut reduced = dims.to_vec();
            for &axis in axes {
                reduced[axis as usize] = 1;
            }
            let operands = [Operand::Input(dtype, dims.to_vec(), Fill::Numbers)];
            let name = format!("{dtype} {} over {axes:?}", shown(dims));
            let op = Opcode::Reduce { reducer: Reducer::Max, axes: axes.to_vec() };
            cases.push(case("Reduce.int", &name, op, &operands, dtype, &reduced));
            if let ([axis], true) = (axes, dtype != DType::Bool) {
                let op = Opcode::ArgMax { axis: *axis, last: false };
                cases.push(case("ArgMax", &name, op, &operands, DType::I64, &reduced));
            }
        }
    }
}

fn sorted(cases: &mut Vec<Case>) {
    let shapes: [(&[u32], u8, u32); 10] = [
        (&[1], 0, 1),
        (&[1, 1000], 1, 1),
        (&[1, 1000], 1, 1000),
        (&[100, 1000], 1, 5),
        (&[1000, 100], 0, 5),
        (&[1 << 20], 0, 1 << 20),
        (&[1 << 20], 0, 10),
        (&[20_000, 4], 1, 4),
        (&[20_000, 16], 1, 2),
        (&[1 << 20], 0, 1 << 19),
    ];
    for (dims, axis, k) in shapes {
        let mut out = dims.to_vec();
        out[axis as usize] = k;
        let name = format!("{} [{axis}] {k}", shown(dims));
        let op = Opcode::TopK { axis, k, largest: true };
        cases.push(case("TopK", &name, op, &[input(dims)], DType::I64, &out));
    }
}

/// Pairs that no probabilities fit take all the steps that there may be.
fn couples(cases: &mut Vec<Case>) {
    for [rows, classes] in [[1, 2], [1, 3], [100, 3], [10, 10], [10, 64], [1000, 5], [10, 26]] {
        let pairs = vec![rows, classes * (classes - 1) / 2];
        let operands = [Operand::Input(DType::F32, pairs, Fill::All(1000.0))];
        let name = format!("{rows} rows, {classes} classes");
        let op = Opcode::Couple { classes };
        cases.push(case("Couple", &name, op, &operands, DType::F32, &[rows, classes]));
    }
}
