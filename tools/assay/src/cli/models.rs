//! `assay model`: looking into models, running them here, finding them on the chain.

use super::args::Model;
use super::context::Context;
use super::plans::Listing;
use super::profile;
use super::publish;
use super::reply::{Lines, Reply, table};
use super::tensors;
use crate::client::Client;
use crate::error::{Error, Result};
use crate::local::{self, Workbench};
use crate::npz::Npz;
use assay_compiler::admission::{self, PortReport, Report};
use assay_plan::ValidPlan;
use assay_types::api::ModelInfo;
use assay_types::hash::{ChunkHash, ModelId, OutputHash};
use assay_types::limits::{CHUNK_BYTES, MAX_TENSOR_BYTES};
use assay_types::model::{Manifest, ModelState};
use assay_types::tensor::{DType, InputShape, Port, output_hash};
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::Path;

/// Runs a command.
pub fn run(context: &Context, command: Model) -> Result<Reply> {
    match command {
        Model::Inspect { file, plan, shapes } => inspect(context, &file, plan, &shapes.shapes),
        Model::Run { file, inputs, output, shapes } => {
            run_here(context, &file, &inputs, output.as_deref(), shapes.shapes)
        }
        Model::Profile(command) => profile::profile(context, command),
        Model::Publish { file, name, version, description, shapes } => {
            let request = publish::Request { file, name, version, description, shapes: shapes.shapes };
            publish::publish(context, request)
        }
        Model::Seal { model } => publish::seal(context, &model),
        Model::Retire { model } => publish::retire(context, &model),
        Model::List { after, limit } => list(context, after, limit),
        Model::Show { model } => show(context, &model),
        Model::Download { model, output } => download(context, &model, output.as_deref()),
    }
}

#[derive(Serialize)]
struct OpenPort {
    name: String,
    dtype: DType,
    /// `null` stands for an open dim.
    shape: Vec<Option<u32>>,
}

impl From<&PortReport> for OpenPort {
    fn from(port: &PortReport) -> Self {
        Self { name: port.name.clone(), dtype: port.dtype, shape: port.dims.clone() }
    }
}

impl From<&Port> for OpenPort {
    fn from(port: &Port) -> Self {
        let shape = port.dims.iter().map(|dim| Some(*dim)).collect();
        Self { name: port.name.clone(), dtype: port.dtype, shape }
    }
}

/// `load_units` is what sealing costs beyond a plain transaction: the compilation's fuel in units, and the
/// loading of the plan; `image_bytes` the size of the plan.
#[derive(Serialize, Default)]
struct Inspected {
    admissible: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason_name: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
    model_bytes: u64,
    model_id: Option<ModelId>,
    inputs: Vec<OpenPort>,
    outputs: Vec<OpenPort>,
    operators: BTreeMap<String, u32>,
    /// What an author should know: outputs that are other than the file declares.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
    units: Option<u64>,
    load_units: Option<u64>,
    image_bytes: Option<u64>,
    memory_bytes: Option<u64>,
    fuel: Option<u64>,
    plan: Option<assay_types::hash::PlanHash>,
    /// With `--plan`.
    #[serde(flatten)]
    listing: Option<Listing>,
}

fn inspect(context: &Context, path: &Path, list: bool, shapes: &[InputShape]) -> Result<Reply> {
    let file = local::read_model(path)?;
    let mut found = Inspected { model_bytes: file.len() as u64, ..Inspected::default() };
    if let Ok(report) = admission::read(&file) {
        found.inputs = report.inputs.iter().map(Into::into).collect();
        found.outputs = report.outputs.iter().map(Into::into).collect();
        found.operators = report.operators;
        found.notes = report.notes;
    }
    let compiled = Workbench::new(&context.home).compile(local::ENGINE, &file, shapes)?;
    match &compiled.outcome {
        Ok(plan) => {
            found.admissible = true;
            found.model_id = Some(Manifest::of(&file, shapes.to_vec()).id());
            found.inputs = plan.inputs().iter().map(Into::into).collect();
            found.outputs = plan.outputs().iter().map(Into::into).collect();
            found.units = Some(plan.units());
            found.load_units = Some(local::seal_units(compiled.fuel, plan));
            found.image_bytes = Some(plan.bytes().len() as u64);
            found.memory_bytes = Some(plan.peak_bytes());
            found.fuel = Some(compiled.fuel);
            found.plan = Some(plan.hash());
            found.listing = list.then(|| Listing::of(plan));
        }
        Err(refusal) => {
            found.reason = Some(refusal.to_string());
            found.reason_name = Some(refusal.name());
            found.hint = Some(local::hint(refusal));
        }
    }
    let status = if found.admissible { 0 } else { 2 };
    Ok(Reply::new(&found, found.text())?.with_status(status))
}

