//! Any key of the state, at any height that is kept, with the proof.

use super::{Failure, Gateway};
use assay_core::ProvenAt;
use assay_types::api::ProvenState;
use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

/// Which key, and at which height.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    /// The key as text, as `account/assay1...`.
    key: Option<String>,
    /// The key in hex, for one that is no text.
    key_hex: Option<String>,
    /// The height after whose block; the last committed one if it is not given.
    height: Option<u64>,
}

impl Asked {
    fn key(&self) -> Result<Vec<u8>, Failure> {
        match (&self.key, &self.key_hex) {
            (Some(text), None) => Ok(text.clone().into_bytes()),
            (None, Some(text)) => {
                hex::decode(text).map_err(|error| Failure::bad_request("key_hex", error.to_string()))
            }
            _ => Err(Failure::bad_request("key", "give key=TEXT or key_hex=HEX, one of them")),
        }
    }
}

/// `GET /v1/state?key=TEXT&height=N`.
pub(super) async fn state(
    State(gateway): State<Gateway>,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Json<ProvenState>, Failure> {
    let Query(asked) = asked.map_err(|error| Failure::bad_request("query", error.body_text()))?;
    let key = asked.key()?;
    let key_hex = hex::encode(&key);
    let answer = gateway.read(move |reader| reader.prove(&key, asked.height)).await??;
    let ProvenAt { height, kept, proven } = answer;
    Ok(Json(ProvenState {
        key_hex,
        height,
        value: proven.value.map(|value| STANDARD.encode(value)),
        proof: STANDARD.encode(proven.proof),
        root: proven.root,
        oldest: *kept.start(),
        newest: *kept.end(),
    }))
}
