//! The node's golden vectors on the reference bodies: small enough for Miri, which watches every access to memory.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use assay_cross::choice::Choice;
use assay_cross::judge::{Outcome, judge};
use assay_cross::mutation::mutant;
use assay_exec::{Isa, vector};
use assay_plan::Plan;

/// Under Miri, one vector in so many: it is a thousand times slower.
const EACH: usize = if cfg!(miri) { 3 } else { 1 };
const MUTANTS: u64 = if cfg!(miri) { 60 } else { 600 };
/// Dearer plans would take Miri minutes.
const MOST_UNITS: u64 = 6000;

const VECTORS: &[u8] = include_bytes!("../../../node/src/selftest/vectors.bin");

#[test]
fn vectors_are_right_on_the_reference() {
    let vectors = vector::decode(VECTORS).unwrap();
    let mut checked = 0;
    for vector in vectors.iter().filter(|vector| vector.units <= MOST_UNITS).step_by(EACH) {
        assert_eq!(vector.check(Isa::Reference, 1), Ok(()), "{}", vector.name);
        checked += 1;
    }
    assert!(checked >= 20 / EACH, "{checked}");
}

#[test]
fn mutants_of_small_plans_are_refused_or_run() {
    let vectors = vector::decode(VECTORS).unwrap();
    let small = vectors.iter().filter(|vector| vector.units <= MOST_UNITS);
    let pool: Vec<Plan> = small.map(|vector| Plan::decode(&vector.plan).unwrap()).collect();
    let ran = (0..MUTANTS).filter(|&seed| {
        let mut choice = Choice::seeded(seed);
        let plan = mutant(&pool, &mut choice);
        let cheap = plan.clone().validate().is_ok_and(|valid| valid.units() <= MOST_UNITS);
        cheap && judge(&plan, &mut choice) == Outcome::Ran
    });
    assert!(ran.count() as u64 >= MUTANTS / 20);
}
