//! LSTM, GRU and RNN as one opaque operator each, unrolled by the lowering.
//!
//! tract builds a Scan of them, forwards only and with the standard activations, and passes over what it does
//! not know. Here every attribute is read or refused.

use tract_onnx::model::{ParsingContext, optional_inputs, optional_outputs};
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

/// What a step computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cell {
    Lstm,
    /// Whether the reset gate multiplies after the product with the recurrence weights.
    Gru {
        linear_before_reset: bool,
    },
    Rnn,
}

impl Cell {
    /// Gates, each a block of rows of the weights.
    pub fn gates(self) -> usize {
        match self {
            Cell::Lstm => 4,
            Cell::Gru { .. } => 3,
            Cell::Rnn => 1,
        }
    }

    fn activations(self) -> &'static [&'static str] {
        match self {
            Cell::Lstm => &["sigmoid", "tanh", "tanh"],
            Cell::Gru { .. } => &["sigmoid", "tanh"],
            Cell::Rnn => &["tanh"],
        }
    }
}

/// A function between gates; numbers are bits of alpha and beta.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    Sigmoid,
    Tanh,
    Relu,
    Affine(u32, u32),
    LeakyRelu(u32),
    ThresholdedRelu(u32),
    ScaledTanh(u32, u32),
    HardSigmoid(u32, u32),
    Elu(u32),
    Softsign,
    Softplus,
}

/// Where an input stands among those that are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Inputs {
    pub bias: Option<usize>,
    pub lengths: Option<usize>,
    pub hidden: Option<usize>,
    pub cell: Option<usize>,
    pub peepholes: Option<usize>,
}

/// A whole recurrence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recurrence {
    pub cell: Cell,
    pub hidden: usize,
    /// For each direction: whether it runs backwards, and its activations.
    pub directions: Vec<(bool, Vec<Activation>)>,
    /// Bits of the bound of what enters an activation.
    pub clip: Option<u32>,
    /// The batch comes before the steps.
    pub batch_first: bool,
    /// Inputs and states are quantised, each by what is in it, before their products with the weights.
    pub dynamic: bool,
    pub inputs: Inputs,
    /// Which of Y, Y_h, Y_c are there.
    pub outputs: [bool; 3],
}

type Parsed = TractResult<(Box<dyn InferenceOp>, Vec<String>)>;

pub fn lstm(_context: &ParsingContext, node: &NodeProto) -> Parsed {
    parse(node, Cell::Lstm)
}

/// The operator that a LSTM becomes whose inputs and states are quantised before their products; put into the
/// file by [`super::qlinear`], known to no one else.
pub const DYNAMIC_LSTM: &str = "assay.DynamicLSTM";

pub fn dynamic_lstm(_context: &ParsingContext, node: &NodeProto) -> Parsed {
    Ok((expand(Recurrence { dynamic: true, ..recurrence(node, Cell::Lstm)? }), vec![]))
}

pub fn gru(_context: &ParsingContext, node: &NodeProto) -> Parsed {
    let linear_before_reset = node.get_attr_opt::<i64>("linear_before_reset")?.unwrap_or(0) != 0;
    parse(node, Cell::Gru { linear_before_reset })
}

pub fn rnn(_context: &ParsingContext, node: &NodeProto) -> Parsed {
    parse(node, Cell::Rnn)
}

fn parse(node: &NodeProto, cell: Cell) -> Parsed {
    Ok((expand(recurrence(node, cell)?), vec![]))
}

fn recurrence(node: &NodeProto, cell: Cell) -> TractResult<Recurrence> {
    let backwards: &[bool] = match node.get_attr_opt::<&str>("direction")? {
        None | Some("forward") => &[false],
        Some("reverse") => &[true],
        Some("bidirectional") => &[false, true],
        Some(other) => bail!("the direction {other} is not supported"),
    };
    let mut activations = activations(node, cell, backwards.len())?.into_iter();
    let each = cell.activations().len();
    let directions =
        backwards.iter().map(|&back| (back, activations.by_ref().take(each).collect())).collect();
    let mut inputs = optional_inputs(node).skip(3);
    let mut next = || inputs.next().flatten();
    let inputs = Inputs { bias: next(), lengths: next(), hidden: next(), cell: next(), peepholes: next() };
    let mut outputs = optional_outputs(node);
    let mut next = || outputs.next().flatten().is_some();
    let outputs = [next(), next(), next()];
    let hidden = node.get_attr::<usize>("hidden_size")?;
    ensure!((1..=1 << 16).contains(&hidden), "hidden_size is 1 to 65536");
    let clip = node.get_attr_opt::<f32>("clip")?;
    ensure!(clip.is_none_or(|clip| clip > 0.0), "a clip is above 0");
    let clip = clip.map(f32::to_bits);
    let batch_first = node.get_attr_opt::<i64>("layout")?.unwrap_or(0) != 0;
    Ok(Recurrence { cell, hidden, directions, clip, batch_first, dynamic: false, inputs, outputs })
}

