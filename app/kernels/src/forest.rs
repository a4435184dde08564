//! Decision trees laid out for walking: eight bytes a node, brothers side by side, no branch on the data.
//!
//! A [`Forest`] is made once from the tables of an ensemble and gives the same bits as
//! [`tree_scores`](crate::tree_scores), which stays the law and takes over wherever a forest cannot be made or its
//! leaves do not add up. A step goes from a node to its first child, or to the one after it unless `x <= threshold`;
//! so all comparisons but equality are turned into that one. Where a NaN would go the other way, the node says so, and
//! rows with a NaN are walked with an eye on it. A leaf is a node whose threshold is a NaN: every step from it leads
//! back to it, so several walks go on side by side until none moves, and their memory accesses overlap.

use crate::tree::{LEAF, NAN_IS_TRUE, TreeSum, Trees, tree_scores};
use std::collections::VecDeque;

/// Walks that go on side by side.
const WALKS: usize = 8;
/// The bits of a leaf's threshold: a quiet NaN whose payload is the number of the leaf.
const LEAF_BITS: u32 = 0x7fc0_0000;
const MOST_LEAVES: usize = 1 << 22;

#[derive(Debug, Clone, Copy)]
struct Node {
    /// The bits of an f32.
    threshold: u32,
    /// The feature above, the first child, counted from the tree's base, below, and between them whether a NaN goes
    /// to the first child.
    link: u32,
}

/// An ensemble laid out for walking.
#[derive(Debug, Clone)]
pub struct Forest {
    nodes: Vec<Node>,
    /// Where each tree's nodes start; its root is node 1 from there.
    bases: Vec<u32>,
    /// Entries of every leaf. A leaf's payload is its first entry, counted in leaves.
    entries: usize,
    /// The bits of a link that name the child.
    child_bits: u32,
    /// Features that a row must have.
    features: usize,
    /// Whether a NaN goes to the second child everywhere, as the comparison has it.
    takes_nan: bool,
    /// Whether every leaf names the classes from 0, in order.
    in_order: bool,
}

/// A comparison made into `x <= threshold`, and whether its children change places; `None` where there is
/// none such.
fn comparison(mode: i32, threshold: f32) -> Option<(f32, bool)> {
    let below =
        |threshold: f32| if threshold == f32::NEG_INFINITY { None } else { Some(threshold.next_down()) };
    if threshold.is_nan() {
        return None;
    }
    match mode & !NAN_IS_TRUE {
        1 => Some((threshold, false)),
        2 => Some((below(threshold)?, false)),
        3 => Some((below(threshold)?, true)),
        4 => Some((threshold, true)),
        _ => None,
    }
}

impl Forest {
    /// Lays out an ensemble whose tables are well formed, for rows of so many features. `None` if it tests
    /// for equality or against a NaN, shares nodes between trees, has leaves of different sizes, or is too large
    /// for the layout.
    pub fn new(trees: &Trees<'_>, features: usize) -> Option<Forest> {
        let entries = entries_of_leaves(trees)?;
        let in_order =
            trees.leaf_classes.iter().enumerate().all(|(at, &class)| class as usize == at % entries);
        if features == 0 {
            return None;
        }
        let mut forest = Forest {
            nodes: Vec::with_capacity(trees.nodes.len() + 2 * trees.roots.len()),
            bases: Vec::with_capacity(trees.roots.len()),
            entries,
            child_bits: 0,
            features,
            takes_nan: true,
            in_order,
        };
        let (mut placed, mut largest) = (Vec::new(), 0);
        for &root in trees.roots {
            forest.bases.push(u32::try_from(forest.nodes.len()).ok()?);
            largest = largest.max(forest.place(trees, root, &mut placed)?);
        }
        // Children are known by their offset only now that the largest tree is.
        forest.child_bits = usize::BITS - largest.leading_zeros();
        let feature_bits = 31u32.checked_sub(forest.child_bits)?;
        for (node, &(feature, child, nan_first)) in forest.nodes.iter_mut().zip(&placed) {
            if u64::from(feature) >> feature_bits != 0 || feature as usize >= features {
                return None;
            }
            node.link = (feature << 1 | u32::from(nan_first)) << forest.child_bits | child;
        }
        Some(forest)
    }

