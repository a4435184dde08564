//! Uploading through the library: many chunks, interruptions, lost connections.

use super::*;
use assay::client::Client;
use assay::publish::{Job, Stage, Watch};
use assay::wallet::{Chain, Wallet};
use assay_types::amount::Amount;
use assay_types::key::SecretKey;
use assay_types::limits::CHUNK_BYTES;

struct Counting {
    chunks: Vec<u32>,
    stop_at: u32,
}

impl Watch for Counting {
    fn chunks(&mut self, done: u32) {
        self.chunks.push(done);
    }
    fn say(&mut self, _line: &str) {}
    fn stopped(&self) -> bool {
        self.chunks.last().is_some_and(|done| *done >= self.stop_at)
    }
}

fn publish(gateway: &Gateway, stop_at: u32) -> (Stage, assay::error::Result<assay::publish::Done>, Vec<u32>) {
    let file: Vec<u8> = (0..CHUNK_BYTES * 9 + 100).map(|index| (index / 1000) as u8).collect();
    let client = Client::new(&gateway.url).unwrap();
    let chain = Chain::read(&client).unwrap();
    let wallet = Wallet::new(&client, chain, SecretKey::Ed25519([7; 32])).unwrap();
    let manifest = Manifest::of(&file, vec![]);
    let (name, version, description) = ("big".into(), String::new(), String::new());
    let job = Job {
        wallet: &wallet,
        file: &file,
        manifest,
        name,
        version,
        description,
        fuel: 1000,
        tip: Amount(3),
    };
    let stage = job.stage().unwrap();
    let cost = job.cost(&stage).unwrap();
    let mut watch = Counting { chunks: vec![], stop_at };
    let done = job.run(&mut watch);
    if let Ok(done) = &done
        && gateway.state.lock().unwrap().drop_every.is_none()
    {
        assert_eq!(done.fee, cost, "the announced price is the price");
    }
    (stage, done, watch.chunks)
}

fn start() -> Gateway {
    let gateway = Gateway::start();
    let address = SecretKey::Ed25519([7; 32]).public_key().unwrap().address();
    gateway.fund(&address.to_string(), 10_000_000_000);
    gateway.state.lock().unwrap().compiled = Some(compiled(vec![port("x", &[1])], vec![port("y", &[1])]));
    gateway
}

#[test]
fn a_model_of_many_chunks_arrives_whole() {
    let gateway = start();
    let (stage, done, chunks) = publish(&gateway, u32::MAX);
    assert_eq!(stage, Stage::Absent);
    assert_eq!(done.unwrap().tx_hashes.len(), 1 + 10 + 1);
    assert_eq!(chunks, (0..=10).collect::<Vec<_>>());
    assert!(matches!(publish(&gateway, u32::MAX).0, Stage::Sealed(_)));
}

#[test]
fn an_upload_that_was_stopped_goes_on_where_it_was() {
    let gateway = start();
    let (_, done, _) = publish(&gateway, 3);
    assert_eq!(done.unwrap_err().name(), "interrupted");
    let (stage, done, chunks) = publish(&gateway, u32::MAX);
    // Those in flight when it was stopped arrived too.
    assert!(matches!(stage, Stage::Uploading(3..=7)), "{stage:?}");
    assert_eq!(chunks.last(), Some(&10));
    done.unwrap();
}

#[test]
fn a_dropped_connection_does_not_stop_an_upload() {
    let gateway = start();
    gateway.state.lock().unwrap().drop_every = Some(6);
    let (_, done, _) = publish(&gateway, u32::MAX);
    done.unwrap();
    assert!(matches!(publish(&gateway, u32::MAX).0, Stage::Sealed(_)));
}
