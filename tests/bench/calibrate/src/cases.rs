//! What a case is: a small plan with the opcode in it, and inputs for it.

use crate::{contraction, elementwise, movement, rows, trees};
use assay_plan::{BinaryOp, Node, Opcode, Plan, PlanBuilder, UnaryOp, ValueId};
use assay_types::tensor::{DType, NamedTensor, Tensor, byte_len};

/// An opcode at work on one set of shapes.
pub struct Case {
    /// The opcode.
    pub opcode: String,
    /// The shapes, for people.
    pub shapes: String,
    pub plan: Plan,
    pub inputs: Vec<NamedTensor>,
}

impl Case {
    pub fn name(&self) -> String {
        format!("{} {}", self.opcode, self.shapes)
    }
}

/// Every case.
pub fn all() -> Vec<Case> {
    let mut cases = Vec::new();
    contraction::cases(&mut cases);
    rows::cases(&mut cases);
    elementwise::cases(&mut cases);
    movement::cases(&mut cases);
    trees::cases(&mut cases);
    cases
}

/// What an operand holds.
#[derive(Clone, Copy)]
pub enum Fill {
    /// Numbers between -2 and 2, all different.
    Numbers,
    /// Indices below this.
    Below(u32),
    /// Subnormal numbers.
    Tiny,
}

/// An operand of the opcode under measurement.
#[derive(Clone)]
pub enum Operand {
    Input(DType, Vec<u32>, Fill),
    Const(DType, Vec<u32>, Fill),
    /// A constant of these i32.
    Table(Vec<u32>, Vec<i32>),
}

/// An input of numbers.
pub fn input(dims: &[u32]) -> Operand {
    Operand::Input(DType::F32, dims.to_vec(), Fill::Numbers)
}

/// A constant of numbers.
pub fn constant(dims: &[u32]) -> Operand {
    Operand::Const(DType::F32, dims.to_vec(), Fill::Numbers)
}

/// Knuth's generator: the same numbers in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 32) as u32
    }
}

fn bytes(dtype: DType, dims: &[u32], fill: Fill, seed: u64) -> Vec<u8> {
    let mut random = Random(seed);
    let count = byte_len(dtype, dims).unwrap_or(0) / dtype.size();
    let mut bytes = Vec::with_capacity(count * dtype.size());
    for _ in 0..count {
        let word = random.next();
        let number = match fill {
            Fill::Numbers => (f64::from(word) / f64::from(u32::MAX) * 4.0 - 2.0) as f32,
            Fill::Below(_) => 0.0,
            Fill::Tiny => f32::from_bits(word >> 10),
        };
        let integer = match fill {
            Fill::Below(limit) => i64::from(((u64::from(word) * u64::from(limit)) >> 32) as u32),
            _ => i64::from(word % 1000) + 1,
        };
        match dtype {
            DType::F32 => bytes.extend(number.to_le_bytes()),
            DType::I64 => bytes.extend(integer.to_le_bytes()),
            DType::I32 => bytes.extend((integer as i32).to_le_bytes()),
            DType::I8 | DType::U8 => bytes.push(word as u8),
            DType::Bool => bytes.push((word >> 7) as u8 & 1),
        }
    }
    bytes
}

/// A case of one node. Its operands come from inputs, which a run does not charge to it; its result feeds one
/// more node, so that it is no output, which would be copied.
pub fn case(
    opcode: &str,
    shapes: &str,
    op: Opcode,
    operands: &[Operand],
    dtype: DType,
    dims: &[u32],
) -> Case {
    let mut builder = PlanBuilder::new();
    let mut inputs = Vec::new();
    let mut ids: Vec<ValueId> = Vec::new();
    for (index, operand) in operands.iter().enumerate() {
        ids.push(match operand {
            Operand::Input(dtype, dims, fill) => {
                let name = format!("x{index}");
                let data = bytes(*dtype, dims, *fill, index as u64 + 1);
                let tensor = Tensor::new(*dtype, dims.clone(), data);
                let tensor = tensor.unwrap_or_else(|error| unreachable!("{opcode} {shapes}: {error}"));
                inputs.push(NamedTensor { name: name.clone(), tensor });
                builder.input(&name, *dtype, dims)
            }
            Operand::Const(dtype, dims, fill) => {
                builder.constant(*dtype, dims, &bytes(*dtype, dims, *fill, index as u64 + 1))
            }
            Operand::Table(dims, values) => builder.constant_i32(dims, values),
        });
    }
    let value = builder.push(op, &ids, dtype, dims);
    let rest = drain(&mut builder, value, dtype, dims);
    builder.output("y", rest);
    let plan = builder.finish().unwrap_or_else(|error| unreachable!("{opcode} {shapes}: {error}"));
    Case { opcode: opcode.to_owned(), shapes: shapes.to_owned(), plan, inputs }
}

/// One element of a value, so that the output is small.
fn drain(builder: &mut PlanBuilder, value: ValueId, dtype: DType, dims: &[u32]) -> ValueId {
    let mut value = value;
    let mut dims = dims.to_vec();
    for axis in 0..dims.len() {
        if dims[axis] > 1 {
            dims[axis] = 1;
            let op = Opcode::Slice { axis: axis as u8, start: 0, step: 1 };
            value = builder.push(op, &[value], dtype, &dims);
        }
    }
    value
}

/// Whether a node is the one under measurement.
pub fn is_measured(case: &Case, node: &Node) -> bool {
    let name = case.opcode.split('.').next().unwrap_or_default();
    node.op.name() == name && !matches!(node.op, Opcode::Const { .. } | Opcode::Input)
}

/// Names as people write them.
pub fn shown(dims: &[u32]) -> String {
    dims.iter().map(u32::to_string).collect::<Vec<_>>().join("x")
}

/// Shorter spellings for the files beside this one.
pub fn unary(op: UnaryOp) -> Opcode {
    Opcode::Unary(op)
}

/// As [`unary`].
pub fn binary(op: BinaryOp) -> Opcode {
    Opcode::Binary(op)
}
