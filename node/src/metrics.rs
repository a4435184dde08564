//! What is counted, and the Prometheus page that shows it.
//!
//! Every metric is named here and nowhere else. Counting costs nothing visible when nobody asked for the
//! page.

use assay_core::FamilySize;
use assay_types::fees::Prices;
use std::net::SocketAddr;
use std::time::Duration;

/// Serves the page; call it inside the runtime.
///
/// # Errors
/// When the address cannot be bound.
pub fn serve(listen: SocketAddr) -> Result<(), metrics_exporter_prometheus::BuildError> {
    metrics_exporter_prometheus::PrometheusBuilder::new().with_http_listener(listen).install()?;
    metrics::describe_gauge!("assay_height", "The last committed height.");
    metrics::describe_gauge!("assay_block_transactions", "Transactions of the last block.");
    metrics::describe_gauge!("assay_block_units", "Units of the last block.");
    metrics::describe_gauge!("assay_state_bytes", "Bytes of the state on disk, by column family.");
    metrics::describe_gauge!("assay_oldest_height", "The oldest height whose state is kept.");
    metrics::describe_gauge!("assay_unit_price", "uasy per million units in the next block.");
    metrics::describe_gauge!("assay_byte_price", "uasy per million bytes in the next block.");
    metrics::describe_gauge!("assay_hot_models", "Models of the hot set, by whether they are loaded here.");
    metrics::describe_histogram!("assay_abci_call_seconds", "Seconds that an ABCI call took, by method.");
    metrics::describe_counter!("assay_check_rejected_total", "Transactions refused by CheckTx, by reason.");
    metrics::describe_counter!(
        "assay_proposals_refused_total",
        "Proposals that this node voted against, by the first thing wrong with them."
    );
    metrics::describe_gauge!("assay_speculation_queue", "Transactions that wait to be computed ahead.");
    metrics::describe_counter!(
        "assay_speculation_dropped_total",
        "Transactions that the queue had no room for."
    );
    metrics::describe_counter!(
        "assay_speculated_total",
        "Transactions that were computed ahead of their block, by how that ended."
    );
    metrics::describe_counter!(
        "assay_outcomes_total",
        "Outcomes that a block needed, by whether they were known before it was executed."
    );
    metrics::describe_gauge!("assay_snapshot_height", "The height of the last snapshot that was made.");
    metrics::describe_gauge!("assay_snapshot_bytes", "Its bytes.");
    metrics::describe_counter!(
        "assay_snapshot_refused_total",
        "Snapshots and chunks from peers that were refused while the state was synced."
    );
    metrics::describe_counter!("assay_gateway_answers_total", "Answers of the gateway, by route and status.");
    Ok(())
}

pub(crate) fn block(height: u64, txs: usize, units: u64) {
    metrics::gauge!("assay_height").set(height as f64);
    metrics::gauge!("assay_block_transactions").set(txs as f64);
    metrics::gauge!("assay_block_units").set(units as f64);
}

pub(crate) fn disk(families: &[FamilySize]) {
    for family in families {
        metrics::gauge!("assay_state_bytes", "family" => family.name).set(family.all() as f64);
    }
}

pub(crate) fn oldest(height: u64) {
    metrics::gauge!("assay_oldest_height").set(height as f64);
}

/// `loaded` of the `hot` models are ready to run.
pub(crate) fn market(next: &Prices, hot: usize, loaded: usize) {
    metrics::gauge!("assay_unit_price").set(next.unit_price as f64);
    metrics::gauge!("assay_byte_price").set(next.byte_price as f64);
    metrics::gauge!("assay_hot_models", "loaded" => "yes").set(loaded as f64);
    metrics::gauge!("assay_hot_models", "loaded" => "no").set(hot.saturating_sub(loaded) as f64);
}

pub(crate) fn abci_call(method: &'static str, took: Duration) {
    metrics::histogram!("assay_abci_call_seconds", "method" => method).record(took.as_secs_f64());
}

pub(crate) fn rejected(name: &'static str) {
    metrics::counter!("assay_check_rejected_total", "reason" => name).increment(1);
}

pub(crate) fn proposal_refused(kind: &'static str) {
    metrics::counter!("assay_proposals_refused_total", "kind" => kind).increment(1);
}

pub(crate) fn queued(length: usize, kept: bool) {
    metrics::gauge!("assay_speculation_queue").set(length as f64);
    if !kept {
        metrics::counter!("assay_speculation_dropped_total").increment(1);
    }
}

pub(crate) fn speculated(length: usize, done: bool) {
    metrics::gauge!("assay_speculation_queue").set(length as f64);
    let result = if done { "done" } else { "failed" };
    metrics::counter!("assay_speculated_total", "result" => result).increment(1);
}

/// `hits` and `misses` since the process started.
pub(crate) fn outcomes(hits: u64, misses: u64) {
    metrics::counter!("assay_outcomes_total", "known" => "yes").absolute(hits);
    metrics::counter!("assay_outcomes_total", "known" => "no").absolute(misses);
}

pub(crate) fn snapshot(height: u64, bytes: u64) {
    metrics::gauge!("assay_snapshot_height").set(height as f64);
    metrics::gauge!("assay_snapshot_bytes").set(bytes as f64);
}

pub(crate) fn snapshot_refused() {
    metrics::counter!("assay_snapshot_refused_total").increment(1);
}

pub(crate) fn gateway_answer(route: String, status: u16) {
    metrics::counter!("assay_gateway_answers_total", "route" => route, "status" => status.to_string())
        .increment(1);
}