/// The activations of all directions; `activation_alpha` and `activation_beta` go to those that take one, in
/// order.
fn activations(node: &NodeProto, cell: Cell, directions: usize) -> TractResult<Vec<Activation>> {
    let named = node.get_attr_opt_tvec::<&str>("activations")?.unwrap_or_default();
    let names: Vec<String> = if named.is_empty() {
        cell.activations().repeat(directions).into_iter().map(str::to_owned).collect()
    } else {
        named.iter().map(|name| name.to_ascii_lowercase()).collect()
    };
    let expected = cell.activations().len() * directions;
    ensure!(names.len() == expected, "{} activations where {expected} are needed", names.len());
    let mut alphas = node.get_attr_opt_slice::<f32>("activation_alpha")?.unwrap_or_default().iter().copied();
    let mut betas = node.get_attr_opt_slice::<f32>("activation_beta")?.unwrap_or_default().iter().copied();
    // Where ONNX names no default the file must name the number.
    let given = |name: &str, number: Option<f32>| {
        number.map(f32::to_bits).with_context(|| format!("the activation {name} needs its alpha and beta"))
    };
    let activation = |name: &String| {
        let mut alpha = |usual: Option<f32>| given(name, alphas.next().or(usual));
        let mut beta = |usual: Option<f32>| given(name, betas.next().or(usual));
        Ok(match name.as_str() {
            "sigmoid" => Activation::Sigmoid,
            "tanh" => Activation::Tanh,
            "relu" => Activation::Relu,
            "affine" => Activation::Affine(alpha(None)?, beta(None)?),
            "leakyrelu" => Activation::LeakyRelu(alpha(Some(0.01))?),
            "thresholdedrelu" => Activation::ThresholdedRelu(alpha(None)?),
            "scaledtanh" => Activation::ScaledTanh(alpha(None)?, beta(None)?),
            "hardsigmoid" => Activation::HardSigmoid(alpha(Some(0.2))?, beta(Some(0.5))?),
            "elu" => Activation::Elu(alpha(Some(1.0))?),
            "softsign" => Activation::Softsign,
            "softplus" => Activation::Softplus,
            other => bail!("the activation {other} is not supported"),
        })
    };
    names.iter().map(activation).collect()
}

impl Recurrence {
    /// Dims of Y, Y_h and Y_c.
    fn shapes(&self, x: &[TDim]) -> [TVec<TDim>; 3] {
        let (ways, hidden) = (self.directions.len().to_dim(), self.hidden.to_dim());
        let (y, state) = if self.batch_first {
            (
                tvec!(x[0].clone(), x[1].clone(), ways.clone(), hidden.clone()),
                tvec!(x[0].clone(), ways, hidden),
            )
        } else {
            (
                tvec!(x[0].clone(), ways.clone(), x[1].clone(), hidden.clone()),
                tvec!(ways, x[1].clone(), hidden),
            )
        };
        [y, state.clone(), state]
    }

    fn present(&self) -> impl Iterator<Item = usize> {
        let outputs = self.outputs;
        (0..3).filter(move |&slot| outputs[slot])
    }
}

impl Expansion for Recurrence {
    fn name(&self) -> StaticName {
        Op::name(self)
    }

    fn nboutputs(&self) -> TractResult<usize> {
        Ok(self.present().count())
    }

    fn runs_out_of_plan(&self) -> bool {
        false
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        solver: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        ensure!(inputs.len() >= 3, "a recurrence has X, W and R");
        solver.equals(&inputs[0].rank, 3)?;
        for output in outputs {
            solver.equals(&output.datum_type, f32::datum_type())?;
        }
        solver.given(&inputs[0].shape, move |solver, x| {
            ensure!(x.len() == 3, "a recurrence runs over a tensor of rank 3");
            let shapes = self.shapes(&x);
            for (output, slot) in outputs.iter().zip(self.present()) {
                solver.equals(&output.shape, shapes[slot].clone())?;
            }
            Ok(())
        })
    }

    fn wire(&self, prefix: &str, model: &mut TypedModel, inputs: &[OutletId]) -> TractResult<TVec<OutletId>> {
        model.wire_node(prefix, self.clone(), inputs)
    }
}

impl Op for Recurrence {
    fn name(&self) -> StaticName {
        match self.cell {
            Cell::Lstm => "LSTM".into(),
            Cell::Gru { .. } => "GRU".into(),
            Cell::Rnn => "RNN".into(),
        }
    }

    op_as_typed_op!();
}

impl EvalOp for Recurrence {
    // Never folded: it is the plan's to compute.
    not_out_of_plan!();
}

impl TypedOp for Recurrence {
    as_op!();

    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let x = inputs.first().context("a recurrence without input")?;
        ensure!(x.rank() == 3, "a recurrence runs over a tensor of rank 3");
        let shapes = self.shapes(&x.shape.to_tvec());
        Ok(self.present().map(|slot| f32::fact(&*shapes[slot])).collect())
    }
}
