//! The REST gateway, version 1: what [`assay_types::api`] says, over HTTP.
//!
//! It translates and bounds: bodies to 4 MiB, answers to a time, dry runs and connections to a number. It
//! decides nothing about state and keeps none; every answer comes from the state machine's reader or from
//! consensus. An error is `application/problem+json` with our stable number, also for routes that do not
//! exist.

mod blocks;
mod listener;
mod models;
mod problem;
mod receipts;
mod state;
mod status;
#[cfg(test)]
mod tests;
mod txs;

pub use problem::Failure;

use crate::config;
use crate::consensus::Driver;
use crate::metrics;
use crate::refusals::Refusals;
use assay_core::{Fatal, Reader};
use assay_store::snapshot::Folder;
use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State};
use axum::http::HeaderValue;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::de::DeserializeOwned;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tower_http::cors::{Any, CorsLayer};

/// Bytes of a request's body.
const MAX_BODY_BYTES: usize = 4 * 1024 * 1024;
/// Downloads of models at once; each holds its file in memory.
const DOWNLOADS: usize = 4;

/// What the gateway knows about its own node.
#[derive(Debug, Clone)]
pub struct About {
    /// The node's name for people.
    pub moniker: String,
    /// Its id in the peer-to-peer network.
    pub node_id: String,
    /// CometBFT's genesis document, as it is in the file.
    pub genesis: String,
    /// The proposals that it voted against.
    pub refusals: Refusals,
    /// The snapshots that it has.
    pub snapshots: Folder,
}

/// The gateway's parts; cheap to clone.
#[derive(Clone)]
pub struct Gateway(Arc<Parts>);

struct Parts {
    reader: Reader,
    consensus: Arc<dyn Driver>,
    about: About,
    timeout: Duration,
    simulations: Arc<Semaphore>,
    downloads: Arc<Semaphore>,
}

impl Gateway {
    /// A gateway to this state and this consensus.
    pub fn new(reader: Reader, consensus: Arc<dyn Driver>, about: About, settings: &config::Gateway) -> Self {
        Self(Arc::new(Parts {
            reader,
            consensus,
            about,
            timeout: Duration::from_secs(settings.timeout_s),
            simulations: Arc::new(Semaphore::new(settings.simulations as usize)),
            downloads: Arc::new(Semaphore::new(DOWNLOADS)),
        }))
    }

    /// Reads the state on a thread that may block.
    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Reader) -> Result<T, Fatal> + Send + 'static,
    ) -> Result<T, Failure> {
        let reader = self.0.reader.clone();
        let answer = tokio::task::spawn_blocking(move || read(&reader)).await;
        Ok(answer.map_err(|error| Failure::internal(error.to_string()))??)
    }

    /// The routes.
    pub fn router(&self, settings: &config::Gateway) -> Router {
        let router = Router::new()
            .route("/v1/status", get(status::status))
            .route("/v1/params", get(status::params))
            .route("/v1/fees", get(status::fees))
            .route("/v1/validators", get(status::validators))
            .route("/v1/genesis", get(status::genesis))
            .route("/v1/state", get(state::state))
            .route("/v1/blocks/{height}", get(blocks::block))
            .route("/v1/accounts/{address}", get(status::account))
            .route("/v1/models", get(models::list))
            .route("/v1/models/{id}", get(models::show))
            .route("/v1/models/{id}/file", get(models::file))
            .route("/v1/simulate", post(models::simulate))
            .route("/v1/txs", post(txs::submit))
            .route("/v1/txs/{hash}", get(txs::show))
            .route("/v1/receipts/{hash}/{index}", get(receipts::show))
            .fallback(async || Failure::no_route())
            .method_not_allowed_fallback(async || Failure::wrong_method())
            .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
            .layer(middleware::from_fn_with_state(self.clone(), bounded))
            .with_state(self.clone());
        match cors(&settings.cors_origins) {
            Some(layer) => router.layer(layer),
            None => router,
        }
    }

    /// Binds the address; the first part of the answer is where it listens, the second serves until `stop`
    /// resolves.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub async fn serve<S: Future<Output = ()> + Send + 'static>(
        self,
        settings: &config::Gateway,
        stop: S,
    ) -> io::Result<(SocketAddr, impl Future<Output = io::Result<()>> + use<S>)> {
        let socket = tokio::net::TcpListener::bind(settings.listen).await?;
        let address = socket.local_addr()?;
        // A connection may be silent for as long as an answer may take, and a little longer.
        let patience = self.0.timeout + Duration::from_secs(30);
        let listener = listener::Guarded::new(socket, settings.connections as usize, patience);
        let router = self.router(settings);
        Ok((address, async move { axum::serve(listener, router).with_graceful_shutdown(stop).await }))
    }
}

/// Bounds every answer in time, and counts it.
async fn bounded(State(gateway): State<Gateway>, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_string();
    let answer = match tokio::time::timeout(gateway.0.timeout, next.run(request)).await {
        Ok(answer) => answer,
        Err(_) => Failure::too_slow().into_response(),
    };
    metrics::gateway_answer(route, answer.status().as_u16());
    answer
}

fn cors(origins: &[String]) -> Option<CorsLayer> {
    if origins.is_empty() {
        return None;
    }
    let layer = CorsLayer::new().allow_methods(Any).allow_headers(Any);
    if origins.iter().any(|origin| origin == "*") {
        return Some(layer.allow_origin(Any));
    }
    let values: Vec<HeaderValue> = origins.iter().filter_map(|origin| origin.parse().ok()).collect();
    Some(layer.allow_origin(values))
}

/// A body as JSON, whatever its content type says.
fn json<T: DeserializeOwned>(body: Result<Bytes, BytesRejection>) -> Result<T, Failure> {
    let body = body.map_err(|rejection| Failure::body(rejection.status(), rejection.body_text()))?;
    serde_json::from_slice(&body).map_err(|error| {
        Failure::bad_request("body", format!("the body is not the JSON that is expected: {error}"))
    })
}

/// A part of a path, or of a query, as what it stands for.
fn parse<T: std::str::FromStr<Err: std::fmt::Display>>(what: &'static str, text: &str) -> Result<T, Failure> {
    text.parse().map_err(|error: T::Err| Failure::bad_request(what, error.to_string()))
}
