//! Ensembles of decision trees.

use crate::lanes;

/// How the weights of the reached leaves combine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TreeSum {
    /// Their sum.
    Sum,
    /// Their sum, divided by the number of trees.
    Average,
    /// The least.
    Min,
    /// The greatest.
    Max,
}

/// The tables of an ensemble; see the plan's `TreeEnsemble` for what they say.
#[derive(Debug, Clone, Copy)]
pub struct Trees<'a> {
    /// The root of each tree.
    pub roots: &'a [i32],
    /// Five numbers for each node.
    pub nodes: &'a [[i32; 5]],
    /// The class of each leaf entry.
    pub leaf_classes: &'a [i32],
    /// The weight of each leaf entry.
    pub leaf_weights: &'a [f32],
    /// How weights combine.
    pub sum: TreeSum,
}

/// Mode of a node that is a leaf.
pub const LEAF: i32 = 0;
/// Added to a node's mode when a NaN takes the branch for true.
pub const NAN_IS_TRUE: i32 = 8;
/// The greatest of the comparison modes, which start at 1.
pub const LAST_COMPARISON: i32 = 6;

fn holds(mode: i32, x: f32, threshold: f32) -> bool {
    if mode & NAN_IS_TRUE != 0 && x.is_nan() {
        return true;
    }
    match mode & !NAN_IS_TRUE {
        1 => x <= threshold,
        2 => x < threshold,
        3 => x >= threshold,
        4 => x > threshold,
        5 => x == threshold,
        _ => x != threshold,
    }
}

/// The leaf entries that a row ends in, for the tree that starts at `node`.
fn leaf(nodes: &[[i32; 5]], mut node: usize, row: &[f32]) -> std::ops::Range<usize> {
    loop {
        let [first, second, if_true, if_false, mode] = nodes[node];
        if mode == LEAF {
            return first as usize..second as usize;
        }
        let truth = holds(mode, row[first as usize], f32::from_bits(second as u32));
        node = if truth { if_true } else { if_false } as usize;
    }
}

/// `y` \[n, classes\] are the scores of the rows of `x` \[n, features\].
///
/// `reached` is scratch of at least `classes` elements. The tables must be well formed, as the plan's
/// validator checks: indices in range, children after their parents.
pub fn tree_scores(
    trees: &Trees<'_>,
    features: usize,
    classes: usize,
    x: &[f32],
    y: &mut [f32],
    reached: &mut [u8],
) {
    let reached = &mut reached[..classes];
    for (row, scores) in x.chunks_exact(features.max(1)).zip(y.chunks_exact_mut(classes.max(1))) {
        scores.fill(0.0);
        reached.fill(0);
        for &root in trees.roots {
            for entry in leaf(trees.nodes, root as usize, row) {
                let class = trees.leaf_classes[entry] as usize;
                let weight = trees.leaf_weights[entry];
                let score = &mut scores[class];
                *score = match trees.sum {
                    TreeSum::Sum | TreeSum::Average => *score + weight,
                    _ if reached[class] == 0 => weight,
                    TreeSum::Min => lanes::min(*score, weight),
                    TreeSum::Max => lanes::max(*score, weight),
                };
                reached[class] = 1;
            }
        }
        if trees.sum == TreeSum::Average {
            let count = trees.roots.len() as f32;
            scores.iter_mut().for_each(|score| *score /= count);
        }
    }
}
