//! Plans made of the patterns that programs fuse and lay out anew, with operands in either order and hostile
//! values: the program against the generic steps, and those against the naive interpreter.

use super::random::{self, Rng};
use super::{naive, run};
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

    fn constant(&mut self, dims: &[u32]) -> ValueId {
        let bytes = self.rng.bytes(DType::F32, dims);
        self.builder.constant(DType::F32, dims, &bytes)
    }

    /// A constant, or the same as an input: what a program may pack, and what it may not.
    fn operand(&mut self, dims: &[u32]) -> ValueId {
        if self.rng.chance(70) {
            return self.constant(dims);
        }
        let name = format!("x{}", self.rng.next());
        self.builder.input(&name, DType::F32, dims)
    }

    fn finite(&mut self, dims: &[u32]) -> ValueId {
        let count: u32 = dims.iter().product();
        let finite = |x: f32| if x.is_finite() { x } else { -0.0 };
        let values: Vec<f32> = (0..count).map(|_| finite(self.rng.f32())).collect();
        self.builder.constant_f32(dims, &values)
    }

    fn push(&mut self, op: Opcode, inputs: &[ValueId], dims: Vec<u32>) -> Option<ValueId> {
        let operands: Vec<Node> = inputs.iter().map(|&id| self.builder.get(id).unwrap().clone()).collect();
        let operands: Vec<&Node> = operands.iter().collect();
        let mut node = Node { op, inputs: inputs.to_vec(), dtype: DType::F32, dims };
        node.dims = result_dims(&node, &operands).ok()?;
        (node.dims.iter().product::<u32>() <= 20_000)
            .then(|| self.builder.push(node.op, inputs, DType::F32, &node.dims))
    }

    /// Elementwise nodes after a value: scalars, channels, columns, residuals, activations, reshapes.
    fn tail(&mut self, mut x: ValueId, image: bool, like: &[ValueId]) -> ValueId {
        use BinaryOp::*;
        for _ in 0..self.rng.below(7) {
            let dims = self.dims(x);
            let rank = dims.len();
            let next = match self.rng.below(8) {
                0 => {
                    let op = self.rng.pick(&[
                        UnaryOp::HardSwish,
                        UnaryOp::Gelu,
                        UnaryOp::Sigmoid,
                        UnaryOp::Tanh,
                        UnaryOp::Neg,
                        UnaryOp::Exp,
                    ]);
                    self.push(Opcode::Unary(op), &[x], vec![])
                }
                1 if image && dims[0] == 1 && rank == 4 => {
                    self.push(Opcode::Reshape, &[x], dims[1..].to_vec())
                }
                1 if image && rank == 3 => self.push(Opcode::Reshape, &[x], [&[1], &dims[..]].concat()),
                kind => {
                    let mut other = vec![1; rank];
                    match kind {
                        2 | 3 => {}
                        4 | 5 => {
                            let axis = if image { rank - 3 } else { rank - 1 };
                            other[axis] = dims[axis];
                        }
                        6 => {
                            let axis = self.rng.below(rank);
                            other[axis] = dims[axis];
                        }
                        _ => other.clone_from(&dims),
                    }
                    let same = like.iter().copied().find(|&id| self.dims(id) == other);
                    let y = match same {
                        Some(id) if self.rng.chance(60) => id,
                        _ => self.operand(&other),
                    };
                    let (a, b) = if self.rng.chance(50) { (x, y) } else { (y, x) };
                    let op = self.rng.pick(&[Add, Sub, Mul, Max, Min, Div]);
                    self.push(Opcode::Binary(op), &[a, b], vec![])
                }
            };
            x = next.unwrap_or(x);
            if self.rng.chance(8) {
                self.builder.output(&format!("t{x}"), x);
                return self.tail(x, image, like);
            }
        }
        x
    }

    fn window(&mut self) -> Window {
        let mut pair = |most: usize| [1 + self.rng.below(most) as u32, 1 + self.rng.below(most) as u32];
        let (kernel, stride, dilation) = (pair(3), pair(2), pair(2));
        let pads = [self.rng.below(2) as u32, self.rng.below(2) as u32];
        let span = |axis: usize| (kernel[axis] - 1) * dilation[axis];
        let pad = |at: usize| [pads[at].min(span(0)), pads[at].min(span(1))];
        Window { kernel, stride, dilation, pad_before: pad(0), pad_after: pad(1) }
    }

    fn channels(&mut self) -> u32 {
        self.rng.pick(&[1, 2, 3, 5, 8, 15, 16, 17, 32, 33, 40])
    }

    /// A strided convolution of one tap, as the compiler writes it.
    fn strided(&mut self, x: ValueId, outputs: u32) -> Option<ValueId> {
        let dims = self.dims(x);
        let (rank, channels) = (dims.len(), dims[dims.len() - 3]);
        let mut y = x;
        for axis in [rank - 2, rank - 1] {
            let step = 1 + self.rng.below(2) as u32;
            let start = if self.rng.chance(80) { 0 } else { self.rng.below(dims[axis] as usize) as u32 };
            let mut cut = self.dims(y);
            cut[axis] = (dims[axis] - start).div_ceil(step);
            let slice = Opcode::Slice { axis: axis as u8, start, step: step as i32 };
            y = self.push(slice, &[y], cut)?;
        }
        let (image, out) =
            if rank == 4 { (vec![0, 1, 2, 3], vec![0, 4, 2, 3]) } else { (vec![1, 2, 3], vec![4, 2, 3]) };
        let w = self.constant(&[outputs, channels]);
        self.push(Opcode::Einsum { a: image, b: vec![4, 1], out }, &[y, w], vec![])
    }

    /// One more layer on an image \[n, c, h, w\] or, of one image, \[c, h, w\].
    fn layer(&mut self, x: ValueId, seen: &[ValueId]) -> Option<ValueId> {
        let dims = self.dims(x);
        let rank = dims.len();
        let (channels, outputs) = (dims[rank - 3], self.channels());
        match self.rng.below(8) {
            0..=1 if rank == 4 => {
                let window = self.window();
                let w = self.finite(&[outputs, channels, window.kernel[0], window.kernel[1]]);
                let bias = self.constant(&[outputs]);
                self.push(Opcode::Conv2d { window, groups: 1 }, &[x, w, bias], vec![])
            }
            2 if rank == 4 => {
                let (window, groups) = (self.window(), if self.rng.chance(70) { channels } else { 2 });
                let outputs = if groups == channels { channels } else { 2 * outputs };
                if channels % groups > 0 {
                    return None;
                }
                let w = self.finite(&[outputs, channels / groups, window.kernel[0], window.kernel[1]]);
                let bias = self.constant(&[outputs]);
                self.push(Opcode::Conv2d { window, groups }, &[x, w, bias], vec![])
            }
            3..=4 => {
                let w = self.constant(&[outputs, channels]);
                let (image, out) = if rank == 4 {
                    (vec![0, 1, 2, 3], vec![0, 4, 2, 3])
                } else {
                    (vec![1, 2, 3], vec![4, 2, 3])
                };
                let (op, operands) = if self.rng.chance(50) {
                    (Opcode::Einsum { a: image, b: vec![4, 1], out }, [x, w])
                } else {
                    (Opcode::Einsum { a: vec![4, 1], b: image, out }, [w, x])
                };
                self.push(op, &operands, vec![])
            }
            5 if self.rng.chance(50) => self.strided(x, outputs),
            5 => {
                let window = self.window();
                let divisor = self.rng.pick(&[Divisor::One, Divisor::Kernel, Divisor::Inside]);
                let sum = Opcode::SumPool { window, divisor };
                let op = if self.rng.chance(50) { Opcode::MaxPool(window) } else { sum };
                self.push(op, &[x], vec![])
            }
            6 => {
                let other = seen.iter().copied().find(|&id| {
                    let other = self.dims(id);
                    other.len() == rank && (0..rank).all(|at| at == rank - 3 || other[at] == dims[at])
                })?;
                let operands = if self.rng.chance(50) { vec![x, other] } else { vec![other, x, x] };
                self.push(Opcode::Concat { axis: rank as u8 - 3 }, &operands, vec![])
            }
            _ => {
                // Squeeze and excite.
                let axes = vec![rank as u8 - 2, rank as u8 - 1];
                let reducer = self.rng.pick(&[Reducer::Sum, Reducer::Max]);
                let mean = self.push(Opcode::Reduce { reducer, axes }, &[x], vec![])?;
                let mean = self.tail(mean, true, &[]);
                if self.dims(mean).len() != rank {
                    return Some(x);
                }
                let (a, b) = if self.rng.chance(50) { (x, mean) } else { (mean, x) };
                self.push(Opcode::Binary(BinaryOp::Mul), &[a, b], vec![])
            }
        }
    }

    fn images(&mut self) {
        let (n, c) = (self.rng.pick(&[1, 1, 2]), self.channels());
        let size = [1 + self.rng.below(7) as u32, 1 + self.rng.below(7) as u32];
        let mut x = self.builder.input("image", DType::F32, &[n, c, size[0], size[1]]);
        let mut seen = vec![x];
        for _ in 0..2 + self.rng.below(5) {
            let Some(next) = self.layer(x, &seen) else { continue };
            x = self.tail(next, true, &seen);
            seen.push(x);
        }
        self.builder.output("y", x);
    }

    /// Rows \[1, s, d\] through normalisations, products and attention.
    fn sequences(&mut self) {
        let (s, d) = (1 + self.rng.below(20) as u32, self.rng.pick(&[1, 4, 16, 24, 33]));
        let mut x = self.builder.input("tokens", DType::F32, &[1, s, d]);
        for _ in 0..1 + self.rng.below(4) {
            let next = match self.rng.below(3) {
                0 => self.layer_norm(x),
                1 => {
                    let (width, flipped) = (self.rng.pick(&[1, 8, 16, 40]), self.rng.chance(50));
                    let d = self.dims(x)[2];
                    let w = self.operand(&if flipped { [width, d] } else { [d, width] });
                    let b = if flipped { vec![3, 2] } else { vec![2, 3] };
                    self.push(Opcode::Einsum { a: vec![0, 1, 2], b, out: vec![0, 1, 3] }, &[x, w], vec![])
                }
                _ => self.attention(x),
            };
            if let Some(next) = next {
                x = self.tail(next, false, &[x]);
            }
        }
        self.builder.output("y", x);
    }

    fn layer_norm(&mut self, x: ValueId) -> Option<ValueId> {
        let axes = if self.rng.chance(80) { vec![2] } else { vec![1, 2] };
        let sum = Opcode::Reduce { reducer: Reducer::Sum, axes: axes.clone() };
        let sum = self.push(sum, &[x], vec![])?;
        let inverse = self.constant(&[1, 1, 1]);
        let (a, b) = if self.rng.chance(50) { (sum, inverse) } else { (inverse, sum) };
        let mean = self.push(Opcode::Binary(BinaryOp::Mul), &[a, b], vec![])?;
        let (a, b) = if self.rng.chance(80) { (x, mean) } else { (mean, x) };
        let rest = self.push(Opcode::Binary(BinaryOp::Sub), &[a, b], vec![])?;
        self.push(Opcode::RmsNorm { axes, eps: 1e-5f32.to_bits() }, &[rest], vec![])
    }

    /// Scores and mixture of heads that lie side by side, with a scale and a mask before the softmax.
    fn attention(&mut self, x: ValueId) -> Option<ValueId> {
        let dims = self.dims(x);
        let (s, d, heads) = (dims[1], dims[2], self.rng.pick(&[1, 2, 3]));
        if d % heads > 0 {
            return None;
        }
        let split = self.push(Opcode::Reshape, &[x], vec![s, heads, d / heads])?;
        let scores = Opcode::Einsum { a: vec![2, 1, 4], b: vec![3, 1, 4], out: vec![0, 1, 2, 3] };
        let scores = self.push(scores, &[split, split], vec![])?;
        let scores = self.tail(scores, false, &[]);
        let weights = self.push(Opcode::Softmax { axes: vec![3] }, &[scores], vec![])?;
        let mix = Opcode::Einsum { a: vec![3, 1, 0, 4], b: vec![4, 1, 2], out: vec![0, 1, 2] };
        let mixed = self.push(mix, &[weights, split], vec![])?;
        let out = Opcode::Einsum { a: vec![1, 3, 4], b: vec![3, 4, 2], out: vec![0, 1, 2] };
        let w = self.constant(&[heads, d / heads, d]);
        self.push(out, &[mixed, w], vec![])
    }
}

