//! A plan made ready once, and its runs.

use crate::buffer::Buffer;
use crate::input::{self, InputError};
use crate::program::{Program, Ref};
use crate::store::Store;
use crate::view::Run;
use assay_kernels::Isa;
use assay_plan::{Node, ValidPlan};
use assay_types::tensor::{CANONICAL_NAN, DType, NamedTensor, Port, Tensor};
use std::path::Path;
use std::sync::atomic::AtomicU8;
use std::sync::{Mutex, PoisonError};

/// What a run that depends on data can end in: an index out of range, a zero integer divisor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Failed;

/// Why a run gave no output. Both are functions of plan and inputs alone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RunError {
    /// The tensors are not the ones that the plan takes.
    #[error(transparent)]
    Input(#[from] InputError),
    /// An index was out of range, or an integer was divided by zero.
    #[error("the run failed: an index out of range or an integer division by zero")]
    Failed,
}

impl From<Failed> for RunError {
    fn from(_: Failed) -> Self {
        RunError::Failed
    }
}

/// How long a step of a run took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepTime {
    /// The nodes of the plan that it computes.
    pub nodes: Vec<u32>,
    /// What it does, for people.
    pub name: String,
    /// Nanoseconds.
    pub nanos: u64,
}

/// A plan ready to run, by any number of threads at once.
#[derive(Debug)]
pub struct Executable {
    nodes: Vec<Node>,
    inputs: Vec<Port>,
    outputs: Vec<Port>,
    isa: Isa,
    program: Program,
    store: Store,
    /// Arenas of finished runs. What they hold does not matter: a run reads only what it has written.
    arenas: Mutex<Vec<Buffer>>,
}

/// Arenas kept for the next run, and how large one may be to be kept.
const SPARE_ARENAS: usize = 2;
const SPARE_ARENA_BYTES: u64 = 64 * 1024 * 1024;

impl Executable {
    /// Makes a plan ready for the bodies of an instruction set.
    pub fn new(plan: ValidPlan, isa: Isa) -> Executable {
        let program = Program::new(plan.plan(), plan.peak_bytes());
        let store = Store::pack(plan.plan(), isa, &program);
        Self::with(plan, isa, program, store)
    }

    /// As [`Executable::new`], with constants from a file in this folder, which all processes share. A file
    /// that is not there, not whole or of another version is written anew; one that cannot be is done
    /// without.
    pub fn load(plan: ValidPlan, isa: Isa, folder: &Path) -> Executable {
        let program = Program::new(plan.plan(), plan.peak_bytes());
        let store = Store::load(&plan, isa, &program, folder);
        Self::with(plan, isa, program, store)
    }

    /// As [`Executable::new`], but node by node, with nothing fused, packed or laid out anew: what faster
    /// programs are compared with.
    pub fn plain(plan: ValidPlan, isa: Isa) -> Executable {
        let program = Program::plain(plan.plan());
        let store = Store::pack(plan.plan(), isa, &program);
        Self::with(plan, isa, program, store)
    }

    fn with(plan: ValidPlan, isa: Isa, mut program: Program, store: Store) -> Executable {
        program.prepare(isa, plan.plan());
        let (inputs, outputs) = (plan.inputs().to_vec(), plan.outputs().to_vec());
        // The plan's data goes: all that a run reads is in the store.
        let nodes = plan.into_plan().nodes;
        Self { nodes, inputs, outputs, isa, program, store, arenas: Mutex::default() }
    }

    /// Bytes that the constants and one run take.
    pub fn bytes(&self) -> u64 {
        self.program.bytes()
    }

    /// Runs the plan on its inputs, in the plan's order.
    ///
    /// # Errors
    /// [`RunError::Input`] before anything is computed, [`RunError::Failed`] when the data made an opcode
    /// fail.
    pub fn run(&self, inputs: &[NamedTensor]) -> Result<Vec<NamedTensor>, RunError> {
        self.run_with(inputs, 1)
    }

