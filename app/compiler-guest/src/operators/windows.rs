//! Operators of `ai.onnx` over windows and axes that tract lacks or hides: LpPool, MaxPool with its indices,
//! Upsample, ReverseSequence, CenterCropPad.

use super::wiring::Wiring;
use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_core::ops::array::{GatherElements, Pad, PadMode, Slice};
use tract_onnx::tract_core::ops::binary::TypedBinOp;
use tract_onnx::tract_core::ops::cnn::{MaxPool, PaddingSpec, PoolSpec, SumPool};
use tract_onnx::tract_core::ops::logic::{Iff, comp_lt};
use tract_onnx::tract_core::ops::math;
use tract_onnx::tract_core::ops::nn::DataFormat;
use tract_onnx::tract_core::ops::nn::resize::{CoordTransformer, Interpolator, Nearest, Resize};
use tract_onnx::tract_hir::internal::*;

type Parsed = TractResult<(Box<dyn InferenceOp>, Vec<String>)>;

/// The indices that belong to the results of a MaxPool, in the whole tensor. Lowered, never computed here.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct MaxPoolIndices {
    pub spec: PoolSpec,
    /// Within a plane, columns count before rows.
    pub column_major: bool,
}

impl Op for MaxPoolIndices {
    fn name(&self) -> StaticName {
        "MaxPoolIndices".into()
    }

    op_as_typed_op!();
}

impl EvalOp for MaxPoolIndices {
    op_out_of_plan!();

    fn eval(&self, _context: &EvalContext, _inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        bail!("the indices of a MaxPool of constants are not supported")
    }
}

impl TypedOp for MaxPoolIndices {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        Ok(tvec!(i64::fact(self.spec.output_shape(&inputs[0].shape)?.shape)))
    }

    as_op!();
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Windows {
    /// The p-norm of each window.
    Lp {
        spec: PoolSpec,
        p: u32,
    },
    MaxWithIndices {
        spec: PoolSpec,
        column_major: bool,
    },
    /// Scales given, or in the second input.
    Upsample {
        scales: Option<Vec<u32>>,
        linear: bool,
    },
    /// The first elements of each sequence, as many as the second input says, in reverse.
    Reverse {
        batch: usize,
        time: usize,
    },
    /// Cut or padded to the sizes of the second input, about the centre.
    Center {
        axes: Option<Vec<i64>>,
    },
}

fn parsed(windows: Windows) -> Parsed {
    Ok((expand(windows), vec![]))
}

/// The window of a pool.
fn spec(node: &NodeProto) -> TractResult<PoolSpec> {
    let kernel: TVec<usize> = node.get_attr_tvec("kernel_shape")?;
    let pads = node.get_attr_opt_tvec::<usize>("pads")?.unwrap_or_else(|| tvec!(0; 2 * kernel.len()));
    ensure!(pads.len() == 2 * kernel.len(), "a pool with pads of another number");
    let ceil = node.get_attr_opt::<i64>("ceil_mode")?.unwrap_or(0) == 1;
    let padding = match node.get_attr_opt::<&str>("auto_pad")? {
        None | Some("NOTSET") => {
            PaddingSpec::ExplicitOnnxPool(pads[..kernel.len()].into(), pads[kernel.len()..].into(), ceil)
        }
        Some("VALID") => PaddingSpec::Valid,
        Some("SAME_UPPER") => PaddingSpec::SameUpper,
        Some("SAME_LOWER") => PaddingSpec::SameLower,
        Some(other) => bail!("the auto_pad {other} is not known"),
    };
    let (dilations, strides) = (node.get_attr_opt_tvec("dilations")?, node.get_attr_opt_tvec("strides")?);
    Ok(PoolSpec::new(DataFormat::NCHW, kernel, padding, dilations, strides, 0, 0))
}

