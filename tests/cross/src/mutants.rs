//! Mutants of the plans in a file of golden vectors, through validator and executor, for as long as asked.
//!
//!     mutants FILE COUNT [FIRST SEED]
//!
//! Every mutant follows from its seed. A crash or a difference between two bodies ends the program, naming the seed;
//! at the end it prints how many were refused, ran, failed or were too large, the slowest, and the peak memory.

use assay_cross::choice::Choice;
use assay_cross::judge::judge;
use assay_cross::mutation::{made, mutant};
use assay_exec::vector;
use assay_plan::Plan;
use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// A mutant that takes longer hangs.
const LONGEST: Duration = Duration::from_secs(20);

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let run = match &arguments[..] {
        [file, count] => run(file, count, "0"),
        [file, count, first] => run(file, count, first),
        _ => Err("usage: mutants FILE COUNT [FIRST SEED]".to_owned()),
    };
    match run {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("mutants: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(file: &str, count: &str, first: &str) -> Result<(), String> {
    let number = |text: &str| text.parse::<u64>().map_err(|error| format!("{text}: {error}"));
    let (count, first) = (number(count)?, number(first)?);
    let bytes = std::fs::read(file).map_err(|error| format!("{file}: {error}"))?;
    let plans = vector::decode(&bytes)?.into_iter().filter_map(|vector| Plan::decode(&vector.plan).ok());
    let pool: Vec<Plan> = plans.collect();
    let mut outcomes = BTreeMap::new();
    let mut slowest = (Duration::ZERO, 0);
    let start = Instant::now();
    for seed in first..first.saturating_add(count) {
        let mut choice = Choice::seeded(seed);
        let from = Instant::now();
        let plan = if seed % 4 == 3 { made(&pool, &mut choice) } else { mutant(&pool, &mut choice) };
        let judged = std::panic::catch_unwind(|| judge(&plan, &mut choice.clone()));
        let outcome = judged.map_err(|_| format!("seed {seed} breaks a run"))?;
        *outcomes.entry(outcome).or_insert(0u64) += 1;
        slowest = slowest.max((from.elapsed(), seed));
    }
    println!(
        "{count} mutants of {} plans in {:.0} s: {outcomes:?}",
        pool.len(),
        start.elapsed().as_secs_f64()
    );
    println!("slowest {:.2} s (seed {}); {}", slowest.0.as_secs_f64(), slowest.1, peak_memory());
    if slowest.0 > LONGEST {
        return Err(format!("seed {} takes {:?}", slowest.1, slowest.0));
    }
    Ok(())
}

/// The most memory that this process has held, as Linux tells it.
fn peak_memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find(|line| line.starts_with("VmHWM"));
    peak.map_or_else(
        || "peak memory unknown".to_owned(),
        |line| line.split_whitespace().collect::<Vec<_>>().join(" "),
    )
}
