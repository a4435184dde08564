//! A plan made ready once, and its runs.

use crate::buffer::{Buffer, in_place};
use crate::input::{self, InputError};
use crate::step::Step;
use crate::trees;
use crate::view::Run;
use assay_kernels::Isa;
use assay_plan::ValidPlan;
use assay_types::tensor::{CANONICAL_NAN, DType, NamedTensor, Port, Tensor};
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
    plan: ValidPlan,
    isa: Isa,
    steps: Vec<Step>,
    packs: Vec<Buffer>,
    /// The plan's constants, when they are not aligned where the plan has them.
    aligned: Option<Buffer>,
    /// Arenas of finished runs. What they hold does not matter: a run reads only what it has written.
    arenas: Mutex<Vec<Buffer>>,
}

/// Arenas kept for the next run, and how large one may be to be kept.
const SPARE_ARENAS: usize = 2;
const SPARE_ARENA_BYTES: u64 = 64 * 1024 * 1024;

impl Executable {
    /// Makes a plan ready for the bodies of an instruction set.
    pub fn new(plan: ValidPlan, isa: Isa) -> Executable {
        let nodes = &plan.plan().nodes;
        let steps = nodes.iter().map(|node| {
            let operands: Vec<_> = node.inputs.iter().map(|&input| &nodes[input as usize]).collect();
            Step::new(node, &operands)
        });
        let steps: Vec<Step> = steps.collect();
        let mut this = Self { steps, isa, packs: Vec::new(), aligned: None, arenas: Mutex::default(), plan };
        this.align();
        this.order_inputs();
        this.packs = this.pack();
        this.lay_out_trees();
        this
    }

    /// Copies the constants when the allocator has put them at an odd place.
    #[allow(unsafe_code)]
    fn align(&mut self) {
        let data = &self.plan.plan().data;
        if in_place::<u64>(&data[..data.len() / 8 * 8]).is_some() {
            return;
        }
        let buffer = Buffer::zeroed(data.len() as u64);
        // SAFETY: the buffer is not shared yet.
        unsafe { buffer.slice_mut::<u8>(0, data.len()) }.copy_from_slice(data);
        self.aligned = Some(buffer);
    }

    #[allow(unsafe_code)]
    fn data(&self) -> &[u8] {
        let data = &self.plan.plan().data;
        match &self.aligned {
            // SAFETY: never written after `align`.
            Some(buffer) => unsafe { buffer.slice(0, data.len()) },
            None => data,
        }
    }

    /// Input nodes may stand in another order than the plan's list of inputs.
    fn order_inputs(&mut self) {
        for (position, (_, id)) in self.plan.plan().inputs.iter().enumerate() {
            self.steps[*id as usize] = Step::Input(position);
        }
    }

    fn lay_out_trees(&mut self) {
        for index in 0..self.steps.len() {
            let plan = self.plan.plan();
            if let Step::Trees(_) = self.steps[index] {
                let forest = trees::forest(plan, &plan.nodes[index], self.data());
                self.steps[index] = Step::Trees(forest.map(Box::new));
            }
        }
    }

    fn pack(&self) -> Vec<Buffer> {
        let pack = |pack: &assay_plan::memory::Pack| match &self.steps[pack.node] {
            Step::Einsum(einsum) => {
                let bytes = &self.data()[pack.offset as usize..];
                let whole = bytes.len() / 4 * 4;
                let x = in_place(&bytes[..whole]).unwrap_or_else(|| unreachable!("data is aligned"));
                einsum.pack_constant(x)
            }
            _ => unreachable!("only einsums pack columns"),
        };
        self.plan.layout().packs.iter().map(pack).collect()
    }

    /// The plan that runs.
    pub fn plan(&self) -> &ValidPlan {
        &self.plan
    }

    /// Runs the plan on its inputs, in the plan's order.
    ///
    /// # Errors
    /// [`RunError::Input`] before anything is computed, [`RunError::Failed`] when the data made an opcode
    /// fail.
    pub fn run(&self, inputs: &[NamedTensor]) -> Result<Vec<NamedTensor>, RunError> {
        self.run_watched(inputs, |_, step| step())
    }

    /// Runs the plan, each step through `watch`.
    fn run_watched(
        &self,
        inputs: &[NamedTensor],
        watch: impl FnMut(usize, &mut dyn FnMut() -> Result<(), Failed>) -> Result<(), Failed>,
    ) -> Result<Vec<NamedTensor>, RunError> {
        input::check(self.plan.inputs(), inputs)?;
        let run = Run {
            plan: self.plan.plan(),
            layout: self.plan.layout(),
            data: self.data(),
            packs: &self.packs,
            inputs,
            isa: self.isa,
            arena: self.take_arena(),
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
        self.run_watched(inputs, |index, step| {
            let start = std::time::Instant::now();
            let result = step();
            let nanos = u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX);
            let name = self.plan.plan().nodes[index].op.name().to_owned();
            if !matches!(self.steps[index], Step::Nothing) {
                times.push(StepTime { nodes: vec![index as u32], name, nanos });
            }
            result
        })?;
        Ok(times)
    }

    fn compute(
        &self,
        run: &Run<'_>,
        mut watch: impl FnMut(usize, &mut dyn FnMut() -> Result<(), Failed>) -> Result<(), Failed>,
    ) -> Result<Vec<NamedTensor>, Failed> {
        for (index, step) in self.steps.iter().enumerate() {
            watch(index, &mut || step.run(&mut run.view(index)))?;
        }
        let outputs = self.plan.outputs().iter().zip(&self.plan.plan().outputs);
        Ok(outputs.map(|(port, &(_, id))| output(run, port, id as usize)).collect())
    }

    // A poisoned lock means that a run panicked; the arenas in it are as good as any.
    fn take_arena(&self) -> Buffer {
        let spare = self.arenas.lock().unwrap_or_else(PoisonError::into_inner).pop();
        spare.unwrap_or_else(|| Buffer::zeroed(self.plan.layout().arena_bytes))
    }

    fn return_arena(&self, arena: Buffer) {
        let mut arenas = self.arenas.lock().unwrap_or_else(PoisonError::into_inner);
        if arenas.len() < SPARE_ARENAS && self.plan.layout().arena_bytes <= SPARE_ARENA_BYTES {
            arenas.push(arena);
        }
    }
}

/// Copies a value out.
fn output(run: &Run<'_>, port: &Port, id: usize) -> NamedTensor {
    let mut data = run.value::<u8>(id).to_vec();
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
