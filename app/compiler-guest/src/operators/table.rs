//! The tables of a tree ensemble, in the form that the plan's `TreeEnsemble` takes, and tract's node around
//! them.
//!
//! ONNX names nodes by (tree, node) in any order, and a file may say anything: two parents, a cycle, a child
//! that does not exist. Each tree is walked once from its root, and rows are numbered as the walk meets them,
//! so a child's row is below its parent's and every row is reached once; a second visit is refused.

use assay_plan::Aggregate;
use std::collections::{BTreeMap, BTreeSet};
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

/// Nodes of one ensemble, at most.
pub const MAX_ROWS: usize = 1 << 22;

/// A tree ensemble that gives scores \[rows, classes\].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trees {
    /// Features that a row must have.
    pub features: usize,
    /// Columns of the scores.
    pub classes: usize,
    /// How leaves combine.
    pub aggregate: Aggregate,
    /// Rows where trees start.
    pub roots: Vec<i32>,
    /// Rows of five numbers; see the plan's `TreeEnsemble`.
    pub nodes: Vec<i32>,
    /// The class of each leaf entry.
    pub leaf_classes: Vec<i32>,
    /// Bits of the weight of each leaf entry.
    pub leaf_weights: Vec<u32>,
    /// Each class is named by every leaf of some tree.
    pub every_class_in_every_row: bool,
}

impl Op for Trees {
    fn name(&self) -> StaticName {
        "TreeEnsemble".into()
    }

    op_as_typed_op!();
}

impl EvalOp for Trees {
    // Never folded: scores are the plan's to compute.
    not_out_of_plan!();
}

impl TypedOp for Trees {
    as_op!();

    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let rows = inputs.first().context("a tree ensemble without input")?.shape[0].clone();
        Ok(tvec!(f32::fact([rows, self.classes.to_dim()])))
    }
}

/// Which comparison a node makes: the plan's number, 0 for a leaf.
fn mode(name: &str) -> TractResult<i32> {
    Ok(match name {
        "LEAF" => 0,
        "BRANCH_LEQ" => 1,
        "BRANCH_LT" => 2,
        "BRANCH_GTE" => 3,
        "BRANCH_GT" => 4,
        "BRANCH_EQ" => 5,
        "BRANCH_NEQ" => 6,
        other => bail!("the node mode {other} is not supported"),
    })
}

/// The nodes as the file lists them.
struct Listed<'a> {
    index: BTreeMap<(i64, i64), usize>,
    trees: &'a [i64],
    features: &'a [i64],
    thresholds: &'a [f32],
    modes: Vec<i32>,
    children: [&'a [i64]; 2],
    missing_is_true: &'a [i64],
    leaves: BTreeMap<(i64, i64), Vec<(i32, u32)>>,
    ids: &'a [i64],
}

/// That a list has the length that the others have.
pub fn same_length<T>(name: &str, list: &[T], len: usize) -> TractResult<()> {
    ensure!(list.len() == len, "{name} has {} entries where {len} are needed", list.len());
    Ok(())
}

impl<'a> Listed<'a> {
    fn parse(node: &'a NodeProto, leaf: &str, classes: usize) -> TractResult<Self> {
        let trees = node.get_attr_slice::<i64>("nodes_treeids")?;
        let count = trees.len();
        ensure!(count > 0 && count <= MAX_ROWS, "a tree ensemble has 1 to {MAX_ROWS} nodes");
        let ints = |name: &str| -> TractResult<&'a [i64]> {
            let list = node.get_attr_slice::<i64>(name)?;
            same_length(name, list, count)?;
            Ok(list)
        };
        let ids = ints("nodes_nodeids")?;
        let modes = node.get_attr_tvec::<&str>("nodes_modes")?;
        same_length("nodes_modes", &modes, count)?;
        let thresholds = node.get_attr_slice::<f32>("nodes_values")?;
        same_length("nodes_values", thresholds, count)?;
        let missing_is_true =
            node.get_attr_opt_slice::<i64>("nodes_missing_value_tracks_true")?.unwrap_or_default();
        if !missing_is_true.is_empty() {
            same_length("nodes_missing_value_tracks_true", missing_is_true, count)?;
        }
        let mut index = BTreeMap::new();
        for (at, key) in trees.iter().copied().zip(ids.iter().copied()).enumerate() {
            ensure!(index.insert(key, at).is_none(), "tree {} has two nodes {}", key.0, key.1);
        }
        Ok(Self {
            index,
            trees,
            features: ints("nodes_featureids")?,
            thresholds,
            modes: modes.iter().map(|name| mode(name)).collect::<TractResult<_>>()?,
            children: [ints("nodes_truenodeids")?, ints("nodes_falsenodeids")?],
            missing_is_true,
            leaves: leaves(node, leaf, classes)?,
            ids,
        })
    }
}

