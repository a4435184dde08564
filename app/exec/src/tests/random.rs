//! Random plans: every opcode, odd sizes, operands in any order, data full of special values.

use assay_plan::*;
use assay_types::tensor::{DType, NamedTensor, Tensor};

/// A small generator of pseudo-random numbers.
pub(super) struct Rng {
    state: u64,
    /// No special values: a plan full of NaN hides mistakes.
    tame: bool,
}

impl Rng {
    pub(super) fn new(seed: u64) -> Self {
        let mut rng = Self { state: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1, tame: false };
        rng.tame = rng.chance(50);
        rng
    }
    pub(super) fn next(&mut self) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        self.state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11
    }
    pub(super) fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }
    pub(super) fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }
    pub(super) fn pick<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.below(list.len())]
    }
    pub(super) fn f32(&mut self) -> f32 {
        const SPECIAL: [f32; 14] = [
            0.0,
            -0.0,
            1.0,
            -1.0,
            f32::INFINITY,
            f32::NEG_INFINITY,
            f32::NAN,
            f32::MIN_POSITIVE,
            1e-45,
            -1e-40,
            f32::MAX,
            88.7,
            -87.0,
            0.55,
        ];
        let kind = if self.tame { 3 } else { self.below(10) };
        match kind {
            0 => self.pick(&SPECIAL),
            1 => f32::from_bits(self.next() as u32),
            2 => self.below(9) as f32 - 4.0,
            _ => (self.next() as i32 as f32) * 1e-9,
        }
    }
    pub(super) fn dim(&mut self) -> u32 {
        if self.chance(8) { 15 + self.below(20) as u32 } else { 1 + self.below(5) as u32 }
    }
    pub(super) fn dims(&mut self, rank: usize) -> Vec<u32> {
        (0..rank).map(|_| self.dim()).collect()
    }
    pub(super) fn bytes(&mut self, dtype: DType, dims: &[u32]) -> Vec<u8> {
        let count: usize = dims.iter().map(|&d| d as usize).product();
        let mut bytes = Vec::new();
        for _ in 0..count {
            match dtype {
                DType::F32 => bytes.extend(self.f32().to_le_bytes()),
                DType::I64 => bytes.extend((self.next() as i64 >> self.below(60)).to_le_bytes()),
                DType::I32 => bytes.extend((self.next() as i32 >> self.below(30)).to_le_bytes()),
                DType::I8 | DType::U8 => bytes.push(self.next() as u8),
                DType::Bool => bytes.push((self.next() & 1) as u8),
            }
        }
        bytes
    }
}

pub(super) struct Generator {
    pub(super) rng: Rng,
    pub(super) builder: PlanBuilder,
    values: Vec<ValueId>,
}

const MAX_ELEMENTS: usize = 3000;
const DTYPES: [DType; 8] =
    [DType::F32, DType::F32, DType::F32, DType::I64, DType::I32, DType::Bool, DType::I8, DType::U8];

/// A random plan and inputs for it.
pub(super) fn plan(seed: u64) -> (Plan, Vec<NamedTensor>) {
    let mut this = Generator { rng: Rng::new(seed), builder: PlanBuilder::new(), values: vec![] };
    for name in ["a", "b"] {
        let rank = this.rng.below(5);
        let (dtype, dims) = (this.rng.pick(&DTYPES), this.rng.dims(rank));
        let id = this.builder.input(name, dtype, &dims);
        this.values.push(id);
    }
    let steps = 1 + this.rng.below(12);
    let mut tries = 0;
    while this.values.len() < 2 + steps && tries < 200 {
        tries += 1;
        if let Some(id) = this.step() {
            this.values.push(id);
        }
    }
    for k in 0..1 + this.rng.below(3) {
        let id = this.rng.pick(&this.values);
        this.builder.output(&format!("y{k}"), id);
    }
    let last = *this.values.last().unwrap();
    this.builder.output("last", last);
    let mut rng = this.rng;
    let plan = this.builder.finish().unwrap();
    let inputs = inputs(&plan, &mut rng);
    (plan, inputs)
}

/// Random inputs of a plan.
pub(super) fn inputs(plan: &Plan, rng: &mut Rng) -> Vec<NamedTensor> {
    plan.inputs
        .iter()
        .map(|(name, id)| {
            let node = &plan.nodes[*id as usize];
            let mut data = rng.bytes(node.dtype, &node.dims);
            if node.dtype == DType::F32 {
                for word in data.as_chunks_mut::<4>().0 {
                    if f32::from_le_bytes(*word).is_nan() {
                        *word = 0x7fc0_0000u32.to_le_bytes();
                    }
                }
            }
            NamedTensor {
                name: name.clone(),
                tensor: Tensor::new(node.dtype, node.dims.clone(), data).unwrap(),
            }
        })
        .collect()
}

