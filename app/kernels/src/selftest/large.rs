//! Digests of the kernels that work on whole matrices and images.

use super::{Digest, fill};
use crate::{
    Binary, Columns, Conv, ConvInput, Depthwise, Fold, Gemm, Grid, Isa, Norm, Other, Place, Pool,
    PoolDivisor, Post, Unary, chain, fold_columns, gemm, max_pool, max_pool_blocks, norm_rows, pack,
    packed_len, softmax, sum_pool, sum_pool_blocks, transpose,
};

/// A kernel, what computes its digest, and the digest recorded.
type Recorded = (&'static str, fn(Isa) -> u64, u64);

pub(super) const LARGE: [Recorded; 9] = [
    ("products", products, 0xfe0b_138f_681e_e419),
    ("long-products", long_products, 0x0885_b345_d465_95e5),
    ("convolution", convolution, 0xafbf_a8f6_6d32_2006),
    ("depthwise", depthwise, 0xdaf9_0f81_bc2a_6c9b),
    ("pools", pools, 0x34c5_9370_7883_aed2),
    ("columns", columns, 0x8a43_73e5_83e2_1eb2),
    ("normalisation", normalisation, 0x673d_5958_bc10_17a4),
    ("masked-softmax", masked_softmax, 0x92ab_db48_f68a_4fe2),
    ("chains", chains, 0x78a9_ef8b_ce1a_8038),
];

fn list(round: u64, seed: u64, len: usize) -> Vec<f32> {
    let mut list = vec![0.0; len];
    fill(round, round + seed, &mut list);
    list
}

/// Steps of every kind: some that tiles take in registers, some that they do not.
fn steps<'a>(round: u64, column: &'a [f32], same: &'a [f32]) -> [Post<'a>; 4] {
    match round % 3 {
        0 => [
            Post::Binary(Binary::Add, Other::Same(same)),
            Post::Binary(Binary::Max, Other::All(-0.0)),
            Post::Binary(Binary::Min, Other::All(6.0)),
            Post::Unary(Unary::HardSwish),
        ],
        1 => [
            Post::Unary(Unary::Gelu),
            Post::Binary(Binary::Mul, Other::Columns(column)),
            Post::Reversed(Binary::Sub, Other::Same(same)),
            Post::Reversed(Binary::Max, Other::All(0.0)),
        ],
        _ => [
            Post::Reversed(Binary::Min, Other::Columns(column)),
            Post::Unary(Unary::Sigmoid),
            Post::Binary(Binary::Div, Other::Same(same)),
            Post::Unary(Unary::Tanh),
        ],
    }
}

fn product(isa: Isa, digest: &mut Digest, round: u64, sizes: [usize; 3]) {
    let [rows, columns, depth] = sizes;
    let (x, w) = (list(round, 700, rows * depth), list(round, 701, depth * columns));
    let (bias, same) = (list(round, 702, columns), list(round, 703, rows * columns));
    let mut packed = vec![0.0; packed_len(depth, columns)];
    pack(isa, depth, columns, &w, columns, 1, &mut packed);
    let mut y = vec![0.0; rows * columns];
    let job = Gemm {
        rows,
        columns,
        depth,
        x: &x,
        x_row: depth,
        taps: None,
        w: Columns::Packed(&packed),
        bias: Some(&bias),
        posts: &steps(round, &bias, &same),
        place: Place::Rows { stride: columns },
    };
    gemm(isa, &job, &mut y);
    digest.add(&y);
    if columns.is_multiple_of(16) {
        gemm(isa, &Gemm { w: Columns::Strided(&w, columns), posts: &[], ..job }, &mut y);
        digest.add(&y);
    }
}

/// Every number of rows up to the largest tile of any instruction set, and more.
fn products(isa: Isa) -> u64 {
    let mut digest = Digest::new();
    for (round, rows) in (0..).zip((1..=15).chain([28, 33])) {
        for columns in [10, 16, 48, 70] {
            product(isa, &mut digest, round + columns as u64, [rows, columns, 23]);
        }
    }
    digest.0
}

/// Sums that are taken in blocks.
fn long_products(isa: Isa) -> u64 {
    let mut digest = Digest::new();
    for (round, sizes) in (1..).zip([[7, 20, 900], [30, 16, 400], [1, 64, 700]]) {
        product(isa, &mut digest, round, sizes);
    }
    digest.0
}

fn windows() -> [Pool; 4] {
    let window = |input: [usize; 2], kernel: [usize; 2], stride: usize, dilation: usize, pad: usize| {
        let size = |axis: usize| (input[axis] + 2 * pad - (kernel[axis] - 1) * dilation - 1) / stride + 1;
        let output = [size(0), size(1)];
        Pool { input, output, kernel, stride: [stride; 2], dilation: [dilation; 2], pad: [pad; 2] }
    };
    [
        window([9, 11], [3, 3], 1, 1, 1),
        window([12, 7], [3, 5], 2, 1, 2),
        window([8, 8], [1, 1], 2, 1, 0),
        window([10, 21], [2, 3], 3, 2, 1),
    ]
}