/// Leaf entries of each node: (class, bits of the weight), in the file's order.
fn leaves(
    node: &NodeProto,
    prefix: &str,
    classes: usize,
) -> TractResult<BTreeMap<(i64, i64), Vec<(i32, u32)>>> {
    let weights = node.get_attr_slice::<f32>(&format!("{prefix}_weights"))?;
    ensure!(
        !weights.is_empty() && weights.len() <= MAX_ROWS,
        "a tree ensemble has 1 to {MAX_ROWS} leaf weights"
    );
    let ints = |name: &str| -> TractResult<&[i64]> {
        let name = format!("{prefix}_{name}");
        let list = node.get_attr_slice::<i64>(&name)?;
        same_length(&name, list, weights.len())?;
        Ok(list)
    };
    let (trees, nodes, ids) = (ints("treeids")?, ints("nodeids")?, ints("ids")?);
    let mut leaves: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (entry, weight) in weights.iter().enumerate() {
        let class = usize::try_from(ids[entry]).ok().filter(|&class| class < classes);
        let class = class.with_context(|| format!("a leaf names class {} of {classes}", ids[entry]))?;
        let list = leaves.entry((trees[entry], nodes[entry])).or_default();
        list.push((i32::try_from(class)?, weight.to_bits()));
    }
    Ok(leaves)
}

impl Trees {
    /// No trees yet.
    pub fn empty(classes: usize, aggregate: Aggregate) -> Self {
        Self {
            features: 0,
            classes,
            aggregate,
            roots: vec![],
            nodes: vec![],
            leaf_classes: vec![],
            leaf_weights: vec![],
            every_class_in_every_row: false,
        }
    }

    /// Parses the attributes of a tree ensemble whose leaves are listed under `leaf` (`class` or `target`).
    pub fn parse(node: &NodeProto, leaf: &str, classes: usize, aggregate: Aggregate) -> TractResult<Self> {
        let listed = Listed::parse(node, leaf, classes)?;
        let mut trees = Self::empty(classes, aggregate);
        let mut certain = BTreeSet::new();
        let mut seen = vec![false; listed.trees.len()];
        let mut previous = None;
        for (at, &tree) in listed.trees.iter().enumerate() {
            // A tree starts with its root, and its nodes stand together.
            if previous != Some(tree) {
                certain.extend(trees.walk(&listed, at, &mut seen)?);
                previous = Some(tree);
            }
        }
        ensure!(seen.iter().all(|&seen| seen), "a tree has nodes that its root does not reach");
        trees.every_class_in_every_row = certain.len() == classes;
        Ok(trees)
    }

    /// The same trees with one column, of the one class that their leaves name.
    pub fn only(mut self, class: i32) -> Self {
        debug_assert!(self.leaf_classes.iter().all(|&named| named == class));
        self.leaf_classes.fill(0);
        self.classes = 1;
        self
    }

    /// Adds a tree from its root: each parent before its children. Returns the classes that each of its leaves
    /// names.
    fn walk(&mut self, listed: &Listed<'_>, root: usize, seen: &mut [bool]) -> TractResult<BTreeSet<i32>> {
        let mut certain: Option<BTreeSet<i32>> = None;
        let mut stack = vec![(root, None)];
        while let Some((at, place)) = stack.pop() {
            ensure!(
                !std::mem::replace(&mut seen[at], true),
                "a tree's node has two parents, or is its own ancestor"
            );
            let row = i32::try_from(self.nodes.len() / 5)?;
            match place {
                None => self.roots.push(row),
                Some(place) => self.nodes[place] = row,
            }
            let key = (listed.trees[at], listed.ids[at]);
            if listed.modes[at] == 0 {
                let entries = listed.leaves.get(&key).map_or(&[][..], Vec::as_slice);
                self.leaf(entries)?;
                let named: BTreeSet<i32> = entries.iter().map(|entry| entry.0).collect();
                certain = Some(certain.map_or(named.clone(), |certain| &certain & &named));
                continue;
            }
            let feature = usize::try_from(listed.features[at]).context("a tree tests a negative feature")?;
            let missing = listed.missing_is_true.get(at).is_some_and(|&flag| flag != 0);
            let start = self.branch(feature, listed.thresholds[at], listed.modes[at], missing)?;
            for branch in [1, 0] {
                let child = (key.0, listed.children[branch][at]);
                let child = listed.index.get(&child);
                let child =
                    *child.with_context(|| format!("tree {} has a child that does not exist", key.0))?;
                stack.push((child, Some(start + 2 + branch)));
            }
        }
        Ok(certain.unwrap_or_default())
    }

    /// Adds the row of a test, its children still to come; returns where the row starts.
    pub fn branch(&mut self, feature: usize, threshold: f32, mode: i32, missing: bool) -> TractResult<usize> {
        self.features = self.features.max(feature.checked_add(1).context("a feature out of range")?);
        let start = self.nodes.len();
        let mode = mode + if missing { 8 } else { 0 };
        self.nodes.extend([i32::try_from(feature)?, threshold.to_bits() as i32, 0, 0, mode]);
        Ok(start)
    }

    /// Adds the row of a leaf with its entries: class and bits of the weight.
    pub fn leaf(&mut self, entries: &[(i32, u32)]) -> TractResult<()> {
        let first = i32::try_from(self.leaf_classes.len())?;
        self.leaf_classes.extend(entries.iter().map(|entry| entry.0));
        self.leaf_weights.extend(entries.iter().map(|entry| entry.1));
        let end = i32::try_from(self.leaf_classes.len())?;
        self.nodes.extend([first, end, 0, 0, 0]);
        Ok(())
    }
}
