//! The quantised opcodes in random plans, and their naive bodies.

use super::naive::{Value, Value::F, Value::I, coordinates, from, position, quotient, size, taps};
use super::random::Generator;
use assay_plan::*;
use assay_types::tensor::DType;

const BYTES: [DType; 2] = [DType::U8, DType::I8];

impl Generator {
    pub(super) fn quantised(&mut self) -> Option<ValueId> {
        match self.rng.below(6) {
            0 => self.scaled(Opcode::Quantize, DType::F32),
            1 => {
                let from = self.rng.pick(&[DType::U8, DType::I8, DType::I32]);
                self.scaled(Opcode::Dequantize, from)
            }
            2 => self.scaled(Opcode::Requantize, DType::I32),
            3 => self.einsum_int(),
            4 => self.conv_int(),
            _ => {
                let from = self.rng.pick(&BYTES);
                let x = self.value(from);
                let dtype = self.rng.pick(&[DType::U8, DType::I8, DType::F32]);
                let table = self.constant(dtype, &[256]);
                self.push(Opcode::Lookup, &[x, table], dtype, vec![])
            }
        }
    }

    /// Scales near what a model has, or anything.
    fn scale(&mut self, dims: &[u32]) -> ValueId {
        if self.rng.chance(30) {
            return self.companion(DType::F32, dims);
        }
        let dims: Vec<u32> = dims.iter().map(|&d| if self.rng.chance(50) { 1 } else { d }).collect();
        let count: u32 = dims.iter().product();
        let top = self.rng.pick(&[1e-9f32, 1e-3, 0.5]);
        let values: Vec<f32> = (0..count).map(|_| (1 + self.rng.below(1000)) as f32 * top).collect();
        self.builder.constant_f32(&dims, &values)
    }

    fn scaled(&mut self, op: Opcode, from: DType) -> Option<ValueId> {
        let x = self.value(from);
        let dims = self.node(x).dims;
        let scale = self.scale(&dims);
        let (zero, to) = match op {
            Opcode::Dequantize => (from, DType::F32),
            _ => {
                let to = self.rng.pick(&BYTES);
                (to, to)
            }
        };
        let zero = self.companion(zero, &dims);
        self.push(op, &[x, scale, zero], to, vec![])
    }

    fn einsum_int(&mut self) -> Option<ValueId> {
        let (first, second) = (self.rng.pick(&BYTES), self.rng.pick(&BYTES));
        let a = self.value(first);
        let a_dims = self.node(a).dims;
        let a_labels: Vec<u8> = (0..a_dims.len() as u8).collect();
        let (mut b_labels, mut b_dims) = (vec![], vec![]);
        for (&label, &dim) in a_labels.iter().zip(&a_dims) {
            if self.rng.chance(60) {
                let at = self.rng.below(b_labels.len() + 1);
                b_labels.insert(at, label);
                b_dims.insert(at, if self.rng.chance(10) { 1 } else { dim });
            }
        }
        for label in 10..10 + self.rng.below(3) as u8 {
            let at = self.rng.below(b_labels.len() + 1);
            b_labels.insert(at, label);
            b_dims.insert(at, self.rng.dim());
        }
        let b = self.constant(second, &b_dims);
        let mut out: Vec<u8> = vec![];
        for &label in a_labels.iter().chain(b_labels.iter().filter(|label| **label >= 10)) {
            if self.rng.chance(60) {
                let at = self.rng.below(out.len() + 1);
                out.insert(at, label);
            }
        }
        let mut zero = |dtype: DType, labels: &[u8], dims: &[u32]| {
            let wide = self.rng.chance(40);
            let dims: Vec<u32> = labels
                .iter()
                .zip(dims)
                .map(|(label, &dim)| if wide && out.contains(label) && self.rng.chance(60) { dim } else { 1 })
                .collect();
            self.constant(dtype, &dims)
        };
        let (za, zb) = (zero(first, &a_labels, &a_dims), zero(second, &b_labels, &b_dims));
        if self.rng.chance(50) {
            let op = Opcode::EinsumInt { a: a_labels, b: b_labels, out };
            self.push(op, &[a, b, za, zb], DType::I32, vec![])
        } else {
            let op = Opcode::EinsumInt { a: b_labels, b: a_labels, out };
            self.push(op, &[b, a, zb, za], DType::I32, vec![])
        }
    }

