//! Forests: shallow, deep, one row and many, full trees and chains; forests that cannot be laid out anew.

use super::{Case, Fill, Operand, case, constant};
use assay_plan::{Aggregate, Opcode};
use assay_types::tensor::DType;

/// What a forest of full trees is made with.
#[derive(Clone, Copy)]
struct Full {
    rows: u32,
    trees: u32,
    depth: u32,
    /// Classes, and entries of each leaf.
    classes: u32,
    entries: u32,
    /// The comparison of every node, and how leaves combine.
    mode: i32,
    aggregate: Aggregate,
}

pub fn cases(cases: &mut Vec<Case>) {
    for [rows, trees, depth, classes, entries] in [
        [1, 1, 1, 1, 1],
        [1, 1, 0, 1, 1],
        [1, 100, 8, 2, 1],
        [16, 100, 8, 2, 2],
        [1, 500, 10, 10, 1],
        [256, 500, 10, 10, 1],
        [64, 100, 6, 50, 50],
        [1000, 1, 14, 1, 1],
        [5000, 1, 3, 1, 1],
        [5000, 1, 0, 1, 1],
        [64, 1000, 3, 1, 1],
        [7, 200, 6, 1, 1],
        [16, 600, 12, 3, 1],
        [1, 600, 12, 3, 1],
    ] {
        // Comparison 5, equality, and the least of all weights are walked as the tables are.
        for (mode, aggregate) in
            [(1, Aggregate::Sum), (3, Aggregate::Average), (5, Aggregate::Sum), (1, Aggregate::Min)]
        {
            // One row again and again, and tests that never hold, find their way through large tables in the cache.
            if trees >= 500 && (mode == 5 || (rows == 1 && aggregate == Aggregate::Min)) {
                continue;
            }
            full(cases, Full { rows, trees, depth, classes, entries, mode, aggregate });
        }
    }
    // A row with a NaN finds its way through tables as they are, where comparisons are such that they matter.
    for [rows, trees, depth] in
        [[1, 500, 10], [7, 200, 6], [16, 600, 12], [256, 500, 10], [1000, 1, 14], [1, 1, 16]]
    {
        let made = Full { rows, trees, depth, classes: 1, entries: 1, mode: 10, aggregate: Aggregate::Sum };
        full(cases, made);
    }
    chain(cases, 256, [20, 400, 1]);
    chain(cases, 1, [20, 400, 1]);
    for [rows, trees] in [[1, 1], [1, 20], [20, 1], [500, 20]] {
        chain(cases, rows, [trees, 1000, 200]);
    }
}

/// One tree's rows of `nodes`, from this index on: all levels full.
fn tree(nodes: &mut Vec<i32>, leaves: &mut Vec<i32>, made: Full, seed: &mut u32) {
    let base = (nodes.len() / 5) as i32;
    let inner = (1i32 << made.depth) - 1;
    for node in 0..inner {
        *seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let feature = (*seed >> 20) as i32 % 30;
        let threshold = ((*seed >> 8) as f32 / (1 << 24) as f32 * 4.0 - 2.0).to_bits() as i32;
        nodes.extend([feature, threshold, base + 2 * node + 1, base + 2 * node + 2, made.mode]);
    }
    for leaf in 0..=inner {
        let first = leaves.len() as i32;
        leaves.extend((0..made.entries as i32).map(|entry| (leaf + entry) % made.classes as i32));
        nodes.extend([first, first + made.entries as i32, 0, 0, 0]);
    }
}

fn full(cases: &mut Vec<Case>, made: Full) {
    let (mut roots, mut nodes, mut leaves, mut seed) = (Vec::new(), Vec::new(), Vec::new(), 7);
    for _ in 0..made.trees {
        roots.push((nodes.len() / 5) as i32);
        tree(&mut nodes, &mut leaves, made, &mut seed);
    }
    let Full { rows, trees, depth, classes, entries, mode, aggregate } = made;
    let name = format!(
        "{rows} rows, {trees} trees of depth {depth}, {classes} classes, {entries} entries, {aggregate:?}, mode {mode}"
    );
    push(cases, &name, rows, (classes, aggregate), [roots, nodes, leaves]);
}

/// Trees that are one long path, each node so many rows of the table after the one before.
fn chain(cases: &mut Vec<Case>, rows: u32, [trees, depth, apart]: [u32; 3]) {
    let (mut roots, mut nodes, mut leaves) = (Vec::new(), Vec::<i32>::new(), Vec::new());
    for _ in 0..trees {
        let base = (nodes.len() / 5) as i32;
        roots.push(base);
        for step in 0..depth as i32 {
            // Never below -3: every row goes on to the end.
            let next = base + (apart as i32 + 1) * step;
            let mode = if apart > 1 { 2 + 8 } else { 1 };
            nodes.extend([step % 29, (-3f32).to_bits() as i32, next + 1, next + 1 + apart as i32, mode]);
            for _ in 0..apart {
                nodes.extend([leaves.len() as i32, leaves.len() as i32 + 1, 0, 0, 0]);
                leaves.push(0);
            }
        }
        nodes.extend([leaves.len() as i32, leaves.len() as i32 + 1, 0, 0, 0]);
        leaves.push(0);
    }
    push(
        cases,
        &format!("{rows} rows, {trees} chains of {depth}, {apart} apart"),
        rows,
        (1, Aggregate::Sum),
        [roots, nodes, leaves],
    );
}

fn push(
    cases: &mut Vec<Case>,
    name: &str,
    rows: u32,
    (classes, aggregate): (u32, Aggregate),
    [roots, nodes, leaves]: [Vec<i32>; 3],
) {
    // Comparisons that care find a NaN.
    let fill =
        if nodes.as_chunks::<5>().0.iter().any(|node| node[4] & 8 != 0) { Fill::Hole } else { Fill::Numbers };
    let table = |width: Option<u32>, values: Vec<i32>| {
        let count = values.len() as u32;
        Operand::Table(width.map_or(vec![count], |width| vec![count / width, width]), values)
    };
    let weights = constant(&[leaves.len() as u32]);
    let x = Operand::Input(DType::F32, vec![rows, 30], fill);
    let operands = [x, table(None, roots), table(Some(5), nodes), table(None, leaves), weights];
    let op = Opcode::TreeEnsemble { classes, aggregate };
    cases.push(case("TreeEnsemble", name, op, &operands, DType::F32, &[rows, classes]));
}
