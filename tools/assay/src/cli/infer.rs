//! `assay infer`.

use super::args::Infer as Arguments;
use super::context::{Context, asy};
use super::models;
use super::receipt;
use super::reply::{Lines, Reply};
use super::tensors;
use crate::client::Client;
use crate::error::{Error, Result};
use crate::wallet::{Chain, WAIT};
use assay_types::amount::Amount;
use assay_types::api::{ModelInfo, TxInfo};
use assay_types::error::Rejected;
use assay_types::hash::{OutputHash, TxHash};
use assay_types::key::PublicKey;
use assay_types::limits::{MAX_OUTPUT_BYTES, MAX_TX_BYTES};
use assay_types::message::{Infer, Message};
use assay_types::model::Compiled;
use assay_types::receipt::Outcome;
use assay_types::tensor::{self, NamedTensor};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Serialize;

/// `units` are those of the inference alone, as in the receipt; `index` is the message's, as `assay receipt`
/// takes it.
#[derive(Serialize)]
struct Inferred<'a> {
    tx_hash: Option<TxHash>,
    height: Option<u64>,
    index: Option<u32>,
    output_hash: Option<OutputHash>,
    units: u64,
    fee: Amount,
    outputs: Vec<tensors::Shown<'a>>,
}

impl Inferred<'_> {
    /// A run that failed on the input's data has no output, and status 1.
    fn reply(&self) -> Result<Reply> {
        let mut text: String = self.outputs.iter().map(|output| output.line() + "\n").collect();
        let lines = Lines::new()
            .add_some("transaction", self.tx_hash)
            .add_some("height", self.height)
            .add(
                "output hash",
                self.output_hash.map_or("none: the run failed".into(), |hash| hash.to_string()),
            )
            .add("units", self.units)
            .add("fee", asy(self.fee));
        text.push_str(&lines.text());
        Ok(Reply::new(self, text)?.with_status(u8::from(self.output_hash.is_none())))
    }
}

/// Runs the command.
pub fn run(context: &Context, arguments: Arguments) -> Result<Reply> {
    let client = context.client()?;
    let model = models::find(&client, &arguments.model)?;
    let compiled = model.record.runnable()?.clone();
    if let Some(most) = arguments.max_units
        && compiled.units > most
    {
        return Err(Error::Input {
            name: "max_units",
            message: format!("the model costs {} units, more than {most}", compiled.units),
            hint: "raise --max-units, or use another model".into(),
        });
    }
    let inputs = tensors::read_inputs(context, &arguments.inputs, &compiled.inputs, MAX_TX_BYTES)?;
    let expect_output_hash = arguments.expect_output_hash;
    let message = Message::Infer(Infer { model: model.model_id, inputs, expect_output_hash });
    if arguments.dry_run {
        dry_run(context, &client, &arguments, &compiled, message)
    } else {
        execute(context, &client, &arguments, &model, &compiled, message)
    }
}

fn dry_run(
    context: &Context,
    client: &Client,
    arguments: &Arguments,
    compiled: &Compiled,
    message: Message,
) -> Result<Reply> {
    // Without a key the fee is that of an ed25519 key: a secp256k1 one is a byte longer.
    let key = context.signer().map_or(PublicKey::Ed25519([0; 32]), |key| key.public);
    let chain = Chain::read(client)?;
    let units = compiled.units;
    let messages = [message];
    let fee = chain.quote(key, &messages, None, |_| Ok(units))?.fee;
    let [Message::Infer(infer)] = &messages else {
        return Err(Error::Internal("a dry run of something else".into()));
    };
    let simulated = client.simulate(infer.model, &infer.inputs)?;
    let outputs = simulated.output.as_deref().map(decode).transpose()?.unwrap_or_default();
    let output_hash = simulated.output.is_some().then(|| tensor::output_hash(&outputs));
    if output_hash != simulated.output_hash {
        return Err(bad_answer("outputs of another hash"));
    }
    if infer.expect_output_hash.is_some_and(|expected| output_hash != Some(expected)) {
        return Err(Rejected::UnexpectedOutput.into());
    }
    tensors::write_outputs(arguments.output.as_deref(), &outputs)?;
    let shown = tensors::shown(&outputs);
    Inferred {
        tx_hash: None,
        height: None,
        index: None,
        output_hash,
        units: simulated.units,
        fee,
        outputs: shown,
    }
    .reply()
}

fn execute(
    context: &Context,
    client: &Client,
    arguments: &Arguments,
    model: &ModelInfo,
    compiled: &Compiled,
    message: Message,
) -> Result<Reply> {
    let wallet = context.wallet(client)?;
    let units = compiled.units;
    let messages = vec![message];
    let quote = wallet.chain.quote(wallet.key, &messages, context.global.max_fee, |_| Ok(units))?;
    wallet.require_balance(quote.fee)?;
    let name = &model.record.name;
    context.confirm(&format!("Run {name} ({}) for a fee of {}?", model.model_id, asy(quote.fee)))?;
    let info = wallet.execute(&quote, messages)?;
    let (output_hash, units, outputs) = result(&info)?;
    tensors::write_outputs(arguments.output.as_deref(), &outputs)?;
    if let Some(path) = &arguments.receipt {
        receipt::save(&client.wait_bundle(&info.tx_hash, 0, WAIT)?, path)?;
    }
    let shown = tensors::shown(&outputs);
    Inferred {
        tx_hash: Some(info.tx_hash),
        height: Some(info.height),
        index: Some(0),
        output_hash,
        units,
        fee: info.fee,
        outputs: shown,
    }
    .reply()
}

/// What the first message of a transaction gave, the outputs checked against the receipt.
fn result(info: &TxInfo) -> Result<(Option<OutputHash>, u64, Vec<NamedTensor>)> {
    let message = info.messages.first().ok_or_else(|| bad_answer("a transaction without messages"))?;
    let receipt = message.receipt.as_ref().ok_or_else(|| bad_answer("an inference without a receipt"))?;
    let Outcome::Output(expected) = receipt.outcome else {
        return Ok((None, receipt.units, vec![]));
    };
    let outputs =
        decode(message.output.as_deref().ok_or_else(|| bad_answer("a receipt without its outputs"))?)?;
    if tensor::output_hash(&outputs) != expected {
        return Err(bad_answer("outputs that are not the receipt's"));
    }
    Ok((Some(expected), receipt.units, outputs))
}

fn decode(text: &str) -> Result<Vec<NamedTensor>> {
    let bytes = BASE64.decode(text).map_err(|_| bad_answer("outputs that do not decode"))?;
    tensor::decode_list(&bytes, MAX_OUTPUT_BYTES).map_err(|_| bad_answer("outputs that do not decode"))
}

fn bad_answer(what: &str) -> Error {
    Error::failed("bad_answer", format!("the node gave {what}"), "ask another node")
}
