//! Which values need no look before they are factors of products: their opcodes give nothing below the least factor
//! but zero.

use crate::constants::Constants;
use crate::outline::Outline;
use assay_kernels::LEAST_FACTOR;
use assay_plan::{BinaryOp, Node, Opcode, Reducer, UnaryOp};
use assay_types::tensor::DType;

/// What is known of a plan.
type Known<'a> = (&'a Outline, &'a Constants<'a>);

/// Says of each value whether all its elements count.
pub(crate) fn counts(plan: &Outline, constants: &Constants<'_>) -> Vec<bool> {
    let mut list: Vec<bool> = Vec::with_capacity(plan.nodes.len());
    for node in &plan.nodes {
        let counts = node.dtype == DType::F32 && of((plan, constants), node, &list);
        list.push(counts);
    }
    list
}

fn of(plan: Known<'_>, node: &Node, before: &[bool]) -> bool {
    let counts = |operand: usize| node.inputs.get(operand).is_some_and(|&value| before[value as usize]);
    let constant = |operand: usize| node.inputs.get(operand).is_some_and(|&value| all_count(plan, value));
    match &node.op {
        Opcode::Unary(UnaryOp::HardSwish | UnaryOp::Gelu | UnaryOp::GeluTanh) => true,
        Opcode::Unary(UnaryOp::Abs | UnaryOp::Neg) => counts(0),
        // A greatest of x and zero is zero where x does not count.
        Opcode::Binary(BinaryOp::Max) => constant(1) && (counts(0) || not_below_zero(plan, node.inputs[1])),
        Opcode::Binary(BinaryOp::Min) => counts(0) && constant(1),
        Opcode::Reduce { reducer: Reducer::Max | Reducer::Min, .. } => counts(0),
        Opcode::MaxPool(_)
        | Opcode::Reshape
        | Opcode::Permute { .. }
        | Opcode::Slice { .. }
        | Opcode::Broadcast
        | Opcode::Gather { .. } => counts(0),
        Opcode::Concat { .. } => (0..node.inputs.len()).all(counts),
        _ => false,
    }
}

/// The elements of a short constant: longer ones are no bounds.
fn elements<'a>((plan, constants): Known<'a>, value: u32) -> Option<impl Iterator<Item = f32> + use<'a>> {
    const MOST: u64 = 4096;
    let node = &plan.nodes[value as usize];
    let Opcode::Const { offset } = node.op else { return None };
    let len = assay_plan::shape::bytes(node);
    let bytes = if len <= MOST { constants.find((offset, len))? } else { return None };
    Some(bytes.as_chunks().0.iter().map(|&word| f32::from_le_bytes(word)))
}

fn all_count(plan: Known<'_>, value: u32) -> bool {
    elements(plan, value).is_some_and(|mut list| list.all(|x| x == 0.0 || x.abs() >= LEAST_FACTOR))
}

fn not_below_zero(plan: Known<'_>, value: u32) -> bool {
    elements(plan, value).is_some_and(|mut list| list.all(|x| x >= 0.0))
}
