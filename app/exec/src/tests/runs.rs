//! What a run refuses, how it fails, and how it is shared.

use crate::{Executable, InputError, Isa, RunError};
use assay_plan::*;
use assay_types::tensor::{DType, NamedTensor, Tensor};

type Operand = (DType, Vec<u32>);

fn f(dims: &[u32]) -> Operand {
    (DType::F32, dims.to_vec())
}

/// A plan of one node over inputs.
fn plan(op: Opcode, operands: &[Operand], dtype: DType, dims: &[u32]) -> Plan {
    let mut builder = PlanBuilder::new();
    let add = |(k, (dtype, dims)): (usize, &Operand)| builder.input(&format!("x{k}"), *dtype, dims);
    let ids: Vec<u32> = operands.iter().enumerate().map(add).collect();
    let y = builder.push(op, &ids, dtype, dims);
    builder.output("y", y);
    builder.finish().unwrap()
}

const F32: DType = DType::F32;

fn named(name: &str, tensor: Tensor) -> NamedTensor {
    NamedTensor { name: name.into(), tensor }
}

#[test]
fn inputs_that_are_not_the_plans_are_refused_by_kind() {
    let plan = plan(Opcode::Binary(BinaryOp::Add), &[f(&[2]), f(&[2])], F32, &[2]).validate().unwrap();
    let executable = Executable::new(plan, Isa::Reference);
    let pair = |dims: u32| Tensor::from_f32(vec![dims], &vec![1.0; dims as usize]).unwrap();
    let error = |inputs: &[NamedTensor]| match executable.run(inputs) {
        Err(RunError::Input(error)) => error,
        other => panic!("{other:?}"),
    };
    let good = [named("x0", pair(2)), named("x1", pair(2))];
    assert!(executable.run(&good).is_ok());
    assert_eq!(error(&good[..1]), InputError::Count { given: 1, wanted: 2 });
    let swapped = [good[1].clone(), good[0].clone()];
    assert!(matches!(error(&swapped), InputError::Name { position: 0, .. }));
    assert!(matches!(error(&[good[0].clone(), named("x1", pair(3))]), InputError::Dims { .. }));
    let ints = Tensor::from_i64(vec![2], &[1, 2]).unwrap();
    assert!(matches!(error(&[good[0].clone(), named("x1", ints)]), InputError::DType { .. }));
}

#[test]
fn an_index_out_of_range_and_a_zero_divisor_fail_the_run() {
    let run = |op: Opcode, values: [&[i64]; 2], dims: &[u32]| {
        let operands = values.map(|list| (DType::I64, vec![list.len() as u32]));
        let plan = plan(op, &operands, DType::I64, dims).validate().unwrap();
        let input = |k: usize| {
            named(&format!("x{k}"), Tensor::from_i64(vec![values[k].len() as u32], values[k]).unwrap())
        };
        let outputs = Executable::new(plan, Isa::detect()).run(&[input(0), input(1)]);
        outputs.map(|outputs| outputs[0].tensor.to_i64().unwrap())
    };
    let gather = || Opcode::Gather { axis: 0 };
    assert_eq!(run(gather(), [&[5, 6, 7], &[-3, 2]], &[2]), Ok(vec![5, 7]));
    for index in [3, -4, i64::MAX, i64::MIN] {
        assert_eq!(run(gather(), [&[5, 6, 7], &[0, index]], &[2]), Err(RunError::Failed));
        assert_eq!(
            run(Opcode::GatherElements { axis: 0 }, [&[5, 6, 7], &[0, index]], &[2]),
            Err(RunError::Failed)
        );
    }
    let (divide, rest) = (Opcode::Binary(BinaryOp::Div), Opcode::Binary(BinaryOp::Rem));
    assert_eq!(run(divide.clone(), [&[-7, i64::MIN], &[2, -1]], &[2]), Ok(vec![-3, i64::MIN]));
    assert_eq!(run(rest.clone(), [&[-7, i64::MIN], &[2, -1]], &[2]), Ok(vec![-1, 0]));
    assert_eq!(run(divide, [&[1, 1], &[1, 0]], &[2]), Err(RunError::Failed));
    assert_eq!(run(rest, [&[1, 1], &[1, 0]], &[2]), Err(RunError::Failed));
}

#[test]
fn nans_leave_a_plan_with_canonical_bits() {
    let plan = plan(Opcode::Binary(BinaryOp::Sub), &[f(&[2]), f(&[2])], F32, &[2]).validate().unwrap();
    let values = Tensor::from_f32(vec![2], &[f32::INFINITY, f32::NAN]).unwrap();
    let inputs = [named("x0", values.clone()), named("x1", values)];
    for isa in Isa::available() {
        let outputs = Executable::new(plan.clone(), isa).run(&inputs).unwrap();
        assert_eq!(outputs[0].tensor.data(), [0, 0, 0xc0, 0x7f, 0, 0, 0xc0, 0x7f]);
    }
}

