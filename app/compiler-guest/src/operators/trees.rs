//! TreeEnsembleClassifier, TreeEnsembleRegressor and TreeEnsemble around their tables.
//!
//! The ONNX text is silent on binary classifiers, so ONNX Runtime's rules hold:
//! - leaves that name the first class only give one score `s`. With weights that are all positive it is the
//!   probability of the second class (label: `s > 0.5`, scores `[1 - s, s]`), else its log-odds (label: `s > 0`,
//!   scores `[-s, s]`); LOGISTIC gives the logistic of `[-s, s]` either way;
//! - leaves that name the second class only give the scores `[0, s]`, with the same rule for the label;
//! - leaves that name both give two scores, and the label is 1 where the second is above 0, else 0, whatever
//!   the labels are called. Other labels than 0 and 1 are therefore refused there.
//!
//! Of three classes or more the greatest score wins among the classes that some leaf of the row named.

use super::scores::{Parsed, Scored, Scores, Scoring, Transform, floats, labels, numbers, transform};
use super::table::Trees;
use super::wiring::Wiring;
use assay_plan::Aggregate;
use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_core::ops::array::Slice;
use tract_onnx::tract_hir::internal::*;

/// How scores become a label and an output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Regressor,
    /// Two classes; one score, of the first class in the tables.
    First,
    /// Two classes; one score, of the second class.
    Second,
    /// Two classes, two scores.
    Pair,
    Many,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Ensemble {
    operator: &'static str,
    trees: Trees,
    labels: Option<Vec<i64>>,
    /// Bits of the base values; empty, or one for each score.
    base: Vec<u32>,
    transform: Transform,
    kind: Kind,
}

pub fn classifier(_context: &ParsingContext, node: &NodeProto) -> Parsed {
    let labels = labels(node, "classlabels_int64s")?;
    let trees = Trees::parse(node, "class", labels.len(), Aggregate::Sum)?;
    let base = numbers(node, "base_values")?;
    let names = |class: i32| trees.leaf_classes.contains(&class);
    let kind = match (labels.len(), names(0), names(1)) {
        (2, _, false) => Kind::First,
        (2, false, true) => Kind::Second,
        (2, true, true) => Kind::Pair,
        _ => Kind::Many,
    };
    let expected = match kind {
        Kind::First => 1,
        Kind::Second => 0,
        Kind::Pair => 0,
        _ => labels.len(),
    };
    ensure!(
        base.is_empty() || base.len() == expected,
        "{} base values with leaves of these classes are not supported",
        base.len()
    );
    ensure!(
        kind != Kind::Pair
            || node.get_attr_opt_slice::<i64>("classlabels_int64s")?.is_none_or(|l| l == [0, 1]),
        "a binary tree ensemble that scores both classes is supported with the labels 0 and 1 only: \
         train on these, or score one class"
    );
    let trees = if kind == Kind::Second { trees.only(1) } else { trees };
    let trees = if kind == Kind::First { trees.only(0) } else { trees };
    let transform = transform(node)?;
    let operator = "TreeEnsembleClassifier";
    Ok((expand(Scored(Ensemble { operator, trees, labels: Some(labels), base, transform, kind })), vec![]))
}

fn regression(operator: &'static str, node: &NodeProto, trees: Trees, transform: Transform) -> Parsed {
    let base = numbers(node, "base_values")?;
    ensure!(
        base.is_empty() || base.len() == trees.classes,
        "{} base values for {} scores",
        base.len(),
        trees.classes
    );
    let kind = Kind::Regressor;
    Ok((expand(Scored(Ensemble { operator, trees, labels: None, base, transform, kind })), vec![]))
}

fn targets(node: &NodeProto) -> TractResult<usize> {
    let targets = node.get_attr::<usize>("n_targets")?;
    ensure!((1..=1 << 16).contains(&targets), "a tree ensemble has 1 to 65536 targets");
    Ok(targets)
}

pub fn regressor(_context: &ParsingContext, node: &NodeProto) -> Parsed {
    let aggregate = match node.get_attr_opt::<&str>("aggregate_function")? {
        None | Some("SUM") => Aggregate::Sum,
        Some("AVERAGE") => Aggregate::Average,
        Some("MIN") => Aggregate::Min,
        Some("MAX") => Aggregate::Max,
        Some(other) => bail!("the aggregate_function {other} is not supported"),
    };
    let trees = Trees::parse(node, "target", targets(node)?, aggregate)?;
    regression("TreeEnsembleRegressor", node, trees, transform(node)?)
}

