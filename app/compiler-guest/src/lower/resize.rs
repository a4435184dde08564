//! Resize: axis by axis, each output a sum of few inputs with constant weights.
//!
//! Where the weights come from is tract's: a table of taps for each axis. What they become is decided here: a
//! tap is a Gather of slices and a product with its weights, and taps are added in order. Taps of weight 0
//! are left out where a whole tap has no other, so that nearest neighbours are moved, not computed.

use super::context::{Lowering, Site, dims};
use super::{Lowered, movement};
use assay_plan::{BinaryOp, Opcode};
use assay_types::tensor::DType;
use tract_onnx::prelude::*;
use tract_onnx::tract_core::ops::nn::resize::{
    self as core, AxisPlan, Interpolator, NearestUpsample, cubic_weights, linear_weights, plan_axis,
    window_size,
};
use tract_onnx::tract_hir::internal::*;
use tract_onnx_opl::resize::{AspectRatio, CoordTransform, Nearest, Resize};

/// Slices shorter than this are brought to the front before they are gathered.
const SHORT: u64 = 16;

pub fn lower(lowering: &mut Lowering, site: &Site<'_>) -> Lowered {
    if site.op::<NearestUpsample>().is_some() {
        return Ok(Some(vec![replicate(lowering, site)?]));
    }
    let resize = if let Some(op) = site.op::<Resize>() {
        op.clone()
    } else if let Some(op) = site.op::<core::Resize>() {
        Resize {
            axes: None,
            coord_transformer: CoordTransform::Plain(op.coord_transformer.clone()),
            interpolator: op.interpolator.clone(),
            nearest: match op.nearest {
                core::Nearest::Floor => Nearest::Floor,
                core::Nearest::RoundPreferCeil => Nearest::RoundPreferCeil,
            },
            antialias: false,
            cubic_coeff_a_bits: (-0.75f32).to_bits(),
            exclude_outside: false,
            extrapolation_value_bits: 0,
            keep_aspect_ratio_policy: AspectRatio::Stretch,
            optional_roi_input: None,
            optional_scales_input: op.optional_scales_input,
            optional_sizes_input: op.optional_sizes_input,
        }
    } else {
        return Ok(None);
    };
    let (result, out) = site.result()?;
    let mut x = site.input(0)?;
    let from = lowering.dims(x)?;
    ensure!(from.len() == out.len(), "a resize to another rank");
    let scales = scales(site, &resize, &from, &out)?;
    let roi = roi(site, &resize, from.len())?;
    let moves = resize.interpolator == Interpolator::Nearest && roi.is_none();
    x = if moves { x } else { lowering.cast(x, DType::F32)? };
    for axis in 0..from.len() {
        let (len_in, len_out) = (from[axis] as usize, out[axis] as usize);
        if len_in == len_out && scales[axis] == 1.0 && roi.is_none() {
            continue;
        }
        let plan = taps(&resize, scales[axis], len_in, len_out, roi.as_ref().map(|roi| roi[axis]));
        x = along(lowering, x, axis, &plan, resize.extrapolation_value())?;
    }
    Ok(Some(vec![lowering.cast(x, result)?]))
}

/// Repeats every element along each axis: a dim of 1 is put behind the axis, repeated, and merged into it.
fn replicate(lowering: &mut Lowering, site: &Site<'_>) -> TractResult<u32> {
    let mut x = site.input(0)?;
    let to = site.result()?.1;
    for (along, &long) in to.iter().enumerate().rev() {
        let now = lowering.dims(x)?;
        let short = *now.get(along).context("an axis is out of range")?;
        if short == long {
            continue;
        }
        let times = long.checked_div(short).context("a tensor without elements")?;
        let (before, after) = (&now[..along], &now[along + 1..]);
        let split = |times: u32| [before, &[short, times], after].concat();
        x = lowering.reshape(x, &split(1))?;
        x = lowering.broadcast(x, &split(times))?;
        x = lowering.reshape(x, &[before, &[long], after].concat())?;
    }
    Ok(x)
}

