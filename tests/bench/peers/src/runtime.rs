//! ONNX Runtime through its C interface: the library of PyPI's wheel, without Python's cost per call.
//!
//! All optimisations are on, the session has one thread, inputs and outputs are bound once.

use assay_bench_worker::{Engine, Input, Result};
use ort::environment::Environment;
use ort::memory::MemoryInfo;
use ort::session::builder::{GraphOptimizationLevel, SessionBuilder};
use ort::session::{IoBinding, Session};
use ort::value::{DynValue, Tensor, TensorElementType};
use std::path::Path;

pub struct OnnxRuntime {
    environment: Environment,
    session: Option<Session>,
    binding: Option<IoBinding>,
}

fn tensor(input: &Input) -> Result<DynValue> {
    let (dims, data) = (input.dims.clone(), &input.data);
    Ok(match input.dtype.as_str() {
        "float32" => {
            let values =
                data.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect::<Vec<_>>();
            Tensor::from_array((dims, values))?.into_dyn()
        }
        "int64" => {
            let values =
                data.as_chunks().0.iter().map(|bytes| i64::from_le_bytes(*bytes)).collect::<Vec<_>>();
            Tensor::from_array((dims, values))?.into_dyn()
        }
        other => return Err(format!("no inputs of {other}").into()),
    })
}

/// The elements of a tensor as bytes.
fn bytes(value: &DynValue) -> Result<Vec<u8>> {
    Ok(match value.dtype().tensor_type() {
        Some(TensorElementType::Float32) => {
            value.try_extract_tensor::<f32>()?.1.iter().flat_map(|value| value.to_le_bytes()).collect()
        }
        Some(TensorElementType::Int64) => {
            value.try_extract_tensor::<i64>()?.1.iter().flat_map(|value| value.to_le_bytes()).collect()
        }
        other => return Err(format!("no outputs of {other:?}").into()),
    })
}

impl OnnxRuntime {
    pub fn new(library: &str) -> Result<Self> {
        let environment = ort::init_from(library)?.build()?;
        Ok(Self { environment, session: None, binding: None })
    }

    fn ready(&mut self) -> Result<(&mut Session, &IoBinding)> {
        match (&mut self.session, &self.binding) {
            (Some(session), Some(binding)) => Ok((session, binding)),
            _ => Err("no model and inputs yet".into()),
        }
    }
}

impl Engine for OnnxRuntime {
    fn load(&mut self, file: &Path) -> Result<()> {
        let builder = SessionBuilder::new(&self.environment)?;
        let builder = builder.with_intra_threads(1).map_err(|error| error.to_string())?;
        let builder = builder.with_inter_threads(1).map_err(|error| error.to_string())?;
        let level = GraphOptimizationLevel::All;
        let mut builder = builder.with_optimization_level(level).map_err(|error| error.to_string())?;
        self.binding = None;
        self.session = Some(builder.commit_from_file(file)?);
        Ok(())
    }

    fn inputs(&mut self, inputs: &[Input]) -> Result<()> {
        let session = self.session.as_ref().ok_or("no model yet")?;
        let mut binding = session.create_binding()?;
        for (port, input) in session.inputs().iter().zip(inputs) {
            binding.bind_input(port.name(), &tensor(input)?)?;
        }
        for port in session.outputs() {
            binding.bind_output_to_device(port.name(), &MemoryInfo::default())?;
        }
        self.binding = Some(binding);
        Ok(())
    }

    fn run(&mut self) -> Result<()> {
        let (session, binding) = self.ready()?;
        session.run_binding(binding)?;
        Ok(())
    }

    fn outputs(&mut self) -> Result<Vec<Vec<u8>>> {
        let (session, binding) = self.ready()?;
        let names: Vec<String> = session.outputs().iter().map(|port| port.name().to_owned()).collect();
        let outputs = session.run_binding(binding)?;
        names.iter().map(|name| bytes(&outputs[name.as_str()])).collect()
    }
}
