//! LinearClassifier and LinearRegressor: a product, a bias, a transform.

use super::classify::{Transform, Wiring, labels, matrix, transform};
use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_core::ops::einsum::EinSum;
use tract_onnx::tract_hir::internal::*;

type Parsed = TractResult<(Box<dyn InferenceOp>, Vec<String>)>;

/// A linear model: `x w + b` for `outputs` columns.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Linear {
    /// Labels of the classes; none for a regressor.
    labels: Option<Vec<i64>>,
    /// Bits of the coefficients, one row for each column of the product.
    coefficients: Vec<u32>,
    /// Bits of the intercepts; empty, or one for each column.
    intercepts: Vec<u32>,
    /// Columns of the product.
    columns: usize,
    transform: Transform,
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

fn floats(bits: &[u32]) -> Vec<f32> {
    bits.iter().map(|&bits| f32::from_bits(bits)).collect()
}

fn parse(node: &NodeProto, labels: Option<Vec<i64>>, columns: usize) -> TractResult<Linear> {
    let coefficients = bits(node.get_attr_slice::<f32>("coefficients")?);
    let intercepts = bits(node.get_attr_opt_slice::<f32>("intercepts")?.unwrap_or_default());
    ensure!(columns > 0 && !coefficients.is_empty(), "a linear model without coefficients");
    ensure!(coefficients.len().is_multiple_of(columns), "the coefficients do not fill {columns} rows");
    ensure!(
        intercepts.is_empty() || intercepts.len() == columns,
        "{} intercepts for {columns} scores",
        intercepts.len()
    );
    Ok(Linear { labels, coefficients, intercepts, columns, transform: transform(node)? })
}

pub fn classifier(_context: &ParsingContext, node: &NodeProto) -> Parsed {
    let labels = labels(node, "classlabels_ints")?;
    // Two classes may share one score; only the intercepts, if there are any, tell how many scores there are.
    let intercepts = node.get_attr_opt_slice::<f32>("intercepts")?.map_or(0, <[f32]>::len);
    let columns = if labels.len() == 2 && intercepts == 1 { 1 } else { labels.len() };
    Ok((expand(parse(node, Some(labels), columns)?), vec![]))
}

pub fn regressor(_context: &ParsingContext, node: &NodeProto) -> Parsed {
    let targets = node.get_attr_opt::<usize>("targets")?.unwrap_or(1);
    Ok((expand(parse(node, None, targets)?), vec![]))
}

impl Expansion for Linear {
    fn name(&self) -> StaticName {
        if self.labels.is_some() { "LinearClassifier".into() } else { "LinearRegressor".into() }
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
        let columns = self.labels.as_ref().map_or(self.columns, Vec::len);
        solver.equals(&scores.shape[1], columns.to_dim())?;
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
            self.coefficients.len() == self.columns * width,
            "{} coefficients for {} scores of {width} features",
            self.coefficients.len(),
            self.columns
        );
        let mut wiring = Wiring { prefix, model };
        let x = wiring.features(inputs[0])?;
        let weights = tensor1(&floats(&self.coefficients)).into_shape(&[self.columns, width])?;
        let weights = wiring.constant("coefficients", weights.into_arc_tensor())?;
        let product = EinSum::new("nk,ck->nc".parse()?, f32::datum_type());
        let mut scores = wiring.node("product", product, &[x, weights])?;
        if !self.intercepts.is_empty() {
            scores = wiring.add_row("intercepts", scores, &floats(&self.intercepts))?;
        }
        let Some(labels) = &self.labels else {
            return Ok(tvec!(wiring.transformed(self.transform, scores)?));
        };
        let label = if self.columns == 1 && labels.len() == 2 {
            let label = wiring.label_above(scores, 0.0, labels)?;
            scores = wiring.mirrored(scores)?;
            label
        } else {
            wiring.best_label(scores, labels)?
        };
        Ok(tvec!(label, wiring.transformed(self.transform, scores)?))
    }
}
