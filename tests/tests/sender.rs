//! Transactions made by hand, so that they can be wrong.

use crate::support::data;
use assay::client::Client;
use assay_types::address::Address;
use assay_types::amount::Amount;
use assay_types::hash::ModelId;
use assay_types::key::{PublicKey, SecretKey};
use assay_types::message::{Message, PublishModel, SealModel, UploadChunk};
use assay_types::model::Manifest;
use assay_types::tensor::InputShape;
use assay_types::tx::Tx;
use std::time::Duration;

/// A fee limit that nothing in these tests reaches: 10 ASY.
pub const MAX_FEE: Amount = Amount(10_000_000);
/// Fuel that the small models of these tests compile with, and that fits a block.
pub const FUEL: u64 = 4_000_000_000;
const WAIT: Duration = Duration::from_secs(60);

/// A key whose secret everybody knows.
pub struct Sender {
    secret: SecretKey,
    key: PublicKey,
}

impl Sender {
    /// The ed25519 key of a seed.
    pub fn new(seed: u8) -> Self {
        Self::of([seed; 32])
    }

    /// The same of a seed of 32 bytes.
    pub fn of(seed: [u8; 32]) -> Self {
        let secret = SecretKey::Ed25519(seed);
        let key = secret.public_key().unwrap();
        Self { secret, key }
    }

    /// Its account.
    pub fn address(&self) -> Address {
        self.key.address()
    }

    /// A correct transaction, not signed yet.
    pub fn draft(&self, client: &Client, messages: Vec<Message>) -> Tx {
        let status = client.status().unwrap();
        let nonce = client.account(&self.address()).unwrap().next_nonce;
        let valid_until_height = status.heights.application + 100;
        Tx {
            chain_id: status.chain_id,
            key: self.key,
            nonce,
            valid_until_height,
            max_fee: MAX_FEE,
            tip: Amount::ZERO,
            messages,
        }
    }

    /// The bytes of a draft, signed.
    pub fn sign(&self, tx: Tx) -> Vec<u8> {
        tx.sign(&self.secret).unwrap().encode()
    }

    /// The bytes of a correct transaction.
    pub fn tx(&self, client: &Client, messages: Vec<Message>) -> Vec<u8> {
        self.sign(self.draft(client, messages))
    }

    /// Its public key.
    pub fn key(&self) -> PublicKey {
        self.key
    }

    /// Publishes the logistic regression of the irises, for two flowers at a time in `X`.
    pub fn publish_iris(&self, client: &Client) -> ModelId {
        self.publish(client, &iris(), "X", vec![2, 4])
    }

    /// Publishes, uploads and seals a model of one chunk, in one transaction.
    pub fn publish(&self, client: &Client, file: &[u8], input: &str, dims: Vec<u32>) -> ModelId {
        let (id, messages) = publication(file, input, dims);
        let answer = answer(client, &self.tx(client, messages));
        assert_eq!(answer, (0, "ok".into()));
        id
    }
}

/// The file of the logistic regression of the irises.
pub fn iris() -> Vec<u8> {
    std::fs::read(data("models").join("lr_iris.onnx")).unwrap()
}

/// The id of a model, and the message that announces it.
pub fn announce(file: &[u8], input: &str, dims: Vec<u32>) -> (ModelId, Message) {
    let shapes = if dims.is_empty() { vec![] } else { vec![InputShape { name: input.into(), dims }] };
    let manifest = Manifest::of(file, shapes);
    let id = manifest.id();
    let (name, version, description) = ("test".into(), "1".into(), String::new());
    (id, Message::PublishModel(PublishModel { manifest, name, version, description }))
}

/// The id of a model of one chunk, and the messages that publish, upload and seal it.
pub fn publication(file: &[u8], input: &str, dims: Vec<u32>) -> (ModelId, Vec<Message>) {
    let (id, publish) = announce(file, input, dims);
    let upload = UploadChunk { model: id, index: 0, bytes: file.to_vec() };
    let seal = SealModel { model: id, max_fuel: FUEL };
    (id, vec![publish, Message::UploadChunk(upload), Message::SealModel(seal)])
}

/// The number and the name that a transaction gets: from the mempool, or else in its block.
pub fn answer(client: &Client, tx: &[u8]) -> (u32, String) {
    match client.submit(tx) {
        Err(error) => (error.code(), error.name().to_owned()),
        Ok(hash) => {
            let info = client.wait(&hash, WAIT).unwrap_or_else(|error| panic!("{error}"));
            (info.code, info.name)
        }
    }
}
