//! Between ABCI and the state machine: translates each request, counts what happened, says a line per block.
//!
//! Decides nothing that two nodes could see differently: what goes into a block's results comes from the
//! state machine untouched.

use crate::abci::{Fatal, Handler};
use crate::faults::{Faults, Liar};
use crate::refusals::Refusals;
use crate::retention::Retention;
use crate::snapshots::Snapshots;
use crate::speculation::Ahead;
use crate::{divergence, metrics, query};
use assay_core::{App, BlockInput, BlockResult, ModelFiles, NoFiles, Verdict};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;
use tendermint_proto::v0_38::abci::response::Value as Answer;
use tendermint_proto::v0_38::abci::response_process_proposal::ProposalStatus;
use tendermint_proto::v0_38::abci::{request::Value as Ask, *};

/// The codespace of our stable numbers.
const CODESPACE: &str = "assay";

/// What is known of a block between its finalization and its commit.
#[derive(Debug, Clone, Copy, Default)]
struct Pending {
    txs: usize,
    rejected: usize,
    units: u64,
    millis: u128,
}

/// Answers ABCI requests with the state machine.
pub struct AbciApp {
    app: Arc<App>,
    pending: Mutex<Pending>,
    refusals: Refusals,
    ahead: Ahead,
    retention: Retention,
    /// Where a divergence is reported.
    data: PathBuf,
    /// For tests: lies in its proposals.
    liar: Option<Liar>,
    snapshots: Option<Arc<Snapshots>>,
    /// Those that the genesis document names.
    model_files: Box<dyn ModelFiles>,
}

impl AbciApp {
    /// Serves this state machine; a divergence is reported into the folder `data`.
    pub fn new(app: Arc<App>, refusals: Refusals, ahead: Ahead, data: PathBuf) -> Self {
        let retention = Retention::new(None);
        Self {
            app,
            pending: Mutex::default(),
            refusals,
            ahead,
            retention,
            data,
            liar: None,
            snapshots: None,
            model_files: Box::new(NoFiles),
        }
    }

    /// Tells CometBFT which of its blocks it need not keep.
    pub fn with_retention(self, retention: Retention) -> Self {
        Self { retention, ..self }
    }

    /// Starts a chain with the models whose files are there.
    pub fn with_model_files(self, files: impl ModelFiles + 'static) -> Self {
        Self { model_files: Box::new(files), ..self }
    }

    /// Makes, gives and takes snapshots.
    pub fn with_snapshots(self, snapshots: Arc<Snapshots>) -> Self {
        Self { snapshots: Some(snapshots), ..self }
    }

    /// Makes it propose lies, if there are any among these faults.
    pub fn with_faults(self, faults: Faults) -> Self {
        Self { liar: Liar::new(faults.proposals), ..self }
    }

    fn info(&self) -> Result<ResponseInfo, Fatal> {
        let info = self.app.info().map_err(fatal)?;
        Ok(ResponseInfo {
            data: "assay".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            app_version: info.app_version,
            last_block_height: signed(info.height)?,
            last_block_app_hash: info.app_hash.map(|hash| hash.0.to_vec()).unwrap_or_default().into(),
        })
    }

    fn init_chain(&self, request: &RequestInitChain) -> Result<ResponseInitChain, Fatal> {
        if request.initial_height != 1 {
            return Err(Fatal(format!(
                "the genesis file starts at height {}; set initial_height to \"1\"",
                request.initial_height
            )));
        }
        let (state, files) = (&request.app_state_bytes, self.model_files.as_ref());
        let app_hash = self.app.init_chain_with(&request.chain_id, state, files).map_err(fatal)?;
        tracing::info!(chain_id = request.chain_id, %app_hash, "a chain starts");
        Ok(ResponseInitChain { app_hash: app_hash.0.to_vec().into(), ..Default::default() })
    }

    fn check_tx(&self, request: &RequestCheckTx) -> Result<ResponseCheckTx, Fatal> {
        Ok(match self.app.check_tx(&request.tx).map_err(fatal)? {
            Ok(checked) => {
                self.ahead.queue(&checked);
                ResponseCheckTx { gas_wanted: saturated(checked.units), ..Default::default() }
            }
            Err(rejected) => {
                metrics::rejected(rejected.name());
                ResponseCheckTx {
                    code: rejected.code(),
                    log: rejected.to_string(),
                    codespace: CODESPACE.into(),
                    ..Default::default()
                }
            }
        })
    }

