//! Quantised models: what ONNX Runtime makes of them, within one step, and integers from file to plan.
//!
//! The models and what is expected of them are written by `tests/quantised/make.py`.

use crate::arrays::{in_order, tensors};
use crate::{compiler, files, root, stem};
use assay_exec::{Executable, Isa};
use assay_plan::{Opcode, ValidPlan};
use assay_types::limits::MAX_COMPILE_FUEL;
use assay_types::tensor::{DType, NamedTensor, Tensor};
use std::path::{Path, PathBuf};

fn models() -> Vec<PathBuf> {
    let files = files("app/compiler/tests/quantised", "onnx");
    assert_eq!(files.len(), 15);
    files
}

fn compiled(onnx: &Path) -> ValidPlan {
    let compilation = compiler().compile(&std::fs::read(onnx).unwrap(), &[], MAX_COMPILE_FUEL).unwrap();
    compilation.outcome.unwrap_or_else(|refusal| panic!("{}: {refusal}", stem(onnx)))
}

/// The elements of a tensor of numbers.
fn numbers(tensor: &Tensor) -> Vec<f64> {
    let data = tensor.data();
    match tensor.dtype() {
        DType::F32 => tensor.to_f32().unwrap().into_iter().map(f64::from).collect(),
        DType::I32 => data.as_chunks().0.iter().map(|word| f64::from(i32::from_le_bytes(*word))).collect(),
        DType::I8 => data.iter().map(|&byte| f64::from(byte as i8)).collect(),
        _ => data.iter().map(|&byte| f64::from(byte)).collect(),
    }
}

#[test]
fn quantised_models_agree_with_onnx_runtime_within_one_step() {
    for onnx in models() {
        let plan = compiled(&onnx);
        let inputs = in_order(&plan, tensors(&onnx, "in/"));
        let outputs = Executable::new(plan, Isa::Reference).run(&inputs).unwrap();
        let expected = tensors(&onnx, "out/");
        assert_eq!(outputs.len(), expected.len());
        let steps = tensors(&onnx, "step/");
        for NamedTensor { name, tensor: expected } in expected {
            let what = format!("{} {name}", stem(&onnx));
            let found = &outputs.iter().find(|output| output.name == name).unwrap().tensor;
            assert_eq!((found.dtype(), found.dims()), (expected.dtype(), expected.dims()), "{what}");
            let step = numbers(&steps.iter().find(|step| step.name == name).unwrap().tensor)[0];
            for (found, expected) in numbers(found).into_iter().zip(numbers(&expected)) {
                assert!((found - expected).abs() <= step * 1.0001, "{what}: {found} where {expected}");
            }
        }
    }
}

/// What is f32 in a plan of a quantised model: scales, biases, parameters of norms, positions that are added; never
/// a weight of a product.
#[test]
fn no_weight_of_a_quantised_model_becomes_a_float() {
    let shared = ["mlp_digits_qdq_u8s8", "tx_digits_dyn", "cnn_digits_qop"];
    let shared = shared.map(|name| root().join(format!("tests/data/models/{name}.onnx")));
    // The forms hold weights of f32 operators too, which are dequantised once.
    let forms = |onnx: &&PathBuf| stem(onnx).starts_with("forms");
    for onnx in models().iter().filter(|onnx| !forms(onnx)).chain(&shared) {
        let plan = compiled(onnx);
        let nodes = &plan.plan().nodes;
        let products =
            nodes.iter().filter(|node| matches!(node.op, Opcode::Einsum { .. } | Opcode::Conv2d { .. }));
        for weight in products.flat_map(|node| &node.inputs).map(|&input| &nodes[input as usize]) {
            let count: u32 = weight.dims.iter().product();
            let float = matches!(weight.op, Opcode::Const { .. }) && weight.dtype == DType::F32 && count > 16;
            assert!(!float, "{}: a weight {:?} of f32", stem(onnx), weight.dims);
        }
        let integers = |name: &str| nodes.iter().filter(|node| node.op.name() == name).count();
        assert!(integers("EinsumInt") + integers("Conv2dInt") > 0, "{}", stem(onnx));
        if stem(onnx) != "tx_digits_dyn" && stem(onnx) != "transformer_dynamic" {
            assert_eq!(integers("Einsum") + integers("Conv2d"), 0, "{}", stem(onnx));
        }
    }
}

#[test]
fn a_product_is_requantised_at_once_and_an_activation_between_quantisations_is_a_table() {
    let count = |name: &str, op: &str| {
        let onnx = root().join(format!("app/compiler/tests/quantised/{name}.onnx"));
        compiled(&onnx).plan().nodes.iter().filter(|node| node.op.name() == op).count()
    };
    assert_eq!(count("cnn_qdq_channels", "Requantize"), 7);
    assert_eq!(count("cnn_qdq_channels", "Conv2dInt") + count("cnn_qdq_channels", "EinsumInt"), 7);
    assert!(count("cnn_qdq_channels", "Lookup") >= 3);
    assert_eq!(count("mlp_qop_u8u8", "Requantize"), 3);
}
