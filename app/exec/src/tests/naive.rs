//! The opcodes said a second time, one element at a time on plain lists: no layout, no tiles, no walks, no
//! packing. It shares only the functions of one f32 with the kernels. Whatever the executor does must agree
//! bit for bit.

use super::places;
use super::quant;
use assay_kernels::{self as kernels, Isa};
use assay_plan::*;
use assay_types::tensor::{CANONICAL_NAN, DType, NamedTensor};

/// A value: f32, or any integer or bool as i64.
#[derive(Clone, Debug)]
pub(super) enum Value {
    F(Vec<f32>),
    I(Vec<i64>),
}
use Value::{F, I};

impl Value {
    pub(super) fn f(&self) -> &[f32] {
        let F(list) = self else { panic!("not f32") };
        list
    }
    pub(super) fn i(&self) -> &[i64] {
        let I(list) = self else { panic!("not an integer") };
        list
    }
    /// Element `from[k]` of the value at position k.
    pub(super) fn pick(&self, from: &[usize]) -> Value {
        match self {
            F(x) => F(from.iter().map(|&k| x[k]).collect()),
            I(x) => I(from.iter().map(|&k| x[k]).collect()),
        }
    }
}

fn parse(dtype: DType, bytes: &[u8]) -> Value {
    let words = bytes.chunks_exact(dtype.size());
    match dtype {
        DType::F32 => F(words.map(|w| f32::from_le_bytes(w.try_into().unwrap())).collect()),
        DType::I64 => I(words.map(|w| i64::from_le_bytes(w.try_into().unwrap())).collect()),
        DType::I32 => I(words.map(|w| i64::from(i32::from_le_bytes(w.try_into().unwrap()))).collect()),
        DType::I8 => I(words.map(|w| i64::from(w[0] as i8)).collect()),
        DType::U8 | DType::Bool => I(words.map(|w| i64::from(w[0])).collect()),
    }
}

fn bytes(dtype: DType, value: &Value) -> Vec<u8> {
    match value {
        F(x) => {
            let bits = x.iter().map(|x| if x.is_nan() { CANONICAL_NAN } else { x.to_bits() });
            bits.flat_map(u32::to_le_bytes).collect()
        }
        I(x) => x.iter().flat_map(|x| x.to_le_bytes()[..dtype.size()].to_vec()).collect(),
    }
}

/// The outputs' bytes, or `None` when the run fails.
pub(super) fn run(plan: &Plan, inputs: &[NamedTensor]) -> Option<Vec<Vec<u8>>> {
    let mut values: Vec<Value> = Vec::new();
    for (index, node) in plan.nodes.iter().enumerate() {
        let value = match node.op {
            Opcode::Input => {
                let at = plan.inputs.iter().position(|(_, id)| *id as usize == index).unwrap();
                parse(node.dtype, inputs[at].tensor.data())
            }
            Opcode::Const { offset } => {
                let len = size(&node.dims) * node.dtype.size();
                parse(node.dtype, &plan.data[offset as usize..][..len])
            }
            _ => {
                let operands: Vec<_> =
                    node.inputs.iter().map(|&id| (&values[id as usize], &plan.nodes[id as usize])).collect();
                node_value(node, &operands)?
            }
        };
        values.push(value);
    }
    let outputs = plan.outputs.iter();
    Some(outputs.map(|(_, id)| bytes(plan.nodes[*id as usize].dtype, &values[*id as usize])).collect())
}

pub(super) fn size(dims: &[u32]) -> usize {
    dims.iter().map(|&d| d as usize).product()
}

/// The coordinates of position k.
pub(super) fn coordinates(dims: &[u32], mut k: usize) -> Vec<usize> {
    let mut list = vec![0; dims.len()];
    for axis in (0..dims.len()).rev() {
        list[axis] = k % dims[axis] as usize;
        k /= dims[axis] as usize;
    }
    list
}

/// The position of coordinates; an axis of dim 1 ignores its coordinate.
pub(super) fn position(dims: &[u32], at: &[usize]) -> usize {
    assert_eq!(dims.len(), at.len());
    dims.iter().zip(at).fold(0, |sum, (&d, &c)| sum * d as usize + if d == 1 { 0 } else { c })
}

/// Builds a list of positions of an operand from the coordinates of each element of the result.
fn map(node: &Node, from: impl Fn(&[usize]) -> usize) -> Vec<usize> {
    (0..size(&node.dims)).map(|k| from(&coordinates(&node.dims, k))).collect()
}