pub(super) fn pattern(seed: u64) -> Plan {
    let mut maker = Maker { rng: Rng::new(seed), builder: PlanBuilder::new() };
    if seed.is_multiple_of(2) {
        maker.images()
    } else {
        maker.sequences()
    }
    maker.builder.finish().unwrap()
}

fn check(seed: u64) {
    let plan = pattern(seed);
    let inputs = random::inputs(&plan, &mut Rng::new(seed ^ 77));
    let valid = plan.clone().validate().unwrap();
    let plain = Executable::plain(valid.clone(), Isa::Reference).run(&inputs).unwrap();
    let plain: Vec<Vec<u8>> = plain.into_iter().map(|output| output.tensor.data().to_vec()).collect();
    if seed.is_multiple_of(5) {
        assert_eq!(naive::run(&plan, &inputs).as_ref(), Some(&plain), "seed {seed}: {:#?}", plan.nodes);
    }
    for isa in Isa::available() {
        let found = run(&plan, isa, &inputs);
        assert!(found.as_ref() == Some(&plain), "seed {seed}, {}: {:#?}", isa.name(), plan.nodes);
    }
    let most = valid.peak_bytes() + (valid.peak_bytes() / 5).max(1 << 20);
    assert!(Executable::new(valid, Isa::Reference).bytes() <= most, "seed {seed}: more memory than allowed");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn fused_programs_agree_with_the_nodes_one_by_one(seed in any::<u64>()) {
        check(seed);
    }
}

#[test]
fn patterns_are_really_fused() {
    let (mut images, mut norms, mut products, mut strided) = (0, 0, 0, 0);
    for seed in 0..400 {
        let plan = pattern(seed);
        let inputs = random::inputs(&plan, &mut Rng::new(seed));
        let executable = Executable::new(plan.validate().unwrap(), Isa::detect());
        for step in executable.profile(&inputs).unwrap() {
            let fused = step.nodes.len() > 1;
            images += u32::from(fused && step.name.starts_with("Conv2d"));
            norms += u32::from(step.name.starts_with("Reduce Binary Binary RmsNorm"));
            strided += u32::from(step.name.starts_with("Slice Slice Einsum"));
            products += u32::from(fused && step.name.starts_with("Einsum"));
        }
    }
    let counts = [images, norms, products, strided];
    assert!(counts.iter().zip([50, 30, 100, 3]).all(|(count, least)| *count > least), "{counts:?}");
}