impl Generator {
    pub(super) fn node(&self, id: ValueId) -> Node {
        self.builder.get(id).unwrap().clone()
    }

    /// A value of a dtype: one that is there, a cast of one, or a constant of like dims.
    pub(super) fn value(&mut self, dtype: DType) -> ValueId {
        let start = self.rng.below(self.values.len());
        for k in 0..self.values.len() {
            let id = self.values[(start + k) % self.values.len()];
            if self.node(id).dtype == dtype {
                return id;
            }
        }
        if self.rng.chance(50) {
            let id = self.rng.pick(&self.values);
            let dims = self.node(id).dims;
            return self.builder.push(Opcode::Cast, &[id], dtype, &dims);
        }
        let rank = self.rng.below(5);
        let dims = self.rng.dims(rank);
        self.constant(dtype, &dims)
    }

    pub(super) fn constant(&mut self, dtype: DType, dims: &[u32]) -> ValueId {
        let bytes = self.rng.bytes(dtype, dims);
        self.builder.constant(dtype, dims, &bytes)
    }

    /// Pushes a node whose dims its rule gives; `None` when the rule refuses it or it grows too large.
    pub(super) fn push(
        &mut self,
        op: Opcode,
        inputs: &[ValueId],
        dtype: DType,
        dims: Vec<u32>,
    ) -> Option<ValueId> {
        let operands: Vec<Node> = inputs.iter().map(|&id| self.node(id)).collect();
        let operands: Vec<&Node> = operands.iter().collect();
        let mut node = Node { op, inputs: inputs.to_vec(), dtype, dims };
        node.dims = result_dims(&node, &operands).ok()?;
        let count: u64 = node.dims.iter().map(|&d| u64::from(d)).product();
        if count > MAX_ELEMENTS as u64 || node.dims.len() > 8 || count == 0 {
            return None;
        }
        Some(self.builder.push(node.op, inputs, node.dtype, &node.dims))
    }

    fn axes(&mut self, rank: usize) -> Vec<u8> {
        (0..rank as u8).filter(|_| self.rng.chance(50)).collect()
    }

    /// A value whose dims repeat against `dims`, on either side.
    pub(super) fn companion(&mut self, dtype: DType, dims: &[u32]) -> ValueId {
        let dims: Vec<u32> = dims
            .iter()
            .map(|&d| match self.rng.below(6) {
                0 => 1,
                1 if d == 1 => self.rng.dim(),
                _ => d,
            })
            .collect();
        let found = self.values.iter().copied().find(|&id| {
            let node = self.builder.get(id).unwrap();
            node.dtype == dtype && node.dims == dims
        });
        match found {
            Some(id) if self.rng.chance(60) => id,
            _ => self.constant(dtype, &dims),
        }
    }

    fn step(&mut self) -> Option<ValueId> {
        match self.rng.below(28) {
            0..=2 => self.einsum(),
            3 | 4 => self.conv(),
            5 => self.pool(),
            6..=9 => self.movement(),
            10 => self.gather(),
            11 => self.select(),
            12 => self.reduce(),
            13 => self.rows(),
            14..=16 => self.unary(),
            17..=19 => self.binary(),
            20 => self.tree(),
            21..=24 => self.quantised(),
            25 => self.along(),
            26 => self.places(),
            _ => {
                let id = self.rng.pick(&self.values);
                let (dtype, dims) = (self.rng.pick(&DTYPES), self.node(id).dims);
                self.push(Opcode::Cast, &[id], dtype, dims)
            }
        }
    }

