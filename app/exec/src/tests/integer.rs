//! Chains of quantised layers as models have them: what a program makes of them against the generic steps.

use super::random::{self, Rng};
use super::run;
use crate::{Executable, Isa};
use assay_plan::*;
use assay_types::tensor::DType;
use proptest::prelude::*;

struct Maker {
    rng: Rng,
    builder: PlanBuilder,
}

impl Maker {
    fn dims(&self, id: ValueId) -> Vec<u32> {
        self.builder.get(id).unwrap().dims.clone()
    }

    fn dtype(&self, id: ValueId) -> DType {
        self.builder.get(id).unwrap().dtype
    }

    fn byte(&mut self) -> DType {
        self.rng.pick(&[DType::U8, DType::U8, DType::I8])
    }

    /// Bytes, often extreme ones.
    fn bytes(&mut self, dtype: DType, dims: &[u32]) -> ValueId {
        let count: u32 = dims.iter().product();
        let extreme = self.rng.chance(20);
        let bytes: Vec<u8> = (0..count)
            .map(|_| if extreme { self.rng.pick(&[0, 127, 128, 255]) } else { self.rng.next() as u8 })
            .collect();
        self.builder.constant(dtype, dims, &bytes)
    }

    fn scale(&mut self, dims: &[u32]) -> ValueId {
        let count: u32 = dims.iter().product();
        let top = self.rng.pick(&[1e-5f32, 1e-4, 1e-3, 0.03]);
        let values: Vec<f32> = (0..count)
            .map(|_| if self.rng.chance(2) { f32::NAN } else { (1 + self.rng.below(1000)) as f32 * top })
            .collect();
        self.builder.constant_f32(dims, &values)
    }

    fn push(&mut self, op: Opcode, inputs: &[ValueId], dtype: DType) -> Option<ValueId> {
        let operands: Vec<Node> = inputs.iter().map(|&id| self.builder.get(id).unwrap().clone()).collect();
        let operands: Vec<&Node> = operands.iter().collect();
        let mut node = Node { op, inputs: inputs.to_vec(), dtype, dims: vec![] };
        if let (Opcode::Binary(_) | Opcode::Dequantize | Opcode::Quantize, Some(first)) =
            (&node.op, operands.first())
        {
            node.dims.clone_from(&first.dims);
        }
        node.dims = result_dims(&node, &operands).ok()?;
        (node.dims.iter().product::<u32>() <= 30_000)
            .then(|| self.builder.push(node.op, inputs, dtype, &node.dims))
    }

    fn reshape(&mut self, x: ValueId, dims: &[u32]) -> ValueId {
        let dtype = self.dtype(x);
        self.builder.push(Opcode::Reshape, &[x], dtype, dims)
    }

    /// Sums in i32 to bytes: perhaps a bias, a multiplier for all or for each channel, perhaps bounds.
    fn requantised(&mut self, mut sum: ValueId, axis: usize) -> Option<ValueId> {
        let by_channel = |this: &mut Self, sum: ValueId| {
            let dims = this.dims(sum);
            let mut own = vec![1; dims.len()];
            if this.rng.chance(50) {
                own[axis] = dims[axis];
            }
            own
        };
        if self.rng.chance(40) {
            let dims = by_channel(self, sum);
            let values: Vec<i32> = (0..dims.iter().product()).map(|_| self.rng.next() as i32 >> 16).collect();
            let bias = self.builder.constant_i32(&dims, &values);
            let (a, b) = if self.rng.chance(50) { (sum, bias) } else { (bias, sum) };
            if self.dims(a) == self.dims(sum) {
                sum = self.push(Opcode::Binary(BinaryOp::Add), &[a, b], DType::I32)?;
            }
        }
        let to = self.byte();
        let dims = by_channel(self, sum);
        let multiplier = self.scale(&dims);
        let ones = vec![1; dims.len()];
        let zero = self.bytes(to, &ones);
        self.push(Opcode::Requantize, &[sum, multiplier, zero], to)
    }

