//! Real models: they compile to pinned plans, and the plans compute what ONNX Runtime computed.

use crate::arrays::{in_order, shapes, tensors};
use crate::{compiler, files, root, stem};
use assay_compiler::Refusal;
use assay_exec::{Executable, Isa};
use assay_plan::ValidPlan;
use assay_types::limits::MAX_COMPILE_FUEL;
use assay_types::tensor::InputShape;
use std::fmt::Write;
use std::path::Path;

/// How far a model may be off that ends in a quantisation: its step.
const STEPS: [(&str, f32); 2] = [("cnn_digits_qop", 0.003_907), ("mlp_digits_qdq_u8s8", 0.003_922)];

/// How far any other may be off.
const TOLERANCE: f32 = 1e-4;

fn compiled(onnx: &Path) -> (ValidPlan, u64) {
    let compilation = compiler()
        .compile(&std::fs::read(onnx).unwrap(), &shapes(&tensors(onnx, "in/")), MAX_COMPILE_FUEL)
        .unwrap();
    (compilation.outcome.unwrap_or_else(|refusal| panic!("{}: {refusal}", stem(onnx))), compilation.fuel)
}

#[test]
fn every_model_agrees_with_onnx_runtime() {
    for onnx in files("tests/data/models", "onnx") {
        let step = STEPS.iter().find(|(name, _)| *name == stem(&onnx)).map(|(_, step)| *step);
        let tolerance = step.unwrap_or(TOLERANCE);
        let plan = compiled(&onnx).0;
        let inputs = in_order(&plan, tensors(&onnx, "in/"));
        let outputs = Executable::new(plan, Isa::Reference).run(&inputs).unwrap();
        for expected in &tensors(&onnx, "out/") {
            let found = outputs.iter().find(|output| output.name == expected.name);
            let found = &found.unwrap_or_else(|| panic!("{} lacks {}", stem(&onnx), expected.name)).tensor;
            assert_eq!(found.dims(), expected.tensor.dims(), "{}", stem(&onnx));
            assert_eq!(found.to_i64(), expected.tensor.to_i64(), "{} {}", stem(&onnx), expected.name);
            let pairs = found.to_f32().unwrap_or_default();
            for (found, expected) in pairs.iter().zip(expected.tensor.to_f32().unwrap_or_default()) {
                assert!((found - expected).abs() <= tolerance, "{}: {found} where {expected}", stem(&onnx));
            }
        }
    }
}

#[test]
#[allow(clippy::disallowed_methods)] // a test may look at the environment
fn plans_fuel_and_units_are_the_pinned_ones() {
    let mut lines =
        String::from("# model, plan, fuel, units; rewritten by ASSAY_BLESS=1 when the engine changes\n");
    for onnx in files("tests/data/models", "onnx") {
        let (plan, fuel) = compiled(&onnx);
        writeln!(lines, "{} {} {fuel} {}", stem(&onnx), plan.hash(), plan.units()).unwrap();
    }
    let path = root().join("app/compiler/tests/golden/models.txt");
    if std::env::var_os("ASSAY_BLESS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &lines).unwrap();
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap(), lines);
}

#[test]
fn an_open_dimension_is_refused_with_the_flag_that_fixes_it() {
    let onnx = std::fs::read(root().join("tests/data/models/gb_iris.onnx")).unwrap();
    let refusal = compiler().compile(&onnx, &[], MAX_COMPILE_FUEL).unwrap().outcome.unwrap_err();
    assert_eq!(refusal.to_string(), "input `X` has an open dimension: give --shape X=?,4");
}

#[test]
fn too_little_fuel_is_an_answer_and_burns_all_of_it() {
    let onnx = std::fs::read(root().join("tests/data/models/mlp_digits.onnx")).unwrap();
    let compilation = compiler().compile(&onnx, &[], 100_000).unwrap();
    assert_eq!(compilation.fuel, 100_000);
    assert!(matches!(compilation.outcome, Err(Refusal::OutOfFuel(100_000))));
}

#[test]
fn another_shape_gives_another_plan() {
    let onnx = std::fs::read(root().join("tests/data/models/rf_bc.onnx")).unwrap();
    let plan = |rows| {
        let shapes = [InputShape { name: "X".into(), dims: vec![rows, 30] }];
        compiler().compile(&onnx, &shapes, MAX_COMPILE_FUEL).unwrap().outcome.unwrap()
    };
    assert_ne!(plan(1).hash(), plan(2).hash());
    assert_eq!(plan(2).inputs()[0].dims, [2, 30]);
    assert!(plan(1).units() < plan(2).units());
}
