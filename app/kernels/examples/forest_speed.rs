//! Speed of forests on this machine, best of many: `forest_speed TABLES ROWS`, where TABLES holds five u32
//! (trees, nodes, leaf entries, classes, features) and the plan's four tables, and ROWS f32.
#![allow(clippy::disallowed_types, clippy::unwrap_used)]

use assay_kernels::{Forest, TreeSum, Trees, tree_scores};
use std::time::Instant;

fn best(mut run: impl FnMut()) -> f64 {
    let mut least = f64::MAX;
    for _ in 0..200 {
        let start = Instant::now();
        run();
        least = least.min(start.elapsed().as_secs_f64());
    }
    least * 1e6
}

fn main() {
    let [_, tables, rows] = std::env::args().collect::<Vec<_>>().try_into().unwrap();
    let words = |path: &str| -> Vec<u32> {
        let bytes = std::fs::read(path).unwrap();
        bytes.as_chunks().0.iter().map(|&word| u32::from_le_bytes(word)).collect()
    };
    let (tables, rows) = (words(&tables), words(&rows));
    let [count, nodes, entries, classes, features] = [0, 1, 2, 3, 4].map(|at| tables[at] as usize);
    let ints: Vec<i32> = tables[5..].iter().map(|&word| word as i32).collect();
    let (roots, rest) = ints.split_at(count);
    let (nodes, rest) = rest.split_at(5 * nodes);
    let (leaf_classes, rest) = rest.split_at(entries);
    let leaf_weights: Vec<f32> = rest.iter().map(|&word| f32::from_bits(word as u32)).collect();
    let nodes = nodes.as_chunks().0;
    let trees = Trees { roots, nodes, leaf_classes, leaf_weights: &leaf_weights, sum: TreeSum::Sum };
    let x: Vec<f32> = rows.iter().map(|&word| f32::from_bits(word)).collect();
    let start = Instant::now();
    let forest = Forest::new(&trees, features).unwrap();
    let made = start.elapsed().as_secs_f64() * 1e3;
    for batch in [1, 64] {
        let x = &x[..batch * features];
        let (mut y, mut law, mut reached) =
            (vec![0.0; batch * classes], vec![0.0; batch * classes], vec![0; classes]);
        let plain = best(|| tree_scores(&trees, features, classes, x, &mut law, &mut reached));
        let took = best(|| forest.scores(&trees, classes, x, &mut y, &mut reached));
        assert_eq!(y, law);
        println!("batch {batch}: {took:.1} us, plain {plain:.1} us, made in {made:.1} ms");
    }
}