fn convolution(isa: Isa) -> u64 {
    let mut digest = Digest::new();
    for (round, window) in (1..).zip(windows()) {
        for (channels, outputs, groups, input) in
            [(3, 20, 1, ConvInput::Planes), (20, 32, 1, ConvInput::Blocks), (32, 32, 2, ConvInput::Blocks)]
        {
            let Some(conv) = Conv::new(window, channels, outputs, groups, input) else { continue };
            let x = list(round, 710, conv.input_len());
            // Odd rounds are tame: with padding, weights are finite.
            let weights = list(2 * round + 1, 711, outputs * conv.depth());
            let mut packed = vec![0.0; conv.packed_len()];
            conv.pack(isa, &weights, &mut packed);
            let mut y = vec![0.0; conv.panels() * conv.block_len()];
            let (bias, same) = (list(round, 712, outputs), list(round, 713, y.len()));
            let mut scratch = vec![0.0; conv.scratch_len()];
            let posts = steps(round, &bias, &same);
            conv.run(isa, 0..conv.panels(), &x, &packed, Some(&bias), &posts, &mut y, &mut scratch);
            // Lanes beyond the last channel hold no values.
            let whole = outputs / 16 * conv.block_len();
            digest.add(&y[..whole]);
            y[whole..].as_chunks::<16>().0.iter().for_each(|lanes| digest.add(&lanes[..outputs % 16]));
        }
    }
    digest.0
}

fn depthwise(isa: Isa) -> u64 {
    let mut digest = Digest::new();
    for (round, window) in (1..).zip(windows()) {
        let Some(conv) = Depthwise::new(window, 32) else { continue };
        let x = list(round, 720, 2 * window.input_len() * 16);
        let mut packed = vec![0.0; conv.packed_len()];
        // Odd rounds are tame: with padding, weights are finite.
        conv.pack(&list(2 * round + 1, 721, packed.len()), &mut packed);
        let mut y = vec![0.0; 2 * conv.block_len()];
        let (bias, same) = (list(round, 722, 32), list(round, 723, y.len()));
        conv.run(isa, 0..2, &x, &packed, Some(&bias), &steps(round, &bias, &same), &mut y);
        digest.add(&y);
    }
    digest.0
}

fn pools(isa: Isa) -> u64 {
    let mut digest = Digest::new();
    for (round, window) in (1..).zip(windows()) {
        let x = list(round, 730, 16 * window.input_len());
        let mut y = vec![0.0; 16 * window.output_len()];
        max_pool(isa, &window, &x, &mut y);
        digest.add(&y);
        max_pool_blocks(isa, &window, &x, &mut y);
        digest.add(&y);
        for divisor in [PoolDivisor::One, PoolDivisor::Kernel, PoolDivisor::Inside] {
            sum_pool(isa, &window, divisor, &x, &mut y);
            digest.add(&y);
            sum_pool_blocks(isa, &window, divisor, &x, &mut y);
            digest.add(&y);
        }
    }
    digest.0
}

fn columns(isa: Isa) -> u64 {
    let mut digest = Digest::new();
    for (round, (n, columns)) in (1..).zip([(5, 3), (16, 64), (50, 83), (33, 16)]) {
        let x = list(round, 740, n * columns);
        for fold in [Fold::Sum, Fold::Max, Fold::Min, Fold::Prod] {
            let mut y = vec![0.0; columns];
            fold_columns(isa, fold, n, columns, &x, &mut y);
            digest.add(&y);
        }
        let mut y = vec![0.0; n * columns];
        transpose(isa, n, columns, &x, columns, &mut y, n);
        digest.add(&y);
    }
    digest.0
}

fn normalisation(isa: Isa) -> u64 {
    let mut digest = Digest::new();
    for (round, n) in (1..).zip(super::SIZES) {
        let (x, scale, same) = (list(round, 750, 3 * n), list(round, 751, n), list(round, 752, 3 * n));
        let affine = [
            Post::Binary(Binary::Mul, Other::Columns(&scale)),
            Post::Binary(Binary::Add, Other::Columns(&scale)),
            Post::Binary(Binary::Add, Other::Same(&same)),
        ];
        for centre in [None, Some(1.0 / n as f32)] {
            let mut y = vec![0.0; 3 * n];
            norm_rows(isa, &Norm { n, centre, eps: 1e-5, posts: &affine }, &x, &mut y);
            digest.add(&y);
        }
    }
    digest.0
}

fn masked_softmax(isa: Isa) -> u64 {
    let mut digest = Digest::new();
    for (round, n) in (1..).zip(super::SIZES) {
        let (x, mask) = (list(round, 760, 3 * n), list(round, 761, n));
        let pre =
            [Post::Binary(Binary::Mul, Other::All(0.125)), Post::Binary(Binary::Add, Other::Columns(&mask))];
        let mut y = vec![0.0; 3 * n];
        softmax(isa, &pre, n, &x, &mut y);
        digest.add(&y);
    }
    digest.0
}

fn chains(isa: Isa) -> u64 {
    let mut digest = Digest::new();
    for (round, columns) in (1..).zip(super::SIZES) {
        let (x, same, column) =
            (list(round, 770, 3 * columns), list(round, 771, 3 * columns), list(round, 772, columns));
        let grid = Grid { rows: 3, columns, stride: columns, first_column: 0 };
        let mut y = vec![0.0; 3 * columns];
        chain(isa, &steps(round, &column, &same), &grid, &x, &mut y);
        digest.add(&y);
    }
    digest.0
}
