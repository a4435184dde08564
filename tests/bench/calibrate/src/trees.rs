//! Forests: shallow, deep, one row and many, full trees and chains.

use crate::cases::{Case, Operand, case, constant, input};
use assay_plan::{Aggregate, Opcode};
use assay_types::tensor::DType;

pub fn cases(cases: &mut Vec<Case>) {
    for [rows, trees, depth, classes] in [
        [1, 1, 1, 1],
        [1, 100, 8, 2],
        [16, 100, 8, 2],
        [1, 500, 10, 10],
        [256, 500, 10, 10],
        [1000, 1, 14, 1],
        [64, 1000, 3, 1],
        [16, 2000, 12, 3],
    ] {
        full(cases, rows, trees, depth, classes);
    }
    chain(cases, 256, 20, 400);
}

/// One tree's rows of `nodes`, from this index on: all levels full.
fn tree(nodes: &mut Vec<i32>, leaves: &mut Vec<i32>, depth: u32, classes: u32, seed: &mut u32) {
    let base = (nodes.len() / 5) as i32;
    let inner = (1i32 << depth) - 1;
    for node in 0..inner {
        *seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let feature = (*seed >> 20) as i32 % 30;
        let threshold = ((*seed >> 8) as f32 / (1 << 24) as f32 * 4.0 - 2.0).to_bits() as i32;
        nodes.extend([feature, threshold, base + 2 * node + 1, base + 2 * node + 2, 1]);
    }
    for leaf in 0..=inner {
        let first = leaves.len() as i32;
        leaves.push(leaf % classes as i32);
        nodes.extend([first, first + 1, 0, 0, 0]);
    }
}

fn full(cases: &mut Vec<Case>, rows: u32, trees: u32, depth: u32, classes: u32) {
    let (mut roots, mut nodes, mut leaves, mut seed) = (Vec::new(), Vec::new(), Vec::new(), 7);
    for _ in 0..trees {
        roots.push((nodes.len() / 5) as i32);
        tree(&mut nodes, &mut leaves, depth, classes, &mut seed);
    }
    let name = format!("{rows} rows, {trees} trees of depth {depth}, {classes} classes");
    push(cases, &name, rows, classes, [roots, nodes, leaves]);
}

/// Trees that are one long path.
fn chain(cases: &mut Vec<Case>, rows: u32, trees: u32, depth: u32) {
    let (mut roots, mut nodes, mut leaves) = (Vec::new(), Vec::<i32>::new(), Vec::new());
    for _ in 0..trees {
        let base = (nodes.len() / 5) as i32;
        roots.push(base);
        for step in 0..depth as i32 {
            // Never below -3: every row goes on to the end.
            let next = base + 2 * step;
            nodes.extend([step % 30, (-3f32).to_bits() as i32, next + 1, next + 2, 1]);
            nodes.extend([leaves.len() as i32, leaves.len() as i32 + 1, 0, 0, 0]);
            leaves.push(0);
        }
        nodes.extend([leaves.len() as i32, leaves.len() as i32 + 1, 0, 0, 0]);
        leaves.push(0);
    }
    push(cases, &format!("{rows} rows, {trees} chains of {depth}"), rows, 1, [roots, nodes, leaves]);
}

fn push(cases: &mut Vec<Case>, name: &str, rows: u32, classes: u32, [roots, nodes, leaves]: [Vec<i32>; 3]) {
    let table = |width: Option<u32>, values: Vec<i32>| {
        let count = values.len() as u32;
        Operand::Table(width.map_or(vec![count], |width| vec![count / width, width]), values)
    };
    let weights = constant(&[leaves.len() as u32]);
    let operands =
        [input(&[rows, 30]), table(None, roots), table(Some(5), nodes), table(None, leaves), weights];
    let op = Opcode::TreeEnsemble { classes, aggregate: Aggregate::Sum };
    cases.push(case("TreeEnsemble", name, op, &operands, DType::F32, &[rows, classes]));
}
