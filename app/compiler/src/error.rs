//! Two kinds of failure: a model that does not compile, and a machine that cannot compile.

use crate::admission::Inadmissible;
use assay_types::hash::CompilerHash;

/// Why a model has no plan. Whether it has one, and the fuel that this cost, is the same on every machine;
/// the texts are for the model's author and never enter state.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Refused before the sandbox.
    #[error(transparent)]
    Inadmissible(#[from] Inadmissible),
    /// The compiler refused it, stopped, or ran out of its memory.
    #[error("the model does not compile: {0}")]
    DoesNotCompile(String),
    /// The fuel ran out.
    #[error("the model does not compile within {0} units of fuel")]
    OutOfFuel(u64),
}

impl Refusal {
    /// A stable name of the kind of refusal, for programs.
    pub fn name(&self) -> &'static str {
        match self {
            Refusal::Inadmissible(inadmissible) => inadmissible.name(),
            Refusal::DoesNotCompile(_) => "does_not_compile",
            Refusal::OutOfFuel(_) => "out_of_fuel",
        }
    }
}

/// The machine failed: no statement about a model. A node that meets one stops.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// The blob is not the one that was asked for.
    #[error("the compiler blob has the hash {got}, expected {expected}: reinstall the program")]
    WrongBlob {
        /// The engine's.
        expected: CompilerHash,
        /// The blob's.
        got: CompilerHash,
    },
    /// The blob is no WebAssembly that this host can run.
    #[error("the compiler blob cannot be loaded: {0}")]
    Load(String),
    /// The operating system refused memory or a thread.
    #[error("this machine refused {0}: free some memory and start again")]
    Resources(&'static str),
    /// A file of a cache could not be written.
    #[error("cannot write {path}: {error}")]
    Write {
        /// The file.
        path: String,
        /// What the system says.
        error: std::io::Error,
    },
}
