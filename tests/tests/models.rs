//! Real models through the wallet, against ONNX Runtime's outputs beside them.
//!
//! An `.npz` file has the inputs as `in/<name>` and ONNX Runtime's outputs as `out/<name>`.

use crate::support::{data, files, name, repository, wallet};
use assay::npz::Npz;
use assay_types::limits::MAX_TENSOR_BYTES;
use assay_types::tensor::Tensor;
use serde_json::Value;
use std::ffi::OsStr;
use std::path::Path;

/// How far a model may be off that ends in a quantisation: its step.
const STEPS: [(&str, f32); 2] = [("cnn_digits_qop.onnx", 0.003_907), ("mlp_digits_qdq_u8s8.onnx", 0.003_922)];

/// How far any other may be off.
const TOLERANCE: f32 = 1e-4;

fn run_model(model: &Path, inputs: &Path, output: &Path) -> Value {
    let arguments = [
        OsStr::new("model"),
        OsStr::new("run"),
        model.as_os_str(),
        OsStr::new("--inputs"),
        inputs.as_os_str(),
        OsStr::new("--output"),
        output.as_os_str(),
    ];
    wallet().run(arguments).unwrap_or_else(|error| panic!("{}: {error}", model.display()))
}

fn array(path: &Path, name: &str) -> Tensor {
    Npz::open(path).unwrap().tensor(name, MAX_TENSOR_BYTES).unwrap()
}

/// Floats within the tolerance, integers exactly.
fn assert_agrees(what: &str, got: &Tensor, expected: &Tensor, tolerance: f32) {
    assert_eq!((got.dtype(), got.dims()), (expected.dtype(), expected.dims()), "{what}");
    let (Some(got_f32), Some(expected_f32)) = (got.to_f32(), expected.to_f32()) else {
        assert_eq!(got.data(), expected.data(), "{what}");
        return;
    };
    for (index, (got, expected)) in got_f32.iter().zip(&expected_f32).enumerate() {
        assert!((got - expected).abs() <= tolerance, "{what}[{index}]: {got}, ONNX Runtime has {expected}");
    }
}

#[test]
fn every_model_agrees_with_onnx_runtime() {
    let folder = tempfile::tempdir().unwrap();
    let mut ran = 0;
    for model in files(&data("models"), "onnx") {
        let step = STEPS.iter().find(|(quantised, _)| *quantised == name(&model));
        let tolerance = step.map_or(TOLERANCE, |(_, step)| *step);
        let inputs = model.with_extension("npz");
        let output = folder.path().join("output.npz");
        let answer = run_model(&model, &inputs, &output);
        let expected = Npz::open(&inputs).unwrap().names();
        let outputs: Vec<&str> = expected.iter().filter_map(|name| name.strip_prefix("out/")).collect();
        assert!(!outputs.is_empty());
        for port in outputs {
            let what = format!("{} {port}", name(&model));
            assert_agrees(&what, &array(&output, port), &array(&inputs, &format!("out/{port}")), tolerance);
        }
        let again = run_model(&model, &inputs, &output);
        assert_eq!(answer["output_hash"], again["output_hash"], "{}", name(&model));
        assert_eq!(answer["units"], again["units"]);
        assert!(answer["units"].as_u64().is_some_and(|units| units > 0));
        ran += 1;
    }
    assert_eq!(ran, 11);
}

#[test]
fn the_demos_model_reads_the_scan_of_every_digit() {
    let folder = tempfile::tempdir().unwrap();
    let models = repository().join("tools/models");
    for digit in 0..10 {
        let output = folder.path().join("output.npz");
        run_model(&models.join("digits.onnx"), &models.join(format!("digits/{digit}.npz")), &output);
        let probabilities = array(&output, "probabilities").to_f32().unwrap();
        let best = (0..10).max_by(|a, b| probabilities[*a].total_cmp(&probabilities[*b]));
        assert_eq!(best, Some(digit), "{probabilities:?}");
    }
}
