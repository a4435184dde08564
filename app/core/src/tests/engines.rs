//! Plans: kept, rebuilt when lost, and never another than the chain's.

use super::chain::*;
use super::toy::Toy;
use crate::{Engine, EngineRecord, Fatal};
use assay_compiler::PlanCache;
use assay_exec::Isa;
use assay_store::Store;
use assay_types::{codec, path};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

fn counted() -> (Toy, Arc<Mutex<u32>>) {
    let toy = Toy::new(None);
    let count = toy.count.clone();
    (toy, count)
}

#[test]
fn a_plan_that_is_lost_is_compiled_again_from_the_chunks() {
    let chain = Chain::new();
    chain.seal(NEG);
    let plans = chain.dir.path().join("plans");
    let (toy, count) = counted();
    let chain = chain.restart_with(toy);
    chain.good(&[chain.sign(&Who::bob(), vec![infer_neg()])]);
    assert_eq!(*count.lock().unwrap(), 0, "the plan on disk was not used");
    std::fs::remove_dir_all(&plans).unwrap();
    let (toy, count) = counted();
    let chain = chain.restart_with(toy);
    chain.good(&[chain.sign(&Who::bob(), vec![infer_neg()])]);
    assert_eq!(*count.lock().unwrap(), 1);
    assert!(plans.exists());
}

/// The files of a folder and the folders in it whose names end so.
fn files(folder: &Path, end: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let found = |path: PathBuf| if path.is_dir() { files(&path, end) } else { vec![path] };
    entries.flat_map(found).filter(|path| path.to_str().unwrap().ends_with(end)).collect()
}

#[test]
fn a_plan_runs_from_its_image_alone_and_is_compiled_again_without_a_whole_one() {
    let chain = Chain::new();
    chain.seal(NEG);
    let plans = chain.dir.path().join("plans");
    let (kept, images) = (files(&plans, ".plan"), files(&plans, ".packed"));
    assert_eq!((kept.len(), images.len()), (1, 1));
    std::fs::remove_file(&kept[0]).unwrap();
    let (toy, count) = counted();
    let chain = chain.restart_with(toy);
    chain.good(&[chain.sign(&Who::bob(), vec![infer_neg()])]);
    assert_eq!(*count.lock().unwrap(), 0, "the image was not used");
    let mut image = std::fs::read(&images[0]).unwrap();
    *image.last_mut().unwrap() ^= 1;
    std::fs::remove_file(&images[0]).unwrap();
    std::fs::write(&images[0], image).unwrap();
    let (toy, count) = counted();
    let chain = chain.restart_with(toy);
    chain.good(&[chain.sign(&Who::bob(), vec![infer_neg()])]);
    assert_eq!(*count.lock().unwrap(), 1, "a damaged image was used");
    assert_eq!(files(&plans, ".plan"), kept);
}

#[test]
fn a_machine_that_compiles_to_another_plan_stops() {
    let chain = Chain::new();
    chain.seal(NEG);
    std::fs::remove_dir_all(chain.dir.path().join("plans")).unwrap();
    let mut toy = Toy::new(None);
    toy.wrong = true;
    let chain = chain.restart_with(toy);
    let before = chain.dump();
    // The plan is missed before anything is compared with the claim.
    let block = [chain.claim(&[]).encode(), chain.sign(&Who::bob(), vec![infer_neg()])];
    assert!(matches!(chain.decide(&block), Err(Fatal::OtherPlan { .. })));
    assert!(matches!(chain.app.commit(), Err(Fatal::NothingToCommit)));
    assert_eq!(chain.dump(), before);
}

#[test]
fn a_model_is_compiled_once_for_a_proposal_and_its_block() {
    let (toy, count) = counted();
    let chain = Chain::new().restart_with(toy);
    let tx = Who::alice().sign(0, vec![publish(NEG), upload(NEG, 0), seal(NEG)]);
    let packed = chain.app.prepare_proposal(1, vec![tx], u64::MAX).unwrap();
    chain.app.process_proposal(1, &packed).unwrap();
    assert_eq!(chain.decide(&packed).unwrap().tx_results[1].code, 0);
    chain.app.commit().unwrap();
    assert_eq!(*count.lock().unwrap(), 1);
}

#[test]
fn a_process_without_the_chains_engine_does_not_open_its_state() {
    let Chain { dir, app } = Chain::new();
    drop(app);
    let store = Store::open(&dir.path().join("state")).unwrap();
    let plans = PlanCache::new(dir.path().join("plans"));
    let error = crate::App::open(store, Engine::with(vec![], plans, Isa::Reference)).err().unwrap();
    assert!(matches!(error, Fatal::UnknownEngine(1)));
}

#[test]
fn an_engine_with_another_price_table_does_not_open_the_state() {
    let chain = Chain::new();
    let dump = chain.dump();
    for what in ["opcode set", "price table"] {
        let mut record: EngineRecord = codec::decode(&dump[&path::engine(1)], 1024).unwrap();
        *(if what == "price table" { &mut record.price_table } else { &mut record.opcode_set }) += 1;
        let error = chain.app.shared().engine.check(&record).unwrap_err();
        assert!(
            matches!(error, Fatal::OtherEnginePart { number: 1, what: found, .. } if found == what),
            "{error}"
        );
        assert!(error.is_other_version());
    }
}

#[test]
fn every_body_of_the_kernels_gives_the_same_root() {
    let mut roots = Vec::new();
    for isa in Isa::available() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("state")).unwrap();
        let plans = PlanCache::new(dir.path().join("plans"));
        let engine = Engine::with(vec![(1, Box::new(Toy::new(None)))], plans, isa);
        let app = crate::App::open(store, engine).unwrap();
        app.init_chain(CHAIN_ID, &serde_json::to_vec(&genesis()).unwrap()).unwrap();
        let chain = Chain { dir, app };
        chain.seal(NEG);
        chain.good(&[chain.sign(&Who::bob(), vec![infer_neg()])]);
        roots.push(chain.app.info().unwrap().app_hash);
    }
    assert!(roots.windows(2).all(|pair| pair[0] == pair[1]));
    assert!(!roots.is_empty());
}