pub fn lp_pool(_context: &ParsingContext, node: &NodeProto) -> Parsed {
    let p = node.get_attr_opt::<i64>("p")?.unwrap_or(2);
    ensure!((1..=16).contains(&p), "a pool by the norm {p} is not supported");
    parsed(Windows::Lp { spec: spec(node)?, p: p as u32 })
}

pub fn max_pool(_context: &ParsingContext, node: &NodeProto) -> Parsed {
    let spec = spec(node)?;
    if node.output.iter().filter(|name| !name.is_empty()).count() < 2 {
        let pool = tract_onnx::tract_hir::ops::cnn::HirMaxPool::new(spec, None);
        return Ok((expand(pool), vec![]));
    }
    let column_major = node.get_attr_opt::<i64>("storage_order")?.unwrap_or(0) == 1;
    parsed(Windows::MaxWithIndices { spec, column_major })
}

pub fn upsample(_context: &ParsingContext, node: &NodeProto) -> Parsed {
    let linear = match node.get_attr_opt::<&str>("mode")? {
        None | Some("nearest") => false,
        Some("linear" | "bilinear") => true,
        Some(other) => bail!("the mode {other} is not known"),
    };
    let scales = node.get_attr_opt_slice::<f32>("scales")?;
    let scales = scales.map(|scales| scales.iter().map(|scale| scale.to_bits()).collect());
    parsed(Windows::Upsample { scales, linear })
}

pub fn reverse_sequence(_context: &ParsingContext, node: &NodeProto) -> Parsed {
    let batch = node.get_attr_opt::<usize>("batch_axis")?.unwrap_or(1);
    let time = node.get_attr_opt::<usize>("time_axis")?.unwrap_or(0);
    ensure!(batch + time == 1, "the axes of sequences and of their elements are the first two");
    parsed(Windows::Reverse { batch, time })
}

pub fn center_crop_pad(_context: &ParsingContext, node: &NodeProto) -> Parsed {
    parsed(Windows::Center { axes: node.get_attr_opt_vec::<i64>("axes")? })
}

impl Windows {
    /// The dims of the result; `list` is the second input, when the operator asks for its values.
    fn dims(&self, from: &[usize], list: Option<&Tensor>) -> TractResult<Vec<usize>> {
        let values = |list: Option<&Tensor>| -> TractResult<Vec<f32>> {
            let list = list.context("the sizes or scales are computed, not constant")?;
            Ok(list.cast_to::<f32>()?.try_as_plain_ram()?.as_slice::<f32>()?.to_vec())
        };
        Ok(match self {
            Windows::Lp { spec, .. } | Windows::MaxWithIndices { spec, .. } => {
                ensure!(from.len() == spec.rank() + 2, "a pool over a tensor of another rank");
                of_channels(spec, from[1]).output_shape(from)?.shape.to_vec()
            }
            Windows::Reverse { .. } => from.to_vec(),
            Windows::Upsample { scales, .. } => {
                let scales: Vec<f32> = match scales {
                    Some(scales) => scales.iter().map(|&bits| f32::from_bits(bits)).collect(),
                    None => values(list)?,
                };
                ensure!(scales.len() == from.len(), "an Upsample has a scale for each axis");
                from.iter().zip(scales).map(|(&dim, scale)| (dim as f32 * scale).floor() as usize).collect()
            }
            Windows::Center { axes } => {
                let sizes = values(list)?;
                let rank = from.len() as i64;
                let all: Vec<i64> = (0..rank).collect();
                let axes = axes.as_ref().unwrap_or(&all);
                ensure!(axes.len() == sizes.len(), "a CenterCropPad has a size for each axis");
                let mut dims = from.to_vec();
                for (&axis, size) in axes.iter().zip(sizes) {
                    let axis = if axis < 0 { axis + rank } else { axis };
                    let dim = usize::try_from(axis).ok().and_then(|axis| dims.get_mut(axis));
                    *dim.context("an axis is out of range")? = size as usize;
                }
                dims
            }
        })
    }

