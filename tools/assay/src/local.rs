//! This machine as a validator: compiling a model and running its plan, with the same sandbox and the same
//! bodies.
//!
//! The engine comes with the program, or from a file whose hash must be the engine's. Machine code and plans
//! are kept in the user's cache, which the node shares; neither is believed, both are checked by hash.

use crate::error::{Error, Result};
use crate::files;
use assay_compiler::{Compiler, HostError, PlanCache, Refusal};
use assay_exec::{Executable, Isa, RunError};
use assay_genesis::engines::{self, MAX_COMPILER_BYTES};
use assay_plan::ValidPlan;
use assay_types::hash::{CompilerHash, PlanHash};
use assay_types::limits::{MAX_COMPILE_FUEL, MAX_MODEL_BYTES};
use assay_types::params::FUEL_PER_UNIT;
use assay_types::tensor::{InputShape, NamedTensor};
use indicatif::{ProgressBar, ProgressStyle};
use std::ffi::OsString;
use std::fs::File;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The engine that models are published with.
pub const ENGINE: u32 = engines::LATEST;

/// A model file of at most the protocol's size.
///
/// # Errors
/// When it cannot be read or is larger.
pub fn read_model(path: &Path) -> Result<Vec<u8>> {
    files::read_bounded(path, MAX_MODEL_BYTES)
}

/// What compiling gave.
#[derive(Debug)]
pub struct Compiled {
    /// Fuel burned.
    pub fuel: u64,
    /// The plan, or why there is none.
    pub outcome: Result<ValidPlan, Refusal>,
}

impl Compiled {
    /// The plan.
    ///
    /// # Errors
    /// The refusal as the input error that it is.
    pub fn plan(self) -> Result<ValidPlan> {
        self.outcome.map_err(|refusal| Error::Input {
            name: "inadmissible",
            message: refusal.to_string(),
            hint: hint(&refusal),
        })
    }
}

/// What to do about a refusal.
pub fn hint(refusal: &Refusal) -> String {
    match refusal {
        Refusal::Inadmissible(assay_compiler::admission::Inadmissible::OpenDimension { .. }) => {
            "fix every dimension with --shape".into()
        }
        _ => "see docs/reference/operators.md for what a model may contain".into(),
    }
}

/// Units of sealing: the fuel of the compilation in units, and the loading of the plan.
pub fn seal_units(fuel: u64, plan: &ValidPlan) -> u64 {
    fuel.div_ceil(FUEL_PER_UNIT).saturating_add(plan.load_units())
}

/// Compiles and runs on this machine.
pub struct Workbench {
    cache: PathBuf,
    engines: PathBuf,
    engine_file: Option<PathBuf>,
    quiet: bool,
}

impl Workbench {
    /// A workbench that caches under a home.
    pub fn new(home: &Path) -> Self {
        let cache = home.join("cache");
        let engines = machine_code(&cache, |name| std::env::var_os(name));
        Self { cache, engines, engine_file: None, quiet: false }
    }

    /// Takes the compiler from a file instead of from the program.
    pub fn with_engine_file(mut self, file: Option<PathBuf>) -> Self {
        self.engine_file = file;
        self
    }

    /// Says nothing on stderr.
    pub fn quiet(mut self) -> Self {
        self.quiet = true;
        self
    }

    /// Compiles a model with an engine.
    ///
    /// # Errors
    /// When the engine is not there, or the machine fails; a model that does not compile is an outcome.
    pub fn compile(&self, engine: u32, onnx: &[u8], shapes: &[InputShape]) -> Result<Compiled> {
        // What needs no compiler is not made to wait for one.
        if let Err(inadmissible) = assay_compiler::admission::inspect(onnx, shapes) {
            return Ok(Compiled { fuel: 0, outcome: Err(inadmissible.into()) });
        }
        let compilation = self.compiler(engine)?.compile(onnx, shapes, MAX_COMPILE_FUEL).map_err(host)?;
        if let Ok(plan) = &compilation.outcome {
            // A cache that takes nothing costs time later, and no more.
            let _ = self.plans().put(plan);
        }
        Ok(Compiled { fuel: compilation.fuel, outcome: compilation.outcome })
    }

    /// A plan that was compiled here before.
    pub fn cached(&self, hash: &PlanHash) -> Option<ValidPlan> {
        self.plans().get(hash)
    }

    /// The folder where a plan's packed constants are kept.
    pub fn packed(&self, hash: &PlanHash) -> PathBuf {
        self.plans().folder_of(hash)
    }

    fn plans(&self) -> PlanCache {
        PlanCache::new(self.cache.join("plans"))
    }

