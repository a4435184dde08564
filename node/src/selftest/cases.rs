//! The kernels' cases: one small plan each, and inputs that follow from its ports alone.

use assay_plan::{
    Aggregate, BinaryOp, BuildError, Divisor, Opcode, Plan, PlanBuilder, Reducer, UnaryOp, ValidPlan, Window,
};
use assay_types::tensor::{DType, NamedTensor, Tensor, TensorError};

/// One kernel's case.
pub(super) struct Case {
    pub(super) name: &'static str,
    pub(super) plan: fn() -> Result<Plan, BuildError>,
}

macro_rules! cases {
    ($($name:literal => $plan:expr;)*) => {
        /// Every case.
        pub(super) fn all() -> Vec<Case> {
            vec![$(Case { name: $name, plan: || $plan }),*]
        }
    };
}

cases! {
    "einsum" => einsum();
    "conv2d" => conv2d();
    "max_pool" => on_image(Opcode::MaxPool(WINDOW), [1, 3, 5, 7]);
    "sum_pool" => on_image(Opcode::SumPool { window: WINDOW, divisor: Divisor::Inside }, [1, 3, 5, 7]);
    "reduce_sum" => on_rows(Opcode::Reduce { reducer: Reducer::Sum, axes: vec![1] }, 1);
    "reduce_max" => on_rows(Opcode::Reduce { reducer: Reducer::Max, axes: vec![1] }, 1);
    "reduce_min" => on_rows(Opcode::Reduce { reducer: Reducer::Min, axes: vec![1] }, 1);
    "reduce_prod" => on_rows(Opcode::Reduce { reducer: Reducer::Prod, axes: vec![1] }, 1);
    "softmax" => on_rows(Opcode::Softmax { axes: vec![1] }, COLUMNS);
    "log_softmax" => on_rows(Opcode::LogSoftmax { axes: vec![1] }, COLUMNS);
    "rms_norm" => on_rows(Opcode::RmsNorm { axes: vec![1], eps: 1e-5f32.to_bits() }, COLUMNS);
    "neg" => unary(UnaryOp::Neg);
    "abs" => unary(UnaryOp::Abs);
    "recip" => unary(UnaryOp::Recip);
    "square" => unary(UnaryOp::Square);
    "sqrt" => unary(UnaryOp::Sqrt);
    "rsqrt" => unary(UnaryOp::Rsqrt);
    "exp" => unary(UnaryOp::Exp);
    "ln" => unary(UnaryOp::Ln);
    "tanh" => unary(UnaryOp::Tanh);
    "sigmoid" => unary(UnaryOp::Sigmoid);
    "erf" => unary(UnaryOp::Erf);
    "gelu" => unary(UnaryOp::Gelu);
    "gelu_tanh" => unary(UnaryOp::GeluTanh);
    "silu" => unary(UnaryOp::Silu);
    "hard_swish" => unary(UnaryOp::HardSwish);
    "leaky_relu" => unary(UnaryOp::LeakyRelu { alpha: 0.01f32.to_bits() });
    "floor" => unary(UnaryOp::Floor);
    "ceil" => unary(UnaryOp::Ceil);
    "round" => unary(UnaryOp::Round);
    "sign" => unary(UnaryOp::Sign);
    "sin" => unary(UnaryOp::Sin);
    "cos" => unary(UnaryOp::Cos);
    "add" => binary(BinaryOp::Add);
    "sub" => binary(BinaryOp::Sub);
    "mul" => binary(BinaryOp::Mul);
    "div" => binary(BinaryOp::Div);
    "max" => binary(BinaryOp::Max);
    "min" => binary(BinaryOp::Min);
    "pow" => binary(BinaryOp::Pow);
    "tree_ensemble" => trees();
}

const WINDOW: Window =
    Window { kernel: [3, 3], stride: [2, 2], dilation: [1, 1], pad_before: [1, 1], pad_after: [1, 1] };
/// Not a multiple of any vector's width, so that tails are run as well.
const COLUMNS: u32 = 53;
const ROWS: u32 = 5;

/// Values that are finite and of moderate size, the same on every machine.
fn moderate(count: usize, seed: u32) -> Vec<f32> {
    let mut state = seed.wrapping_mul(2).wrapping_add(1);
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        // 24 bits: exact as f32.
        ((state >> 8) as f32 / 8_388_608.0 - 1.0) * 3.0
    };
    (0..count).map(|_| next()).collect()
}

