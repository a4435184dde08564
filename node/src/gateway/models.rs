//! Models: listed, shown, downloaded, tried.

use super::{Failure, Gateway, json, parse};
use assay_types::api::{ModelInfo, ModelPage, Simulate, Simulated};
use assay_types::hash::ModelId;
use assay_types::limits::MAX_TX_BYTES;
use assay_types::tensor;
use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::header;
use axum::response::IntoResponse;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use tokio::sync::OwnedSemaphorePermit;

/// Models of a page when nothing is asked.
const PAGE: usize = 100;
/// Models of a page at most.
const MAX_PAGE: usize = 200;

/// Which page.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Page {
    after: Option<String>,
    limit: Option<usize>,
}

/// `GET /v1/models`.
pub(super) async fn list(
    State(gateway): State<Gateway>,
    page: Result<Query<Page>, QueryRejection>,
) -> Result<Json<ModelPage>, Failure> {
    let Query(page) = page.map_err(|rejection| Failure::bad_request("query", rejection.body_text()))?;
    let after: Option<ModelId> = page.after.map(|id| parse("after", &id)).transpose()?;
    let limit = page.limit.unwrap_or(PAGE);
    if !(1..=MAX_PAGE).contains(&limit) {
        return Err(Failure::bad_request("limit", format!("a page has 1 to {MAX_PAGE} models")));
    }
    gateway.read(move |reader| reader.models(after.as_ref(), limit)).await.map(Json)
}

/// `GET /v1/models/{id}`.
pub(super) async fn show(
    State(gateway): State<Gateway>,
    Path(id): Path<String>,
) -> Result<Json<ModelInfo>, Failure> {
    let model_id: ModelId = parse("model id", &id)?;
    let model = gateway.read(move |reader| reader.model(&model_id)).await?;
    let model =
        model.ok_or_else(|| Failure::not_found("there is no such model", "list them at /v1/models"))?;
    Ok(Json(model))
}

/// A file on its way to a client. The slot is free again when the last byte has left, or the client has gone.
struct Download {
    file: Vec<u8>,
    _slot: OwnedSemaphorePermit,
}

impl AsRef<[u8]> for Download {
    fn as_ref(&self) -> &[u8] {
        &self.file
    }
}

/// `GET /v1/models/{id}/file`.
pub(super) async fn file(
    State(gateway): State<Gateway>,
    Path(id): Path<String>,
) -> Result<impl IntoResponse, Failure> {
    let id: ModelId = parse("model id", &id)?;
    let slot = gateway.0.downloads.clone().try_acquire_owned().map_err(|_| Failure::busy("downloads"))?;
    let file = gateway.read(move |reader| reader.model_file(&id)).await?.ok_or_else(|| {
        let detail = "there is no such model, or its upload is not complete";
        Failure::not_found(detail, "see it at /v1/models/{id}")
    })?;
    let body = Bytes::from_owner(Download { file, _slot: slot });
    Ok(([(header::CONTENT_TYPE, "application/octet-stream")], body))
}

/// `POST /v1/simulate`. Who waits for a slot and goes away leaves nothing behind; a run that has begun cannot
/// be stopped, and keeps its slot to the end.
pub(super) async fn simulate(
    State(gateway): State<Gateway>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Simulated>, Failure> {
    let Simulate { model, inputs } = json(body)?;
    let inputs =
        STANDARD.decode(inputs).map_err(|error| Failure::bad_request("inputs", error.to_string()))?;
    let inputs = tensor::decode_list(&inputs, MAX_TX_BYTES)
        .map_err(|error| Failure::bad_request("inputs", error.to_string()))?;
    let slot = gateway.0.simulations.clone().acquire_owned().await;
    let slot = slot.map_err(|_| Failure::busy("dry runs"))?;
    let answer = gateway.read(move |reader| {
        let _slot = slot;
        reader.simulate(&model, &inputs)
    });
    Ok(Json(answer.await??))
}
