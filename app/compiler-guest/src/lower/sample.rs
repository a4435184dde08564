//! GridSample: values of an image at computed coordinates.
//!
//! Along each axis a coordinate meets one, two or four elements, with weights; all combinations over the axes
//! are gathered, weighted and added in order. Positions outside the image count as zero, the nearest element,
//! or a reflection, as the file says. A coordinate that is NaN meets the first element.

use super::Lowered;
use super::context::{Lowering, Site};
use assay_plan::{BinaryOp, CompareOp, Opcode, UnaryOp};
use assay_types::tensor::DType;
use tract_onnx::prelude::*;
use tract_onnx::tract_core::ops::nn::grid_sample::{GridSample, InterpolationMode, PaddingMode};
use tract_onnx::tract_hir::internal::*;

/// One of the elements that a coordinate meets: its part of the flat index, i32 \[n, points\]; its weight;
/// whether it is inside. What is missing is 1 and true.
#[derive(Clone, Copy)]
struct Tap {
    index: u32,
    weight: Option<u32>,
    inside: Option<u32>,
}

pub fn lower(lowering: &mut Lowering, site: &Site<'_>) -> Lowered {
    let Some(op) = site.op::<GridSample>() else { return Ok(None) };
    let (dtype, out) = site.result()?;
    let (x, grid) = (site.input(0)?, site.input(1)?);
    let (from, grid_dims) = (lowering.dims(x)?, lowering.dims(grid)?);
    ensure!(
        dtype == DType::F32 && lowering.of(grid)?.0 == DType::F32,
        "a GridSample of {dtype} is not supported"
    );
    let axes = from.len().checked_sub(2).context("a GridSample of fewer than three axes")?;
    ensure!(
        grid_dims.len() == axes + 2 && grid_dims.last().map(|&last| last as usize) == Some(axes),
        "a GridSample whose grid has another number of axes than its input"
    );
    ensure!(op.mode != InterpolationMode::Bicubic || axes == 2, "a cubic GridSample is over two axes");
    let points: u32 = grid_dims[1..=axes].iter().product();
    let grid = lowering.reshape(grid, &[from[0], points, grid_dims[axes + 1]])?;
    let mut taps = Vec::with_capacity(axes);
    let mut stride: u32 = from[2..].iter().product();
    let len = stride;
    for axis in 0..axes {
        let size = from[2 + axis];
        stride /= size;
        // The grid names the last axis first.
        let coordinate = lowering.slice(grid, 2, u32::try_from(axes - 1 - axis)?, 1)?;
        let coordinate = lowering.reshape(coordinate, &[from[0], points])?;
        taps.push(Axis { op, size, stride }.taps(lowering, coordinate)?);
    }
    let x = lowering.reshape(x, &[from[0], from[1], len])?;
    let y = sum(lowering, x, &taps, points)?;
    Ok(Some(vec![lowering.reshape(y, &out)?]))
}

/// The weighted sum over all combinations of taps.
fn sum(lowering: &mut Lowering, x: u32, taps: &[Vec<Tap>], points: u32) -> TractResult<u32> {
    let dims = lowering.dims(x)?;
    let (flat, whole) = ([dims[0], 1, points], [dims[0], dims[1], points]);
    let combinations: usize = taps.iter().map(Vec::len).product();
    let mut total = None;
    for mut combination in 0..combinations {
        let mut all: Option<Tap> = None;
        for taps in taps {
            let tap = taps[combination % taps.len()];
            combination /= taps.len();
            all = Some(match all {
                None => tap,
                Some(all) => Tap {
                    index: lowering.binary(BinaryOp::Add, all.index, tap.index)?,
                    weight: joined(lowering, BinaryOp::Mul, all.weight, tap.weight)?,
                    inside: joined(lowering, BinaryOp::And, all.inside, tap.inside)?,
                },
            });
        }
        let tap = all.context("a GridSample of no axis")?;
        let index = lowering.reshape(tap.index, &flat)?;
        let index = lowering.broadcast(index, &whole)?;
        let op = Opcode::GatherElements { axis: 2 };
        let mut value = lowering.plan.push(op, &[x, index], DType::F32, &whole);
        if let Some(inside) = tap.inside {
            let inside = lowering.reshape(inside, &flat)?;
            let zero = lowering.plan.constant_f32(&[1, 1, 1], &[0.0]);
            value = lowering.select(inside, value, zero)?;
        }
        if let Some(weight) = tap.weight {
            let weight = lowering.reshape(weight, &flat)?;
            value = lowering.binary(BinaryOp::Mul, value, weight)?;
        }
        total = Some(match total {
            None => value,
            Some(total) => lowering.binary(BinaryOp::Add, total, value)?,
        });
    }
    total.context("a GridSample without taps")
}

fn joined(lowering: &mut Lowering, op: BinaryOp, a: Option<u32>, b: Option<u32>) -> TractResult<Option<u32>> {
    match (a, b) {
        (Some(a), Some(b)) => lowering.binary(op, a, b).map(Some),
        (one, other) => Ok(one.or(other)),
    }
}

/// One axis of the image.
struct Axis<'a> {
    op: &'a GridSample,
    size: u32,
    stride: u32,
}