/// TreeEnsemble of `ai.onnx.ml` 5, which is a regressor with other tables.
pub fn ensemble(context: &ParsingContext, node: &NodeProto) -> Parsed {
    let aggregate = match node.get_attr_opt::<i64>("aggregate_function")?.unwrap_or(1) {
        0 => Aggregate::Average,
        1 => Aggregate::Sum,
        2 => Aggregate::Min,
        3 => Aggregate::Max,
        other => bail!("the aggregate_function {other} is not supported"),
    };
    let transform = match node.get_attr_opt::<i64>("post_transform")?.unwrap_or(0) {
        0 => Transform::None,
        1 | 2 => bail!(
            "ONNX and ONNX Runtime disagree on which post_transform {} is: write it behind the operator",
            node.get_attr::<i64>("post_transform")?
        ),
        3 => Transform::SoftmaxZero,
        4 => Transform::Probit,
        other => bail!("the post_transform {other} is not supported"),
    };
    let trees = super::roots::parse(context, node, targets(node)?, aggregate)?;
    regression("TreeEnsemble", node, trees, transform)
}

impl Scoring for Ensemble {
    fn operator(&self) -> &'static str {
        self.operator
    }

    fn labels(&self) -> Option<&[i64]> {
        self.labels.as_deref()
    }

    fn columns(&self) -> usize {
        self.labels.as_ref().map_or(self.trees.classes, Vec::len)
    }

    fn score(&self, wiring: &mut Wiring<'_>, x: OutletId, width: usize) -> TractResult<Scores> {
        ensure!(
            self.trees.features <= width,
            "the trees test feature {}, the input has {width}",
            self.trees.features - 1
        );
        let raw = wiring.node("trees", self.trees.clone(), &[x])?;
        let mut scores = raw;
        if !self.base.is_empty() {
            scores = wiring.add_row("base", scores, &floats(&self.base))?;
        }
        let positive = self.trees.leaf_weights.iter().all(|&bits| f32::from_bits(bits) >= 0.0);
        let threshold = if positive { 0.5 } else { 0.0 };
        Ok(match self.kind {
            Kind::Regressor => Scores { choice: None, scores: wiring.transformed(self.transform, scores)? },
            Kind::First => {
                let choice = wiring.second_above(scores, threshold)?;
                Scores { choice: Some(choice), scores: wiring.both(self.transform, scores, !positive)? }
            }
            Kind::Second => {
                let choice = wiring.second_above(scores, threshold)?;
                let none = wiring.scale("first", scores, &[0.0])?;
                let both = wiring.columns("both", &[none, scores])?;
                Scores { choice: Some(choice), scores: wiring.transformed(self.transform, both)? }
            }
            Kind::Pair => {
                let second = wiring.node("second", Slice::new(1, 1, 2), &[scores])?;
                let choice = wiring.second_above(second, 0.0)?;
                Scores { choice: Some(choice), scores: wiring.transformed(self.transform, scores)? }
            }
            Kind::Many => {
                let named = self.named(wiring, x, scores, positive)?;
                let choice = wiring.best(named)?;
                Scores { choice: Some(choice), scores: wiring.transformed(self.transform, scores)? }
            }
        })
    }
}

impl Ensemble {
    /// Scores among which the greatest names the label: classes that no leaf of the row named are out.
    fn named(
        &self,
        wiring: &mut Wiring<'_>,
        x: OutletId,
        scores: OutletId,
        positive: bool,
    ) -> TractResult<OutletId> {
        // A class that is not named scores 0, which only beats negative ones.
        if !self.base.is_empty() || positive || self.trees.every_class_in_every_row {
            return Ok(scores);
        }
        let mut counting = self.trees.clone();
        counting.leaf_weights.fill(1.0_f32.to_bits());
        let counts = wiring.node("named.counts", counting, &[x])?;
        let named = wiring.above("named", counts, 0.0)?;
        let least = wiring.row("named.least", &[f32::NEG_INFINITY])?;
        wiring.choose("named.scores", named, scores, least)
    }
}