    /// Places one tree, breadth first, and gives the number of its nodes. `links` takes feature, child and whether a
    /// NaN goes there.
    fn place(&mut self, trees: &Trees<'_>, root: i32, links: &mut Vec<(u32, u32, bool)>) -> Option<usize> {
        let base = self.nodes.len();
        // What a tree of the tables cannot exceed unless nodes have two parents.
        let most = trees.nodes.len() + 2 * trees.roots.len();
        let empty = Node { threshold: LEAF_BITS, link: 0 };
        self.nodes.push(empty);
        links.push((0, 0, false));
        let mut waiting = VecDeque::from([root]);
        let mut next = 2;
        while let Some(at) = waiting.pop_front() {
            let [first, second, if_true, if_false, mode] = *trees.nodes.get(usize::try_from(at).ok()?)?;
            if self.nodes.len() >= most {
                return None;
            }
            let own = (self.nodes.len() - base) as u32;
            if mode == LEAF {
                let number = first as usize / self.entries;
                self.nodes.push(Node { threshold: LEAF_BITS | number as u32, link: 0 });
                links.push((0, own - 1, false));
                continue;
            }
            let (threshold, swapped) = comparison(mode, f32::from_bits(second as u32))?;
            let nan_first = (mode & NAN_IS_TRUE != 0) != swapped;
            self.takes_nan &= !nan_first;
            self.nodes.push(Node { threshold: threshold.to_bits(), link: 0 });
            links.push((first as u32, next, nan_first));
            next += 2;
            waiting.extend(if swapped { [if_false, if_true] } else { [if_true, if_false] });
        }
        Some(self.nodes.len() - base)
    }

    /// As [`tree_scores`], for the tables that the forest was made from.
    pub fn scores(&self, trees: &Trees<'_>, classes: usize, x: &[f32], y: &mut [f32], reached: &mut [u8]) {
        let (features, classes) = (self.features.max(1), classes.max(1));
        if !matches!(trees.sum, TreeSum::Sum | TreeSum::Average) {
            return tree_scores(trees, self.features, classes, x, y, reached);
        }
        y.fill(0.0);
        let rows = (x.len() / features).min(y.len() / classes);
        match (rows < WALKS, self.takes_nan || !x.iter().any(|x| x.is_nan())) {
            (true, true) => self.few::<false>(trees, x, y, classes),
            (true, false) => self.few::<true>(trees, x, y, classes),
            (false, true) => self.rows::<false>(trees, rows, x, y, classes),
            (false, false) => self.rows::<true>(trees, rows, x, y, classes),
        }
        if trees.sum == TreeSum::Average {
            let count = trees.roots.len() as f32;
            y.iter_mut().for_each(|score| *score /= count);
        }
    }

    /// Few rows, one after the other.
    fn few<const NAN: bool>(&self, trees: &Trees<'_>, x: &[f32], y: &mut [f32], classes: usize) {
        for (x, y) in x.chunks_exact(self.features).zip(y.chunks_exact_mut(classes)) {
            self.row::<NAN>(trees, x, y);
        }
    }

    /// One row: several trees side by side, their leaves in order.
    fn row<const NAN: bool>(&self, trees: &Trees<'_>, x: &[f32], y: &mut [f32]) {
        for bases in self.bases.chunks(WALKS) {
            let mut starts = [bases[0]; WALKS];
            starts[..bases.len()].copy_from_slice(bases);
            let leaves = self.walk::<NAN>(starts, [x; WALKS]);
            for &leaf in &leaves[..bases.len()] {
                self.add(trees, leaf, y);
            }
        }
    }