fn lanes(x: &[f32], init: f32, step: impl Fn(f32, f32) -> f32, join: impl Fn(f32, f32) -> f32) -> f32 {
    let mut lane = [init; 16];
    for (i, &x) in x.iter().enumerate() {
        lane[i % 16] = step(lane[i % 16], x);
    }
    for half in [8, 4, 2, 1] {
        for i in 0..half {
            lane[i] = join(lane[i], lane[i + half]);
        }
    }
    lane[0]
}

pub(super) fn max(a: f32, b: f32) -> f32 {
    if b > a { b } else { a }
}

pub(super) fn min(a: f32, b: f32) -> f32 {
    if b < a { b } else { a }
}

/// The element, or zero of its sign below 2 to the power -n.
pub(super) fn from(n: i32, x: f32) -> f32 {
    if f64::from(x).abs() < 2f64.powi(-n) { 0f32.copysign(x) } else { x }
}

/// The product of two elements.
pub(super) fn product(a: f32, b: f32) -> f32 {
    from(63, a) * from(63, b)
}

/// The quotient of two elements.
pub(super) fn quotient(a: f32, b: f32) -> f32 {
    let (a, b) = (from(126, a), from(126, b));
    // Exact in f64.
    let small = f64::from(a).abs() < f64::from(b).abs() * 2f64.powi(-126);
    (if small { 0f32.copysign(a) } else { a }) / b
}

/// `max` as the opcode has it.
pub(super) fn greater(a: f32, b: f32) -> f32 {
    if b == 0.0 && f64::from(a) < 2f64.powi(-40) { b } else { max(a, b) }
}

fn sigmoid(x: f32) -> f32 {
    let sum = 1.0 + curve(kernels::Unary::Exp, -x);
    if f64::from(sum) > 2f64.powi(126) { 0.0 } else { 1.0 / sum }
}

fn gelu(x: f32) -> f32 {
    (x * 0.5) * (1.0 + curve(kernels::Unary::Erf, x * std::f32::consts::FRAC_1_SQRT_2))
}

fn gelu_tanh(x: f32) -> f32 {
    let inner = (x * x * x).mul_add(0.044_715, x) * 0.797_884_6;
    (x * 0.5) * (1.0 + curve(kernels::Unary::Tanh, inner))
}

fn hard_swish(x: f32) -> f32 {
    min(max(x + 3.0, 0.0), 6.0) * x * (1.0 / 6.0)
}

fn curve(op: kernels::Unary, x: f32) -> f32 {
    let mut y = [0.0];
    kernels::unary(Isa::Reference, op, &[x], &mut y);
    y[0]
}

fn node_value(node: &Node, x: &[(&Value, &Node)]) -> Option<Value> {
    let dims = |k: usize| &x[k].1.dims[..];
    Some(match &node.op {
        Opcode::Input | Opcode::Const { .. } => unreachable!(),
        Opcode::Einsum { a, b, out } => einsum(node, x, [a, b, out]),
        Opcode::Conv2d { window, groups } => conv(node, x, window, *groups as usize),
        Opcode::MaxPool(window) => pool(node, x, window, None),
        Opcode::SumPool { window, divisor } => pool(node, x, window, Some(*divisor)),
        Opcode::Cast => cast(node.dtype, x[0].0),
        Opcode::Pad { before, mode, .. } => pad(node, x, before, *mode),
        Opcode::Reduce { reducer, axes } => reduce(node, x, *reducer, axes),
        Opcode::ArgMax { axis, last } => arg(node, x, *axis as usize, true, *last),
        Opcode::ArgMin { axis, last } => arg(node, x, *axis as usize, false, *last),
        Opcode::Softmax { axes } | Opcode::LogSoftmax { axes } | Opcode::RmsNorm { axes, .. } => {
            rows(node, x[0].0.f(), axes)
        }
        Opcode::Unary(op) => unary(*op, node.dtype, x[0].0),
        Opcode::Binary(op) => {
            let pairs = (map(node, |at| position(dims(0), at)), map(node, |at| position(dims(1), at)));
            binary(*op, node.dtype, x[0].0.pick(&pairs.0), x[1].0.pick(&pairs.1))?
        }
        Opcode::Compare(op) => {
            let pairs = (map(node, |at| position(dims(0), at)), map(node, |at| position(dims(1), at)));
            match (x[0].0.pick(&pairs.0), x[1].0.pick(&pairs.1)) {
                (F(a), F(b)) => I(a.iter().zip(&b).map(|(a, b)| compare(*op, a, b)).collect()),
                (I(a), I(b)) => I(a.iter().zip(&b).map(|(a, b)| compare(*op, a, b)).collect()),
                _ => unreachable!(),
            }
        }
        Opcode::TreeEnsemble { classes, aggregate } => trees(x, *classes as usize, *aggregate),
        Opcode::Quantize | Opcode::Dequantize | Opcode::Requantize => quant::scaled(node, x),
        Opcode::EinsumInt { a, b, out } => quant::einsum(node, x, [a, b, out]),
        Opcode::Conv2dInt { window, groups } => quant::conv(node, x, window, *groups as usize),
        Opcode::Couple { classes } => couple(x[0].0, *classes as usize),
        Opcode::Lookup => quant::lookup(x[0].0, x[1].0),
        Opcode::CumSum { .. } | Opcode::TopK { .. } | Opcode::GatherNd { .. } => places::value(node, x)?,
        Opcode::ScatterElements { .. } | Opcode::ScatterNd { .. } => places::value(node, x)?,
        _ => moved(node, x)?,
    })
}