impl Axis<'_> {
    /// The elements that coordinates from -1 to 1 meet.
    fn taps(&self, lowering: &mut Lowering, coordinate: u32) -> TractResult<Vec<Tap>> {
        let size = self.size as f32;
        let (scale, shift) = if self.op.align_corners {
            ((size - 1.0) / 2.0, (size - 1.0) / 2.0)
        } else {
            (size / 2.0, (size - 1.0) / 2.0)
        };
        let pixel = with(lowering, BinaryOp::Mul, coordinate, scale)?;
        let pixel = with(lowering, BinaryOp::Add, pixel, shift)?;
        if self.op.mode == InterpolationMode::Nearest {
            let pixel = lowering.unary(UnaryOp::Round, pixel)?;
            return Ok(vec![self.tap(lowering, pixel, None)?]);
        }
        let pixel = self.inside(lowering, pixel)?;
        let low = lowering.unary(UnaryOp::Floor, pixel)?;
        let beyond = lowering.binary(BinaryOp::Sub, pixel, low)?;
        if self.op.mode == InterpolationMode::Bilinear {
            let high = with(lowering, BinaryOp::Add, low, 1.0)?;
            let left = lowering.binary(BinaryOp::Sub, high, pixel)?;
            return Ok(vec![self.tap(lowering, low, Some(left))?, self.tap(lowering, high, Some(beyond))?]);
        }
        let mut taps = Vec::with_capacity(4);
        for step in 0..4u8 {
            // The distance of the element: beyond + 1, beyond, 1 - beyond, 2 - beyond.
            let distance = match step {
                0 => with(lowering, BinaryOp::Add, beyond, 1.0)?,
                1 => beyond,
                _ => {
                    let back = lowering.unary(UnaryOp::Neg, beyond)?;
                    with(lowering, BinaryOp::Add, back, f32::from(step) - 1.0)?
                }
            };
            let weight = cubic(lowering, distance, step == 1 || step == 2)?;
            let element = with(lowering, BinaryOp::Add, low, f32::from(step) - 1.0)?;
            taps.push(self.tap(lowering, element, Some(weight))?);
        }
        Ok(taps)
    }

    /// The coordinate that stands for one outside the image.
    fn inside(&self, lowering: &mut Lowering, pixel: u32) -> TractResult<u32> {
        let last = self.size as f32 - 1.0;
        match self.op.padding_mode {
            PaddingMode::Zeros => Ok(pixel),
            PaddingMode::Border => clamp(lowering, pixel, last),
            PaddingMode::Reflection => {
                let (low, high) = if self.op.align_corners { (0.0, last) } else { (-0.5, last + 0.5) };
                let range = high - low;
                if range == 0.0 {
                    return with(lowering, BinaryOp::Mul, pixel, 0.0);
                }
                let off = with(lowering, BinaryOp::Sub, pixel, low)?;
                let off = lowering.unary(UnaryOp::Abs, off)?;
                let there = with(lowering, BinaryOp::Rem, off, 2.0 * range)?;
                let back = lowering.unary(UnaryOp::Neg, there)?;
                let back = with(lowering, BinaryOp::Add, back, 2.0 * range)?;
                let least = lowering.binary(BinaryOp::Min, there, back)?;
                with(lowering, BinaryOp::Add, least, low)
            }
        }
    }

    /// The element at a whole coordinate.
    fn tap(&self, lowering: &mut Lowering, element: u32, weight: Option<u32>) -> TractResult<Tap> {
        let last = self.size as f32 - 1.0;
        let inside = match self.op.padding_mode {
            PaddingMode::Zeros => {
                let ones = vec![1; lowering.dims(element)?.len()];
                let bound = |lowering: &mut Lowering, bound: f32| lowering.plan.constant_f32(&ones, &[bound]);
                let (low, high) = (bound(lowering, 0.0), bound(lowering, last));
                let above = lowering.compare(CompareOp::Ge, element, low)?;
                let below = lowering.compare(CompareOp::Le, element, high)?;
                Some(lowering.binary(BinaryOp::And, above, below)?)
            }
            _ => None,
        };
        let element = self.inside(lowering, element)?;
        let element = clamp(lowering, element, last)?;
        let index = lowering.cast(element, DType::I32)?;
        let ones = vec![1; lowering.dims(index)?.len()];
        let stride = lowering.plan.constant_i32(&ones, &[i32::try_from(self.stride)?]);
        Ok(Tap { index: lowering.binary(BinaryOp::Mul, index, stride)?, weight, inside })
    }
}

/// A function of a value and a number.
fn with(lowering: &mut Lowering, op: BinaryOp, value: u32, number: f32) -> TractResult<u32> {
    let ones = vec![1; lowering.dims(value)?.len()];
    let number = lowering.plan.constant_f32(&ones, &[number]);
    lowering.binary(op, value, number)
}

fn clamp(lowering: &mut Lowering, value: u32, last: f32) -> TractResult<u32> {
    let value = with(lowering, BinaryOp::Max, value, 0.0)?;
    with(lowering, BinaryOp::Min, value, last)
}

/// The cubic kernel of a distance, up to 1 if `near`, else from 1 to 2; the coefficient is -0.75.
fn cubic(lowering: &mut Lowering, distance: u32, near: bool) -> TractResult<u32> {
    let [third, second, first, none] = if near { [1.25, -2.25, 0.0, 1.0] } else { [-0.75, 3.75, -6.0, 3.0] };
    let mut sum = with(lowering, BinaryOp::Mul, distance, third)?;
    for coefficient in [second, first] {
        sum = with(lowering, BinaryOp::Add, sum, coefficient)?;
        sum = lowering.binary(BinaryOp::Mul, sum, distance)?;
    }
    with(lowering, BinaryOp::Add, sum, none)
}
