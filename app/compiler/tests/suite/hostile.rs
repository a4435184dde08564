//! Files made to break a compiler: each gets an answer, and the same one again.

use crate::{compiler, files, stem};
use assay_compiler::Compilation;
use assay_types::limits::MAX_COMPILE_FUEL;
use std::collections::BTreeMap;

fn summary(compilation: &Compilation) -> (String, u64) {
    let text = match &compilation.outcome {
        Ok(plan) => plan.hash().to_string(),
        Err(refusal) => format!("{}: {refusal}", refusal.name()),
    };
    (text, compilation.fuel)
}

#[test]
fn every_hostile_file_gets_the_same_answer_twice() {
    let mut kinds: BTreeMap<String, &'static str> = BTreeMap::new();
    for path in files("tests/data/hostile", "onnx") {
        let onnx = std::fs::read(&path).unwrap();
        let first = compiler().compile(&onnx, &[], MAX_COMPILE_FUEL).unwrap();
        let second = compiler().compile(&onnx, &[], MAX_COMPILE_FUEL).unwrap();
        assert_eq!(summary(&first), summary(&second), "{}", stem(&path));
        kinds.insert(stem(&path), first.outcome.map_or_else(|refusal| refusal.name(), |_| "plan"));
    }
    let expected = [
        ("01_empty", "file_size"),
        ("03_trunc_1", "not_onnx"),
        ("06_init_2p40_nodata", "dims"),
        ("20_Expand_2p40", "integer"),
        ("24_Pad_huge", "integer"),
        ("26_cyclic", "does_not_compile"),
        ("28_dup_names", "defined_twice"),
        ("32_external_passwd", "external_data"),
        ("76_loop_2p62", "operator"),
        ("78_tree_cycle", "does_not_compile"),
        ("85_unsq_many", "out_of_fuel"),
        ("93_rand", "operator"),
    ];
    for (name, kind) in expected {
        assert_eq!(kinds.get(name), Some(&kind), "{name}");
    }
}

#[test]
fn a_refused_random_operator_is_named() {
    let path = files("tests/data/hostile", "onnx").into_iter().find(|path| stem(path) == "93_rand").unwrap();
    let refusal = compiler().compile(&std::fs::read(path).unwrap(), &[], 1).unwrap().outcome.unwrap_err();
    assert!(refusal.to_string().starts_with("operator RandomNormal is not supported"), "{refusal}");
}
