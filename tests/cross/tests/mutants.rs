//! A bounded number of mutants in every run of the tests; `mutants` and the fuzz target go on from here.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use assay_cross::choice::Choice;
use assay_cross::judge::{Outcome, judge};
use assay_cross::mutation::{made, mutant};
use assay_exec::Isa;
use assay_exec::vector::{self, Vector};
use assay_plan::Plan;
use std::collections::BTreeMap;
use std::path::Path;

fn vectors() -> Vec<Vector> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../node/src/selftest/vectors.bin");
    vector::decode(&std::fs::read(path).unwrap()).unwrap()
}

fn pool() -> Vec<Plan> {
    vectors().iter().map(|vector| Plan::decode(&vector.plan).unwrap()).collect()
}

fn outcomes(count: u64, make: impl Fn(&[Plan], &mut Choice<'_>) -> Plan) -> BTreeMap<Outcome, u64> {
    let pool = pool();
    let mut outcomes = BTreeMap::new();
    for seed in 0..count {
        let mut choice = Choice::seeded(seed);
        let plan = make(&pool, &mut choice);
        *outcomes.entry(judge(&plan, &mut choice)).or_default() += 1;
    }
    outcomes
}

#[test]
fn mutants_of_every_opcodes_plans_are_refused_or_run_the_same_everywhere() {
    let outcomes = outcomes(20_000, mutant);
    assert!(outcomes[&Outcome::Ran] > 2000 && outcomes[&Outcome::Refused] > 5000, "{outcomes:?}");
}

#[test]
fn plans_made_of_opcodes_that_never_met_run_the_same_everywhere() {
    let outcomes = outcomes(5_000, made);
    assert!(outcomes[&Outcome::Ran] > 1000, "{outcomes:?}");
}

#[test]
fn a_plan_cut_short_anywhere_is_refused() {
    for vector in vectors() {
        for end in (0..vector.plan.len()).step_by(1 + vector.plan.len() / 100) {
            assert!(Plan::decode(&vector.plan[..end]).is_err(), "{} cut at {end}", vector.name);
        }
    }
}

#[test]
fn a_vector_with_another_answer_or_price_is_found_out() {
    let right = vectors().swap_remove(0);
    assert_eq!(right.check(Isa::Reference, 4), Ok(()));
    let mut wrong = right.clone();
    wrong.output.0[0] ^= 1;
    assert!(wrong.check(Isa::Reference, 1).unwrap_err().contains("is right"));
    let mut dear = right;
    dear.units += 1;
    assert!(dear.check(Isa::detect(), 1).unwrap_err().contains("units"));
}
