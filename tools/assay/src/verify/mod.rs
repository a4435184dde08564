//! Verifying a bundle, offline: is this output what the chain says of this input?
//!
//! The checks run in order, each on what the ones before it have shown: the file's form, the trust anchor,
//! the signed header, the proof of the receipt against the header's app hash, the receipt's fields, the
//! hashes of input, output and model. With the model or its plan at hand the inference is run again and
//! compared. Nothing in the file is believed: it may be a stranger's. No network, no clock.

mod header;
mod parts;
mod rerun;
mod trust;

pub use rerun::Material;
pub use trust::Trust;

use assay_types::path;
use assay_types::receipt::Outcome;
use assay_types::tensor;
use parts::Parts;
use serde::Serialize;

/// Bytes of a bundle's file.
pub const MAX_BUNDLE_BYTES: u64 = 16 * 1024 * 1024;

/// One check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// Its name.
    pub name: &'static str,
    /// Whether it holds.
    pub ok: bool,
    /// What was found, in words.
    pub detail: String,
}

/// What running the inference again showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Rerun {
    /// The same bits.
    Match,
    /// Something else.
    Differs,
    /// It was not run: no model and no plan at hand, or a check before it failed.
    Skipped,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Whether every check holds.
    pub valid: bool,
    /// The checks, in order.
    pub checks: Vec<Check>,
    /// The run.
    pub rerun: Rerun,
}

type Finding = Result<String, String>;

/// Checks a bundle's bytes against a trust anchor, and runs the inference again with what is at hand.
pub fn verify(bytes: &[u8], trust: &Trust, material: &Material<'_>) -> Report {
    let mut checks = vec![];
    let mut check = |name, finding: Finding| {
        let (ok, detail) = match finding {
            Ok(detail) => (true, detail),
            Err(detail) => (false, detail),
        };
        checks.push(Check { name, ok, detail });
        ok
    };
    let parts = match Parts::read(bytes) {
        Ok(parts) => parts,
        Err(why) => {
            check("format", Err(why));
            return Report { valid: false, checks, rerun: Rerun::Skipped };
        }
    };
    let mut valid = check("format", Ok(format!("a bundle of {} bytes", bytes.len())));
    valid &= check("trust", trust.check(&parts));
    valid &= check("header", header::check(&parts));
    valid &= check("proof", proof(&parts));
    valid &= check("receipt", receipt(&parts));
    valid &= check("input", input(&parts));
    valid &= check("output", output(&parts));
    valid &= check("model", model(&parts));
    let mut rerun = Rerun::Skipped;
    if valid {
        let steps = rerun::run(&parts, material);
        rerun = steps.rerun;
        for (name, finding) in steps.checks {
            valid &= check(name, finding);
        }
    }
    Report { valid, checks, rerun }
}

fn ensure(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise()) }
}

fn proof(parts: &Parts) -> Finding {
    let key = path::receipt(&parts.bundle.tx_hash, parts.bundle.index);
    let root = parts.app_hash()?;
    assay_types::proof::verify_existence(&root, &key, &parts.receipt_bytes, &parts.proof)
        .map_err(|error| error.to_string())?;
    Ok(format!("the receipt is in the state with root {root}"))
}

fn receipt(parts: &Parts) -> Finding {
    let receipt = &parts.receipt;
    let height = parts.header.header.height.value();
    // The header signs the state of the height before it, and a receipt is in the state from its own height on.
    ensure(receipt.height < height, || {
        format!(
            "the receipt is of height {}, and the header of {height} signs only what was before it",
            receipt.height
        )
    })?;
    ensure(receipt.model == parts.bundle.model_id, || {
        format!("the receipt is of model {}, the bundle says {}", receipt.model, parts.bundle.model_id)
    })?;
    let Outcome::Output(_) = receipt.outcome else {
        return Ok(format!("height {}, engine {}, the run failed", receipt.height, receipt.engine));
    };
    Ok(format!("height {}, engine {}, {} units", receipt.height, receipt.engine, receipt.units))
}

fn input(parts: &Parts) -> Finding {
    let hash = tensor::input_hash(&parts.input);
    ensure(hash == parts.receipt.input, || {
        format!("the inputs have the hash {hash}, the receipt says {}", parts.receipt.input)
    })?;
    Ok(format!("{hash}"))
}

fn output(parts: &Parts) -> Finding {
    match (&parts.output, parts.receipt.outcome) {
        (None, Outcome::Failed) => Ok("no output: the run failed".into()),
        (Some(_), Outcome::Failed) => {
            Err("there is an output, and the receipt says that the run failed".into())
        }
        (None, Outcome::Output(_)) => Err("the output that the receipt speaks of is missing".into()),
        (Some(output), Outcome::Output(expected)) => {
            let hash = tensor::output_hash(output);
            ensure(hash == expected, || {
                format!("the outputs have the hash {hash}, the receipt says {expected}")
            })?;
            Ok(format!("{hash}"))
        }
    }
}

fn model(parts: &Parts) -> Finding {
    let bundle = &parts.bundle;
    bundle.manifest.check().map_err(|error| error.to_string())?;
    let id = bundle.manifest.id();
    ensure(id == bundle.model_id, || format!("the manifest is of model {id}, not of {}", bundle.model_id))?;
    Ok(format!("{id}"))
}

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod tests;