    fn conv_int(&mut self) -> Option<ValueId> {
        let (first, second) = (self.rng.pick(&BYTES), self.rng.pick(&BYTES));
        let groups = self.rng.pick(&[1, 1, 2, 3]);
        let inner = 1 + self.rng.below(3) as u32;
        let dims = [1 + self.rng.below(2) as u32, groups * inner, self.rng.dim(), self.rng.dim()];
        let x = match self.rng.chance(50) {
            true => self.constant(first, &dims),
            false => {
                let noise = self.constant(DType::F32, &dims);
                let scale = self.scale(&[1; 4]);
                let zero = self.companion(first, &[1; 4]);
                self.push(Opcode::Quantize, &[noise, scale, zero], first, vec![])?
            }
        };
        let window = self.window();
        let results = groups * (1 + self.rng.below(9) as u32);
        let w = self.constant(second, &[results, inner, window.kernel[0], window.kernel[1]]);
        let zx = self.companion(first, &[1]);
        let zw = if self.rng.chance(50) { 1 } else { results };
        let (zw, bias) = (self.constant(second, &[zw]), self.constant(DType::I32, &[results]));
        self.push(Opcode::Conv2dInt { window, groups }, &[x, w, zx, zw, bias], DType::I32, vec![])
    }
}

/// The range of a dtype of one byte.
fn range(dtype: DType) -> (i64, i64) {
    if dtype == DType::U8 { (0, 255) } else { (-128, 127) }
}

fn rounded(t: f32, zero: i64, dtype: DType) -> i64 {
    let (least, greatest) = range(dtype);
    if t.is_nan() {
        return least;
    }
    // A second way to say it: the rounded number is clamped as an integer.
    (t.round_ties_even().clamp(-1e6, 1e6) as i64 + zero).clamp(least, greatest)
}

pub(super) fn scaled(node: &Node, x: &[(&Value, &Node)]) -> Value {
    let all = (0..size(&node.dims)).map(|k| {
        let at = coordinates(&node.dims, k);
        [0, 1, 2].map(|operand: usize| position(&x[operand].1.dims, &at))
    });
    let (scale, zero) = (x[1].0.f(), x[2].0.i());
    match node.op {
        Opcode::Quantize => {
            I(all.map(|[p, s, z]| rounded(quotient(x[0].0.f()[p], scale[s]), zero[z], node.dtype)).collect())
        }
        Opcode::Requantize => I(all
            .map(|[p, s, z]| rounded(x[0].0.i()[p] as f32 * from(126, scale[s]), zero[z], node.dtype))
            .collect()),
        _ => F(all.map(|[p, s, z]| (x[0].0.i()[p] - zero[z]) as i32 as f32 * from(126, scale[s])).collect()),
    }
}

pub(super) fn einsum(node: &Node, x: &[(&Value, &Node)], [a, b, out]: [&Vec<u8>; 3]) -> Value {
    let mut sizes = [1u32; 32];
    for (&label, &dim) in a.iter().chain(b).zip(x[0].1.dims.iter().chain(&x[1].1.dims)) {
        sizes[label as usize] = sizes[label as usize].max(dim);
    }
    let mut summed: Vec<u8> = a.iter().chain(b).copied().filter(|label| !out.contains(label)).collect();
    summed.sort_unstable();
    summed.dedup();
    let sum_dims: Vec<u32> = summed.iter().map(|&label| sizes[label as usize]).collect();
    let element = |k: usize| {
        let mut at = [0usize; 32];
        out.iter().zip(coordinates(&node.dims, k)).for_each(|(&label, c)| at[label as usize] = c);
        let mut acc = 0i64;
        for term in 0..size(&sum_dims) {
            summed.iter().zip(coordinates(&sum_dims, term)).for_each(|(&label, c)| at[label as usize] = c);
            let value = |operand: usize, labels: &[u8]| {
                let at: Vec<usize> = labels.iter().map(|&label| at[label as usize]).collect();
                x[operand].0.i()[position(&x[operand].1.dims, &at)]
            };
            acc += (value(0, a) - value(2, a)) * (value(1, b) - value(3, b));
        }
        i64::from(acc as i32)
    };
    I((0..size(&node.dims)).map(element).collect())
}

pub(super) fn conv(node: &Node, x: &[(&Value, &Node)], window: &Window, groups: usize) -> Value {
    let (d, wd) = (&x[0].1.dims, &x[1].1.dims);
    let inner = wd[1] as usize;
    let (zx, zw) = (x[2].0.i()[0], x[3].0.i());
    let element = |k: usize| {
        let at = coordinates(&node.dims, k);
        let group = at[1] / (wd[0] as usize / groups);
        let mut acc = x[4].0.i()[at[1]];
        for c in 0..inner {
            for (tap, row, column) in taps(window, [at[2], at[3]], &d[2..]) {
                let value = x[0].0.i()[position(d, &[at[0], group * inner + c, row, column])];
                let weight = x[1].0.i()[(at[1] * inner + c) * (wd[2] * wd[3]) as usize + tap];
                acc += (value - zx) * (weight - zw[if zw.len() == 1 { 0 } else { at[1] }]);
            }
        }
        i64::from(acc as i32)
    };
    I((0..size(&node.dims)).map(element).collect())
}

pub(super) fn lookup(x: &Value, table: &Value) -> Value {
    let places: Vec<usize> = x.i().iter().map(|&x| x as u8 as usize).collect();
    table.pick(&places)
}
