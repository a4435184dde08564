//! Properties of whole plans: every body against an independent interpreter, and what mutated plans may do.

mod golden;
#[cfg(not(target_family = "wasm"))]
mod image;
mod integer;
mod naive;
mod patterns;
mod places;
mod products;
mod quant;
mod quant_golden;
mod random;
mod runs;

use crate::{Executable, Isa, RunError};
use assay_plan::{Opcode, Plan, PlanBuilder};
use assay_types::tensor::{DType, NamedTensor};
use proptest::prelude::*;
use random::Rng;

fn run(plan: &Plan, isa: Isa, inputs: &[NamedTensor]) -> Option<Vec<Vec<u8>>> {
    let executable = Executable::new(plan.clone().validate().unwrap(), isa);
    let first = executable.run(inputs);
    assert_eq!(first, executable.run(inputs), "a run can be repeated");
    match first {
        Ok(outputs) => Some(outputs.into_iter().map(|output| output.tensor.data().to_vec()).collect()),
        Err(RunError::Failed) => None,
        Err(error) => panic!("{error}"),
    }
}

fn check_bodies(seed: u64) {
    let (plan, inputs) = random::plan(seed);
    let expected = naive::run(&plan, &inputs);
    for isa in Isa::available() {
        let found = run(&plan, isa, &inputs);
        assert_eq!(found, expected, "seed {seed}, {}: {:#?}", isa.name(), plan.nodes);
    }
}

fn config() -> ProptestConfig {
    ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn every_body_agrees_with_the_naive_interpreter(seed in any::<u64>()) {
        check_bodies(seed);
    }

    #[test]
    fn a_plan_survives_its_encoding(seed in any::<u64>()) {
        let (plan, _) = random::plan(seed);
        let bytes = plan.encode();
        prop_assert_eq!(&Plan::decode(&bytes).unwrap(), &plan);
        let valid = plan.validate().unwrap();
        prop_assert_eq!(valid.bytes(), bytes.clone());
        prop_assert_eq!(valid.hash(), assay_types::hash::PlanHash::of(&bytes));
    }

    #[test]
    fn a_plan_with_flipped_bytes_is_refused_or_runs(seed in any::<u64>(), flips in 1usize..4) {
        let (plan, _) = random::plan(seed);
        let mut bytes = plan.encode();
        let mut rng = Rng::new(seed ^ 0x5555);
        // The data section is at the end; most flips should hit the structure.
        let structure = bytes.len() - plan.data.len();
        for _ in 0..flips {
            let at = if rng.chance(80) { rng.below(structure) } else { rng.below(bytes.len()) };
            bytes[at] = if rng.chance(50) { bytes[at] ^ (1 << rng.below(8)) } else { rng.next() as u8 };
        }
        refused_or_runs(&bytes, &mut rng);
    }

    #[test]
    fn a_plan_with_changed_fields_is_refused_or_runs(seed in any::<u64>(), changes in 1usize..4) {
        let (mut plan, _) = random::plan(seed);
        let (donor, _) = random::plan(seed ^ 0xaaaa);
        let mut rng = Rng::new(seed ^ 0x5555);
        for _ in 0..changes {
            mutate(&mut plan, &donor, &mut rng);
        }
        refused_or_runs(&plan.encode(), &mut rng);
    }
}

/// Changes one field of a plan to something that some other plan could hold there.
fn mutate(plan: &mut Plan, donor: &Plan, rng: &mut Rng) {
    let at = rng.below(plan.nodes.len());
    let other = donor.nodes[rng.below(donor.nodes.len())].clone();
    let count = plan.nodes.len();
    let node = &mut plan.nodes[at];
    match rng.below(9) {
        0 => node.op = other.op,
        1 => node.dtype = other.dtype,
        2 => node.dims = other.dims,
        3 => node.inputs = other.inputs,
        4 if !node.inputs.is_empty() => {
            let operand = rng.below(node.inputs.len());
            node.inputs[operand] = rng.below(count) as u32;
        }
        5 if !node.dims.is_empty() => {
            let axis = rng.below(node.dims.len());
            node.dims[axis] = rng.pick(&[0, 1, 2, 3, 16, 17, 1 << 20, u32::MAX]);
        }
        6 => node.inputs.reverse(),
        7 => *node = other,
        _ => {
            let output = rng.below(plan.outputs.len());
            plan.outputs[output].1 = rng.below(count + 1) as u32;
        }
    }
}

/// A plan that validates must run, unless it is too large for a quick test, and agree between bodies.
fn refused_or_runs(bytes: &[u8], rng: &mut Rng) {
    let Ok(plan) = Plan::decode(bytes) else { return };
    let Ok(valid) = plan.clone().validate() else { return };
    if valid.peak_bytes() > 1 << 22 || valid.units() > 1 << 22 {
        return;
    }
    let inputs = random::inputs(&plan, rng);
    let results: Vec<_> = Isa::available().into_iter().map(|isa| run(&plan, isa, &inputs)).collect();
    assert!(results.windows(2).all(|pair| pair[0] == pair[1]));
    assert_eq!(results[0], naive::run(&plan, &inputs));
}

/// Tiles of every shape: rows, columns and sums around their boundaries, operands as they are and transposed.
#[test]
fn contractions_of_every_tile_shape_agree() {
    for (seed, rows) in (1..=14u32).enumerate() {
        for columns in [1, 15, 16, 17, 31, 33, 64, 65, 80] {
            for (depth, flip) in [(1, 0), (2, 3), (17, 1), (40, 2)] {
                let mut rng = Rng::new(seed as u64 * 1000 + u64::from(columns) + u64::from(depth));
                let mut builder = PlanBuilder::new();
                let a_dims = if flip & 1 == 0 { [rows, depth] } else { [depth, rows] };
                let b_dims = if flip & 2 == 0 { [depth, columns] } else { [columns, depth] };
                let a = builder.input("a", DType::F32, &a_dims);
                let bytes = rng.bytes(DType::F32, &b_dims);
                let constant = builder.constant(DType::F32, &b_dims, &bytes);
                let b = builder.input("b", DType::F32, &b_dims);
                let label =
                    |flipped: bool, pair: [u8; 2]| if flipped { vec![pair[1], pair[0]] } else { pair.into() };
                for (name, right) in [("constant", constant), ("given", b)] {
                    let (la, lb) = (label(flip & 1 != 0, [0, 1]), label(flip & 2 != 0, [1, 2]));
                    let op = Opcode::Einsum { a: la, b: lb, out: vec![0, 2] };
                    let y = builder.push(op, &[a, right], DType::F32, &[rows, columns]);
                    builder.output(name, y);
                }
                let plan = builder.finish().unwrap();
                let inputs = random::inputs(&plan, &mut rng);
                let expected = naive::run(&plan, &inputs);
                for isa in Isa::available() {
                    assert_eq!(run(&plan, isa, &inputs), expected, "{rows} {columns} {depth} {}", isa.name());
                }
            }
        }
    }
}

#[test]
fn random_plans_hold_every_opcode_and_fail_now_and_then() {
    let mut seen = std::collections::BTreeMap::new();
    let mut failures = 0;
    for seed in 0..2000 {
        let (plan, inputs) = random::plan(seed);
        for node in &plan.nodes {
            *seen.entry(node.op.name()).or_insert(0) += 1;
        }
        failures += u32::from(naive::run(&plan, &inputs).is_none());
    }
    assert_eq!(seen.len(), 38, "{seen:?}");
    assert!(seen.values().all(|&count| count >= 10), "{seen:?}");
    assert!((5..500).contains(&failures), "{failures}");
}
