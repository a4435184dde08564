//! Text and maps, which a tensor here does not hold, rewritten in the file before tract sees it.
//!
//! Class labels are often text, and converters of scikit-learn put a ZipMap behind them, whose output is a
//! list of maps. The first become positions in the list of labels, the second the tensor of probabilities. Text
//! may only be chosen and moved: whatever else a graph does with it is refused. Text that a model takes in is
//! refused by admission.

use std::collections::BTreeSet;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{GraphProto, NodeProto, TensorProto, TypeProto, ValueInfoProto, type_proto};
use tract_onnx::prelude::*;
use tract_onnx::tract_hir::internal::*;

/// Operators that move their first input without looking at it.
const MOVES: [&str; 8] = [
    "ArrayFeatureExtractor",
    "Flatten",
    "Gather",
    "Identity",
    "Reshape",
    "Squeeze",
    "Transpose",
    "Unsqueeze",
];

const STRING: i32 = DataType::String as i32;

/// Rewrites a graph.
pub fn rewrite(graph: &mut GraphProto) -> TractResult<()> {
    // Names of values that are text in the file, and positions from now on.
    let mut texts = BTreeSet::new();
    for tensor in &mut graph.initializer {
        if tensor.data_type == STRING {
            positions(tensor);
            texts.insert(tensor.name.clone());
        }
    }
    let mut probabilities = BTreeSet::new();
    for node in &mut graph.node {
        if node.op_type == "ZipMap" {
            probabilities.extend(node.output.first().cloned());
            identity(node);
        } else {
            follow(node, &mut texts)?;
        }
    }
    for output in &mut graph.output {
        if texts.contains(&output.name) {
            declare(output, DataType::Int64);
        } else if probabilities.contains(&output.name) {
            declare(output, DataType::Float);
        } else {
            ensure!(elem_type(output) != Some(STRING), "output `{}` is text that is computed", output.name);
        }
    }
    Ok(())
}

fn elem_type(output: &ValueInfoProto) -> Option<i32> {
    let type_proto::Value::TensorType(tensor) = output.r#type.as_ref()?.value.as_ref()?;
    Some(tensor.elem_type)
}

fn declare(output: &mut ValueInfoProto, dtype: DataType) {
    let tensor = type_proto::Tensor { elem_type: dtype as i32, shape: None };
    let value = Some(type_proto::Value::TensorType(tensor));
    output.r#type = Some(TypeProto { value, ..TypeProto::default() });
}

/// A list of texts becomes the positions of its first equal entries.
fn positions(tensor: &mut TensorProto) {
    let texts = std::mem::take(&mut tensor.string_data);
    let mut first = std::collections::BTreeMap::new();
    for (position, text) in texts.iter().enumerate() {
        first.entry(text).or_insert(position as i64);
    }
    tensor.int64_data = texts.iter().map(|text| first.get(text).copied().unwrap_or(0)).collect();
    tensor.data_type = DataType::Int64 as i32;
}

fn identity(node: &mut NodeProto) {
    node.op_type = "Identity".into();
    node.domain = String::new();
    node.attribute.clear();
}

/// Adds to `texts` what a node makes of them.
fn follow(node: &mut NodeProto, texts: &mut BTreeSet<String>) -> TractResult<()> {
    let written =
        |name: &str| node.attribute.iter().any(|found| found.name == name && !found.strings.is_empty());
    let labels =
        written("classlabels_strings") || (node.op_type == "LabelEncoder" && written("values_strings"));
    let mut inputs = node.input.iter().map(|name| texts.contains(name));
    let (first, others) = (inputs.next().unwrap_or(false), inputs.any(|text| text));
    let to_text = node.op_type == "Cast"
        && node.attribute.iter().any(|attribute| attribute.name == "to" && attribute.i == i64::from(STRING));
    ensure!(
        first || !to_text,
        "node `{}` turns numbers into text, which has no place in a tensor here",
        node.name
    );
    if labels || first {
        texts.extend(node.output.first().cloned());
    }
    if to_text {
        identity(node);
        return Ok(());
    }
    ensure!(
        !others && (!first || MOVES.contains(&&*node.op_type)),
        "operator {} takes text: encode it as numbers before the model",
        node.op_type
    );
    Ok(())
}
