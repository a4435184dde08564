//! Convolutions, full, grouped and depthwise, and pools.

use super::{Case, Fill, Operand, case, constant, input, shown};
use assay_plan::{Divisor, Opcode, Window};
use assay_types::tensor::DType;

pub fn cases(cases: &mut Vec<Case>) {
    convolutions(cases);
    lines(cases);
    pools(cases);
}

pub fn window(kernel: u32, stride: u32, pad: u32) -> Window {
    Window {
        kernel: [kernel; 2],
        stride: [stride; 2],
        dilation: [1; 2],
        pad_before: [pad; 2],
        pad_after: [pad; 2],
    }
}

fn convolutions(cases: &mut Vec<Case>) {
    // Batch, channels in and out, side, kernel, stride, groups.
    let shapes: [[u32; 7]; 32] = [
        [1, 3, 64, 224, 7, 2, 1],
        [1, 64, 64, 56, 3, 1, 1],
        [1, 64, 256, 56, 1, 1, 1],
        [1, 256, 64, 56, 1, 1, 1],
        [1, 512, 512, 7, 3, 1, 1],
        [1, 512, 2048, 7, 1, 1, 1],
        [1, 32, 32, 112, 3, 1, 32],
        [1, 96, 96, 112, 3, 2, 96],
        [1, 240, 240, 14, 5, 1, 240],
        [1, 960, 960, 7, 3, 1, 960],
        [1, 3, 32, 224, 3, 2, 1],
        [1, 1, 1, 256, 3, 1, 1],
        [1, 1, 1, 1, 1, 1, 1],
        [1, 1, 1, 64, 1, 1, 1],
        [1, 1, 64, 64, 1, 1, 1],
        [1, 64, 1, 64, 1, 1, 1],
        [1, 1024, 1024, 1, 1, 1, 1],
        [8, 8, 8, 8, 3, 1, 1],
        [1, 64, 64, 28, 3, 1, 32],
        [1, 2, 2, 200, 31, 1, 1],
        [1, 1, 1, 64, 63, 1, 1],
        [1, 16, 16, 5, 3, 1, 16],
        [1, 1024, 1024, 2, 3, 1, 1024],
        [1, 64, 64, 64, 1, 8, 1],
        [1, 64, 128, 56, 1, 2, 1],
        [1, 16, 4, 100, 3, 1, 1],
        [1, 4, 16, 100, 3, 1, 1],
        [1, 17, 17, 30, 3, 1, 1],
        [1, 64, 64, 28, 3, 1, 4],
        [1, 64, 64, 28, 3, 1, 16],
        [16, 3, 8, 16, 3, 1, 1],
        [1, 256, 512, 14, 1, 1, 8],
    ];
    for [batch, inner, outer, side, kernel, stride, groups] in shapes {
        let pad = (kernel - 1) / 2;
        let out = (side + 2 * pad - kernel) / stride + 1;
        let op = Opcode::Conv2d { window: window(kernel, stride, pad), groups };
        let weights = [outer, inner / groups, kernel, kernel];
        let operands = [input(&[batch, inner, side, side]), constant(&weights), constant(&[outer])];
        let name = format!("{batch}x{inner}x{side}x{side} * {} /{stride} g{groups}", shown(&weights));
        cases.push(case("Conv2d", &name, op, &operands, DType::F32, &[batch, outer, out, out]));
    }
    // The law has subnormals like any other number.
    let tiny = Operand::Input(DType::F32, vec![1, 64, 28, 28], Fill::Tiny);
    let op = Opcode::Conv2d { window: window(3, 1, 1), groups: 1 };
    let operands = [tiny, constant(&[64, 64, 3, 3]), constant(&[64])];
    cases.push(case("Conv2d.tiny", "64x28x28 k3, unkind", op, &operands, DType::F32, &[1, 64, 28, 28]));
}

/// One row of an image: as convolutions in one dimension arrive.
fn lines(cases: &mut Vec<Case>) {
    for [inner, outer, side, kernel, groups] in
        [[64, 64, 1000, 3, 1], [64, 64, 1000, 5, 64], [1, 1, 4000, 9, 1], [80, 384, 300, 3, 1]]
    {
        let flat = Window {
            kernel: [1, kernel],
            stride: [1; 2],
            dilation: [1; 2],
            pad_before: [0, kernel / 2],
            pad_after: [0, kernel / 2],
        };
        let op = Opcode::Conv2d { window: flat, groups };
        let weights = [outer, inner / groups, 1, kernel];
        let operands = [input(&[1, inner, 1, side]), constant(&weights), constant(&[outer])];
        let name = format!("1x{inner}x1x{side} * {} g{groups}", shown(&weights));
        cases.push(case("Conv2d", &name, op, &operands, DType::F32, &[1, outer, 1, side]));
    }
}

fn pools(cases: &mut Vec<Case>) {
    for [channels, side, kernel, stride] in [
        [64, 112, 3, 2],
        [1, 112, 3, 2],
        [2048, 7, 7, 7],
        [512, 14, 2, 2],
        [1, 512, 63, 1],
        [1, 128, 31, 1],
        [4096, 2, 2, 1],
        [1, 2, 2, 1],
        [64, 64, 3, 1],
    ] {
        let pad = if kernel % 2 == 1 && stride < kernel { kernel / 2 } else { 0 };
        let out = (side + 2 * pad - kernel) / stride + 1;
        let (operands, dims) = ([input(&[1, channels, side, side])], [1, channels, out, out]);
        let name = format!("{channels}x{side}x{side} k{kernel} /{stride}");
        let pool = window(kernel, stride, pad);
        cases.push(case("MaxPool", &name, Opcode::MaxPool(pool), &operands, DType::F32, &dims));
        let op = Opcode::SumPool { window: pool, divisor: Divisor::Inside };
        cases.push(case("SumPool", &name, op, &operands, DType::F32, &dims));
        for dtype in [DType::U8, DType::I8].into_iter().filter(|_| kernel < 63) {
            let bytes = [Operand::Input(dtype, vec![1, channels, side, side], Fill::Numbers)];
            cases.push(case(
                "MaxPool.bytes",
                &format!("{dtype} {name}"),
                Opcode::MaxPool(pool),
                &bytes,
                dtype,
                &dims,
            ));
        }
    }
}
