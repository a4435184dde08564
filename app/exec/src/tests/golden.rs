//! Recorded plans, prices, peaks and results: a change here is a change of the engine, and needs a new opcode
//! set.

use crate::{Executable, Isa};
use assay_plan::*;
use assay_types::codec;
use assay_types::tensor::{DType, NamedTensor, Tensor, output_hash};

/// Numbers from -1 to 1 that look random, exact in f32.
pub(super) fn numbers(count: usize, seed: u32) -> Vec<f32> {
    let word = |i: u32| (i.wrapping_mul(2_654_435_761).wrapping_add(seed.wrapping_mul(40_503)) >> 8) & 0xffff;
    (0..count as u32).map(|i| word(i + 1) as f32 / 32768.0 - 1.0).collect()
}

fn weights(builder: &mut PlanBuilder, dims: &[u32], seed: u32) -> u32 {
    let count = dims.iter().product::<u32>() as usize;
    builder.constant_f32(dims, &numbers(count, seed))
}

/// A small convolutional network: convolution, ReLU, pooling, a dense layer, softmax, the best class.
fn convolutional() -> Plan {
    let mut b = PlanBuilder::new();
    let x = b.input("image", DType::F32, &[2, 1, 8, 8]);
    let (w, bias) = (weights(&mut b, &[5, 1, 3, 3], 1), weights(&mut b, &[5], 2));
    let window =
        Window { kernel: [3; 2], stride: [1; 2], dilation: [1; 2], pad_before: [1; 2], pad_after: [1; 2] };
    let y = b.push(Opcode::Conv2d { window, groups: 1 }, &[x, w, bias], DType::F32, &[2, 5, 8, 8]);
    let zero = b.constant_f32(&[1, 1, 1, 1], &[0.0]);
    let y = b.push(Opcode::Binary(BinaryOp::Max), &[y, zero], DType::F32, &[2, 5, 8, 8]);
    let window =
        Window { kernel: [2; 2], stride: [2; 2], dilation: [1; 2], pad_before: [0; 2], pad_after: [0; 2] };
    let y = b.push(Opcode::MaxPool(window), &[y], DType::F32, &[2, 5, 4, 4]);
    let y = b.push(Opcode::Reshape, &[y], DType::F32, &[2, 80]);
    let w = weights(&mut b, &[80, 10], 3);
    let product = Opcode::Einsum { a: vec![0, 1], b: vec![1, 2], out: vec![0, 2] };
    let y = b.push(product, &[y, w], DType::F32, &[2, 10]);
    let bias = weights(&mut b, &[1, 10], 4);
    let y = b.push(Opcode::Binary(BinaryOp::Add), &[y, bias], DType::F32, &[2, 10]);
    let p = b.push(Opcode::Softmax { axes: vec![1] }, &[y], DType::F32, &[2, 10]);
    let best = b.push(Opcode::ArgMax { axis: 1, last: false }, &[y], DType::I64, &[2, 1]);
    b.output("probabilities", p);
    b.output("label", best);
    b.finish().unwrap()
}

/// One attention head with its norms and activations.
fn attention() -> Plan {
    let mut b = PlanBuilder::new();
    let ids = b.input("ids", DType::I64, &[1, 6]);
    let table = weights(&mut b, &[9, 24], 5);
    let x = b.push(Opcode::Gather { axis: 0 }, &[table, ids], DType::F32, &[1, 6, 24]);
    let eps = 1e-5f32.to_bits();
    let n = b.push(Opcode::RmsNorm { axes: vec![2], eps }, &[x], DType::F32, &[1, 6, 24]);
    let mut project = |seed| {
        let w = weights(&mut b, &[24, 24], seed);
        let op = Opcode::Einsum { a: vec![0, 1, 2], b: vec![2, 3], out: vec![0, 1, 3] };
        b.push(op, &[n, w], DType::F32, &[1, 6, 24])
    };
    let (q, k, v) = (project(6), project(7), project(8));
    let scores = Opcode::Einsum { a: vec![0, 1, 2], b: vec![0, 3, 2], out: vec![0, 1, 3] };
    let s = b.push(scores, &[q, k], DType::F32, &[1, 6, 6]);
    let s = b.push(Opcode::Softmax { axes: vec![2] }, &[s], DType::F32, &[1, 6, 6]);
    let mix = Opcode::Einsum { a: vec![0, 1, 2], b: vec![0, 2, 3], out: vec![0, 1, 3] };
    let y = b.push(mix, &[s, v], DType::F32, &[1, 6, 24]);
    let y = b.push(Opcode::Binary(BinaryOp::Add), &[x, y], DType::F32, &[1, 6, 24]);
    let y = b.push(Opcode::Unary(UnaryOp::Gelu), &[y], DType::F32, &[1, 6, 24]);
    let y = b.push(Opcode::Permute { axes: vec![0, 2, 1] }, &[y], DType::F32, &[1, 24, 6]);
    let y = b.push(Opcode::Reduce { reducer: Reducer::Sum, axes: vec![2] }, &[y], DType::F32, &[1, 24, 1]);
    let y = b.push(Opcode::Unary(UnaryOp::Tanh), &[y], DType::F32, &[1, 24, 1]);
    b.output("sentence", y);
    b.finish().unwrap()
}

