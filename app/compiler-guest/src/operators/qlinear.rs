//! Quantised operators that take integers and give integers, said in the file itself as what they are: their
//! operands dequantised, the operator on numbers, the result quantised.
//!
//! So one form is left, in which the lowering finds the integer products, and tract's front end reads shapes,
//! padding and axes as for any model. This runs on the file before tract sees it, touches only the operators
//! below, and checks what the plain operators do not check.

use super::quant::INTEGERS;
use super::recurrent::DYNAMIC_LSTM;
use std::collections::BTreeMap;
use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::{AttributeProto, GraphProto, NodeProto, TensorProto};
use tract_onnx::tract_hir::internal::*;

/// The scale of integers that pass as numbers.
const ONE: &str = "assay.one";

/// Replaces the quantised operators of a graph; `opset` is the model's version of ONNX.
pub fn expand(graph: &mut GraphProto, opset: i64) -> TractResult<()> {
    let ranks = graph.initializer.iter().map(|tensor| (tensor.name.clone(), tensor.dims.len()));
    let mut writer = Writer { ranks: ranks.collect(), ..Writer::default() };
    let mut one = false;
    for node in std::mem::take(&mut graph.node) {
        writer.output = node.output.first().cloned().unwrap_or_default();
        one |= matches!(node.op_type.as_str(), "MatMulInteger" | "ConvInteger");
        if !writer.rewrite(&node, opset)? {
            writer.nodes.push(node);
        }
    }
    graph.node = writer.nodes;
    if one {
        let tensor = TensorProto {
            name: ONE.to_owned(),
            data_type: 1,
            float_data: vec![1.0],
            ..TensorProto::default()
        };
        graph.initializer.push(tensor);
    }
    Ok(())
}

pub(super) fn integer(name: &str, value: i64) -> AttributeProto {
    AttributeProto {
        name: name.to_owned(),
        r#type: AttributeType::Int as i32,
        i: value,
        ..AttributeProto::default()
    }
}

/// The attributes of a node but some.
pub(super) fn kept(node: &NodeProto, without: &[&str]) -> Vec<AttributeProto> {
    let keep = |attribute: &&AttributeProto| !without.contains(&attribute.name.as_str());
    node.attribute.iter().filter(keep).cloned().collect()
}

/// An input that must be there.
fn input(node: &NodeProto, index: usize) -> TractResult<&str> {
    optional(node, index).with_context(|| format!("{} without its operand {index}", node.op_type))
}

/// An input that may be left out.
fn optional(node: &NodeProto, index: usize) -> Option<&str> {
    node.input.get(index).map(String::as_str).filter(|name| !name.is_empty())
}

/// The nodes written so far, and the node at hand.
#[derive(Default)]
pub(super) struct Writer {
    pub(super) nodes: Vec<NodeProto>,
    /// Ranks of the file's constants.
    ranks: BTreeMap<String, usize>,
    /// The first result of the node that is replaced.
    pub(super) output: String,
    fresh: usize,
}

impl Writer {
    pub(super) fn push(&mut self, op: &str, inputs: &[&str], output: &str, attribute: Vec<AttributeProto>) {
        self.nodes.push(NodeProto {
            op_type: op.to_owned(),
            input: inputs.iter().map(|&name| name.to_owned()).collect(),
            output: vec![output.to_owned()],
            attribute,
            ..NodeProto::default()
        });
    }

    fn name(&mut self) -> String {
        self.fresh += 1;
        format!("{}/assay.{}", self.output, self.fresh)
    }

    /// A node with a result of its own.
    pub(super) fn node(&mut self, op: &str, inputs: &[&str], attributes: Vec<AttributeProto>) -> String {
        let output = self.name();
        self.push(op, inputs, &output, attributes);
        output
    }

    /// Dequantises; scale or zero point may vary along an axis.
    fn number(&mut self, x: &str, scale: &str, zero: Option<&str>, axis: i64) -> String {
        let inputs: Vec<&str> = [x, scale].into_iter().chain(zero).collect();
        self.node("DequantizeLinear", &inputs, vec![integer("axis", axis)])
    }

    /// Dequantises the operands from `at`: a tensor, its scale, its zero point.
    fn operand(&mut self, node: &NodeProto, at: usize, axis: i64) -> TractResult<String> {
        let (x, scale) = (input(node, at)?, input(node, at + 1)?);
        Ok(self.number(x, scale, optional(node, at + 2), axis))
    }

