//! The compiler: the blob, loaded once, and compilations, each in an instance of its own.

use crate::admission;
use crate::code_cache;
use crate::error::{HostError, Refusal};
use crate::guest::{self, Ending};
use crate::imports::{self, Outside};
use assay_plan::{Plan, ValidPlan};
use assay_types::hash::CompilerHash;
use assay_types::limits::MAX_COMPILE_FUEL;
use assay_types::tensor::InputShape;
use std::path::Path;
use wasmtime::{Config, Engine, InstancePre, Module};

/// Bytes of host stack that the blob may use. The call depth limit built into the blob stops it far earlier.
const WASM_STACK: usize = 64 << 20;
/// Bytes of stack of the thread that runs it. Reserved, not used, unless the blob goes deep.
const THREAD_STACK: usize = WASM_STACK + (16 << 20);

/// The outcome of a compilation: the same on every machine for the same blob, file, shapes and fuel.
#[derive(Debug)]
pub struct Compilation {
    /// The fuel burned; 0 when the file was refused before the sandbox.
    pub fuel: u64,
    /// Bytes of the sandbox's memory at its largest; 0 when the file was refused before the sandbox.
    pub memory_bytes: u64,
    /// The plan, or why there is none.
    pub outcome: Result<ValidPlan, Refusal>,
}

/// A compiler blob, ready to run. Shared freely between threads.
pub struct Compiler {
    hash: CompilerHash,
    instance: InstancePre<Outside>,
}

impl std::fmt::Debug for Compiler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Compiler({})", self.hash)
    }
}

fn engine() -> Result<Engine, HostError> {
    let mut config = Config::new();
    config
        .cranelift_nan_canonicalization(true)
        .consume_fuel(true)
        .wasm_relaxed_simd(false)
        .max_wasm_stack(WASM_STACK)
        // Unused, but wasmtime insists that it is the greater of the two.
        .async_stack_size(THREAD_STACK);
    Engine::new(&config).map_err(load_error)
}

fn load_error(error: wasmtime::Error) -> HostError {
    HostError::Load(format!("{error:#}"))
}

impl Compiler {
    /// Checks a blob's hash and prepares it: from the cache of machine code if `cache_dir` has it, else by
    /// compiling it, which takes about half a minute and is announced by one line to `progress`.
    ///
    /// Several processes may do this at once over one cache. A cache that cannot be written costs time only,
    /// and is announced.
    ///
    /// # Errors
    /// [`HostError`] when the blob is not the expected one, or this machine cannot run it.
    pub fn load(
        wasm: &[u8],
        expected: CompilerHash,
        cache_dir: Option<&Path>,
        progress: &mut dyn FnMut(&str),
    ) -> Result<Compiler, HostError> {
        let got = CompilerHash::of(wasm);
        if got != expected {
            return Err(HostError::WrongBlob { expected, got });
        }
        let engine = engine()?;
        let path = cache_dir.map(|folder| code_cache::path(folder, &expected, &engine));
        let cached = path.as_deref().and_then(|path| code_cache::load(path, &engine));
        let module = match cached {
            Some(module) => module,
            None => {
                progress("compiling the engine for this CPU, once (about 30 s)...");
                let module = Module::new(&engine, wasm).map_err(load_error)?;
                if let Some(path) = &path
                    && let Err(error) = code_cache::store(path, &module)
                {
                    progress(&format!("cannot keep the compiled engine in {}: {error}", path.display()));
                }
                module
            }
        };
        Self::of(expected, &engine, &module)
    }

    /// A blob that was prepared on this machine before: the blob itself, which takes long to decompress, is not
    /// looked at. `None` when the cache does not have it.
    pub fn cached(hash: CompilerHash, cache_dir: &Path) -> Option<Compiler> {
        let engine = engine().ok()?;
        let module = code_cache::load(&code_cache::path(cache_dir, &hash, &engine), &engine)?;
        Self::of(hash, &engine, &module).ok()
    }

    fn of(hash: CompilerHash, engine: &Engine, module: &Module) -> Result<Compiler, HostError> {
        let linker = imports::linker(engine, module).map_err(load_error)?;
        let instance = linker.instantiate_pre(module).map_err(load_error)?;
        Ok(Compiler { hash, instance })
    }

    /// The blob's hash.
    pub fn hash(&self) -> CompilerHash {
        self.hash
    }

    /// Compiles a model file with at most `fuel` units of fuel, and never more than [`MAX_COMPILE_FUEL`].
    ///
    /// # Errors
    /// [`HostError`] when the machine fails; a model that does not compile is an outcome.
    pub fn compile(&self, onnx: &[u8], shapes: &[InputShape], fuel: u64) -> Result<Compilation, HostError> {
        if let Err(inadmissible) = admission::inspect(onnx, shapes) {
            return Ok(Compilation { fuel: 0, memory_bytes: 0, outcome: Err(inadmissible.into()) });
        }
        let fuel = fuel.min(MAX_COMPILE_FUEL);
        let guest::Run { fuel: burned, memory_bytes, ending } = std::thread::scope(|scope| {
            let work = || guest::run(&self.instance, onnx, shapes, fuel);
            let thread = std::thread::Builder::new().name("compiler".into()).stack_size(THREAD_STACK);
            let thread = thread.spawn_scoped(scope, work).map_err(|_| HostError::Resources("a thread"))?;
            thread.join().map_err(|_| HostError::Load("the sandbox failed".into()))?
        })?;
        let outcome = match ending {
            Ending::Plan(bytes) => check(&bytes),
            Ending::Refused(reason) => Err(Refusal::DoesNotCompile(reason)),
            Ending::OutOfFuel => Err(Refusal::OutOfFuel(fuel)),
        };
        Ok(Compilation { fuel: burned, memory_bytes, outcome })
    }
}

/// What the blob wrote is believed only once it has been decoded and validated.
fn check(bytes: &[u8]) -> Result<ValidPlan, Refusal> {
    let plan = Plan::decode(bytes).and_then(Plan::validate);
    plan.map_err(|error| Refusal::DoesNotCompile(error.to_string()))
}
