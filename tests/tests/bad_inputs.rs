//! Bad input over a real network: each gets its stable number, costs nothing or the fee, and the node lives.

use crate::sender::{FUEL, Sender, announce, answer};
use crate::support::{data, only_network, start_network};
use assay::client::Client;
use assay_types::amount::Amount;
use assay_types::api::AccountInfo;
use assay_types::hash::{ModelId, OutputHash};
use assay_types::key::PublicKey;
use assay_types::limits::{CHUNK_BYTES, MAX_COMPILE_FUEL, MAX_TX_BYTES};
use assay_types::message::{Infer, Message, RetireModel, SealModel, Transfer, UploadChunk};
use assay_types::tensor::{NamedTensor, Tensor};
use assay_types::tx::Tx;

/// A funded sender and a node to send to.
struct Case {
    client: Client,
    sender: Sender,
}

impl Case {
    fn account(&self) -> AccountInfo {
        self.client.account(&self.sender.address()).unwrap()
    }

    /// Sends bytes that must get a number; the account may lose a fee, or nothing at all.
    fn bytes(&self, what: &str, tx: &[u8], code: u32) {
        let before = self.account();
        let got = answer(&self.client, tx);
        assert_eq!(got.0, code, "{what}: {got:?}");
        let after = self.account();
        if after.nonce == before.nonce {
            assert_eq!(after.balance, before.balance, "{what}: refused, and money is gone");
        } else {
            assert_eq!(after.nonce, before.nonce + 1, "{what}");
            assert!(after.balance < before.balance, "{what}: in a block without a fee");
        }
        let status = self.client.status().unwrap_or_else(|error| panic!("after {what}: {error}"));
        assert!(status.heights.application > 0);
    }

    /// Sends a correct draft after a change to it.
    fn changed(&self, what: &str, code: u32, change: impl FnOnce(&mut Tx)) {
        let mut tx = self.sender.draft(&self.client, vec![transfer(1)]);
        change(&mut tx);
        self.bytes(what, &self.sender.sign(tx), code);
    }

    fn message(&self, what: &str, code: u32, message: Message) {
        self.bytes(what, &self.sender.tx(&self.client, vec![message]), code);
    }

    fn infer(&self, what: &str, code: u32, model: ModelId, inputs: Vec<NamedTensor>) {
        let infer = Infer { model, inputs, expect_output_hash: None };
        self.message(what, code, Message::Infer(infer));
    }
}

fn transfer(amount: u128) -> Message {
    Message::Transfer(Transfer { to: Sender::new(99).address(), amount: Amount(amount) })
}

fn named(name: &str, tensor: Tensor) -> NamedTensor {
    NamedTensor { name: name.into(), tensor }
}

fn flowers(name: &str) -> Vec<NamedTensor> {
    vec![named(name, Tensor::from_f32(vec![2, 4], &[5.1, 3.5, 1.4, 0.2, 6.7, 3.0, 5.2, 2.3]).unwrap())]
}

fn envelopes(case: &Case) {
    let good = case.sender.tx(&case.client, vec![transfer(1)]);
    case.bytes("nothing", &[], 2);
    case.bytes("garbage", &[0xa5; 300], 2);
    case.bytes("truncated", &good[..good.len() - 1], 2);
    case.bytes("trailing byte", &[&good[..], &[0]].concat(), 2);
    case.bytes("over-long", &vec![0; MAX_TX_BYTES + 1], 1);
    let mut forged = good.clone();
    *forged.last_mut().unwrap() ^= 1;
    case.bytes("forged signature", &forged, 5);
    case.changed("another chain", 4, |tx| tx.chain_id = "another-chain".into());
    case.changed("no key", 6, |tx| tx.key = PublicKey::Secp256k1([0; 33]));
    case.changed("no messages", 7, |tx| tx.messages.clear());
    case.changed("17 messages", 7, |tx| tx.messages = vec![transfer(1); 17]);
    case.changed("expired", 8, |tx| tx.valid_until_height = 1);
    case.changed("gap in the nonces", 10, |tx| tx.nonce += 5);
    case.changed("fee limit of 1", 12, |tx| tx.max_fee = Amount(1));
    let exact = case.sender.draft(&case.client, vec![transfer(1)]);
    assert_eq!(answer(&case.client, &good), (0, "ok".into()));
    case.changed("nonce used already", 9, |tx| tx.nonce = exact.nonce);

    let poor = Sender::new(98);
    let tx = poor.tx(&case.client, vec![transfer(1)]);
    assert_eq!(answer(&case.client, &tx).0, 11);
    case.message("more than there is", 11, transfer(u128::MAX / 2));
    case.message("transfer of nothing", 20, transfer(0));
}

/// One unit below the exact fee is refused, and the exact fee is what a transaction costs.
fn exact_fee(case: &Case) {
    let before = case.account();
    let tx = case.sender.draft(&case.client, vec![transfer(5)]);
    let bytes = case.sender.sign(tx.clone());
    let hash = case.client.submit(&bytes).unwrap();
    let fee = case.client.wait(&hash, std::time::Duration::from_secs(60)).unwrap().fee;
    let after = case.account();
    assert_eq!(before.balance.0 - after.balance.0, fee.0 + 5);
    case.changed("one below the exact fee", 12, |tx| {
        tx.messages = vec![transfer(5)];
        tx.max_fee = Amount(fee.0 - 1);
    });
}

