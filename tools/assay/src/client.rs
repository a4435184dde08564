//! The gateway's REST, typed: one method per route of [`assay_types::api`].
//!
//! Blocking, with time limits, and with a bound on every answer. An error of the gateway keeps its number,
//! name and hint; a node that cannot be reached is an error that says which address was tried. Nothing that a
//! node says is believed beyond its form: who needs truth verifies a bundle.

use crate::error::{Error, Result};
use assay_types::address::Address;
use assay_types::api::{
    AccountInfo, Block, Fees, ModelInfo, ModelPage, Problem, ProvenState, Simulate, Simulated, Status,
    SubmitTx, Submitted, TxInfo, Validators,
};
use assay_types::bundle::Bundle;
use assay_types::codec;
use assay_types::hash::{ModelId, TxHash};
use assay_types::params::Params;
use assay_types::tensor::NamedTensor;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io::Read;
use std::time::{Duration, Instant};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const CALL_TIMEOUT: Duration = Duration::from_secs(60);
const DOWNLOAD_TIMEOUT: Duration = Duration::from_secs(1800);
const MAX_JSON_BYTES: u64 = 64 * 1024 * 1024;
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// A connection to a node's gateway.
#[derive(Debug, Clone)]
pub struct Client {
    agent: ureq::Agent,
    base: String,
}

impl Client {
    /// A client of the gateway at a URL; nothing is sent yet.
    ///
    /// # Errors
    /// When it is no http or https URL.
    pub fn new(url: &str) -> Result<Self> {
        let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
        if rest.is_none_or(str::is_empty) {
            return Err(Error::input(format!("{url:?} is no URL of a node"), "give --node http://HOST:PORT"));
        }
        let config = ureq::Agent::config_builder()
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .timeout_global(Some(CALL_TIMEOUT))
            .http_status_as_error(false)
            .user_agent(concat!("assay/", env!("CARGO_PKG_VERSION")))
            .build();
        Ok(Self { agent: config.new_agent(), base: url.trim_end_matches('/').into() })
    }

    /// The node's URL.
    pub fn url(&self) -> &str {
        &self.base
    }

    /// How the node is doing.
    ///
    /// # Errors
    /// As for every call: the node cannot be reached, or answers with a problem or with nonsense.
    pub fn status(&self) -> Result<Status> {
        self.get("/v1/status")
    }

    /// The consensus parameters.
    ///
    /// # Errors
    /// As [`Client::status`].
    pub fn params(&self) -> Result<Params> {
        self.get("/v1/params")
    }

    /// Prices now.
    ///
    /// # Errors
    /// As [`Client::status`].
    pub fn fees(&self) -> Result<Fees> {
        self.get("/v1/fees")
    }

    /// The validators.
    ///
    /// # Errors
    /// As [`Client::status`].
    pub fn validators(&self) -> Result<Validators> {
        self.get("/v1/validators")
    }

    /// CometBFT's genesis document.
    ///
    /// # Errors
    /// As [`Client::status`].
    pub fn genesis(&self) -> Result<serde_json::Value> {
        self.get("/v1/genesis")
    }

    /// A block, the latest when no height is given.
    ///
    /// # Errors
    /// As [`Client::status`].
    pub fn block(&self, height: Option<u64>) -> Result<Block> {
        let height = height.map_or("latest".into(), |height| height.to_string());
        self.get(&format!("/v1/blocks/{height}"))
    }

    /// A key of the state after a height's block, the last one when none is given, with its proof. The proof is not
    /// checked here: the caller knows which root to trust.
    ///
    /// # Errors
    /// As [`Client::status`]; a height that is pruned or not there yet is a problem that names those that are kept.
    pub fn state(&self, key: &[u8], height: Option<u64>) -> Result<ProvenState> {
        let height = height.map_or(String::new(), |height| format!("&height={height}"));
        self.get(&format!("/v1/state?key_hex={}{height}", hex::encode(key)))
    }

    /// An account; one that was never seen has zeros.
    ///
    /// # Errors
    /// As [`Client::status`].
    pub fn account(&self, address: &Address) -> Result<AccountInfo> {
        self.get(&format!("/v1/accounts/{address}"))
    }

    /// A page of models.
    ///
    /// # Errors
    /// As [`Client::status`].
    pub fn models(&self, after: Option<ModelId>, limit: u32) -> Result<ModelPage> {
        let after = after.map_or(String::new(), |id| format!("&after={id}"));
        self.get(&format!("/v1/models?limit={limit}{after}"))
    }

    /// A model, or `None` when the chain has none of this id.
    ///
    /// # Errors
    /// As [`Client::status`].
    pub fn model(&self, id: &ModelId) -> Result<Option<ModelInfo>> {
        self.find(&format!("/v1/models/{id}"))
    }

    /// A model's ONNX file, to be read; the caller bounds and checks it.
    ///
    /// # Errors
    /// As [`Client::status`].
    pub fn model_file(&self, id: &ModelId) -> Result<impl Read> {
        let url = format!("{}/v1/models/{id}/file", self.base);
        let request = self.agent.get(&url).config().timeout_global(Some(DOWNLOAD_TIMEOUT)).build();
        let mut response = request.call().map_err(|error| self.unreachable(&error))?;
        if response.status().as_u16() != 200 {
            return Err(self.problem(&mut response));
        }
        Ok(response.into_body().into_reader())
    }

    /// Submits a transaction: the answer says that the mempool took it, not that it is in a block.
    ///
    /// # Errors
    /// As [`Client::status`]; a transaction that is rejected comes back as [`Error::Rejected`].
    pub fn submit(&self, tx: &[u8]) -> Result<TxHash> {
        let submitted: Submitted = self.post("/v1/txs", &SubmitTx { tx: BASE64.encode(tx) })?;
        Ok(submitted.tx_hash)
    }

