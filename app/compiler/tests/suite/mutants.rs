//! Random damage to real models: an answer every time, the same one twice, and a plan only if it is a valid
//! one.

use crate::{compiler, root};
use assay_compiler::admission;
use assay_types::tensor::InputShape;
use proptest::prelude::*;
use std::sync::OnceLock;

/// Enough for the models below, and little enough for hundreds of runs.
const FUEL: u64 = 200_000_000;

fn originals() -> &'static [Vec<u8>] {
    static ORIGINALS: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    ORIGINALS.get_or_init(|| {
        let read = |name| std::fs::read(root().join("tests/data/models").join(name)).unwrap();
        ["cnn_digits.onnx", "lr_iris.onnx", "mlp_digits.onnx", "gb_iris.onnx"].map(read).to_vec()
    })
}

/// A change to a file, at a position that is a fraction of its length.
#[derive(Debug, Clone)]
enum Damage {
    Set(prop::sample::Index, u8),
    Remove(prop::sample::Index, usize),
    Repeat(prop::sample::Index, usize),
    Cut(prop::sample::Index),
}

fn damage() -> impl Strategy<Value = Damage> {
    prop_oneof![
        6 => (any::<prop::sample::Index>(), any::<u8>()).prop_map(|(at, byte)| Damage::Set(at, byte)),
        2 => (any::<prop::sample::Index>(), 1..9usize).prop_map(|(at, len)| Damage::Remove(at, len)),
        2 => (any::<prop::sample::Index>(), 1..40usize).prop_map(|(at, len)| Damage::Repeat(at, len)),
        1 => any::<prop::sample::Index>().prop_map(Damage::Cut),
    ]
}

fn apply(bytes: &mut Vec<u8>, damage: &Damage) {
    if bytes.is_empty() {
        return;
    }
    match damage {
        Damage::Set(at, byte) => *at.get_mut(bytes) = *byte,
        Damage::Remove(at, len) => {
            let start = at.index(bytes.len());
            bytes.drain(start..(start + len).min(bytes.len()));
        }
        Damage::Repeat(at, len) => {
            let start = at.index(bytes.len());
            let piece = bytes[start..(start + len).min(bytes.len())].to_vec();
            bytes.splice(start..start, piece);
        }
        Damage::Cut(at) => bytes.truncate(at.index(bytes.len())),
    }
}

/// The shapes that the originals leave open.
fn shapes(original: usize) -> Vec<InputShape> {
    let open = matches!(original, 1 | 3);
    open.then(|| InputShape { name: "X".into(), dims: vec![4, 4] }).into_iter().collect()
}

/// Damage near the front hits the graph; most of these files is weights.
fn mutant(original: usize, list: &[Damage], front: bool) -> Vec<u8> {
    let mut bytes = originals()[original].clone();
    let rest = if front { bytes.split_off(bytes.len().min(4000)) } else { Vec::new() };
    list.iter().for_each(|damage| apply(&mut bytes, damage));
    bytes.extend(rest);
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn a_mutant_gets_one_answer(
        original in 0..4usize,
        list in prop::collection::vec(damage(), 1..4),
        front in any::<bool>(),
    ) {
        let bytes = mutant(original, &list, front);
        let run = || compiler().compile(&bytes, &shapes(original), FUEL).unwrap();
        let (first, second) = (run(), run());
        prop_assert_eq!(first.fuel, second.fuel);
        prop_assert!(first.fuel <= FUEL);
        prop_assert_eq!(first.outcome.map(|plan| plan.hash()), second.outcome.map(|plan| plan.hash()));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2000) })]

    #[test]
    fn admission_answers_to_any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        if let Ok(report) = admission::inspect(&bytes, &[]) {
            prop_assert!(!report.inputs.is_empty());
        }
    }

    #[test]
    fn admission_answers_to_any_mutant(
        original in 0..4usize,
        list in prop::collection::vec(damage(), 1..8),
        front in any::<bool>(),
    ) {
        let bytes = mutant(original, &list, front);
        prop_assert_eq!(admission::inspect(&bytes, &[]), admission::inspect(&bytes, &[]));
    }
}