    fn prepare(&self, request: RequestPrepareProposal) -> Result<ResponsePrepareProposal, Fatal> {
        let _block = self.ahead.block();
        let max_bytes = u64::try_from(request.max_tx_bytes).unwrap_or(0);
        let txs: Vec<Vec<u8>> = request.txs.iter().map(|tx| tx.to_vec()).collect();
        let offered = if self.liar.is_some() { txs.clone() } else { Vec::new() };
        let packed = self.app.prepare_proposal(unsigned(request.height)?, txs, max_bytes).map_err(fatal)?;
        let packed = match &self.liar {
            Some(liar) => liar.twist(&offered, packed, max_bytes),
            None => packed,
        };
        Ok(ResponsePrepareProposal { txs: packed.into_iter().map(Into::into).collect() })
    }

    fn process(&self, request: RequestProcessProposal) -> Result<ResponseProcessProposal, Fatal> {
        let _block = self.ahead.block();
        let height = unsigned(request.height)?;
        if self.liar.is_some() {
            return Ok(ResponseProcessProposal { status: ProposalStatus::Accept as i32 });
        }
        let txs: Vec<Vec<u8>> = request.txs.iter().map(|tx| tx.to_vec()).collect();
        let status = match self.app.process_proposal(height, &txs).map_err(fatal)? {
            Verdict::Accept => ProposalStatus::Accept,
            Verdict::Reject(refusal) => {
                self.refusals.note(height, &request.proposer_address, refusal);
                ProposalStatus::Reject
            }
        };
        Ok(ResponseProcessProposal { status: status as i32 })
    }

    fn finalize(&self, request: RequestFinalizeBlock) -> Result<ResponseFinalizeBlock, Fatal> {
        let _block = self.ahead.block();
        let start = Instant::now();
        let txs = request.txs.iter().map(|tx| tx.to_vec()).collect();
        let block = BlockInput { height: unsigned(request.height)?, txs };
        let finalized = self.app.finalize_block(&block).map_err(|error| self.stopping(&error))?;
        let BlockResult { tx_results, app_hash } = finalized;
        let pending = Pending {
            // Nobody sent the claim.
            txs: tx_results.len().saturating_sub(1),
            rejected: tx_results.iter().filter(|result| result.code != 0).count(),
            units: tx_results.iter().fold(0, |sum, result| sum.saturating_add(result.units)),
            millis: start.elapsed().as_millis(),
        };
        *self.pending.lock().unwrap_or_else(PoisonError::into_inner) = pending;
        Ok(ResponseFinalizeBlock {
            tx_results: tx_results.into_iter().map(tx_result).collect(),
            app_hash: app_hash.0.to_vec().into(),
            ..Default::default()
        })
    }

    /// The reason to stop; a divergence leaves a report.
    fn stopping(&self, error: &assay_core::Fatal) -> Fatal {
        match error {
            assay_core::Fatal::Divergence(found) => {
                Fatal(divergence::report(&self.data, self.app.reader().kernels(), found))
            }
            other => fatal(other),
        }
    }

    fn commit(&self) -> Result<ResponseCommit, Fatal> {
        let start = Instant::now();
        let committed = self.app.commit().map_err(fatal)?;
        if let Some(snapshots) = &self.snapshots {
            snapshots.committed(&self.app, committed.height);
            self.retention.hold_from(snapshots.oldest_offered().unwrap_or(u64::MAX));
        }
        let pending = std::mem::take(&mut *self.pending.lock().unwrap_or_else(PoisonError::into_inner));
        let reader = self.app.reader();
        let ((hits, misses), (hot, loaded)) = (reader.lookups(), reader.hot_models());
        metrics::outcomes(hits, misses);
        metrics::market(&reader.fees().map_err(fatal)?.next, hot, loaded);
        metrics::block(committed.height, pending.txs, pending.units);
        tracing::info!(
            height = committed.height,
            txs = pending.txs,
            rejected = pending.rejected,
            units = pending.units,
            app_hash = %committed.app_hash,
            execute_ms = pending.millis,
            commit_ms = start.elapsed().as_millis(),
            "block"
        );
        // Blocks go after the state before them has gone: CometBFT executes them again over any height that is kept.
        let kept = reader.kept().map_err(fatal)?.map_or(0, |kept| *kept.start());
        Ok(ResponseCommit { retain_height: signed(self.retention.oldest(committed.height).min(kept))? })
    }
}