    /// Many rows: tree by tree, several rows side by side, so that a tree stays in the cache.
    fn rows<const NAN: bool>(
        &self,
        trees: &Trees<'_>,
        rows: usize,
        x: &[f32],
        y: &mut [f32],
        classes: usize,
    ) {
        let row = |row: usize| &x[row * self.features..][..self.features];
        for &base in &self.bases {
            for first in (0..rows).step_by(WALKS) {
                let count = WALKS.min(rows - first);
                let mut side = [row(first); WALKS];
                for (lane, side) in side[..count].iter_mut().enumerate() {
                    *side = row(first + lane);
                }
                let leaves = self.walk::<NAN>([base; WALKS], side);
                for (lane, &leaf) in leaves[..count].iter().enumerate() {
                    self.add(trees, leaf, &mut y[(first + lane) * classes..][..classes]);
                }
            }
        }
    }

    /// The leaves that the walks end in. `NAN` says whether a row may have one that matters.
    #[inline(always)]
    #[allow(unsafe_code)]
    fn walk<const NAN: bool>(&self, bases: [u32; WALKS], x: [&[f32]; WALKS]) -> [u32; WALKS] {
        for x in x {
            assert!(x.len() == self.features);
        }
        let (shift, mask) = (self.child_bits + 1, (1u32 << self.child_bits).wrapping_sub(1));
        let mut at = [1u32; WALKS];
        let mut last = [LEAF_BITS; WALKS];
        loop {
            let mut moved = 0;
            for lane in 0..WALKS {
                // SAFETY: a base is where a tree starts, and `at` is its root or what a link of its nodes
                // names, or the one after that; `place` has put both inside the tree. A node's feature is
                // below `features`, as `new` has checked, which is the length of the row.
                let (node, value) = unsafe {
                    let node = self.nodes.get_unchecked((bases[lane] + at[lane]) as usize);
                    (node, *x[lane].get_unchecked((node.link >> shift) as usize))
                };
                let mut holds = value <= f32::from_bits(node.threshold);
                if NAN {
                    holds |= ((node.link >> self.child_bits) & 1 != 0) & value.is_nan();
                }
                let next = (node.link & mask) + 1 - u32::from(holds);
                moved |= next ^ at[lane];
                at[lane] = next;
                last[lane] = node.threshold;
            }
            if moved == 0 {
                return last.map(|bits| bits & !LEAF_BITS);
            }
        }
    }

    /// Adds the weights of a leaf to the scores, entries in order.
    #[inline(always)]
    fn add(&self, trees: &Trees<'_>, leaf: u32, y: &mut [f32]) {
        let first = leaf as usize * self.entries;
        let weights = &trees.leaf_weights[first..][..self.entries];
        if self.in_order {
            for (score, weight) in y.iter_mut().zip(weights) {
                *score += weight;
            }
            return;
        }
        for (&class, weight) in trees.leaf_classes[first..].iter().zip(weights) {
            y[class as usize] += weight;
        }
    }
}

