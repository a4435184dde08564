//! Rules of tree ensembles: dims here, the contents of the tables in [`check_tables`].

use super::{Rule, need};
use crate::format::Node;
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

/// What the tables of an ensemble ask for, and what a walk through them costs at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TreeShape {
    /// For every tree, the nodes and entries on the longest way from its root to the end of a leaf, together.
    pub steps: u64,
    /// Whether a comparison is one for equality, or for being none.
    pub equality: bool,
    /// Features that a row must have.
    pub features: u64,
    /// Classes that a result must have.
    pub classes: u64,
}

fn index(value: i32, limit: usize) -> Result<usize, Rule> {
    usize::try_from(value).ok().filter(|&value| value < limit).ok_or("an index is out of range")
}

/// Checks the tables and measures them. Children come after parents, so every walk ends.
pub(crate) fn check_tables(
    roots: &[i32],
    nodes: &[[i32; 5]],
    leaf_classes: &[i32],
) -> Result<TreeShape, Rule> {
    let mut shape = TreeShape { steps: 0, equality: false, features: 0, classes: 0 };
    // The longest way down from each node.
    let mut ways = vec![1u64; nodes.len()];
    for (at, &[first, second, if_true, if_false, mode]) in nodes.iter().enumerate().rev() {
        if mode == LEAF {
            need!(if_true == 0 && if_false == 0, "a leaf has children");
            need!(0 <= first && first <= second, "a leaf's range is reversed");
            need!(second as usize <= leaf_classes.len(), "a leaf's range is out of the table");
            ways[at] += (second - first) as u64;
            continue;
        }
        need!((1..=LAST_COMPARISON).contains(&(mode & !NAN_IS_TRUE)), "a mode is unknown");
        shape.equality |= mode & !NAN_IS_TRUE > LAST_ORDER;
        let feature = index(first, i32::MAX as usize)?;
        shape.features = shape.features.max(feature as u64 + 1);
        for child in [if_true, if_false] {
            let child = index(child, nodes.len())?;
            need!(child > at, "a child does not come after its parent");
            ways[at] = ways[at].max(ways[child] + 1);
        }
    }
    for &root in roots {
        shape.steps = shape.steps.saturating_add(ways[index(root, nodes.len())?]);
    }
    for &class in leaf_classes {
        shape.classes = shape.classes.max(index(class, i32::MAX as usize)? as u64 + 1);
    }
    Ok(shape)
}