#[cfg(not(target_family = "wasm"))]
#[test]
fn one_executable_serves_threads_at_once() {
    let window =
        Window { kernel: [3; 2], stride: [1; 2], dilation: [1; 2], pad_before: [0; 2], pad_after: [0; 2] };
    let plan = plan(Opcode::MaxPool(window), &[f(&[40, 40])], F32, &[38, 38]).validate().unwrap();
    let executable = Executable::new(plan, Isa::detect());
    let input = |k: u32| {
        let values: Vec<f32> = (0..1600u32).map(|i| (i.wrapping_mul(k * 7919) % 1000) as f32).collect();
        [named("x0", Tensor::from_f32(vec![40, 40], &values).unwrap())]
    };
    let expected: Vec<_> = (0..4).map(|k| executable.run(&input(k)).unwrap()).collect();
    std::thread::scope(|scope| {
        for k in 0..4 {
            let (executable, expected) = (&executable, &expected);
            scope.spawn(move || {
                for _ in 0..20 {
                    assert_eq!(executable.run(&input(k)).unwrap(), expected[k as usize]);
                }
            });
        }
    });
}

#[test]
fn a_profile_names_every_node_that_is_computed_once() {
    let (plan, inputs) = (0..).map(super::random::plan).find(|(plan, _)| plan.nodes.len() > 8).unwrap();
    let executable = Executable::new(plan.clone().validate().unwrap(), Isa::detect());
    let mut nodes: Vec<u32> =
        executable.profile(&inputs).unwrap().into_iter().flat_map(|step| step.nodes).collect();
    nodes.sort_unstable();
    let free = |node: &Node| matches!(node.op, Opcode::Const { .. } | Opcode::Reshape);
    let computed = (0..plan.nodes.len()).filter(|&at| !free(&plan.nodes[at])).map(|at| at as u32);
    assert_eq!(nodes, computed.collect::<Vec<_>>());
}

/// A product and a convolution that are worth several threads, with rows and blocks that do not divide
/// evenly.
#[cfg(not(target_family = "wasm"))]
#[test]
fn the_bits_do_not_depend_on_the_number_of_threads() {
    let mut rng = super::random::Rng::new(8);
    let mut b = PlanBuilder::new();
    let x = b.input("x", F32, &[111, 300]);
    let bytes = rng.bytes(F32, &[300, 900]);
    let w = b.constant(F32, &[300, 900], &bytes);
    let op = Opcode::Einsum { a: vec![0, 1], b: vec![1, 2], out: vec![0, 2] };
    let y = b.push(op, &[x, w], F32, &[111, 900]);
    let z = b.input("z", F32, &[111, 900]);
    let y = b.push(Opcode::Binary(BinaryOp::Max), &[z, y], F32, &[111, 900]);
    b.output("product", y);
    let image = b.input("image", F32, &[2, 33, 20, 20]);
    let window =
        Window { kernel: [3; 2], stride: [1; 2], dilation: [1; 2], pad_before: [1; 2], pad_after: [1; 2] };
    let values: Vec<f32> = (0..100 * 33 * 9).map(|i| ((i * 7919) % 1000) as f32 * 1e-3 - 0.5).collect();
    let w = b.constant_f32(&[100, 33, 3, 3], &values);
    let bias = b.constant_f32(&[100], &values[..100]);
    let y = b.push(Opcode::Conv2d { window, groups: 1 }, &[image, w, bias], F32, &[2, 100, 20, 20]);
    let residual = b.input("residual", F32, &[2, 100, 20, 20]);
    let y = b.push(Opcode::Binary(BinaryOp::Add), &[residual, y], F32, &[2, 100, 20, 20]);
    b.output("convolution", y);
    let plan = b.finish().unwrap();
    let inputs = super::random::inputs(&plan, &mut rng);
    let plan = plan.validate().unwrap();
    for isa in Isa::available() {
        let executable = Executable::new(plan.clone(), isa);
        let expected = executable.run(&inputs).unwrap();
        for threads in 0..=4 {
            assert_eq!(executable.run_with(&inputs, threads).unwrap(), expected, "{threads}");
        }
    }
    assert_eq!(
        Executable::plain(plan.clone(), Isa::detect()).run(&inputs).unwrap(),
        Executable::new(plan, Isa::detect()).run_with(&inputs, 3).unwrap()
    );
}
