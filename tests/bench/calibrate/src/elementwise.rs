//! Functions of one, two and three elements; casts.

use crate::cases::{Case, Fill, Operand, binary, case, input, shown, unary};
use assay_plan::{BinaryOp, CompareOp, Opcode, UnaryOp};
use assay_types::tensor::DType;

const SIZES: [u32; 4] = [1, 1000, 100_000, 4 << 20];

pub fn cases(cases: &mut Vec<Case>) {
    unaries(cases);
    binaries(cases);
    others(cases);
}

fn unaries(cases: &mut Vec<Case>) {
    use UnaryOp::*;
    let all = [
        Neg,
        Abs,
        Recip,
        Square,
        Sqrt,
        Rsqrt,
        Exp,
        Ln,
        Tanh,
        Sigmoid,
        Erf,
        Gelu,
        GeluTanh,
        Silu,
        HardSwish,
        LeakyRelu { alpha: 0x3c23_d70a },
        Floor,
        Ceil,
        Round,
        Sign,
        Sin,
        Cos,
    ];
    for op in all {
        for size in SIZES {
            let name = format!("{op:?}").split([' ', '{']).next().unwrap_or_default().to_owned();
            let operands = [input(&[size])];
            cases.push(case(
                &format!("Unary.{name}"),
                &size.to_string(),
                unary(op),
                &operands,
                DType::F32,
                &[size],
            ));
        }
    }
    for dtype in [DType::I64, DType::I32] {
        let operands = [Operand::Input(dtype, vec![100_000], Fill::Numbers)];
        cases.push(case("Unary.int", &format!("Abs {dtype}"), unary(Abs), &operands, dtype, &[100_000]));
    }
}

fn binaries(cases: &mut Vec<Case>) {
    use BinaryOp::*;
    // Equal dims, a repeated scalar, a repeated row, a repeated column, both repeated, short inner rows.
    let shapes: [(&[u32], &[u32], &[u32]); 11] = [
        (&[1], &[1], &[1]),
        (&[100_000], &[100_000], &[100_000]),
        (&[4 << 20], &[4 << 20], &[4 << 20]),
        (&[100_000], &[1], &[100_000]),
        (&[128, 384], &[1, 384], &[128, 384]),
        (&[128, 384], &[128, 1], &[128, 384]),
        (&[1024, 1], &[1, 1024], &[1024, 1024]),
        (&[50_000, 2], &[50_000, 1], &[50_000, 2]),
        (&[50_000, 1, 2], &[1, 3, 2], &[50_000, 3, 2]),
        (&[8, 1, 8, 1, 8, 1], &[1, 8, 1, 8, 1, 8], &[8, 8, 8, 8, 8, 8]),
        (&[64, 1, 64, 3], &[64, 64, 1, 3], &[64, 64, 64, 3]),
    ];
    for op in [Add, Mul, Div, Max, Pow] {
        for (a, b, out) in shapes {
            let name = format!("{} , {}", shown(a), shown(b));
            cases.push(case(
                &format!("Binary.{op:?}"),
                &name,
                binary(op),
                &[input(a), input(b)],
                DType::F32,
                out,
            ));
        }
    }
    for dtype in [DType::I64, DType::I32] {
        for op in [Add, Mul, Div, Rem] {
            let operand = Operand::Input(dtype, vec![100_000], Fill::Numbers);
            let name = format!("{op:?} {dtype} 100000");
            let operands = [operand.clone(), operand];
            cases.push(case("Binary.int", &name, binary(op), &operands, dtype, &[100_000]));
        }
    }
    for (a, b, out) in shapes {
        let name = format!("{} , {}", shown(a), shown(b));
        let operands = [input(a), input(b)];
        cases.push(case("Compare", &name, Opcode::Compare(CompareOp::Lt), &operands, DType::Bool, out));
    }
}

fn others(cases: &mut Vec<Case>) {
    for size in [1, 1000, 100_000, 1 << 20] {
        let mask = Operand::Input(DType::Bool, vec![size], Fill::Numbers);
        let operands = [mask, input(&[size]), input(&[size])];
        cases.push(case("Select", &size.to_string(), Opcode::Select, &operands, DType::F32, &[size]));
    }
    let mask = Operand::Input(DType::Bool, vec![50_000, 1], Fill::Numbers);
    let operands = [mask, input(&[50_000, 2]), input(&[1, 2])];
    cases.push(case("Select", "50000x2 repeated", Opcode::Select, &operands, DType::F32, &[50_000, 2]));
    use DType::{Bool, F32, I8, I32, I64, U8};
    for (from, to) in
        [(F32, I64), (I64, F32), (F32, U8), (U8, F32), (I32, I64), (Bool, F32), (F32, Bool), (I8, I32)]
    {
        for size in [1, 100_000] {
            let operands = [Operand::Input(from, vec![size], Fill::Numbers)];
            cases.push(case("Cast", &format!("{from} to {to} {size}"), Opcode::Cast, &operands, to, &[size]));
        }
    }
}
