//! What a case is: a small plan with the opcode in it, and inputs for it.
//!
//! A case says what it wants; the plan and its inputs are made when its turn comes, so that the many large ones are
//! never there at once.

mod contraction;
mod convolution;
mod elementwise;
mod fill;
mod integer;
mod movement;
mod rows;
mod scatter;
mod trees;

use assay_plan::{Opcode, Plan, PlanBuilder, ValueId};
use assay_types::tensor::{DType, NamedTensor, Tensor};
pub use fill::Fill;

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

/// One node of a case. The first takes all its operands; each other one takes the value before it, then its own.
pub struct Link {
    pub op: Opcode,
    pub operands: Vec<Operand>,
    pub dtype: DType,
    pub dims: Vec<u32>,
}

/// An opcode at work on one set of shapes, perhaps with the nodes that an executor computes together with it.
pub struct Case {
    /// The opcode, and after a dot what is special.
    pub opcode: String,
    /// The shapes, for people.
    pub shapes: String,
    links: Vec<Link>,
}

/// A case that can run.
pub struct Ready {
    pub plan: Plan,
    pub inputs: Vec<NamedTensor>,
    /// The nodes that are measured.
    pub measured: Vec<u32>,
}

/// Every case.
pub fn all() -> Vec<Case> {
    let mut cases = Vec::new();
    contraction::cases(&mut cases);
    convolution::cases(&mut cases);
    integer::cases(&mut cases);
    rows::cases(&mut cases);
    elementwise::cases(&mut cases);
    movement::cases(&mut cases);
    scatter::cases(&mut cases);
    trees::cases(&mut cases);
    cases
}

/// A case of one node.
pub fn case(
    opcode: &str,
    shapes: &str,
    op: Opcode,
    operands: &[Operand],
    dtype: DType,
    dims: &[u32],
) -> Case {
    let link = Link { op, operands: operands.to_vec(), dtype, dims: dims.to_vec() };
    chain(opcode, shapes, vec![link])
}

/// A case of nodes that follow each other.
pub fn chain(opcode: &str, shapes: &str, links: Vec<Link>) -> Case {
    Case { opcode: opcode.to_owned(), shapes: shapes.to_owned(), links }
}

/// Names as people write them.
pub fn shown(dims: &[u32]) -> String {
    dims.iter().map(u32::to_string).collect::<Vec<_>>().join("x")
}

impl Case {
    pub fn name(&self) -> String {
        format!("{} {}", self.opcode, self.shapes)
    }

    /// The plan and its inputs, with `numbers` in place of [`Fill::Numbers`]. The result of the measured nodes feeds
    /// more nodes, so that it is no output, which would be copied.
    ///
    /// # Errors
    /// What is wrong with the case.
    pub fn ready(&self, numbers: Fill) -> Result<Ready, String> {
        let mut builder = PlanBuilder::new();
        let (mut inputs, mut measured, mut seed) = (Vec::new(), Vec::new(), 0);
        let mut before: Option<ValueId> = None;
        for link in &self.links {
            let mut ids: Vec<ValueId> = before.into_iter().collect();
            for operand in &link.operands {
                seed += 1;
                ids.push(place(&mut builder, &mut inputs, operand, numbers, seed)?);
            }
            let value = builder.push(link.op.clone(), &ids, link.dtype, &link.dims);
            measured.push(value);
            before = Some(value);
        }
        let (Some(value), Some(last)) = (before, self.links.last()) else { return Err("no node".into()) };
        let rest = drain(&mut builder, value, last.dtype, &last.dims);
        builder.output("y", rest);
        room(&mut builder, &inputs);
        let plan = builder.finish().map_err(|error| format!("{}: {error}", self.name()))?;
        Ok(Ready { plan, inputs: inputs.into_iter().map(|(_, input)| input).collect(), measured })
    }
}

/// How often [`room`] names each input again.
const ROOM: usize = 3;

/// Raises the plan's peak, as the rest of a model would: an executor may lay values out anew only as far as the peak
/// allows. The inputs under other names take room by the law, and nothing of a run.
fn room(builder: &mut PlanBuilder, inputs: &[(ValueId, NamedTensor)]) {
    for (from, input) in inputs {
        let (dtype, dims) = (input.tensor.dtype(), input.tensor.dims());
        let again: Vec<ValueId> = (0..ROOM)
            .map(|_| {
                let axes = (0..dims.len() as u8).collect();
                builder.push(Opcode::Permute { axes }, &[*from], dtype, dims)
            })
            .collect();
        for (number, value) in again.into_iter().enumerate() {
            let rest = drain(builder, value, dtype, dims);
            builder.output(&format!("{}.{number}", input.name), rest);
        }
    }
}

fn place(
    builder: &mut PlanBuilder,
    inputs: &mut Vec<(ValueId, NamedTensor)>,
    operand: &Operand,
    numbers: Fill,
    seed: u64,
) -> Result<ValueId, String> {
    let stand_in = |fill: &Fill, dtype: &DType| match (fill, dtype) {
        (Fill::Numbers, DType::F32) => numbers,
        _ => *fill,
    };
    Ok(match operand {
        Operand::Input(dtype, dims, fill) => {
            let fill = stand_in(fill, dtype);
            let name = format!("x{seed}");
            let tensor = Tensor::new(*dtype, dims.clone(), fill.bytes(*dtype, dims, seed));
            let tensor = tensor.map_err(|error| error.to_string())?;
            let id = builder.input(&name, *dtype, dims);
            inputs.push((id, NamedTensor { name, tensor }));
            id
        }
        Operand::Const(dtype, dims, fill) => {
            builder.constant(*dtype, dims, &stand_in(fill, dtype).bytes(*dtype, dims, seed))
        }
        Operand::Table(dims, values) => builder.constant_i32(dims, values),
    })
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
