//! `assay infer`.

use super::args::Infer as Arguments;
use super::context::{Context, asy, fee};
use super::models;
use super::receipt;
use super::reply::{Lines, Reply};
use super::tensors;
use crate::client::Client;
use crate::error::{Error, Result};
use crate::wallet::{Chain, RunPrice, Terms, WAIT};
use assay_types::amount::Amount;
use assay_types::api::{ModelInfo, TxInfo};
use assay_types::error::Rejected;
use assay_types::hash::{OutputHash, TxHash};
use assay_types::key::PublicKey;
use assay_types::limits::{MAX_OUTPUT_BYTES, MAX_TX_BYTES};
use assay_types::message::{Infer, Message};
use assay_types::receipt::{Outcome, Receipt};
use assay_types::tensor::{self, NamedTensor};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Serialize;

/// `units` are those of the run alone, as in the receipt, and `load_units` those of loading a model that was not
/// hot; `index` is the message's, as `assay receipt` takes it.
#[derive(Serialize)]
struct Inferred<'a> {
    tx_hash: Option<TxHash>,
    height: Option<u64>,
    index: Option<u32>,
    output_hash: Option<OutputHash>,
    units: u64,
    load_units: u64,
    fee: Amount,
    tip: Amount,
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
            .add_some("units of loading", Some(self.load_units).filter(|units| *units > 0))
            .add("fee", asy(self.fee));
        text.push_str(&lines.text());
        Ok(Reply::new(self, text)?.with_status(u8::from(self.output_hash.is_none())))
    }
}

/// Runs the command.
pub fn run(context: &Context, arguments: Arguments) -> Result<Reply> {
    let client = context.client()?;
    let model = models::find(&client, &arguments.model)?;
    let (compiled, price) = (model.record.runnable()?.clone(), RunPrice::of(&model)?);
    if let Some(most) = arguments.max_units
        && price.now() > most
    {
        return Err(Error::Input {
            name: "max_units",
            message: format!("the model costs {} units, more than {most}", price.now()),
            hint: "raise --max-units, or use another model".into(),
        });
    }
    let inputs = tensors::read_inputs(context, &arguments.inputs, &compiled.inputs, MAX_TX_BYTES)?;
    let expect_output_hash = arguments.expect_output_hash;
    let message = Message::Infer(Infer { model: model.model_id, inputs, expect_output_hash });
    if arguments.dry_run {
        dry_run(context, &client, &arguments, price, message)
    } else {
        execute(context, &client, &arguments, &model, price, message)
    }
}

fn dry_run(
    context: &Context,
    client: &Client,
    arguments: &Arguments,
    price: RunPrice,
    message: Message,
) -> Result<Reply> {
    // Without a key the fee is that of an ed25519 key: a secp256k1 one is a byte longer.
    let key = context.signer().map_or(PublicKey::Ed25519([0; 32]), |key| key.public);
    let chain = Chain::read(client)?;
    let messages = [message];
    let terms = Terms { max_fee: None, tip: context.global.tip };
    let quote = chain.quote(key, &messages, terms, |_| Ok(price))?;
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
        load_units: simulated.load_units,
        fee: quote.fee,
        tip: quote.tip,
        outputs: shown,
    }
    .reply()
}

fn execute(
    context: &Context,
    client: &Client,
    arguments: &Arguments,
    model: &ModelInfo,
    price: RunPrice,
    message: Message,
) -> Result<Reply> {
    let wallet = context.wallet(client)?;
    let messages = vec![message];
    let quote = wallet.chain.quote(wallet.key, &messages, context.terms(), |_| Ok(price))?;
    wallet.require_balance(quote.fee)?;
    let name = &model.record.name;
    let loading = if price.hot { "" } else { ", the loading of the model included" };
    context.confirm(&format!("Run {name} ({}) for {}{loading}?", model.model_id, fee(&quote)))?;
    let info = wallet.execute(&quote, messages)?;
    let (receipt, outputs) = result(&info)?;
    let output_hash = match receipt.outcome {
        Outcome::Output(hash) => Some(hash),
        Outcome::Failed => None,
    };
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
        units: receipt.units,
        load_units: receipt.load_units,
        fee: info.fee,
        tip: info.tip,
        outputs: shown,
    }
    .reply()
}

/// What the first message of a transaction gave, the outputs checked against the receipt.
fn result(info: &TxInfo) -> Result<(&Receipt, Vec<NamedTensor>)> {
    let message = info.messages.first().ok_or_else(|| bad_answer("a transaction without messages"))?;
    let receipt = message.receipt.as_ref().ok_or_else(|| bad_answer("an inference without a receipt"))?;
    let Outcome::Output(expected) = receipt.outcome else {
        return Ok((receipt, vec![]));
    };
    let outputs =
        decode(message.output.as_deref().ok_or_else(|| bad_answer("a receipt without its outputs"))?)?;
    if tensor::output_hash(&outputs) != expected {
        return Err(bad_answer("outputs that are not the receipt's"));
    }
    Ok((receipt, outputs))
}

fn decode(text: &str) -> Result<Vec<NamedTensor>> {
    let bytes = BASE64.decode(text).map_err(|_| bad_answer("outputs that do not decode"))?;
    tensor::decode_list(&bytes, MAX_OUTPUT_BYTES).map_err(|_| bad_answer("outputs that do not decode"))
}

fn bad_answer(what: &str) -> Error {
    Error::failed("bad_answer", format!("the node gave {what}"), "ask another node")
}
