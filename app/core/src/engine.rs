//! The engines of a chain: what compiles models, and what runs their plans.
//!
//! A compilation is a pure function of engine, model and fuel, a run one of plan and input. So their results
//! are kept, and what several threads ask for at once is done by one of them. The caches decide how long an
//! answer takes, never what it is.

use crate::chain::EngineRecord;
use crate::fatal::Fatal;
use crate::model;
use crate::recent::Recent;
use crate::run::{Loaded, Run};
use crate::turns::Turns;
use assay_compiler::{Compilation, Compiler, HostError, PlanCache};
use assay_exec::Isa;
use assay_plan::{OPCODE_SET, ValidPlan};
use assay_store::Read;
use assay_types::hash::{CompilerHash, InputHash, ModelId, PlanHash};
use assay_types::limits::MAX_COMPILE_FUEL;
use assay_types::model::{Compiled, Manifest, ModelRecord};
use assay_types::tensor::{self, InputShape, NamedTensor};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Bytes of plans outside of the hot set, with what a run of each needs, that are kept ready to run.
const LOADED_BYTES: u64 = 256 * 1024 * 1024;
/// Bytes of outputs that are remembered.
const OUTCOME_BYTES: u64 = 32 * 1024 * 1024;
/// What an outcome takes besides its bytes, about.
const OUTCOME_OVERHEAD: u64 = 512;
/// Compilations that are remembered.
const COMPILATIONS: u64 = 128;
/// The price table of this program's plans; it goes with the opcode set.
const PRICE_TABLE: u16 = 1;

/// What turns a model's file into a plan. The one that chains use is [`Compiler`].
pub trait Compile: Send + Sync {
    /// The digest of the compiler's blob.
    fn hash(&self) -> CompilerHash;

    /// Compiles a file with at most `fuel` units of fuel; the same answer on every machine.
    ///
    /// # Errors
    /// [`HostError`] when the machine fails; a model that does not compile is an answer.
    fn compile(&self, onnx: &[u8], shapes: &[InputShape], fuel: u64) -> Result<Compilation, HostError>;
}

impl Compile for Compiler {
    fn hash(&self) -> CompilerHash {
        Compiler::hash(self)
    }

    fn compile(&self, onnx: &[u8], shapes: &[InputShape], fuel: u64) -> Result<Compilation, HostError> {
        Compiler::compile(self, onnx, shapes, fuel)
    }
}

/// What sealing gave: the compiled form, its height yet to be set, or why there is none.
pub(crate) type Sealing = Result<Compiled, String>;

/// The engines that this process has, with their caches.
pub struct Engine {
    compilers: BTreeMap<u32, Box<dyn Compile>>,
    plans: PlanCache,
    isa: Isa,
    loaded: Mutex<Recent<PlanHash, Arc<Loaded>>>,
    /// The plans of the chain's hot set, each once it was loaded: nothing else drives them out.
    hot: Mutex<BTreeMap<PlanHash, Option<Arc<Loaded>>>>,
    outcomes: Mutex<Recent<RunKey, Run>>,
    sealings: Mutex<Recent<SealKey, Sealing>>,
    running: Turns<RunKey>,
    loading: Turns<PlanHash>,
    sealing: Turns<SealKey>,
    threads: usize,
    faulty: bool,
    hits: AtomicU64,
    misses: AtomicU64,
}

/// What a run is a pure function of.
type RunKey = (PlanHash, InputHash);
/// What a compilation is a pure function of: the model, the engine, the fuel.
type SealKey = (ModelId, u32, u64);

impl Engine {
    /// Engines by number, with a folder for plans and the bodies of the kernels to run them with.
    pub fn new(compilers: Vec<(u32, Compiler)>, plans: PlanCache, isa: Isa) -> Self {
        let boxed = |(number, compiler)| (number, Box::new(compiler) as Box<dyn Compile>);
        Self::with(compilers.into_iter().map(boxed).collect(), plans, isa)
    }

