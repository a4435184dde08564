//! Sliding windows: pooling, and what convolution shares with it.

use super::Lowered;
use super::context::{Lowering, Site, dims};
use super::volume::Volume;
use crate::operators::MaxPoolIndices;
use assay_plan::{BinaryOp, Divisor, Opcode, PadMode, UnaryOp, Window};
use assay_types::tensor::DType;
use tract_onnx::prelude::*;
use tract_onnx::tract_core::ops::cnn::{MaxPool, PaddingSpec, PoolSpec, SumPool};
use tract_onnx::tract_hir::internal::*;
use tract_onnx_opl::lrn::Lrn;

/// What a pool makes of the elements of a window.
#[derive(Clone, Copy)]
enum Pool {
    Max,
    Sum(Divisor),
}

impl Pool {
    fn opcode(self, window: Window) -> Opcode {
        match self {
            Pool::Max => Opcode::MaxPool(window),
            Pool::Sum(divisor) => Opcode::SumPool { window, divisor },
        }
    }
}

pub fn lower(lowering: &mut Lowering, site: &Site<'_>) -> Lowered {
    let (spec, pool) = if let Some(op) = site.op::<MaxPool>() {
        ensure!(op.with_index_outputs.is_none(), "pooling that also gives indices is not supported");
        (&op.pool_spec, Pool::Max)
    } else if let Some(op) = site.op::<SumPool>() {
        let divisor = match (op.normalize, op.count_include_pad) {
            (false, _) => Divisor::One,
            (true, true) => Divisor::Kernel,
            (true, false) => Divisor::Inside,
        };
        (&op.pool_spec, Pool::Sum(divisor))
    } else if let Some(op) = site.op::<MaxPoolIndices>() {
        return Ok(Some(vec![indices(lowering, site, op)?]));
    } else if let Some(op) = site.op::<Lrn>() {
        return Ok(Some(vec![normalized(lowering, site.input(0)?, op)?]));
    } else {
        return Ok(None);
    };
    let x = site.input(0)?;
    let dtype = lowering.of(x)?.0;
    let bytes = matches!(pool, Pool::Max) && matches!(dtype, DType::U8 | DType::I8);
    ensure!(bytes || dtype == DType::F32, "a window over {dtype} is not supported");
    let y = if spec.rank() > 2 {
        deep(lowering, site, x, spec, pool)?
    } else {
        flat(lowering, site, x, spec, pool)?
    };
    Ok(Some(vec![y]))
}

fn flat(lowering: &mut Lowering, site: &Site<'_>, x: u32, spec: &PoolSpec, pool: Pool) -> TractResult<u32> {
    let canvas = Canvas::new(lowering, x, spec)?;
    let (window, stretched) = window(spec, canvas.hw)?;
    let channels = lowering.dims(canvas.value)?[1];
    let out = canvas.result(lowering, site, channels, spec)?;
    // The positions that rounding up adds count for the opcode, but not in ONNX.
    let counted = matches!(pool, Pool::Sum(Divisor::Kernel)) && stretched;
    let pool = if counted { Pool::Sum(Divisor::One) } else { pool };
    let mut y = lowering.plan.push(pool.opcode(window), &[canvas.value], canvas.dtype, &out);
    if counted {
        let counts = [0, 1].map(|side| counts(spec, &window, canvas.hw, side, out[2 + side]));
        let [rows, columns] = counts;
        let table: Vec<f32> =
            rows.iter().flat_map(|row| columns.iter().map(move |column| (row * column) as f32)).collect();
        let table = lowering.plan.constant_f32(&[1, 1, out[2], out[3]], &table);
        y = lowering.binary(BinaryOp::Div, y, table)?;
    }
    canvas.restore(lowering, y, site)
}

/// How many taps of each window along a side lie inside the padding that the file asks for.
fn counts(spec: &PoolSpec, window: &Window, hw: [u32; 2], side: usize, out: u32) -> Vec<u64> {
    let asked = match &spec.padding {
        PaddingSpec::ExplicitOnnxPool(_, after, _) | PaddingSpec::Explicit(_, after) => {
            (side + spec.rank()).checked_sub(2).and_then(|axis| after.get(axis)).copied().unwrap_or(0)
        }
        _ => 0,
    };
    let end = u64::from(window.pad_before[side]) + u64::from(hw[side]) + asked as u64;
    let taps = |start: u64| {
        let taps =
            (0..u64::from(window.kernel[side])).map(|tap| start + tap * u64::from(window.dilation[side]));
        taps.filter(|&at| at < end).count() as u64
    };
    (0..u64::from(out)).map(|at| taps(at * u64::from(window.stride[side])).max(1)).collect()
}

