//! LinearClassifier and LinearRegressor: a product, a bias, a transform.

use super::scores::{Parsed, Scored, Scores, Scoring, Transform, floats, labels, numbers, transform};
use super::wiring::Wiring;
use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

/// A linear model: `x w + b`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Linear {
    /// Labels of the classes; none for a regressor.
    labels: Option<Vec<i64>>,
    /// Bits of the coefficients, one row for each column of the product.
    coefficients: Vec<u32>,
    /// Bits of the intercepts; empty, or one for each column.
    intercepts: Vec<u32>,
    /// Columns of the product.
    products: usize,
    transform: Transform,
}

fn parse(node: &NodeProto, labels: Option<Vec<i64>>, products: usize) -> Parsed {
    let (coefficients, intercepts) = (numbers(node, "coefficients")?, numbers(node, "intercepts")?);
    ensure!(products > 0 && !coefficients.is_empty(), "a linear model without coefficients");
    ensure!(coefficients.len().is_multiple_of(products), "the coefficients do not fill {products} rows");
    ensure!(
        intercepts.is_empty() || intercepts.len() == products,
        "{} intercepts for {products} scores",
        intercepts.len()
    );
    let transform = transform(node)?;
    Ok((expand(Scored(Linear { labels, coefficients, intercepts, products, transform })), vec![]))
}

pub fn classifier(_context: &ParsingContext, node: &NodeProto) -> Parsed {
    let labels = labels(node, "classlabels_ints")?;
    // Two classes may share one score; only the intercepts, if there are any, tell how many scores there are.
    let intercepts = numbers(node, "intercepts")?.len();
    let products = if labels.len() == 2 && intercepts == 1 { 1 } else { labels.len() };
    parse(node, Some(labels), products)
}

pub fn regressor(_context: &ParsingContext, node: &NodeProto) -> Parsed {
    parse(node, None, node.get_attr_opt::<usize>("targets")?.unwrap_or(1))
}

impl Scoring for Linear {
    fn operator(&self) -> &'static str {
        if self.labels.is_some() { "LinearClassifier" } else { "LinearRegressor" }
    }

    fn labels(&self) -> Option<&[i64]> {
        self.labels.as_deref()
    }

    fn columns(&self) -> usize {
        self.labels.as_ref().map_or(self.products, Vec::len)
    }

    fn score(&self, wiring: &mut Wiring<'_>, x: OutletId, width: usize) -> TractResult<Scores> {
        ensure!(
            self.coefficients.len() == self.products * width,
            "{} coefficients for {} scores of {width} features",
            self.coefficients.len(),
            self.products
        );
        let weights = wiring.table("coefficients", &floats(&self.coefficients), &[self.products, width])?;
        let mut scores = wiring.product("product", x, weights)?;
        if !self.intercepts.is_empty() {
            scores = wiring.add_row("intercepts", scores, &floats(&self.intercepts))?;
        }
        if self.labels.is_none() {
            return Ok(Scores { choice: None, scores: wiring.transformed(self.transform, scores)? });
        }
        Ok(if self.products == 1 {
            let choice = wiring.second_above(scores, 0.0)?;
            Scores { choice: Some(choice), scores: wiring.both(self.transform, scores, false)? }
        } else {
            let choice = wiring.best(scores)?;
            Scores { choice: Some(choice), scores: wiring.transformed(self.transform, scores)? }
        })
    }
}