    fn convolution(&mut self, x: ValueId) -> Option<ValueId> {
        let channels = self.dims(x)[1];
        let (groups, outputs) = match self.rng.below(4) {
            0 | 1 => (1, self.rng.pick(&[1, 3, 8, 16, 20, 33])),
            2 => (channels, channels),
            _ => (self.rng.pick(&[1, 2]), self.rng.pick(&[2, 4, 6])),
        };
        let side = |rng: &mut Rng| rng.pick(&[1, 1, 2, 3, 3, 5]);
        let kernel = [side(&mut self.rng), side(&mut self.rng)];
        let kernel = if self.rng.chance(50) { [kernel[0]; 2] } else { kernel };
        let mut pair = |most: usize| [1 + self.rng.below(most) as u32, 1 + self.rng.below(most) as u32];
        let (stride, dilation) = (pair(2), pair(2));
        let span = |axis: usize| (kernel[axis] - 1) * dilation[axis];
        let pad = |rng: &mut Rng| [0, 1].map(|axis| (rng.below(3) as u32).min(span(axis)));
        let (pad_before, pad_after) = (pad(&mut self.rng), pad(&mut self.rng));
        let window = Window { kernel, stride, dilation, pad_before, pad_after };
        if !channels.is_multiple_of(groups) || !outputs.is_multiple_of(groups) {
            return None;
        }
        let own = self.byte();
        let w = self.bytes(own, &[outputs, channels / groups, kernel[0], kernel[1]]);
        let from = self.dtype(x);
        let zx = self.bytes(from, &[1]);
        let zeros = self.rng.pick(&[1, outputs]);
        let zw = self.bytes(own, &[zeros]);
        let values: Vec<i32> = (0..outputs).map(|_| self.rng.next() as i32 >> 14).collect();
        let bias = self.builder.constant_i32(&[outputs], &values);
        let sum = self.push(Opcode::Conv2dInt { window, groups }, &[x, w, zx, zw, bias], DType::I32)?;
        if self.rng.chance(30) && self.dims(sum)[0] == 1 {
            let (dims, flat) = (self.dims(sum), self.dims(sum)[1..].to_vec());
            let sum = self.reshape(sum, &flat);
            let y = self.requantised(sum, 0)?;
            return Some(self.reshape(y, &dims));
        }
        self.requantised(sum, 1)
    }

    /// A pointwise convolution as an einsum, weights first or last, as they are or transposed.
    fn pointwise(&mut self, x: ValueId) -> Option<ValueId> {
        let dims = self.dims(x);
        let (channels, outputs) = (dims[1], self.rng.pick(&[1, 4, 15, 16, 17, 40]));
        let (own, from) = (self.byte(), self.dtype(x));
        let (labels, w) = if self.rng.chance(50) {
            (vec![9, 1], self.bytes(own, &[outputs, channels]))
        } else {
            (vec![1, 9], self.bytes(own, &[channels, outputs]))
        };
        let zx = self.bytes(from, &[1; 4]);
        let along = |label: u8| if label == 9 { outputs } else { 1 };
        let each = self.rng.chance(30);
        let zw: Vec<u32> = labels.iter().map(|&label| if each { along(label) } else { 1 }).collect();
        let zw = self.bytes(own, &zw);
        let image = vec![0, 1, 2, 3];
        let out = vec![0, 9, 2, 3];
        let sum = if self.rng.chance(50) {
            self.push(Opcode::EinsumInt { a: image, b: labels, out }, &[x, w, zx, zw], DType::I32)
        } else {
            self.push(Opcode::EinsumInt { a: labels, b: image, out }, &[w, x, zw, zx], DType::I32)
        };
        self.requantised(sum?, 1)
    }

    fn dequantised(&mut self, x: ValueId) -> Option<ValueId> {
        let dtype = self.dtype(x);
        let ones = vec![1; self.dims(x).len()];
        let (scale, zero) = (self.scale(&ones), self.bytes(dtype, &ones));
        self.push(Opcode::Dequantize, &[x, scale, zero], DType::F32)
    }

    fn quantised(&mut self, x: ValueId) -> Option<ValueId> {
        let to = self.byte();
        let ones = vec![1; self.dims(x).len()];
        let (scale, zero) = (self.scale(&ones), self.bytes(to, &ones));
        self.push(Opcode::Quantize, &[x, scale, zero], to)
    }