/// The opcodes that only move elements.
fn moved(node: &Node, x: &[(&Value, &Node)]) -> Option<Value> {
    let dims = |k: usize| &x[k].1.dims[..];
    Some(match &node.op {
        Opcode::Reshape => x[0].0.clone(),
        Opcode::Permute { axes } => x[0].0.pick(&map(node, |at| {
            let mut from = vec![0; at.len()];
            axes.iter().zip(at).for_each(|(&axis, &c)| from[axis as usize] = c);
            position(dims(0), &from)
        })),
        Opcode::Slice { axis, start, step } => x[0].0.pick(&map(node, |at| {
            let mut from = at.to_vec();
            let c = &mut from[*axis as usize];
            *c = (i64::from(*start) + *c as i64 * i64::from(*step)) as usize;
            position(dims(0), &from)
        })),
        Opcode::Broadcast => x[0].0.pick(&map(node, |at| position(dims(0), at))),
        Opcode::Concat { axis } => concat(node, x, *axis as usize),
        Opcode::Gather { axis } => {
            let axis = *axis as usize;
            let rank = dims(1).len();
            let index = indices(x[1].0.i(), dims(0)[axis])?;
            x[0].0.pick(&map(node, |at| {
                let chosen = index[position(dims(1), &at[axis..axis + rank])];
                position(dims(0), &[&at[..axis], &[chosen], &at[axis + rank..]].concat())
            }))
        }
        Opcode::GatherElements { axis } => {
            let index = indices(x[1].0.i(), dims(0)[*axis as usize])?;
            x[0].0.pick(&map(node, |at| {
                let mut from = at.to_vec();
                from[*axis as usize] = index[position(&node.dims, at)];
                position(dims(0), &from)
            }))
        }
        Opcode::Select => {
            let condition = x[0].0.i();
            let choose = |at: &[usize]| condition[position(dims(0), at)] != 0;
            let (a, b) = (1, 2);
            let all = map(node, |at| if choose(at) { position(dims(a), at) } else { position(dims(b), at) });
            let which = map(node, |at| usize::from(choose(at)));
            let (first, second) = (x[a].0, x[b].0);
            match (first, second) {
                (F(p), F(q)) => {
                    F(all.iter().zip(which).map(|(&k, w)| if w == 1 { p[k] } else { q[k] }).collect())
                }
                (I(p), I(q)) => {
                    I(all.iter().zip(which).map(|(&k, w)| if w == 1 { p[k] } else { q[k] }).collect())
                }
                _ => unreachable!(),
            }
        }
        _ => unreachable!(),
    })
}