fn uploads(case: &Case) {
    let file: Vec<u8> = (0..CHUNK_BYTES + 1000).map(|index| (index % 251) as u8).collect();
    let (model, publish) = announce(&file, "x", vec![]);
    let chunk =
        |index: u32, bytes: &[u8]| Message::UploadChunk(UploadChunk { model, index, bytes: bytes.to_vec() });
    let (first, second) = file.split_at(CHUNK_BYTES);
    case.message("chunk of an unknown model", 32, chunk(0, first));
    case.message("announcement", 0, publish.clone());
    case.message("the same model again", 31, publish);
    case.message("the second chunk first", 37, chunk(1, second));
    case.message("a chunk with other bytes", 39, chunk(0, &vec![0; CHUNK_BYTES]));
    case.message("a chunk that is too short", 40, chunk(0, &first[1..]));
    case.message("an empty chunk", 40, chunk(0, &[]));
    case.message("the first chunk", 0, chunk(0, first));
    case.message("the first chunk again", 38, chunk(0, first));
    case.message("sealing too early", 41, seal(model, FUEL));
    case.infer("a model that is not sealed", 34, model, flowers("X"));
    let stranger = Sender::new(2);
    let tx = stranger.tx(&case.client, vec![chunk(1, second)]);
    assert_eq!(answer(&case.client, &tx).0, 33, "a chunk of another's model");
    case.message("the second chunk", 0, chunk(1, second));
    case.message("no fuel", 43, seal(model, 0));
    case.message("more fuel than there is", 43, seal(model, MAX_COMPILE_FUEL + 1));
    case.message("more fuel than a block has", 13, seal(model, MAX_COMPILE_FUEL));
    case.message("a file that is no model", 42, seal(model, FUEL));
}

fn seal(model: ModelId, max_fuel: u64) -> Message {
    Message::SealModel(SealModel { model, max_fuel })
}

fn inferences(case: &Case) {
    case.infer("an unknown model", 32, ModelId([7; 32]), flowers("X"));
    let model = case.sender.publish_iris(&case.client);
    case.message("sealing again", 35, seal(model, FUEL));
    case.infer("a correct inference", 0, model, flowers("X"));
    case.infer("no inputs", 50, model, vec![]);
    case.infer("one name twice", 50, model, [flowers("X"), flowers("X")].concat());
    case.infer("two inputs", 51, model, [flowers("X"), flowers("Y")].concat());
    case.infer("another name", 52, model, flowers("Y"));
    let longs = Tensor::from_i64(vec![2, 4], &[0; 8]).unwrap();
    case.infer("another dtype", 53, model, vec![named("X", longs)]);
    let wide = Tensor::from_f32(vec![2, 5], &[0.0; 10]).unwrap();
    case.infer("another shape", 54, model, vec![named("X", wide)]);
    let expect_output_hash = Some(OutputHash([1; 32]));
    let infer = Infer { model, inputs: flowers("X"), expect_output_hash };
    case.message("another output than expected", 56, Message::Infer(infer));

    let wide = std::fs::read(data("wide.onnx")).unwrap();
    let wide = case.sender.publish(&case.client, &wide, "x", vec![]);
    let zeros = Tensor::from_f32(vec![70_000], &vec![0.0; 70_000]).unwrap();
    case.infer("an output over the limit", 55, wide, vec![named("x", zeros)]);

    let retire = Message::RetireModel(RetireModel { model });
    let tx = Sender::new(2).tx(&case.client, vec![retire.clone()]);
    assert_eq!(answer(&case.client, &tx).0, 33, "retiring another's model");
    // The one message that may leave more than there was: the deposit comes back.
    let before = case.account();
    let tx = case.sender.tx(&case.client, vec![retire]);
    assert_eq!(answer(&case.client, &tx).0, 0, "retirement");
    let after = case.account();
    assert_eq!(after.nonce, before.nonce + 1, "retirement");
    assert!(after.balance > before.balance, "retirement: {} then {}", before.balance, after.balance);
    case.infer("a retired model", 36, model, flowers("X"));
}

#[test]
fn every_bad_input_gets_its_number_and_costs_at_most_the_fee() {
    let _only = only_network();
    let folder = tempfile::tempdir().unwrap();
    let (sender, stranger) = (Sender::new(1), Sender::new(2));
    let mut network = start_network(folder.path(), 1, &[sender.address(), stranger.address()]);
    let case = Case { client: network.node(0).gateway().clone(), sender };
    envelopes(&case);
    exact_fee(&case);
    uploads(&case);
    inferences(&case);
    let height = network.height().unwrap();
    network.wait_height(height + 2, std::time::Duration::from_secs(30)).unwrap();
    network.stop().unwrap();
}
