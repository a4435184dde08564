//! Tensors on the command line: reading a model's inputs, showing its outputs.

use super::context::Context;
use crate::error::{Error, Result};
use crate::npz::{self, Npz};
use assay_types::limits::MAX_TENSOR_BYTES;
use assay_types::tensor::{DType, NamedTensor, Port, Tensor};
use serde::{Serialize, Serializer};
use std::path::Path;

/// Elements up to which an output's values are shown.
const MAX_SHOWN: usize = 4096;

/// Reads a model's inputs in its declared order, and checks them against what it takes.
pub fn read_inputs(context: &Context, path: &Path, ports: &[Port], limit: usize) -> Result<Vec<NamedTensor>> {
    let mut npz = Npz::open(path)?;
    let mut inputs = Vec::with_capacity(ports.len());
    for port in ports {
        let header = npz.header(&port.name)?;
        if header.dtype != port.dtype || header.dims != port.dims {
            return Err(Error::input(
                format!(
                    "array {:?} of {} is {} {:?}, the model takes {} {:?}",
                    port.name,
                    path.display(),
                    header.dtype,
                    header.dims,
                    port.dtype,
                    port.dims
                ),
                "convert it in Python with astype and reshape",
            ));
        }
        let tensor = npz.tensor(&port.name, limit.min(MAX_TENSOR_BYTES))?;
        inputs.push(NamedTensor { name: port.name.clone(), tensor });
    }
    let known = |name: &str| ports.iter().any(|port| port.name == name.strip_prefix("in/").unwrap_or(name));
    let unknown: Vec<_> = npz.names().into_iter().filter(|name| !known(name)).collect();
    if !unknown.is_empty() {
        context.say(format!("not used: {}", unknown.join(", ")));
    }
    Ok(inputs)
}

/// Writes outputs where the user wants them.
pub fn write_outputs(path: Option<&Path>, outputs: &[NamedTensor]) -> Result<()> {
    match path {
        Some(path) => npz::write(path, outputs),
        None => Ok(()),
    }
}

/// A tensor as JSON: `values` is the flat list in row-major order, or null for one of more than 4096
/// elements.
#[derive(Serialize)]
pub struct Shown<'a> {
    name: &'a str,
    dtype: DType,
    shape: &'a [u32],
    values: Option<Values<'a>>,
}

/// All of them.
pub fn shown(tensors: &[NamedTensor]) -> Vec<Shown<'_>> {
    tensors.iter().map(Shown::of).collect()
}

impl<'a> Shown<'a> {
    fn of(named: &'a NamedTensor) -> Self {
        let NamedTensor { name, tensor } = named;
        let few = tensor.data().len() / tensor.dtype().size() <= MAX_SHOWN;
        Self { name, dtype: tensor.dtype(), shape: tensor.dims(), values: few.then_some(Values(tensor)) }
    }

    /// For people: name, type, shape, the first values.
    pub fn line(&self) -> String {
        let values = match &self.values {
            Some(values) => values.text(16),
            None => "...".into(),
        };
        format!("{} {} {:?}: {values}", self.name, self.dtype, self.shape)
    }
}

struct Values<'a>(&'a Tensor);

impl Values<'_> {
    fn text(&self, most: usize) -> String {
        let Ok(serde_json::Value::Array(values)) = serde_json::to_value(self) else { return String::new() };
        let mut words: Vec<String> = match self.0.to_f32() {
            Some(values) => values.iter().take(most).map(|value| format!("{value:?}")).collect(),
            None => values.iter().take(most).map(ToString::to_string).collect(),
        };
        if values.len() > most {
            words.push("...".into());
        }
        words.join(" ")
    }
}

impl Serialize for Values<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let data = self.0.data();
        match self.0.dtype() {
            DType::F32 => {
                serializer.collect_seq(data.as_chunks::<4>().0.iter().map(|w| Number(f32::from_le_bytes(*w))))
            }
            DType::I64 => {
                serializer.collect_seq(data.as_chunks::<8>().0.iter().map(|w| i64::from_le_bytes(*w)))
            }
            DType::I32 => {
                serializer.collect_seq(data.as_chunks::<4>().0.iter().map(|w| i32::from_le_bytes(*w)))
            }
            DType::I8 => serializer.collect_seq(data.iter().map(|byte| *byte as i8)),
            DType::U8 => serializer.collect_seq(data),
            DType::Bool => serializer.collect_seq(data.iter().map(|byte| *byte != 0)),
        }
    }
}

/// An f32 in its shortest text; JSON has no word for the others, so they are strings.
struct Number(f32);

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            value if value.is_finite() => serializer.serialize_f32(value),
            value if value.is_nan() => serializer.serialize_str("nan"),
            value if value > 0.0 => serializer.serialize_str("inf"),
            _ => serializer.serialize_str("-inf"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_shown_exactly() {
        let tensor = Tensor::from_f32(vec![4], &[0.1, f32::NAN, f32::INFINITY, f32::NEG_INFINITY]).unwrap();
        let named = NamedTensor { name: "y".into(), tensor };
        let json = serde_json::to_string(&Shown::of(&named)).unwrap();
        assert_eq!(json, r#"{"name":"y","dtype":"f32","shape":[4],"values":[0.1,"nan","inf","-inf"]}"#);
    }

    #[test]
    fn values_of_a_large_tensor_are_left_out() {
        let tensor = Tensor::new(DType::U8, vec![5000], vec![0; 5000]).unwrap();
        let named = NamedTensor { name: "y".into(), tensor };
        assert!(serde_json::to_string(&Shown::of(&named)).unwrap().ends_with(r#""values":null}"#));
    }
}
