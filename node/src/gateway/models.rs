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

/// Models of a page when nothing is asked.
const PAGE: usize = 100;
/// Models of a page at most.
const MAX_PAGE: usize = 1000;

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
    let record = gateway.read(move |reader| reader.model(&model_id)).await?;
    let record =
        record.ok_or_else(|| Failure::not_found("there is no such model", "list them at /v1/models"))?;
    Ok(Json(ModelInfo { model_id, record }))
}

/// `GET /v1/models/{id}/file`.
pub(super) async fn file(
    State(gateway): State<Gateway>,
    Path(id): Path<String>,
) -> Result<impl IntoResponse, Failure> {
    let id: ModelId = parse("model id", &id)?;
    let _slot = gateway.0.downloads.try_acquire().map_err(|_| Failure::busy("downloads"))?;
    let file = gateway.read(move |reader| reader.model_file(&id)).await?;
    let file = file.ok_or_else(|| {
        Failure::not_found(
            "there is no such model, or its upload is not complete",
            "see it at /v1/models/{id}",
        )
    })?;
    Ok(([(header::CONTENT_TYPE, "application/octet-stream")], file))
}

/// `POST /v1/simulate`. A run cannot be stopped, so it keeps its slot to the end, also when its caller has
/// gone.
pub(super) async fn simulate(
    State(gateway): State<Gateway>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Simulated>, Failure> {
    let Simulate { model, inputs } = json(body)?;
    let inputs =
        STANDARD.decode(inputs).map_err(|error| Failure::bad_request("inputs", error.to_string()))?;
    let inputs = tensor::decode_list(&inputs, MAX_TX_BYTES)
        .map_err(|error| Failure::bad_request("inputs", error.to_string()))?;
    let task = gateway.clone();
    let run = tokio::spawn(async move {
        let slot = task.0.simulations.acquire().await;
        let _slot = slot.map_err(|_| Failure::busy("dry runs"))?;
        task.read(move |reader| reader.simulate(&model, &inputs)).await
    });
    let answer = run.await.map_err(|error| Failure::internal(error.to_string()))??;
    Ok(Json(answer?))
}
