//! `assay model publish`, `seal`, `retire`.

use super::context::{Context, asy, fee};
use super::models;
use super::reply::{Lines, Reply};
use super::send::Sent;
use crate::error::{Error, Result};
use crate::local::{self, Workbench};
use crate::publish::{Done, Job, Stage, Watch};
use crate::wallet::Wallet;
use assay_types::amount::Amount;
use assay_types::error::Rejected;
use assay_types::hash::{ModelId, TxHash};
use assay_types::message::{Message, RetireModel, SealModel};
use assay_types::model::{Manifest, ModelState};
use assay_types::tensor::InputShape;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What to publish.
pub struct Request {
    pub file: PathBuf,
    pub name: String,
    pub version: String,
    pub description: String,
    pub shapes: Vec<InputShape>,
}

#[derive(Serialize)]
struct Published<'a> {
    model_id: ModelId,
    tx_hashes: &'a [TxHash],
    load_units: u64,
    fee: Amount,
    deposit: Amount,
    already_sealed: bool,
}

/// Compiles here first, so that a model that cannot be sealed costs nothing; then does what is left.
pub fn publish(context: &Context, request: Request) -> Result<Reply> {
    let file = local::read_model(&request.file)?;
    let manifest = Manifest::of(&file, request.shapes);
    let compiled = Workbench::new(&context.home).compile(local::ENGINE, &file, &manifest.shapes)?;
    let fuel = compiled.fuel;
    let plan = compiled.plan()?;
    let load_units = local::seal_units(fuel, &plan);
    let client = context.client()?;
    let wallet = context.wallet(&client)?;
    let Request { name, version, description, .. } = request;
    let tip = context.global.tip;
    let job = Job { wallet: &wallet, file: &file, manifest, name, version, description, fuel, tip };
    let stage = job.stage()?;
    let already_sealed = matches!(stage, Stage::Sealed(_));
    let deposit = job.deposit(&stage);
    let done = if already_sealed {
        context.say("the model is on the chain already, sealed: nothing to do");
        Done::default()
    } else {
        agree(context, &job, &stage)?;
        let mut bar = Bar::new(job.manifest.chunks.len() as u64, context.global.json)?;
        let done = job.run(&mut bar);
        bar.finish();
        done?
    };
    let published = Published {
        model_id: job.id(),
        tx_hashes: &done.tx_hashes,
        load_units,
        fee: done.fee,
        deposit,
        already_sealed,
    };
    let lines = Lines::new()
        .add("model id", published.model_id)
        .add("transactions", published.tx_hashes.len())
        .add("fee", asy(published.fee))
        .add("deposit", asy(published.deposit));
    Reply::new(&published, lines.text())
}

/// Shows the price, checks it against the user's limit and balance, asks.
fn agree(context: &Context, job: &Job<'_>, stage: &Stage) -> Result<()> {
    let cost = job.cost(stage)?;
    if let Some(max_fee) = context.global.max_fee
        && max_fee < cost
    {
        return Err(Rejected::FeeTooLow { needed: cost, max_fee }.into());
    }
    let deposit = job.deposit(stage);
    job.wallet.require_balance(Amount(cost.0.saturating_add(deposit.0)))?;
    if let Stage::Uploading(next) = stage {
        context.say(format!("going on: {next} of {} chunks are on the chain", job.manifest.chunks.len()));
    }
    let (bytes, id, held) = (job.file.len(), job.id(), asy(deposit));
    context.confirm(&format!(
        "Publish {bytes} bytes as model {id}, for {} and a deposit of {held} until it is retired?",
        asy(cost)
    ))
}

/// A progress bar, and Ctrl-C.
struct Bar {
    bar: ProgressBar,
    stop: Arc<AtomicBool>,
}

impl Bar {
    fn new(chunks: u64, hidden: bool) -> Result<Self> {
        let bar = if hidden { ProgressBar::hidden() } else { ProgressBar::new(chunks) };
        let style = ProgressStyle::with_template("{bar:40} {pos}/{len} chunks {msg}");
        bar.set_style(style.map_err(|error| Error::Internal(error.to_string()))?);
        let stop = Arc::new(AtomicBool::new(false));
        let flag = stop.clone();
        let handler = ctrlc::set_handler(move || {
            if flag.swap(true, Ordering::Relaxed) {
                // The second time: at once. What the chain has stays, so this loses nothing either.
                std::process::exit(1);
            }
        });
        handler.map_err(|error| Error::Internal(error.to_string()))?;
        Ok(Self { bar, stop })
    }

    fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

impl Watch for Bar {
    fn chunks(&mut self, done: u32) {
        self.bar.set_position(u64::from(done));
    }

    fn say(&mut self, line: &str) {
        if !self.bar.is_hidden() {
            self.bar.println(line);
        }
    }

    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

fn execute(context: &Context, wallet: &Wallet<'_>, message: Message, question: &str) -> Result<Reply> {
    let messages = vec![message];
    let terms = context.terms();
    let quote = wallet.chain.quote(wallet.key, &messages, terms, |_| Err(Rejected::ModelUnknown))?;
    context.confirm(&format!("{question}, for {}?", fee(&quote)))?;
    Sent::reply(&wallet.execute(&quote, messages)?)
}

/// Seals a model that is uploaded; the exact fuel comes from compiling the chain's own copy here.
pub fn seal(context: &Context, model: &str) -> Result<Reply> {
    let client = context.client()?;
    let info = models::find(&client, model)?;
    let manifest = &info.record.manifest;
    match &info.record.state {
        ModelState::Sealed(_) => return Err(Rejected::ModelSealed.into()),
        ModelState::Retired { .. } => return Err(Rejected::ModelRetired.into()),
        ModelState::Uploading { next_chunk } => {
            let need = manifest.chunks.len() as u32;
            if *next_chunk < need {
                return Err(Rejected::UploadIncomplete { have: *next_chunk, need }.into());
            }
        }
    }
    let mut file = vec![];
    let mut body = client.model_file(&info.model_id)?.take(manifest.size + 1);
    body.read_to_end(&mut file).map_err(|error| Error::failed("network", error.to_string(), "try again"))?;
    if Manifest::of(&file, manifest.shapes.clone()).id() != info.model_id {
        return Err(Error::failed("bad_answer", "the node gave another file", "ask another node"));
    }
    let compiled = Workbench::new(&context.home).compile(local::ENGINE, &file, &manifest.shapes)?;
    let max_fuel = compiled.fuel;
    compiled.plan()?;
    let wallet = context.wallet(&client)?;
    let message = Message::SealModel(SealModel { model: info.model_id, max_fuel });
    execute(context, &wallet, message, &format!("Seal model {}", info.model_id))
}

/// Withdraws a model.
pub fn retire(context: &Context, model: &str) -> Result<Reply> {
    let client = context.client()?;
    let info = models::find(&client, model)?;
    let wallet = context.wallet(&client)?;
    let message = Message::RetireModel(RetireModel { model: info.model_id });
    execute(context, &wallet, message, &format!("Retire model {} for ever", info.model_id))
}