fn einsum(node: &Node, x: &[(&Value, &Node)], [a, b, out]: [&Vec<u8>; 3]) -> Value {
    let (xa, xb) = (x[0].0.f(), x[1].0.f());
    let (da, db) = (&x[0].1.dims, &x[1].1.dims);
    let mut sizes = [1u32; 32];
    for (&label, &dim) in a.iter().chain(b).zip(da.iter().chain(db)) {
        sizes[label as usize] = sizes[label as usize].max(dim);
    }
    let mut summed: Vec<u8> = a.iter().chain(b).copied().filter(|label| !out.contains(label)).collect();
    let mut seen = vec![];
    summed.retain(|label| {
        !seen.contains(label) && {
            seen.push(*label);
            true
        }
    });
    let sum_dims: Vec<u32> = summed.iter().map(|&label| sizes[label as usize]).collect();
    let mut y = Vec::new();
    for k in 0..size(&node.dims) {
        let mut at = [0usize; 32];
        out.iter().zip(coordinates(&node.dims, k)).for_each(|(&label, c)| at[label as usize] = c);
        let mut acc = 0.0f32;
        for term in 0..size(&sum_dims) {
            summed.iter().zip(coordinates(&sum_dims, term)).for_each(|(&label, c)| at[label as usize] = c);
            let place = |labels: &[u8]| labels.iter().map(|&label| at[label as usize]).collect::<Vec<_>>();
            let [one, other] =
                [xa[position(da, &place(a))], xb[position(db, &place(b))]].map(|x| from(40, x));
            acc = one.mul_add(other, acc);
        }
        y.push(acc + 0.0);
    }
    F(y)
}

/// The taps of one window that lie inside, as (tap index, row, column).
pub(super) fn taps(window: &Window, at: [usize; 2], input: &[u32]) -> Vec<(usize, usize, usize)> {
    let mut list = Vec::new();
    for ky in 0..window.kernel[0] {
        for kx in 0..window.kernel[1] {
            let place = |side: usize, k: u32| {
                at[side] as i64 * i64::from(window.stride[side]) + i64::from(k * window.dilation[side])
                    - i64::from(window.pad_before[side])
            };
            let (r, c) = (place(0, ky), place(1, kx));
            if (0..i64::from(input[0])).contains(&r) && (0..i64::from(input[1])).contains(&c) {
                list.push(((ky * window.kernel[1] + kx) as usize, r as usize, c as usize));
            }
        }
    }
    list
}

fn conv(node: &Node, x: &[(&Value, &Node)], window: &Window, groups: usize) -> Value {
    let (data, w, bias) = (x[0].0.f(), x[1].0.f(), x[2].0.f());
    let (d, wd) = (&x[0].1.dims, &x[1].1.dims);
    let (inner, taps_all) = (wd[1] as usize, (wd[2] * wd[3]) as usize);
    let mut y = Vec::new();
    for k in 0..size(&node.dims) {
        let at = coordinates(&node.dims, k);
        let group = at[1] / (wd[0] as usize / groups);
        let inside = taps(window, [at[2], at[3]], &d[2..]);
        let mut acc = 0.0f32;
        for c in 0..inner {
            for &(tap, row, column) in &inside {
                let value = data[position(d, &[at[0], group * inner + c, row, column])];
                let [value, weight] = [value, w[(at[1] * inner + c) * taps_all + tap]].map(|x| from(40, x));
                acc = value.mul_add(weight, acc);
            }
        }
        let b = bias[at[1]];
        y.push(acc + if b == 0.0 { 0.0 } else { b });
    }
    F(y)
}

fn pool(node: &Node, x: &[(&Value, &Node)], window: &Window, divisor: Option<Divisor>) -> Value {
    let d = &x[0].1.dims;
    let rank = d.len();
    let (mut y, mut integers) = (Vec::new(), Vec::new());
    for k in 0..size(&node.dims) {
        let mut at = coordinates(&node.dims, k);
        let inside = taps(window, [at[rank - 2], at[rank - 1]], &d[rank - 2..]);
        let places: Vec<usize> = inside
            .iter()
            .map(|&(_, row, column)| {
                at[rank - 2] = row;
                at[rank - 1] = column;
                at.iter().zip(d).fold(0, |sum, (&c, &d)| sum * d as usize + c)
            })
            .collect();
        if let I(x) = x[0].0 {
            // A window without a tap inside gives the dtype's least.
            let least = if node.dtype == DType::I8 { -128 } else { 0 };
            integers.push(places.iter().map(|&place| x[place]).fold(least, i64::max));
            continue;
        }
        let values: Vec<f32> = places.iter().map(|&place| x[0].0.f()[place]).collect();
        let sum = || values.iter().fold(0.0f32, |a, b| a + b);
        y.push(match divisor {
            None => values.iter().fold(f32::NEG_INFINITY, |a, &b| max(a, b)),
            Some(Divisor::One) => sum(),
            Some(Divisor::Kernel) => from(63, sum()) / (window.kernel[0] * window.kernel[1]) as f32,
            Some(Divisor::Inside) => from(63, sum()) / values.len() as f32,
        });
    }
    if integers.is_empty() { F(y) } else { I(integers) }
}