    fn compiler(&self, engine: u32) -> Result<Compiler> {
        let known = engines::artifact(engine);
        let broken = |error: engines::EngineError| Error::Internal(error.to_string());
        let expected = known.map(|known| known.manifest()).transpose().map_err(broken)?;
        let expected = expected.map(|manifest| manifest.compiler_hash);
        let built_in = expected.filter(|_| self.engine_file.is_none());
        if let Some(compiler) = built_in.and_then(|hash| Compiler::cached(hash, &self.engines)) {
            return Ok(compiler);
        }
        let (blob, hash) = match (&self.engine_file, known, expected) {
            (Some(file), _, _) => {
                let blob = files::read_bounded(file, MAX_COMPILER_BYTES)?;
                let hash = CompilerHash::of(&blob);
                if expected.is_some_and(|expected| expected != hash) {
                    return Err(Error::input(
                        format!(
                            "{} is not the compiler of engine {engine}: its hash is {hash}",
                            file.display()
                        ),
                        "leave --engine away to use the built-in one",
                    ));
                }
                (blob, hash)
            }
            (None, Some(known), Some(hash)) => (known.blob().map_err(broken)?, hash),
            _ => {
                return Err(Error::input(
                    format!("this version has no engine {engine}"),
                    "install a newer version, or give its compiler with --engine FILE",
                ));
            }
        };
        let mut progress = Progress { quiet: self.quiet, spinner: None };
        let mut say = |line: &str| progress.say(line);
        // Without a turn the work may be done twice; that is all.
        let _turn = take_turn(&self.engines, &mut say).ok();
        Compiler::load(&blob, hash, Some(&self.engines), &mut say).map_err(host)
    }
}

/// What a wait of half a minute looks like: a line that moves on a terminal, a plain one elsewhere.
struct Progress {
    quiet: bool,
    spinner: Option<ProgressBar>,
}

impl Progress {
    fn say(&mut self, line: &str) {
        if self.quiet {
            return;
        }
        // It takes the place of the line before, which is over.
        self.finish();
        if !std::io::stderr().is_terminal() {
            eprintln!("{line}");
            return;
        }
        let style = ProgressStyle::with_template("{spinner} {msg} {elapsed}");
        let spinner = ProgressBar::new_spinner().with_message(line.to_owned());
        let spinner = spinner.with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
        spinner.enable_steady_tick(Duration::from_millis(100));
        self.spinner = Some(spinner);
    }

    fn finish(&mut self) {
        if let Some(spinner) = self.spinner.take() {
            spinner.finish_and_clear();
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.finish();
    }
}

/// Processes that start together, nodes among them, take turns: one prepares the engine, the others read it.
fn take_turn(folder: &Path, say: &mut dyn FnMut(&str)) -> std::io::Result<File> {
    std::fs::create_dir_all(folder)?;
    let file = File::options().create(true).truncate(false).write(true).open(folder.join("lock"))?;
    if file.try_lock().is_err() {
        say("waiting for another process that prepares the engine...");
        file.lock()?;
    }
    Ok(file)
}

/// Where machine code is kept: it takes half a minute to make, so the node and every wallet of a user share
/// it.
fn machine_code(own: &Path, env: impl Fn(&str) -> Option<OsString>) -> PathBuf {
    let absolute = |name: &str| env(name).map(PathBuf::from).filter(|path| path.is_absolute());
    absolute("ASSAY_CACHE_DIR")
        .or_else(|| absolute("XDG_CACHE_HOME").map(|cache| cache.join("assay")))
        .or_else(|| absolute("HOME").map(|home| home.join(".cache/assay")))
        .unwrap_or_else(|| own.to_path_buf())
        .join("engines")
}

fn host(error: HostError) -> Error {
    Error::Internal(error.to_string())
}

/// What a run gave.
#[derive(Debug)]
pub struct Run {
    /// The outputs; `None` when the data made an opcode fail.
    pub outputs: Option<Vec<NamedTensor>>,
    /// Milliseconds of the run alone.
    pub millis: f64,
}

/// Runs a plan on inputs in the model's order. With a folder, packed constants are kept there for the next
/// run.
///
/// # Errors
/// When the tensors are not the plan's inputs.
pub fn run(plan: &ValidPlan, inputs: &[NamedTensor], folder: Option<&Path>) -> Result<Run> {
    let executable = match folder {
        Some(folder) => Executable::load(plan.clone(), Isa::detect(), folder),
        None => Executable::new(plan.clone(), Isa::detect()),
    };
    let start = Instant::now();
    let result = executable.run(inputs);
    let millis = start.elapsed().as_secs_f64() * 1e3;
    match result {
        Ok(outputs) => Ok(Run { outputs: Some(outputs), millis }),
        Err(RunError::Failed) => Ok(Run { outputs: None, millis }),
        Err(RunError::Input(error)) => {
            Err(Error::input(error.to_string(), "see the model's inputs with `assay model inspect`"))
        }
    }
}
