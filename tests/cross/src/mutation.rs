//! Plans that almost are: real ones with fields changed, and new ones made of real opcodes.

use crate::choice::Choice;
use assay_plan::{CONST_ALIGN, Node, OPCODE_SET, Opcode, Plan, ValueId, result_dims};
use assay_types::limits::MAX_RANK;
use assay_types::tensor::{DType, byte_len};

/// Nodes that a made plan has at most.
const MOST_NODES: usize = 24;

/// A real plan with one to four changes, sometimes with its dims made right again.
pub fn mutant(pool: &[Plan], choice: &mut Choice<'_>) -> Plan {
    let Some(mut plan) = choice.of(pool).cloned() else { return made(pool, choice) };
    for _ in 0..1 + choice.below(4) {
        change(&mut plan, pool, choice);
    }
    if !choice.once_in(3) {
        mend(&mut plan);
    }
    plan
}

/// A new plan: constants and inputs of one plan, then opcodes of all plans on operands that may fit.
pub fn made(pool: &[Plan], choice: &mut Choice<'_>) -> Plan {
    let mut plan = Plan { version: OPCODE_SET, nodes: vec![], inputs: vec![], outputs: vec![], data: vec![] };
    let Some(first) = choice.of(pool) else { return plan };
    plan.data.clone_from(&first.data);
    let sources = first.nodes.iter().filter(|node| matches!(node.op, Opcode::Input | Opcode::Const { .. }));
    for node in sources.take(MOST_NODES) {
        if node.op == Opcode::Input {
            plan.inputs.push((format!("x{}", plan.nodes.len()), plan.nodes.len() as ValueId));
        }
        plan.nodes.push(node.clone());
    }
    for _ in 0..4 + choice.below(40) {
        let Some(node) = choice.of(pool).and_then(|other| choice.of(&other.nodes)).cloned() else { continue };
        if plan.nodes.len() >= MOST_NODES || node.op == Opcode::Input {
            continue;
        }
        if let Some(node) = fitted(node, &plan, choice) {
            plan.nodes.push(node);
        }
    }
    let last = plan.nodes.len().saturating_sub(1);
    plan.outputs = vec![("y".into(), last as ValueId), ("z".into(), choice.below(last + 1) as ValueId)];
    plan
}

/// The node on operands of the plan, with the dims that its rule gives, if some of a few tries are accepted.
fn fitted(mut node: Node, plan: &Plan, choice: &mut Choice<'_>) -> Option<Node> {
    for attempt in 0..12 {
        for input in &mut node.inputs {
            *input = choice.below(plan.nodes.len()) as ValueId;
        }
        if attempt % 3 == 2 {
            node.op = changed_opcode(&node.op, choice);
        }
        if attempt % 4 == 3 {
            node.dtype = DType::ALL[choice.below(DType::ALL.len())];
        }
        let operands: Option<Vec<&Node>> =
            node.inputs.iter().map(|&input| plan.nodes.get(input as usize)).collect();
        if let Some(dims) = dims_by_rule(&node, &operands?) {
            node.dims = dims;
            return Some(node);
        }
    }
    None
}

/// The dims that a node's rule gives, asked only where the validator would ask: sizes are checked before.
fn dims_by_rule(node: &Node, operands: &[&Node]) -> Option<Vec<u32>> {
    let sized = |node: &Node| {
        let whole = node.dims.len() <= MAX_RANK && !node.dims.contains(&0);
        whole && byte_len(node.dtype, &node.dims).is_some()
    };
    let asked = sized(node) && operands.iter().all(|operand| sized(operand));
    asked.then(|| result_dims(node, operands).ok()).flatten()
}

/// Dims as the rules give them, where they give any: a change goes deeper when what follows fits.
fn mend(plan: &mut Plan) {
    for index in 0..plan.nodes.len() {
        let (before, rest) = plan.nodes.split_at_mut(index);
        let node = &mut rest[0];
        let operands: Option<Vec<&Node>> =
            node.inputs.iter().map(|&input| before.get(input as usize)).collect();
        if let Some(operands) = operands
            && let Some(dims) = dims_by_rule(node, &operands)
        {
            node.dims = dims;
        }
    }
}

