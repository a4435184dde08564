//! The validator: the security boundary between a stranger's file and the executor.
//!
//! [`Plan::validate`] is total, takes time bounded by the plan's size, and is the only way to a
//! [`ValidPlan`]. Every valid plan runs without panic, undefined behaviour or unbounded time: each operand is
//! defined before its use, each result has the dims and dtype that its opcode's rule gives, each constant
//! lies inside the data, and the values, the memory and the price keep their limits. What can still fail in a
//! run is what depends on data: an index, an integer divisor.

use crate::error::PlanError;
use crate::format::{CONST_ALIGN, Node, OPCODE_SET, Plan, ValueId};
use crate::limits::{MAX_NODES, MAX_OPERANDS, MAX_PLAN_PORTS, MAX_UNITS, MAX_VALUE_BYTES};
use crate::memory::{self, Layout};
use crate::opcode::Opcode;
use crate::rules::{self, NodesShape, TableBudget, TreeShape};
use crate::{price, shape};
use assay_types::hash::PlanHash;
use assay_types::limits::{MAX_PLAN_BYTES, MAX_RANK, MAX_RUN_BYTES, MAX_TENSOR_NAME_BYTES};
use assay_types::tensor::{self, DType, Port};
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

/// A plan that may run.
#[derive(Debug, Clone)]
pub struct ValidPlan {
    plan: Plan,
    layout: Layout,
    /// Found when it is first asked for: the compiler in its sandbox never does, and it would be most of its work.
    hash: OnceLock<PlanHash>,
    bytes: u64,
    units: u64,
    node_units: Vec<u64>,
    peak_bytes: u64,
    output_bytes: u64,
    inputs: Vec<Port>,
    outputs: Vec<Port>,
}

impl Plan {
    /// Checks every rule.
    ///
    /// # Errors
    /// [`PlanError`] with the first rule that is broken, in node order: the same for the same plan
    /// everywhere.
    pub fn validate(self) -> Result<ValidPlan, PlanError> {
        let whole = PlanError::Plan;
        if self.version != OPCODE_SET {
            return Err(whole("the opcode set is unknown"));
        }
        if self.nodes.len() > MAX_NODES {
            return Err(whole("too many nodes"));
        }
        let inputs = ports(&self, &self.inputs).map_err(whole)?;
        let outputs = ports(&self, &self.outputs).map_err(whole)?;
        check_inputs(&self).map_err(whole)?;
        let (units, node_units) = Nodes::new(&self).check()?;
        let bytes = borsh::object_length(&self).map_or(u64::MAX, |len| len as u64);
        if bytes > MAX_PLAN_BYTES as u64 {
            return Err(whole("too many bytes"));
        }
        let layout = memory::layout(&self);
        let packed = layout.packs.iter().fold(0u64, |sum, pack| sum.saturating_add(pack.bytes));
        let peak_bytes = layout.arena_bytes.saturating_add(packed).saturating_add(self.data.len() as u64);
        if peak_bytes > MAX_RUN_BYTES {
            return Err(whole("a run needs too much memory"));
        }
        let output_bytes = encoded_len(&outputs);
        let hash = OnceLock::new();
        Ok(ValidPlan {
            plan: self,
            layout,
            hash,
            bytes,
            units,
            node_units,
            peak_bytes,
            output_bytes,
            inputs,
            outputs,
        })
    }
}

impl ValidPlan {
    /// The digest of the canonical bytes.
    pub fn hash(&self) -> PlanHash {
        *self.hash.get_or_init(|| hash(&self.plan))
    }

    /// The canonical bytes.
    pub fn bytes(&self) -> Vec<u8> {
        self.plan.encode()
    }

    /// The price of one run of a plan that is in memory.
    pub fn units(&self) -> u64 {
        self.units
    }

    /// The price of each node; together they are [`ValidPlan::units`].
    pub fn node_units(&self) -> &[u64] {
        &self.node_units
    }

    /// The price of bringing the plan into memory.
    pub fn load_units(&self) -> u64 {
        price::load_units(self.bytes, &self.plan.nodes, &self.node_units)
    }

    /// Bytes that the plan and one run of it hold at most: constants, packed constants and arena.
    pub fn peak_bytes(&self) -> u64 {
        self.peak_bytes
    }

    /// Bytes of the encoded list of output tensors, the same for every run.
    pub fn output_bytes(&self) -> u64 {
        self.output_bytes
    }

    /// What the run takes, in order.
    pub fn inputs(&self) -> &[Port] {
        &self.inputs
    }

    /// What the run gives, in order.
    pub fn outputs(&self) -> &[Port] {
        &self.outputs
    }

    /// The plan itself.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The plan alone, when nothing needs to know any more that it is valid.
    pub fn into_plan(self) -> Plan {
        self.plan
    }