/// A constant operand as f32, if it is there and has elements.
fn constant(site: &Site<'_>, index: Option<usize>, what: &str) -> TractResult<Option<Vec<f32>>> {
    let Some(&outlet) = index.and_then(|index| site.node.inputs.get(index)) else { return Ok(None) };
    let konst = site.model.outlet_fact(outlet)?.konst.as_ref();
    let konst = konst.with_context(|| format!("a resize with computed {what} is not supported"))?;
    let list = konst.cast_to::<f32>()?.try_as_plain_ram()?.as_slice::<f32>()?.to_vec();
    Ok(Some(list).filter(|list| !list.is_empty()))
}

/// The scale of every axis.
fn scales(site: &Site<'_>, resize: &Resize, from: &[u32], to: &[u32]) -> TractResult<Vec<f32>> {
    let axes = resize.resized_axes(from.len())?;
    let mut list = vec![1.0; from.len()];
    let ratio = |axis: usize, to: f32| to / from[axis] as f32;
    if let Some(given) = constant(site, resize.optional_scales_input, "scales")? {
        ensure!(given.len() == axes.len(), "a resize with as many scales as other than axes");
        axes.iter().zip(given).for_each(|(&axis, scale)| list[axis] = scale);
    } else if resize.keep_aspect_ratio_policy == AspectRatio::Stretch {
        axes.iter().for_each(|&axis| list[axis] = ratio(axis, to[axis] as f32));
    } else {
        let sizes =
            constant(site, resize.optional_sizes_input, "sizes")?.context("a resize without sizes")?;
        let ratios = axes.iter().zip(sizes).map(|(&axis, size)| ratio(axis, size));
        let smaller = resize.keep_aspect_ratio_policy == AspectRatio::NotLarger;
        let common = ratios.reduce(|a, b| if smaller == (b < a) { b } else { a });
        let common = common.context("a resize of no axis")?;
        axes.iter().for_each(|&axis| list[axis] = common);
    }
    Ok(list)
}

/// The region of every axis, when the mode has one.
fn roi(site: &Site<'_>, resize: &Resize, rank: usize) -> TractResult<Option<Vec<[f32; 2]>>> {
    if resize.coord_transformer != CoordTransform::TfCropAndResize {
        return Ok(None);
    }
    let axes = resize.resized_axes(rank)?;
    let given = constant(site, resize.optional_roi_input, "roi")?.unwrap_or_default();
    ensure!(given.len() == 2 * axes.len(), "a resize by region without one for each axis");
    let mut list = vec![[0.0, 1.0]; rank];
    axes.iter().enumerate().for_each(|(i, &axis)| list[axis] = [given[i], given[i + axes.len()]]);
    Ok(Some(list))
}

/// The taps of an axis.
fn taps(resize: &Resize, scale: f32, len_in: usize, len_out: usize, roi: Option<[f32; 2]>) -> AxisPlan {
    let window = window_size(&resize.interpolator, resize.antialias, scale);
    let last = len_in as f32 - 1.0;
    let coord = |x: usize| match (&resize.coord_transformer, roi) {
        (CoordTransform::Plain(transform), _) => Some(transform.transform(x, scale, len_in, len_out)),
        (_, roi) => {
            let [start, end] = roi.unwrap_or([0.0, 1.0]);
            let (span, width) = (last * (end - start), scale * len_in as f32);
            let offset = if width == 1.0 { span / 2.0 } else { x as f32 * span / (width - 1.0) };
            let x = offset + start * last;
            (x >= 0.0 && x <= last).then_some(x)
        }
    };
    let weights = |r: f32, weights: &mut [f32]| match resize.interpolator {
        Interpolator::Linear => linear_weights(r, scale, resize.antialias, weights),
        Interpolator::Cubic => cubic_weights(r, scale, resize.cubic_coeff_a(), resize.antialias, weights),
        Interpolator::Nearest => {
            let right = r == 1.0
                || match resize.nearest {
                    Nearest::Floor => false,
                    Nearest::Ceil => true,
                    Nearest::RoundPreferFloor => r > 0.5,
                    Nearest::RoundPreferCeil => r >= 0.5,
                };
            weights.fill(0.0);
            weights[usize::from(right)] = 1.0;
        }
    };
    plan_axis(len_in, len_out, window, resize.exclude_outside, coord, weights)
}

