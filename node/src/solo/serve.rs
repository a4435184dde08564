//! What the gateway asks of the driver.

use super::{Produced, Solo, fatal, in_journal};
use crate::abci::Fatal;
use crate::consensus::{Answer, Decided, Driver, Progress, Submission, Unavailable};
use assay_types::hash::TxHash;
use prost::bytes::Bytes;
use tendermint::block::signed_header::SignedHeader;
use tendermint::validator;
use tendermint_proto::v0_38::abci::CheckTxType;

impl Solo {
    /// Hands a transaction to the mempool, if CheckTx lets it wait.
    ///
    /// # Errors
    /// [`Fatal`] when the application failed.
    pub fn offer(&self, tx: &[u8]) -> Result<Submission, Fatal> {
        let (hash, tx) = (TxHash::of(tx), Bytes::copy_from_slice(tx));
        // Held over CheckTx, so that transactions wait in the order in which they were checked.
        let mut mempool = self.mempool();
        if mempool.knows(&hash) {
            return Ok(Submission::Known);
        }
        if let Some(why) = mempool.full(tx.len()) {
            return Ok(Submission::Full(why));
        }
        Ok(match self.check(&tx, CheckTxType::New)? {
            Ok(()) => {
                mempool.push(hash, tx);
                drop(mempool);
                self.0.wake.transactions();
                Submission::Waits
            }
            Err((code, log)) => Submission::Rejected { code, log },
        })
    }

    /// Begins a block: `solo.block().with(&[tx]).execute()`.
    pub fn block(&self) -> Next<'_> {
        Next { solo: self, offered: Vec::new() }
    }
}

/// A block that is about to be made.
#[must_use = "nothing happens before `execute`"]
pub struct Next<'a> {
    solo: &'a Solo,
    offered: Vec<Vec<u8>>,
}

impl Next<'_> {
    /// Offers transactions to the mempool, before the block is made.
    pub fn with(mut self, txs: &[Vec<u8>]) -> Self {
        self.offered.extend_from_slice(txs);
        self
    }

    /// Offers the transactions, then makes a block of all that wait: what became of each offer, and the block.
    ///
    /// # Errors
    /// [`Fatal`] as of [`Solo::produce`].
    pub fn execute(self) -> Result<(Vec<Submission>, Produced), Fatal> {
        let offers: Result<Vec<_>, Fatal> = self.offered.iter().map(|tx| self.solo.offer(tx)).collect();
        Ok((offers?, self.solo.produce()?))
    }
}

/// Asks on a thread that may block.
fn apart<'a, T: Send + 'static>(
    solo: &Solo,
    ask: impl FnOnce(&Solo) -> Result<T, Fatal> + Send + 'static,
) -> Answer<'a, T> {
    let solo = solo.clone();
    Box::pin(async move {
        let answer = tokio::task::spawn_blocking(move || ask(&solo)).await;
        answer.map_err(|error| Unavailable(error.to_string()))?.map_err(|error| Unavailable(error.0))
    })
}

impl Driver for Solo {
    fn progress(&self) -> Answer<'_, Progress> {
        let height = self.height();
        Box::pin(async move { Ok(Progress { height, syncing: false, peers: 0, version: "none".into() }) })
    }

    fn submit(&self, tx: Vec<u8>) -> Answer<'_, Submission> {
        apart(self, move |solo| solo.offer(&tx))
    }

    fn block(&self, height: Option<u64>) -> Answer<'_, Option<Decided>> {
        apart(self, move |solo| {
            let record = solo.0.journal.get(height.unwrap_or_else(|| solo.height())).map_err(in_journal)?;
            Ok(record.map(super::Record::decided))
        })
    }

    fn signed_header(&self, height: u64) -> Answer<'_, Option<SignedHeader>> {
        apart(self, move |solo| {
            let record = solo.0.journal.get(height).map_err(in_journal)?;
            record.map(super::Record::signed_header).transpose().map_err(fatal)
        })
    }

    fn validators(&self, height: u64) -> Answer<'_, Option<Vec<validator::Info>>> {
        let known = (1..=self.height()).contains(&height);
        let validators = known.then(|| self.0.signer.validators().validators().clone());
        Box::pin(async move { Ok(validators) })
    }
}