    /// Quantises to the node's result, by the scale and zero point from `at`.
    fn finish(&mut self, node: &NodeProto, x: &str, at: usize) -> TractResult<()> {
        let inputs: Vec<&str> = [x, input(node, at)?].into_iter().chain(optional(node, at + 1)).collect();
        let output = self.output.clone();
        self.push("QuantizeLinear", &inputs, &output, vec![]);
        Ok(())
    }

    /// Writes a node another way; false if it is not one of these operators.
    fn rewrite(&mut self, node: &NodeProto, opset: i64) -> TractResult<bool> {
        match node.op_type.as_str() {
            "QLinearConv" => self.conv(node)?,
            "ConvInteger" => self.conv_integer(node)?,
            "QLinearMatMul" => {
                let (a, b) = (self.operand(node, 0, -2)?, self.operand(node, 3, -1)?);
                let y = self.node("MatMul", &[&a, &b], vec![]);
                self.finish(node, &y, 6)?;
            }
            "MatMulInteger" => {
                let a = self.number(input(node, 0)?, ONE, optional(node, 2), -2);
                let b = self.number(input(node, 1)?, ONE, optional(node, 3), -1);
                let y = self.node("MatMul", &[&a, &b], vec![]);
                self.integers(&y);
            }
            "MatMulIntegerToFloat" => {
                let a = self.number(input(node, 0)?, input(node, 2)?, optional(node, 4), -2);
                let b = self.number(input(node, 1)?, input(node, 3)?, optional(node, 5), -1);
                self.product(&a, &b, optional(node, 6));
            }
            "DynamicQuantizeMatMul" => {
                let [a, scale, zero] = [self.name(), self.name(), self.name()];
                self.push("DynamicQuantizeLinear", &[input(node, 0)?], &a, vec![]);
                if let Some(node) = self.nodes.last_mut() {
                    node.output.extend([scale.clone(), zero.clone()]);
                }
                let a = self.number(&a, &scale, Some(&zero), -2);
                let b = self.number(input(node, 1)?, input(node, 2)?, optional(node, 3), -1);
                self.product(&a, &b, optional(node, 4));
            }
            "QGemm" => self.gemm(node)?,
            "DynamicQuantizeLSTM" => self.lstm(node)?,
            "QLinearAdd" => self.pair(node, "Add")?,
            "QLinearMul" => self.pair(node, "Mul")?,
            "QLinearSigmoid" => self.single(node, "Sigmoid", vec![])?,
            "QLinearLeakyRelu" => self.single(node, "LeakyRelu", kept(node, &[]))?,
            "QLinearGlobalAveragePool" | "QLinearAveragePool" => {
                ensure!(
                    node.get_attr_opt::<i64>("channels_last")?.unwrap_or(0) == 0,
                    "{} with its channels last is not supported",
                    node.op_type
                );
                let op = node.op_type.trim_start_matches("QLinear");
                self.single(node, op, kept(node, &["channels_last"]))?;
            }
            "QLinearSoftmax" => {
                // Before version 13 the softmax is over all axes from one on.
                let own = node.get_attr_opt::<i64>("opset")?.unwrap_or(opset);
                let old = |version: i64| version < 13;
                ensure!(
                    old(own) == old(opset),
                    "QLinearSoftmax of operator set {own} in a model of operator set {opset} is not supported"
                );
                self.single(node, "Softmax", kept(node, &["opset"]))?;
            }
            "QLinearConcat" => {
                let count = node.input.len().saturating_sub(2);
                ensure!(count > 0 && count.is_multiple_of(3), "QLinearConcat with operands left over");
                let parts: Vec<String> = (0..count / 3)
                    .map(|part| self.operand(node, 2 + 3 * part, 1))
                    .collect::<TractResult<_>>()?;
                let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
                let y = self.node("Concat", &parts, kept(node, &[]));
                self.finish(node, &y, 0)?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn integers(&mut self, y: &str) {
        let output = self.output.clone();
        self.push(INTEGERS, &[y], &output, vec![]);
    }

    /// A product with a bias that the operator may have, as the node's result.
    fn product(&mut self, a: &str, b: &str, bias: Option<&str>) {
        let output = self.output.clone();
        match bias {
            None => self.push("MatMul", &[a, b], &output, vec![]),
            Some(bias) => {
                let y = self.node("MatMul", &[a, b], vec![]);
                self.push("Add", &[&y, bias], &output, vec![]);
            }
        }
    }

    /// A bias in i32, whose scale is the product of the two operands' scales.
    fn bias(&mut self, bias: &str, scales: [&str; 2], axis: i64) -> String {
        let scale = self.node("Mul", &scales, vec![]);
        self.number(bias, &scale, None, axis)
    }

    fn conv(&mut self, node: &NodeProto) -> TractResult<()> {
        let mut operands = vec![self.operand(node, 0, 1)?, self.operand(node, 3, 0)?];
        if let Some(bias) = optional(node, 8) {
            operands.push(self.bias(bias, [input(node, 1)?, input(node, 4)?], 0));
        }
        let operands: Vec<&str> = operands.iter().map(String::as_str).collect();
        let y = self.node("Conv", &operands, kept(node, &["channels_last"]));
        ensure!(
            node.get_attr_opt::<i64>("channels_last")?.unwrap_or(0) == 0,
            "QLinearConv with its channels last is not supported"
        );
        self.finish(node, &y, 6)
    }

    fn conv_integer(&mut self, node: &NodeProto) -> TractResult<()> {
        let x = self.number(input(node, 0)?, ONE, optional(node, 2), 1);
        let w = self.number(input(node, 1)?, ONE, optional(node, 3), 0);
        let y = self.node("Conv", &[&x, &w], kept(node, &[]));
        self.integers(&y);
        Ok(())
    }

    /// `alpha` joins the scale of A, as it does in the scale of C.
    fn gemm(&mut self, node: &NodeProto) -> TractResult<()> {
        let transposed = node.get_attr_opt::<i64>("transB")?.unwrap_or(0) != 0;
        let mut scale = input(node, 1)?.to_owned();
        let alpha = node.get_attr_opt::<f32>("alpha")?.unwrap_or(1.0);
        if alpha != 1.0 {
            let value = AttributeProto {
                name: "value_float".to_owned(),
                r#type: AttributeType::Float as i32,
                f: alpha,
                ..AttributeProto::default()
            };
            let alpha = self.node("Constant", &[], vec![value]);
            scale = self.node("Mul", &[&scale, &alpha], vec![]);
        }
        let mut operands = vec![self.number(input(node, 0)?, &scale, optional(node, 2), 0)];
        operands.push(self.operand(node, 3, if transposed { 0 } else { 1 })?);
        if let Some(bias) = optional(node, 6) {
            operands.push(self.bias(bias, [&scale, input(node, 4)?], -1));
        }
        let operands: Vec<&str> = operands.iter().map(String::as_str).collect();
        let attributes = kept(node, &["alpha"]);
        if optional(node, 7).is_none() {
            let output = self.output.clone();
            self.push("Gemm", &operands, &output, attributes);
            return Ok(());
        }
        let y = self.node("Gemm", &operands, attributes);
        self.finish(node, &y, 7)
    }

    /// Weights lie the other way than a LSTM's, \[directions, width, gates\]; their scales are one for each
    /// direction, or one for each gate besides.
    fn lstm(&mut self, node: &NodeProto) -> TractResult<()> {
        let mut operands: Vec<String> = node.input.iter().take(8).cloned().collect();
        operands.resize(8, String::new());
        for (slot, scale) in [(1, 8), (2, 10)] {
            let (weights, scale) = (input(node, slot)?, input(node, scale)?);
            let gates = self.ranks.get(scale).copied().context("the scales of a LSTM are computed")? > 1;
            let zero = optional(node, if slot == 1 { 9 } else { 11 });
            let numbers = self.number(weights, scale, zero, if gates { 2 } else { 0 });
            let order = AttributeProto {
                name: "perm".to_owned(),
                r#type: AttributeType::Ints as i32,
                ints: vec![0, 2, 1],
                ..AttributeProto::default()
            };
            operands[slot] = self.node("Transpose", &[&numbers], vec![order]);
        }
        self.nodes.push(NodeProto {
            op_type: DYNAMIC_LSTM.to_owned(),
            input: operands,
            output: node.output.clone(),
            attribute: node.attribute.clone(),
            ..NodeProto::default()
        });
        Ok(())
    }

    /// An operator of two quantised operands.
    fn pair(&mut self, node: &NodeProto, op: &str) -> TractResult<()> {
        let (a, b) = (self.operand(node, 0, 1)?, self.operand(node, 3, 1)?);
        let y = self.node(op, &[&a, &b], vec![]);
        self.finish(node, &y, 6)
    }

    /// An operator of one quantised operand.
    fn single(&mut self, node: &NodeProto, op: &str, attributes: Vec<AttributeProto>) -> TractResult<()> {
        let x = self.operand(node, 0, 1)?;
        let y = self.node(op, &[&x], attributes);
        self.finish(node, &y, 3)
    }
}