    /// As [`Executable::run`], on up to so many threads: the same bits, sooner, when the plan is large.
    ///
    /// # Errors
    /// As [`Executable::run`].
    pub fn run_with(&self, inputs: &[NamedTensor], threads: usize) -> Result<Vec<NamedTensor>, RunError> {
        self.run_watched(inputs, threads, |_, step| step())
    }

    /// Runs the plan, each step through `watch`.
    fn run_watched(
        &self,
        inputs: &[NamedTensor],
        threads: usize,
        watch: impl FnMut(usize, &mut dyn FnMut() -> Result<(), Failed>) -> Result<(), Failed>,
    ) -> Result<Vec<NamedTensor>, RunError> {
        input::check(&self.inputs, inputs)?;
        let run = Run {
            nodes: &self.nodes,
            program: &self.program,
            store: self.store.bytes(),
            inputs,
            isa: self.isa,
            threads,
            arena: self.take_arena(),
            looked: self.program.slots.iter().map(|_| AtomicU8::new(0)).collect(),
        };
        let outputs = self.compute(&run, watch);
        self.return_arena(run.arena);
        Ok(outputs?)
    }

    /// Runs the plan and tells where the time went: for tools, never for a decision.
    ///
    /// # Errors
    /// As [`Executable::run`].
    #[allow(clippy::disallowed_types, reason = "what is measured is shown to people, and changes nothing")]
    pub fn profile(&self, inputs: &[NamedTensor]) -> Result<Vec<StepTime>, RunError> {
        let mut times = Vec::new();
        self.run_watched(inputs, 1, |index, step| {
            let start = std::time::Instant::now();
            let result = step();
            let nanos = u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX);
            let step = &self.program.steps[index];
            times.push(StepTime { nodes: step.nodes.clone(), name: step.name(&self.nodes), nanos });
            result
        })?;
        Ok(times)
    }

    fn compute(
        &self,
        run: &Run<'_>,
        mut watch: impl FnMut(usize, &mut dyn FnMut() -> Result<(), Failed>) -> Result<(), Failed>,
    ) -> Result<Vec<NamedTensor>, Failed> {
        for (index, step) in self.program.steps.iter().enumerate() {
            watch(index, &mut || step.run(&mut run.view(step)))?;
        }
        let outputs = self.outputs.iter().zip(&self.program.outputs);
        Ok(outputs.map(|(port, part)| output(run, port, *part)).collect())
    }

    // A poisoned lock means that a run panicked; the arenas in it are as good as any.
    fn take_arena(&self) -> Buffer {
        let spare = self.arenas.lock().unwrap_or_else(PoisonError::into_inner).pop();
        spare.unwrap_or_else(|| Buffer::zeroed(self.program.arena_bytes))
    }

    fn return_arena(&self, arena: Buffer) {
        let mut arenas = self.arenas.lock().unwrap_or_else(PoisonError::into_inner);
        if arenas.len() < SPARE_ARENAS && self.program.arena_bytes <= SPARE_ARENA_BYTES {
            arenas.push(arena);
        }
    }
}

/// Copies a value out.
fn output<'a>(run: &'a Run<'a>, port: &Port, part: Ref) -> NamedTensor {
    let mut data = run.read::<u8>(part).to_vec();
    if port.dtype == DType::F32 {
        for word in data.as_chunks_mut::<4>().0 {
            if f32::from_le_bytes(*word).is_nan() {
                *word = CANONICAL_NAN.to_le_bytes();
            }
        }
    }
    // The validator has fixed rank and size, opcodes give bools of 0 and 1, and NaNs are canonical now.
    let tensor = Tensor::new(port.dtype, port.dims.clone(), data);
    let tensor =
        tensor.unwrap_or_else(|error| unreachable!("an output of a valid plan is a tensor: {error}"));
    NamedTensor { name: port.name.clone(), tensor }
}