    /// A sum or product with another value of its dims, or one for each channel, in either order.
    fn pair(&mut self, x: ValueId, seen: &[ValueId]) -> Option<ValueId> {
        let dims = self.dims(x);
        let other = seen.iter().copied().find(|&id| id != x && self.dims(id) == dims);
        let dtype = self.byte();
        let other = match other {
            Some(other) if self.rng.chance(70) => other,
            _ if self.rng.chance(50) => self.bytes(dtype, &dims),
            _ => self.bytes(dtype, &[dims[0], dims[1], 1, 1]),
        };
        let (a, b) = (self.dequantised(x)?, self.dequantised(other)?);
        let (a, b) = if self.rng.chance(50) { (a, b) } else { (b, a) };
        let op = self.rng.pick(&[BinaryOp::Add, BinaryOp::Mul]);
        let whole = if self.dims(a) == dims { a } else { b };
        let dims = self.dims(whole);
        let mut y = self.builder.push(Opcode::Binary(op), &[a, b], DType::F32, &dims);
        if self.rng.chance(40) {
            let bound = self.rng.pick(&[0.0, -0.0, 1.0]);
            let bound = self.builder.constant_f32(&[1; 4], &[bound]);
            let operands = if self.rng.chance(70) { [y, bound] } else { [bound, y] };
            y = self.builder.push(Opcode::Binary(BinaryOp::Max), &operands, DType::F32, &dims);
        }
        self.quantised(y)
    }

    /// Some lines, then some columns, as a strided convolution of one tap takes them.
    fn sampled(&mut self, mut x: ValueId) -> Option<ValueId> {
        for axis in [2, 3] {
            let dims = self.dims(x);
            let (start, step) = (self.rng.below(2) as u32, 1 + self.rng.below(3) as u32);
            let mut to = dims.clone();
            to[axis] = dims[axis].saturating_sub(start).div_ceil(step);
            if to[axis] > 0 && self.rng.chance(80) {
                let dtype = self.dtype(x);
                let op = Opcode::Slice { axis: axis as u8, start, step: step as i32 };
                x = self.builder.push(op, &[x], dtype, &to);
            }
        }
        Some(x)
    }

    /// A value times what a table has for it: how quantisers write hard-swish.
    fn gated(&mut self, x: ValueId) -> Option<ValueId> {
        let dtype = self.byte();
        let table = self.bytes(dtype, &[256]);
        let gate = self.push(Opcode::Lookup, &[x, table], dtype)?;
        let (a, b) = (self.dequantised(x)?, self.dequantised(gate)?);
        let (a, b) = if self.rng.chance(50) { (a, b) } else { (b, a) };
        let op = self.rng.pick(&[BinaryOp::Add, BinaryOp::Mul]);
        let y = self.push(Opcode::Binary(op), &[a, b], DType::F32)?;
        self.quantised(y)
    }

    /// Channels weighted by their own sums: one dequantised value with two users.
    fn squeezed(&mut self, x: ValueId) -> Option<ValueId> {
        let whole = self.dequantised(x)?;
        let axes = if self.rng.chance(80) { vec![2, 3] } else { vec![3] };
        let sums = self.push(Opcode::Reduce { reducer: Reducer::Sum, axes }, &[whole], DType::F32)?;
        let sums = self.quantised(sums)?;
        if self.rng.chance(30) {
            return Some(sums);
        }
        let share = self.dequantised(sums)?;
        let y = self.push(Opcode::Binary(BinaryOp::Mul), &[whole, share], DType::F32)?;
        self.quantised(y)
    }

    fn layer(&mut self, x: ValueId, seen: &[ValueId]) -> Option<ValueId> {
        match self.rng.below(11) {
            8 => self.sampled(x),
            9 => self.gated(x),
            10 => self.squeezed(x),
            0..=2 => self.convolution(x),
            3 | 4 => self.pointwise(x),
            5 => self.pair(x, seen),
            6 => {
                let table = self.bytes(DType::U8, &[256]);
                self.push(Opcode::Lookup, &[x, table], DType::U8)
            }
            _ => {
                let window = Window {
                    kernel: [2, 3],
                    stride: [1 + self.rng.below(2) as u32, 1],
                    dilation: [1, 1],
                    pad_before: [1, 0],
                    pad_after: [0, 1],
                };
                let dtype = self.dtype(x);
                self.push(Opcode::MaxPool(window), &[x], dtype)
            }
        }
    }

