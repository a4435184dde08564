//! Digests of the kernels that work on bytes, and of forests.

use super::{Digest, Values, fill};
use crate::int8::{
    Affine, ByteOp, Depthwise, Filters, Finish, Output, Requantizer, Rows, combine_bytes, dequantize, gemm,
    pack, quantize,
};
use crate::{Forest, Isa, LEAF, TreeSum, Trees, tree_scores};

/// A kernel, what computes its digest, and the digest recorded.
type Recorded = (&'static str, fn(Isa) -> u64, u64);

pub(super) const BYTES: [Recorded; 4] = [
    ("byte-products", products, 0xdd74_3e11_777f_21ed),
    ("byte-depthwise", depthwise, 0x7062_29c7_1817_0e4f),
    ("byte-affines", affines, 0x66f7_fb1a_e378_67b4),
    ("forests", forests, 0xc626_896a_1263_a07a),
];

/// Bytes that look random, a quarter of them at the ends of the range.
struct Bytes(u64);

impl Bytes {
    fn next(&mut self) -> u8 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        let word = (self.0 >> 24) as usize;
        if word.is_multiple_of(4) { [0, 127, 128, 255][word / 4 % 4] } else { (word >> 8) as u8 }
    }

    fn list(seed: u64, count: usize) -> Vec<u8> {
        let mut bytes = Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        (0..count).map(|_| bytes.next()).collect()
    }
}

fn floats(seed: u64, count: usize) -> Vec<f32> {
    let mut list = vec![0.0; count];
    Values::fill_tame(seed + 1, &mut list);
    list.iter_mut().for_each(|x| *x *= 0.01);
    list
}

fn add_bytes(digest: &mut Digest, bytes: &[u8]) {
    let floats: Vec<f32> = bytes.iter().map(|&byte| f32::from(byte)).collect();
    digest.add(&floats);
}

fn lines<T: Copy + Default>(list: &[T]) -> Vec<[T; 16]> {
    let line = |x: &[T]| {
        let mut line = [T::default(); 16];
        line[..x.len()].copy_from_slice(x);
        line
    };
    list.chunks(16).map(line).collect()
}

/// Every number of rows up to the largest tile's and more, every number of panels that a tile has.
fn products(isa: Isa) -> u64 {
    let mut digest = Digest::new();
    for (seed, count) in (0..).zip((1..=15).chain([29])) {
        for (columns, terms) in [(10, 23), (32, 64), (70, 300)] {
            let stride = terms + 5;
            let x = Bytes::list(seed, count * stride);
            let w = Bytes::list(seed + 100, terms * columns);
            let packed = pack(isa, terms, columns, |term, column| w[term * columns + column] as i8);
            let start: Vec<i32> = (0..columns as i32).map(|column| column * 7001 - 9000).collect();
            let (start, multipliers) = (lines(&start), lines(&floats(seed, columns)));
            let signed = seed % 2 == 0;
            let range = if signed { [-128, 127] } else { [3, 200] };
            let how = Requantizer { multipliers: &multipliers, zero: 5, range, signed };
            let mut bytes = vec![0; count * columns];
            let (mut sums, mut y) = (vec![0; bytes.len()], vec![0.0; bytes.len()]);
            let run = |output: Output<'_>| {
                let mut done = Finish { bias: &start, rows: None, stride: columns, output };
                gemm(isa, Rows::plain(&x, count, stride, terms), packed.panels(), columns, &mut done);
            };
            run(Output::Sums(&mut sums));
            run(Output::Floats { multipliers: &multipliers, bias: Some(&multipliers), y: &mut y });
            run(Output::Bytes(how, &mut bytes));
            sums.iter().for_each(|sum| add_bytes(&mut digest, &sum.to_le_bytes()));
            digest.add(&y);
            add_bytes(&mut digest, &bytes);
        }
    }
    digest.0
}

