//! Running plans.

use assay_bench_worker::{Engine, Input, Result};
use assay_exec::{Executable, Isa};
use assay_plan::Plan;
use assay_types::tensor::{NamedTensor, Tensor};
use std::path::Path;

pub struct Runner {
    isa: Isa,
    ready: Option<Executable>,
    inputs: Vec<NamedTensor>,
    outputs: Vec<NamedTensor>,
}

impl Runner {
    pub fn new(isa: Isa) -> Self {
        Self { isa, ready: None, inputs: Vec::new(), outputs: Vec::new() }
    }

    fn ready(&self) -> Result<&Executable> {
        self.ready.as_ref().ok_or_else(|| "no model yet".into())
    }

    /// What a plan says about itself.
    fn plan(&self) -> Result<String> {
        let plan = self.ready()?.plan();
        Ok(format!(
            "units={} load_units={} weights={} arena={} peak={} hash={}",
            plan.units(),
            plan.load_units(),
            plan.plan().data.len(),
            plan.layout().arena_bytes,
            plan.peak_bytes(),
            plan.hash()
        ))
    }
}

impl Engine for Runner {
    fn load(&mut self, file: &Path) -> Result<()> {
        let plan = Plan::decode(&std::fs::read(file)?)?.validate()?;
        self.ready = None;
        self.ready = Some(Executable::new(plan, self.isa));
        Ok(())
    }

    fn inputs(&mut self, inputs: &[Input]) -> Result<()> {
        let ports = self.ready()?.plan().inputs();
        let tensor = |(port, input): (&assay_types::tensor::Port, &Input)| -> Result<NamedTensor> {
            let tensor = Tensor::new(port.dtype, port.dims.clone(), input.data.clone())?;
            Ok(NamedTensor { name: port.name.clone(), tensor })
        };
        self.inputs = ports.iter().zip(inputs).map(tensor).collect::<Result<_>>()?;
        Ok(())
    }

    fn run(&mut self) -> Result<()> {
        self.outputs = self.ready()?.run(&self.inputs)?;
        Ok(())
    }

    fn outputs(&mut self) -> Result<Vec<Vec<u8>>> {
        Ok(self.outputs.iter().map(|output| output.tensor.data().to_vec()).collect())
    }

    fn other(&mut self, command: &str, _: &[&str]) -> Result<Option<String>> {
        match command {
            "isa" => Ok(Some(format!("isa={}", self.isa.name()))),
            "plan" => self.plan().map(Some),
            _ => Ok(None),
        }
    }
}
