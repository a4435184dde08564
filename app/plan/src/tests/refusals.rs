//! What the validator refuses, rule by rule.

use crate::opcode::*;
use crate::{Plan, PlanBuilder, PlanError};
use assay_types::tensor::DType;

pub(super) type Operand = (DType, Vec<u32>);

pub(super) fn f(dims: &[u32]) -> Operand {
    (DType::F32, dims.to_vec())
}

/// A plan of one node over inputs.
fn plan(op: Opcode, operands: &[Operand], dtype: DType, dims: &[u32]) -> Plan {
    let mut builder = PlanBuilder::new();
    let add = |(k, (dtype, dims)): (usize, &Operand)| builder.input(&format!("x{k}"), *dtype, dims);
    let mut ids: Vec<u32> = operands.iter().enumerate().map(add).collect();
    if ids.is_empty() {
        builder.input("unused", DType::F32, &[1]);
    }
    if let Opcode::Conv2d { .. } = op {
        for id in &mut ids[1..] {
            let dims = builder.get(*id).unwrap().dims.clone();
            *id = builder.constant_f32(&dims, &vec![0.5; dims.iter().product::<u32>() as usize]);
        }
    }
    let y = builder.push(op, &ids, dtype, dims);
    builder.output("y", y);
    builder.finish().unwrap()
}

pub(super) fn refusal(plan: Plan) -> String {
    match plan.validate() {
        Ok(_) => "accepted".into(),
        Err(PlanError::Node { rule, .. } | PlanError::Plan(rule)) => rule.into(),
        Err(error) => error.to_string(),
    }
}

pub(super) fn refused(op: Opcode, operands: &[Operand], dtype: DType, dims: &[u32], rule: &str) {
    let found = refusal(plan(op.clone(), operands, dtype, dims));
    assert!(found.contains(rule), "{op:?} {operands:?} to {dims:?}: {found:?}, not {rule:?}");
}

pub(super) fn window() -> Window {
    Window { kernel: [3; 2], stride: [1; 2], dilation: [1; 2], pad_before: [1; 2], pad_after: [1; 2] }
}

const F32: DType = DType::F32;

#[test]
fn values_out_of_bounds_are_refused() {
    let neg = || Opcode::Unary(UnaryOp::Neg);
    refused(neg(), &[f(&[1; 9])], F32, &[1; 9], "the rank is over the limit");
    refused(neg(), &[f(&[2, 0])], F32, &[2, 0], "a dim is 0");
    refused(neg(), &[f(&[1 << 20, 1 << 20])], F32, &[1 << 20, 1 << 20], "the value is over the limit");
    refused(neg(), &[f(&[u32::MAX; 8])], F32, &[u32::MAX; 8], "the value is over the limit");
    refused(neg(), &[f(&[2]), f(&[2])], F32, &[2], "the number of operands");
    refused(neg(), &[], F32, &[2], "the number of operands");
    refused(neg(), &[f(&[2])], F32, &[3], "the dims are not what the rule gives");
    refused(Opcode::Concat { axis: 0 }, &[], F32, &[2], "the number of operands");
}

#[test]
fn a_plan_that_is_wrong_as_a_whole_is_refused() {
    let good = || plan(Opcode::Unary(UnaryOp::Neg), &[f(&[2])], F32, &[2]);
    let changed = |change: fn(&mut Plan)| {
        let mut plan = good();
        change(&mut plan);
        refusal(plan)
    };
    assert_eq!(refusal(good()), "accepted");
    assert_eq!(changed(|plan| plan.version = 2), "the opcode set is unknown");
    assert_eq!(changed(|plan| plan.outputs.clear()), "the number of inputs or outputs is out of range");
    assert_eq!(changed(|plan| plan.inputs.clear()), "the number of inputs or outputs is out of range");
    assert_eq!(changed(|plan| plan.outputs[0].1 = 7), "an input or output is not defined");
    assert_eq!(changed(|plan| plan.inputs[0].0.clear()), "a name is empty, too long or used twice");
    assert_eq!(
        changed(|plan| plan.outputs.push(plan.outputs[0].clone())),
        "a name is empty, too long or used twice"
    );
    let own = "an input does not name an Input node of its own";
    assert_eq!(changed(|plan| plan.inputs[0].1 = 1), own);
    assert_eq!(changed(|plan| plan.inputs.push(("again".into(), 0))), own);
    assert_eq!(changed(|plan| plan.nodes.push(plan.nodes[0].clone())), "an Input node has no name");
    assert_eq!(changed(|plan| plan.nodes[1].inputs[0] = 1), "an operand is not defined before");
    assert_eq!(changed(|plan| plan.nodes[1].inputs[0] = u32::MAX), "an operand is not defined before");
}