fn concat(node: &Node, x: &[(&Value, &Node)], axis: usize) -> Value {
    let source = |at: &[usize]| {
        let mut at = at.to_vec();
        for (which, (_, operand)) in x.iter().enumerate() {
            if at[axis] < operand.dims[axis] as usize {
                return (which, position(&operand.dims, &at));
            }
            at[axis] -= operand.dims[axis] as usize;
        }
        unreachable!()
    };
    let places: Vec<_> = (0..size(&node.dims)).map(|k| source(&coordinates(&node.dims, k))).collect();
    match x[0].0 {
        F(_) => F(places.iter().map(|&(which, k)| x[which].0.f()[k]).collect()),
        I(_) => I(places.iter().map(|&(which, k)| x[which].0.i()[k]).collect()),
    }
}

pub(super) fn indices(index: &[i64], dim: u32) -> Option<Vec<usize>> {
    let dim = i128::from(dim);
    let fix = |&i: &i64| {
        let i = i128::from(i) + if i < 0 { dim } else { 0 };
        (0..dim).contains(&i).then_some(i as usize)
    };
    index.iter().map(fix).collect()
}

/// The low bits of a number, as its dtype has them.
pub(super) fn narrow(dtype: DType, v: i64) -> i64 {
    match dtype {
        DType::I32 => i64::from(v as i32),
        DType::I8 => i64::from(v as i8),
        DType::U8 => i64::from(v as u8),
        _ => v,
    }
}

fn cast(to: DType, x: &Value) -> Value {
    match (x, to) {
        (F(x), DType::F32) => F(x.clone()),
        (F(x), DType::I64) => I(x.iter().map(|&x| x as i64).collect()),
        (F(x), DType::I32) => I(x.iter().map(|&x| i64::from(x as i32)).collect()),
        (F(x), DType::I8) => I(x.iter().map(|&x| i64::from(x as i8)).collect()),
        (F(x), DType::U8) => I(x.iter().map(|&x| i64::from(x as u8)).collect()),
        (F(x), DType::Bool) => I(x.iter().map(|&x| i64::from(x != 0.0)).collect()),
        (I(x), DType::F32) => F(x.iter().map(|&x| x as f32).collect()),
        (I(x), DType::I64) => I(x.clone()),
        (I(x), DType::I32) => I(x.iter().map(|&x| i64::from(x as i32)).collect()),
        (I(x), DType::I8) => I(x.iter().map(|&x| i64::from(x as i8)).collect()),
        (I(x), DType::U8) => I(x.iter().map(|&x| i64::from(x as u8)).collect()),
        (I(x), DType::Bool) => I(x.iter().map(|&x| i64::from(x != 0)).collect()),
    }
}

fn pad(node: &Node, x: &[(&Value, &Node)], before: &[u32], mode: PadMode) -> Value {
    let d = &x[0].1.dims;
    let source = |at: &[usize]| -> Option<usize> {
        let mut flat = 0;
        for axis in 0..at.len() {
            let (dim, c) = (i64::from(d[axis]), at[axis] as i64 - i64::from(before[axis]));
            let c = match mode {
                PadMode::Constant if !(0..dim).contains(&c) => return None,
                PadMode::Edge => c.max(0).min(dim - 1),
                PadMode::Reflect if c < 0 => -c,
                PadMode::Reflect if c >= dim => 2 * (dim - 1) - c,
                _ => c,
            };
            flat = flat * d[axis] as usize + c as usize;
        }
        Some(flat)
    };
    let places: Vec<_> = (0..size(&node.dims)).map(|k| source(&coordinates(&node.dims, k))).collect();
    match x[0].0 {
        F(v) => F(places.iter().map(|place| place.map_or_else(|| x[1].0.f()[0], |k| v[k])).collect()),
        I(v) => I(places.iter().map(|place| place.map_or_else(|| x[1].0.i()[0], |k| v[k])).collect()),
    }
}

/// For each element of dims with `axes` cut to 1, the positions that it gathers, axes in row-major order.
pub(super) fn groups(dims: &[u32], axes: &[u8]) -> Vec<Vec<usize>> {
    let mut kept = dims.to_vec();
    axes.iter().for_each(|&axis| kept[axis as usize] = 1);
    let inner: Vec<u32> = axes.iter().map(|&axis| dims[axis as usize]).collect();
    let group = |k| {
        let base = coordinates(&kept, k);
        let member = |j| {
            let mut at = base.clone();
            axes.iter().zip(coordinates(&inner, j)).for_each(|(&axis, c)| at[axis as usize] = c);
            position(dims, &at)
        };
        (0..size(&inner)).map(member).collect()
    };
    (0..size(&kept)).map(group).collect()
}

