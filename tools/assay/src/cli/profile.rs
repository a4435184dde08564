//! `assay model profile`: where the time of a run goes, beside the units that are charged for it.

use super::args::Profile;
use super::context::Context;
use super::models;
use super::plans::{MAX_DETAIL, percent, share};
use super::reply::{Lines, Reply, table};
use super::tensors;
use crate::error::{Error, Result};
use assay_exec::{Executable, Isa, StepTime};
use assay_plan::ValidPlan;
use assay_types::limits::MAX_TENSOR_BYTES;
use assay_types::tensor::{DType, NamedTensor, Port, Tensor, byte_len};
use serde::Serialize;
use std::collections::BTreeMap;

/// One step of a run: one node, or several that are computed together.
#[derive(Serialize)]
struct StepRow {
    step: String,
    nodes: Vec<u32>,
    dtype: Option<DType>,
    shape: Vec<u32>,
    units: u64,
    micros: f64,
    /// Of the run's time.
    share: f64,
    nanos_per_unit: f64,
}

/// All steps of one name.
#[derive(Serialize, Default)]
struct StepKind {
    step: String,
    count: u64,
    units: u64,
    micros: f64,
    share: f64,
    nanos_per_unit: f64,
}

#[derive(Serialize)]
struct Profiled {
    isa: &'static str,
    runs: u32,
    units: u64,
    /// The best whole run, without the watch on its steps.
    micros: f64,
    nanos_per_unit: f64,
    opcodes: Vec<StepKind>,
    steps: Vec<StepRow>,
}

/// Runs a model again and again and shows where the time goes.
pub fn profile(context: &Context, command: Profile) -> Result<Reply> {
    let (plan, _) =
        models::compiled(context, &command.file, command.inputs.as_deref(), command.shapes.shapes)?;
    let inputs = match &command.inputs {
        Some(path) => tensors::read_inputs(context, path, plan.inputs(), MAX_TENSOR_BYTES)?,
        None => plan.inputs().iter().map(ones).collect::<Result<_>>()?,
    };
    let isa = bodies(command.isa.as_deref())?;
    let executable = Executable::new(plan.clone(), isa);
    let failed = |error| Error::input(format!("{error}"), "give other inputs with --inputs X.npz");
    let mut best = f64::INFINITY;
    let mut steps: Vec<StepTime> = executable.profile(&inputs).map_err(failed)?;
    for _ in 0..command.runs {
        let start = std::time::Instant::now();
        executable.run_with(&inputs, usize::from(command.threads)).map_err(failed)?;
        best = best.min(start.elapsed().as_secs_f64() * 1e6);
        let again = executable.profile(&inputs).map_err(failed)?;
        for (step, again) in steps.iter_mut().zip(again) {
            step.nanos = step.nanos.min(again.nanos);
        }
    }
    let found = profiled(&plan, isa, command.runs, best, &steps);
    Reply::new(&found, found.text())
}

/// An input when none is given: ones, which are in range as an index, a mask and a number.
fn ones(port: &Port) -> Result<NamedTensor> {
    let element: &[u8] = match port.dtype {
        DType::F32 => &1f32.to_le_bytes(),
        DType::I64 => &1i64.to_le_bytes(),
        DType::I32 => &1i32.to_le_bytes(),
        DType::I8 | DType::U8 | DType::Bool => &[1],
    };
    let count = byte_len(port.dtype, &port.dims).unwrap_or(0) / element.len();
    let tensor = Tensor::new(port.dtype, port.dims.clone(), element.repeat(count));
    let tensor = tensor.map_err(|error| Error::Internal(error.to_string()))?;
    Ok(NamedTensor { name: port.name.clone(), tensor })
}

/// The bodies of that name.
fn bodies(name: Option<&str>) -> Result<Isa> {
    let Some(name) = name else { return Ok(Isa::detect()) };
    let found = Isa::available().into_iter().find(|isa| isa.name() == name);
    found.ok_or_else(|| {
        let names: Vec<_> = Isa::available().into_iter().map(Isa::name).collect();
        Error::input(format!("this CPU has no bodies called {name}"), format!("one of {}", names.join(", ")))
    })
}

fn per_unit(micros: f64, units: u64) -> f64 {
    (micros * 1e3 / units.max(1) as f64 * 1e4).round() / 1e4
}

fn profiled(plan: &ValidPlan, isa: Isa, runs: u32, best: f64, steps: &[StepTime]) -> Profiled {
    let total: u64 = steps.iter().map(|step| step.nanos).sum();
    let row = |step: &StepTime| {
        let units = step.nodes.iter().map(|&node| plan.node_units()[node as usize]).sum();
        let last = step.nodes.last().map(|&node| &plan.plan().nodes[node as usize]);
        let micros = step.nanos as f64 / 1e3;
        StepRow {
            step: step.name.clone(),
            nodes: step.nodes.clone(),
            dtype: last.map(|node| node.dtype),
            shape: last.map(|node| node.dims.clone()).unwrap_or_default(),
            units,
            micros,
            share: share(step.nanos, total),
            nanos_per_unit: per_unit(micros, units),
        }
    };
    let steps: Vec<StepRow> = steps.iter().map(row).collect();
    let mut kinds: BTreeMap<&str, StepKind> = BTreeMap::new();
    for step in &steps {
        let kind = kinds.entry(&step.step).or_default();
        kind.count += 1;
        kind.units += step.units;
        kind.micros += step.micros;
        kind.share += step.share;
    }
    let whole = |(name, kind): (&str, StepKind)| StepKind {
        step: name.to_owned(),
        nanos_per_unit: per_unit(kind.micros, kind.units),
        ..kind
    };
    let mut opcodes: Vec<StepKind> = kinds.into_iter().map(whole).collect();
    opcodes.sort_by(|a, b| b.micros.total_cmp(&a.micros));
    let units = plan.units();
    let nanos_per_unit = per_unit(best, units);
    Profiled { isa: isa.name(), runs, units, micros: best, nanos_per_unit, opcodes, steps }
}

impl Profiled {
    fn text(&self) -> String {
        let kinds = self.opcodes.iter().map(|kind| {
            vec![
                kind.step.clone(),
                kind.count.to_string(),
                format!("{:.1}", kind.micros),
                percent(kind.share),
                kind.units.to_string(),
                format!("{:.3}", kind.nanos_per_unit),
            ]
        });
        let steps = self.steps.iter().map(|step| {
            let nodes: Vec<String> = step.nodes.iter().map(|node| format!("%{node}")).collect();
            vec![
                nodes.join(" ").chars().take(MAX_DETAIL).collect(),
                step.step.clone(),
                format!("{} {:?}", step.dtype.map_or(String::new(), |dtype| dtype.to_string()), step.shape),
                format!("{:.1}", step.micros),
                percent(step.share),
                step.units.to_string(),
                format!("{:.3}", step.nanos_per_unit),
            ]
        });
        let head = ["nodes", "step", "result", "us", "time", "units", "ns/unit"];
        format!(
            "{}\n{}\n\n{}",
            Lines::new()
                .add("bodies", self.isa)
                .add("best run", format!("{:.1} us", self.micros))
                .add("units", self.units)
                .add("ns per unit", format!("{:.3}", self.nanos_per_unit))
                .text(),
            table(&["step", "count", "us", "time", "units", "ns/unit"], kinds.collect()),
            table(&head, steps.collect()),
        )
    }
}