    /// Where the values of a run are that computes node by node.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }
}

/// Resolves a list of named values; checks count, names and indices.
fn ports(plan: &Plan, list: &[(String, ValueId)]) -> Result<Vec<Port>, &'static str> {
    if list.is_empty() || list.len() > MAX_PLAN_PORTS {
        return Err("the number of inputs or outputs is out of range");
    }
    let mut names = BTreeSet::new();
    let mut ports = Vec::with_capacity(list.len());
    for (name, id) in list {
        if name.is_empty() || name.len() > MAX_TENSOR_NAME_BYTES || !names.insert(name) {
            return Err("a name is empty, too long or used twice");
        }
        let node = plan.nodes.get(*id as usize).ok_or("an input or output is not defined")?;
        ports.push(Port { name: name.clone(), dtype: node.dtype, dims: node.dims.clone() });
    }
    Ok(ports)
}

/// Inputs and Input nodes are the same, one to one.
fn check_inputs(plan: &Plan) -> Result<(), &'static str> {
    let named: BTreeSet<ValueId> = plan.inputs.iter().map(|(_, id)| *id).collect();
    let is_input = |id: &ValueId| plan.nodes.get(*id as usize).is_some_and(|node| node.op == Opcode::Input);
    if named.len() != plan.inputs.len() || !named.iter().all(is_input) {
        return Err("an input does not name an Input node of its own");
    }
    if plan.nodes.iter().filter(|node| node.op == Opcode::Input).count() != named.len() {
        return Err("an Input node has no name");
    }
    Ok(())
}

fn encoded_len(ports: &[Port]) -> u64 {
    ports.iter().fold(4u64, |sum, port| {
        let data = tensor::byte_len(port.dtype, &port.dims).unwrap_or(0) as u64;
        sum + 4 + port.name.len() as u64 + 1 + 4 + 4 * port.dims.len() as u64 + 4 + data
    })
}

/// The checks of nodes, in order, and what they have found so far.
struct Nodes<'a> {
    plan: &'a Plan,
    units: u64,
    node_units: Vec<u64>,
    constant_bytes: u64,
    finite: BTreeSet<ValueId>,
    /// Of tree ensembles: what a table of nodes asks for, the classes of leaf entries, and both with their roots.
    nodes: BTreeMap<ValueId, NodesShape>,
    classes: BTreeMap<ValueId, u64>,
    trees: BTreeMap<[ValueId; 3], TreeShape>,
    budget: TableBudget,
}

impl<'a> Nodes<'a> {
    fn new(plan: &'a Plan) -> Self {
        let node_units = Vec::new();
        Self {
            plan,
            units: 0,
            node_units,
            constant_bytes: 0,
            finite: BTreeSet::new(),
            nodes: BTreeMap::new(),
            classes: BTreeMap::new(),
            trees: BTreeMap::new(),
            budget: TableBudget::new(plan.data.len()),
        }
    }

    /// Checks all nodes and returns the price of a run, and of each node.
    fn check(mut self) -> Result<(u64, Vec<u64>), PlanError> {
        for (index, node) in self.plan.nodes.iter().enumerate() {
            let refuse = |rule| PlanError::Node { node: index as u32, op: node.op.name(), rule };
            self.node(index, node).map_err(refuse)?;
        }
        Ok((self.units, self.node_units))
    }

