//! Running plans.

use assay_bench_worker::{Engine, Input, Result};
use assay_exec::{Executable, Isa};
use assay_plan::{Plan, ValidPlan};
use assay_types::hash::PlanHash;
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
    /// The plan's file.
    file: PathBuf,
    executable: Executable,
}

impl Runner {
    pub fn new(isa: Isa, packed: &Path) -> Self {
        Self { isa, packed: packed.to_path_buf(), ready: None, inputs: Vec::new(), outputs: Vec::new() }
    }

    fn ready(&self) -> Result<&Ready> {
        self.ready.as_ref().ok_or_else(|| "no model yet".into())
    }
}

/// The hash in a plan's record, if it has one.
fn recorded(file: &Path) -> Result<Option<PlanHash>> {
    let record = file.with_extension("hash");
    if !record.exists() {
        return Ok(None);
    }
    Ok(Some(std::fs::read_to_string(record)?.trim().parse()?))
}

/// The plan in a file.
fn valid(file: &Path) -> Result<ValidPlan> {
    Ok(Plan::decode(&std::fs::read(file)?)?.validate()?)
}

impl Engine for Runner {
    /// As a node does it, which has the plan's hash from the model's record: from the image that an earlier load has
    /// left, the first time from the plan. A plan without a record is read to know its hash.
    fn load(&mut self, file: &Path) -> Result<()> {
        let hash = recorded(file)?;
        self.ready = None;
        let executable = match hash.and_then(|hash| Executable::open(&hash, self.isa, &self.packed)) {
            Some(executable) => executable,
            None => {
                let plan = valid(file)?;
                if hash.is_some_and(|hash| hash != plan.hash()) {
                    return Err("the plan is another one than its record says".into());
                }
                Executable::load(plan, self.isa, &self.packed)
            }
        };
        self.ready = Some(Ready { file: file.to_path_buf(), executable });
        Ok(())
    }

    fn inputs(&mut self, inputs: &[Input]) -> Result<()> {
        let tensor = |(port, input): (&Port, &Input)| -> Result<NamedTensor> {
            let tensor = Tensor::new(port.dtype, port.dims.clone(), input.data.clone())?;
            Ok(NamedTensor { name: port.name.clone(), tensor })
        };
        self.inputs = self.ready()?.executable.inputs().zip(inputs).map(tensor).collect::<Result<_>>()?;
        Ok(())
    }

    fn run(&mut self) -> Result<()> {
        self.outputs = self.ready()?.executable.run(&self.inputs)?;
        Ok(())
    }

    fn outputs(&mut self) -> Result<Vec<Vec<u8>>> {
        Ok(self.outputs.iter().map(|output| output.tensor.data().to_vec()).collect())
    }

    fn other(&mut self, command: &str, arguments: &[&str]) -> Result<Option<String>> {
        match (command, arguments) {
            ("isa", []) => Ok(Some(format!("isa={}", self.isa.name()))),
            // Writes down a plan's hash beside it, as the chain does for a model.
            ("record", [file]) => {
                let file = Path::new(file);
                let hash = valid(file)?.hash();
                std::fs::write(file.with_extension("hash"), hash.to_string())?;
                Ok(Some(format!("hash={hash}")))
            }
            ("plan", []) => {
                let Ready { file, executable } = self.ready()?;
                let plan = valid(file)?;
                let (units, load_units) = (plan.units(), plan.load_units());
                let (weights, peak, holds) = (plan.plan().data.len(), plan.peak_bytes(), executable.bytes());
                Ok(Some(format!(
                    "units={units} load_units={load_units} weights={weights} peak={peak} holds={holds}"
                )))
            }
            _ => Ok(None),
        }
    }
}
