//! QuantizeLinear, DequantizeLinear, DynamicQuantizeLinear and what integer products end in, as operators
//! that tract sees the facts of and never the values.
//!
//! Being out of reach of constant folding keeps weights in the bytes that the file has, and being no
//! elementwise operator keeps tract's own quantised rewritings away, which are not exact. What they compute
//! is written where they are lowered.

use tract_onnx::model::{OnnxOpRegister, ParsingContext};
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_core::ops::cast::cast;
use tract_onnx::tract_core::ops::change_axes::AxisOp;
use tract_onnx::tract_hir::internal::*;

type Parsed = TractResult<(Box<dyn InferenceOp>, Vec<String>)>;

/// The operator that takes a product of values dequantised with the scale 1 back to its integers; put into
/// the file by [`super::qlinear`], known to no one else.
pub const INTEGERS: &str = "assay.Integers";

/// What an opaque operator does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// f32 to u8 or i8. Operands: x, scale, zero point.
    Quantize,
    /// u8, i8 or i32 to f32. Operands: q, scale, zero point.
    Dequantize,
    /// f32 to u8 with the scale and the zero point that fit, which are the second and third result.
    Dynamic,
    /// An integer product that has passed as f32 to i32.
    Integers,
}

/// An opaque operator. Scale and zero point have a rank of at most 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quant {
    /// What it does.
    pub kind: Kind,
    /// The axis of x along which scale or zero point vary, if one does.
    pub axis: Option<usize>,
    /// The element type of the first result.
    pub to: DatumType,
}

impl Op for Quant {
    fn name(&self) -> StaticName {
        match self.kind {
            Kind::Quantize => "QuantizeLinear".into(),
            Kind::Dequantize => "DequantizeLinear".into(),
            Kind::Dynamic => "DynamicQuantizeLinear".into(),
            Kind::Integers => "Integers".into(),
        }
    }

    op_as_typed_op!();
}

impl EvalOp for Quant {
    not_out_of_plan!();
}

impl TypedOp for Quant {
    as_op!();

    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let shape = inputs.first().context("a quantisation without input")?.shape.clone();
        let mut facts = tvec!(self.to.fact(shape));
        if self.kind == Kind::Dynamic {
            facts.push(f32::fact([0usize; 0]));
            facts.push(u8::fact([0usize; 0]));
        }
        Ok(facts)
    }

    /// x and the first result share every axis; the other operands and results have their own.
    fn axes_mapping(&self, inputs: &[&TypedFact], outputs: &[&TypedFact]) -> TractResult<AxesMapping> {
        let mut mapping = AxesMapping::disconnected(inputs, outputs)?;
        for axis in 0..inputs.first().map_or(0, |fact| fact.rank()) {
            mapping = mapping.linking((InOut::In(0), axis), (InOut::Out(0), axis))?;
        }
        Ok(mapping)
    }

    /// An axis of x that is moved, added or removed passes through.
    fn change_axes(
        &self,
        _model: &TypedModel,
        _node: &TypedNode,
        io: InOut,
        change: &AxisOp,
    ) -> TractResult<Option<AxisChangeConsequence>> {
        if !matches!(io, InOut::In(0) | InOut::Out(0)) || matches!(change, AxisOp::Reshape(..)) {
            return Ok(None);
        }
        let axis = match self.axis.map(|axis| change.transform_axis(axis)) {
            None => None,
            Some(Some(axis)) => Some(axis),
            Some(None) => return Ok(None),
        };
        Ok(Some(AxisChangeConsequence {
            substitute_op: Some(Box::new(Quant { axis, ..self.clone() })),
            wire_changes: tvec!((InOut::In(0), change.clone()), (InOut::Out(0), change.clone())),
        }))
    }
}

/// The node of the file, before element types and shapes are known.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Node {
    kind: Kind,
    axis: i64,
    zero_point: bool,
    /// The result of a quantisation without a zero point.
    to: DatumType,
}

impl Expansion for Node {
    fn name(&self) -> StaticName {
        "Quantisation".into()
    }

    fn nboutputs(&self) -> TractResult<usize> {
        Ok(if self.kind == Kind::Dynamic { 3 } else { 1 })
    }

    // Else inference would compute constants before there is a typed graph.
    fn runs_out_of_plan(&self) -> bool {
        false
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        solver: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        let scaled = matches!(self.kind, Kind::Quantize | Kind::Dequantize);
        check_input_arity(inputs, if scaled { 2 + usize::from(self.zero_point) } else { 1 })?;
        check_output_arity(outputs, self.nboutputs()?)?;
        solver.equals(&inputs[0].shape, &outputs[0].shape)?;
        if scaled {
            solver.equals(&inputs[1].datum_type, f32::datum_type())?;
        }
        match self.kind {
            Kind::Quantize if self.zero_point => solver.equals(&outputs[0].datum_type, &inputs[2].datum_type),
            Kind::Quantize => solver.equals(&outputs[0].datum_type, self.to),
            Kind::Dequantize => {
                if self.zero_point {
                    solver.equals(&inputs[0].datum_type, &inputs[2].datum_type)?;
                }
                solver.equals(&outputs[0].datum_type, f32::datum_type())
            }
            Kind::Dynamic => {
                solver.equals(&inputs[0].datum_type, f32::datum_type())?;
                solver.equals(&outputs[0].datum_type, u8::datum_type())?;
                solver.equals(&outputs[1].datum_type, f32::datum_type())?;
                solver.equals(&outputs[1].rank, 0)?;
                solver.equals(&outputs[2].datum_type, u8::datum_type())?;
                solver.equals(&outputs[2].rank, 0)
            }
            Kind::Integers => {
                solver.equals(&inputs[0].datum_type, f32::datum_type())?;
                solver.equals(&outputs[0].datum_type, i32::datum_type())
            }
        }
    }