    fn einsum(&mut self) -> Option<ValueId> {
        let a = self.value(DType::F32);
        let a_dims = self.node(a).dims;
        let mut labels: Vec<u8> = (0..a_dims.len() as u8).collect();
        let mut b_labels = vec![];
        let mut b_dims = vec![];
        for (label, &dim) in labels.clone().iter().zip(&a_dims) {
            if self.rng.chance(60) {
                let at = self.rng.below(b_labels.len() + 1);
                b_labels.insert(at, *label);
                b_dims.insert(at, if self.rng.chance(10) { 1 } else { dim });
            }
        }
        for _ in 0..self.rng.below(3) {
            let label = 10 + labels.len() as u8;
            labels.push(label);
            let at = self.rng.below(b_labels.len() + 1);
            b_labels.insert(at, label);
            b_dims.insert(at, self.rng.dim());
        }
        let b = match self.values.iter().copied().find(|&id| self.builder.get(id).unwrap().dims == b_dims) {
            Some(id) if self.node(id).dtype == DType::F32 => id,
            _ => self.constant(DType::F32, &b_dims),
        };
        let mut out = vec![];
        for &label in &labels {
            if self.rng.chance(60) {
                let at = self.rng.below(out.len() + 1);
                out.insert(at, label);
            }
        }
        let a_labels: Vec<u8> = (0..a_dims.len() as u8).collect();
        let (op, inputs) = if self.rng.chance(50) {
            (Opcode::Einsum { a: a_labels, b: b_labels, out }, [a, b])
        } else {
            (Opcode::Einsum { a: b_labels, b: a_labels, out }, [b, a])
        };
        self.push(op, &inputs, DType::F32, vec![])
    }

    pub(super) fn window(&mut self) -> Window {
        let mut pair = |n: usize| [1 + self.rng.below(n) as u32, 1 + self.rng.below(n) as u32];
        let (kernel, stride, dilation) = (pair(3), pair(3), pair(2));
        let mut pad = || {
            let span = |k: usize| (kernel[k] - 1) * dilation[k] + 1;
            [self.rng.below(span(0) as usize) as u32, self.rng.below(span(1) as usize) as u32]
        };
        Window { kernel, stride, dilation, pad_before: pad(), pad_after: pad() }
    }

    fn conv(&mut self) -> Option<ValueId> {
        let groups = self.rng.pick(&[1, 1, 2, 3]);
        let channels = groups * (1 + self.rng.below(3) as u32);
        let dims = [1 + self.rng.below(2) as u32, channels, self.rng.dim(), self.rng.dim()];
        let x = match self.rng.chance(50) {
            true => self.constant(DType::F32, &dims),
            false => {
                let scalar = self.value(DType::F32);
                let dims_of = self.node(scalar).dims;
                let ones: Vec<u32> = dims_of.iter().map(|_| 1).collect();
                let one = self.push(
                    Opcode::Reduce { reducer: Reducer::Max, axes: (0..ones.len() as u8).collect() },
                    &[scalar],
                    DType::F32,
                    vec![],
                )?;
                let one = self.push(Opcode::Reshape, &[one], DType::F32, vec![1; 4])?;
                let noise = self.constant(DType::F32, &dims);
                self.push(Opcode::Binary(BinaryOp::Mul), &[noise, one], DType::F32, vec![])?
            }
        };
        let window = self.window();
        let results = groups * (1 + self.rng.below(9) as u32);
        let dims = [results, channels / groups, window.kernel[0], window.kernel[1]];
        let count: u32 = dims.iter().product();
        let weights: Vec<f32> = (0..count)
            .map(|_| {
                let w = self.rng.f32();
                if w.is_finite() { w } else { -0.0 }
            })
            .collect();
        let w = self.builder.constant_f32(&dims, &weights);
        let bias = self.constant(DType::F32, &[results]);
        self.push(Opcode::Conv2d { window, groups }, &[x, w, bias], DType::F32, vec![])
    }

    fn pool(&mut self) -> Option<ValueId> {
        let dtype = self.rng.pick(&[DType::F32, DType::F32, DType::F32, DType::U8, DType::I8]);
        let x = self.value(dtype);
        let window = self.window();
        let op = match self.rng.below(if dtype == DType::F32 { 4 } else { 1 }) {
            _ if dtype != DType::F32 => Opcode::MaxPool(window),
            0 => Opcode::SumPool { window, divisor: Divisor::One },
            1 => Opcode::SumPool { window, divisor: Divisor::Kernel },
            2 => Opcode::SumPool { window, divisor: Divisor::Inside },
            _ => Opcode::MaxPool(window),
        };
        self.push(op, &[x], dtype, vec![])
    }