    fn takes_list(&self) -> bool {
        matches!(self, Windows::Upsample { scales: None, .. } | Windows::Center { .. })
    }
}

impl Expansion for Windows {
    fn name(&self) -> StaticName {
        match self {
            Windows::Lp { .. } => "LpPool",
            Windows::MaxWithIndices { .. } => "MaxPool",
            Windows::Upsample { .. } => "Upsample",
            Windows::Reverse { .. } => "ReverseSequence",
            Windows::Center { .. } => "CenterCropPad",
        }
        .into()
    }

    fn nboutputs(&self) -> TractResult<usize> {
        Ok(if matches!(self, Windows::MaxWithIndices { .. }) { 2 } else { 1 })
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        solver: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        let more = self.takes_list() || matches!(self, Windows::Reverse { .. });
        check_input_arity(inputs, 1 + usize::from(more))?;
        check_output_arity(outputs, self.nboutputs()?)?;
        solver.equals(&outputs[0].datum_type, &inputs[0].datum_type)?;
        if let Some(indices) = outputs.get(1) {
            solver.equals(&indices.datum_type, i64::datum_type())?;
            solver.equals(&indices.shape, &outputs[0].shape)?;
        }
        let concrete =
            |shape: &[TDim]| shape.iter().map(|dim| Ok(dim.to_usize()?)).collect::<TractResult<Vec<_>>>();
        let answer = move |solver: &mut Solver<'r>, from: Vec<usize>, list: Option<&Tensor>| {
            let dims: TVec<TDim> = self.dims(&from, list)?.iter().map(|dim| dim.to_dim()).collect();
            solver.equals(&outputs[0].shape, dims)
        };
        if self.takes_list() {
            return solver.given_2(&inputs[0].shape, &inputs[1].value, move |solver, from, list| {
                let from = concrete(&from)?;
                answer(solver, from, Some(&list))
            });
        }
        solver.given(&inputs[0].shape, move |solver, from| {
            let from = concrete(&from)?;
            answer(solver, from, None)
        })
    }

    fn wire(&self, prefix: &str, model: &mut TypedModel, inputs: &[OutletId]) -> TractResult<TVec<OutletId>> {
        let x = inputs[0];
        let list = inputs.get(1).and_then(|&outlet| model.outlet_fact(outlet).ok()?.konst.clone());
        let mut wiring = Wiring { prefix, model };
        let from = wiring.dims(x)?;
        let to = self.dims(&from, list.as_deref())?;
        let channels = from.get(1).copied().unwrap_or(1);
        Ok(match self {
            Windows::Lp { spec, p } => {
                tvec!(norms(&mut wiring, x, of_channels(spec, channels), *p, from.len())?)
            }
            Windows::MaxWithIndices { spec, column_major } => {
                let spec = of_channels(spec, channels);
                let pool = MaxPool { pool_spec: spec.clone(), with_index_outputs: None };
                let values = wiring.node("values", pool, &[x])?;
                let indices = MaxPoolIndices { spec, column_major: *column_major };
                tvec!(values, wiring.node("indices", indices, &[x])?)
            }
            Windows::Upsample { linear, .. } => {
                let sizes: Vec<i64> = to.iter().map(|&dim| dim as i64).collect();
                let sizes = wiring.table("sizes", &sizes, &[sizes.len()])?;
                let op = Resize {
                    coord_transformer: CoordTransformer::Asymmetric,
                    interpolator: if *linear { Interpolator::Linear } else { Interpolator::Nearest },
                    nearest: Nearest::Floor,
                    optional_scales_input: None,
                    optional_sizes_input: Some(1),
                };
                tvec!(wiring.node("resize", op, &[x, sizes])?)
            }
            Windows::Reverse { batch, time } => tvec!(reversed(&mut wiring, x, inputs[1], *batch, *time)?),
            Windows::Center { .. } => tvec!(centred(&mut wiring, x, &from, &to)?),
        })
    }
}