/// One change, of any field of the plan.
fn change(plan: &mut Plan, pool: &[Plan], choice: &mut Choice<'_>) {
    let count = plan.nodes.len();
    let at = choice.below(count);
    match choice.below(16) {
        0 => plan.version = choice.number() as u16,
        1 => change_data(&mut plan.data, choice),
        2 => change_ports(plan, choice),
        3 if count > 1 => plan.nodes.swap(at, neighbour(at, count)),
        4 if count > 0 => drop(plan.nodes.remove(at)),
        5 if count > 0 => {
            let twin = plan.nodes[at].clone();
            plan.nodes.insert(at, twin);
        }
        6 => plan.nodes.extend(choice.of(pool).and_then(|other| choice.of(&other.nodes)).cloned()),
        _ => {
            if let Some(node) = plan.nodes.get_mut(at) {
                change_node(node, pool, choice);
            }
        }
    }
}

fn neighbour(at: usize, count: usize) -> usize {
    (at + 1) % count
}

fn change_node(node: &mut Node, pool: &[Plan], choice: &mut Choice<'_>) {
    match choice.below(9) {
        0..3 => node.op = changed_opcode(&node.op, choice),
        3 => {
            if let Some(other) = choice.of(pool).and_then(|other| choice.of(&other.nodes)) {
                node.op = other.op.clone();
            }
        }
        4 => node.dtype = DType::ALL[choice.below(DType::ALL.len())],
        5 => change_list(&mut node.inputs, choice),
        _ => change_list(&mut node.dims, choice),
    }
}

/// A list with one element changed, added, removed, or two swapped.
fn change_list(list: &mut Vec<u32>, choice: &mut Choice<'_>) {
    let count = list.len();
    let at = choice.below(count);
    match choice.below(6) {
        0 => list.insert(at, choice.number()),
        1 if count > 0 => drop(list.remove(at)),
        2 if count > 1 => list.swap(at, neighbour(at, count)),
        _ => {
            let number = choice.number();
            if let Some(element) = list.get_mut(at) {
                let near =
                    [element.wrapping_add(1), element.wrapping_sub(1), element.wrapping_mul(2), number];
                *element = near[choice.below(4)];
            }
        }
    }
}

fn change_ports(plan: &mut Plan, choice: &mut Choice<'_>) {
    let count = plan.nodes.len();
    let list = if choice.once_in(2) { &mut plan.inputs } else { &mut plan.outputs };
    let at = choice.below(list.len());
    match choice.below(4) {
        0 => list.push(("extra".into(), choice.below(count + 1) as ValueId)),
        1 if !list.is_empty() => drop(list.remove(at)),
        2 if !list.is_empty() => list[at].0 = "x".repeat(choice.below(300)),
        _ if !list.is_empty() => list[at].1 = choice.below(count + 1) as ValueId,
        _ => {}
    }
}

fn change_data(data: &mut Vec<u8>, choice: &mut Choice<'_>) {
    let at = choice.below(data.len());
    match choice.below(5) {
        0 => data.truncate(at),
        1 => data.extend(std::iter::repeat_n(0xff, choice.below(3 * CONST_ALIGN as usize))),
        _ => {
            let word = choice.number().to_le_bytes();
            let start = at / 4 * 4;
            if let Some(place) = data.get_mut(start..start + 4) {
                place.copy_from_slice(&word);
            }
        }
    }
}

/// An opcode whose encoding differs in a byte or a word, or is another opcode's with these attributes.
fn changed_opcode(op: &Opcode, choice: &mut Choice<'_>) -> Opcode {
    let original = assay_types::codec::encode(op);
    for _ in 0..8 {
        let mut bytes = original.clone();
        let at = choice.below(bytes.len());
        match choice.below(7) {
            0 => bytes[0] = choice.below(96) as u8,
            1 => bytes.insert(at, choice.word() as u8),
            2 => drop(bytes.remove(at)),
            3 => bytes[at] = bytes[at].wrapping_add(1),
            4 => bytes[at] = choice.word() as u8,
            _ => {
                let start = 1 + at.saturating_sub(1) / 4 * 4;
                let word = choice.number().to_le_bytes();
                if let Some(place) = bytes.get_mut(start..start + 4) {
                    place.copy_from_slice(&word);
                }
            }
        }
        let mut reader = &bytes[..];
        if let Ok(op) = <Opcode as borsh::BorshDeserialize>::deserialize_reader(&mut reader) {
            return op;
        }
    }
    op.clone()
}
