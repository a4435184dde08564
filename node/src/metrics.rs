//! What is counted, and the Prometheus page that shows it.
//!
//! Every metric is named here and nowhere else. Counting costs nothing visible when nobody asked for the
//! page.

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
    metrics::describe_histogram!("assay_abci_call_seconds", "Seconds that an ABCI call took, by method.");
    metrics::describe_counter!("assay_check_rejected_total", "Transactions refused by CheckTx, by reason.");
    metrics::describe_counter!("assay_proposals_refused_total", "Proposals that this node voted against.");
    metrics::describe_counter!("assay_gateway_answers_total", "Answers of the gateway, by route and status.");
    Ok(())
}

pub(crate) fn block(height: u64, txs: usize, units: u64) {
    metrics::gauge!("assay_height").set(height as f64);
    metrics::gauge!("assay_block_transactions").set(txs as f64);
    metrics::gauge!("assay_block_units").set(units as f64);
}

pub(crate) fn abci_call(method: &'static str, took: Duration) {
    metrics::histogram!("assay_abci_call_seconds", "method" => method).record(took.as_secs_f64());
}

pub(crate) fn rejected(name: &'static str) {
    metrics::counter!("assay_check_rejected_total", "reason" => name).increment(1);
}

pub(crate) fn proposal_refused() {
    metrics::counter!("assay_proposals_refused_total").increment(1);
}

pub(crate) fn gateway_answer(route: String, status: u16) {
    metrics::counter!("assay_gateway_answers_total", "route" => route, "status" => status.to_string())
        .increment(1);
}