    fn movement(&mut self) -> Option<ValueId> {
        let x = self.rng.pick(&self.values);
        let node = self.node(x);
        let (rank, dtype) = (node.dims.len(), node.dtype);
        match self.rng.below(6) {
            0 => {
                let mut dims = node.dims.clone();
                let at = self.rng.below(rank + 1);
                match dims.get(at).copied() {
                    Some(d) if d % 2 == 0 => {
                        dims[at] = 2;
                        dims.insert(at, d / 2);
                    }
                    Some(d) if at > 0 => {
                        dims[at - 1] *= d;
                        dims.remove(at);
                    }
                    _ => dims.insert(at, 1),
                }
                self.push(Opcode::Reshape, &[x], dtype, dims)
            }
            1 => {
                let mut axes = vec![];
                for axis in 0..rank as u8 {
                    let at = self.rng.below(axes.len() + 1);
                    axes.insert(at, axis);
                }
                self.push(Opcode::Permute { axes }, &[x], dtype, vec![])
            }
            2 if rank > 0 => {
                let axis = self.rng.below(rank);
                let (start, step) =
                    (self.rng.below(node.dims[axis] as usize), self.rng.pick(&[-3i32, -2, -1, 1, 2]));
                let room = if step > 0 { node.dims[axis] as usize - 1 - start } else { start };
                let mut dims = node.dims.clone();
                dims[axis] = 1 + self.rng.below(room / step.unsigned_abs() as usize + 1) as u32;
                self.push(Opcode::Slice { axis: axis as u8, start: start as u32, step }, &[x], dtype, dims)
            }
            3 if rank > 0 => {
                let axis = self.rng.below(rank);
                let mut operands = vec![x];
                for _ in 0..self.rng.below(4) {
                    let mut dims = node.dims.clone();
                    dims[axis] = self.rng.dim();
                    let other = if self.rng.chance(50) { x } else { self.constant(dtype, &dims) };
                    let at = self.rng.below(operands.len() + 1);
                    operands.insert(at, other);
                }
                self.push(Opcode::Concat { axis: axis as u8 }, &operands, dtype, vec![])
            }
            4 => {
                let dims = node.dims.iter().map(|&d| if d == 1 { self.rng.dim() } else { d }).collect();
                self.push(Opcode::Broadcast, &[x], dtype, dims)
            }
            _ => {
                let mode = self.rng.pick(&[PadMode::Constant, PadMode::Edge, PadMode::Reflect]);
                let mut pads = || (0..rank).map(|_| self.rng.below(3) as u32).collect::<Vec<_>>();
                let (before, after) = (pads(), pads());
                let mut operands = vec![x];
                if mode == PadMode::Constant {
                    operands.push(self.constant(dtype, &[1]));
                }
                self.push(Opcode::Pad { before, after, mode }, &operands, dtype, vec![])
            }
        }
    }

    /// Indices into an axis, a few of them out of range, of either dtype.
    fn index(&mut self, dims: &[u32], limits: &[u32]) -> ValueId {
        let count: u32 = dims.iter().product();
        let out = self.rng.chance(3);
        let index: Vec<i64> = (0..count as usize)
            .map(|at| {
                let dim = i64::from(limits[at % limits.len()]);
                let i = self.rng.below(2 * dim as usize) as i64 - dim;
                if out && self.rng.chance(10) {
                    self.rng.pick(&[dim, -dim - 1, i64::MIN, i64::MAX])
                } else {
                    i
                }
            })
            .collect();
        if self.rng.chance(50) {
            self.builder.constant_i64(dims, &index)
        } else {
            let index: Vec<i32> = index.iter().map(|&i| i as i32).collect();
            self.builder.constant_i32(dims, &index)
        }
    }

    fn gather(&mut self) -> Option<ValueId> {
        let x = self.rng.pick(&self.values);
        let node = self.node(x);
        if node.dims.is_empty() {
            return None;
        }
        let axis = self.rng.below(node.dims.len());
        let elements = self.rng.chance(50);
        let dims = if elements {
            node.dims.iter().map(|&d| 1 + self.rng.below(d as usize) as u32).collect()
        } else {
            let rank = self.rng.below(3);
            self.rng.dims(rank)
        };
        let index = self.index(&dims, &[node.dims[axis]]);
        let axis = axis as u8;
        let op = if elements { Opcode::GatherElements { axis } } else { Opcode::Gather { axis } };
        self.push(op, &[x, index], node.dtype, vec![])
    }

    /// A running sum, or the best elements of an axis.
    fn along(&mut self) -> Option<ValueId> {
        let x = self.rng.pick(&self.values);
        let node = self.node(x);
        if node.dims.is_empty() {
            return None;
        }
        let axis = self.rng.below(node.dims.len());
        if self.rng.chance(50) {
            let k = 1 + self.rng.below(node.dims[axis] as usize) as u32;
            let op = Opcode::TopK { axis: axis as u8, k, largest: self.rng.chance(50) };
            return self.push(op, &[x], DType::I64, vec![]);
        }
        let (exclusive, reverse) = (self.rng.chance(50), self.rng.chance(50));
        self.push(Opcode::CumSum { axis: axis as u8, exclusive, reverse }, &[x], node.dtype, vec![])
    }