impl Inspected {
    fn text(&self) -> String {
        let port = |port: &OpenPort| {
            let dims = port.shape.iter().map(|dim| dim.map_or("?".into(), |dim| dim.to_string()));
            format!("{} {} [{}]", port.name, port.dtype, dims.collect::<Vec<String>>().join(", "))
        };
        let ports = |list: &[OpenPort]| list.iter().map(port).collect::<Vec<_>>().join("; ");
        let operators: Vec<_> =
            self.operators.iter().map(|(name, count)| format!("{name} x{count}")).collect();
        Lines::new()
            .add("admissible", if self.admissible { "yes" } else { "no" })
            .add_some("reason", self.reason.as_ref())
            .add_some("hint", self.hint.as_ref())
            .add("file", format!("{} bytes", self.model_bytes))
            .add_some("model id", self.model_id)
            .add("inputs", ports(&self.inputs))
            .add("outputs", ports(&self.outputs))
            .add("operators", operators.join(", "))
            .add_some("note", (!self.notes.is_empty()).then(|| self.notes.join("; ")))
            .add_some("units of a run", self.units)
            .add_some("units of sealing", self.load_units)
            .add_some("plan bytes", self.image_bytes)
            .add_some("memory bytes", self.memory_bytes)
            .text()
            + &self.listing.as_ref().map_or(String::new(), |listing| format!("\n{}", listing.text()))
    }
}

/// A model's plan and the fuel of its compilation; open dims are those of the arrays, if there are any.
pub fn compiled(
    context: &Context,
    path: &Path,
    inputs: Option<&Path>,
    mut shapes: Vec<InputShape>,
) -> Result<(ValidPlan, u64)> {
    let file = local::read_model(path)?;
    if let (Ok(report), Some(inputs)) = (admission::read(&file), inputs) {
        shapes_from_arrays(context, &report, inputs, &mut shapes)?;
    }
    let compiled = Workbench::new(&context.home).compile(local::ENGINE, &file, &shapes)?;
    let fuel = compiled.fuel;
    Ok((compiled.plan()?, fuel))
}

#[derive(Serialize)]
struct Ran<'a> {
    output_hash: Option<OutputHash>,
    units: u64,
    load_units: u64,
    memory_bytes: u64,
    millis: f64,
    outputs: Vec<tensors::Shown<'a>>,
}

fn run_here(
    context: &Context,
    path: &Path,
    inputs: &Path,
    output: Option<&Path>,
    shapes: Vec<InputShape>,
) -> Result<Reply> {
    let (plan, fuel) = compiled(context, path, Some(inputs), shapes)?;
    let inputs = tensors::read_inputs(context, inputs, plan.inputs(), MAX_TENSOR_BYTES)?;
    let packed = Workbench::new(&context.home).packed(&plan.hash());
    let run = local::run(&plan, &inputs, Some(&packed))?;
    let failed = run.outputs.is_none();
    let outputs = run.outputs.unwrap_or_default();
    tensors::write_outputs(output, &outputs)?;
    let ran = Ran {
        output_hash: (!failed).then(|| output_hash(&outputs)),
        units: plan.units(),
        load_units: local::seal_units(fuel, &plan),
        memory_bytes: plan.peak_bytes(),
        millis: (run.millis * 1e3).round() / 1e3,
        outputs: tensors::shown(&outputs),
    };
    let mut text: String = ran.outputs.iter().map(|output| output.line() + "\n").collect();
    let lines = Lines::new()
        .add("output hash", ran.output_hash.map_or("none: the run failed".into(), |hash| hash.to_string()))
        .add("units", ran.units)
        .add("milliseconds", ran.millis);
    text.push_str(&lines.text());
    // A run that fails is a result, and yet not what the user wanted.
    Ok(Reply::new(&ran, text)?.with_status(u8::from(failed)))
}

/// Takes open dims from the arrays, and says so.
fn shapes_from_arrays(
    context: &Context,
    report: &Report,
    inputs: &Path,
    shapes: &mut Vec<InputShape>,
) -> Result<()> {
    let open = |port: &&PortReport| port.dims.iter().any(Option::is_none);
    for port in report.inputs.iter().filter(open) {
        if shapes.iter().all(|shape| shape.name != port.name) {
            let dims = Npz::open(inputs)?.header(&port.name)?.dims;
            context.say(format!("input {}: dims {dims:?}, from the array", port.name));
            shapes.push(InputShape { name: port.name.clone(), dims });
        }
    }
    Ok(())
}