#[test]
fn bytes_that_are_no_plan_are_refused() {
    let bytes = plan(Opcode::Unary(UnaryOp::Neg), &[f(&[2])], F32, &[2]).encode();
    assert!(Plan::decode(&bytes).is_ok());
    assert!(matches!(Plan::decode(&bytes[..bytes.len() - 1]), Err(PlanError::Encoding(_))));
    assert!(matches!(Plan::decode(&[&bytes[..], &[0]].concat()), Err(PlanError::Encoding(_))));
    assert!(matches!(Plan::decode(&[]), Err(PlanError::Encoding(_))));
    let mut many = bytes.clone();
    many[2..6].copy_from_slice(&u32::MAX.to_le_bytes());
    assert!(Plan::decode(&many).unwrap_err().to_string().contains("nodes, more than 100000"));
}

#[test]
fn the_encoding_in_the_memory_of_the_constants_is_the_same() {
    for count in [0u8, 1, 100] {
        let mut builder = PlanBuilder::new();
        builder.input("x", F32, &[1]);
        for byte in 0..count {
            let c = builder.constant(DType::U8, &[3], &[byte; 3]);
            builder.output("y", c);
        }
        let plan = builder.finish().unwrap();
        assert_eq!(plan.encode(), plan.into_bytes());
    }
}

#[test]
fn constants_outside_the_data_or_out_of_line_are_refused() {
    let mut builder = PlanBuilder::new();
    builder.input("unused", F32, &[1]);
    let c = builder.constant(DType::Bool, &[100], &[1; 100]);
    builder.output("y", c);
    let plan = builder.finish().unwrap();
    let changed = |change: fn(&mut Plan)| {
        let mut plan = plan.clone();
        change(&mut plan);
        refusal(plan)
    };
    assert_eq!(refusal(plan.clone()), "accepted");
    assert!(changed(|plan| plan.nodes[1].op = Opcode::Const { offset: 32 }).contains("not aligned"));
    let outside = "the constant is outside the data";
    assert_eq!(changed(|plan| plan.nodes[1].op = Opcode::Const { offset: 64 }), outside);
    assert_eq!(changed(|plan| plan.nodes[1].op = Opcode::Const { offset: u64::MAX - 63 }), outside);
    assert_eq!(changed(|plan| plan.data.truncate(99)), outside);
    assert_eq!(changed(|plan| plan.data[99] = 2), "a bool is neither 0 nor 1");
}

#[test]
fn einsums_with_wrong_labels_are_refused() {
    let einsum =
        |a: &[u8], b: &[u8], out: &[u8]| Opcode::Einsum { a: a.into(), b: b.into(), out: out.into() };
    let operands = [f(&[2, 3]), f(&[3, 4])];
    refused(einsum(&[0, 1], &[1, 2], &[0, 2]), &operands, F32, &[2, 4], "accepted");
    refused(einsum(&[0, 0], &[1, 2], &[0, 2]), &operands, F32, &[2, 4], "a label stands twice");
    refused(einsum(&[0, 1], &[1, 32], &[0]), &operands, F32, &[2], "a label is out of range");
    refused(einsum(&[0, 1], &[0, 2], &[0, 2]), &operands, F32, &[2, 4], "the dims of a label differ");
    refused(einsum(&[0], &[1, 2], &[0, 2]), &operands, F32, &[2, 4], "labels are not as many");
    refused(einsum(&[0, 1], &[1, 2], &[0, 2]), &operands, F32, &[4, 2], "the dims are not");
    let ints = [(DType::I64, vec![2, 3]), (DType::I64, vec![3, 4])];
    refused(einsum(&[0, 1], &[1, 2], &[0, 2]), &ints, DType::I64, &[2, 4], "a dtype is not f32");
}

