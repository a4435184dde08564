//! What models of scores share: labels, transforms, and a label chosen by scores.
//!
//! A linear model, a tree ensemble and a support vector machine differ in how they score a row. What they do
//! then is here once: the transform that `post_transform` names, the two columns that one score of a binary
//! classifier becomes, and the output's facts. Where the ONNX text is silent, ONNX Runtime decides, for
//! converters are tested with it.

use super::wiring::Wiring;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_core::ops::binary::TypedBinOp;
use tract_onnx::tract_core::ops::cast::cast;
use tract_onnx::tract_core::ops::logic::comp_gt;
use tract_onnx::tract_core::ops::math;
use tract_onnx::tract_core::ops::nn::{Reducer, Softmax, sigmoid};
use tract_onnx::tract_hir::internal::*;

/// What an operator's parser returns.
pub type Parsed = TractResult<(Box<dyn InferenceOp>, Vec<String>)>;

/// What is done to scores before they are an output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Transform {
    None,
    Softmax,
    /// A softmax that leaves scores of zero out.
    SoftmaxZero,
    Logistic,
    /// The quantile function of the normal distribution.
    Probit,
}

/// The attribute `post_transform`.
pub fn transform(node: &NodeProto) -> TractResult<Transform> {
    match node.get_attr_opt::<&str>("post_transform")? {
        None | Some("NONE") => Ok(Transform::None),
        Some("SOFTMAX") => Ok(Transform::Softmax),
        Some("SOFTMAX_ZERO") => Ok(Transform::SoftmaxZero),
        Some("LOGISTIC") => Ok(Transform::Logistic),
        Some("PROBIT") => Ok(Transform::Probit),
        Some(other) => bail!("the post_transform {other} is not supported"),
    }
}

/// The labels of a classifier: its integers, or the positions of its texts, for a tensor holds no text.
pub fn labels(node: &NodeProto, integers: &str) -> TractResult<Vec<i64>> {
    let texts = node.get_attr_opt_tvec::<&str>("classlabels_strings")?.map_or(0, |texts| texts.len());
    let labels = node.get_attr_opt_slice::<i64>(integers)?.unwrap_or_default();
    ensure!(texts == 0 || labels.is_empty(), "a classifier with class labels of two kinds");
    let labels = if texts > 0 { (0..texts as i64).collect() } else { labels.to_vec() };
    ensure!(labels.len() >= 2, "a classifier has two classes or more, this one {}", labels.len());
    Ok(labels)
}

/// Bits of numbers, for operators must be comparable.
pub fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

/// Numbers from their bits.
pub fn floats(bits: &[u32]) -> Vec<f32> {
    bits.iter().map(|&bits| f32::from_bits(bits)).collect()
}

/// A list of numbers of a node, empty when it is not there.
pub fn numbers(node: &NodeProto, name: &str) -> TractResult<Vec<u32>> {
    Ok(bits(node.get_attr_opt_slice::<f32>(name)?.unwrap_or_default()))
}

/// A model that scores rows of features.
pub trait Scoring: std::fmt::Debug + Clone + Send + Sync + PartialEq + Eq + 'static {
    /// The ONNX operator.
    fn operator(&self) -> &'static str;
    /// Labels of the classes; none for a regressor.
    fn labels(&self) -> Option<&[i64]>;
    /// Columns of the scores that are the output.
    fn columns(&self) -> usize;
    /// The labels' positions \[rows, 1\] of a classifier, and the scores.
    fn score(&self, wiring: &mut Wiring<'_>, x: OutletId, width: usize) -> TractResult<Scores>;
}

/// Scores, and for a classifier the chosen positions in the list of labels.
pub struct Scores {
    pub choice: Option<OutletId>,
    pub scores: OutletId,
}

/// A scoring model as tract expands it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scored<T>(pub T);

impl<T: Scoring> Expansion for Scored<T> {
    fn name(&self) -> StaticName {
        self.0.operator().into()
    }

    fn nboutputs(&self) -> TractResult<usize> {
        Ok(if self.0.labels().is_some() { 2 } else { 1 })
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
        check_input_arity(inputs, 1)?;
        check_output_arity(outputs, self.nboutputs()?)?;
        solver.equals(&inputs[0].rank, 2)?;
        let scores = &outputs[outputs.len() - 1];
        solver.equals(&scores.datum_type, f32::datum_type())?;
        solver.equals(&scores.rank, 2)?;
        solver.equals(&scores.shape[0], &inputs[0].shape[0])?;
        solver.equals(&scores.shape[1], self.0.columns().to_dim())?;
        if self.0.labels().is_some() {
            solver.equals(&outputs[0].datum_type, i64::datum_type())?;
            solver.equals(&outputs[0].rank, 1)?;
            solver.equals(&outputs[0].shape[0], &inputs[0].shape[0])?;
        }
        Ok(())
    }

    fn wire(&self, prefix: &str, model: &mut TypedModel, inputs: &[OutletId]) -> TractResult<TVec<OutletId>> {
        let mut wiring = Wiring { prefix, model };
        let [_, width] = wiring.dims(inputs[0])?[..] else {
            bail!("the input of a classical model is a matrix of rows and features")
        };
        let x = wiring.float(inputs[0])?;
        let Scores { choice, scores } = self.0.score(&mut wiring, x, width)?;
        let Some(labels) = self.0.labels() else { return Ok(tvec!(scores)) };
        let choice = choice.context("a classifier that chooses no label")?;
        let index = wiring.node("choice.flat", AxisOp::Rm(1), &[choice])?;
        let table = wiring.constant("labels", tensor1(labels))?;
        Ok(tvec!(wiring.entries("label", table, index)?, scores))
    }
}

