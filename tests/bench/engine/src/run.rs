//! Running plans.

use assay_bench_worker::{Engine, Input, Result};
use assay_exec::{Executable, Isa};
use assay_plan::Plan;
use assay_types::tensor::{NamedTensor, Port, Tensor};
use std::path::{Path, PathBuf};

pub struct Runner {
    isa: Isa,
    /// Where packed constants are kept.
    packed: PathBuf,
    ready: Option<Ready>,
    inputs: Vec<NamedTensor>,
    outputs: Vec<NamedTensor>,
}

struct Ready {
    executable: Executable,
    ports: Vec<Port>,
    /// What the plan said about itself, before it became an executable.
    says: String,
}

impl Runner {
    pub fn new(isa: Isa, packed: &Path) -> Self {
        Self { isa, packed: packed.to_path_buf(), ready: None, inputs: Vec::new(), outputs: Vec::new() }
    }

    fn ready(&self) -> Result<&Ready> {
        self.ready.as_ref().ok_or_else(|| "no model yet".into())
    }
}

impl Engine for Runner {
    fn load(&mut self, file: &Path) -> Result<()> {
        let plan = Plan::decode(&std::fs::read(file)?)?.validate()?;
        let ports = plan.inputs().to_vec();
        let mut says = format!("units={} load_units={} ", plan.units(), plan.load_units());
        says += &format!("weights={} peak={}", plan.plan().data.len(), plan.peak_bytes());
        self.ready = None;
        let executable = Executable::load(plan, self.isa, &self.packed);
        says += &format!(" holds={}", executable.bytes());
        self.ready = Some(Ready { executable, ports, says });
        Ok(())
    }

    fn inputs(&mut self, inputs: &[Input]) -> Result<()> {
        let ports = &self.ready()?.ports;
        let tensor = |(port, input): (&Port, &Input)| -> Result<NamedTensor> {
            let tensor = Tensor::new(port.dtype, port.dims.clone(), input.data.clone())?;
            Ok(NamedTensor { name: port.name.clone(), tensor })
        };
        self.inputs = ports.iter().zip(inputs).map(tensor).collect::<Result<_>>()?;
        Ok(())
    }

    fn run(&mut self) -> Result<()> {
        self.outputs = self.ready()?.executable.run(&self.inputs)?;
        Ok(())
    }

    fn outputs(&mut self) -> Result<Vec<Vec<u8>>> {
        Ok(self.outputs.iter().map(|output| output.tensor.data().to_vec()).collect())
    }

    fn other(&mut self, command: &str, _: &[&str]) -> Result<Option<String>> {
        match command {
            "isa" => Ok(Some(format!("isa={}", self.isa.name()))),
            "plan" => Ok(Some(self.ready()?.says.clone())),
            _ => Ok(None),
        }
    }
}
