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

/// Walks that go on side by side, so that their memory accesses overlap.
const WALKS: usize = 8;

/// What a comparison finds: less, equal, greater, or none of these.
const LESS: u8 = 1;
const EQUAL: u8 = 2;
const GREATER: u8 = 4;
const NEITHER: u8 = 8;
/// Which of them make each mode true. The mode of a leaf is never asked for.
const TRUE: [u8; 8] = [
    0,
    LESS | EQUAL,
    LESS,
    GREATER | EQUAL,
    GREATER,
    EQUAL,
    LESS | GREATER | NEITHER,
    LESS | GREATER | NEITHER,
];

/// Without a branch, for which way a row takes must not be guessed.
#[inline(always)]
fn holds(mode: i32, x: f32, threshold: f32) -> bool {
    let (less, equal, greater) = (x < threshold, x == threshold, x > threshold);
    let known = (u8::from(less) * LESS) | (u8::from(equal) * EQUAL) | (u8::from(greater) * GREATER);
    let found = if known == 0 { NEITHER } else { known };
    let nan = mode & NAN_IS_TRUE != 0 && x.is_nan();
    (TRUE[(mode & 7) as usize] & found != 0) | nan
}

/// The leaf entries that walks end in, each from a node on by its row.
#[inline(always)]
fn leaves(
    nodes: &[[i32; 5]],
    mut at: [usize; WALKS],
    rows: [&[f32]; WALKS],
) -> [std::ops::Range<usize>; WALKS] {
    loop {
        let mut moved = false;
        for (at, row) in at.iter_mut().zip(rows) {
            let [first, second, if_true, if_false, mode] = nodes[*at];
            if mode == LEAF {
                continue;
            }
            let truth = holds(mode, row[first as usize], f32::from_bits(second as u32));
            *at = std::hint::select_unpredictable(truth, if_true, if_false) as usize;
            moved = true;
        }
        if !moved {
            return at.map(|at| nodes[at][0] as usize..nodes[at][1] as usize);
        }
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
    let (reached, features, classes) = (&mut reached[..classes], features.max(1), classes.max(1));
    let (rows, count) = ((x.len() / features).min(y.len() / classes), trees.roots.len());
    y.fill(0.0);
    // Each row goes through all trees in their order; the walks of several go on together. Sums of many rows are formed
    // tree by tree, so that a tree stays in the cache.
    let sums = matches!(trees.sum, TreeSum::Sum | TreeSum::Average);
    let by_tree = sums && rows >= WALKS;
    let (mut left, mut row, mut tree) = (rows * count, 0, 0);
    while left > 0 {
        let walks = WALKS.min(left);
        left -= walks;
        let (mut starts, mut own) = ([0; WALKS], [(0, 0); WALKS]);
        for walk in 0..walks {
            (starts[walk], own[walk]) = (trees.roots[tree] as usize, (row, tree));
            (row, tree) = match by_tree {
                true if row + 1 == rows => (0, tree + 1),
                true => (row + 1, tree),
                false if tree + 1 == count => (row + 1, 0),
                false => (row, tree + 1),
            };
        }
        // Walks that are for nothing go the last one's way.
        let (start, last) = (starts[walks - 1], own[walks - 1]);
        starts[walks..].fill(start);
        own[walks..].fill(last);
        let ends = leaves(trees.nodes, starts, own.map(|(row, _)| &x[row * features..][..features]));
        for ((row, tree), entries) in own.into_iter().zip(ends).take(walks) {
            if tree == 0 && !sums {
                reached.fill(0);
            }
            let scores = &mut y[row * classes..][..classes];
            for entry in entries {
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
    }
    if trees.sum == TreeSum::Average {
        let count = count as f32;
        y.iter_mut().for_each(|score| *score /= count);
    }
}
