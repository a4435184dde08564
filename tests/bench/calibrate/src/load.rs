//! Loading a plan: decoding, checking, hashing, packing.

use crate::measure::{Measured, on_processor};
use assay_exec::{Executable, Isa};
use assay_plan::{BinaryOp, Opcode, Plan, PlanBuilder};
use assay_types::tensor::DType::F32;
use std::error::Error;
use std::time::Instant;

const RUNS: usize = 5;

/// A plan of many bytes: constants that are packed for products.
fn bytes() -> PlanBuilder {
    let mut builder = PlanBuilder::new();
    let mut value = builder.input("x", F32, &[1, 2048]);
    for layer in 0..4u32 {
        let data: Vec<u8> =
            (0..2048 * 2048).flat_map(|at: u32| (((at ^ layer) % 1000) as f32).to_le_bytes()).collect();
        let weights = builder.constant(F32, &[2048, 2048], &data);
        let op = Opcode::Einsum { a: vec![0, 1], b: vec![1, 2], out: vec![0, 2] };
        value = builder.push(op, &[value, weights], F32, &[1, 2048]);
    }
    builder.output("y", value);
    builder
}

/// A plan of many nodes. `step` makes one from the value before.
fn nodes(count: u32, step: &dyn Fn(&mut PlanBuilder, u32) -> u32) -> PlanBuilder {
    let mut builder = PlanBuilder::new();
    let mut value = builder.input("x", F32, &[4, 4]);
    for _ in 0..count {
        value = step(&mut builder, value);
    }
    builder.output("y", value);
    builder
}

/// What loading takes, beside its price.
///
/// # Errors
/// When a plan of its own is refused.
pub fn measure(only: &str, isa: Isa) -> Result<Vec<Measured>, Box<dyn Error>> {
    let add = |builder: &mut PlanBuilder, x: u32| {
        builder.push(Opcode::Binary(BinaryOp::Add), &[x, x], F32, &[4, 4])
    };
    let turn = |builder: &mut PlanBuilder, x: u32| {
        builder.push(Opcode::Permute { axes: vec![1, 0] }, &[x], F32, &[4, 4])
    };
    let times = |builder: &mut PlanBuilder, x: u32| {
        let op = Opcode::Einsum { a: vec![0, 1], b: vec![1, 2], out: vec![0, 2] };
        builder.push(op, &[x, x], F32, &[4, 4])
    };
    let same = |builder: &mut PlanBuilder, x: u32| builder.push(Opcode::Reshape, &[x], F32, &[4, 4]);
    let list: [(&str, &dyn Fn() -> PlanBuilder); 5] = [
        ("64 MiB of weights", &bytes),
        ("50000 sums", &|| nodes(50_000, &add)),
        ("50000 permutations", &|| nodes(50_000, &turn)),
        ("50000 products", &|| nodes(50_000, &times)),
        ("50000 reshapes", &|| nodes(50_000, &same)),
    ];
    let mut found = Vec::new();
    for (name, make) in list.into_iter().filter(|(name, _)| format!("Load {name}").contains(only)) {
        let encoded = make().finish()?.encode();
        let (mut best, mut units) = (u64::MAX, 0);
        for _ in 0..RUNS {
            let (start, before) = (Instant::now(), on_processor());
            let valid = Plan::decode(&encoded)?.validate()?;
            let (price, _) = (valid.load_units(), valid.hash());
            let executable = Executable::new(valid, isa);
            best = best.min(start.elapsed().as_nanos() as u64);
            if let (Some(before), Some(after)) = (before, on_processor()) {
                best = best.min(after.saturating_sub(before));
            }
            units = price;
            drop(executable);
        }
        found.push(Measured { opcode: "Load".to_owned(), shapes: name.to_owned(), nanos: Some(best), units });
    }
    Ok(found)
}