impl AbciApp {
    /// Gives snapshots to peers.
    fn serve(&self, request: &Ask) -> Answer {
        match (request, &self.snapshots) {
            (Ask::LoadSnapshotChunk(request), Some(snapshots)) => {
                Answer::LoadSnapshotChunk(snapshots.load(request))
            }
            (Ask::LoadSnapshotChunk(_), None) => Answer::LoadSnapshotChunk(Default::default()),
            (_, Some(snapshots)) => Answer::ListSnapshots(snapshots.list()),
            (_, None) => Answer::ListSnapshots(Default::default()),
        }
    }

    /// Takes a state from peers.
    fn restore(&self, request: &Ask) -> Result<Answer, Fatal> {
        Ok(match (request, &self.snapshots) {
            (Ask::OfferSnapshot(request), Some(snapshots)) => {
                Answer::OfferSnapshot(snapshots.offer(&self.app, request)?)
            }
            (Ask::ApplySnapshotChunk(request), Some(snapshots)) => {
                Answer::ApplySnapshotChunk(snapshots.apply(&self.app, request)?)
            }
            (Ask::ApplySnapshotChunk(_), None) => Answer::ApplySnapshotChunk(ResponseApplySnapshotChunk {
                result: response_apply_snapshot_chunk::Result::Abort as i32,
                ..Default::default()
            }),
            _ => Answer::OfferSnapshot(ResponseOfferSnapshot {
                result: response_offer_snapshot::Result::Abort as i32,
            }),
        })
    }
}

impl Handler for AbciApp {
    fn handle(&self, request: Ask) -> Result<Answer, Fatal> {
        let start = Instant::now();
        let (method, answer) = match request {
            Ask::OfferSnapshot(_) | Ask::ApplySnapshotChunk(_) => ("restore", self.restore(&request)?),
            Ask::ListSnapshots(_) | Ask::LoadSnapshotChunk(_) => ("snapshot", self.serve(&request)),
            Ask::Info(_) => ("info", Answer::Info(self.info()?)),
            Ask::InitChain(request) => ("init_chain", Answer::InitChain(self.init_chain(&request)?)),
            Ask::CheckTx(request) => ("check_tx", Answer::CheckTx(self.check_tx(&request)?)),
            Ask::PrepareProposal(request) => ("prepare", Answer::PrepareProposal(self.prepare(request)?)),
            Ask::ProcessProposal(request) => ("process", Answer::ProcessProposal(self.process(request)?)),
            Ask::FinalizeBlock(request) => ("finalize", Answer::FinalizeBlock(self.finalize(request)?)),
            Ask::Commit(_) => ("commit", Answer::Commit(self.commit()?)),
            Ask::Query(request) => ("query", Answer::Query(query::answer(&self.app.reader(), &request)?)),
            other => ("other", aside(other)),
        };
        metrics::abci_call(method, start.elapsed());
        Ok(answer)
    }
}

/// Answers what this application has nothing for.
fn aside(_: Ask) -> Answer {
    Answer::Exception(ResponseException { error: "this application does not use the request".into() })
}

fn tx_result(result: assay_core::TxResult) -> ExecTxResult {
    let attribute = |(key, value, index)| EventAttribute { key, value, index };
    let event = |event: assay_core::Event| Event {
        r#type: event.kind,
        attributes: event.attributes.into_iter().map(attribute).collect(),
    };
    let codespace = if result.code == 0 { String::new() } else { CODESPACE.into() };
    ExecTxResult {
        code: result.code,
        data: result.data.into(),
        log: result.log,
        gas_wanted: saturated(result.units),
        gas_used: saturated(result.units),
        events: result.events.into_iter().map(event).collect(),
        codespace,
        ..Default::default()
    }
}

fn fatal(error: impl std::fmt::Display) -> Fatal {
    Fatal(error.to_string())
}

fn unsigned(height: i64) -> Result<u64, Fatal> {
    u64::try_from(height).map_err(|_| Fatal(format!("CometBFT named the height {height}")))
}

fn signed(height: u64) -> Result<i64, Fatal> {
    i64::try_from(height).map_err(|_| Fatal(format!("the height {height} is beyond CometBFT's")))
}

/// Gas is CometBFT's word for units, and signed.
fn saturated(units: u64) -> i64 {
    i64::try_from(units).unwrap_or(i64::MAX)
}
