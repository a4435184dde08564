//! Golden vectors: a plan, inputs, and the answer that every machine must give.
//!
//! A list of them is one file, in the protocol's encoding. Whoever has the file, the executor and a processor can say
//! whether this processor is fit: [`Vector::check`] decodes, validates, prices and runs, and compares the digest of
//! the outputs. Nothing here decides what is right; that is in the file.

use crate::{Executable, Isa};
use assay_plan::Plan;
use assay_types::hash::OutputHash;
use assay_types::tensor::{NamedTensor, output_hash};
use borsh::{BorshDeserialize, BorshSerialize};

/// One plan and its answer.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Vector {
    /// What it is, for people.
    pub name: String,
    /// The plan's canonical bytes.
    pub plan: Vec<u8>,
    /// What the run takes, in order.
    pub inputs: Vec<NamedTensor>,
    /// The digest of what it gives.
    pub output: OutputHash,
    /// The price of the run.
    pub units: u64,
}

/// Reads a file of vectors.
///
/// # Errors
/// When the bytes are not such a file.
pub fn decode(bytes: &[u8]) -> Result<Vec<Vector>, String> {
    borsh::from_slice(bytes).map_err(|error| error.to_string())
}

/// The bytes of a file of vectors.
pub fn encode(vectors: &[Vector]) -> Vec<u8> {
    assay_types::codec::encode(&vectors)
}

impl Vector {
    /// Runs the vector on a body of the kernels, `threads` times at once.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn check(&self, isa: Isa, threads: usize) -> Result<(), String> {
        let plan = Plan::decode(&self.plan).and_then(Plan::validate).map_err(|error| error.to_string())?;
        if plan.units() != self.units {
            return Err(format!("{} units where {} is right", plan.units(), self.units));
        }
        let executable = Executable::new(plan, isa);
        let run = || self.run(&executable);
        if threads <= 1 {
            return run();
        }
        std::thread::scope(|scope| {
            let runs: Vec<_> = (0..threads).map(|_| scope.spawn(run)).collect();
            runs.into_iter().try_for_each(|run| run.join().map_err(|_| "a run panicked".to_owned())?)
        })
    }

    fn run(&self, executable: &Executable) -> Result<(), String> {
        let outputs = executable.run(&self.inputs).map_err(|error| error.to_string())?;
        let found = output_hash(&outputs);
        if found != self.output {
            return Err(format!("output {found} where {} is right", self.output));
        }
        Ok(())
    }
}
