//! Every operator by itself: hundreds of models of one operator, each with its pinned plan, bits and price.
//!
//! Each compiles twice to the same plan for the same fuel, runs on every body of the kernels to the same bits, also
//! four times at once, and agrees with what ONNX Runtime made of the same inputs. A flavour of an operator that the
//! compiler has no lowering for is refused, twice alike; that too is pinned. The pinned table is
//! `tests/golden/corpus.txt`; `ASSAY_BLESS=1` writes it anew, and a change of it is a change of the engine. Real models
//! stand at its end.

use crate::agreement::disagreement;
use crate::archive::{Case, Rule, cases};
use crate::arrays::tensors;
use crate::{compiler, files, root, stem};
use assay_compiler::admission::ops;
use assay_exec::vector::{self, Vector};
use assay_exec::{Executable, Isa};
use assay_plan::{Plan, ValidPlan};
use assay_types::limits::MAX_COMPILE_FUEL;
use assay_types::tensor::{DType, NamedTensor, output_hash};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock};

/// Compiles a case twice. `None` is a refusal.
fn compiled(case: &Case) -> Result<Option<ValidPlan>, String> {
    let compile = || compiler().compile(&case.onnx, &case.shapes(), MAX_COMPILE_FUEL).unwrap();
    let (first, second) = (compile(), compile());
    if first.fuel != second.fuel {
        return Err(format!("{} fuel, then {}", first.fuel, second.fuel));
    }
    match (first.outcome, second.outcome) {
        (Ok(first), Ok(second)) if first.bytes() == second.bytes() => Ok(Some(first)),
        (Err(first), Err(second)) if first.to_string() == second.to_string() => Ok(None),
        _ => Err("two compilations differ".into()),
    }
}

/// Runs a plan node by node on the reference, then as a program on every body, alone and on four threads at once.
fn outputs(plan: &ValidPlan, inputs: &[NamedTensor]) -> Result<Vec<NamedTensor>, String> {
    let run = |executable: &Executable| executable.run(inputs).map_err(|error| error.to_string());
    let law = run(&Executable::plain(plan.clone(), Isa::Reference))?;
    for isa in Isa::available() {
        let executable = Executable::new(plan.clone(), isa);
        for threads in 1..=4 {
            let same = std::thread::scope(|scope| {
                let runs: Vec<_> = (0..threads).map(|_| scope.spawn(|| run(&executable))).collect();
                runs.into_iter().all(|run| run.join().unwrap().as_ref() == Ok(&law))
            });
            if !same {
                return Err(format!("other bits from {} on {threads} threads", isa.name()));
            }
        }
    }
    Ok(law)
}

/// A case's line of the pinned table, and its golden vector unless it is refused.
type Entry = Result<(String, Option<Vector>), String>;

fn entry(case: &Case) -> Entry {
    let Some(plan) = compiled(case)? else { return Ok((format!("{} refused\n", case.name), None)) };
    let outputs = outputs(&plan, &case.inputs)?;
    // A whole model is compared in `models.rs`.
    let difference = (case.operator != MODEL)
        .then(|| disagreement(&case.name, case.rule, &outputs, &case.outputs))
        .flatten();
    if let Some(difference) = difference {
        return Err(difference);
    }
    let (name, output, units) = (case.name.clone(), output_hash(&outputs), plan.units());
    let line = format!("{name} {} {output} {units}\n", plan.hash());
    let vector = Vector { name, plan: plan.bytes(), inputs: case.inputs.clone(), output, units };
    Ok((line, Some(vector)))
}

/// The operator of a case that is a whole model.
const MODEL: &str = "model";

/// The real models as cases.
fn whole_models() -> Vec<Case> {
    let case = |onnx: &std::path::PathBuf| Case {
        name: format!("{MODEL}.{}", stem(onnx)),
        operator: MODEL.into(),
        domain: String::new(),
        rule: Rule::Close,
        onnx: std::fs::read(onnx).unwrap(),
        inputs: tensors(onnx, "in/"),
        outputs: tensors(onnx, "out/"),
    };
    files("tests/data/models", "onnx").iter().map(case).collect()
}

/// The entries of all cases, in order, made once, by as many threads as there are cores.
fn entries() -> &'static [Entry] {
    static ENTRIES: OnceLock<Vec<Entry>> = OnceLock::new();
    ENTRIES.get_or_init(|| {
        let whole = whole_models();
        let all: Vec<&Case> = cases().iter().chain(&whole).collect();
        let next = AtomicUsize::new(0);
        let done = Mutex::new(vec![Err(String::new()); all.len()]);
        let work = || {
            while let index = next.fetch_add(1, Ordering::Relaxed)
                && let Some(case) = all.get(index)
            {
                let entry = entry(case).map_err(|reason| format!("{}: {reason}", case.name));
                done.lock().unwrap()[index] = entry;
            }
        };
        std::thread::scope(|scope| {
            for _ in 0..std::thread::available_parallelism().map_or(2, usize::from) {
                scope.spawn(work);
            }
        });
        done.into_inner().unwrap()
    })
}

