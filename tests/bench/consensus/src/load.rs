//! A load: transactions that were made beforehand, offered as fast as a mempool takes them.

use crate::Result;
use crate::rpc::{BlockLoad, Rpc};
use std::time::{Duration, Instant};

/// Transactions of one request: what CometBFT takes.
const BATCH: usize = 10;
/// How long to wait when the mempool is full.
const PAUSE: Duration = Duration::from_millis(20);
/// Seconds at the start of a load that are not counted.
const WARM: f64 = 3.0;

/// Offers the lanes of transactions side by side, each in its order, for some seconds; the transactions a second
/// that blocks took meanwhile.
pub fn rate(port: u16, lanes: &[Vec<Vec<u8>>], seconds: u64) -> Result<f64> {
    let rpc = Rpc::at(port);
    let first = rpc.height()? + 1;
    let end = Instant::now() + Duration::from_secs(seconds);
    let offered = std::thread::scope(|scope| {
        let lanes: Vec<_> = lanes.iter().map(|lane| scope.spawn(|| push(Rpc::at(port), lane, end))).collect();
        let done = lanes.into_iter().map(|lane| lane.join().unwrap_or_else(|_| Err("a lane panicked".into())));
        done.collect::<Result<Vec<bool>>>()
    })?;
    if offered.contains(&true) {
        return Err("the load ran out of transactions before its time was over".into());
    }
    let last = rpc.height()?;
    of(&rpc.loads(first, last)?)
}

/// Transactions a second of blocks under load, without the first seconds.
fn of(loads: &[BlockLoad]) -> Result<f64> {
    let start = loads.iter().find(|load| load.txs > 0).ok_or("no block held a transaction")?.seconds + WARM;
    let counted: Vec<&BlockLoad> = loads.iter().filter(|load| load.seconds >= start).collect();
    let ([first, .., last], true) = (counted.as_slice(), counted.len() > 2) else {
        return Err("too few blocks under load".into());
    };
    // What a block holds was collected since the one before it.
    let txs: u64 = counted[1..].iter().map(|load| load.txs).sum();
    Ok(txs as f64 / (last.seconds - first.seconds))
}

/// Offers a lane until the time is over or it is empty; whether it is empty.
fn push(rpc: Rpc, lane: &[Vec<u8>], end: Instant) -> Result<bool> {
    for batch in lane.chunks(BATCH) {
        let mut waiting: Vec<&[u8]> = batch.iter().map(Vec::as_slice).collect();
        while !waiting.is_empty() {
            if Instant::now() >= end {
                return Ok(false);
            }
            let full = rpc.offer(&waiting)?;
            waiting = full.iter().map(|&at| waiting[at]).collect();
            if !waiting.is_empty() {
                std::thread::sleep(PAUSE);
            }
        }
    }
    Ok(true)
}