impl Wiring<'_> {
    /// A transform of two scores or more; one score only knows the probit.
    pub fn transformed(&mut self, transform: Transform, scores: OutletId) -> TractResult<OutletId> {
        let single = self.dims(scores)?.last() == Some(&1);
        match transform {
            Transform::Probit => self.probit(scores),
            _ if single => Ok(scores),
            Transform::None => Ok(scores),
            Transform::Logistic => self.node("logistic", sigmoid(), &[scores]),
            Transform::Softmax => {
                self.node("softmax", Softmax { axes: tvec!(1), ..Softmax::default() }, &[scores])
            }
            Transform::SoftmaxZero => self.softmax_zero(scores),
        }
    }

    /// `e / sum(e)` for `e = exp(s - m)`, and `s exp(-m)` where s is within 1e-7 of zero; m is the greatest.
    fn softmax_zero(&mut self, scores: OutletId) -> TractResult<OutletId> {
        let greatest = self.reduce("zero.max", Reducer::Max, scores)?;
        let below = self.node("zero.below", math::sub(), &[scores, greatest])?;
        let whole = self.node("zero.exp", math::exp(), &[below])?;
        let negative = self.node("zero.minus", math::neg(), &[greatest])?;
        let factor = self.node("zero.factor", math::exp(), &[negative])?;
        let tiny = self.node("zero.tiny", math::mul(), &[scores, factor])?;
        let size = self.node("zero.abs", math::abs(), &[scores])?;
        let counts = self.above("zero.counts", size, 1e-7)?;
        let values = self.choose("zero.values", counts, whole, tiny)?;
        let zeros = self.row("zero.none", &[0.0])?;
        let counted = self.choose("zero.counted", counts, whole, zeros)?;
        let sum = self.reduce("zero.sum", Reducer::Sum, counted)?;
        self.node("zero.ratio", math::div(), &[values, sum])
    }

    /// The approximation of the probit that ONNX Runtime uses: `sqrt(2) erfinv(2 s - 1)`.
    fn probit(&mut self, scores: OutletId) -> TractResult<OutletId> {
        let doubled = self.scale("probit.double", scores, &[2.0])?;
        let x = self.add_row("probit.centre", doubled, &[-1.0])?;
        let minus = self.node("probit.minus", math::neg(), &[x])?;
        let (left, right) =
            (self.add_row("probit.left", minus, &[1.0])?, self.add_row("probit.right", x, &[1.0])?);
        let product = self.node("probit.product", math::mul(), &[left, right])?;
        let log = self.node("probit.log", math::ln(), &[product])?;
        let half = self.scale("probit.half", log, &[0.5])?;
        let v = self.add_row("probit.v", half, &[2.0 / (3.14159 * 0.147)])?;
        let v2 = self.scale("probit.v2", log, &[1.0 / 0.147])?;
        let square = self.node("probit.square", math::mul(), &[v, v])?;
        let inner = self.node("probit.inner", math::sub(), &[square, v2])?;
        let root = self.node("probit.root", math::sqrt(), &[inner])?;
        let rest = self.node("probit.rest", math::sub(), &[root, v])?;
        let size = self.node("probit.size", math::sqrt(), &[rest])?;
        let size = self.scale("probit.scaled", size, &[std::f32::consts::SQRT_2])?;
        let opposite = self.node("probit.opposite", math::neg(), &[size])?;
        let zero = self.row("probit.zero", &[0.0])?;
        let negative = self.node("probit.negative", TypedBinOp(comp_gt(), None), &[zero, x])?;
        self.choose("probit.signed", negative, opposite, size)
    }

    /// The two columns that the one score of a binary classifier becomes. Without LOGISTIC they are `[-s, s]`
    /// when scores are `centred` on zero, else `[1 - s, s]`.
    pub fn both(&mut self, transform: Transform, score: OutletId, centred: bool) -> TractResult<OutletId> {
        ensure!(
            transform != Transform::Probit,
            "PROBIT of a binary classifier with one score is not defined"
        );
        let logistic = transform == Transform::Logistic;
        let negative = self.node("both.negative", math::neg(), &[score])?;
        let first = if centred || logistic { negative } else { self.add_row("both.rest", negative, &[1.0])? };
        let both = self.columns("both", &[first, score])?;
        if logistic { self.node("both.logistic", sigmoid(), &[both]) } else { Ok(both) }
    }

    /// The position of the greatest score of each row, the first among equals.
    pub fn best(&mut self, scores: OutletId) -> TractResult<OutletId> {
        self.reduce("argmax", Reducer::ArgMax(false), scores)
    }

    /// Position 1 where a score is above a threshold, else 0.
    pub fn second_above(&mut self, score: OutletId, threshold: f32) -> TractResult<OutletId> {
        let above = self.above("choice.above", score, threshold)?;
        self.node("choice", cast(i64::datum_type()), &[above])
    }
}