fn reduce(node: &Node, x: &[(&Value, &Node)], reducer: Reducer, axes: &[u8]) -> Value {
    let groups = groups(&x[0].1.dims, axes);
    match x[0].0 {
        F(v) => F(groups
            .iter()
            .map(|group| {
                let row: Vec<f32> = group.iter().map(|&k| v[k]).collect();
                match reducer {
                    Reducer::Sum => lanes(&row, 0.0, |a, b| a + b, |a, b| a + b),
                    Reducer::Max => lanes(&row, f32::NEG_INFINITY, max, max),
                    Reducer::Min => lanes(&row, f32::INFINITY, min, min),
                    Reducer::Prod => lanes(&row, 1.0, product, product),
                }
            })
            .collect()),
        I(v) => I(groups
            .iter()
            .map(|group| {
                let row = group.iter().map(|&k| v[k]);
                let value = match reducer {
                    Reducer::Sum => row.fold(0i64, i64::wrapping_add),
                    Reducer::Max => row.max().unwrap(),
                    Reducer::Min => row.min().unwrap(),
                    Reducer::Prod => row.fold(1i64, i64::wrapping_mul),
                };
                narrow(node.dtype, value)
            })
            .collect()),
    }
}

fn arg(_: &Node, x: &[(&Value, &Node)], axis: usize, greatest: bool, last: bool) -> Value {
    fn search<T: PartialOrd + Copy>(row: &[T], greatest: bool, last: bool) -> i64 {
        let mut best = 0;
        for (i, x) in row.iter().enumerate().skip(1) {
            let ahead = if greatest { *x > row[best] } else { *x < row[best] };
            if ahead || (last && *x == row[best]) {
                best = i;
            }
        }
        best as i64
    }
    let groups = groups(&x[0].1.dims, &[axis as u8]);
    I(groups
        .iter()
        .map(|group| match x[0].0 {
            F(v) => search(&group.iter().map(|&k| v[k]).collect::<Vec<_>>(), greatest, last),
            I(v) => search(&group.iter().map(|&k| v[k]).collect::<Vec<_>>(), greatest, last),
        })
        .collect())
}

fn rows(node: &Node, x: &[f32], axes: &[u8]) -> Value {
    let mut y = x.to_vec();
    for group in groups(&node.dims, axes) {
        let row: Vec<f32> = group.iter().map(|&k| x[k]).collect();
        let top = lanes(&row, f32::NEG_INFINITY, max, max);
        let add = |a, b| a + b;
        let done: Vec<f32> = match node.op {
            Opcode::RmsNorm { eps, .. } => {
                let squares = lanes(&row, 0.0, |a, b| from(60, b).mul_add(from(60, b), a), add);
                let scale = 1.0 / (squares / row.len() as f32 + f32::from_bits(eps)).sqrt();
                row.iter().map(|&x| product(x, scale)).collect()
            }
            Opcode::Softmax { .. } => {
                let e: Vec<f32> = row.iter().map(|x| curve(kernels::Unary::Exp, x - top)).collect();
                let scale = 1.0 / lanes(&e, 0.0, add, add);
                e.iter().map(|&e| from(63, e) * scale).collect()
            }
            _ => {
                let shifted: Vec<f32> = row.iter().map(|x| x - top).collect();
                let e: Vec<f32> = shifted.iter().map(|&x| curve(kernels::Unary::Exp, x)).collect();
                let shift = curve(kernels::Unary::Ln, lanes(&e, 0.0, add, add));
                shifted.iter().map(|x| x - shift).collect()
            }
        };
        group.iter().zip(done).for_each(|(&k, v)| y[k] = v);
    }
    F(y)
}