#[test]
fn convolutions_and_pools_with_wrong_windows_are_refused() {
    let conv = |window, groups| Opcode::Conv2d { window, groups };
    let operands = [f(&[1, 4, 5, 5]), f(&[6, 4, 3, 3]), f(&[6])];
    let dims = [1, 6, 5, 5];
    refused(conv(window(), 1), &operands, F32, &dims, "accepted");
    refused(conv(window(), 0), &operands, F32, &dims, "channels do not fall into groups");
    refused(conv(window(), 2), &operands, F32, &dims, "the weights' channels are not a group's");
    refused(conv(Window { kernel: [3, 2], ..window() }, 1), &operands, F32, &dims, "as large as the window");
    refused(conv(Window { stride: [0, 1], ..window() }, 1), &operands, F32, &dims, "a window's number");
    refused(conv(Window { dilation: [1, 5000], ..window() }, 1), &operands, F32, &dims, "a window's number");
    refused(conv(Window { pad_before: [3, 1], ..window() }, 1), &operands, F32, &dims, "padding as long");
    refused(conv(Window { dilation: [4, 1], ..window() }, 1), &operands, F32, &dims, "the window is larger");
    refused(Opcode::MaxPool(window()), &[f(&[5])], F32, &[5], "a rank below 2");
    let huge = Window { pad_after: [u32::MAX; 2], ..window() };
    refused(Opcode::MaxPool(huge), &[f(&[5, 5])], F32, &[5, 5], "padding as long");
}

#[test]
fn a_padded_convolution_refuses_weights_that_are_not_finite() {
    let operands = [f(&[1, 1, 5, 5]), f(&[1, 1, 3, 3]), f(&[1])];
    let make = |window: Window, dims: &[u32], weight: f32| {
        let mut plan = plan(Opcode::Conv2d { window, groups: 1 }, &operands, F32, dims);
        plan.data[..4].copy_from_slice(&weight.to_le_bytes());
        refusal(plan)
    };
    let bare = Window { pad_before: [0; 2], pad_after: [0; 2], ..window() };
    assert!(make(window(), &[1, 1, 5, 5], f32::NAN).contains("not finite"));
    assert!(make(window(), &[1, 1, 5, 5], f32::INFINITY).contains("not finite"));
    assert_eq!(make(window(), &[1, 1, 5, 5], 1.0), "accepted");
    assert_eq!(make(bare, &[1, 1, 3, 3], f32::NAN), "accepted");
}

#[test]
fn movements_out_of_range_are_refused() {
    let x = [f(&[3, 4])];
    refused(Opcode::Reshape, &x, F32, &[13], "the number of elements changes");
    refused(Opcode::Permute { axes: vec![0, 0] }, &x, F32, &[3, 3], "an axis is named twice");
    refused(Opcode::Permute { axes: vec![0, 2] }, &x, F32, &[3, 3], "an axis is out of range");
    refused(Opcode::Slice { axis: 1, start: 1, step: 2 }, &x, F32, &[3, 3], "the slice leaves the operand");
    refused(Opcode::Slice { axis: 1, start: 1, step: -1 }, &x, F32, &[3, 3], "the slice leaves the operand");
    refused(Opcode::Slice { axis: 1, start: 0, step: 0 }, &x, F32, &[3, 3], "a step of 0");
    refused(Opcode::Slice { axis: 2, start: 0, step: 1 }, &x, F32, &[3, 3], "an axis is out of range");
    refused(Opcode::Slice { axis: 1, start: 3, step: i32::MIN }, &x, F32, &[3, 1], "accepted");
    refused(
        Opcode::Concat { axis: 0 },
        &[f(&[3, 4]), f(&[3, 5])],
        F32,
        &[6, 4],
        "dims beside the axis differ",
    );
    refused(Opcode::Broadcast, &x, F32, &[3, 8], "a dim that is not 1 changes");
    refused(
        Opcode::Gather { axis: 2 },
        &[f(&[3]), (DType::I64, vec![1])],
        F32,
        &[1],
        "an axis is out of range",
    );
    refused(Opcode::Gather { axis: 0 }, &[f(&[3]), f(&[1])], F32, &[1], "the index is not i64 or i32");
    let larger = [f(&[3, 4]), (DType::I64, vec![4, 1])];
    refused(Opcode::GatherElements { axis: 1 }, &larger, F32, &[4, 1], "the index is larger");
    let pad = |mode| Opcode::Pad { before: vec![4, 0], after: vec![0, 0], mode };
    refused(pad(PadMode::Reflect), &x, F32, &[7, 4], "a reflection longer than the operand");
    refused(pad(PadMode::Edge), &x, F32, &[7, 4], "accepted");
    let wrong_fill = [f(&[3, 4]), (DType::I64, vec![])];
    refused(pad(PadMode::Constant), &wrong_fill, F32, &[7, 4], "the fill is not one such element");
    refused(Opcode::Cast, &x, DType::I8, &[4, 3], "the dims are not what the rule gives");
}

