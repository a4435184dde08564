//! The arrays beside a model, `MODEL.npz`: what it was given, and what ONNX Runtime made of that.

use assay_plan::ValidPlan;
use assay_types::tensor::{DType, InputShape, NamedTensor, Tensor};
use npyz::NpyFile;
use npyz::npz::NpzArchive;
use std::io::Read;
use std::path::Path;

fn tensor<R: Read>(array: NpyFile<R>) -> Tensor {
    let dims: Vec<u32> = array.shape().iter().map(|&dim| dim as u32).collect();
    let kind = array.dtype().descr();
    let little = |words: Vec<i64>, size: usize| -> Vec<u8> {
        words.iter().flat_map(|word| word.to_le_bytes()[..size].to_vec()).collect()
    };
    let (dtype, data) = match kind.trim_matches(|c| matches!(c, '\'' | '<' | '|')) {
        "f4" => return Tensor::from_f32(dims, &array.into_vec::<f32>().unwrap()).unwrap(),
        "i8" => return Tensor::from_i64(dims, &array.into_vec::<i64>().unwrap()).unwrap(),
        "i4" => {
            (DType::I32, little(array.into_vec::<i32>().unwrap().into_iter().map(i64::from).collect(), 4))
        }
        "i1" => (DType::I8, little(array.into_vec::<i8>().unwrap().into_iter().map(i64::from).collect(), 1)),
        "u1" => (DType::U8, array.into_vec::<u8>().unwrap()),
        other => panic!("an array of {other}"),
    };
    Tensor::new(dtype, dims, data).unwrap()
}

/// The tensors of a model's archive whose names start with `side`, in no order.
pub fn tensors(onnx: &Path, side: &str) -> Vec<NamedTensor> {
    let mut archive = NpzArchive::open(onnx.with_extension("npz")).unwrap();
    let names: Vec<String> = archive.array_names().map(str::to_owned).collect();
    let side = names.iter().filter_map(|entry| entry.strip_prefix(side).map(|name| (entry, name.to_owned())));
    side.map(|(entry, name)| NamedTensor { name, tensor: tensor(archive.by_name(entry).unwrap().unwrap()) })
        .collect()
}

/// Tensors in the order in which a plan takes them.
pub fn in_order(plan: &ValidPlan, mut inputs: Vec<NamedTensor>) -> Vec<NamedTensor> {
    inputs.sort_by_key(|input| plan.inputs().iter().position(|port| port.name == input.name));
    inputs
}

/// The dims of inputs, as a compilation takes them.
pub fn shapes(inputs: &[NamedTensor]) -> Vec<InputShape> {
    let shape =
        |input: &NamedTensor| InputShape { name: input.name.clone(), dims: input.tensor.dims().to_vec() };
    inputs.iter().map(shape).collect()
}
