//! A plan that almost is one, made by a fuzzer's choices from real plans: it is refused, or runs to the same bits on
//! every body of the kernels.
//!
//! The first byte chooses between any bytes as a plan, a real plan with fields changed, and a new plan made of the
//! opcodes of real ones.
#![no_main]

use assay_cross::choice::Choice;
use assay_cross::judge::judge;
use assay_cross::mutation::{made, mutant};
use assay_exec::vector;
use assay_plan::Plan;
use libfuzzer_sys::fuzz_target;
use std::sync::OnceLock;

/// Plans of every opcode: those that a node tests itself with.
fn pool() -> &'static [Plan] {
    static POOL: OnceLock<Vec<Plan>> = OnceLock::new();
    POOL.get_or_init(|| {
        let vectors = vector::decode(include_bytes!("../../../node/src/selftest/vectors.bin"));
        let vectors = vectors.expect("the node's vectors are a list of vectors");
        vectors.iter().filter_map(|vector| Plan::decode(&vector.plan).ok()).collect()
    })
}

fuzz_target!(|bytes: &[u8]| {
    let Some((kind, rest)) = bytes.split_first() else { return };
    let mut choice = Choice::Bytes(rest);
    let plan = match kind % 8 {
        0 => match Plan::decode(rest) {
            Ok(plan) => plan,
            Err(_) => return,
        },
        1..=3 => made(pool(), &mut choice),
        _ => mutant(pool(), &mut choice),
    };
    judge(&plan, &mut choice);
});