#[allow(clippy::disallowed_methods)] // a test may look at the environment
fn environment(name: &str) -> Option<std::ffi::OsString> {
    std::env::var_os(name)
}

/// With `ASSAY_VECTORS` the golden vectors that were just found right are written there, for `make cross`.
#[test]
fn every_one_operator_model_has_its_pinned_plan_bits_and_price() {
    let failures: Vec<&str> =
        entries().iter().filter_map(|entry| entry.as_ref().err()).map(String::as_str).collect();
    assert!(failures.is_empty(), "{} cases fail:\n{}", failures.len(), failures.join("\n"));
    let head = "# case, plan, output, units; rewritten by ASSAY_BLESS=1 when the engine changes\n";
    let lines = entries().iter().flatten().map(|(line, _)| line.as_str());
    let table: String = [head].into_iter().chain(lines).collect();
    let path = root().join("app/compiler/tests/golden/corpus.txt");
    if environment("ASSAY_BLESS").is_some() {
        std::fs::write(&path, &table).unwrap();
    }
    let pinned = std::fs::read_to_string(&path).unwrap();
    for (found, pinned) in table.lines().zip(pinned.lines()) {
        assert_eq!(found, pinned);
    }
    assert_eq!(table.lines().count(), pinned.lines().count());
    if let Some(path) = environment("ASSAY_VECTORS") {
        std::fs::write(path, vector::encode(&vectors())).unwrap();
    }
}

fn vectors() -> Vec<Vector> {
    entries().iter().flatten().filter_map(|(_, vector)| vector.clone()).collect()
}

/// What a plan has that another may lack: its opcodes, and of the small ones also their first attribute.
fn traits(vector: &Vector) -> BTreeSet<Vec<u8>> {
    let plan = Plan::decode(&vector.plan).unwrap();
    let encodings = plan.nodes.iter().map(|node| (node.dtype, borsh::to_vec(&node.op).unwrap()));
    let short = |(dtype, op): (DType, Vec<u8>)| {
        let mut short: Vec<u8> = op.iter().take(if op.len() <= 6 { 2 } else { 1 }).copied().collect();
        short.push(dtype as u8);
        short
    };
    encodings.map(short).collect()
}

/// The vectors that a node runs before it validates: small ones, until every opcode has been met.
fn of_the_node() -> Vec<Vector> {
    const MOST_BYTES: usize = 3000;
    let mut met = BTreeSet::new();
    let small = |vector: &Vector| vector::encode(std::slice::from_ref(vector)).len() <= MOST_BYTES;
    let mut list: Vec<Vector> = vectors().into_iter().filter(small).collect();
    list.retain(|vector| {
        let before = met.len();
        met.extend(traits(vector));
        met.len() > before
    });
    list
}

#[test]
fn the_nodes_own_vectors_are_of_the_corpus_and_meet_every_opcode_of_it() {
    let bytes = vector::encode(&of_the_node());
    let path = root().join("node/src/selftest/vectors.bin");
    if environment("ASSAY_BLESS").is_some() {
        std::fs::write(&path, &bytes).unwrap();
    }
    assert!(std::fs::read(&path).unwrap() == bytes, "bless node/src/selftest/vectors.bin");
    let opcodes = |vectors: &[Vector]| -> BTreeSet<&'static str> {
        let plans = vectors.iter().map(|vector| Plan::decode(&vector.plan).unwrap());
        plans.flat_map(|plan| plan.nodes).map(|node| node.op.name()).collect()
    };
    assert_eq!(opcodes(&vector::decode(&bytes).unwrap()), opcodes(&vectors()));
}

#[test]
fn every_operator_of_the_allow_list_has_a_model_that_compiles() {
    let compiled: BTreeSet<String> = vectors().into_iter().map(|vector| vector.name).collect();
    let compiled = cases().iter().filter(|case| compiled.contains(&case.name));
    let covered: BTreeSet<(&str, &str)> =
        compiled.clone().map(|case| (case.domain.as_str(), case.operator.as_str())).collect();
    let missing: Vec<_> = ops::supported().filter(|operator| !covered.contains(operator)).collect();
    assert!(missing.is_empty(), "{missing:?}");
    assert!(compiled.clone().count() >= 600, "{}", compiled.count());
}