    /// Slices gathered by tuples, elements or slices scattered.
    fn places(&mut self) -> Option<ValueId> {
        let x = self.rng.pick(&self.values);
        let node = self.node(x);
        let rank = node.dims.len();
        if rank == 0 {
            return None;
        }
        let all = [Scatter::Put, Scatter::Add, Scatter::Mul, Scatter::Max, Scatter::Min];
        let reduction = self.rng.pick(&all);
        let kind = self.rng.below(3);
        if kind == 0 {
            let axis = self.rng.below(rank);
            let mut dims: Vec<u32> =
                node.dims.iter().map(|&d| 1 + self.rng.below(d as usize) as u32).collect();
            dims[axis] = self.rng.dim();
            let index = self.index(&dims, &[node.dims[axis]]);
            let updates = self.constant(node.dtype, &dims);
            let op = Opcode::ScatterElements { axis: axis as u8, reduction };
            return self.push(op, &[x, index, updates], node.dtype, vec![]);
        }
        let batch = if kind == 1 { self.rng.below(rank) } else { 0 };
        let tuple = 1 + self.rng.below(rank - batch);
        let more = self.rng.below(3);
        let free = self.rng.dims(more);
        let index_dims = [&node.dims[..batch], &free, &[tuple as u32]].concat();
        let index = self.index(&index_dims, &node.dims[batch..batch + tuple]);
        if kind == 1 {
            return self.push(Opcode::GatherNd { batch: batch as u8 }, &[x, index], node.dtype, vec![]);
        }
        let dims = [&free, &node.dims[tuple..]].concat();
        let count: u64 = dims.iter().map(|&d| u64::from(d)).product();
        if count > MAX_ELEMENTS as u64 {
            return None;
        }
        let updates = self.constant(node.dtype, &dims);
        self.push(Opcode::ScatterNd { reduction }, &[x, index, updates], node.dtype, vec![])
    }

    fn select(&mut self) -> Option<ValueId> {
        let a = self.rng.pick(&self.values);
        let node = self.node(a);
        let b = self.companion(node.dtype, &node.dims);
        let c = self.companion(DType::Bool, &node.dims);
        let (a, b) = if self.rng.chance(50) { (a, b) } else { (b, a) };
        self.push(Opcode::Select, &[c, a, b], node.dtype, vec![])
    }

    fn reduce(&mut self) -> Option<ValueId> {
        let x = self.rng.pick(&self.values);
        let node = self.node(x);
        let axes = self.axes(node.dims.len());
        if self.rng.chance(40) && !axes.is_empty() {
            let (axis, last) = (axes[0], self.rng.chance(50));
            let op = if self.rng.chance(50) {
                Opcode::ArgMax { axis, last }
            } else {
                Opcode::ArgMin { axis, last }
            };
            return self.push(op, &[x], DType::I64, vec![]);
        }
        let reducer = self.rng.pick(&[Reducer::Sum, Reducer::Max, Reducer::Min, Reducer::Prod]);
        self.push(Opcode::Reduce { reducer, axes }, &[x], node.dtype, vec![])
    }

    fn rows(&mut self) -> Option<ValueId> {
        let x = self.value(DType::F32);
        let axes = self.axes(self.node(x).dims.len());
        if self.rng.chance(15) {
            return self.couple(x);
        }
        let op = match self.rng.below(3) {
            0 => Opcode::Softmax { axes },
            1 => Opcode::LogSoftmax { axes },
            _ => Opcode::RmsNorm { axes, eps: self.rng.pick(&[0.0f32, 1e-5, 1.0]).to_bits() },
        };
        self.push(op, &[x], DType::F32, vec![])
    }

    fn couple(&mut self, x: ValueId) -> Option<ValueId> {
        let count: u32 = self.node(x).dims.iter().product();
        let classes = self.rng.pick(&[2u32, 3, 4]);
        let pairs = classes * (classes - 1) / 2;
        if !count.is_multiple_of(pairs) {
            return None;
        }
        let x = self.push(Opcode::Reshape, &[x], DType::F32, vec![count / pairs, pairs])?;
        self.push(Opcode::Couple { classes }, &[x], DType::F32, vec![])
    }

