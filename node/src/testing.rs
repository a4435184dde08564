//! What the tests of this crate share: a state machine over an empty store, whose compiler is never asked.

use assay_compiler::{Compilation, HostError, PlanCache};
use assay_core::{App, Compile, Engine};
use assay_exec::Isa;
use assay_genesis::{GenesisAccount, GenesisEngine, GenesisState, engines, networks};
use assay_store::Store;
use assay_types::hash::CompilerHash;
use assay_types::tensor::InputShape;
use std::path::Path;

struct Idle(CompilerHash);

impl Compile for Idle {
    fn hash(&self) -> CompilerHash {
        self.0
    }

    fn compile(&self, _: &[u8], _: &[InputShape], _: u64) -> Result<Compilation, HostError> {
        Err(HostError::Resources("a compiler"))
    }
}

/// A state machine in a folder, before genesis.
pub(crate) fn app(folder: &Path) -> App {
    let engine = GenesisEngine::of(engines::LATEST).unwrap();
    let idle: Box<dyn Compile> = Box::new(Idle(engine.compiler));
    let plans = PlanCache::new(folder.join("plans"));
    let engine = Engine::with(vec![(engine.number, idle)], plans, Isa::Reference);
    App::open(Store::open(&folder.join("app.db")).unwrap(), engine).unwrap()
}

/// Starts the chain `c-1` with these accounts.
pub(crate) fn genesis(app: &App, accounts: Vec<GenesisAccount>) {
    let engine = GenesisEngine::of(engines::LATEST).unwrap();
    let state = GenesisState { accounts, engine, params: networks::params("local").unwrap() };
    app.init_chain("c-1", &serde_json::to_vec(&state).unwrap()).unwrap();
}