#[test]
fn best_elements_that_are_not_there_are_refused() {
    let top = |axis, k| Opcode::TopK { axis, k, largest: true };
    refused(top(1, 3), &[f(&[2, 3])], DType::I64, &[2, 3], "accepted");
    refused(top(1, 4), &[f(&[2, 3])], DType::I64, &[2, 4], "k is not from 1");
    refused(top(1, 0), &[f(&[2, 3])], DType::I64, &[2, 1], "k is not from 1");
    refused(top(2, 1), &[f(&[2, 3])], DType::I64, &[2, 3], "an axis is out of range");
    refused(top(1, 1), &[f(&[2, 3])], DType::I32, &[2, 1], "an index is i64");
    refused(top(0, 1), &[(DType::Bool, vec![3])], DType::I64, &[1], "does not take this dtype");
}

#[test]
fn places_out_of_range_are_refused() {
    let index = |dims: &[u32]| (DType::I64, dims.to_vec());
    let one = |axis, reduction| Opcode::ScatterElements { axis, reduction };
    let put = Scatter::Put;
    refused(one(1, put), &[f(&[3, 4]), index(&[2, 9]), f(&[2, 9])], F32, &[3, 4], "accepted");
    refused(one(0, put), &[f(&[3, 4]), index(&[2, 9]), f(&[2, 9])], F32, &[3, 4], "the index is larger");
    refused(one(2, put), &[f(&[3, 4]), index(&[2, 4]), f(&[2, 4])], F32, &[3, 4], "an axis is out of range");
    refused(one(0, put), &[f(&[3, 4]), index(&[2, 4]), f(&[2, 3])], F32, &[3, 4], "other dims than the");
    refused(one(0, put), &[f(&[3, 4]), index(&[2]), f(&[2])], F32, &[3, 4], "ranks differ");
    refused(one(0, put), &[f(&[3]), f(&[2]), f(&[2])], F32, &[3], "the index is not i64 or i32");
    refused(one(0, put), &[f(&[3]), index(&[2]), index(&[2])], F32, &[3], "dtypes differ");
    let flags = (DType::Bool, vec![3]);
    let bools = [flags.clone(), index(&[3]), flags];
    refused(one(0, Scatter::Max), &bools, DType::Bool, &[3], "the reduction does not take this dtype");
    refused(one(0, put), &bools, DType::Bool, &[3], "accepted");
    let nd = || Opcode::ScatterNd { reduction: Scatter::Add };
    refused(nd(), &[f(&[3, 4]), index(&[5, 1]), f(&[5, 4])], F32, &[3, 4], "accepted");
    refused(nd(), &[f(&[3, 4]), index(&[5, 3]), f(&[5])], F32, &[3, 4], "a tuple is longer");
    refused(nd(), &[f(&[3, 4]), index(&[]), f(&[5])], F32, &[3, 4], "a rank is wrong");
    refused(nd(), &[f(&[3, 4]), index(&[5, 2]), f(&[5, 4])], F32, &[3, 4], "not a slice for each tuple");
    let gather = |batch| Opcode::GatherNd { batch };
    refused(gather(1), &[f(&[3, 4, 5]), index(&[3, 2, 1])], F32, &[3, 2, 5], "accepted");
    refused(gather(3), &[f(&[3, 4, 5]), index(&[3, 2, 1])], F32, &[3, 2], "an axis is out of range");
    refused(gather(2), &[f(&[3, 4, 5]), index(&[3, 2, 1])], F32, &[3, 2], "the leading axes differ");
    refused(gather(1), &[f(&[3, 4, 5]), index(&[3, 3])], F32, &[3], "a tuple is longer");
    refused(gather(u8::MAX), &[f(&[3]), index(&[3, 1])], F32, &[3], "an axis is out of range");
    refused(nd(), &[f(&[3]), index(&[1 << 20]), f(&[1])], F32, &[3], "a tuple is longer");
}

