//! Functions of one, two and three elements; casts.

use super::{Case, Fill, Operand, case, input, shown};
use assay_plan::{BinaryOp, CompareOp, Opcode, UnaryOp};
use assay_types::tensor::DType;

const SIZES: [u32; 4] = [1, 1000, 100_000, 4 << 20];

pub fn cases(cases: &mut Vec<Case>) {
    unaries(cases);
    binaries(cases);
    integers(cases);
    selects(cases);
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
        Tan,
        Asin,
        Acos,
        Atan,
        Sinh,
        Cosh,
        Asinh,
        Acosh,
        Atanh,
    ];
    for op in all {
        // What an attacker would send: numbers of every size, or so small that they are subnormal.
        for (what, fill) in [("wide, unkind", Fill::Wide), ("tiny, unkind", Fill::Tiny)] {
            let name = format!("{op:?}").split([' ', '{']).next().unwrap_or_default().to_owned();
            let operands = [Operand::Input(DType::F32, vec![100_000], fill)];
            let dims = [100_000];
            let (opcode, op) = (format!("Unary.{name}"), Opcode::Unary(op));
            cases.push(case(&opcode, &format!("100000 {what}"), op, &operands, DType::F32, &dims));
        }
        for size in SIZES {
            let name = format!("{op:?}").split([' ', '{']).next().unwrap_or_default().to_owned();
            let operands = [input(&[size])];
            cases.push(case(
                &format!("Unary.{name}"),
                &size.to_string(),
                Opcode::Unary(op),
                &operands,
                DType::F32,
                &[size],
            ));
        }
    }
}

fn integers(cases: &mut Vec<Case>) {
    use BinaryOp::*;
    for dtype in [DType::I64, DType::I32, DType::I8, DType::U8] {
        for op in [UnaryOp::Abs, UnaryOp::Sign, UnaryOp::Square, UnaryOp::BitNot] {
            for size in [1, 100_000, 1 << 20] {
                let operands = [Operand::Input(dtype, vec![size], Fill::Wide)];
                let name = format!("{op:?} {dtype} {size}");
                cases.push(case("Unary.int", &name, Opcode::Unary(op), &operands, dtype, &[size]));
            }
        }
        let ops = [Add, Mul, Div, Rem, Max, BitAnd, BitXor, ShiftLeft, ShiftRight];
        for op in ops {
            for (a, b, out) in SHAPES {
                // Divisors are never 0.
                let fill = if matches!(op, Div | Rem) { Fill::All(3.0) } else { Fill::Numbers };
                let operands =
                    [Operand::Input(dtype, a.to_vec(), Fill::Wide), Operand::Input(dtype, b.to_vec(), fill)];
                let name = format!("{op:?} {dtype} {} , {}", shown(a), shown(b));
                cases.push(case("Binary.int", &name, Opcode::Binary(op), &operands, dtype, out));
            }
        }
    }
    let bools = |size| Operand::Input(DType::Bool, vec![size], Fill::Numbers);
    for size in [1, 100_000] {
        let (name, operands) = (size.to_string(), [bools(size), bools(size)]);
        cases.push(case(
            "Unary.not",
            &name,
            Opcode::Unary(UnaryOp::Not),
            &operands[..1],
            DType::Bool,
            &[size],
        ));
        cases.push(case("Binary.bool", &name, Opcode::Binary(Xor), &operands, DType::Bool, &[size]));
    }
}

/// Equal dims, a repeated scalar, a repeated row, a repeated column, both repeated, short inner rows.
const SHAPES: [(&[u32], &[u32], &[u32]); 12] = [
    (&[1], &[1], &[1]),
    (&[100_000], &[100_000], &[100_000]),
    (&[4 << 20], &[4 << 20], &[4 << 20]),
    (&[100_000], &[1], &[100_000]),
    (&[128, 384], &[1, 384], &[128, 384]),
    (&[128, 384], &[128, 1], &[128, 384]),
    (&[1024, 1], &[1, 1024], &[1024, 1024]),
    (&[50_000, 2], &[50_000, 1], &[50_000, 2]),
    (&[20_000, 13], &[20_000, 1], &[20_000, 13]),
    (&[50_000, 1, 2], &[1, 3, 2], &[50_000, 3, 2]),
    (&[8, 1, 8, 1, 8, 1], &[1, 8, 1, 8, 1, 8], &[8, 8, 8, 8, 8, 8]),
    (&[64, 1, 64, 3], &[64, 64, 1, 3], &[64, 64, 64, 3]),
];

fn binaries(cases: &mut Vec<Case>) {
    use BinaryOp::*;
    for op in [Add, Mul, Div, Max, Pow, Rem] {
        for (a, b, out) in SHAPES {
            let name = format!("{} , {}", shown(a), shown(b));
            cases.push(case(
                &format!("Binary.{op:?}"),
                &name,
                Opcode::Binary(op),
                &[input(a), input(b)],
                DType::F32,
                out,
            ));
        }
    }
    for op in [Add, Mul, Div, Pow, Rem] {
        let pairs = [
            ("wide, wide", Fill::Wide, Fill::Wide),
            ("tiny, 1", Fill::Tiny, Fill::Numbers),
            ("wide, tiny", Fill::Wide, Fill::Tiny),
        ];
        for (name, a, b) in pairs {
            let operand = |fill| Operand::Input(DType::F32, vec![100_000], fill);
            let (opcode, operands) = (format!("Binary.{op:?}"), [operand(a), operand(b)]);
            cases.push(case(
                &opcode,
                &format!("{name}, unkind"),
                Opcode::Binary(op),
                &operands,
                DType::F32,
                &[100_000],
            ));
        }
    }
    for (a, b, out) in SHAPES {
        let name = format!("{} , {}", shown(a), shown(b));
        for dtype in [DType::F32, DType::U8, DType::I64] {
            let operand = |dims: &[u32]| Operand::Input(dtype, dims.to_vec(), Fill::Numbers);
            let (name, operands) = (format!("{dtype} {name}"), [operand(a), operand(b)]);
            let op = Opcode::Compare(CompareOp::Lt);
            cases.push(case("Compare", &name, op, &operands, DType::Bool, out));
        }
    }
}

fn selects(cases: &mut Vec<Case>) {
    for dtype in [DType::F32, DType::U8, DType::I64] {
        for (a, b, out) in SHAPES {
            let operand = |dims: &[u32]| Operand::Input(dtype, dims.to_vec(), Fill::Numbers);
            let mask = Operand::Input(DType::Bool, a.to_vec(), Fill::Numbers);
            let name = format!("{dtype} {} , {}", shown(a), shown(b));
            let operands = [mask, operand(b), operand(out)];
            cases.push(case("Select", &name, Opcode::Select, &operands, dtype, out));
        }
    }
}

fn others(cases: &mut Vec<Case>) {
    use DType::{Bool, F32, I8, I32, I64, U8};
    for (from, to) in [
        (F32, I64),
        (I64, F32),
        (F32, U8),
        (U8, F32),
        (I32, I64),
        (Bool, F32),
        (F32, Bool),
        (I8, I32),
        (F32, I8),
        (I64, I32),
        (I64, U8),
        (U8, I8),
    ] {
        for size in [1, 100_000, 4 << 20] {
            let operands = [Operand::Input(from, vec![size], Fill::Numbers)];
            cases.push(case("Cast", &format!("{from} to {to} {size}"), Opcode::Cast, &operands, to, &[size]));
        }
    }
}
