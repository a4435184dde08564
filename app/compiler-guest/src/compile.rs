//! The way from the file to the plan: decode, fix the inputs' shapes, let tract simplify, lower, validate.

use crate::{decode, lower, operators, text};
use assay_plan::Plan;
use assay_types::codec;
use assay_types::limits::MAX_PORTS;
use assay_types::tensor::{DType, InputShape};
use std::collections::BTreeMap;
use tract_onnx::pb::tensor_shape_proto::{Dimension, dimension};
use tract_onnx::pb::{GraphProto, ModelProto, TensorShapeProto, ValueInfoProto, type_proto};
use tract_onnx::prelude::*;
use tract_onnx::tract_hir::internal::*;

/// Bytes of the encoded shapes, at most.
const MAX_SHAPES_BYTES: usize = 64 * 1024;
/// Bytes of a reason that are returned.
const MAX_REASON_BYTES: usize = 1500;

/// Compiles a file with the given shapes (the borsh list of [`InputShape`]) to a plan's canonical bytes.
///
/// # Errors
/// A reason for the model's author.
pub fn compile(onnx: Vec<u8>, shapes: &[u8]) -> Result<Vec<u8>, String> {
    let shapes: Vec<InputShape> =
        codec::decode(shapes, MAX_SHAPES_BYTES).map_err(|error| error.to_string())?;
    let plan = lowered(onnx, &shapes).map_err(|error| shorten(format!("{error:#}")))?;
    let valid = plan.validate().map_err(|error| error.to_string())?;
    Ok(valid.into_plan().into_bytes())
}

fn shorten(mut reason: String) -> String {
    let mut end = reason.len().min(MAX_REASON_BYTES);
    while !reason.is_char_boundary(end) {
        end -= 1;
    }
    reason.truncate(end);
    reason
}

/// The names of a graph's inputs and outputs, and the element types that the file declares for outputs.
pub struct Ports {
    /// Inputs without those that an initializer gives a value, in declared order.
    pub inputs: Vec<String>,
    /// Outputs in declared order, with the declared element type where it is one of ours.
    pub outputs: Vec<(String, Option<DType>)>,
}

fn lowered(onnx: Vec<u8>, shapes: &[InputShape]) -> TractResult<Plan> {
    let decode::Decoded { model: mut proto, room } = decode::model(&onnx, 2 * lower::HEAD)?;
    drop(onnx);
    let own = proto.opset_import.iter().find(|set| set.domain.is_empty() || set.domain == "ai.onnx");
    let opset = own.map_or(1, |set| set.version);
    let graph = proto.graph.as_mut().context("the file has no graph")?;
    text::rewrite(graph)?;
    let ports = prepare(graph, shapes)?;
    operators::logsum::expand(graph);
    operators::qlinear::expand(graph, opset)?;
    let mut framework = tract_onnx::onnx().with_ignore_output_shapes(true).with_ignore_value_info(true);
    operators::register(&mut framework.op_register);
    let constants = place_initializers(&mut proto);
    let model = framework.model_for_proto_model(&proto)?;
    drop((proto, room));
    // The plan's constants go where those of the file were, before anything else does.
    let mut lowering = lower::Lowering::default();
    lowering.reserve(constants);
    let model = model.into_typed()?.into_decluttered()?;
    lower::lower(model, &ports, lowering)
}

/// Puts the file's constants in the order of their size, and says how many bytes they have. tract copies them one by
/// one into the hole that the file itself has left; so the last, which may not fit there any more, are small.
fn place_initializers(proto: &mut ModelProto) -> usize {
    let Some(graph) = proto.graph.as_mut() else { return 0 };
    graph.initializer.sort_by_key(|tensor| std::cmp::Reverse(tensor.raw_data.len()));
    graph.initializer.iter().map(|tensor| tensor.raw_data.len()).sum()
}

/// Fixes the inputs' dims in the file itself, so that tract never sees an open one.
fn prepare(graph: &mut GraphProto, shapes: &[InputShape]) -> TractResult<Ports> {
    let given: BTreeMap<&str, &InputShape> =
        shapes.iter().map(|shape| (shape.name.as_str(), shape)).collect();
    let initialized: Vec<&str> = graph.initializer.iter().map(|tensor| tensor.name.as_str()).collect();
    let mut inputs = Vec::new();
    for input in &mut graph.input {
        if initialized.contains(&input.name.as_str()) {
            continue;
        }
        fix(input, given.get(input.name.as_str()).copied())?;
        inputs.push(input.name.clone());
    }
    let outputs: Vec<_> = graph.output.iter().map(|output| (output.name.clone(), declared(output))).collect();
    ensure!(inputs.len() <= MAX_PORTS && outputs.len() <= MAX_PORTS, "too many inputs or outputs");
    Ok(Ports { inputs, outputs })
}

fn fix(input: &mut ValueInfoProto, given: Option<&InputShape>) -> TractResult<()> {
    let value = input.r#type.as_mut().and_then(|proto| proto.value.as_mut());
    let Some(type_proto::Value::TensorType(tensor)) = value else {
        bail!("input `{}` is not a tensor", input.name);
    };
    if let Some(given) = given {
        let dim = |&dim: &u32| Dimension {
            value: Some(dimension::Value::DimValue(i64::from(dim))),
            denotation: String::new(),
        };
        tensor.shape = Some(TensorShapeProto { dim: given.dims.iter().map(dim).collect() });
        return Ok(());
    }
    let open = |dim: &Dimension| !matches!(dim.value, Some(dimension::Value::DimValue(1..)));
    match &tensor.shape {
        Some(shape) if !shape.dim.iter().any(open) => Ok(()),
        // A scalar has no dims, and neither has a tensor whose shape the file does not say.
        None => Ok(tensor.shape = Some(TensorShapeProto::default())),
        Some(_) => bail!("input `{0}` has an open dimension: give --shape {0}=...", input.name),
    }
}

/// The element type that the file declares.
fn declared(output: &ValueInfoProto) -> Option<DType> {
    let value = output.r#type.as_ref()?.value.as_ref()?;
    let type_proto::Value::TensorType(tensor) = value;
    match tensor.elem_type {
        1 => Some(DType::F32),
        2 => Some(DType::U8),
        3 => Some(DType::I8),
        6 => Some(DType::I32),
        7 => Some(DType::I64),
        9 => Some(DType::Bool),
        _ => None,
    }
}
