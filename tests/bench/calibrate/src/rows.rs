//! Reductions and functions of rows: along the last axis, along others, long rows and short ones.

use crate::cases::{Case, case, input, shown};
use assay_plan::{Opcode, Reducer};
use assay_types::tensor::DType;

pub fn cases(cases: &mut Vec<Case>) {
    let shapes: [(&[u32], &[u8]); 12] = [
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
    ];
    for (dims, axes) in shapes {
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
        }
    }
}
