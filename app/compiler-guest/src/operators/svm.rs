//! SVMClassifier and SVMRegressor: kernels between rows and support vectors, and what is made of them.
//!
//! A classifier of k classes holds k (k - 1) / 2 machines, one for each pair of classes i < j. Every machine
//! votes, for i where its score is above 0, else for j; the label is the class with most votes, the first among
//! equals. The scores are the machines' own, or, with `prob_a` and `prob_b`, the classes' probabilities. A
//! file without support vectors holds one linear score for each class instead.

use super::couple::Couple;
use super::scores::{Parsed, Scored, Scores, Scoring, Transform, floats, labels, numbers, transform};
use super::wiring::Wiring;
use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_core::ops::binary::TypedBinOp;
use tract_onnx::tract_core::ops::cast::cast;
use tract_onnx::tract_core::ops::logic::{comp_gt, not};
use tract_onnx::tract_core::ops::math;
use tract_onnx::tract_core::ops::nn::{Reducer, sigmoid};
use tract_onnx::tract_hir::internal::*;

/// Classes of a machine with several, at most: the pairs grow with the square.
const MAX_CLASSES: usize = 64;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kernel {
    Linear,
    Poly,
    Rbf,
    Sigmoid,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Machine {
    kernel: Kernel,
    /// Bits of gamma, coef0 and degree.
    parameters: [u32; 3],
    /// Bits of the support vectors, or of the coefficients of linear scores.
    vectors: Vec<u32>,
    /// Support vectors; 0 for linear scores.
    count: usize,
    coefficients: Vec<u32>,
    rho: Vec<u32>,
    transform: Transform,
    task: Task,
    /// `prob_a` and `prob_b` are there, also where they count for nothing.
    prob_given: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Task {
    Regression { one_class: bool },
    Classification { labels: Vec<i64>, vectors_per_class: Vec<usize>, prob: Option<(Vec<u32>, Vec<u32>)> },
}

fn parse(node: &NodeProto, count: usize, task: Task) -> TractResult<Machine> {
    let (coefficients, rho) = (numbers(node, "coefficients")?, numbers(node, "rho")?);
    ensure!(!coefficients.is_empty() && !rho.is_empty(), "a machine without coefficients or without rho");
    let kernel = match node.get_attr_opt::<&str>("kernel_type")? {
        // Without support vectors scores are linear, whatever the file says.
        _ if count == 0 => Kernel::Linear,
        None | Some("LINEAR") => Kernel::Linear,
        Some("POLY") => Kernel::Poly,
        Some("RBF") => Kernel::Rbf,
        Some("SIGMOID") => Kernel::Sigmoid,
        Some(other) => bail!("the kernel {other} is not supported"),
    };
    let parameters = match numbers(node, "kernel_params")?[..] {
        [] => [0; 3],
        [gamma, coef0, degree] => [gamma, coef0, degree],
        _ => bail!("kernel_params are gamma, coef0 and degree"),
    };
    let vectors = numbers(node, "support_vectors")?;
    ensure!(
        count == 0 || vectors.len().is_multiple_of(count),
        "the support vectors do not fill {count} rows"
    );
    let transform = transform(node)?;
    let prob_given = !numbers(node, "prob_a")?.is_empty();
    Ok(Machine { kernel, parameters, vectors, count, coefficients, rho, transform, task, prob_given })
}

pub fn regressor(_context: &ParsingContext, node: &NodeProto) -> Parsed {
    let count = node.get_attr_opt::<usize>("n_supports")?.unwrap_or(0);
    let one_class = node.get_attr_opt::<i64>("one_class")?.unwrap_or(0) != 0;
    let machine = parse(node, count, Task::Regression { one_class })?;
    ensure!(
        machine.transform == Transform::None,
        "a post_transform of a SVMRegressor is not supported: write it behind the operator"
    );
    ensure!(machine.rho.len() == 1, "a machine of regression has one rho");
    ensure!(count == 0 || machine.coefficients.len() == count, "a coefficient for each support vector");
    Ok((expand(Scored(machine)), vec![]))
}

pub fn classifier(_context: &ParsingContext, node: &NodeProto) -> Parsed {
    let labels = labels(node, "classlabels_ints")?;
    let classes = labels.len();
    ensure!(classes <= MAX_CLASSES, "a machine of {classes} classes, more than {MAX_CLASSES}");
    let per_class = node.get_attr_opt_tvec::<usize>("vectors_per_class")?.unwrap_or_default();
    let total = per_class.iter().try_fold(0_usize, |sum, &count| sum.checked_add(count));
    let total = total.context("too many support vectors")?;
    let (a, b) = (numbers(node, "prob_a")?, numbers(node, "prob_b")?);
    let pairs = classes * (classes - 1) / 2;
    ensure!(
        a.len() == b.len() && (a.is_empty() || a.len() == pairs),
        "prob_a and prob_b hold one number for each of the {pairs} pairs of classes"
    );
    if total > 0 {
        ensure!(per_class.len() == classes, "vectors_per_class has one number for each class");
    }
    let prob = (!a.is_empty() && total > 0).then_some((a, b));
    let vectors_per_class = per_class.to_vec();
    let machine = parse(node, total, Task::Classification { labels, vectors_per_class, prob })?;
    if total > 0 {
        ensure!(
            Some(machine.coefficients.len()) == total.checked_mul(classes - 1) && machine.rho.len() == pairs,
            "a machine has {} coefficients for each support vector, and {pairs} rhos",
            classes - 1
        );
    }
    Ok((expand(Scored(machine)), vec![]))
}

impl Scoring for Machine {
    fn operator(&self) -> &'static str {
        if self.labels().is_some() { "SVMClassifier" } else { "SVMRegressor" }
    }

    fn labels(&self) -> Option<&[i64]> {
        match &self.task {
            Task::Regression { .. } => None,
            Task::Classification { labels, .. } => Some(labels),
        }
    }

    fn columns(&self) -> usize {
        match &self.task {
            Task::Regression { .. } => 1,
            Task::Classification { labels, prob: None, .. } if self.count > 0 && labels.len() > 2 => {
                labels.len() * (labels.len() - 1) / 2
            }
            Task::Classification { labels, .. } => labels.len(),
        }
    }

    fn score(&self, wiring: &mut Wiring<'_>, x: OutletId, width: usize) -> TractResult<Scores> {
        if self.count == 0 {
            return self.linear(wiring, x, width);
        }
        ensure!(
            Some(self.vectors.len()) == self.count.checked_mul(width),
            "support vectors of another width than the {width} features"
        );
        let kernels = self.kernels(wiring, x, width)?;
        match &self.task {
            Task::Regression { one_class } => {
                let weights = wiring.table("coefficients", &floats(&self.coefficients), &[1, self.count])?;
                let sum = wiring.product("product", kernels, weights)?;
                let score = wiring.add_row("rho", sum, &floats(&self.rho))?;
                self.regression(wiring, score, *one_class)
            }
            Task::Classification { labels, vectors_per_class, prob } => {
                let scores = self.pairs(wiring, kernels, vectors_per_class)?;
                let choice = votes(wiring, scores, labels.len())?;
                let scores = match prob {
                    Some((a, b)) => {
                        let all = probabilities(wiring, scores, labels.len(), &floats(a), &floats(b))?;
                        wiring.transformed(self.transform, all)?
                    }
                    None if labels.len() == 2 => {
                        wiring.both(self.transform, scores, self.transform == Transform::None)?
                    }
                    None => wiring.transformed(self.transform, scores)?,
                };
                Ok(Scores { choice: Some(choice), scores })
            }
        }
    }
}

impl Machine {
    /// Scores without support vectors: one row of coefficients for each class, or one in all.
    fn linear(&self, wiring: &mut Wiring<'_>, x: OutletId, width: usize) -> TractResult<Scores> {
        let rows = self.labels().map_or(1, <[i64]>::len);
        ensure!(
            Some(self.coefficients.len()) == rows.checked_mul(width),
            "{} coefficients for {rows} scores of {width} features",
            self.coefficients.len()
        );
        let weights = wiring.table("coefficients", &floats(&self.coefficients), &[rows, width])?;
        let product = wiring.product("product", x, weights)?;
        let scores = wiring.add_row("rho", product, &floats(&self.rho[..1]))?;
        if let Task::Regression { one_class } = self.task {
            return self.regression(wiring, scores, one_class);
        }
        let mut choice = wiring.best(scores)?;
        if rows == 2 && !self.prob_given {
            // ONNX Runtime takes the second class wherever the greater of both scores is high enough.
            let positive = self.coefficients.iter().all(|&bits| f32::from_bits(bits) >= 0.0);
            let greatest = wiring.reduce("greatest", Reducer::Max, scores)?;
            let high = if positive {
                let half = wiring.row("half", &[0.5])?;
                let low = wiring.greater("low", half, greatest)?;
                wiring.node("high", not(), &[low])?
            } else {
                wiring.above("high", greatest, 0.0)?
            };
            let high = wiring.integer(high)?;
            choice = wiring.node("choice", math::max(), &[choice, high])?;
        }
        Ok(Scores { choice: Some(choice), scores: wiring.transformed(self.transform, scores)? })
    }

    fn regression(&self, wiring: &mut Wiring<'_>, score: OutletId, one_class: bool) -> TractResult<Scores> {
        if !one_class {
            return Ok(Scores { choice: None, scores: score });
        }
        let inside = wiring.above("inside", score, 0.0)?;
        let inside = wiring.float(inside)?;
        let doubled = wiring.scale("doubled", inside, &[2.0])?;
        Ok(Scores { choice: None, scores: wiring.add_row("sign", doubled, &[-1.0])? })
    }

    /// The kernel between each row and each support vector.
    fn kernels(&self, wiring: &mut Wiring<'_>, x: OutletId, width: usize) -> TractResult<OutletId> {
        let [gamma, coef0, degree] = self.parameters.map(f32::from_bits);
        let vectors = floats(&self.vectors);
        if self.kernel == Kernel::Rbf {
            // A distance from its terms: from products, near ones would cancel.
            let vectors = wiring.table("vectors", &vectors, &[1, self.count, width])?;
            let x = wiring.node("rows", AxisOp::Add(1), &[x])?;
            let difference = wiring.node("difference", math::sub(), &[x, vectors])?;
            let square = wiring.node("square", math::square(), &[difference])?;
            let sum = wiring.reduce("distance", Reducer::Sum, square)?;
            let sum = wiring.node("distance.flat", AxisOp::Rm(2), &[sum])?;
            let scaled = wiring.scale("gamma", sum, &[-gamma])?;
            return wiring.node("kernel", math::exp(), &[scaled]);
        }
        let vectors = wiring.table("vectors", &vectors, &[self.count, width])?;
        let product = wiring.product("inner", x, vectors)?;
        if self.kernel == Kernel::Linear {
            return Ok(product);
        }
        let scaled = wiring.scale("gamma", product, &[gamma])?;
        let shifted = wiring.add_row("coef0", scaled, &[coef0])?;
        if self.kernel == Kernel::Sigmoid {
            return wiring.node("kernel", math::tanh(), &[shifted]);
        }
        if degree == 2.0 || degree == 3.0 {
            let square = wiring.node("kernel.square", math::mul(), &[shifted, shifted])?;
            return if degree == 2.0 {
                Ok(square)
            } else {
                wiring.node("kernel", math::mul(), &[square, shifted])
            };
        }
        let degree = wiring.row("degree", &[degree])?;
        wiring.node("kernel", math::pow(), &[shifted, degree])
    }

    /// The score of each pair i < j: the coefficients are \[classes - 1, vectors\]; of class i's vectors row
    /// j - 1 counts, of class j's row i.
    fn pairs(&self, wiring: &mut Wiring<'_>, kernels: OutletId, counts: &[usize]) -> TractResult<OutletId> {
        let classes = counts.len();
        let starts: Vec<usize> = counts
            .iter()
            .scan(0, |start, &count| {
                *start += count;
                Some(*start - count)
            })
            .collect();
        let coefficients = floats(&self.coefficients);
        let pairs = classes * (classes - 1) / 2;
        let size = pairs.checked_mul(self.count).filter(|&size| size <= 1 << 26);
        let mut weights = vec![0.0_f32; size.context("too many support vectors for so many classes")?];
        let mut rows = weights.chunks_mut(self.count);
        for i in 0..classes {
            for j in i + 1..classes {
                let row = rows.next().context("a pair too many")?;
                for (class, source) in [(i, j - 1), (j, i)] {
                    let (start, end) = (starts[class], starts[class] + counts[class]);
                    let from = source * self.count;
                    row[start..end].copy_from_slice(&coefficients[from + start..from + end]);
                }
            }
        }
        let weights = wiring.table("coefficients", &weights, &[pairs, self.count])?;
        let sums = wiring.product("pairs", kernels, weights)?;
        wiring.add_row("rho", sums, &floats(&self.rho))
    }
}

/// The class with most votes. A pair's vote is 1 for i where its score is above 0, else for j: with the votes
/// v of the pairs, class c has `sum(v, c first) + sum(1 - v, c second)`.
fn votes(wiring: &mut Wiring<'_>, scores: OutletId, classes: usize) -> TractResult<OutletId> {
    let zero = wiring.row("votes.zero", &[0.0])?;
    let first = wiring.node("votes.first", TypedBinOp(comp_gt(), None), &[scores, zero])?;
    if classes == 2 {
        let second = wiring.node("votes.not", not(), &[first])?;
        return wiring.node("choice", cast(i64::datum_type()), &[second]);
    }
    let first = wiring.float(first)?;
    let pairs = classes * (classes - 1) / 2;
    let (mut weights, mut start) = (vec![0.0_f32; classes * pairs], vec![0.0_f32; classes]);
    let mut pair = 0;
    for i in 0..classes {
        for j in i + 1..classes {
            weights[i * pairs + pair] = 1.0;
            weights[j * pairs + pair] = -1.0;
            start[j] += 1.0;
            pair += 1;
        }
    }
    let weights = wiring.table("votes.weights", &weights, &[classes, pairs])?;
    let sum = wiring.product("votes.sum", first, weights)?;
    let votes = wiring.add_row("votes", sum, &start)?;
    wiring.best(votes)
}

/// Probabilities of the classes from the scores of the pairs: Platt's for each pair, then their coupling.
fn probabilities(
    wiring: &mut Wiring<'_>,
    scores: OutletId,
    classes: usize,
    a: &[f32],
    b: &[f32],
) -> TractResult<OutletId> {
    let scaled = wiring.scale("platt.a", scores, a)?;
    let shifted = wiring.add_row("platt.b", scaled, b)?;
    let negative = wiring.node("platt.negative", math::neg(), &[shifted])?;
    let first = wiring.node("platt", sigmoid(), &[negative])?;
    let least = wiring.row("platt.least", &[1e-7])?;
    let most = wiring.row("platt.most", &[1.0 - 1e-7])?;
    let first = wiring.node("platt.above", math::max(), &[first, least])?;
    let first = wiring.node("platt.below", math::min(), &[first, most])?;
    wiring.node("coupled", Couple { classes }, &[first])
}
