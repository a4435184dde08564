//! Transfers one after the other, whatever happens to the node, and what the node reported of them.

use crate::sender::{MAX_FEE, Sender};
use assay::client::Client;
use assay_types::amount::Amount;
use assay_types::api::TxInfo;
use assay_types::message::{Message, Transfer};
use assay_types::tx::Tx;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// Transactions that are sent before any is waited for.
const BATCH: u64 = 5;
/// A transaction that is in no block by then was lost with the process that had it, which is no fault.
const WAIT: Duration = Duration::from_secs(4);
/// Between two attempts to reach a node that is down.
const PAUSE: Duration = Duration::from_millis(50);

/// A thread that sends.
pub struct Load {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<Vec<TxInfo>>>,
}

impl Load {
    /// Starts it, with the money of a sender.
    pub fn start(client: &Client, seed: u8) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (client, asked) = (client.clone(), stop.clone());
        let thread = std::thread::spawn(move || {
            let (sender, mut reported) = (Sender::new(seed), Vec::new());
            while !asked.load(Ordering::Relaxed) {
                if send(&client, &sender, &mut reported).is_err() {
                    std::thread::sleep(PAUSE);
                }
            }
            reported
        });
        Self { stop, thread: Some(thread) }
    }

    /// Ends it; what was reported as committed.
    pub fn stop(mut self) -> Vec<TxInfo> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().unwrap().join().unwrap()
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        // A test that failed does not wait for it.
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// Sends a batch; whoever was down in the middle of it has reported what it has reported.
fn send(client: &Client, sender: &Sender, reported: &mut Vec<TxInfo>) -> Result<(), assay::error::Error> {
    let status = client.status()?;
    let first = client.account(&sender.address())?.next_nonce;
    let mut sent = Vec::new();
    for nonce in first..first + BATCH {
        let transfer = Transfer { to: Sender::new(250).address(), amount: Amount(u128::from(nonce) + 1) };
        let tx = sender.sign(Tx {
            chain_id: status.chain_id.clone(),
            key: sender.key(),
            nonce,
            valid_until_height: status.heights.application + 100,
            max_fee: MAX_FEE,
            tip: Amount::ZERO,
            messages: vec![Message::Transfer(transfer)],
        });
        sent.push(client.submit(&tx)?);
    }
    for hash in sent {
        reported.push(client.wait(&hash, WAIT)?);
    }
    Ok(())
}
