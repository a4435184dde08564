//! Timing one case: the best of many runs of the steps that hold its opcode.

use crate::cases::{Case, is_measured};
use assay_exec::{Executable, Isa};
use std::error::Error;
use std::time::{Duration, Instant};

/// A case and what it took.
pub struct Measured {
    pub opcode: String,
    pub shapes: String,
    pub nanos: u64,
    pub units: u64,
}

impl Measured {
    pub fn nanos_per_unit(&self) -> f64 {
        self.nanos as f64 / self.units.max(1) as f64
    }
}

/// Runs a case for some milliseconds, and at least three times.
pub fn measure(case: Case, isa: Isa, millis: u64) -> Result<Measured, Box<dyn Error>> {
    let valid = case.plan.clone().validate().map_err(|error| format!("{}: {error}", case.name()))?;
    let measured: Vec<u32> = (0u32..)
        .zip(&valid.plan().nodes)
        .filter(|(_, node)| is_measured(&case, node))
        .map(|(id, _)| id)
        .take(1)
        .collect();
    let units: Vec<u64> = valid.node_units().to_vec();
    let executable = Executable::new(valid, isa);
    let (mut best, mut charged) = (u64::MAX, 0);
    let start = Instant::now();
    let mut runs = 0;
    while runs < 3 || start.elapsed() < Duration::from_millis(millis) {
        let steps = executable.profile(&case.inputs)?;
        let mine = steps.iter().filter(|step| step.nodes.iter().any(|node| measured.contains(node)));
        let (mut nanos, mut sum) = (0, 0);
        for step in mine {
            nanos += step.nanos;
            sum += step.nodes.iter().map(|&node| units[node as usize]).sum::<u64>();
        }
        (best, charged) = (best.min(nanos), sum);
        runs += 1;
    }
    Ok(Measured { opcode: case.opcode, shapes: case.shapes, nanos: best, units: charged })
}
