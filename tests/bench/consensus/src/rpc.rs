//! CometBFT's RPC, as much of it as a load needs: the same for every application behind it.

use crate::Result;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};
use std::time::Duration;

/// A connection.
#[derive(Clone)]
pub struct Rpc {
    agent: ureq::Agent,
    url: String,
}

/// What a block's header says of its load.
#[derive(Debug, Clone, Copy)]
pub struct BlockLoad {
    /// Seconds since 1970, of the header.
    pub seconds: f64,
    /// Transactions.
    pub txs: u64,
}

impl Rpc {
    /// The RPC at a port of this machine.
    pub fn at(port: u16) -> Self {
        let config = ureq::Agent::config_builder().timeout_global(Some(Duration::from_secs(30)));
        Self { agent: config.build().into(), url: format!("http://127.0.0.1:{port}") }
    }

    fn post(&self, body: &Value) -> Result<Value> {
        let mut answer = self.agent.post(&self.url).send_json(body)?;
        Ok(answer.body_mut().read_json()?)
    }

    fn call(&self, method: &str, params: Value) -> Result<Value> {
        let answer = self.post(&json!({"jsonrpc": "2.0", "id": 0, "method": method, "params": params}))?;
        match answer.get("result") {
            Some(result) => Ok(result.clone()),
            None => Err(format!("{method}: {}", answer["error"]).into()),
        }
    }

    /// The latest height.
    pub fn height(&self) -> Result<u64> {
        number(&self.call("status", json!({}))?["sync_info"]["latest_block_height"])
    }

    /// How many transactions wait.
    pub fn waiting(&self) -> Result<u64> {
        number(&self.call("num_unconfirmed_txs", json!({}))?["n_txs"])
    }

    /// Offers transactions in one request. A refusal is an error: a load is made of good transactions, and is
    /// held back before the mempool is full.
    pub fn offer(&self, txs: &[Vec<u8>]) -> Result<()> {
        let call = |(id, tx): (usize, &Vec<u8>)| {
            let params = json!({"tx": BASE64.encode(tx)});
            json!({"jsonrpc": "2.0", "id": id, "method": "broadcast_tx_async", "params": params})
        };
        let calls: Value = txs.iter().enumerate().map(call).collect();
        let answers = self.post(&calls)?;
        let one = std::slice::from_ref(&answers);
        for answer in answers.as_array().map_or(one, Vec::as_slice) {
            if let Some(error) = answer.get("error") {
                return Err(format!("a transaction of the load was refused: {error}").into());
            }
        }
        Ok(())
    }

    /// What the blocks of some heights held.
    pub fn loads(&self, first: u64, last: u64) -> Result<Vec<BlockLoad>> {
        let mut loads = vec![];
        let mut from = first;
        while from <= last {
            let to = last.min(from + 19);
            let params = json!({"minHeight": from.to_string(), "maxHeight": to.to_string()});
            let answer = self.call("blockchain", params)?;
            let metas = answer["block_metas"].as_array().ok_or("no blocks")?;
            for meta in metas.iter().rev() {
                let time = meta["header"]["time"].as_str().ok_or("a header without time")?;
                loads.push(BlockLoad { seconds: seconds(time)?, txs: number(&meta["num_txs"])? });
            }
            from = to + 1;
        }
        Ok(loads)
    }
}

fn number(value: &Value) -> Result<u64> {
    Ok(value.as_str().ok_or("a number that is no text")?.parse()?)
}

/// The seconds of a time as headers write it, `2026-01-02T03:04:05.678Z`, since some midnight: loads are shorter
/// than a day, and a midnight between two blocks is seen by whoever subtracts.
fn seconds(time: &str) -> Result<f64> {
    let clock = time.split('T').nth(1).and_then(|clock| clock.strip_suffix('Z')).ok_or("no time of day")?;
    let mut parts = clock.split(':');
    let mut next = || parts.next().ok_or("no time of day");
    let (hours, minutes, seconds) = (next()?, next()?, next()?);
    Ok(hours.parse::<f64>()? * 3600.0 + minutes.parse::<f64>()? * 60.0 + seconds.parse::<f64>()?)
}
