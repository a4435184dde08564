//! Checks a file of golden vectors on every body of the kernels that this processor can run.
//!
//!     vectors FILE [BODY]
//!
//! One line per body: `body vectors differences`. Differences are told on the error stream; any ends with status 1.

use assay_exec::{Isa, kernel_selftest, vector};
use std::process::ExitCode;

/// Runs at once; each number is tried.
const THREADS: [usize; 4] = [1, 2, 3, 4];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let checked = match &arguments[..] {
        [file] => check(file, None),
        [file, body] => check(file, Some(body)),
        _ => Err("usage: vectors FILE [BODY]".to_owned()),
    };
    match checked {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("vectors: {error}");
            ExitCode::from(2)
        }
    }
}

/// Checks a file; returns how many differences there are.
fn check(file: &str, body: Option<&str>) -> Result<usize, String> {
    let bytes = std::fs::read(file).map_err(|error| format!("{file}: {error}"))?;
    let vectors = vector::decode(&bytes).map_err(|error| format!("{file}: {error}"))?;
    let isas: Vec<Isa> =
        Isa::available().into_iter().filter(|isa| body.is_none_or(|body| isa.name() == body)).collect();
    if isas.is_empty() || vectors.is_empty() {
        return Err("nothing to check: no vector, or this processor has no such body".into());
    }
    let mut differences = 0;
    for isa in isas {
        let mut wrong: Vec<String> = kernel_selftest()
            .into_iter()
            .filter(|check| !check.ok && [isa.name(), "machine"].contains(&check.isa))
            .map(|check| format!("kernel {}", check.kernel))
            .collect();
        for vector in &vectors {
            for threads in THREADS {
                if let Err(difference) = vector.check(isa, threads) {
                    wrong.push(format!("{} on {threads} threads: {difference}", vector.name));
                    break;
                }
            }
        }
        println!("{} {} {}", isa.name(), vectors.len(), wrong.len());
        wrong.iter().for_each(|line| eprintln!("{}: {line}", isa.name()));
        differences += wrong.len();
    }
    Ok(differences)
}
