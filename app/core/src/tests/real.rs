//! The engine that chains use, inside block execution: a real model, and a hostile file.

use super::chain::*;
use crate::{App, Engine};
use assay_compiler::{Compiler, PlanCache};
use assay_exec::Isa;
use assay_genesis::{GenesisEngine, GenesisState, artifact};
use assay_store::Store;
use assay_types::hash::TxHash;
use assay_types::limits::MAX_COMPILE_FUEL;
use assay_types::message::{Message, SealModel};
use assay_types::receipt::Outcome;
use assay_types::tensor::Tensor;
use std::path::{Path, PathBuf};

fn data(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data");
    std::fs::read(folder.join(name)).unwrap()
}

/// Where the compiler's own tests keep its machine code: under the target directory.
fn code_cache() -> PathBuf {
    let exe = std::env::current_exe().unwrap();
    exe.ancestors().nth(3).unwrap().join("tmp/engine-code")
}

fn compiler() -> Compiler {
    let artifact = artifact(1).unwrap();
    let hash = artifact.manifest().unwrap().compiler_hash;
    Compiler::load(&artifact.blob().unwrap(), hash, Some(&code_cache()), &mut |_| {}).unwrap()
}

fn start() -> Chain {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&dir.path().join("state")).unwrap();
    let plans = PlanCache::new(dir.path().join("plans"));
    let app = App::open(store, Engine::new(vec![(1, compiler())], plans, Isa::detect())).unwrap();
    let state = GenesisState { engine: GenesisEngine::of(1).unwrap(), ..genesis() };
    assert_eq!(state.validate(), Ok(()));
    app.init_chain(CHAIN_ID, &serde_json::to_vec(&state).unwrap()).unwrap();
    Chain { dir, app }
}

fn seal_with(file: &[u8], max_fuel: u64) -> Message {
    Message::SealModel(SealModel { model: id(file), max_fuel })
}

#[test]
fn the_committed_engine_seals_and_runs_a_model_inside_blocks() {
    let chain = start();
    let alice = Who::alice();
    let file = data("models/mlp_digits.onnx");
    let compilation = compiler().compile(&file, &[], MAX_COMPILE_FUEL).unwrap();
    let (fuel, plan) = (compilation.fuel, compilation.outcome.unwrap());
    chain.good(&[chain.sign(&alice, vec![publish(&file), upload(&file, 0)])]);
    assert_eq!(chain.send(&alice, vec![seal_with(&file, fuel / 2)]).code, 42);
    chain.good(&[chain.sign(&alice, vec![seal_with(&file, fuel)])]);
    let record = chain.app.reader().model(&id(&file)).unwrap().unwrap().record;
    let compiled = record.runnable().unwrap();
    assert_eq!((compiled.plan, compiled.fuel, compiled.units), (plan.hash(), fuel, plan.units()));
    let port = &compiled.inputs[0];
    let pixels: Vec<f32> = (0..64).map(|pixel| (pixel % 17) as f32).collect();
    let input = named(&port.name, Tensor::from_f32(port.dims.clone(), &pixels).unwrap());
    let simulated = chain.app.reader().simulate(&id(&file), std::slice::from_ref(&input)).unwrap().unwrap();
    let bytes = chain.sign(&Who::bob(), vec![infer(&file, vec![input])]);
    let hash = TxHash::of(&bytes);
    chain.good(&[bytes]);
    let receipt = chain.app.reader().receipt(&hash, 0).unwrap().unwrap();
    assert_eq!(receipt.outcome, Outcome::Output(simulated.output_hash.unwrap()));
    assert_eq!(receipt.plan, plan.hash());
}

#[test]
fn a_hostile_file_costs_its_sender_and_nobody_else() {
    let chain = start();
    let alice = Who::alice();
    for name in ["hostile/26_cyclic.onnx", "hostile/40_symbolic_blowup.onnx", "hostile/93_rand.onnx"] {
        let file = data(name);
        chain.good(&[chain.sign(&alice, vec![publish(&file), upload(&file, 0)])]);
        let result = chain.send(&alice, vec![seal_with(&file, 100_000_000)]);
        assert_eq!(result.code, 42, "{name}: {}", result.log);
        assert!(result.log.starts_with("message 0: the model does not compile: "), "{}", result.log);
    }
    chain.good(&[chain.sign(&alice, vec![pay(&Who::bob(), 1)])]);
}