/// The number of entries of every leaf, if it is one number, and leaves start at multiples of it.
fn entries_of_leaves(trees: &Trees<'_>) -> Option<usize> {
    let mut leaves = trees.nodes.iter().filter(|node| node[4] == LEAF).map(|node| (node[0], node[1]));
    let (first, end) = leaves.next()?;
    let entries = end - first;
    let fits = |(first, end): (i32, i32)| end - first == entries && first % entries == 0;
    let all = entries > 0 && fits((first, end)) && leaves.all(fits);
    (all && trees.leaf_weights.len() / entries as usize <= MOST_LEAVES).then_some(entries as usize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::LAST_COMPARISON;

    struct Random(u64);

    impl Random {
        fn below(&mut self, limit: usize) -> usize {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            ((self.0 >> 20) % limit as u64) as usize
        }

        fn float(&mut self) -> f32 {
            const SOME: [f32; 9] =
                [0.0, -0.0, 1e-45, -1e-45, f32::INFINITY, f32::NEG_INFINITY, f32::MAX, 1.0, -1.0];
            if self.below(2) == 0 { SOME[self.below(SOME.len())] } else { self.below(9) as f32 - 4.0 }
        }
    }

    /// The tables of an ensemble.
    #[derive(Default)]
    struct Tables {
        roots: Vec<i32>,
        nodes: Vec<[i32; 5]>,
        classes: Vec<i32>,
        weights: Vec<f32>,
    }

    impl Tables {
        /// Grows a tree, depth first, and gives its root.
        fn grow(
            &mut self,
            random: &mut Random,
            modes: usize,
            entries: usize,
            in_order: bool,
            depth: usize,
        ) -> i32 {
            let at = self.nodes.len();
            if depth == 0 || random.below(5) == 0 {
                let first = self.weights.len() as i32;
                for entry in 0..entries {
                    self.classes.push(if in_order { entry as i32 } else { random.below(4) as i32 });
                    self.weights.push(random.below(1000) as f32 * 0.37 - 100.0);
                }
                self.nodes.push([first, first + entries as i32, 0, 0, LEAF]);
            } else {
                self.nodes.push([0; 5]);
                let mode = 1
                    + random.below(modes) as i32
                    + NAN_IS_TRUE * (modes > 1) as i32 * random.below(2) as i32;
                let (feature, threshold) = (random.below(5) as i32, random.float().to_bits() as i32);
                let if_true = self.grow(random, modes, entries, in_order, depth - 1);
                let if_false = self.grow(random, modes, entries, in_order, depth - 1);
                self.nodes[at] = [feature, threshold, if_true, if_false, mode];
            }
            at as i32
        }
    }

    #[test]
    fn a_forest_gives_the_scores_of_its_tables() {
        let mut random = Random(0x9876_5432_1abc);
        let mut made = 0;
        for round in 0..600 {
            let mut tables = Tables::default();
            let modes = [1, 4, LAST_COMPARISON as usize][round % 3];
            let (entries, in_order) = (1 + random.below(4), random.below(2) == 0);
            for _ in 0..1 + random.below(20) {
                let depth = random.below(7);
                let root = tables.grow(&mut random, modes, entries, in_order, depth);
                tables.roots.push(root);
            }
            let sum = [TreeSum::Sum, TreeSum::Average, TreeSum::Min, TreeSum::Max][random.below(4)];
            let (roots, nodes) = (&tables.roots[..], &tables.nodes[..]);
            let trees =
                Trees { roots, nodes, leaf_classes: &tables.classes, leaf_weights: &tables.weights, sum };
            let Some(forest) = Forest::new(&trees, 5) else { continue };
            made += 1;
            let rows = 1 + random.below(30);
            let with_nan = random.below(2) == 0;
            let mut value = || if with_nan && random.below(6) == 0 { f32::NAN } else { random.float() };
            let x: Vec<f32> = (0..rows * 5).map(|_| value()).collect();
            let (mut y, mut law) = (vec![f32::NAN; rows * 4], vec![0.0; rows * 4]);
            tree_scores(&trees, 5, 4, &x, &mut law, &mut [0; 4]);
            forest.scores(&trees, 4, &x, &mut y, &mut [0; 4]);
            let bits = |list: &[f32]| list.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
            assert_eq!(bits(&y), bits(&law), "{modes} modes, {rows} rows, NaN {with_nan}");
        }
        assert!(made > 200, "only {made} ensembles became forests");
    }

    #[test]
    fn nodes_with_many_parents_are_not_laid_out() {
        // A ladder whose steps share both children has as many ways down as 2 to the power of its steps.
        let mut nodes: Vec<[i32; 5]> = (0..40).map(|at| [0, 0, at + 1, at + 1, 1]).collect();
        nodes.push([0, 1, 0, 0, LEAF]);
        let trees =
            Trees { roots: &[0], nodes: &nodes, leaf_classes: &[0], leaf_weights: &[1.0], sum: TreeSum::Sum };
        assert!(Forest::new(&trees, 1).is_none());
    }
}
