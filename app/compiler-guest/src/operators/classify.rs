//! What classifiers share: labels, transforms of scores, and the wiring of small graphs.

use tract_onnx::pb::NodeProto;
use tract_onnx::tract_core::ops::array::{Gather, TypedConcat};
use tract_onnx::tract_core::ops::binary::TypedBinOp;
use tract_onnx::tract_core::ops::cast::cast;
use tract_onnx::tract_core::ops::logic::comp_gt;
use tract_onnx::tract_core::ops::math;
use tract_onnx::tract_core::ops::nn::{Reduce, Reducer, Softmax, sigmoid};
use tract_onnx::tract_hir::internal::*;

/// What is done to scores before they are an output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Transform {
    None,
    Softmax,
    Logistic,
}

/// The attribute `post_transform`.
pub fn transform(node: &NodeProto) -> TractResult<Transform> {
    match node.get_attr_opt::<&str>("post_transform")? {
        None | Some("NONE") => Ok(Transform::None),
        Some("SOFTMAX") => Ok(Transform::Softmax),
        Some("LOGISTIC") => Ok(Transform::Logistic),
        Some(other) => bail!("the post_transform {other} is not supported"),
    }
}

/// Integer labels from an attribute; text has no place in a tensor here.
pub fn labels(node: &NodeProto, attribute: &str) -> TractResult<Vec<i64>> {
    let texts = node.get_attr_opt_tvec::<&str>("classlabels_strings")?;
    ensure!(
        texts.is_none_or(|texts| texts.is_empty()),
        "text class labels are not supported: train on integer labels"
    );
    let labels = node.get_attr_slice::<i64>(attribute)?.to_vec();
    ensure!(!labels.is_empty(), "a classifier without class labels");
    Ok(labels)
}

/// Rows and columns of the one input.
pub fn matrix(fact: &TypedFact) -> TractResult<(usize, usize)> {
    match fact.shape.as_concrete() {
        Some(&[rows, columns]) => Ok((rows, columns)),
        _ => bail!("the input of a classical model is a matrix of rows and features"),
    }
}

/// A typed graph under construction, with names made of a prefix.
pub struct Wiring<'a> {
    pub prefix: &'a str,
    pub model: &'a mut TypedModel,
}

impl Wiring<'_> {
    /// A node of one output.
    pub fn node(
        &mut self,
        name: &str,
        op: impl Into<Box<dyn TypedOp>>,
        inputs: &[OutletId],
    ) -> TractResult<OutletId> {
        let outlets = self.model.wire_node(format!("{}.{name}", self.prefix), op, inputs)?;
        outlets.first().copied().context("a node without outputs")
    }

    /// A constant.
    pub fn constant(&mut self, name: &str, tensor: Arc<Tensor>) -> TractResult<OutletId> {
        self.model.add_const(format!("{}.{name}", self.prefix), tensor)
    }

    /// A constant matrix of one row.
    pub fn row(&mut self, name: &str, values: &[f32]) -> TractResult<OutletId> {
        let tensor = tensor1(values).into_shape(&[1, values.len()])?;
        self.constant(name, tensor.into_arc_tensor())
    }

    /// The one input as f32.
    pub fn features(&mut self, input: OutletId) -> TractResult<OutletId> {
        self.node("to_f32", cast(f32::datum_type()), &[input])
    }

    /// A row added to every row.
    pub fn add_row(&mut self, name: &str, x: OutletId, values: &[f32]) -> TractResult<OutletId> {
        let row = self.row(&format!("{name}.values"), values)?;
        self.node(name, math::add(), &[x, row])
    }

    /// A transform of scores.
    pub fn transformed(&mut self, transform: Transform, scores: OutletId) -> TractResult<OutletId> {
        match transform {
            Transform::None => Ok(scores),
            Transform::Logistic => self.node("logistic", sigmoid(), &[scores]),
            Transform::Softmax => {
                self.node("softmax", Softmax { axes: tvec!(1), ..Softmax::default() }, &[scores])
            }
        }
    }

    /// `[-s, s]`, column by column.
    pub fn mirrored(&mut self, score: OutletId) -> TractResult<OutletId> {
        let negative = self.node("negative", math::neg(), &[score])?;
        self.node("both", TypedConcat::new(1), &[negative, score])
    }

    /// `[1 - s, s]`, column by column.
    pub fn complemented(&mut self, score: OutletId) -> TractResult<OutletId> {
        let one = self.row("one", &[1.0])?;
        let rest = self.node("rest", math::sub(), &[one, score])?;
        self.node("both", TypedConcat::new(1), &[rest, score])
    }

    /// The label of the greatest score of each row, the first among equals.
    pub fn best_label(&mut self, scores: OutletId, labels: &[i64]) -> TractResult<OutletId> {
        let index =
            self.node("argmax", Reduce { axes: tvec!(1), reducer: Reducer::ArgMax(false) }, &[scores])?;
        self.label(index, labels)
    }

    /// The second label where a score is above a threshold, else the first.
    pub fn label_above(&mut self, score: OutletId, threshold: f32, labels: &[i64]) -> TractResult<OutletId> {
        let threshold = self.row("threshold", &[threshold])?;
        let above = self.node("above", TypedBinOp(comp_gt(), None), &[score, threshold])?;
        let index = self.node("index", cast(i64::datum_type()), &[above])?;
        self.label(index, labels)
    }

    fn label(&mut self, index: OutletId, labels: &[i64]) -> TractResult<OutletId> {
        let index = self.node("index.flat", AxisOp::Rm(1), &[index])?;
        let table = self.constant("labels", rctensor1(labels))?;
        self.node("label", Gather::new(0), &[table, index])
    }
}
