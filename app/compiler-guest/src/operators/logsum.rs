//! The logarithm of a sum of exponentials, said in the file itself so that it neither overflows nor underflows.
//!
//! tract takes the exponentials as they are, of which one beyond 88 is infinite. Here the greatest element, held to the
//! finite numbers, is taken off before and put back after, as ONNX Runtime does it.

use super::qlinear::{Writer, integer, kept};
use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::{AttributeProto, GraphProto, NodeProto, TensorProto};

const OPERATOR: &str = "ReduceLogSumExp";

/// Replaces the operator in a graph.
pub fn expand(graph: &mut GraphProto) {
    if !graph.node.iter().any(|node| node.op_type == OPERATOR) {
        return;
    }
    let mut writer = Writer::default();
    for node in std::mem::take(&mut graph.node) {
        match node.input.first() {
            Some(x) if node.op_type == OPERATOR && node.output.len() == 1 => {
                writer.output = node.output[0].clone();
                shifted(&mut writer, &node, x);
            }
            _ => writer.nodes.push(node),
        }
    }
    graph.node = writer.nodes;
}

/// The operator on `x` less its greatest elements, and these again.
fn shifted(writer: &mut Writer, node: &NodeProto, x: &str) {
    let with = |x: &str| -> Vec<String> {
        std::iter::once(x.to_owned()).chain(node.input.iter().skip(1).cloned()).collect()
    };
    let mut spread = kept(node, &["keepdims"]);
    spread.push(integer("keepdims", 1));
    let finite = |writer: &mut Writer, attributes: Vec<AttributeProto>| {
        let greatest = writer.node("ReduceMax", &borrowed(&with(x)), attributes);
        let [low, high] = [f32::MIN, f32::MAX].map(|bound| writer.node("Constant", &[], vec![scalar(bound)]));
        let above = writer.node("Max", &[&greatest, &low], vec![]);
        writer.node("Min", &[&above, &high], vec![])
    };
    let along = finite(writer, spread);
    let rest = writer.node("Sub", &[x, &along], vec![]);
    let sum = writer.node(OPERATOR, &borrowed(&with(&rest)), node.attribute.clone());
    let greatest = finite(writer, node.attribute.clone());
    let output = writer.output.clone();
    writer.push("Add", &[&sum, &greatest], &output, vec![]);
}

fn borrowed(names: &[String]) -> Vec<&str> {
    names.iter().map(String::as_str).collect()
}

fn scalar(value: f32) -> AttributeProto {
    let tensor = TensorProto { data_type: 1, float_data: vec![value], ..TensorProto::default() };
    AttributeProto {
        name: "value".to_owned(),
        r#type: AttributeType::Tensor as i32,
        t: Some(tensor),
        ..AttributeProto::default()
    }
}