#[test]
fn functions_of_other_dtypes_are_refused() {
    let ints = |dtype| [(dtype, vec![2]), (dtype, vec![2])];
    refused(
        Opcode::Unary(UnaryOp::Exp),
        &ints(DType::I64)[..1],
        DType::I64,
        &[2],
        "does not take this dtype",
    );
    refused(Opcode::Unary(UnaryOp::Not), &[f(&[2])], F32, &[2], "does not take this dtype");
    refused(Opcode::Unary(UnaryOp::Neg), &[f(&[2])], DType::I64, &[2], "is not the operand's");
    refused(Opcode::Binary(BinaryOp::Add), &ints(DType::Bool), DType::Bool, &[2], "does not take this dtype");
    refused(Opcode::Binary(BinaryOp::BitAnd), &[f(&[2]), f(&[2])], F32, &[2], "does not take this dtype");
    refused(Opcode::Binary(BinaryOp::ShiftLeft), &ints(DType::Bool), DType::Bool, &[2], "does not take this");
    refused(Opcode::Unary(UnaryOp::BitNot), &[f(&[2])], F32, &[2], "does not take this dtype");
    let sums = Opcode::CumSum { axis: 0, exclusive: false, reverse: false };
    refused(sums.clone(), &ints(DType::U8)[..1], DType::U8, &[2], "does not take this dtype");
    refused(sums, &[f(&[])], F32, &[], "an axis is out of range");
    refused(Opcode::Binary(BinaryOp::Pow), &ints(DType::I64), DType::I64, &[2], "does not take this dtype");
    refused(Opcode::Binary(BinaryOp::And), &ints(DType::I64), DType::I64, &[2], "does not take this dtype");
    refused(Opcode::Binary(BinaryOp::Add), &[f(&[2]), f(&[3])], F32, &[3], "dims differ and neither is 1");
    refused(Opcode::Binary(BinaryOp::Add), &[f(&[2]), f(&[1, 2])], F32, &[1, 2], "ranks differ");
    refused(
        Opcode::Compare(CompareOp::Lt),
        &ints(DType::Bool),
        DType::Bool,
        &[2],
        "does not take this dtype",
    );
    refused(Opcode::Compare(CompareOp::Lt), &ints(DType::I64), DType::I64, &[2], "a comparison gives bool");
    refused(Opcode::Select, &[f(&[2]), f(&[2]), f(&[2])], F32, &[2], "the condition is not bool");
    let sum = |axes: &[u8]| Opcode::Reduce { reducer: Reducer::Sum, axes: axes.into() };
    refused(sum(&[0]), &ints(DType::Bool)[..1], DType::Bool, &[1], "does not take this dtype");
    refused(sum(&[]), &[f(&[2])], F32, &[2], "no axis is named");
    refused(sum(&[1, 0]), &[f(&[2, 2])], F32, &[1, 1], "axes are not ascending");
    refused(Opcode::Softmax { axes: vec![1] }, &[f(&[2])], F32, &[2], "an axis is out of range");
    refused(Opcode::ArgMax { axis: 0, last: false }, &[f(&[2])], F32, &[1], "an index is i64");
    let norm = |eps: f32| Opcode::RmsNorm { axes: vec![0], eps: eps.to_bits() };
    for eps in [f32::NAN, f32::INFINITY, -0.0, -1.0] {
        refused(norm(eps), &[f(&[2])], F32, &[2], "eps is not a finite number from +0");
    }
}

