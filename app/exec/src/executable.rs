//! A plan made ready once, and its runs.

use crate::buffer::Buffer;
use crate::constants::Constants;
use crate::input::{self, InputError};
use crate::outline::Outline;
use crate::program::{Program, Ref};
use crate::store::Store;
use crate::view::Run;
use assay_kernels::Isa;
use assay_plan::ValidPlan;
use assay_types::tensor::{CANONICAL_NAN, DType, NamedTensor, Port, Tensor};
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
    /// The plan's data is gone: all that a run reads is in the store.
    plan: Outline,
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
        Self::make(plan, isa, Program::new)
    }

    /// As [`Executable::new`], but node by node, with nothing fused, packed or laid out anew: what faster
    /// programs are compared with.
    pub fn plain(plan: ValidPlan, isa: Isa) -> Executable {
        Self::make(plan, isa, Program::plain)
    }

    fn make(plan: ValidPlan, isa: Isa, program: fn(&Outline, &Constants<'_>) -> Program) -> Executable {
        let (plan, data) = Outline::of(plan);
        let constants = Constants::of_plan(&data);
        let mut program = program(&plan, &constants);
        program.prepare(isa, &constants);
        let store = Store::pack(&data, isa, &program);
        Self::with(plan, isa, program, store)
    }

    pub(crate) fn with(plan: Outline, isa: Isa, program: Program, store: Store) -> Executable {
        Self { plan, isa, program, store, arenas: Mutex::default() }
    }

    /// What a run takes, in order.
    pub fn inputs(&self) -> impl ExactSizeIterator<Item = &Port> {
        self.plan.inputs.iter().map(|(port, _)| port)
    }

    /// Bytes that the plan and one run of it hold at most, as its record says.
    pub fn peak_bytes(&self) -> u64 {
        self.plan.peak_bytes
    }

    /// Bytes of the encoded list of output tensors, the same for every run.
    pub fn output_bytes(&self) -> u64 {
        self.plan.output_bytes
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
        input::check(self.inputs(), inputs)?;
        let run = Run {
            nodes: &self.plan.nodes,
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
            times.push(StepTime { nodes: step.nodes.clone(), name: step.name(&self.plan.nodes), nanos });
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
        let outputs = self.plan.outputs.iter().zip(&self.program.outputs);
        Ok(outputs.map(|((port, _), part)| output(run, port, *part)).collect())
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