/// Two trees, their scores through a softmax, and the label of the best class.
fn forest() -> Plan {
    let mut b = PlanBuilder::new();
    let x = b.input("rows", DType::F32, &[3, 2]);
    let t = |threshold: f32| threshold.to_bits() as i32;
    let roots = b.constant_i32(&[2], &[0, 3]);
    let nodes = [
        [0, t(0.25), 1, 2, 1],
        [0, 1, 0, 0, 0],
        [1, 3, 0, 0, 0],
        [1, t(-0.5), 4, 5, 4 + 8],
        [2, 4, 0, 0, 0],
        [3, 5, 0, 0, 0],
    ];
    let nodes = b.constant_i32(&[6, 5], nodes.as_flattened());
    let classes = b.constant_i32(&[5], &[0, 1, 2, 0, 1]);
    let leaf_weights = b.constant_f32(&[5], &[0.5, 0.125, -0.75, 0.0625, 0.25]);
    let op = Opcode::TreeEnsemble { classes: 3, aggregate: Aggregate::Sum };
    let s = b.push(op, &[x, roots, nodes, classes, leaf_weights], DType::F32, &[3, 3]);
    let p = b.push(Opcode::Softmax { axes: vec![1] }, &[s], DType::F32, &[3, 3]);
    let best = b.push(Opcode::ArgMax { axis: 1, last: false }, &[s], DType::I64, &[3, 1]);
    let best = b.push(Opcode::Reshape, &[best], DType::I64, &[3]);
    let labels = b.constant_i64(&[3], &[10, 20, 30]);
    let label = b.push(Opcode::Gather { axis: 0 }, &[labels, best], DType::I64, &[3]);
    b.output("label", label);
    b.output("probabilities", p);
    b.finish().unwrap()
}

fn inputs(plan: &Plan) -> Vec<NamedTensor> {
    let tensor = |(name, id): &(String, u32)| {
        let node = &plan.nodes[*id as usize];
        let count = node.dims.iter().product::<u32>() as usize;
        let tensor = match node.dtype {
            DType::I64 => Tensor::from_i64(node.dims.clone(), &(0..count as i64).collect::<Vec<_>>()),
            _ => Tensor::from_f32(node.dims.clone(), &numbers(count, 9)),
        };
        NamedTensor { name: name.clone(), tensor: tensor.unwrap() }
    };
    plan.inputs.iter().map(tensor).collect()
}

pub(super) fn summary(plan: Plan) -> String {
    let given = inputs(&plan);
    let valid = plan.validate().unwrap();
    let (units, load, peak) = (valid.units(), valid.load_units(), valid.peak_bytes());
    let (hash, output_bytes) = (valid.hash(), valid.output_bytes());
    let mut digests = Isa::available().into_iter().map(|isa| {
        let outputs = Executable::new(valid.clone(), isa).run(&given).unwrap();
        assert_eq!(codec::encode(&outputs).len() as u64, output_bytes);
        output_hash(&outputs).to_string()
    });
    let output = digests.next().unwrap();
    assert!(digests.all(|digest| digest == output));
    format!("plan {hash}\nunits {units}, load {load}, peak {peak}\noutput {output}\n")
}

#[test]
fn plans_prices_and_outputs_are_the_recorded_ones() {
    let found = [convolutional(), attention(), forest()].map(summary);
    assert_eq!(found, [CONVOLUTIONAL, ATTENTION, FOREST]);
}

#[test]
fn the_best_class_of_each_row_is_labelled() {
    let plan = forest();
    let rows = Tensor::from_f32(vec![3, 2], &[0.0, 0.0, 1.0, f32::NAN, 1.0, -1.0]).unwrap();
    let rows = NamedTensor { name: "rows".into(), tensor: rows };
    let outputs = Executable::new(plan.validate().unwrap(), Isa::Reference).run(&[rows]).unwrap();
    // By hand: (0.5625, 0, -0.75), (0.0625, 0.125, -1.5) with the NaN taken for true, (0.0625, 0.375, -0.75).
    assert_eq!(outputs[0].tensor.to_i64().unwrap(), [10, 20, 20]);
    assert_eq!(outputs[1].name, "probabilities");
}

const CONVOLUTIONAL: &str = "\
plan b419982cc32832128b4a45adba15e4ff127502196bc10af1d5bfe537d3bedfd3
units 10744, load 57248, peak 14312
output 38ad28539c8e5f35fcd37f1aae5bbc8b01aa26f266a8a8128ff2efa9c9c9cc26
";
const ATTENTION: &str = "\
plan 43e4c2f4fe825e3b96cbdae46add3aae0d0bb009d97b0576aaeba30ddd4ca127
units 7782, load 101448, peak 21504
output 76b23ad8a7ff77a942d9b4e89c42d74a9ce8aed4ceb6504c49a4470b695f0550
";
const FOREST: &str = "\
plan fad67d887df30859d3103aa13fab9ba6ac3d0693daed467e6f52c9c6c02e0027
units 1103, load 29850, peak 536
output 50de6026d74727e30d1373c22cf45f883befa0646da8450525fb54287bb2c0b9
";
