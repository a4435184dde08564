//! Transactions: handed to the mempool, and found again in blocks.

use super::{Failure, Gateway, json, parse};
use crate::consensus::Submission;
use assay_types::api::{SubmitTx, Submitted, TxInfo};
use assay_types::error::Rejected;
use assay_types::hash::TxHash;
use assay_types::limits::MAX_TX_BYTES;
use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// `POST /v1/txs`. Handing in what the mempool has already is no error.
pub(super) async fn submit(
    State(gateway): State<Gateway>,
    body: Result<Bytes, BytesRejection>,
) -> Result<(StatusCode, Json<Submitted>), Failure> {
    let SubmitTx { tx } = json(body)?;
    let tx = STANDARD.decode(tx).map_err(|error| Failure::bad_request("tx", error.to_string()))?;
    if tx.len() > MAX_TX_BYTES {
        return Err(Rejected::TxTooLong { len: tx.len() as u64, limit: MAX_TX_BYTES as u64 }.into());
    }
    let tx_hash = TxHash::of(&tx);
    match gateway.0.consensus.submit(tx).await? {
        Submission::Waits | Submission::Known => {}
        Submission::Rejected { code, .. } if code == Rejected::WaitsAlready.code() => {}
        Submission::Rejected { code, log } => return Err(Failure::refused(code, log)),
        Submission::Full(why) => return Err(Failure::mempool(why)),
    }
    Ok((StatusCode::ACCEPTED, Json(Submitted { tx_hash })))
}

/// `GET /v1/txs/{hash}`.
pub(super) async fn show(
    State(gateway): State<Gateway>,
    Path(hash): Path<String>,
) -> Result<Json<TxInfo>, Failure> {
    let hash: TxHash = parse("transaction hash", &hash)?;
    let found = gateway.read(move |reader| reader.tx(&hash)).await?;
    let found = found.ok_or_else(|| {
        Failure::not_found("the transaction is in no block", "if you have just sent it, wait for a block")
    })?;
    Ok(Json(found.info))
}
