//! What must hold of the prices of integer products, whatever the ways are that they follow: they do not overflow.

use crate::opcode::{Opcode, Window};
use crate::{Node, price};
use assay_types::tensor::DType::{self, I8, I32, U8};

fn node(op: Opcode, dtype: DType, dims: &[u32]) -> Node {
    Node { op, inputs: vec![], dtype, dims: dims.to_vec() }
}

fn units(op: Opcode, operands: &[(DType, &[u32], bool)], dims: &[u32]) -> u64 {
    let make = |&(dtype, dims, constant): &(DType, &[u32], bool)| {
        node(if constant { Opcode::Const { offset: 0 } } else { Opcode::Input }, dtype, dims)
    };
    let operands: Vec<Node> = operands.iter().map(make).collect();
    let operands: Vec<&Node> = operands.iter().collect();
    price::node_units(&node(op, I32, dims), &operands, None)
}

#[test]
fn prices_of_the_largest_products_do_not_overflow() {
    let op = || Opcode::EinsumInt { a: vec![0, 1, 2], b: vec![1, 2, 3], out: vec![0, 3] };
    let large: [&[u32]; 2] = [&[1 << 14, 1 << 8, 1 << 8], &[1 << 8, 1 << 8, 1 << 14]];
    let zero: &[u32] = &[1; 3];
    let operands = [(U8, large[0], false), (I8, large[1], false), (U8, zero, true), (I8, zero, true)];
    assert!(units(op(), &operands, &[1 << 14, 1 << 14]) > 1 << 40);
    // Dims that agree with nothing, as a refused plan may have them.
    let window = Window {
        kernel: [4096; 2],
        stride: [4096; 2],
        dilation: [4096; 2],
        pad_before: [u32::MAX; 2],
        pad_after: [0; 2],
    };
    let x: &[u32] = &[1 << 30, 1, 1, 1];
    let w: &[u32] = &[1 << 15, 1 << 15, 1, 1];
    let operands: &[(DType, &[u32], bool)] =
        &[(U8, x, false), (I8, w, true), (U8, &[1], true), (I8, &[1], true), (I32, &[1], true)];
    assert!(units(Opcode::Conv2dInt { window, groups: 1 }, operands, &[1 << 13, 1 << 15, 1, 1]) > 1 << 30);
}
