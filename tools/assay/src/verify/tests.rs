use super::fixture::{self, Setup};
use super::*;
use crate::local::Workbench;
use assay_types::hash::InputHash;
use assay_types::receipt::Receipt;
use proptest::prelude::*;
use serde_json::Value;

type Edit = fn(&mut Receipt);

struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn verify_with(&self, bundle: &Value, trust: &Trust) -> Report {
        let workbench = Workbench::new(self.0.path()).quiet();
        let material = Material { model: None, workbench: &workbench };
        verify(&serde_json::to_vec(bundle).unwrap(), trust, &material)
    }

    fn verify(&self, setup: &Setup, bundle: &Value) -> Report {
        self.verify_with(bundle, &trust(setup))
    }
}

fn trust(setup: &Setup) -> Trust {
    Trust::from_genesis(&fixture::genesis(setup), "the genesis").unwrap()
}

/// The name of the first check that does not hold.
fn refused_by(report: &Report) -> &'static str {
    assert!(!report.valid, "{report:?}");
    report.checks.iter().find(|check| !check.ok).map_or("none", |check| check.name)
}

#[test]
fn a_true_bundle_is_valid_and_runs_again_to_the_same_bits() {
    let (home, setup) = (Home::new(), Setup::default());
    let bundle = fixture::bundle(&setup);
    let report = home.verify(&setup, &bundle);
    assert!(report.valid, "{report:?}");
    assert_eq!(report.rerun, Rerun::Skipped);
    fixture::cache_plan(home.0.path());
    let report = home.verify(&setup, &bundle);
    assert!(report.valid && report.rerun == Rerun::Match, "{report:?}");
    let names: Vec<_> = report.checks.iter().map(|check| check.name).collect();
    let expected =
        ["format", "trust", "header", "proof", "receipt", "input", "output", "model", "plan", "rerun"];
    assert_eq!(names, expected);
}

#[test]
fn a_trusted_header_hash_is_enough() {
    let (home, setup) = (Home::new(), Setup::default());
    let bundle = fixture::bundle(&setup);
    let hash = fixture::header_hash(&bundle);
    assert!(home.verify_with(&bundle, &format!("42:{hash}").parse().unwrap()).valid);
    for text in [format!("41:{hash}"), format!("42:{}", "00".repeat(32))] {
        assert_eq!(refused_by(&home.verify_with(&bundle, &text.parse().unwrap())), "trust");
    }
    for text in ["", "42", "42:00", ":", "x:00", "42:zz"] {
        assert!(text.parse::<Trust>().is_err());
    }
}

#[test]
fn without_an_anchor_nothing_is_valid() {
    let (home, setup) = (Home::new(), Setup::default());
    let report = home.verify_with(&fixture::bundle(&setup), &Trust::Missing("give --genesis".into()));
    assert_eq!(refused_by(&report), "trust");
    assert_eq!(report.checks[1].detail, "give --genesis");
}

#[test]
fn other_validators_than_the_genesis_has_are_refused() {
    let (home, setup) = (Home::new(), Setup::default());
    let strangers = Setup { validators: vec![(10, true)], ..setup.clone() };
    assert_eq!(refused_by(&home.verify(&setup, &fixture::bundle(&strangers))), "trust");
    let mut other_chain = fixture::genesis(&setup);
    other_chain["chain_id"] = "assay-test-2".into();
    let trust = Trust::from_genesis(&other_chain, "the genesis").unwrap();
    assert_eq!(refused_by(&home.verify_with(&fixture::bundle(&setup), &trust)), "trust");
}

#[test]
fn two_thirds_of_the_power_are_not_enough() {
    let home = Home::new();
    for (validators, valid) in [
        (vec![(10, true), (10, true), (10, false)], false),
        (vec![(21, true), (10, false)], true),
        (vec![(20, true), (10, false)], false),
        (vec![(1, true), (1, true), (1, true), (1, false)], true),
        (vec![(1, true), (1, true), (1, false), (1, false)], false),
    ] {
        let setup = Setup { validators: validators.clone(), ..Setup::default() };
        let report = home.verify(&setup, &fixture::bundle(&setup));
        assert_eq!(report.valid, valid, "{validators:?} {report:?}");
    }
}

#[test]
fn a_receipt_that_lies_is_refused_even_when_it_is_proven() {
    let home = Home::new();
    let rows: [(Edit, &str); 3] = [
        (|receipt| receipt.height += 1, "receipt"),
        (|receipt| receipt.input = InputHash([0; 32]), "input"),
        (|receipt| receipt.outcome = Outcome::Failed, "output"),
    ];
    for (edit, name) in rows {
        let setup = Setup { edit, ..Setup::default() };
        assert_eq!(refused_by(&home.verify(&setup, &fixture::bundle(&setup))), name);
    }
    // The header of its own height does not sign it; any later one may.
    let setup = Setup { above: 0, ..Setup::default() };
    assert_eq!(refused_by(&home.verify(&setup, &fixture::bundle(&setup))), "receipt");
    let setup = Setup { above: 200, ..Setup::default() };
    assert!(home.verify(&setup, &fixture::bundle(&setup)).valid);
}

#[test]
fn an_output_that_the_plan_does_not_give_differs() {
    let home = Home::new();
    fixture::cache_plan(home.0.path());
    // The chain itself agreed on a failure that is none.
    let setup = Setup { failed: true, ..Setup::default() };
    let report = home.verify(&setup, &fixture::bundle(&setup));
    assert_eq!((refused_by(&report), report.rerun), ("rerun", Rerun::Differs));
}