/// A pool over three axes: over the last two, then over the first.
fn deep(lowering: &mut Lowering, site: &Site<'_>, x: u32, spec: &PoolSpec, pool: Pool) -> TractResult<u32> {
    let volume = volume(lowering, x, spec)?;
    let out = site.result()?.1;
    let (dtype, from) = lowering.of(x)?;
    let stretched = computed(spec, &from[2..]).iter().any(|&(_, after, asked)| after > asked);
    ensure!(
        !matches!(pool, Pool::Sum(Divisor::Kernel)) || !stretched,
        "average pooling over three axes with ceil_mode and padding is not supported"
    );
    let kernel = dims(&spec.kernel_shape)?;
    let over = |axes: [Option<usize>; 2]| {
        let pick = |list: &[u32], missing: u32| axes.map(|axis| axis.map_or(missing, |axis| list[axis]));
        Window {
            kernel: pick(&kernel, 1),
            stride: pick(&volume.stride, 1),
            dilation: pick(&volume.dilation, 1),
            pad_before: pick(&volume.before, 0),
            pad_after: pick(&volume.after, 0),
        }
    };
    let planes = [from[0], from[1], from[2], out[3], out[4]];
    let y = lowering.plan.push(pool.opcode(over([Some(1), Some(2)])), &[x], dtype, &planes);
    let y = lowering.reshape(y, &[from[0], from[1], from[2], out[3] * out[4]])?;
    let flat = [from[0], from[1], out[2], out[3] * out[4]];
    let y = lowering.plan.push(pool.opcode(over([Some(0), None])), &[y], dtype, &flat);
    lowering.reshape(y, &out)
}

/// Where the greatest of each window is: of the window's elements side by side, the first greatest.
fn indices(lowering: &mut Lowering, site: &Site<'_>, op: &MaxPoolIndices) -> TractResult<u32> {
    let x = site.input(0)?;
    let x = lowering.cast(x, DType::F32)?;
    let (from, out) = (lowering.dims(x)?, site.result()?.1);
    let sizes: Vec<i64> = from[2..].iter().map(|&dim| i64::from(dim)).collect();
    let plane: i64 = sizes.iter().product();
    let strides: Vec<i64> = (0..sizes.len()).map(|axis| sizes[axis + 1..].iter().product()).collect();
    let before = computed(&op.spec, &from[2..]);
    // For each window and tap the element in the plane; one past its end is what lies outside.
    let count = |dims: &[usize]| dims.iter().product::<usize>();
    let windows: Vec<usize> = out[2..].iter().map(|&dim| dim as usize).collect();
    let taps = count(&op.spec.kernel_shape);
    ensure!(count(&windows) * taps <= MAX_TAPS, "the indices of a MaxPool of too many taps");
    let (mut places, mut names) = (Vec::new(), Vec::new());
    for window in 0..count(&windows) {
        for tap in 0..taps {
            let (mut window, mut tap) = (window, tap);
            let (mut place, mut name, mut inside) = (0, 0, true);
            for axis in (0..sizes.len()).rev() {
                let (w, t) = (window % windows[axis], tap % op.spec.kernel_shape[axis]);
                window /= windows[axis];
                tap /= op.spec.kernel_shape[axis];
                let at =
                    (w * op.spec.stride(axis) + t * op.spec.dilation(axis)) as i64 - before[axis].0 as i64;
                inside &= (0..sizes[axis]).contains(&at);
                place += at * strides[axis];
                name += at * if op.column_major { sizes[..axis].iter().product() } else { strides[axis] };
            }
            places.push(if inside { place } else { plane });
            names.push(if inside { name } else { 0 });
        }
    }
    let planes = from[0] * from[1];
    let (n, k) = (u32::try_from(count(&windows))?, u32::try_from(taps)?);
    let x = lowering.reshape(x, &[planes, u32::try_from(plane)?])?;
    let least = lowering.plan.constant_f32(&[1], &[f32::NEG_INFINITY]);
    let pad = Opcode::Pad { before: vec![0, 0], after: vec![0, 1], mode: PadMode::Constant };
    let x = lowering.plan.push(pad, &[x, least], DType::F32, &[planes, u32::try_from(plane)? + 1]);
    let places = lowering.plan.constant_i64(&[n, k], &places);
    let taken = lowering.plan.push(Opcode::Gather { axis: 1 }, &[x, places], DType::F32, &[planes, n, k]);
    let best = Opcode::ArgMax { axis: 2, last: false };
    let best = lowering.plan.push(best, &[taken], DType::I64, &[planes, n, 1]);
    let names = lowering.plan.constant_i64(&[1, n, k], &names);
    let names = lowering.broadcast(names, &[planes, n, k])?;
    let name =
        lowering.plan.push(Opcode::GatherElements { axis: 2 }, &[names, best], DType::I64, &[planes, n, 1]);
    let starts: Vec<i64> = (0..i64::from(planes)).map(|number| number * plane).collect();
    let starts = lowering.plan.constant_i64(&[planes, 1, 1], &starts);
    let name = lowering.binary(BinaryOp::Add, name, starts)?;
    lowering.reshape(name, &out)
}