    fn wire(&self, prefix: &str, model: &mut TypedModel, inputs: &[OutletId]) -> TractResult<TVec<OutletId>> {
        match self.kind {
            Kind::Dynamic => {
                let op = Quant { kind: self.kind, axis: None, to: u8::datum_type() };
                return model.wire_node(prefix, op, &[inputs[0]]);
            }
            Kind::Integers => {
                let op = Quant { kind: self.kind, axis: None, to: i32::datum_type() };
                return model.wire_node(prefix, op, &[inputs[0]]);
            }
            _ => {}
        }
        let quantise = self.kind == Kind::Quantize;
        let mut x = inputs[0];
        let from = model.outlet_fact(x)?.datum_type;
        if quantise && from != f32::datum_type() {
            ensure!(from == i32::datum_type(), "a quantisation of {from:?} is not supported");
            x = model.wire_node(format!("{prefix}.f32"), cast(f32::datum_type()), &[x])?[0];
        }
        let zero = match inputs.get(2) {
            Some(zero) => *zero,
            None => {
                let zero = Tensor::zero_scalar_dt(if quantise { self.to } else { from })?;
                model.add_const(format!("{prefix}.zero_point"), zero)?
            }
        };
        let scale = vector(model, &format!("{prefix}.scale"), inputs[1])?;
        let zero = vector(model, &format!("{prefix}.zero"), zero)?;
        let [x_fact, scale_fact, zero_fact] =
            [model.outlet_fact(x)?, model.outlet_fact(scale)?, model.outlet_fact(zero)?];
        let whole = zero_fact.datum_type;
        let bytes = [u8::datum_type(), i8::datum_type()].contains(&whole);
        ensure!(
            bytes || (!quantise && whole == i32::datum_type()),
            "a quantisation to {whole:?} is not supported: use u8 or i8"
        );
        let axis = self.varying(x_fact, [scale_fact, zero_fact])?;
        let to = if quantise { whole } else { f32::datum_type() };
        model.wire_node(prefix, Quant { kind: self.kind, axis, to }, &[x, scale, zero])
    }
}

/// A scale or zero point without leading axes of one step.
fn vector(model: &mut TypedModel, name: &str, mut value: OutletId) -> TractResult<OutletId> {
    while model.outlet_fact(value)?.rank() > 1 && model.outlet_fact(value)?.shape[0] == 1.to_dim() {
        let rank = model.outlet_fact(value)?.rank();
        value = model.wire_node(format!("{name}.{rank}"), AxisOp::Rm(0), &[value])?[0];
    }
    Ok(value)
}

impl Node {
    /// The axis along which scale or zero point vary.
    fn varying(&self, x: &TypedFact, parameters: [&TypedFact; 2]) -> TractResult<Option<usize>> {
        let single = |fact: &TypedFact| fact.shape.volume() == 1.to_dim();
        if parameters.iter().all(|fact| single(fact)) {
            return Ok(None);
        }
        let rank = i64::try_from(x.rank())?;
        let axis = if self.axis < 0 { self.axis + rank } else { self.axis };
        ensure!((0..rank).contains(&axis), "the axis of a quantisation is out of range");
        let axis = usize::try_from(axis)?;
        for fact in parameters {
            ensure!(single(fact) || fact.rank() == 1, "quantisation in blocks is not supported");
            ensure!(
                single(fact) || fact.shape[0] == x.shape[axis],
                "a scale or zero point for each element along an axis, of another length than the axis"
            );
        }
        Ok(Some(axis))
    }
}

fn parse(kind: Kind, node: &NodeProto) -> Parsed {
    ensure!(
        node.get_attr_opt::<i64>("block_size")?.unwrap_or(0) == 0,
        "quantisation in blocks is not supported"
    );
    let to = match node.get_attr_opt::<i64>("output_dtype")?.unwrap_or(0) {
        0 if kind == Kind::Quantize => u8::datum_type(),
        0 => f32::datum_type(),
        1 if kind == Kind::Dequantize => f32::datum_type(),
        2 if kind == Kind::Quantize => u8::datum_type(),
        3 if kind == Kind::Quantize => i8::datum_type(),
        _ => bail!("quantisation between other types than f32 and u8 or i8 is not supported"),
    };
    let inputs = node.input.iter().filter(|name| !name.is_empty()).count();
    let axis = node.get_attr_opt::<i64>("axis")?.unwrap_or(1);
    Ok((expand(Node { kind, axis, zero_point: inputs == 3, to }), vec![]))
}

/// Puts the operators in the place of tract's.
pub fn register(register: &mut OnnxOpRegister) {
    register.insert("QuantizeLinear", |_: &ParsingContext, node| parse(Kind::Quantize, node));
    register.insert("DequantizeLinear", |_: &ParsingContext, node| parse(Kind::Dequantize, node));
    register.insert("DynamicQuantizeLinear", |_: &ParsingContext, node| parse(Kind::Dynamic, node));
    register.insert(INTEGERS, |_: &ParsingContext, node| parse(Kind::Integers, node));
}
