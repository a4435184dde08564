//! Errors as `application/problem+json` (RFC 9457), with our stable number and what to do next.

use crate::consensus::Unavailable;
use assay_core::{Fatal, Unproven};
use assay_types::api::Problem;
use assay_types::error::Rejected;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

/// An answer that is an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure(Box<Problem>);

impl Failure {
    fn new(status: StatusCode, name: &str, detail: impl Into<String>, hint: &str) -> Self {
        Self(Box::new(Problem {
            kind: format!("urn:assay:error:{name}"),
            title: status.canonical_reason().unwrap_or("Error").into(),
            status: status.as_u16(),
            detail: detail.into(),
            code: 0,
            name: name.into(),
            hint: hint.into(),
        }))
    }

    /// The chain refuses: `422` with the stable number, or `404` for a model that is not there.
    pub fn refused(code: u32, detail: String) -> Self {
        let (name, hint) = Rejected::describe(code).unwrap_or(("unknown", "see the node's log"));
        let missing = code == Rejected::ModelUnknown.code();
        let status = if missing { StatusCode::NOT_FOUND } else { StatusCode::UNPROCESSABLE_ENTITY };
        let mut failure = Self::new(status, name, detail, hint);
        failure.0.code = code;
        failure
    }

    /// There is no such thing (yet).
    pub fn not_found(detail: impl Into<String>, hint: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", detail, hint)
    }

    /// What was sent is wrong.
    pub fn bad_request(what: &str, detail: impl Into<String>) -> Self {
        let detail = format!("{what}: {}", detail.into());
        Self::new(
            StatusCode::BAD_REQUEST,
            "bad_request",
            detail,
            "correct the request; see docs/operators.md",
        )
    }

    pub(super) fn body(status: StatusCode, detail: String) -> Self {
        Self::new(status, "bad_body", detail, "send at most 4 MiB of JSON")
    }

    pub(super) fn no_route() -> Self {
        Self::not_found("there is no such route", "the routes start with /v1, such as /v1/status")
    }

    pub(super) fn wrong_method() -> Self {
        let status = StatusCode::METHOD_NOT_ALLOWED;
        Self::new(status, "wrong_method", "the route takes another method", "use GET to read, POST to submit")
    }

    pub(super) fn too_slow() -> Self {
        let detail = "the answer took too long";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "too_slow", detail, "try again, or ask another node")
    }

    pub(super) fn busy(what: &str) -> Self {
        let detail = format!("too many {what} at once");
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "busy", detail, "try again in a moment")
    }

    /// The mempool does not take the transaction now.
    pub(super) fn mempool(detail: String) -> Self {
        let hint = "try again in a few blocks; a transaction that is already there needs no second try";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "mempool", detail, hint)
    }

    /// A fault of this node.
    pub(super) fn internal(detail: String) -> Self {
        tracing::error!(detail, "the gateway could not answer");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail, "ask the operator of this node")
    }
}

impl From<Rejected> for Failure {
    fn from(rejected: Rejected) -> Self {
        Self::refused(rejected.code(), rejected.to_string())
    }
}

impl From<Fatal> for Failure {
    fn from(fatal: Fatal) -> Self {
        match fatal {
            Fatal::NoChain => {
                let hint = "wait for consensus to start the chain";
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "no_chain", "there is no chain yet", hint)
            }
            fatal => Self::internal(fatal.to_string()),
        }
    }
}

impl From<Unproven> for Failure {
    fn from(unproven: Unproven) -> Self {
        let detail = unproven.to_string();
        match unproven {
            Unproven::Pruned { .. } => {
                let hint = "name a height that is kept, or ask an archive node";
                Self::new(StatusCode::GONE, "height_pruned", detail, hint)
            }
            Unproven::Ahead { .. } => {
                let hint = "name a height that is kept, or wait for the block";
                Self::new(StatusCode::NOT_FOUND, "height_ahead", detail, hint)
            }
            Unproven::BadKey { .. } => Self::bad_request("key", detail),
            Unproven::NoState => Fatal::NoChain.into(),
        }
    }
}

impl From<Unavailable> for Failure {
    fn from(error: Unavailable) -> Self {
        let hint = "wait a moment; if it lasts, ask the operator of this node";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "no_consensus", error.to_string(), hint)
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_vec(&self.0).unwrap_or_default();
        (status, [(header::CONTENT_TYPE, "application/problem+json")], body).into_response()
    }
}