    fn unary(&mut self) -> Option<ValueId> {
        use UnaryOp::*;
        let alpha = self.rng.f32().to_bits();
        let all = [
            Neg,
            Abs,
            Recip,
            Square,
            Sqrt,
            Rsqrt,
            Exp,
            Ln,
            Tanh,
            Sigmoid,
            Erf,
            Gelu,
            GeluTanh,
            Silu,
            HardSwish,
            LeakyRelu { alpha },
            Floor,
            Ceil,
            Round,
            Sign,
            Sin,
            Cos,
            Tan,
            Asin,
            Acos,
            Atan,
            Sinh,
            Cosh,
            Asinh,
            Acosh,
            Atanh,
        ];
        let x = self.rng.pick(&self.values);
        let dtype = self.node(x).dtype;
        let op = match dtype {
            DType::F32 => self.rng.pick(&all),
            DType::Bool => Not,
            _ => self.rng.pick(&[Neg, Abs, Square, Sign, BitNot]),
        };
        self.push(Opcode::Unary(op), &[x], dtype, vec![])
    }

    fn binary(&mut self) -> Option<ValueId> {
        use BinaryOp::*;
        let a = self.rng.pick(&self.values);
        let node = self.node(a);
        let b = self.companion(node.dtype, &node.dims);
        let (a, b) = if self.rng.chance(50) { (a, b) } else { (b, a) };
        if self.rng.chance(30) {
            let all =
                [CompareOp::Lt, CompareOp::Le, CompareOp::Gt, CompareOp::Ge, CompareOp::Eq, CompareOp::Ne];
            let op = self.rng.pick(&all);
            return self.push(Opcode::Compare(op), &[a, b], DType::Bool, vec![]);
        }
        let op = match node.dtype {
            DType::F32 => self.rng.pick(&[Add, Sub, Mul, Div, Max, Min, Pow, Rem]),
            DType::Bool => self.rng.pick(&[And, Or, Xor]),
            _ if self.rng.chance(30) => self.rng.pick(&[BitAnd, BitOr, BitXor, ShiftLeft, ShiftRight]),
            _ => self.rng.pick(&[Add, Sub, Mul, Add, Sub, Mul, Max, Min, Div, Rem]),
        };
        self.push(Opcode::Binary(op), &[a, b], node.dtype, vec![])
    }

    fn tree(&mut self) -> Option<ValueId> {
        let x = self.value(DType::F32);
        let node = self.node(x);
        let features = *node.dims.last()?;
        let count: u32 = node.dims.iter().product();
        let x = self.push(Opcode::Reshape, &[x], DType::F32, vec![count / features, features])?;
        let (total, entries, classes) =
            (3 + self.rng.below(20), 1 + self.rng.below(9), 1 + self.rng.below(4) as u32);
        let mut nodes: Vec<i32> = vec![];
        for at in 0..total {
            if at + 1 == total || self.rng.chance(30) {
                let first = self.rng.below(entries + 1);
                let end = first + self.rng.below(entries - first + 1);
                nodes.extend([first as i32, end as i32, 0, 0, 0]);
            } else {
                let mut child = || (at + 1 + self.rng.below(total - at - 1)) as i32;
                let (yes, no) = (child(), child());
                let mode = 1 + self.rng.below(6) as i32 + 8 * self.rng.below(2) as i32;
                let feature = self.rng.below(features as usize) as i32;
                nodes.extend([feature, self.rng.f32().to_bits() as i32, yes, no, mode]);
            }
        }
        let roots: Vec<i32> = (0..1 + self.rng.below(4)).map(|_| self.rng.below(total) as i32).collect();
        let leaf_classes: Vec<i32> = (0..entries).map(|_| self.rng.below(classes as usize) as i32).collect();
        let roots = self.builder.constant_i32(&[roots.len() as u32], &roots);
        let nodes = self.builder.constant_i32(&[total as u32, 5], &nodes);
        let leaf_classes = self.builder.constant_i32(&[entries as u32], &leaf_classes);
        let weights = self.constant(DType::F32, &[entries as u32]);
        let all = [Aggregate::Sum, Aggregate::Average, Aggregate::Min, Aggregate::Max];
        let aggregate = self.rng.pick(&all);
        let op = Opcode::TreeEnsemble { classes, aggregate };
        self.push(op, &[x, roots, nodes, leaf_classes, weights], DType::F32, vec![])
    }
}
