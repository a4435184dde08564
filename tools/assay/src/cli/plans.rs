//! `assay model inspect --plan`: what a plan does, what it is charged, what it holds.

use super::reply::{Lines, table};
use assay_plan::{Node, Opcode, ValidPlan};
use assay_types::tensor::DType;
use serde::Serialize;
use std::collections::BTreeMap;

/// Characters of a node's attributes, or of a list of nodes, that a person is shown.
pub const MAX_DETAIL: usize = 60;

/// One kind of operation, over the whole plan.
#[derive(Serialize, Default)]
struct Kind {
    opcode: String,
    nodes: u64,
    units: u64,
    /// Of the plan's units.
    share: f64,
}

/// One operation.
#[derive(Serialize)]
struct Row {
    node: usize,
    opcode: &'static str,
    /// Its attributes.
    detail: String,
    operands: Vec<u32>,
    dtype: DType,
    shape: Vec<u32>,
    units: u64,
    share: f64,
}

/// Where the bytes are that a run holds.
#[derive(Serialize)]
struct Memory {
    constants: u64,
    packed: u64,
    arena: u64,
    peak: u64,
}

/// A plan, opened.
#[derive(Serialize)]
pub struct Listing {
    opcodes: Vec<Kind>,
    memory: Memory,
    nodes: Vec<Row>,
}

/// A part of a whole, to six digits.
pub fn share(part: u64, whole: u64) -> f64 {
    (part as f64 / whole.max(1) as f64 * 1e6).round() / 1e6
}

/// What people call a node: an elementwise function by its own name.
fn kind(node: &Node) -> String {
    match &node.op {
        Opcode::Unary(op) => word(op),
        Opcode::Binary(op) => format!("{op:?}"),
        Opcode::Compare(op) => format!("{op:?}"),
        op => op.name().to_owned(),
    }
}

/// The name of a variant without its attributes.
fn word(value: &impl std::fmt::Debug) -> String {
    let text = format!("{value:?}");
    text.split([' ', '(', '{']).next().unwrap_or_default().to_owned()
}

/// A node's attributes, as they are written in the source.
fn detail(node: &Node) -> String {
    let text = format!("{:?}", node.op);
    text.strip_prefix(node.op.name()).unwrap_or(&text).trim().to_owned()
}

impl Listing {
    /// Opens a plan.
    pub fn of(plan: &ValidPlan) -> Self {
        let nodes = plan.plan().nodes.iter().zip(plan.node_units()).enumerate();
        let row = |(node, (found, &units)): (usize, (&Node, &u64))| Row {
            node,
            opcode: found.op.name(),
            detail: detail(found),
            operands: found.inputs.clone(),
            dtype: found.dtype,
            shape: found.dims.clone(),
            units,
            share: share(units, plan.units()),
        };
        let layout = plan.layout();
        let memory = Memory {
            constants: plan.plan().data.len() as u64,
            packed: layout.packs.iter().map(|pack| pack.bytes).sum(),
            arena: layout.arena_bytes,
            peak: plan.peak_bytes(),
        };
        Self { opcodes: kinds(plan), memory, nodes: nodes.map(row).collect() }
    }

    /// For people; constants are counted, not listed.
    pub fn text(&self) -> String {
        let kinds = self.opcodes.iter().map(|kind| {
            vec![kind.opcode.clone(), kind.nodes.to_string(), kind.units.to_string(), percent(kind.share)]
        });
        let computed = self.nodes.iter().filter(|row| row.opcode != "Const");
        let nodes = computed.map(|row| {
            let operands: Vec<String> = row.operands.iter().map(|id| format!("%{id}")).collect();
            vec![
                format!("%{}", row.node),
                row.opcode.to_owned(),
                row.detail.chars().take(MAX_DETAIL).collect(),
                operands.join(" "),
                format!("{} {:?}", row.dtype, row.shape),
                row.units.to_string(),
                percent(row.share),
            ]
        });
        let head = ["node", "opcode", "attributes", "operands", "result", "units", "share"];
        format!(
            "{}\n{}\n{}",
            Lines::new()
                .add("constants", bytes(self.memory.constants))
                .add("packed constants", bytes(self.memory.packed))
                .add("arena", bytes(self.memory.arena))
                .add("peak", bytes(self.memory.peak))
                .text(),
            table(&["opcode", "nodes", "units", "share"], kinds.collect()) + "\n",
            table(&head, nodes.collect()),
        )
    }
}

/// For people.
pub fn percent(share: f64) -> String {
    format!("{:.2} %", share * 100.0)
}

fn bytes(count: u64) -> String {
    format!("{count} bytes")
}

/// Nodes by kind, the dearest first.
fn kinds(plan: &ValidPlan) -> Vec<Kind> {
    let mut by_name: BTreeMap<String, Kind> = BTreeMap::new();
    for (node, units) in plan.plan().nodes.iter().zip(plan.node_units()) {
        let found = by_name.entry(kind(node)).or_default();
        found.nodes += 1;
        found.units += units;
    }
    let whole = |(opcode, found): (String, Kind)| {
        let share = share(found.units, plan.units());
        Kind { opcode, share, ..found }
    };
    let mut kinds: Vec<Kind> = by_name.into_iter().map(whole).collect();
    kinds.sort_by_key(|kind| std::cmp::Reverse(kind.units));
    kinds
}
