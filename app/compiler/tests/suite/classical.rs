//! scikit-learn's models, one-operator models of `ai.onnx.ml`, and recurrences: they compute what ONNX Runtime
//! computed, labels exactly. Refusals name the reason and what to do.

use crate::arrays::{in_order, shapes, tensors};
use crate::{compiler, files, root, stem};
use assay_compiler::admission;
use assay_exec::{Executable, Isa};
use assay_types::limits::MAX_COMPILE_FUEL;
use assay_types::tensor::Tensor;
use std::path::Path;

/// Greatest difference, relative to the output's scale.
const TOLERANCE: f32 = 1e-4;

fn agrees(name: &str, found: &Tensor, expected: &Tensor) {
    assert_eq!(found.dims(), expected.dims(), "{name}");
    assert_eq!(found.to_i64(), expected.to_i64(), "{name}");
    let (found, expected) = (found.to_f32().unwrap_or_default(), expected.to_f32().unwrap_or_default());
    let finite = expected.iter().filter(|value| value.is_finite());
    let scale = finite.fold(0.0_f32, |scale, value| scale.max(value.abs()));
    for (&found, &expected) in found.iter().zip(&expected) {
        let same = found == expected || (found.is_nan() && expected.is_nan());
        assert!(
            same || (found - expected).abs() <= TOLERANCE * scale,
            "{name}: {found} where ONNX Runtime has {expected}"
        );
    }
}

fn check(onnx: &Path) {
    let inputs = tensors(onnx, "in/");
    let file = std::fs::read(onnx).unwrap();
    let outcome = compiler().compile(&file, &shapes(&inputs), MAX_COMPILE_FUEL).unwrap().outcome;
    let plan = outcome.unwrap_or_else(|refusal| panic!("{}: {refusal}", stem(onnx)));
    let inputs = in_order(&plan, inputs);
    let outputs = Executable::new(plan, Isa::Reference).run(&inputs).unwrap();
    let wanted = tensors(onnx, "out/");
    assert!(!wanted.is_empty());
    for expected in &wanted {
        let found = outputs.iter().find(|output| output.name == expected.name);
        let found = found.unwrap_or_else(|| panic!("{} lacks {}", stem(onnx), expected.name));
        agrees(&format!("{} {}", stem(onnx), expected.name), &found.tensor, &expected.tensor);
    }
}

#[test]
fn models_of_scikit_learn_agree_with_onnx_runtime() {
    files("tests/data/ml", "onnx").iter().for_each(|onnx| check(onnx));
}

#[test]
fn every_flavour_of_classical_and_recurrent_operators_agrees_with_onnx_runtime() {
    files("tests/data/flavours", "onnx").iter().for_each(|onnx| check(onnx));
}

fn notes(name: &str) -> Vec<String> {
    let file = std::fs::read(root().join(format!("tests/data/ml/{name}.onnx"))).unwrap();
    admission::read(&file).unwrap().notes
}

#[test]
fn an_author_is_told_what_becomes_of_text_labels_and_maps() {
    assert_eq!(
        notes("logistic_zipmap_text"),
        [
            "output `output_label` holds positions in the list of text labels: 0 setosa, 1 versicolor, 2 virginica",
            "output `output_probability` is the tensor of probabilities, a column for each class: ZipMap's maps are \
             dropped",
        ]
    );
    assert_eq!(notes("logistic_zipmap").len(), 1);
    assert!(notes("logistic").is_empty());
}

#[test]
fn a_scikit_learn_model_without_a_shape_is_told_the_flag() {
    let file = std::fs::read(root().join("tests/data/ml/logistic.onnx")).unwrap();
    let refusal = admission::inspect(&file, &[]).unwrap_err();
    assert_eq!(refusal.to_string(), "input `x` has an open dimension: give --shape x=?,4");
}