    /// As [`Engine::new`], with compilers of any kind.
    pub fn with(compilers: Vec<(u32, Box<dyn Compile>)>, plans: PlanCache, isa: Isa) -> Self {
        Self {
            compilers: compilers.into_iter().collect(),
            plans,
            isa,
            loaded: Mutex::new(Recent::new(LOADED_BYTES)),
            hot: Mutex::default(),
            outcomes: Mutex::new(Recent::new(OUTCOME_BYTES)),
            sealings: Mutex::new(Recent::new(COMPILATIONS)),
            running: Turns::new(),
            loading: Turns::new(),
            sealing: Turns::new(),
            threads: 1,
            faulty: false,
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
        }
    }

    /// Computes up to so many outcomes of a block at once, instead of one.
    pub fn with_threads(self, threads: usize) -> Self {
        Self { threads: threads.max(1), ..self }
    }

    /// An engine that gets a bit of every output wrong, as a broken machine would: for tests of a network
    /// that has such a validator.
    pub fn with_a_fault(self) -> Self {
        Self { faulty: true, ..self }
    }

    pub(crate) fn threads(&self) -> usize {
        self.threads
    }

    /// How often the outcome of an inference in a block was known before the block was executed, and how
    /// often it was not.
    pub(crate) fn lookups(&self) -> (u64, u64) {
        (self.hits.load(Ordering::Relaxed), self.misses.load(Ordering::Relaxed))
    }

    /// Whether the outcome of a run is known.
    pub(crate) fn knows_run(&self, plan: &PlanHash, input: &InputHash) -> bool {
        lock(&self.outcomes).get(&(*plan, *input)).is_some()
    }

    /// As [`Engine::knows_run`], and counted.
    pub(crate) fn looked_up(&self, plan: &PlanHash, input: &InputHash) -> bool {
        let known = self.knows_run(plan, input);
        let counter = if known { &self.hits } else { &self.misses };
        counter.fetch_add(1, Ordering::Relaxed);
        known
    }

    /// Whether it is known what a compilation gives.
    pub(crate) fn knows_sealing(&self, id: &ModelId, number: u32, fuel: u64) -> bool {
        lock(&self.sealings).get(&(*id, number, fuel)).is_some()
    }

    /// The bodies of the kernels that this process runs.
    pub fn isa(&self) -> Isa {
        self.isa
    }

    fn compiler(&self, number: u32) -> Result<&dyn Compile, Fatal> {
        self.compilers.get(&number).map(Box::as_ref).ok_or(Fatal::UnknownEngine(number))
    }

    /// Whether this process has the engine that a chain's record names.
    pub(crate) fn check(&self, record: &EngineRecord) -> Result<(), Fatal> {
        let found = self.compiler(record.number)?.hash();
        if found != record.compiler {
            return Err(Fatal::OtherEngine { number: record.number, expected: record.compiler, found });
        }
        // A plan of another opcode set would not validate here, and one of another price table would cost other units.
        let parts =
            [("opcode set", record.opcode_set, OPCODE_SET), ("price table", record.price_table, PRICE_TABLE)];
        match parts.into_iter().find(|(_, expected, found)| expected != found) {
            Some((what, expected, found)) => {
                Err(Fatal::OtherEnginePart { number: record.number, what, expected, found })
            }
            None => Ok(()),
        }
    }

    /// Compiles a model whose chunks are all in `state`, with at most `fuel` units of fuel.
    pub(crate) fn seal(
        &self,
        state: &dyn Read,
        number: u32,
        id: &ModelId,
        manifest: &Manifest,
        fuel: u64,
    ) -> Result<Sealing, Fatal> {
        let key = (*id, number, fuel);
        if let Some(known) = lock(&self.sealings).get(&key) {
            return Ok(known);
        }
        let _turn = self.sealing.take(&key);
        if let Some(known) = lock(&self.sealings).get(&key) {
            return Ok(known);
        }
        let file = model::file(state, manifest)?;
        let sealing = self.compile(number, &file, &manifest.shapes, fuel)?;
        lock(&self.sealings).put(key, sealing.clone(), 1);
        Ok(sealing)
    }

    /// Compiles a model's file with at most `fuel` units of fuel, and keeps the plan.
    pub(crate) fn compile(
        &self,
        number: u32,
        file: &[u8],
        shapes: &[InputShape],
        fuel: u64,
    ) -> Result<Sealing, Fatal> {
        let compilation = self.compiler(number)?.compile(file, shapes, fuel)?;
        Ok(match compilation.outcome {
            Ok(plan) => {
                self.plans.put(&plan)?;
                let compiled = describe(number, &plan, compilation.fuel);
                self.load(plan);
                Ok(compiled)
            }
            Err(refusal) => Err(refusal.to_string()),
        })
    }

