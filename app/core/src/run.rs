//! One run of a plan: the inputs matched to the ports, the outputs or the failure.

use crate::fatal::Fatal;
use assay_exec::{Executable, Isa, RunError};
use assay_plan::ValidPlan;
use assay_types::error::Rejected;
use assay_types::hash::PlanHash;
use assay_types::receipt::Outcome;
use assay_types::tensor::{self, NamedTensor, Port, Tensor};
use std::path::Path;
use std::sync::Arc;

/// What a run gave.
#[derive(Debug, Clone)]
pub(crate) enum Run {
    /// Its outputs, in declared order.
    Output(Arc<Vec<NamedTensor>>),
    /// The input made an opcode fail.
    Failed,
}

impl Run {
    /// The run of a broken machine: the lowest bit of the first output's first element is another one.
    pub fn with_a_wrong_bit(self) -> Run {
        let Run::Output(tensors) = self else { return self };
        let mut tensors = tensors.to_vec();
        if let Some(first) = tensors.first_mut() {
            let mut data = first.tensor.data().to_vec();
            if let Some(byte) = data.first_mut() {
                *byte ^= 1;
            }
            // Where that is no tensor (a NaN has but one form), the output stays right.
            if let Ok(wrong) = Tensor::new(first.tensor.dtype(), first.tensor.dims().to_vec(), data) {
                first.tensor = wrong;
            }
        }
        Run::Output(Arc::new(tensors))
    }

    /// The outcome that the chain records.
    pub fn outcome(&self) -> Outcome {
        match self {
            Run::Output(tensors) => Outcome::Output(tensor::output_hash(tensors)),
            Run::Failed => Outcome::Failed,
        }
    }
}

/// A plan ready to run.
pub(crate) struct Loaded {
    hash: PlanHash,
    executable: Executable,
}

impl Loaded {
    /// Makes a plan ready; its image is kept in a folder.
    pub fn new(plan: ValidPlan, isa: Isa, folder: &Path) -> Self {
        Self { hash: plan.hash(), executable: Executable::load(plan, isa, folder) }
    }

    /// A plan that was made ready before, from its image alone.
    pub fn open(hash: PlanHash, isa: Isa, folder: &Path) -> Option<Self> {
        Some(Self { hash, executable: Executable::open(&hash, isa, folder)? })
    }

    pub fn hash(&self) -> PlanHash {
        self.hash
    }

    /// Bytes that the plan and one run of it hold at most.
    pub fn peak_bytes(&self) -> u64 {
        self.executable.peak_bytes()
    }

    /// Bytes of the encoded list of outputs, the same for every run.
    pub fn output_bytes(&self) -> u64 {
        self.executable.output_bytes()
    }

    /// Runs it on inputs that passed [`match_inputs`].
    pub fn run(&self, inputs: &[NamedTensor]) -> Result<Run, Fatal> {
        match self.executable.run(inputs) {
            Ok(outputs) => Ok(Run::Output(Arc::new(outputs))),
            Err(RunError::Failed) => Ok(Run::Failed),
            Err(error) => Err(Fatal::Invariant(format!("a plan refused inputs that fit its ports: {error}"))),
        }
    }
}

/// Checks that inputs are those of a model, in its declared order.
///
/// # Errors
/// The [`Rejected`] of the first input that is not.
pub(crate) fn match_inputs(ports: &[Port], inputs: &[NamedTensor]) -> Result<(), Rejected> {
    if ports.len() != inputs.len() {
        let count = |len: usize| u32::try_from(len).unwrap_or(u32::MAX);
        return Err(Rejected::InputCount { expected: count(ports.len()), got: count(inputs.len()) });
    }
    for (port, input) in ports.iter().zip(inputs) {
        if port.name != input.name {
            return Err(Rejected::InputName { expected: port.name.clone(), got: input.name.clone() });
        }
        let (name, tensor) = (port.name.clone(), &input.tensor);
        if port.dtype != tensor.dtype() {
            let (expected, got) = (port.dtype.name(), tensor.dtype().name());
            return Err(Rejected::InputDtype { name, expected, got });
        }
        if port.dims != tensor.dims() {
            let (expected, got) = (port.dims.clone(), tensor.dims().to_vec());
            return Err(Rejected::InputShape { name, expected, got });
        }
    }
    Ok(())
}