/// Taps of all windows of a plane, at most, when their indices are asked for.
const MAX_TAPS: usize = 1 << 22;

/// x / (bias + alpha / size * the squares of the neighbouring channels) ^ beta.
fn normalized(lowering: &mut Lowering, x: u32, op: &Lrn) -> TractResult<u32> {
    let from = lowering.dims(x)?;
    ensure!(from.len() >= 2 && op.size >= 1, "a response normalization without channels");
    let size = u32::try_from(op.size)?;
    let plane: u32 = from[2..].iter().product();
    let squares = lowering.unary(UnaryOp::Square, x)?;
    let squares = lowering.reshape(squares, &[from[0], from[1], plane])?;
    let window = Window {
        kernel: [size, 1],
        stride: [1; 2],
        dilation: [1; 2],
        pad_before: [(size - 1) / 2, 0],
        pad_after: [(size - 1).div_ceil(2), 0],
    };
    let sums = Opcode::SumPool { window, divisor: Divisor::One };
    let sums = lowering.plan.push(sums, &[squares], DType::F32, &[from[0], from[1], plane]);
    let sums = lowering.reshape(sums, &from)?;
    let ones = vec![1; from.len()];
    let number = |lowering: &mut Lowering, number: f32| lowering.plan.constant_f32(&ones, &[number]);
    let (scale, bias) = (number(lowering, op.alpha / op.size as f32), number(lowering, op.bias));
    let sums = lowering.binary(BinaryOp::Mul, sums, scale)?;
    let base = lowering.binary(BinaryOp::Add, sums, bias)?;
    let power = if op.beta == 0.75 {
        // The usual exponent, by roots: far cheaper than a power.
        let root = lowering.unary(UnaryOp::Sqrt, base)?;
        let fourth = lowering.unary(UnaryOp::Sqrt, root)?;
        lowering.binary(BinaryOp::Mul, root, fourth)?
    } else {
        let beta = number(lowering, op.beta);
        lowering.binary(BinaryOp::Pow, base, beta)?
    };
    lowering.binary(BinaryOp::Div, x, power)
}

/// A tensor in the form that windows need: \[n, c, h, w\]; and the way back.
pub struct Canvas {
    pub value: u32,
    pub dtype: DType,
    pub hw: [u32; 2],
    channels_last: bool,
}

impl Canvas {
    /// Brings a tensor into that form.
    pub fn new(lowering: &mut Lowering, x: u32, spec: &PoolSpec) -> TractResult<Self> {
        let (dtype, mut dims) = lowering.of(x)?;
        ensure!(matches!(spec.rank(), 1 | 2), "a window over {} axes is not supported", spec.rank());
        let mut x = x;
        let batched = spec.data_format.has_n();
        ensure!(
            dims.len() == spec.rank() + 1 + usize::from(batched),
            "a window over a tensor of another rank"
        );
        let channels_last = spec.data_format.c_is_last();
        if channels_last {
            let mut order: Vec<usize> = (0..dims.len()).collect();
            order.insert(usize::from(batched), dims.len() - 1);
            order.pop();
            x = lowering.permute(x, &order)?;
            dims = lowering.dims(x)?;
        }
        if !batched {
            dims.insert(0, 1);
        }
        if spec.rank() == 1 {
            dims.insert(2, 1);
        }
        Ok(Self { value: lowering.reshape(x, &dims)?, dtype, hw: [dims[2], dims[3]], channels_last })
    }

