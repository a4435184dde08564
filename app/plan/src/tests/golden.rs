//! Recorded encodings and prices: a change here is a change of the engine, and needs a new opcode set.

use crate::opcode::*;
use crate::{Node, price, rules};
use assay_types::codec;
use assay_types::tensor::DType;

pub(super) type Shape = (DType, Vec<u32>);

type Entry = (Opcode, Vec<Shape>, DType, Vec<u32>);

fn f(dims: &[u32]) -> Shape {
    (DType::F32, dims.to_vec())
}

/// Nodes of the opcodes that came after the first.
fn later_nodes() -> Vec<Entry> {
    vec![
        (Opcode::Unary(UnaryOp::Atanh), vec![f(&[4, 9])], DType::F32, vec![]),
        (Opcode::Unary(UnaryOp::BitNot), vec![(DType::U8, vec![4, 9])], DType::U8, vec![]),
        (Opcode::Binary(BinaryOp::Rem), vec![f(&[4, 9]), f(&[4, 1])], DType::F32, vec![]),
        (
            Opcode::Binary(BinaryOp::ShiftRight),
            vec![(DType::I8, vec![4, 9]), (DType::I8, vec![4, 9])],
            DType::I8,
            vec![],
        ),
        (Opcode::CumSum { axis: 1, exclusive: true, reverse: false }, vec![f(&[4, 9])], DType::F32, vec![]),
        (Opcode::TopK { axis: 1, k: 5, largest: true }, vec![f(&[4, 9])], DType::I64, vec![]),
        (
            Opcode::ScatterElements { axis: 1, reduction: Scatter::Mul },
            vec![f(&[4, 9]), (DType::I32, vec![4, 3]), f(&[4, 3])],
            DType::F32,
            vec![],
        ),
        (
            Opcode::ScatterNd { reduction: Scatter::Min },
            vec![f(&[4, 9]), (DType::I64, vec![3, 1]), f(&[3, 9])],
            DType::F32,
            vec![],
        ),
        (Opcode::GatherNd { batch: 1 }, vec![f(&[4, 9]), (DType::I64, vec![4, 1])], DType::F32, vec![]),
    ]
}

/// One node of every opcode: its encoding and its price.
fn price_list() -> String {
    let window =
        Window { kernel: [3; 2], stride: [2, 1], dilation: [1; 2], pad_before: [1; 2], pad_after: [0; 2] };
    let list: Vec<Entry> = vec![
        (Opcode::Input, vec![], DType::F32, vec![4, 100]),
        (Opcode::Const { offset: 64 }, vec![], DType::I64, vec![4, 100]),
        (
            Opcode::Einsum { a: vec![0, 1], b: vec![1, 2], out: vec![0, 2] },
            vec![f(&[7, 50]), f(&[50, 20])],
            DType::F32,
            vec![],
        ),
        (
            Opcode::Conv2d { window, groups: 2 },
            vec![f(&[1, 4, 9, 9]), f(&[6, 2, 3, 3]), f(&[6])],
            DType::F32,
            vec![],
        ),
        (Opcode::MaxPool(window), vec![f(&[4, 9, 9])], DType::F32, vec![]),
        (Opcode::SumPool { window, divisor: Divisor::Inside }, vec![f(&[4, 9, 9])], DType::F32, vec![]),
        (Opcode::Reshape, vec![f(&[4, 9])], DType::F32, vec![36]),
        (Opcode::Permute { axes: vec![1, 0] }, vec![f(&[4, 9])], DType::F32, vec![]),
        (Opcode::Slice { axis: 1, start: 8, step: -2 }, vec![f(&[4, 9])], DType::F32, vec![4, 5]),
        (Opcode::Concat { axis: 0 }, vec![f(&[4, 9]), f(&[1, 9])], DType::F32, vec![]),
        (Opcode::Broadcast, vec![f(&[4, 1])], DType::F32, vec![4, 30]),
        (Opcode::Gather { axis: 0 }, vec![f(&[40, 9]), (DType::I64, vec![5])], DType::F32, vec![]),
        (Opcode::GatherElements { axis: 1 }, vec![f(&[4, 9]), (DType::I32, vec![4, 3])], DType::F32, vec![]),
        (Opcode::Select, vec![(DType::Bool, vec![4, 1]), f(&[4, 9]), f(&[1, 9])], DType::F32, vec![]),
        (Opcode::Cast, vec![f(&[4, 9])], DType::I8, vec![]),
        (
            Opcode::Pad { before: vec![1, 0], after: vec![0, 2], mode: PadMode::Constant },
            vec![f(&[4, 9]), f(&[])],
            DType::F32,
            vec![],
        ),
        (Opcode::Reduce { reducer: Reducer::Prod, axes: vec![0] }, vec![f(&[4, 9])], DType::F32, vec![]),
        (Opcode::ArgMax { axis: 1, last: true }, vec![f(&[4, 9])], DType::I64, vec![]),
        (Opcode::ArgMin { axis: 0, last: false }, vec![f(&[4, 9])], DType::I64, vec![]),
        (Opcode::Softmax { axes: vec![1] }, vec![f(&[4, 9])], DType::F32, vec![]),
        (Opcode::LogSoftmax { axes: vec![0] }, vec![f(&[4, 9])], DType::F32, vec![]),
        (Opcode::RmsNorm { axes: vec![1], eps: 0x3727_c5ac }, vec![f(&[4, 9])], DType::F32, vec![]),
        (Opcode::Unary(UnaryOp::LeakyRelu { alpha: 0x3c23_d70a }), vec![f(&[4, 9])], DType::F32, vec![]),
        (Opcode::Unary(UnaryOp::Exp), vec![f(&[4, 9])], DType::F32, vec![]),
        (Opcode::Unary(UnaryOp::Ln), vec![f(&[4, 9])], DType::F32, vec![]),
        (Opcode::Binary(BinaryOp::Add), vec![f(&[4, 9]), f(&[4, 1])], DType::F32, vec![]),
        (Opcode::Binary(BinaryOp::Pow), vec![f(&[4, 9]), f(&[4, 1])], DType::F32, vec![]),
        (Opcode::Compare(CompareOp::Ge), vec![f(&[4, 9]), f(&[4, 1])], DType::Bool, vec![]),
        (Opcode::Couple { classes: 3 }, vec![f(&[4, 3])], DType::F32, vec![]),
    ];
    lines(list.into_iter().chain(later_nodes()).collect())
}