/// Resamples an axis, brought to the front if its slices are short.
fn along(lowering: &mut Lowering, x: u32, axis: usize, plan: &AxisPlan, outside: f32) -> TractResult<u32> {
    let now = lowering.dims(x)?;
    let inner: u64 = now[axis + 1..].iter().map(|&dim| u64::from(dim)).product();
    let outer: u64 = now[..axis].iter().map(|&dim| u64::from(dim)).product();
    if inner >= SHORT || outer == 1 {
        return sum(lowering, x, axis, plan, outside);
    }
    let order: Vec<usize> =
        std::iter::once(axis).chain((0..now.len()).filter(|&other| other != axis)).collect();
    let back: Vec<usize> = (1..=axis).chain([0]).chain(axis + 1..now.len()).collect();
    let front = lowering.permute(x, &order)?;
    let y = sum(lowering, front, 0, plan, outside)?;
    lowering.permute(y, &back)
}

/// The sum of the taps.
fn sum(lowering: &mut Lowering, x: u32, axis: usize, plan: &AxisPlan, outside: f32) -> TractResult<u32> {
    let len = plan.extrapolated.len();
    let rank = lowering.dims(x)?.len();
    let mut beside = vec![1; rank];
    beside[axis] = dims(&[len])?[0];
    let column = |tap: usize| (0..len).map(move |at| at * plan.window + tap);
    let mut single = vec![None; len];
    let mut moves = !plan.extrapolated.contains(&true);
    for (at, only) in single.iter_mut().enumerate() {
        let used = (0..plan.window).map(|tap| at * plan.window + tap).filter(|&at| plan.weights[at] != 0.0);
        let used: Vec<usize> = used.collect();
        moves &= matches!(used[..], [one] if plan.weights[one] == 1.0);
        *only = used.first().map(|&one| plan.indices[one]);
    }
    if moves {
        let index: Vec<usize> = single.into_iter().flatten().collect();
        return movement::gather(lowering, x, axis, &index);
    }
    let mut total = None;
    for tap in 0..plan.window {
        let weights: Vec<f32> = column(tap).map(|at| plan.weights[at]).collect();
        if weights.iter().all(|&weight| weight == 0.0) {
            continue;
        }
        let index: Vec<usize> = column(tap).map(|at| plan.indices[at]).collect();
        let taken = movement::gather(lowering, x, axis, &index)?;
        let weights = lowering.plan.constant_f32(&beside, &weights);
        let part = lowering.binary(BinaryOp::Mul, taken, weights)?;
        total = Some(match total {
            None => part,
            Some(total) => lowering.binary(BinaryOp::Add, total, part)?,
        });
    }
    let y = match total {
        Some(total) => total,
        None => {
            let mut to = lowering.dims(x)?;
            to[axis] = beside[axis];
            let zero = lowering.plan.constant_f32(&vec![1; rank], &[0.0]);
            lowering.broadcast(zero, &to)?
        }
    };
    if !plan.extrapolated.contains(&true) {
        return Ok(y);
    }
    let flags: Vec<u8> = plan.extrapolated.iter().map(|&flag| u8::from(flag)).collect();
    let flags = lowering.plan.constant(DType::Bool, &beside, &flags);
    let fill = lowering.plan.constant_f32(&vec![1; rank], &[outside]);
    let to = lowering.dims(y)?;
    Ok(lowering.plan.push(Opcode::Select, &[flags, fill, y], DType::F32, &to))
}
