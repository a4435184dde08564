//! One node, made ready: what can be worked out from shapes is worked out once.

use crate::conv::{self, Conv};
use crate::einsum::Einsum;
use crate::executable::Failed;
use crate::integer::{ConvInt, EinsumInt};
use crate::quant;
use crate::rows::{self, Rows};
use crate::view::View;
use crate::{along, cast, elementwise, movement, scatter, trees};
use assay_kernels::{Forest, Pool, couple, max_pool, sum_pool};
use assay_plan::Node;
use assay_plan::Opcode;
use assay_plan::memory::einsum_loops;
use assay_plan::walk::Walk;
use assay_types::tensor::DType;

// The validator checks tables by these, the kernels walk by theirs.
const _: () = assert!(
    assay_plan::LEAF == assay_kernels::LEAF
        && assay_plan::NAN_IS_TRUE == assay_kernels::NAN_IS_TRUE
        && assay_plan::LAST_COMPARISON == assay_kernels::LAST_COMPARISON
);

/// What to do when a node's turn comes.
#[derive(Debug)]
pub(crate) enum Step {
    /// Nothing: the value is where its operand is, or in the plan.
    Nothing,
    /// Copy an input of the run.
    Input(usize),
    Einsum(Box<Einsum>),
    Conv(Box<Conv>),
    Pool(Box<Pool>),
    Copy(Box<Walk<1>>),
    Pairs(Box<Walk<2>>),
    Select(Box<Walk<3>>),
    Scaled(Box<Walk<3>>),
    EinsumInt(Box<EinsumInt>),
    ConvInt(Box<ConvInt>),
    Rows(Box<Rows>),
    /// Trees, laid out when the plan was loaded if they could be.
    Trees(Option<Box<Forest>>),
    /// Everything follows from the node.
    Plain,
}

impl Step {
    pub(crate) fn new(node: &Node, operands: &[&Node]) -> Self {
        match &node.op {
            Opcode::Const { .. } | Opcode::Reshape | Opcode::Input => Step::Nothing,
            Opcode::Einsum { a, b, out } => {
                Step::Einsum(Box::new(Einsum::new(einsum_loops(node, operands, [a, b, out]))))
            }
            Opcode::Conv2d { window, groups } => {
                Step::Conv(Box::new(Conv::new(node, operands, window, *groups)))
            }
            Opcode::MaxPool(window) | Opcode::SumPool { window, .. } => {
                Step::Pool(Box::new(conv::pool(node, operands[0], window)))
            }
            Opcode::Permute { .. } | Opcode::Slice { .. } | Opcode::Broadcast => {
                Step::Copy(Box::new(Walk::of_copy(node, operands[0])))
            }
            Opcode::Binary(_) | Opcode::Compare(_) => {
                Step::Pairs(Box::new(Walk::elementwise(node, [operands[0], operands[1]])))
            }
            Opcode::Select => {
                Step::Select(Box::new(Walk::elementwise(node, [operands[0], operands[1], operands[2]])))
            }
            Opcode::Quantize | Opcode::Dequantize | Opcode::Requantize => {
                Step::Scaled(Box::new(Walk::elementwise(node, [operands[0], operands[1], operands[2]])))
            }
            Opcode::EinsumInt { a, b, out } => {
                Step::EinsumInt(Box::new(EinsumInt::new(node, operands, [a, b, out])))
            }
            Opcode::Conv2dInt { window, groups } => Step::ConvInt(Box::new(ConvInt::new(window, *groups))),
            Opcode::Reduce { axes, .. }
            | Opcode::Softmax { axes }
            | Opcode::LogSoftmax { axes }
            | Opcode::RmsNorm { axes, .. } => Step::Rows(Box::new(Rows::new(operands[0], axes))),
            Opcode::TreeEnsemble { .. } => Step::Trees(None),
            _ => Step::Plain,
        }
    }

    pub(crate) fn run(&self, view: &mut View<'_>) -> Result<(), Failed> {
        match self {
            Step::Nothing => {}
            Step::Input(position) => {
                view.result::<u8>().copy_from_slice(view.input(*position).tensor.data());
            }
            Step::Einsum(einsum) => einsum.run(view),
            Step::Conv(conv) => conv.run(view),
            Step::Pool(geometry) => pool(geometry, view),
            Step::Copy(walk) => movement::run_copy(walk, view),
            Step::Pairs(walk) => match view.node().op {
                Opcode::Compare(op) => elementwise::compare(walk, view, op),
                Opcode::Binary(op) => elementwise::binary(walk, view, op)?,
                _ => {}
            },
            Step::Select(walk) => elementwise::select(walk, view),
            Step::Scaled(walk) => quant::scaled(walk, view),
            Step::EinsumInt(einsum) => einsum.run(view),
            Step::ConvInt(conv) => conv.run(view),
            Step::Rows(rows) => match view.node().op {
                Opcode::Reduce { reducer, .. } => rows.reduce(view, reducer),
                _ => rows.function(view),
            },
            Step::Trees(forest) => trees::run(view, forest.as_deref()),
            Step::Plain => plain(view)?,
        }
        Ok(())
    }
}

fn plain(view: &mut View<'_>) -> Result<(), Failed> {
    match &view.node().op {
        Opcode::Concat { axis } => movement::concat(view, *axis),
        Opcode::Gather { axis } => movement::gather(view, *axis)?,
        Opcode::GatherElements { axis } => movement::gather_elements(view, *axis)?,
        Opcode::Pad { before, mode, .. } => movement::pad(view, before, *mode),
        Opcode::Cast => cast::cast(view),
        Opcode::ArgMax { axis, last } => rows::arg(view, *axis, true, *last),
        Opcode::ArgMin { axis, last } => rows::arg(view, *axis, false, *last),
        Opcode::Unary(op) => elementwise::unary(view, *op),
        Opcode::Lookup => quant::lookup(view),
        Opcode::CumSum { axis, exclusive, reverse } => along::cum_sum(view, *axis, *exclusive, *reverse),
        Opcode::TopK { axis, largest, .. } => along::top_k(view, *axis, *largest),
        Opcode::ScatterElements { axis, reduction } => scatter::elements(view, *axis, *reduction)?,
        Opcode::ScatterNd { reduction } => scatter::nd(view, *reduction)?,
        Opcode::GatherNd { batch } => scatter::gather_nd(view, *batch)?,
        Opcode::Couple { classes } => couple_pairs(view, *classes as usize),
        _ => unreachable!("every other opcode has a step of its own"),
    }
    Ok(())
}

fn pool(geometry: &Pool, view: &mut View<'_>) {
    match view.node().op {
        Opcode::SumPool { divisor, .. } => {
            let divisor = conv::divisor(divisor);
            sum_pool(view.isa(), geometry, divisor, view.operand(0), view.result());
        }
        _ if view.node().dtype != DType::F32 => quant::max_pool(geometry, view),
        _ => max_pool(view.isa(), geometry, view.operand(0), view.result()),
    }
}

fn couple_pairs(view: &mut View<'_>, classes: usize) {
    let scratch = view.scratch(classes * (classes + 1));
    couple(classes, view.operand(0), view.result(), scratch);
}