    /// The dims of a window operator's result in that form.
    pub fn result(
        &self,
        lowering: &Lowering,
        site: &Site<'_>,
        channels: u32,
        spec: &PoolSpec,
    ) -> TractResult<[u32; 4]> {
        let batch = lowering.dims(self.value)?[0];
        let out = site.result()?.1;
        let first = if self.channels_last { out.len() - 1 - spec.rank() } else { out.len() - spec.rank() };
        let hw = &out[first..first + spec.rank()];
        Ok(match hw {
            [w] => [batch, channels, 1, *w],
            [h, w] => [batch, channels, *h, *w],
            _ => bail!("a window over {} axes is not supported", hw.len()),
        })
    }

    /// Brings a result into the node's own form.
    pub fn restore(&self, lowering: &mut Lowering, y: u32, site: &Site<'_>) -> TractResult<u32> {
        let out = site.result()?.1;
        if !self.channels_last {
            return lowering.reshape(y, &out);
        }
        let y = lowering.permute(y, &[0, 2, 3, 1])?;
        lowering.reshape(y, &out)
    }
}

/// Padding before and after each axis: what is needed, and what the file asks for after.
fn computed(spec: &PoolSpec, sizes: &[u32]) -> Vec<(usize, u64, u64)> {
    let sizes: Vec<usize> = sizes.iter().map(|&size| size as usize).collect();
    let padding = spec.computed_padding(&sizes);
    let padding = padding.iter().enumerate().map(|(axis, padding)| {
        // In 64 bits: the file may say anything, and a usize has 32 here.
        let span = (spec.kernel_shape[axis] as u64).saturating_sub(1) * spec.dilation(axis) as u64 + 1;
        let last = (padding.convoluted as u64).saturating_sub(1) * spec.stride(axis) as u64 + span;
        let after = last.saturating_sub(sizes[axis] as u64 + padding.pad_before as u64);
        (padding.pad_before, after, padding.pad_after as u64)
    });
    padding.collect()
}

/// The window of a spec over \[h, w\], and whether it reaches past the padding that the file asks for.
pub fn window(spec: &PoolSpec, hw: [u32; 2]) -> TractResult<(Window, bool)> {
    let rank = spec.rank();
    let mut window =
        Window { kernel: [1; 2], stride: [1; 2], dilation: [1; 2], pad_before: [0; 2], pad_after: [0; 2] };
    let mut stretched = false;
    for (index, (before, after, asked)) in computed(spec, &hw[2 - rank..]).into_iter().enumerate() {
        let at = 2 - rank + index;
        stretched |= after > asked;
        let numbers = [spec.kernel_shape[index], spec.stride(index), spec.dilation(index), before];
        let [kernel, stride, dilation, before] = dims(&numbers)?[..] else { bail!("a window out of range") };
        window.kernel[at] = kernel;
        window.stride[at] = stride;
        window.dilation[at] = dilation;
        window.pad_before[at] = before;
        window.pad_after[at] = u32::try_from(after)?;
    }
    Ok((window, stretched))
}

/// The window of a spec over three axes of \[n, c, d, h, w\].
pub fn volume(lowering: &Lowering, x: u32, spec: &PoolSpec) -> TractResult<Volume> {
    let from = lowering.dims(x)?;
    ensure!(
        spec.rank() == 3 && from.len() == 5 && spec.data_format.has_n() && !spec.data_format.c_is_last(),
        "a window over {} axes is not supported",
        spec.rank()
    );
    let mut volume = Volume {
        stride: dims(&spec.strides())?,
        dilation: dims(&spec.dilations())?,
        before: vec![],
        after: vec![],
    };
    for (before, after, _) in computed(spec, &from[2..]) {
        volume.before.push(u32::try_from(before)?);
        volume.after.push(u32::try_from(after)?);
    }
    Ok(volume)
}
