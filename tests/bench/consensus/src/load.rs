//! A load: transactions that were made beforehand, offered as fast as a mempool takes them.

use crate::Result;
use crate::rpc::{BlockLoad, Rpc};
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

/// Transactions of one request: what CometBFT takes.
const BATCH: usize = 10;
/// Transactions that may wait before a load pauses. A mempool holds 5,000, and what is on its way when it is full is
/// dropped without a word, which would leave a gap between nonces.
pub const MOST_WAITING: i64 = 4_000;
/// How long to wait then, and how often to ask.
const PAUSE: Duration = Duration::from_millis(10);
/// Seconds at the start of a load that are not counted.
const WARM: f64 = 3.0;

/// What blocks took of a load.
#[derive(Debug, Clone, Copy)]
pub struct Taken {
    /// Transactions a second.
    pub rate: f64,
    /// Transactions of a block.
    pub block: f64,
    /// Seconds from a block to the next.
    pub apart: f64,
}

/// Offers the lanes of transactions side by side, each in its order, for some seconds; what blocks took meanwhile.
/// `own` transactions of each block are not the load's: our claims. At most `most` wait at once.
pub fn rate(port: u16, lanes: &[Vec<Vec<u8>>], seconds: u64, own: u64, most: i64) -> Result<Taken> {
    let rpc = Rpc::at(port);
    let first = rpc.height()? + 1;
    let end = Instant::now() + Duration::from_secs(seconds);
    // What may be offered until the mempool is asked again.
    let room = AtomicI64::new(0);
    let offered = std::thread::scope(|scope| {
        scope.spawn(|| {
            while Instant::now() < end {
                // When it does not answer, it is too busy for more.
                let waiting = rpc.waiting().map_or(most, |waiting| waiting as i64);
                room.store(most - waiting, Ordering::Relaxed);
                std::thread::sleep(PAUSE);
            }
        });
        let push = |lane| push(Rpc::at(port), lane, end, &room);
        let lanes: Vec<_> = lanes.iter().map(|lane| scope.spawn(move || push(lane))).collect();
        let done =
            lanes.into_iter().map(|lane| lane.join().unwrap_or_else(|_| Err("a lane panicked".into())));
        done.collect::<Result<Vec<bool>>>()
    })?;
    if offered.contains(&true) {
        return Err("the load ran out of transactions before its time was over".into());
    }
    let last = rpc.height()?;
    of(&rpc.loads(first, last)?, own)
}

/// What blocks under load took, without the first seconds.
fn of(loads: &[BlockLoad], own: u64) -> Result<Taken> {
    let start = loads.iter().find(|load| load.txs > own).ok_or("no block held a transaction")?.seconds + WARM;
    let counted: Vec<&BlockLoad> = loads.iter().filter(|load| load.seconds >= start).collect();
    let ([first, .., last], true) = (counted.as_slice(), counted.len() > 2) else {
        return Err("too few blocks under load".into());
    };
    // What a block holds was collected since the one before it.
    let txs: u64 = counted[1..].iter().map(|load| load.txs - own.min(load.txs)).sum();
    let (txs, blocks, seconds) = (txs as f64, (counted.len() - 1) as f64, last.seconds - first.seconds);
    Ok(Taken { rate: txs / seconds, block: txs / blocks, apart: seconds / blocks })
}

/// Offers a lane until the time is over or it is empty; whether it is empty.
fn push(rpc: Rpc, lane: &[Vec<u8>], end: Instant, room: &AtomicI64) -> Result<bool> {
    for batch in lane.chunks(BATCH) {
        while room.fetch_sub(BATCH as i64, Ordering::Relaxed) < BATCH as i64 {
            if Instant::now() >= end {
                return Ok(false);
            }
            std::thread::sleep(PAUSE);
        }
        if Instant::now() >= end {
            return Ok(false);
        }
        rpc.offer(batch)?;
    }
    Ok(true)
}