    fn load(&self, plan: ValidPlan) -> Arc<Loaded> {
        let folder = self.plans.folder_of(&plan.hash());
        self.remember(Loaded::new(plan, self.isa, &folder))
    }

    fn remember(&self, loaded: Loaded) -> Arc<Loaded> {
        let (hash, bytes) = (loaded.hash(), loaded.peak_bytes());
        let loaded = Arc::new(loaded);
        lock(&self.loaded).put(hash, loaded.clone(), bytes);
        if let Some(place) = lock(&self.hot).get_mut(&hash) {
            *place = Some(loaded.clone());
        }
        loaded
    }

    /// A plan that is ready to run.
    fn ready(&self, hash: &PlanHash) -> Option<Arc<Loaded>> {
        let hot = lock(&self.hot).get(hash).cloned().flatten();
        hot.or_else(|| lock(&self.loaded).get(hash))
    }

    /// Keeps these plans from now on, and no others beyond the usual.
    pub(crate) fn keep(&self, plans: impl Iterator<Item = PlanHash>) {
        let kept = plans.map(|hash| (hash, self.ready(&hash))).collect();
        *lock(&self.hot) = kept;
    }

    /// Plans that are kept, and those of them that are ready to run.
    pub(crate) fn kept(&self) -> (usize, usize) {
        let hot = lock(&self.hot);
        (hot.len(), hot.values().flatten().count())
    }

    /// The plan of a sealed model, ready to run: from memory, from disk, or compiled again from its chunks.
    pub(crate) fn loaded(
        &self,
        state: &dyn Read,
        record: &ModelRecord,
        compiled: &Compiled,
    ) -> Result<Arc<Loaded>, Fatal> {
        let expected = compiled.plan;
        if let Some(loaded) = self.ready(&expected) {
            return Ok(loaded);
        }
        let _turn = self.loading.take(&expected);
        if let Some(loaded) = self.ready(&expected) {
            return Ok(loaded);
        }
        if let Some(loaded) = Loaded::open(expected, self.isa, &self.plans.folder_of(&expected)) {
            return Ok(self.remember(loaded));
        }
        if let Some(plan) = self.plans.get(&expected) {
            return Ok(self.load(plan));
        }
        let file = model::file(state, &record.manifest)?;
        let compiler = self.compiler(compiled.engine)?;
        let compilation = compiler.compile(&file, &record.manifest.shapes, MAX_COMPILE_FUEL)?;
        let plan = compilation
            .outcome
            .map_err(|refusal| Fatal::OtherPlan { expected, found: refusal.to_string() })?;
        if plan.hash() != expected {
            return Err(Fatal::OtherPlan { expected, found: plan.hash().to_string() });
        }
        self.plans.put(&plan)?;
        Ok(self.load(plan))
    }

    /// Runs a plan on inputs that fit its ports.
    pub(crate) fn run(&self, loaded: &Loaded, inputs: &[NamedTensor]) -> Result<Run, Fatal> {
        let key = (loaded.hash(), tensor::input_hash(inputs));
        if let Some(known) = lock(&self.outcomes).get(&key) {
            return Ok(known);
        }
        let _turn = self.running.take(&key);
        if let Some(known) = lock(&self.outcomes).get(&key) {
            return Ok(known);
        }
        let run = loaded.run(inputs)?;
        let run = if self.faulty { run.with_a_wrong_bit() } else { run };
        let weight = OUTCOME_OVERHEAD.saturating_add(loaded.output_bytes());
        lock(&self.outcomes).put(key, run.clone(), weight);
        Ok(run)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn describe(number: u32, plan: &ValidPlan, fuel: u64) -> Compiled {
    Compiled {
        engine: number,
        plan: plan.hash(),
        plan_bytes: plan.bytes().len() as u64,
        units: plan.units(),
        load_units: plan.load_units(),
        memory_bytes: plan.peak_bytes(),
        fuel,
        inputs: plan.inputs().to_vec(),
        outputs: plan.outputs().to_vec(),
        sealed: 0,
    }
}