fn of_channels(spec: &PoolSpec, channels: usize) -> PoolSpec {
    PoolSpec { input_channels: channels, output_channels: channels, ..spec.clone() }
}

/// The p-norm of each window.
fn norms(wiring: &mut Wiring<'_>, x: OutletId, spec: PoolSpec, p: u32, rank: usize) -> TractResult<OutletId> {
    let ones = vec![1; rank];
    let mut powers = wiring.node("abs", math::abs(), &[x])?;
    if p == 2 {
        powers = wiring.node("square", math::square(), &[powers])?;
    } else if p > 2 {
        let exponent = wiring.table("p", &[p as f32], &ones)?;
        powers = wiring.node("power", math::pow(), &[powers, exponent])?;
    }
    let sums = SumPool { pool_spec: spec, count_include_pad: false, normalize: false };
    let sums = wiring.node("sums", sums, &[powers])?;
    match p {
        1 => Ok(sums),
        2 => wiring.node("root", math::sqrt(), &[sums]),
        _ => {
            let exponent = wiring.table("root", &[1.0 / p as f32], &ones)?;
            wiring.node("root", math::pow(), &[sums, exponent])
        }
    }
}

/// Element t of a sequence of n is its element `n - 1 - t`, as long as t is below n.
fn reversed(
    wiring: &mut Wiring<'_>,
    x: OutletId,
    lengths: OutletId,
    batch: usize,
    time: usize,
) -> TractResult<OutletId> {
    let dims = wiring.dims(x)?;
    ensure!(dims.len() >= 2, "sequences of fewer than two axes");
    let along = |axis: usize| {
        let mut shape = vec![1; dims.len()];
        shape[axis] = dims[axis];
        shape
    };
    let lengths = wiring.integer(lengths)?;
    let shape: TVec<TDim> = along(batch).iter().map(|dim| dim.to_dim()).collect();
    let lengths =
        wiring.node("lengths", AxisOp::Reshape(0, tvec!(dims[batch].to_dim()), shape), &[lengths])?;
    let steps: Vec<i64> = (0..dims[time] as i64).collect();
    let steps = wiring.table("steps", &steps, &along(time))?;
    let one = wiring.table("one", &[1i64], &vec![1; dims.len()])?;
    let last = wiring.node("last", math::sub(), &[lengths, one])?;
    let back = wiring.node("back", math::sub(), &[last, steps])?;
    let inside = wiring.node("inside", TypedBinOp(comp_lt(), None), &[steps, lengths])?;
    let mut plane = vec![1; dims.len()];
    plane[..2].copy_from_slice(&dims[..2]);
    let steps = wiring.broadcast("steps", steps, &plane)?;
    let index = wiring.node("index", Iff, &[inside, back, steps])?;
    let index = wiring.broadcast("index", index, &dims)?;
    wiring.node("reverse", GatherElements { axis: time }, &[x, index])
}

/// Cut or padded with zeros about the centre; the odd position counts at the end.
fn centred(wiring: &mut Wiring<'_>, mut x: OutletId, from: &[usize], to: &[usize]) -> TractResult<OutletId> {
    let mut pads = vec![(0, 0); from.len()];
    for (axis, (&from, &to)) in from.iter().zip(to).enumerate() {
        if to < from {
            let start = (from - to) / 2;
            x = wiring.node("cut", Slice::new(axis, start, start + to), &[x])?;
        } else {
            let before = (to - from) / 2;
            pads[axis] = (before, to - from - before);
        }
    }
    if pads.iter().all(|&pad| pad == (0, 0)) {
        return Ok(x);
    }
    let zero = Tensor::zero_scalar_dt(wiring.model.outlet_fact(x)?.datum_type)?;
    wiring.node("pad", Pad { pads, mode: PadMode::Constant(zero.into_arc_tensor()) }, &[x])
}
