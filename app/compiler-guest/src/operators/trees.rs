//! TreeEnsembleClassifier and TreeEnsembleRegressor around their tables.
//!
//! A binary classifier whose leaves name one class only has one score `s`: with weights that are all positive
//! it is the probability of the second class (label: `s > 0.5`, scores `[1 - s, s]`), else its log-odds
//! (label: `s > 0`, scores `[-s, s]`). That is what ONNX Runtime does and what converters rely on; the ONNX
//! text is silent.

use super::classify::{Transform, Wiring, labels, matrix, transform};
use super::table::Trees;
use assay_plan::Aggregate;
use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

type Parsed = TractResult<(Box<dyn InferenceOp>, Vec<String>)>;

#[derive(Debug, Clone, PartialEq, Eq)]
struct Ensemble {
    trees: Trees,
    /// Labels of the classes; none for a regressor.
    labels: Option<Vec<i64>>,
    /// Bits of the base values; empty, or one for each score.
    base: Vec<u32>,
    transform: Transform,
    /// Two classes share one score.
    shared: bool,
}

fn base(node: &NodeProto, scores: usize) -> TractResult<Vec<u32>> {
    let base = node.get_attr_opt_slice::<f32>("base_values")?.unwrap_or_default();
    ensure!(base.is_empty() || base.len() == scores, "{} base values for {scores} scores", base.len());
    Ok(base.iter().map(|value| value.to_bits()).collect())
}

pub fn classifier(_context: &ParsingContext, node: &NodeProto) -> Parsed {
    let labels = labels(node, "classlabels_int64s")?;
    let mut trees = Trees::parse(node, "class", labels.len(), Aggregate::Sum)?;
    let one = trees.leaf_classes.first().copied().unwrap_or(0);
    let shared = labels.len() == 2 && trees.leaf_classes.iter().all(|&class| class == one);
    if shared {
        ensure!(one == 0, "a binary tree ensemble that scores only its second class is not supported");
        trees.classes = 1;
    }
    let base = base(node, trees.classes)?;
    let transform = transform(node)?;
    Ok((expand(Ensemble { trees, labels: Some(labels), base, transform, shared }), vec![]))
}

pub fn regressor(_context: &ParsingContext, node: &NodeProto) -> Parsed {
    let targets = node.get_attr::<usize>("n_targets")?;
    ensure!((1..=1 << 16).contains(&targets), "a tree ensemble has 1 to 65536 targets");
    let aggregate = match node.get_attr_opt::<&str>("aggregate_function")? {
        None | Some("SUM") => Aggregate::Sum,
        Some("AVERAGE") => Aggregate::Average,
        Some("MIN") => Aggregate::Min,
        Some("MAX") => Aggregate::Max,
        Some(other) => bail!("the aggregate_function {other} is not supported"),
    };
    let trees = Trees::parse(node, "target", targets, aggregate)?;
    let (base, transform) = (base(node, targets)?, transform(node)?);
    Ok((expand(Ensemble { trees, labels: None, base, transform, shared: false }), vec![]))
}

impl Ensemble {
    fn columns(&self) -> usize {
        self.labels.as_ref().map_or(self.trees.classes, Vec::len)
    }

    /// Label and scores of a binary classifier with one score.
    fn binary(
        &self,
        wiring: &mut Wiring<'_>,
        score: OutletId,
        labels: &[i64],
    ) -> TractResult<TVec<OutletId>> {
        let positive = self.trees.leaf_weights.iter().all(|&bits| f32::from_bits(bits) >= 0.0);
        let label = wiring.label_above(score, if positive { 0.5 } else { 0.0 }, labels)?;
        let scores = if positive {
            wiring.complemented(score)?
        } else {
            let both = wiring.mirrored(score)?;
            // A softmax of one score is none.
            let logistic = self.transform == Transform::Logistic;
            wiring.transformed(if logistic { Transform::Logistic } else { Transform::None }, both)?
        };
        Ok(tvec!(label, scores))
    }
}

impl Expansion for Ensemble {
    fn name(&self) -> StaticName {
        if self.labels.is_some() { "TreeEnsembleClassifier".into() } else { "TreeEnsembleRegressor".into() }
    }

    fn nboutputs(&self) -> TractResult<usize> {
        Ok(if self.labels.is_some() { 2 } else { 1 })
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
        solver.equals(&scores.shape[1], self.columns().to_dim())?;
        if self.labels.is_some() {
            solver.equals(&outputs[0].datum_type, i64::datum_type())?;
            solver.equals(&outputs[0].rank, 1)?;
            solver.equals(&outputs[0].shape[0], &inputs[0].shape[0])?;
        }
        Ok(())
    }

    fn wire(&self, prefix: &str, model: &mut TypedModel, inputs: &[OutletId]) -> TractResult<TVec<OutletId>> {
        let (_, width) = matrix(model.outlet_fact(inputs[0])?)?;
        ensure!(
            self.trees.features <= width,
            "the trees test feature {}, the input has {width}",
            self.trees.features - 1
        );
        let mut wiring = Wiring { prefix, model };
        let x = wiring.features(inputs[0])?;
        let mut scores = wiring.node("trees", self.trees.clone(), &[x])?;
        if !self.base.is_empty() {
            let base: Vec<f32> = self.base.iter().map(|&bits| f32::from_bits(bits)).collect();
            scores = wiring.add_row("base", scores, &base)?;
        }
        let Some(labels) = &self.labels else {
            return Ok(tvec!(wiring.transformed(self.transform, scores)?));
        };
        if self.shared {
            return self.binary(&mut wiring, scores, labels);
        }
        let label = wiring.best_label(scores, labels)?;
        Ok(tvec!(label, wiring.transformed(self.transform, scores)?))
    }
}