fn depthwise(isa: Isa) -> u64 {
    let mut digest = Digest::new();
    for (seed, (side, stride, channels)) in
        (1..).zip([(3, 1, 70), (3, 1, 5), (3, 2, 64), (5, 1, 33), (5, 2, 16), (2, 1, 130)])
    {
        let signed = seed % 2 == 0;
        let pad = side / 2;
        let size = |input: usize| (input + 2 * pad - side) / stride + 1;
        let shape = Depthwise {
            input: [9, 13],
            channels,
            output: [size(9), size(13)],
            kernel: [side; 2],
            stride: [stride; 2],
            dilation: [1; 2],
            pad: [pad; 2],
            signed,
        };
        let x = Bytes::list(seed + 200, 9 * 13 * channels);
        let w = Bytes::list(seed + 300, side * side * channels);
        // Those of every third are no i8.
        let more = if seed % 3 == 0 { 100 } else { 0 };
        let weight = |tap: usize, channel: usize| i16::from(w[tap * channels + channel] as i8) + more;
        let start = (0..channels as i32).map(|channel| 4000 - channel * 300).collect();
        let filters = Filters::new(isa, &shape, weight, start, floats(seed, channels), 77);
        let how = Requantizer { multipliers: &[], zero: 100, range: [0, 255], signed: false };
        let mut y = vec![0; shape.output[0] * shape.output[1] * channels];
        crate::int8::depthwise(isa, &shape, &filters, &how, &x, 0, &mut y);
        add_bytes(&mut digest, &y);
    }
    digest.0
}

fn affines(isa: Isa) -> u64 {
    let mut digest = Digest::new();
    for (round, size) in (1..).zip(super::SIZES) {
        let affine = |zero: i32, signed: bool| Affine { scale: 0.031 * round as f32, zero, signed };
        let (a, b, to) = (affine(3, false), affine(-7, true), affine(round as i32, round % 2 == 0));
        let (x, z) = (Bytes::list(round + 400, size), Bytes::list(round + 500, size));
        let (mut y, mut values) = (vec![0; size], vec![0.0; size]);
        for op in [ByteOp::Add, ByteOp::Mul, ByteOp::AddRelu] {
            combine_bytes(isa, op, (a, &x), (b, &z), to, &mut y);
            add_bytes(&mut digest, &y);
        }
        dequantize(isa, b, &z, &mut values);
        digest.add(&values);
        fill(round, round + 600, &mut values);
        quantize(isa, to, &values, &mut y);
        add_bytes(&mut digest, &y);
    }
    digest.0
}

/// The plain walk where the reference is asked for, else the one that is laid out.
fn forests(isa: Isa) -> u64 {
    const DEPTH: usize = 6;
    const FEATURES: usize = 5;
    let mut digest = Digest::new();
    for (seed, trees) in (1..).zip([1, 7, 40]) {
        let (mut roots, mut nodes, mut leaf_classes) = (vec![], vec![], vec![]);
        let mut bytes = Bytes(seed);
        for _ in 0..trees {
            let root = nodes.len() as i32;
            roots.push(root);
            for at in 0..(2 << DEPTH) - 1 {
                let (child, leaf) = (root + 2 * at + 1, leaf_classes.len() as i32);
                if at >= (1 << DEPTH) - 1 {
                    nodes.push([leaf, leaf + 2, 0, 0, LEAF]);
                    leaf_classes.extend([0, 1]);
                    continue;
                }
                let threshold = (f32::from(bytes.next()) * 0.01 - 1.28).to_bits() as i32;
                nodes.push([i32::from(bytes.next()) % FEATURES as i32, threshold, child, child + 1, 1]);
            }
        }
        let leaf_weights = floats(seed, leaf_classes.len());
        let (sum, leaf_classes) = (TreeSum::Sum, &leaf_classes[..]);
        let trees = Trees { roots: &roots, nodes: &nodes, leaf_classes, leaf_weights: &leaf_weights, sum };
        for rows in [1, 3, 21] {
            let x: Vec<f32> = floats(seed + 9, rows * FEATURES).iter().map(|x| x * 100.0).collect();
            let mut y = vec![0.0; rows * 2];
            match Forest::new(&trees, FEATURES).filter(|_| isa != Isa::Reference) {
                Some(forest) => forest.scores(&trees, 2, &x, &mut y, &mut [0; 2]),
                None => tree_scores(&trees, FEATURES, 2, &x, &mut y, &mut [0; 2]),
            }
            digest.add(&y);
        }
    }
    digest.0
}
