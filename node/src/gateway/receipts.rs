//! Receipts: everything needed to check one inference offline, in one answer.

use super::{Failure, Gateway, parse};
use assay_core::{Fatal, FoundTx, ProvenAt, Reader, Unproven};
use assay_types::bundle::{Bundle, FORMAT};
use assay_types::codec;
use assay_types::hash::{AppHash, TxHash};
use assay_types::message::{Infer, Message};
use assay_types::model::Manifest;
use assay_types::path;
use assay_types::tx::SignedTx;
use axum::Json;
use axum::extract::{Path, State};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

/// What the state has of an inference.
struct Record {
    chain_id: String,
    /// The height whose state has the receipt.
    proven_at: u64,
    infer: Infer,
    manifest: Manifest,
    receipt: Vec<u8>,
    proof: Vec<u8>,
    root: AppHash,
    output: Option<String>,
}

/// `GET /v1/receipts/{tx hash}/{message index}`.
pub(super) async fn show(
    State(gateway): State<Gateway>,
    Path((hash, index)): Path<(String, String)>,
) -> Result<Json<Bundle>, Failure> {
    let tx_hash: TxHash = parse("transaction hash", &hash)?;
    let index: u32 = parse("message index", &index)?;
    let record = gateway.read(move |reader| Ok(record(reader, &tx_hash, index))).await??;
    // The root after a block stands in the header of the next one.
    let next = record.proven_at.saturating_add(1);
    let unsigned = || {
        Failure::not_found(
            format!("block {next}, whose header proves the receipt, is not signed yet"),
            "ask again after the next block",
        )
    };
    let signed = gateway.0.consensus.signed_header(next).await?.ok_or_else(unsigned)?;
    let validators = gateway.0.consensus.validators(next).await?.ok_or_else(unsigned)?;
    if signed.header.app_hash.as_bytes() != record.root.as_bytes() {
        return Err(Failure::internal(format!(
            "header {next} has another root than state {}",
            record.proven_at
        )));
    }
    Ok(Json(Bundle {
        format: FORMAT.into(),
        chain_id: record.chain_id,
        tx_hash,
        index,
        model_id: record.infer.model,
        manifest: record.manifest,
        signed_header: value(&signed)?,
        validators: value(&validators)?,
        proof: STANDARD.encode(record.proof),
        receipt: STANDARD.encode(record.receipt),
        input: STANDARD.encode(codec::encode(&record.infer.inputs)),
        output: record.output,
    }))
}

/// CometBFT's own JSON of its types.
fn value(value: &impl Serialize) -> Result<serde_json::Value, Failure> {
    serde_json::to_value(value).map_err(|error| Failure::internal(error.to_string()))
}

fn record(reader: &Reader, tx_hash: &TxHash, index: u32) -> Result<Record, Failure> {
    let none = |detail: String| Failure::not_found(detail, "see the transaction at /v1/txs/{hash}");
    let found = reader.tx(tx_hash)?.ok_or_else(|| none("the transaction is in no block".into()))?;
    let FoundTx { info, bytes } = found;
    if info.code != 0 {
        return Err(none(format!("the transaction was rejected: {}", info.message)));
    }
    let infer = inference(&bytes, index)
        .ok_or_else(|| none(format!("message {index} of the transaction is no inference")))?;
    let model = reader.model(&infer.model)?.ok_or(Fatal::Invariant("a model that ran is gone".into()))?;
    let proven = prove(reader, &path::receipt(tx_hash, index), info.height)?;
    let ProvenAt { height: proven_at, proven, .. } = proven;
    let receipt = proven.value.ok_or_else(|| none("the receipt has expired from the state".into()))?;
    let output = info.messages.into_iter().nth(index as usize).and_then(|message| message.output);
    Ok(Record {
        chain_id: reader.chain_id()?,
        proven_at,
        infer,
        manifest: model.record.manifest,
        receipt,
        proof: proven.proof,
        root: proven.root,
        output,
    })
}

/// The receipt as of its own height; if that is pruned, as of the newest height that the next header can sign.
fn prove(reader: &Reader, key: &[u8], height: u64) -> Result<ProvenAt, Failure> {
    match reader.prove(key, Some(height))? {
        Err(Unproven::Pruned { newest, .. }) => Ok(reader.prove(key, Some(newest.saturating_sub(1)))??),
        other => Ok(other?),
    }
}

fn inference(tx: &[u8], index: u32) -> Option<Infer> {
    let signed = SignedTx::decode(tx).ok()?;
    match signed.tx().messages.get(index as usize)? {
        Message::Infer(infer) => Some(infer.clone()),
        _ => None,
    }
}