    /// A matrix times a constant one, scaled to f32 by what is known or computed, with something after it.
    fn matrix(&mut self) -> Option<ValueId> {
        let (rows, terms) = (1 + self.rng.below(20) as u32, 2 + self.rng.below(40) as u32);
        let columns = 2 + self.rng.below(40) as u32;
        let (from, own) = (self.byte(), self.byte());
        let x = self.builder.input("m", from, &[rows, terms]);
        let w = self.bytes(own, &[terms, columns]);
        let zx = if self.rng.chance(50) {
            self.bytes(from, &[1, 1])
        } else {
            self.builder.input("z", from, &[1, 1])
        };
        let zw = self.bytes(own, &[1, 1]);
        let op = Opcode::EinsumInt { a: vec![0, 1], b: vec![1, 2], out: vec![0, 2] };
        let sum = self.push(op, &[x, w, zx, zw], DType::I32)?;
        let wide = if self.rng.chance(50) { columns } else { 1 };
        let scale = if self.rng.chance(50) {
            self.scale(&[1, wide])
        } else {
            self.builder.input("s", DType::F32, &[1, wide])
        };
        let zero = self.builder.constant_i32(&[1, 1], &[0]);
        let mut y = self.push(Opcode::Dequantize, &[sum, scale, zero], DType::F32)?;
        if self.rng.chance(60) {
            let bias = self.scale(&[1, columns]);
            y = self.push(Opcode::Binary(BinaryOp::Add), &[y, bias], DType::F32)?;
        }
        if self.rng.chance(60) {
            y = self.push(Opcode::Unary(UnaryOp::Gelu), &[y], DType::F32)?;
        }
        Some(y)
    }
}

pub(super) fn made(seed: u64) -> Plan {
    let mut maker = Maker { rng: Rng::new(seed), builder: PlanBuilder::new() };
    let dims = [
        1 + maker.rng.below(2) as u32,
        maker.rng.pick(&[1, 2, 3, 4, 8, 16, 24, 40]),
        1 + maker.rng.below(8) as u32,
        1 + maker.rng.below(8) as u32,
    ];
    let dtype = maker.byte();
    let mut x = if maker.rng.chance(50) {
        maker.builder.input("x", dtype, &dims)
    } else {
        let x = maker.builder.input("x", DType::F32, &dims);
        maker.quantised(x).unwrap()
    };
    let mut seen = vec![x];
    for _ in 0..1 + maker.rng.below(6) {
        if let Some(y) = maker.layer(x, &seen) {
            x = y;
            seen.push(x);
        }
    }
    let y = if maker.rng.chance(50) { maker.dequantised(x).unwrap() } else { x };
    maker.builder.output("y", y);
    if maker.rng.chance(20) {
        maker.builder.output("early", seen[maker.rng.below(seen.len())]);
    }
    if let Some(y) = maker.matrix() {
        maker.builder.output("product", y);
    }
    maker.builder.finish().unwrap()
}

fn check(seed: u64) {
    let plan = made(seed);
    let valid = plan.clone().validate().unwrap();
    let inputs = random::inputs(&plan, &mut Rng::new(seed ^ 0x1357));
    let plain = Executable::plain(valid, Isa::Reference).run(&inputs).unwrap();
    let plain: Vec<Vec<u8>> = plain.into_iter().map(|output| output.tensor.data().to_vec()).collect();
    let isas = Isa::available();
    let without = isas.iter().map(|isa| isa.without_vnni()).filter(|isa| !isas.contains(isa));
    for isa in isas.iter().copied().chain(without) {
        let found = run(&plan, isa, &inputs).unwrap();
        assert_eq!(found, plain, "seed {seed}, {}: {:#?}", isa.name(), plan.nodes);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn layers_of_bytes_give_the_bits_of_their_nodes(seed in any::<u64>()) {
        check(seed);
    }
}
