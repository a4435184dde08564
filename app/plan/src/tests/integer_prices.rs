//! What must hold of the prices of integer products, whatever the ways are that they follow.

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

/// Rows, terms and columns: both operands in rows, or the second turned.
fn product([m, k, n]: [u32; 3], constant: bool, turned: bool) -> u64 {
    let (b, dims) = if turned { (vec![2, 1], [n, k]) } else { (vec![1, 2], [k, n]) };
    let op = Opcode::EinsumInt { a: vec![0, 1], b, out: vec![0, 2] };
    let zero: &[u32] = &[1, 1];
    units(op, &[(U8, &[m, k], false), (I8, &dims, constant), (U8, zero, true), (I8, zero, true)], &[m, n])
}

/// Images, channels of a group, groups, channels out of a group, sides of results, sides of kernels.
fn convolution([images, inner, groups, each, side, kernel]: [u32; 6]) -> u64 {
    let (kernel, results) = ([kernel; 2], groups * each);
    let window = Window { kernel, stride: [1; 2], dilation: [1; 2], pad_before: [0; 2], pad_after: [0; 2] };
    let x: &[u32] = &[images, inner * groups, side + kernel[0] - 1, side + kernel[1] - 1];
    let w: &[u32] = &[results, inner, kernel[0], kernel[1]];
    let operands: &[(DType, &[u32], bool)] =
        &[(U8, x, false), (I8, w, true), (U8, &[1], true), (I8, &[1], true), (I32, &[results], true)];
    units(Opcode::Conv2dInt { window, groups }, operands, &[images, results, side, side])
}

/// Each size twice as large.
fn doubled<const N: usize>(sizes: [u32; N]) -> [[u32; N]; N] {
    std::array::from_fn(|at| {
        let mut more = sizes;
        more[at] *= 2;
        more
    })
}

const SIZES: [u32; 9] = [1, 2, 3, 7, 8, 15, 33, 200, 1000];

#[test]
fn a_product_twice_as_large_costs_no_less() {
    for (constant, turned) in [(false, false), (true, false), (false, true), (true, true)] {
        for sizes in SIZES.map(|m| SIZES.map(|k| SIZES.map(|n| [m, k, n]))).as_flattened().as_flattened() {
            let one = product(*sizes, constant, turned);
            for more in doubled(*sizes) {
                let two = product(more, constant, turned);
                assert!(one <= two && one > 0, "{sizes:?} {one}, {more:?} {two}, {constant} {turned}");
            }
        }
    }
}

#[test]
fn a_convolution_twice_as_large_costs_no_less() {
    let few = [1, 3, 8, 20];
    for sizes in few
        .map(|a| few.map(|b| few.map(|c| few.map(|d| [a, b, c, d]))))
        .as_flattened()
        .as_flattened()
        .as_flattened()
    {
        let &[inner, groups, each, side] = sizes;
        for kernel in [1, 3] {
            let sizes = [1, inner, groups, each, side, kernel];
            let one = convolution(sizes);
            for more in doubled(sizes) {
                let two = convolution(more);
                assert!(one <= two && one > 0, "{sizes:?} {one}, {more:?} {two}");
            }
        }
    }
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
