//! Running the inference again: the model's file must be the one that the receipt names, its plan the one
//! that the chain agreed on, its output the same bits.

use super::parts::Parts;
use super::{Finding, Rerun, ensure};
use crate::local::{self, Workbench};
use assay_plan::ValidPlan;
use assay_types::model::Manifest;
use assay_types::receipt::Outcome;
use assay_types::tensor;

/// What is at hand.
pub struct Material<'a> {
    /// The model's file.
    pub model: Option<&'a [u8]>,
    /// The machine.
    pub workbench: &'a Workbench,
}

pub struct Steps {
    pub checks: Vec<(&'static str, Finding)>,
    pub rerun: Rerun,
}

pub fn run(parts: &Parts, material: &Material<'_>) -> Steps {
    let mut checks = vec![];
    let plan = match material.model {
        Some(file) => match compile(parts, file, material.workbench) {
            Ok(plan) => plan,
            Err(why) => return Steps { checks: vec![("plan", Err(why))], rerun: Rerun::Skipped },
        },
        None => match material.workbench.cached(&parts.receipt.plan) {
            Some(plan) => plan,
            None => return Steps { checks, rerun: Rerun::Skipped },
        },
    };
    checks.push(("plan", Ok(format!("{}", plan.hash()))));
    let result = compare(parts, &plan);
    let rerun = if result.is_ok() { Rerun::Match } else { Rerun::Differs };
    checks.push(("rerun", result));
    Steps { checks, rerun }
}

fn compile(parts: &Parts, file: &[u8], workbench: &Workbench) -> Result<ValidPlan, String> {
    let shapes = &parts.bundle.manifest.shapes;
    let id = Manifest::of(file, shapes.clone()).id();
    ensure(id == parts.receipt.model, || format!("the file is model {id}, not {}", parts.receipt.model))?;
    let compiled = workbench.compile(parts.receipt.engine, file, shapes);
    let plan = compiled.and_then(local::Compiled::plan).map_err(|error| error.to_string())?;
    ensure(plan.hash() == parts.receipt.plan, || {
        format!("the model compiles to plan {}, the receipt says {}", plan.hash(), parts.receipt.plan)
    })?;
    Ok(plan)
}

fn compare(parts: &Parts, plan: &ValidPlan) -> Finding {
    let run = local::run(plan, &parts.input, None).map_err(|error| error.to_string())?;
    match (run.outputs, parts.receipt.outcome) {
        (None, Outcome::Failed) => Ok("it fails here too".into()),
        (None, Outcome::Output(_)) => Err("it fails here".into()),
        (Some(_), Outcome::Failed) => Err("it does not fail here".into()),
        (Some(outputs), Outcome::Output(expected)) => {
            let hash = tensor::output_hash(&outputs);
            ensure(hash == expected, || format!("it gives {hash} here, the receipt says {expected}"))?;
            Ok(format!("the same bits, in {:.1} ms", run.millis))
        }
    }
}
