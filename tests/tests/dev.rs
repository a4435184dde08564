//! `assayd dev` as its user meets it.

use crate::network::ok;
use crate::sender::Sender;
use crate::support::{data, wallet};
use assay::client::Client;
use assay_netlab::Binaries;
use assay_netlab::process::Handle;
use assay_types::amount::Amount;
use assay_types::message::{Infer, Message, Transfer};
use assay_types::tensor::{NamedTensor, Tensor};
use rustix::process::Signal;
use serde_json::Value;
use std::io::BufReader;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const WAIT: Duration = Duration::from_secs(30);

/// A running `assayd dev`; dropping it kills it.
struct Dev {
    child: Child,
    said: Value,
    client: Client,
}

impl Dev {
    fn start(flags: &[&str]) -> Self {
        // The engine's machine code is made once.
        let _warm = wallet();
        let binaries = Binaries::find_without_comet().unwrap_or_else(|error| panic!("{error}"));
        let mut child = Command::new(binaries.assayd)
            .args(["--json", "dev", "--set", "gateway.listen=127.0.0.1:0"])
            .args(flags)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // The object is printed when the gateway listens; the pipe stays open after it.
        let mut reader = BufReader::new(child.stdout.take().unwrap());
        let said = serde_json::Deserializer::from_reader(&mut reader).into_iter().next();
        let said: Value = said.expect("it says where it listens").unwrap();
        let client = Client::new(said["gateway"].as_str().unwrap()).unwrap();
        Self { child, said, client }
    }

    /// The account at a place of the list.
    fn account(&self, index: usize) -> Sender {
        let account = &self.said["accounts"][index];
        let mut seed = [0; 32];
        let digits = account["secret_key"].as_str().unwrap();
        for (byte, pair) in seed.iter_mut().zip(digits.as_bytes().chunks(2)) {
            *byte = u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
        }
        let sender = Sender::of(seed);
        assert_eq!(account["address"], sender.address().to_string());
        sender
    }

    fn interrupt(mut self) {
        assert!(Handle::of(self.child.id()).unwrap().signal(Signal::INT));
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_receipt_of_a_chain_without_cometbft_is_verified_offline() {
    let dev = Dev::start(&[]);
    let (sender, client) = (dev.account(0), &dev.client);
    let model = sender.publish_iris(client);
    let tensor = Tensor::from_f32(vec![2, 4], &[1.0; 8]).unwrap();
    let inputs = vec![NamedTensor { name: "X".into(), tensor }];
    let infer = Message::Infer(Infer { model, inputs, expect_output_hash: None });
    let hash = ok(client.submit(&sender.tx(client, vec![infer])));
    assert_eq!(ok(client.wait(&hash, WAIT)).code, 0);
    // The block after it, which signs the root, needs nobody to ask for it.
    let bundle = ok(client.wait_bundle(&hash, 0, WAIT));
    let folder = tempfile::tempdir().unwrap();
    let (receipt, genesis) = (folder.path().join("r.assay"), folder.path().join("genesis.json"));
    std::fs::write(&receipt, serde_json::to_vec(&bundle).unwrap()).unwrap();
    std::fs::copy(dev.said["genesis"].as_str().unwrap(), &genesis).unwrap();
    let home = dev.said["home"].as_str().unwrap().to_owned();
    dev.interrupt();
    assert!(!Path::new(&home).exists(), "a chain without a home is thrown away");
    let model = data("models").join("lr_iris.onnx");
    let [receipt, genesis, model] = [&receipt, &genesis, &model].map(|path| path.to_str().unwrap());
    let seen = ok(wallet().run(["verify", receipt, "--genesis", genesis, "--model", model]));
    assert_eq!((&seen["valid"], &seen["rerun"]), (&Value::Bool(true), &Value::from("match")), "{seen}");
}

#[test]
fn a_chain_with_a_home_goes_on_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("home");
    let flags = ["--home", home.to_str().unwrap(), "--block-time", "50"];
    let dev = Dev::start(&flags);
    let (sender, to) = (dev.account(3), Sender::new(9).address());
    let pay = Message::Transfer(Transfer { to, amount: Amount(7) });
    let hash = ok(dev.client.submit(&sender.tx(&dev.client, vec![pay])));
    let info = ok(dev.client.wait(&hash, WAIT));
    let (status, said) = (ok(dev.client.status()), dev.said.clone());
    let block = ok(dev.client.block(Some(info.height)));
    assert_eq!((status.peers, status.syncing, status.comet_version.as_str()), (0, false, "none"));
    dev.interrupt();
    let dev = Dev::start(&flags);
    assert_eq!((&dev.said["accounts"], &dev.said["chain_id"]), (&said["accounts"], &said["chain_id"]));
    assert_eq!(ok(dev.client.block(Some(info.height))), block);
    assert_eq!(ok(dev.client.account(&to)).balance, Amount(7));
    let height = ok(dev.client.status()).heights;
    assert!(height.chain >= status.heights.chain);
    while ok(dev.client.status()).heights.application < height.application + 3 {
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(ok(dev.client.validators()).validators.len(), 1);
    dev.interrupt();
}