/// Wu, Lin and Weng's iteration, with r written out as a matrix.
fn couple(x: &Value, k: usize) -> Value {
    let F(x) = x else { unreachable!() };
    let mut out = vec![];
    for row in x.chunks(k * (k - 1) / 2) {
        let mut r = vec![vec![0.0_f32; k]; k];
        let pairs = (0..k).flat_map(|i| (i + 1..k).map(move |j| (i, j)));
        for ((i, j), &given) in pairs.zip(row) {
            r[i][j] = given;
            r[j][i] = 1.0 - given;
        }
        let q = |i: usize, j: usize| {
            if i == j {
                (0..k).filter(|&j| j != i).map(|j| r[j][i] * r[j][i]).fold(0.0_f32, |sum, term| sum + term)
            } else {
                -(r[i.max(j)][i.min(j)] * r[i.min(j)][i.max(j)])
            }
        };
        let mut p = vec![1.0 / k as f32; k];
        for _ in 0..100 {
            let dot = |i: usize| (0..k).fold(0.0_f32, |sum, j| sum + q(i, j) * p[j]);
            let mut qp: Vec<f32> = (0..k).map(dot).collect();
            let mut product = (0..k).fold(0.0_f32, |sum, i| sum + p[i] * qp[i]);
            let errors = qp.iter().map(|value| (value - product).abs());
            let worst = errors.fold(0.0_f32, |worst, error| if error > worst { error } else { worst });
            if worst < 0.005 / k as f32 {
                break;
            }
            for i in 0..k {
                let step = (product - qp[i]) / q(i, i);
                p[i] += step;
                let by = 1.0 + step;
                product = (product + step * (step * q(i, i) + 2.0 * qp[i])) / by / by;
                qp = (0..k).map(|j| (qp[j] + step * q(i, j)) / by).collect();
                p.iter_mut().for_each(|p| *p /= by);
            }
        }
        out.extend(p);
    }
    F(out)
}

fn unary(op: UnaryOp, dtype: DType, x: &Value) -> Value {
    use kernels::Unary as K;
    let x = match x {
        F(x) => x,
        I(x) => {
            let function = |&x: &i64| match op {
                UnaryOp::Neg => narrow(dtype, x.wrapping_neg()),
                UnaryOp::Abs => narrow(dtype, x.wrapping_abs()),
                UnaryOp::Square => narrow(dtype, x.wrapping_mul(x)),
                UnaryOp::Sign => x.signum(),
                UnaryOp::BitNot => narrow(dtype, -1 - x),
                _ => 1 - x,
            };
            return I(x.iter().map(function).collect());
        }
    };
    let function = |&x: &f32| match op {
        UnaryOp::Neg => -x,
        UnaryOp::Abs => x.abs(),
        UnaryOp::Recip => quotient(1.0, x),
        UnaryOp::Square => product(x, x),
        UnaryOp::Sqrt => from(126, x).sqrt(),
        UnaryOp::Rsqrt => 1.0 / from(126, x).sqrt(),
        UnaryOp::Sigmoid => sigmoid(x),
        UnaryOp::Silu => from(39, x) * sigmoid(from(39, x)),
        UnaryOp::Gelu => gelu(from(39, x)),
        UnaryOp::GeluTanh => gelu_tanh(from(39, x)),
        UnaryOp::HardSwish => hard_swish(from(39, x)),
        UnaryOp::LeakyRelu { alpha } => {
            if x < 0.0 {
                product(f32::from_bits(alpha), x)
            } else {
                x
            }
        }
        UnaryOp::Floor => x.floor(),
        UnaryOp::Ceil => x.ceil(),
        UnaryOp::Round => x.round_ties_even(),
        UnaryOp::Sign => {
            if x > 0.0 {
                1.0
            } else if x < 0.0 {
                -1.0
            } else {
                x
            }
        }
        UnaryOp::Exp => curve(K::Exp, x),
        UnaryOp::Ln => curve(K::Ln, x),
        UnaryOp::Tanh => curve(K::Tanh, x),
        UnaryOp::Erf => curve(K::Erf, x),
        UnaryOp::Sin => curve(K::Sin, x),
        UnaryOp::Cos => curve(K::Cos, x),
        UnaryOp::Tan => curve(K::Tan, x),
        UnaryOp::Asin => curve(K::Asin, x),
        UnaryOp::Acos => curve(K::Acos, x),
        UnaryOp::Atan => curve(K::Atan, x),
        UnaryOp::Sinh => curve(K::Sinh, x),
        UnaryOp::Cosh => curve(K::Cosh, x),
        UnaryOp::Asinh => curve(K::Asinh, x),
        UnaryOp::Acosh => curve(K::Acosh, x),
        UnaryOp::Atanh => curve(K::Atanh, x),
        UnaryOp::Not | UnaryOp::BitNot => unreachable!(),
    };
    F(x.iter().map(function).collect())
}