    fn node(&mut self, index: usize, node: &Node) -> Result<(), &'static str> {
        if node.dims.len() > MAX_RANK {
            return Err("the rank is over the limit");
        }
        if node.dims.contains(&0) {
            return Err("a dim is 0");
        }
        let len = tensor::byte_len(node.dtype, &node.dims).ok_or("the value is over the limit")? as u64;
        if len > MAX_VALUE_BYTES {
            return Err("the value is over the limit");
        }
        if node.inputs.len() > MAX_OPERANDS {
            return Err("the number of operands is over the limit");
        }
        if node.inputs.iter().any(|&input| input as usize >= index) {
            return Err("an operand is not defined before");
        }
        let operands: Vec<&Node> =
            node.inputs.iter().map(|&input| &self.plan.nodes[input as usize]).collect();
        if rules::result_dims(node, &operands)? != node.dims {
            return Err("the dims are not what the rule gives");
        }
        self.content(node, len)?;
        let trees = self.trees(node, &operands)?;
        let units = price::node_units(node, &operands, trees);
        self.node_units.push(units);
        self.units = self.units.saturating_add(units);
        if self.units > MAX_UNITS {
            return Err("the plan costs too much");
        }
        // Checked last: a plan with too large a price or scratch must not cost time here.
        if memory::scratch_bytes(node, &operands, false) > MAX_RUN_BYTES {
            return Err("the node needs too much memory");
        }
        Ok(())
    }

    /// The bytes of a constant.
    fn constant(&self, id: ValueId) -> Result<&'a [u8], &'static str> {
        let node = &self.plan.nodes[id as usize];
        let Opcode::Const { offset } = node.op else { return Err("an operand is not a constant") };
        let start = usize::try_from(offset).map_err(|_| "the constant is outside the data")?;
        let end = start.checked_add(shape::bytes(node) as usize);
        end.and_then(|end| self.plan.data.get(start..end)).ok_or("the constant is outside the data")
    }

    /// The rules about bytes: constants themselves, and the weights of padded convolutions.
    fn content(&mut self, node: &Node, len: u64) -> Result<(), &'static str> {
        match &node.op {
            Opcode::Const { offset } => {
                // The sum bounds the time of looking at constants that share their bytes.
                self.constant_bytes = self.constant_bytes.saturating_add(len);
                if offset % CONST_ALIGN != 0 || self.constant_bytes > MAX_RUN_BYTES {
                    return Err("the constant is not aligned, or constants are over the limit");
                }
                let start = usize::try_from(*offset).map_err(|_| "the constant is outside the data")?;
                let end = start.checked_add(len as usize);
                let bytes = end.and_then(|end| self.plan.data.get(start..end));
                let bytes = bytes.ok_or("the constant is outside the data")?;
                if node.dtype == DType::Bool && bytes.iter().any(|&byte| byte > 1) {
                    return Err("a bool is neither 0 nor 1");
                }
            }
            Opcode::Conv2d { .. } => {
                let weights = node.inputs[1];
                let bytes = self.constant(weights)?;
                self.constant(node.inputs[2])?;
                if rules::is_padded(&node.op) && self.finite.insert(weights) && !all_finite(bytes) {
                    return Err("the weights of a padded convolution are not finite");
                }
            }
            Opcode::Conv2dInt { .. } => {
                for operand in [1, 3, 4] {
                    self.constant(node.inputs[operand])?;
                }
            }
            Opcode::Lookup => {
                self.constant(node.inputs[1])?;
            }
            _ => {}
        }
        Ok(())
    }

    /// The tables of a tree ensemble. Each is looked at once, with whatever others it is used.
    fn trees(&mut self, node: &Node, operands: &[&Node]) -> Result<Option<TreeShape>, &'static str> {
        let Opcode::TreeEnsemble { classes, .. } = node.op else { return Ok(None) };
        self.constant(node.inputs[4])?;
        let [roots, nodes, entries] = [1, 2, 3].map(|operand: usize| node.inputs[operand]);
        let (root_bytes, node_bytes) = (self.constant(roots)?, self.constant(nodes)?);
        let entry_bytes = self.constant(entries)?;
        if let Entry::Vacant(vacant) = self.nodes.entry(nodes) {
            vacant.insert(rules::check_nodes(ints(node_bytes).as_chunks().0)?);
        }
        if let Entry::Vacant(vacant) = self.classes.entry(entries) {
            vacant.insert(rules::check_classes(&ints(entry_bytes))?);
        }
        let found = match self.trees.entry([roots, nodes, entries]) {
            Entry::Occupied(found) => *found.get(),
            Entry::Vacant(vacant) => {
                let count = (entry_bytes.len() / DType::I32.size()) as u64;
                let known = (&self.nodes[&nodes], self.classes[&entries]);
                *vacant.insert(rules::check_roots(&ints(root_bytes), known.0, count, known.1)?)
            }
        };
        if found.features > u64::from(operands[0].dims[1]) || found.classes > u64::from(classes) {
            return Err("the tables name a feature or a class that is not there");
        }
        let laid_out = self.budget.take([1, 2, 3, 4].map(|operand: usize| operands[operand]));
        Ok(Some(TreeShape { plain: found.plain || !laid_out, ..found }))
    }
}

fn all_finite(bytes: &[u8]) -> bool {
    bytes.as_chunks::<4>().0.iter().all(|word| f32::from_le_bytes(*word).is_finite())
}

fn ints(bytes: &[u8]) -> Vec<i32> {
    bytes.as_chunks::<4>().0.iter().map(|word| i32::from_le_bytes(*word)).collect()
}

/// Hashes a plan's encoding without holding it.
fn hash(plan: &Plan) -> PlanHash {
    let mut writer = Hashing(blake3::Hasher::new_derive_key(PlanHash::CONTEXT));
    // The writer never fails, and a plan has no list longer than borsh can count.
    let written = borsh::to_writer(&mut writer, plan);
    debug_assert!(written.is_ok());
    PlanHash(*writer.0.finalize().as_bytes())
}

struct Hashing(blake3::Hasher);

impl borsh::io::Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> borsh::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> borsh::io::Result<()> {
        Ok(())
    }
}
