//! Operators that prepare features: Scaler, Normalizer, Binarizer, Imputer, FeatureVectorizer,
//! ArrayFeatureExtractor, and CDist, the distances that k-nearest-neighbours models are exported with.

use super::scores::{Parsed, bits, floats, numbers};
use super::wiring::Wiring;
use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_core::ops::array::Gather;
use tract_onnx::tract_core::ops::math;
use tract_onnx::tract_core::ops::nn::Reducer;
use tract_onnx::tract_hir::internal::*;

/// A function of tensors whose result's dims follow from theirs.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Features {
    /// `(x - offset) * scale`, column by column.
    Scaler {
        offset: Vec<u32>,
        scale: Vec<u32>,
    },
    Normalizer(Norm),
    Binarizer {
        threshold: u32,
    },
    /// `replaced` (a NaN stands for every NaN) becomes `imputed`, column by column.
    Imputer {
        imputed: Imputed,
        replaced: Replaced,
    },
    /// Inputs of these widths side by side, as f32.
    Vectorizer(Vec<usize>),
    /// Entries along the last axis.
    Extractor,
    /// Distances between the rows of two matrices.
    Distances {
        squared: bool,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Norm {
    Max,
    L1,
    L2,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Imputed {
    Floats(Vec<u32>),
    Integers(Vec<i64>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Replaced {
    Float(u32),
    Integer(i64),
}

fn parsed(features: Features) -> Parsed {
    Ok((expand(features), vec![]))
}

pub fn scaler(_context: &ParsingContext, node: &NodeProto) -> Parsed {
    parsed(Features::Scaler { offset: numbers(node, "offset")?, scale: numbers(node, "scale")? })
}

pub fn normalizer(_context: &ParsingContext, node: &NodeProto) -> Parsed {
    parsed(Features::Normalizer(match node.get_attr_opt::<&str>("norm")? {
        None | Some("MAX") => Norm::Max,
        Some("L1") => Norm::L1,
        Some("L2") => Norm::L2,
        Some(other) => bail!("the norm {other} is not supported"),
    }))
}

pub fn binarizer(_context: &ParsingContext, node: &NodeProto) -> Parsed {
    let threshold = node.get_attr_opt::<f32>("threshold")?.unwrap_or(0.0).to_bits();
    parsed(Features::Binarizer { threshold })
}

pub fn imputer(_context: &ParsingContext, node: &NodeProto) -> Parsed {
    let float = node.get_attr_opt_slice::<f32>("imputed_value_floats")?.unwrap_or_default();
    let integer = node.get_attr_opt_slice::<i64>("imputed_value_int64s")?.unwrap_or_default();
    ensure!(float.is_empty() != integer.is_empty(), "an imputer has values of one kind");
    parsed(if integer.is_empty() {
        let replaced = node.get_attr_opt::<f32>("replaced_value_float")?.unwrap_or(0.0);
        Features::Imputer {
            imputed: Imputed::Floats(bits(float)),
            replaced: Replaced::Float(replaced.to_bits()),
        }
    } else {
        let replaced = node.get_attr_opt::<i64>("replaced_value_int64")?.unwrap_or(0);
        Features::Imputer {
            imputed: Imputed::Integers(integer.to_vec()),
            replaced: Replaced::Integer(replaced),
        }
    })
}

pub fn vectorizer(_context: &ParsingContext, node: &NodeProto) -> Parsed {
    let widths = node.get_attr_opt_tvec::<usize>("inputdimensions")?.unwrap_or_default();
    ensure!(widths.len() == node.input.len(), "inputdimensions has one number for each input");
    parsed(Features::Vectorizer(widths.to_vec()))
}

pub fn extractor(_context: &ParsingContext, _node: &NodeProto) -> Parsed {
    parsed(Features::Extractor)
}

pub fn distances(_context: &ParsingContext, node: &NodeProto) -> Parsed {
    parsed(Features::Distances {
        squared: match node.get_attr_opt::<&str>("metric")? {
            None | Some("sqeuclidean") => true,
            Some("euclidean") => false,
            Some(other) => bail!("the metric {other} is not supported: use euclidean or sqeuclidean"),
        },
    })
}

impl Expansion for Features {
    fn name(&self) -> StaticName {
        match self {
            Features::Scaler { .. } => "Scaler",
            Features::Normalizer(_) => "Normalizer",
            Features::Binarizer { .. } => "Binarizer",
            Features::Imputer { .. } => "Imputer",
            Features::Vectorizer(_) => "FeatureVectorizer",
            Features::Extractor => "ArrayFeatureExtractor",
            Features::Distances { .. } => "CDist",
        }
        .into()
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
        check_output_arity(outputs, 1)?;
        let arity = match self {
            Features::Vectorizer(widths) => widths.len(),
            Features::Extractor | Features::Distances { .. } => 2,
            _ => 1,
        };
        check_input_arity(inputs, arity)?;
        match self {
            Features::Extractor => {
                solver.equals(&outputs[0].datum_type, &inputs[0].datum_type)?;
                return solver.given_2(&inputs[0].shape, &inputs[1].shape, move |solver, x, index| {
                    let count = index.iter().product::<TDim>();
                    let shape = extracted(&x, count);
                    solver.equals(&outputs[0].shape, shape)
                });
            }
            Features::Imputer { .. } => solver.equals(&outputs[0].datum_type, &inputs[0].datum_type)?,
            _ => solver.equals(&outputs[0].datum_type, f32::datum_type())?,
        }
        match self {
            Features::Vectorizer(widths) => {
                solver.equals(&outputs[0].rank, 2)?;
                solver.equals(&outputs[0].shape[0], &inputs[0].shape[0])?;
                solver.equals(&outputs[0].shape[1], widths.iter().sum::<usize>().to_dim())
            }
            Features::Distances { .. } => {
                solver.equals(&outputs[0].rank, 2)?;
                solver.equals(&outputs[0].shape[0], &inputs[0].shape[0])?;
                solver.equals(&outputs[0].shape[1], &inputs[1].shape[0])
            }
            _ => solver.equals(&outputs[0].shape, &inputs[0].shape),
        }
    }

    fn wire(&self, prefix: &str, model: &mut TypedModel, inputs: &[OutletId]) -> TractResult<TVec<OutletId>> {
        let mut wiring = Wiring { prefix, model };
        let value = match self {
            Features::Scaler { offset, scale } => scale_by(&mut wiring, inputs[0], offset, scale)?,
            Features::Normalizer(norm) => normalize(&mut wiring, inputs[0], *norm)?,
            Features::Binarizer { threshold } => {
                let x = wiring.float(inputs[0])?;
                let threshold = wiring.last_axis("threshold", x, &[f32::from_bits(*threshold)])?;
                let above = wiring.greater("above", x, threshold)?;
                wiring.float(above)?
            }
            Features::Imputer { imputed, replaced } => impute(&mut wiring, inputs[0], imputed, *replaced)?,
            Features::Vectorizer(widths) => {
                let mut parts = vec![];
                for (&input, width) in inputs.iter().zip(widths) {
                    let dims = wiring.dims(input)?;
                    ensure!(
                        dims.len() == 2 && dims[1] == *width,
                        "inputdimensions are other than the inputs'"
                    );
                    parts.push(wiring.float(input)?);
                }
                wiring.columns("columns", &parts)?
            }
            Features::Extractor => extract(&mut wiring, inputs[0], inputs[1])?,
            Features::Distances { squared } => {
                let left = wiring.node("left", AxisOp::Add(1), &[inputs[0]])?;
                let right = wiring.node("right", AxisOp::Add(0), &[inputs[1]])?;
                let difference = wiring.node("difference", math::sub(), &[left, right])?;
                let square = wiring.node("square", math::square(), &[difference])?;
                let sum = wiring.reduce("sum", Reducer::Sum, square)?;
                let sum = wiring.node("sum.flat", AxisOp::Rm(2), &[sum])?;
                if *squared { sum } else { wiring.node("root", math::sqrt(), &[sum])? }
            }
        };
        Ok(tvec!(value))
    }
}

/// The dims of an extraction: a list counts as a matrix of one row.
fn extracted(x: &[TDim], count: TDim) -> TVec<TDim> {
    let mut shape: TVec<TDim> = x[..x.len().saturating_sub(1)].into();
    if shape.is_empty() {
        shape.push(1.to_dim());
    }
    shape.push(count);
    shape
}

fn extract(wiring: &mut Wiring<'_>, x: OutletId, index: OutletId) -> TractResult<OutletId> {
    let rank = wiring.dims(x)?.len();
    ensure!(rank > 0, "a scalar has no features to extract");
    let x = if rank == 1 { wiring.node("row", AxisOp::Add(0), &[x])? } else { x };
    let dims = wiring.dims(index)?;
    let flat: usize = dims.iter().product();
    let (from, to) = (dims.iter().map(|dim| dim.to_dim()).collect(), tvec!(flat.to_dim()));
    let index = wiring.node("index", AxisOp::Reshape(0, from, to), &[index])?;
    let index = wiring.integer(index)?;
    wiring.node("extract", Gather::new(rank.max(2) - 1), &[x, index])
}

fn scale_by(wiring: &mut Wiring<'_>, x: OutletId, offset: &[u32], scale: &[u32]) -> TractResult<OutletId> {
    let mut x = wiring.float(x)?;
    if !offset.is_empty() {
        let offset = wiring.last_axis("offset", x, &floats(offset))?;
        x = wiring.node("centred", math::sub(), &[x, offset])?;
    }
    if !scale.is_empty() {
        let scale = wiring.last_axis("scale", x, &floats(scale))?;
        x = wiring.node("scaled", math::mul(), &[x, scale])?;
    }
    Ok(x)
}

/// Each row divided by its greatest element, or by the sum of sizes, or by the root of the sum of squares;
/// unless that is 0.
fn normalize(wiring: &mut Wiring<'_>, x: OutletId, norm: Norm) -> TractResult<OutletId> {
    let x = wiring.float(x)?;
    let size = match norm {
        Norm::Max => wiring.reduce("max", Reducer::Max, x)?,
        Norm::L1 => {
            let sizes = wiring.node("abs", math::abs(), &[x])?;
            wiring.reduce("sum", Reducer::Sum, sizes)?
        }
        Norm::L2 => {
            let squares = wiring.node("square", math::square(), &[x])?;
            let sum = wiring.reduce("sum", Reducer::Sum, squares)?;
            wiring.node("root", math::sqrt(), &[sum])?
        }
    };
    let zero = wiring.last_axis("zero", x, &[0.0_f32])?;
    let one = wiring.last_axis("one", x, &[1.0_f32])?;
    let none = wiring.equal("none", size, zero)?;
    let divisor = wiring.choose("divisor", none, one, size)?;
    wiring.node("normalized", math::div(), &[x, divisor])
}

fn impute(
    wiring: &mut Wiring<'_>,
    x: OutletId,
    imputed: &Imputed,
    replaced: Replaced,
) -> TractResult<OutletId> {
    let (is_float, dtype) = (matches!(imputed, Imputed::Floats(_)), wiring.model.outlet_fact(x)?.datum_type);
    ensure!(
        dtype == if is_float { f32::datum_type() } else { i64::datum_type() },
        "an imputer of other values than its input's"
    );
    let (missing, values) = match (imputed, replaced) {
        (Imputed::Integers(values), Replaced::Integer(replaced)) => {
            let replaced = wiring.last_axis("replaced", x, &[replaced])?;
            (wiring.equal("missing", x, replaced)?, wiring.last_axis("imputed", x, values)?)
        }
        (Imputed::Floats(values), Replaced::Float(replaced)) => {
            let replaced = f32::from_bits(replaced);
            let missing = if replaced.is_nan() {
                wiring.different("missing", x, x)?
            } else {
                let replaced = wiring.last_axis("replaced", x, &[replaced])?;
                wiring.equal("missing", x, replaced)?
            };
            (missing, wiring.last_axis("imputed", x, &floats(values))?)
        }
        _ => bail!("an imputer of two kinds"),
    };
    wiring.choose("filled", missing, values, x)
}