fn binary(op: BinaryOp, dtype: DType, a: Value, b: Value) -> Option<Value> {
    if let (F(a), F(b)) = (&a, &b) {
        let pow = |a, b| {
            let mut y = [0.0];
            let (a, b) = (kernels::Operand::All(a), kernels::Operand::All(b));
            kernels::binary(Isa::Reference, kernels::Binary::Pow, a, b, &mut y);
            y[0]
        };
        let function = |(&a, &b): (&f32, &f32)| match op {
            BinaryOp::Add => a + b,
            BinaryOp::Sub => a - b,
            BinaryOp::Mul => product(a, b),
            BinaryOp::Div => quotient(a, b),
            BinaryOp::Max => greater(a, b),
            BinaryOp::Min => min(a, b),
            BinaryOp::Rem => a % b,
            _ => pow(a, b),
        };
        return Some(F(a.iter().zip(b).map(function).collect()));
    }
    let narrow = |v: i64| narrow(dtype, v);
    let function = |(&a, &b): (&i64, &i64)| {
        Some(match op {
            BinaryOp::Add => narrow(a.wrapping_add(b)),
            BinaryOp::Sub => narrow(a.wrapping_sub(b)),
            BinaryOp::Mul => narrow(a.wrapping_mul(b)),
            BinaryOp::Div if b == 0 => return None,
            BinaryOp::Div => narrow(a.wrapping_div(b)),
            BinaryOp::Rem if b == 0 => return None,
            BinaryOp::Rem => a.wrapping_rem(b),
            BinaryOp::ShiftLeft | BinaryOp::ShiftRight => shifted(op, dtype, a, b),
            BinaryOp::Max => a.max(b),
            BinaryOp::Min => a.min(b),
            BinaryOp::And | BinaryOp::BitAnd => a & b,
            BinaryOp::Or | BinaryOp::BitOr => a | b,
            _ => a ^ b,
        })
    };
    a.i().iter().zip(b.i()).map(function).collect::<Option<Vec<_>>>().map(I)
}

/// A shift, bit by bit.
fn shifted(op: BinaryOp, dtype: DType, a: i64, b: i64) -> i64 {
    let bits = 8 * dtype.size() as i64;
    let steps = if b < 0 { bits } else { b.min(bits) };
    (0..steps).fold(a, |a, _| match op {
        BinaryOp::ShiftLeft => narrow(dtype, a.wrapping_mul(2)),
        _ => a.div_euclid(2),
    })
}

fn compare<T: PartialOrd>(op: CompareOp, a: &T, b: &T) -> i64 {
    i64::from(match op {
        CompareOp::Lt => a < b,
        CompareOp::Le => a <= b,
        CompareOp::Gt => a > b,
        CompareOp::Ge => a >= b,
        CompareOp::Eq => a == b,
        CompareOp::Ne => a != b,
    })
}

fn trees(x: &[(&Value, &Node)], classes: usize, aggregate: Aggregate) -> Value {
    let (roots, nodes, leaf_classes, weights) = (x[1].0.i(), x[2].0.i(), x[3].0.i(), x[4].0.f());
    let mut y = Vec::new();
    for row in x[0].0.f().chunks(x[0].1.dims[1] as usize) {
        let mut found: Vec<Vec<f32>> = vec![vec![]; classes];
        for &root in roots {
            let mut at = root as usize;
            let leaf = loop {
                let entry = &nodes[at * 5..][..5];
                if entry[4] == 0 {
                    break entry[0] as usize..entry[1] as usize;
                }
                let (v, t) = (row[entry[0] as usize], f32::from_bits(entry[1] as i32 as u32));
                let truth = match entry[4] & 7 {
                    1 => v <= t,
                    2 => v < t,
                    3 => v >= t,
                    4 => v > t,
                    5 => v == t,
                    _ => v != t,
                } || (entry[4] >= 8 && v.is_nan());
                at = entry[if truth { 2 } else { 3 }] as usize;
            };
            leaf.for_each(|k| found[leaf_classes[k] as usize].push(weights[k]));
        }
        y.extend(found.iter().map(|list| {
            let sum = list.iter().fold(0.0f32, |a, b| a + b);
            match aggregate {
                Aggregate::Sum => sum,
                Aggregate::Average => sum / roots.len() as f32,
                Aggregate::Min => list.iter().copied().reduce(min).unwrap_or(0.0),
                Aggregate::Max => list.iter().copied().reduce(max).unwrap_or(0.0),
            }
        }));
    }
    F(y)
}