#[test]
fn a_coupling_has_the_pairs_of_its_classes() {
    let two = Opcode::Couple { classes: 2 };
    refused(two.clone(), &[f(&[3, 3])], F32, &[3, 2], "the pairs are not the classes'");
    refused(two.clone(), &[f(&[3])], F32, &[3, 2], "a rank is wrong");
    refused(two, &[f(&[3, 1])], F32, &[3, 3], "the dims are not what the rule gives");
    let many = "the number of classes is out of range";
    refused(Opcode::Couple { classes: 65 }, &[f(&[1, 2080])], F32, &[1, 65], many);
    refused(Opcode::Couple { classes: 1 }, &[f(&[1, 1])], F32, &[1, 1], many);
}

/// A plan of one tree ensemble over these tables.
fn ensemble(roots: &[i32], nodes: &[[i32; 5]], classes: &[i32]) -> String {
    let mut b = PlanBuilder::new();
    let x = b.input("x", F32, &[1, 2]);
    let r = b.constant_i32(&[roots.len() as u32], roots);
    let n = b.constant_i32(&[nodes.len() as u32, 5], nodes.as_flattened());
    let c = b.constant_i32(&[classes.len() as u32], classes);
    let w = b.constant_f32(&[classes.len() as u32], &vec![1.0; classes.len()]);
    let op = Opcode::TreeEnsemble { classes: 2, aggregate: Aggregate::Sum };
    let y = b.push(op, &[x, r, n, c, w], F32, &[1, 2]);
    b.output("y", y);
    refusal(b.finish().unwrap())
}

#[test]
fn trees_that_do_not_end_or_leave_their_tables_are_refused() {
    let leaf = [0, 1, 0, 0, 0];
    assert_eq!(ensemble(&[0], &[[1, 0, 1, 1, 1], leaf], &[1]), "accepted");
    assert_eq!(ensemble(&[0], &[[1, 0, 1, 0, 1], leaf], &[1]), "a child does not come after its parent");
    assert_eq!(ensemble(&[0], &[[1, 0, 1, 2, 1], leaf], &[1]), "an index is out of range");
    assert_eq!(ensemble(&[0], &[[1, 0, 1, -1, 1], leaf], &[1]), "an index is out of range");
    assert_eq!(ensemble(&[2], &[[1, 0, 1, 1, 1], leaf], &[1]), "an index is out of range");
    let missing = "the tables name a feature or a class that is not there";
    assert_eq!(ensemble(&[0], &[[2, 0, 1, 1, 1], leaf], &[1]), missing);
    assert_eq!(ensemble(&[0], &[[1, 0, 1, 1, 1], leaf], &[2]), missing);
    for mode in [7, 8, 15, 17, -1] {
        assert_eq!(ensemble(&[0], &[[1, 0, 1, 1, mode], leaf], &[1]), "a mode is unknown");
    }
    assert_eq!(ensemble(&[0], &[[0, 2, 0, 0, 0]], &[1]), "a leaf's range is out of the table");
    assert_eq!(ensemble(&[0], &[[1, 0, 0, 0, 0]], &[1]), "a leaf's range is reversed");
    assert_eq!(ensemble(&[0], &[[0, 1, 1, 0, 0]], &[1]), "a leaf has children");
}

#[test]
fn a_plan_over_the_price_or_memory_limit_is_refused() {
    let big = [f(&[1 << 14, 1 << 14]), f(&[1 << 14, 1 << 14])];
    let product = Opcode::Einsum { a: vec![0, 1], b: vec![1, 2], out: vec![0, 2] };
    refused(product, &big, F32, &[1 << 14, 1 << 14], "the plan costs too much");
    let sum_all = Opcode::Einsum { a: vec![0], b: vec![1], out: vec![] };
    refused(sum_all, &[f(&[1 << 20]), f(&[1 << 20])], F32, &[], "the plan costs too much");
    let large = [f(&[1 << 28]), f(&[1 << 28])];
    refused(Opcode::Binary(BinaryOp::Add), &large, F32, &[1 << 28], "too much memory");
    let mut builder = PlanBuilder::new();
    builder.input("x", F32, &[1]);
    let c = builder.constant_f32(&[1], &[1.0]);
    for _ in 0..crate::limits::MAX_NODES {
        builder.push(Opcode::Const { offset: 0 }, &[], F32, &[1]);
    }
    builder.output("y", c);
    let mut plan = builder.finish().unwrap();
    plan.nodes.resize(crate::limits::MAX_NODES + 1, plan.nodes[1].clone());
    assert_eq!(refusal(plan), "too many nodes");
}