/// A model of the chain by its id, or by a name that only one sealed model has.
pub fn find(client: &Client, text: &str) -> Result<ModelInfo> {
    let unknown = || Error::from(assay_types::error::Rejected::ModelUnknown);
    if let Ok(id) = text.parse::<ModelId>() {
        return client.model(&id)?.ok_or_else(unknown);
    }
    let mut found: Option<ModelInfo> = None;
    let mut after = None;
    loop {
        let page = client.models(after, 100)?;
        for model in page.models {
            let sealed = matches!(model.record.state, ModelState::Sealed(_));
            if sealed && model.record.name == text && found.replace(model).is_some() {
                return Err(Error::input(
                    format!("several sealed models are named {text:?}"),
                    "give the id: anybody may publish under any name; see `assay model list`",
                ));
            }
        }
        match page.next {
            // A node that gives the same page for ever is not followed.
            Some(next) if after != Some(next) => after = Some(next),
            _ => return found.ok_or_else(unknown),
        }
    }
}

fn state_name(state: &ModelState) -> String {
    match state {
        ModelState::Uploading { next_chunk } => format!("uploading, {next_chunk} chunks there"),
        ModelState::Sealed(_) => "sealed".into(),
        ModelState::Retired { height, stored: true, .. } => format!("retired at {height}"),
        ModelState::Retired { height, stored: false, .. } => format!("retired at {height}, its file is gone"),
    }
}

fn list(context: &Context, after: Option<ModelId>, limit: u32) -> Result<Reply> {
    let page = context.client()?.models(after, limit)?;
    let row = |model: &ModelInfo| {
        let record = &model.record;
        let size = format!("{} KiB", record.manifest.size.div_ceil(1024));
        let id = model.model_id.to_string();
        vec![id, record.name.clone(), record.version.clone(), size, state_name(&record.state)]
    };
    let mut text = table(&["id", "name", "version", "size", "state"], page.models.iter().map(row).collect());
    if let Some(next) = page.next {
        text.push_str(&format!("\nmore: assay model list --after {next}"));
    }
    Reply::new(&page, text)
}

fn show(context: &Context, model: &str) -> Result<Reply> {
    let info = find(&context.client()?, model)?;
    let record = &info.record;
    let mut lines = Lines::new()
        .add("model id", info.model_id)
        .add("name", &record.name)
        .add("version", &record.version)
        .add("description", &record.description)
        .add("owner", record.owner)
        .add("file", format!("{} bytes in {} chunks", record.manifest.size, record.manifest.chunks.len()))
        .add("published at", record.published)
        .add("state", state_name(&record.state));
    if let ModelState::Sealed(compiled) = &record.state {
        let port = |port: &Port| format!("{} {} {:?}", port.name, port.dtype, port.dims);
        let ports = |list: &[Port]| list.iter().map(port).collect::<Vec<_>>().join("; ");
        lines = lines
            .add("inputs", ports(&compiled.inputs))
            .add("outputs", ports(&compiled.outputs))
            .add("units of a run", compiled.units)
            .add(
                "units of loading",
                if info.hot { "none: the model is hot".into() } else { compiled.load_units.to_string() },
            )
            .add("memory bytes", compiled.memory_bytes)
            .add("plan", compiled.plan)
            .add("engine", compiled.engine)
            .add("sealed at", compiled.sealed);
    }
    Reply::new(&info, lines.text())
}

/// Downloads chunk by chunk, each checked against the manifest that the id is the digest of.
fn download(context: &Context, model: &str, output: Option<&Path>) -> Result<Reply> {
    let client = context.client()?;
    let info = find(&client, model)?;
    let (id, manifest) = (info.model_id, &info.record.manifest);
    let wrong = |what: &str| {
        Error::failed(
            "bad_answer",
            format!("the node gave {what} that is not of model {id}"),
            "ask another node",
        )
    };
    manifest.check()?;
    if manifest.id() != id {
        return Err(wrong("a manifest"));
    }
    let default = format!("{id}.onnx");
    let path = output.unwrap_or(Path::new(&default));
    let mut body = client.model_file(&id)?;
    crate::files::write_atomic(path, |file| {
        let refuse = |error: std::io::Error| Error::file("write", path, &error);
        let mut chunk = Vec::with_capacity(CHUNK_BYTES);
        for (index, hash) in manifest.chunks.iter().enumerate() {
            let len = manifest.chunk_len(index as u32).unwrap_or(0);
            chunk.clear();
            let read = body.by_ref().take(len).read_to_end(&mut chunk);
            read.map_err(|error| Error::failed("network", error.to_string(), "try again"))?;
            if ChunkHash::of(&chunk) != *hash {
                return Err(wrong("a file"));
            }
            file.write_all(&chunk).map_err(refuse)?;
        }
        Ok(())
    })?;
    let lines = Lines::new().add("model id", id).add("file", path.display()).add("bytes", manifest.size);
    let body = serde_json::json!({ "model_id": id, "file": path, "bytes": manifest.size });
    Reply::new(&body, lines.text())
}