    /// A transaction in a block, or `None` while it is in none.
    ///
    /// # Errors
    /// As [`Client::status`].
    pub fn tx(&self, hash: &TxHash) -> Result<Option<TxInfo>> {
        self.find(&format!("/v1/txs/{hash}"))
    }

    /// Waits until a transaction is in a block.
    ///
    /// # Errors
    /// As [`Client::status`]; when `limit` passes first.
    pub fn wait(&self, hash: &TxHash, limit: Duration) -> Result<TxInfo> {
        let found = self.poll(limit, || self.tx(hash))?;
        found.ok_or_else(|| {
            Error::failed(
                "timeout",
                format!("transaction {hash} is in no block after {} s", limit.as_secs()),
                format!("it may still come: look with `assay query tx {hash}`"),
            )
        })
    }

    /// What an inference would give.
    ///
    /// # Errors
    /// As [`Client::status`].
    pub fn simulate(&self, model: ModelId, inputs: &[NamedTensor]) -> Result<Simulated> {
        let inputs = BASE64.encode(codec::encode(&inputs));
        self.post("/v1/simulate", &Simulate { model, inputs })
    }

    /// The bundle of an inference, or `None` while the block after it is not signed.
    ///
    /// # Errors
    /// As [`Client::status`].
    pub fn bundle(&self, tx: &TxHash, index: u32) -> Result<Option<Bundle>> {
        self.find(&format!("/v1/receipts/{tx}/{index}"))
    }

    /// Waits for the bundle of an inference.
    ///
    /// # Errors
    /// As [`Client::status`]; when `limit` passes first.
    pub fn wait_bundle(&self, tx: &TxHash, index: u32, limit: Duration) -> Result<Bundle> {
        self.poll(limit, || self.bundle(tx, index))?.ok_or_else(|| {
            Error::failed(
                "no_receipt",
                format!("the node has no receipt {index} of transaction {tx}"),
                format!("see the transaction with `assay query tx {tx}`, then try again"),
            )
        })
    }

    /// Asks again and again, with growing pauses, until there is an answer or the limit is reached.
    fn poll<T>(&self, limit: Duration, mut ask: impl FnMut() -> Result<Option<T>>) -> Result<Option<T>> {
        let start = Instant::now();
        let mut pause = FIRST_PAUSE;
        loop {
            if let Some(found) = ask()? {
                return Ok(Some(found));
            }
            let Some(left) = limit.checked_sub(start.elapsed()).filter(|left| !left.is_zero()) else {
                return Ok(None);
            };
            std::thread::sleep(pause.min(left));
            pause = (pause * 3 / 2).min(LONGEST_PAUSE);
        }
    }

    fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        self.find(path)?.ok_or_else(|| {
            Error::failed("not_found", format!("the node has no {path}"), "check what you asked for")
        })
    }

    /// `None` for the gateway's own "not found"; anybody else's 404 is an error.
    fn find<T: DeserializeOwned>(&self, path: &str) -> Result<Option<T>> {
        let call = self.agent.get(format!("{}{path}", self.base)).call();
        let mut response = call.map_err(|error| self.unreachable(&error))?;
        match response.status().as_u16() {
            200 => self.decode(&mut response).map(Some),
            404 if is_problem(&response) => Ok(None),
            _ => Err(self.problem(&mut response)),
        }
    }

    fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T> {
        let call = self.agent.post(format!("{}{path}", self.base)).send_json(body);
        let mut response = call.map_err(|error| self.unreachable(&error))?;
        match response.status().as_u16() {
            200..=299 => self.decode(&mut response),
            _ => Err(self.problem(&mut response)),
        }
    }

    fn decode<T: DeserializeOwned>(&self, response: &mut ureq::http::Response<ureq::Body>) -> Result<T> {
        let read = response.body_mut().with_config().limit(MAX_JSON_BYTES).read_to_vec();
        let bytes = read.map_err(|error| self.unreachable(&error))?;
        serde_json::from_slice(&bytes).map_err(|error| {
            Error::failed(
                "bad_answer",
                format!("{} answered what this version does not understand: {error}", self.base),
                "check that --node is the gateway of an assayd of the same version",
            )
        })
    }

    fn problem(&self, response: &mut ureq::http::Response<ureq::Body>) -> Error {
        let status = response.status();
        match self.decode::<Problem>(response) {
            Ok(problem) => problem.into(),
            Err(_) => Error::failed(
                "http_error",
                format!("{} answered {status}", self.base),
                "check that --node is the gateway of an assayd",
            ),
        }
    }

    fn unreachable(&self, error: &ureq::Error) -> Error {
        Error::failed(
            "network",
            format!("no answer from {}: {error}", self.base),
            "start a node with `assayd start`, or name another with --node URL",
        )
    }
}

fn is_problem(response: &ureq::http::Response<ureq::Body>) -> bool {
    let kind = response.headers().get("content-type").and_then(|kind| kind.to_str().ok());
    kind.is_some_and(|kind| kind.starts_with("application/problem+json"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_of_another_kind_is_refused() {
        for url in ["", "localhost:1317", "ftp://x", "http://"] {
            assert!(matches!(Client::new(url), Err(Error::Input { .. })));
        }
        assert_eq!(Client::new("http://127.0.0.1:1/").unwrap().url(), "http://127.0.0.1:1");
    }

    #[test]
    fn a_node_that_is_not_there_is_named() {
        // Port 9 of loopback: nobody listens.
        let error = Client::new("http://127.0.0.1:9").unwrap().status().unwrap_err();
        assert_eq!((error.exit_code(), error.name()), (1, "network"));
        assert!(error.to_string().contains("127.0.0.1:9") && error.hint().contains("--node"));
    }
}