const SPECIAL: [f32; 16] = [
    0.0,
    -0.0,
    f32::INFINITY,
    f32::NEG_INFINITY,
    f32::NAN,
    f32::MAX,
    f32::MIN,
    f32::MIN_POSITIVE,
    1.0e-40,
    -1.0e-45,
    0.5,
    -0.5,
    88.8,
    -104.0,
    1.0e9,
    2.5,
];

/// Inputs for a plan's ports: moderate values, with the special ones first in the input `special`.
pub(super) fn inputs(plan: &ValidPlan) -> Result<Vec<NamedTensor>, TensorError> {
    let mut list = Vec::new();
    for (seed, port) in (1..).zip(plan.inputs()) {
        let mut values = moderate(port.dims.iter().product::<u32>() as usize, seed);
        if port.name == "special" {
            values.iter_mut().zip(SPECIAL).for_each(|(value, special)| *value = special);
        }
        list.push(NamedTensor {
            name: port.name.clone(),
            tensor: Tensor::from_f32(port.dims.clone(), &values)?,
        });
    }
    Ok(list)
}

fn einsum() -> Result<Plan, BuildError> {
    let mut plan = PlanBuilder::new();
    let x = plan.input("x", DType::F32, &[7, 301]);
    let w = plan.constant_f32(&[301, 37], &moderate(301 * 37, 9));
    let y = plan.push(
        Opcode::Einsum { a: vec![0, 1], b: vec![1, 2], out: vec![0, 2] },
        &[x, w],
        DType::F32,
        &[7, 37],
    );
    plan.output("y", y);
    plan.finish()
}

fn conv2d() -> Result<Plan, BuildError> {
    let mut plan = PlanBuilder::new();
    let x = plan.input("x", DType::F32, &[1, 3, 9, 13]);
    let w = plan.constant_f32(&[10, 3, 3, 3], &moderate(270, 10));
    let bias = plan.constant_f32(&[10], &moderate(10, 11));
    let op = Opcode::Conv2d { window: WINDOW, groups: 1 };
    let y = plan.push(op, &[x, w, bias], DType::F32, &[1, 10, 5, 7]);
    plan.output("y", y);
    plan.finish()
}

fn on_image(op: Opcode, dims: [u32; 4]) -> Result<Plan, BuildError> {
    let mut plan = PlanBuilder::new();
    let x = plan.input("special", DType::F32, &[1, 3, 9, 13]);
    let y = plan.push(op, &[x], DType::F32, &dims);
    plan.output("y", y);
    plan.finish()
}

fn on_rows(op: Opcode, columns: u32) -> Result<Plan, BuildError> {
    let mut plan = PlanBuilder::new();
    let x = plan.input("special", DType::F32, &[ROWS, COLUMNS]);
    let y = plan.push(op, &[x], DType::F32, &[ROWS, columns]);
    plan.output("y", y);
    plan.finish()
}

fn unary(op: UnaryOp) -> Result<Plan, BuildError> {
    on_rows(Opcode::Unary(op), COLUMNS)
}

fn binary(op: BinaryOp) -> Result<Plan, BuildError> {
    let mut plan = PlanBuilder::new();
    let a = plan.input("special", DType::F32, &[ROWS, COLUMNS]);
    let b = plan.input("x", DType::F32, &[ROWS, COLUMNS]);
    let y = plan.push(Opcode::Binary(op), &[a, b], DType::F32, &[ROWS, COLUMNS]);
    plan.output("y", y);
    plan.finish()
}

/// Two trees of one split each over two features, three classes.
fn trees() -> Result<Plan, BuildError> {
    let mut plan = PlanBuilder::new();
    let x = plan.input("special", DType::F32, &[11, 2]);
    let split = |feature: i32, threshold: f32, first: i32, mode: i32| {
        [feature, threshold.to_bits() as i32, first, first + 1, mode]
    };
    let nodes = [
        split(0, 0.25, 1, 1),
        [0, 1, 0, 0, 0],
        [1, 2, 0, 0, 0],
        split(1, -0.5, 4, 2 + 8),
        [2, 3, 0, 0, 0],
        [3, 4, 0, 0, 0],
    ];
    let roots = plan.constant_i32(&[2], &[0, 3]);
    let nodes = plan.constant_i32(&[6, 5], nodes.as_flattened());
    let classes = plan.constant_i32(&[4], &[0, 1, 2, 0]);
    let weights = plan.constant_f32(&[4], &[0.1, 0.2, 0.7, -0.3]);
    let op = Opcode::TreeEnsemble { classes: 3, aggregate: Aggregate::Average };
    let y = plan.push(op, &[x, roots, nodes, classes, weights], DType::F32, &[11, 3]);
    plan.output("y", y);
    plan.finish()
}