#[test]
fn the_file_of_another_model_is_refused() {
    let (home, setup) = (Home::new(), Setup::default());
    let workbench = Workbench::new(home.0.path()).quiet();
    let bytes = serde_json::to_vec(&fixture::bundle(&setup)).unwrap();
    let material = Material { model: Some(b"another file"), workbench: &workbench };
    let report = verify(&bytes, &trust(&setup), &material);
    assert_eq!((refused_by(&report), report.rerun), ("plan", Rerun::Skipped));
}

#[test]
fn every_changed_field_is_refused() {
    let (home, setup) = (Home::new(), Setup::default());
    let good = fixture::bundle(&setup);
    let mut leaves = vec![];
    collect(&good, String::new(), &mut leaves);
    assert!(leaves.len() > 40, "{leaves:?}");
    for pointer in leaves {
        for change in [flip_first, flip_last, empty] {
            let mut bundle = good.clone();
            let leaf = bundle.pointer_mut(&pointer).unwrap();
            let before = leaf.clone();
            change(leaf);
            if *leaf == before {
                continue;
            }
            let report = home.verify(&setup, &bundle);
            assert!(!report.valid, "{pointer}: {report:?}");
        }
    }
}

fn collect(value: &Value, pointer: String, leaves: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            map.iter().for_each(|(key, value)| collect(value, format!("{pointer}/{key}"), leaves))
        }
        Value::Array(list) => {
            list.iter().enumerate().for_each(|(i, value)| collect(value, format!("{pointer}/{i}"), leaves))
        }
        Value::Null => (),
        _ => leaves.push(pointer),
    }
}

fn flip(leaf: &mut Value, at: impl Fn(usize) -> usize) {
    match leaf {
        Value::String(text) if !text.is_empty() => {
            let mut bytes = text.clone().into_bytes();
            let index = at(bytes.len());
            bytes[index] ^= 1;
            *text = String::from_utf8(bytes).unwrap();
        }
        Value::Number(number) => *leaf = (number.as_i64().unwrap() ^ 1).into(),
        _ => (),
    }
}

fn flip_first(leaf: &mut Value) {
    flip(leaf, |_| 0);
}

fn flip_last(leaf: &mut Value) {
    flip(leaf, |len| len - 1);
}

fn empty(leaf: &mut Value) {
    if leaf.is_string() {
        *leaf = "".into();
    }
}

#[test]
fn a_missing_or_unknown_field_is_refused() {
    let (home, setup) = (Home::new(), Setup::default());
    let good = fixture::bundle(&setup);
    for key in good.as_object().unwrap().keys() {
        let mut bundle = good.clone();
        bundle.as_object_mut().unwrap().remove(key);
        assert!(!home.verify(&setup, &bundle).valid, "{key}");
    }
    let mut bundle = good.clone();
    bundle["note"] = "trust me".into();
    assert_eq!(refused_by(&home.verify(&setup, &bundle)), "format");
}

#[test]
fn hostile_voting_power_does_not_overflow() {
    let (home, setup) = (Home::new(), Setup::default());
    for power in ["9223372036854775807", "-1", "0", "99999999999999999999"] {
        let mut bundle = fixture::bundle(&setup);
        for index in 0..4 {
            bundle["validators"][index]["power"] = power.into();
        }
        assert!(!home.verify(&setup, &bundle).valid);
    }
}

#[test]
fn a_validator_under_another_address_is_refused() {
    let (home, setup) = (Home::new(), Setup::default());
    let mut bundle = fixture::bundle(&setup);
    bundle["validators"][0]["address"] = bundle["validators"][1]["address"].clone();
    assert_eq!(refused_by(&home.verify(&setup, &bundle)), "format");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn one_flipped_bit_anywhere_is_refused(position in any::<prop::sample::Index>(), bit in 0u8..8) {
        let (home, setup) = (Home::new(), Setup::default());
        let good = fixture::bundle(&setup);
        let mut bytes = serde_json::to_vec(&good).unwrap();
        let index = position.index(bytes.len());
        bytes[index] ^= 1 << bit;
        let workbench = Workbench::new(home.0.path()).quiet();
        let report = verify(&bytes, &trust(&setup), &Material { model: None, workbench: &workbench });
        prop_assert!(!report.valid, "{}", String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let (home, setup) = (Home::new(), Setup::default());
        let workbench = Workbench::new(home.0.path()).quiet();
        let report = verify(&bytes, &trust(&setup), &Material { model: None, workbench: &workbench });
        prop_assert!(!report.valid);
    }

    #[test]
    fn arbitrary_json_in_any_place_never_panics(
        place in any::<prop::sample::Index>(),
        kind in 0usize..8,
        n in any::<u64>(),
    ) {
        let (home, setup) = (Home::new(), Setup::default());
        let mut bundle = fixture::bundle(&setup);
        let mut leaves = vec![];
        collect(&bundle, String::new(), &mut leaves);
        let pointer = leaves[place.index(leaves.len())].clone();
        *bundle.pointer_mut(&pointer).unwrap() = match kind {
            0 => Value::Null,
            1 => n.into(),
            2 => n.to_string().into(),
            3 => (n as f64 * 1e300).to_string().into(),
            4 => serde_json::json!([n]),
            5 => serde_json::json!({ "x": n }),
            6 => "\u{0}\u{10ffff}".into(),
            _ => "9".repeat((n % 3000) as usize).into(),
        };
        let report = home.verify(&setup, &bundle);
        prop_assert!(!report.valid, "{pointer} {report:?}");
    }
}
