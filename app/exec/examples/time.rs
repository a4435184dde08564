//! Times a plan on made-up inputs: `cargo run --release -p assay-exec --example time -- PLAN [RUNS]
//! [THREADS]`.
//!
//! Prints the least time of a run, and where it goes step by step. With `nodes` for RUNS it lists the plan
//! instead.
#![allow(clippy::disallowed_types, reason = "a report may say how long something took")]

use assay_exec::{Executable, Isa};
use assay_plan::{Opcode, Plan, ValidPlan};
use assay_types::tensor::{DType, NamedTensor, Tensor, byte_len};
use std::collections::BTreeMap;
use std::error::Error;
use std::time::Instant;

/// Small numbers that look random; indices from 0 to 2.
fn inputs(plan: &ValidPlan) -> Result<Vec<NamedTensor>, Box<dyn Error>> {
    let mut list = Vec::new();
    for port in plan.inputs() {
        let len = byte_len(port.dtype, &port.dims).ok_or("no size")?;
        let count = len / port.dtype.size();
        let word = |i: usize| (i as u32).wrapping_mul(2_654_435_761) >> 8 & 0xffff;
        let data: Vec<u8> = match port.dtype {
            DType::F32 => (0..count).flat_map(|i| (word(i) as f32 / 32768.0 - 1.0).to_le_bytes()).collect(),
            DType::I64 => (0..count).flat_map(|i| i64::from(word(i) % 3).to_le_bytes()).collect(),
            DType::I32 => (0..count).flat_map(|i| (word(i) as i32 % 3).to_le_bytes()).collect(),
            _ => (0..count).map(|i| (word(i) & 1) as u8).collect(),
        };
        list.push(NamedTensor {
            name: port.name.clone(),
            tensor: Tensor::new(port.dtype, port.dims.clone(), data)?,
        });
    }
    Ok(list)
}

fn list(plan: &Plan) {
    for (index, node) in plan.nodes.iter().enumerate() {
        if !matches!(node.op, Opcode::Const { .. }) {
            let operands: Vec<String> = node
                .inputs
                .iter()
                .map(|&id| {
                    let from = &plan.nodes[id as usize];
                    let kind = if matches!(from.op, Opcode::Const { .. }) { "c" } else { "v" };
                    format!("{kind}{id}{:?}", from.dims)
                })
                .collect();
            println!("{index:4} {:?} {} {:?} {:?}", node.op, operands.join(" "), node.dtype, node.dims);
        }
    }
    println!("outputs {:?}", plan.outputs);
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let plan = Plan::decode(&std::fs::read(arguments.first().ok_or("no plan")?)?)?;
    if arguments.get(1).is_some_and(|runs| runs == "nodes") {
        list(&plan);
        return Ok(());
    }
    let runs: usize = arguments.get(1).map_or(Ok(20), |text| text.parse())?;
    let plan = plan.validate()?;
    let inputs = inputs(&plan)?;
    let start = Instant::now();
    let executable = Executable::new(plan, Isa::detect());
    let load = start.elapsed().as_secs_f64() * 1e3;
    let mut least = f64::INFINITY;
    let mut steps: BTreeMap<usize, u64> = BTreeMap::new();
    for _ in 0..runs {
        let start = Instant::now();
        std::hint::black_box(executable.run(&inputs)?);
        least = least.min(start.elapsed().as_secs_f64() * 1e6);
    }
    let mut last = Vec::new();
    for _ in 0..runs {
        last = executable.profile(&inputs)?;
        for (at, step) in last.iter().enumerate() {
            let best = steps.entry(at).or_insert(u64::MAX);
            *best = (*best).min(step.nanos);
        }
    }
    let total: u64 = steps.values().sum();
    println!("{least:.1} us a run, load {load:.1} ms, steps {:.1} us", total as f64 / 1e3);
    let mut kinds: BTreeMap<&str, (u64, usize)> = BTreeMap::new();
    let mut order: Vec<usize> = (0..last.len()).collect();
    order.sort_by_key(|at| std::cmp::Reverse(steps[at]));
    for (at, step) in last.iter().enumerate() {
        let kind = kinds.entry(step.name.split(' ').next().unwrap_or_default()).or_default();
        *kind = (kind.0 + steps[&at], kind.1 + 1);
    }
    for (kind, (nanos, count)) in kinds {
        println!(
            "{:10.1} us {:5.1}% {count:4} {kind}",
            nanos as f64 / 1e3,
            100.0 * nanos as f64 / total as f64
        );
    }
    for at in order.into_iter().take(25) {
        println!("{:10.1} us {} {:?}", steps[&at] as f64 / 1e3, last[at].name, last[at].nodes);
    }
    Ok(())
}
