//! Rules of tree ensembles: dims here, the contents of the tables in [`check_tables`].

use super::{Rule, need};
use crate::format::Node;
use crate::shape::count;
use assay_types::tensor::DType;

/// Mode of a tree node that is a leaf.
pub const LEAF: i32 = 0;
/// Added to a tree node's mode when a NaN takes the branch for true.
pub const NAN_IS_TRUE: i32 = 8;
/// The greatest of the comparison modes, which start at 1.
pub const LAST_COMPARISON: i32 = 6;

pub(super) fn dims(node: &Node, operands: &[&Node], classes: u32) -> Result<Vec<u32>, Rule> {
    let [x, roots, nodes, leaf_classes, leaf_weights] = operands else {
        return Err("the number of operands is wrong");
    };
    let f32s = [node.dtype, x.dtype, leaf_weights.dtype];
    let i32s = [roots.dtype, nodes.dtype, leaf_classes.dtype];
    need!(f32s.iter().all(|&dtype| dtype == DType::F32), "a dtype is not f32");
    need!(i32s.iter().all(|&dtype| dtype == DType::I32), "a dtype is not i32");
    need!(x.dims.len() == 2 && roots.dims.len() == 1, "a rank is wrong");
    need!(nodes.dims.len() == 2 && nodes.dims[1] == 5, "a node is not five numbers");
    need!(leaf_classes.dims.len() == 1 && leaf_classes.dims == leaf_weights.dims, "the leaf tables differ");
    need!(classes >= 1, "no class");
    Ok(vec![x.dims[0], classes])
}

/// The greatest of the comparison modes that are by order; those for equality follow.
const LAST_ORDER: i32 = 4;
/// `<` and `>=`, which are made of `<=` and the number before the threshold.
const BY_THE_NUMBER_BEFORE: [i32; 2] = [2, 3];
/// Bits for a feature and a child together.
const LINK_BITS: u32 = 31;
/// Entries of leaves that can be told apart.
const MOST_ENTRIES: u64 = 1 << 22;

/// Elements of tables that may still be laid out for walking when a plan is loaded: at first twice as many as its
/// constants can be. Nodes may share tables, and each lays out its own; those for which too few are left, in the order
/// of nodes, walk through the tables as they are.
#[derive(Debug)]
pub struct TableBudget(usize);

impl TableBudget {
    /// Of a plan with so many bytes of constants.
    pub fn new(constant_bytes: usize) -> Self {
        Self((constant_bytes / DType::I32.size()).saturating_mul(2))
    }

    /// Whether the tables of an ensemble (its second to fifth operand) may be laid out.
    pub fn take(&mut self, tables: [&Node; 4]) -> bool {
        let elements = tables.iter().map(|table| count(&table.dims)).sum();
        let left = self.0.checked_sub(elements);
        self.0 = left.unwrap_or(self.0);
        left.is_some()
    }
}

/// What the tables of an ensemble ask for, and what a walk through them costs at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TreeShape {
    /// For every tree, the nodes and entries on the longest way from its root to the end of a leaf, together.
    pub steps: u64,
    /// Whether walks may have to go through the tables as they are.
    pub plain: bool,
    /// Features that a row must have.
    pub features: u64,
    /// Classes that a result must have.
    pub classes: u64,
}

fn index(value: i32, limit: usize) -> Result<usize, Rule> {
    usize::try_from(value).ok().filter(|&value| value < limit).ok_or("an index is out of range")
}

/// What a table of nodes asks for, whatever its roots are.
#[derive(Debug)]
pub(crate) struct NodesShape {
    /// The longest way down from each node, leaf entries included.
    ways: Vec<u64>,
    /// Which nodes have a parent.
    children: Vec<bool>,
    plain: bool,
    features: u64,
    /// Where the last leaf's entries end.
    end: u64,
}

/// Checks a table of nodes and measures it. Children come after parents, so every walk ends.
pub(crate) fn check_nodes(nodes: &[[i32; 5]]) -> Result<NodesShape, Rule> {
    let (ways, children) = (vec![1; nodes.len()], vec![false; nodes.len()]);
    let mut shape = NodesShape { ways, children, plain: false, features: 0, end: 0 };
    let mut entries = None;
    for (at, &[first, second, if_true, if_false, mode]) in nodes.iter().enumerate().rev() {
        if mode == LEAF {
            need!(if_true == 0 && if_false == 0, "a leaf has children");
            need!(0 <= first && first <= second, "a leaf's range is reversed");
            shape.end = shape.end.max(second as u64);
            shape.ways[at] += (second - first) as u64;
            // Leaves of one size, one after the other, are known by a number.
            let size = *entries.get_or_insert(second - first);
            shape.plain |= size == 0 || second - first != size || first % size != 0;
            continue;
        }
        need!((1..=LAST_COMPARISON).contains(&(mode & !NAN_IS_TRUE)), "a mode is unknown");
        // Comparisons by order become one and the same, if there is a number to compare with.
        let (mode, threshold) = (mode & !NAN_IS_TRUE, f32::from_bits(second as u32));
        shape.plain |= mode > LAST_ORDER || threshold.is_nan();
        shape.plain |= BY_THE_NUMBER_BEFORE.contains(&mode) && threshold == f32::NEG_INFINITY;
        let feature = index(first, i32::MAX as usize)?;
        shape.features = shape.features.max(feature as u64 + 1);
        for child in [if_true, if_false] {
            let child = index(child, nodes.len())?;
            need!(child > at, "a child does not come after its parent");
            shape.ways[at] = shape.ways[at].max(shape.ways[child] + 1);
            // A node with two parents is in no tree.
            shape.plain |= std::mem::replace(&mut shape.children[child], true);
        }
    }
    Ok(shape)
}

/// The classes that a result must have.
pub(crate) fn check_classes(leaf_classes: &[i32]) -> Result<u64, Rule> {
    let mut classes = 0;
    for &class in leaf_classes {
        classes = classes.max(index(class, i32::MAX as usize)? as u64 + 1);
    }
    Ok(classes)
}

/// Checks the roots of a table of nodes, whose leaves have so many entries of so many classes.
pub(crate) fn check_roots(
    roots: &[i32],
    nodes: &NodesShape,
    entries: u64,
    classes: u64,
) -> Result<TreeShape, Rule> {
    need!(nodes.end <= entries, "a leaf's range is out of the table");
    let (mut steps, mut plain) = (0u64, nodes.plain || entries > MOST_ENTRIES);
    let bits = |number: u64| u64::BITS - number.leading_zeros();
    plain |= bits(nodes.features) + bits(nodes.ways.len() as u64 + 2) > LINK_BITS;
    for &root in roots {
        let root = index(root, nodes.ways.len())?;
        steps = steps.saturating_add(nodes.ways[root]);
        plain |= nodes.children[root];
    }
    let mut sorted = roots.to_vec();
    sorted.sort_unstable();
    plain |= sorted.windows(2).any(|pair| pair[0] == pair[1]);
    Ok(TreeShape { steps, plain, features: nodes.features, classes })
}