/// Name, encoding and price of nodes over inputs.
pub(super) fn lines(list: Vec<(Opcode, Vec<Shape>, DType, Vec<u32>)>) -> String {
    let mut lines = String::new();
    for (op, operands, dtype, dims) in list {
        let operand = |(dtype, dims): &Shape| Node {
            op: Opcode::Input,
            inputs: vec![],
            dtype: *dtype,
            dims: dims.clone(),
        };
        let operands: Vec<Node> = operands.iter().map(operand).collect();
        let operands: Vec<&Node> = operands.iter().collect();
        let mut node = Node { op, inputs: vec![0; operands.len()], dtype, dims };
        node.dims = rules::result_dims(&node, &operands).unwrap();
        let bytes: String = codec::encode(&node.op).iter().map(|byte| format!("{byte:02x}")).collect();
        lines += &format!("{} {bytes} {}\n", node.op.name(), price::node_units(&node, &operands, None));
    }
    lines
}

#[test]
fn encodings_and_prices_of_opcodes_are_the_recorded_ones() {
    assert_eq!(price_list(), PRICES);
}

const PRICES: &str = "\
Input 00 122
Const 014000000000000000 0
Einsum 02020000000001020000000102020000000002 2606
Conv2d 030300000003000000020000000100000001000000010000000100000001000000000000000000000002000000 5334
MaxPool 0403000000030000000200000001000000010000000100000001000000010000000000000000000000 2804
SumPool 050300000003000000020000000100000001000000010000000100000001000000000000000000000002 3924
Reshape 06 0
Permute 07020000000100 142
Slice 080108000000feffffff 88
Concat 0900 83
Broadcast 0a 77
Gather 0b00 191
GatherElements 0c01 286
Select 0d 104
Cast 0e 121
Pad 0f02000000010000000000000002000000000000000200000000 430
Reduce 10030100000000 417
ArgMax 110101 196
ArgMin 120000 152
Softmax 130100000001 598
LogSoftmax 140100000000 1950
RmsNorm 150100000001acc52737 446
Unary 160f0ad7233c 123
Unary 1606 171
Unary 1607 891
Binary 1700 168
Binary 1706 3624
Compare 1803 94
Couple 2503000000 34838
Unary 161f 1659
Unary 1620 37
Binary 1707 1356
Binary 170f 67
CumSum 20010100 99
TopK 21010500000001 944
ScatterElements 220102 294
ScatterNd 2304 241
GatherNd 2401 269
";
