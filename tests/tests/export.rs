//! A real chain that ends, and another that begins with its money and its models.

use crate::network::{PATIENCE, ok};
use crate::operator::{assayd, done, refused};
use crate::sender::Sender;
use crate::support::{only_network, wallet};
use assay::client::Client;
use assay_netlab::{Binaries, Network, Options};
use assay_types::amount::Amount;
use assay_types::hash::ModelId;
use assay_types::message::{Infer, Message, Transfer};
use assay_types::receipt::Outcome;
use assay_types::tensor::{NamedTensor, Tensor};
use std::path::{Path, PathBuf};

fn two(folder: &Path, sender: &Sender) -> Network {
    let _warm = wallet();
    let mut options = Options::new(folder.join("network"), ok(Binaries::find()));
    options.validators = 2;
    options.accounts = vec![(sender.address(), Amount(1_000_000_000_000))];
    options.settings = vec!["comet.timeout_commit_ms=200".into()];
    ok(Network::start(options))
}

fn outcome(client: &Client, sender: &Sender, model: ModelId) -> Outcome {
    let tensor = Tensor::from_f32(vec![2, 4], &[0.5, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]).unwrap();
    let inputs = vec![NamedTensor { name: "X".into(), tensor }];
    let message = Message::Infer(Infer { model, inputs, expect_output_hash: None });
    let hash = ok(client.submit(&sender.tx(client, vec![message])));
    let info = ok(client.wait(&hash, PATIENCE));
    info.messages[0].receipt.clone().unwrap_or_else(|| panic!("{info:?}")).outcome
}

/// Exports a height of a node: the bytes of the document, and those of its models' files by name.
fn export(home: &Path, height: &str, output: &Path) -> (Vec<u8>, Vec<(PathBuf, Vec<u8>)>) {
    let (home, file) = (home.to_str().unwrap(), output.to_str().unwrap());
    let words = ["export", "--home", home, "--height", height, "--output", file, "--chain-id", "assay-next"];
    let made = done(&words);
    assert_eq!(
        (&made["path"], &made["models"], made["height"].to_string()),
        (&file.into(), &1.into(), height.into())
    );
    assert_eq!(refused(&words), (2, "exists".into()));
    let folder = output.with_extension("models");
    let mut files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let content =
        |path: PathBuf| (path.strip_prefix(&folder).unwrap().to_owned(), std::fs::read(&path).unwrap());
    (std::fs::read(output).unwrap(), files.into_iter().map(content).collect())
}

#[test]
fn a_chain_that_starts_from_an_export_has_the_same_money_and_runs_the_same_models() {
    let _only = only_network();
    let folder = tempfile::tempdir().unwrap();
    let (sender, friend) = (Sender::new(1), Sender::new(2));
    let mut network = two(folder.path(), &sender);
    let client = network.node(0).gateway().clone();
    let model = sender.publish_iris(&client);
    let output = outcome(&client, &sender, model);
    let transfer = Message::Transfer(Transfer { to: friend.address(), amount: Amount(77_000_000) });
    let hash = ok(client.submit(&sender.tx(&client, vec![transfer])));
    let height = ok(client.wait(&hash, PATIENCE)).height;
    ok(network.wait_height(height + 1, PATIENCE));
    let held = |client: &Client| [&sender, &friend].map(|who| ok(client.account(&who.address())));
    let (before, info) = (held(&client), ok(client.model(&model)).unwrap());
    let homes: Vec<PathBuf> = network.nodes().iter().map(|node| node.home().to_owned()).collect();
    let own = homes[0].to_str().unwrap();
    assert_eq!(refused(&["export", "--home", own]), (1, "running".into()));
    ok(network.stop());

    let at = |name: &str| folder.path().join(name);
    let height = height.to_string();
    let first = export(&homes[0], &height, &at("first.json"));
    assert_eq!(first, export(&homes[1], &height, &at("second.json")), "two nodes export two states");
    assert_eq!(refused(&["export", "--home", own, "--height", "100000"]).1, "not_kept");

    // Whoever joins needs the models' files as well.
    let (document, joiner, bare) = (at("first.json"), at("joiner"), at("bare.json"));
    let init = |genesis: &Path| {
        let (genesis, joiner) = (genesis.to_str().unwrap(), joiner.to_str().unwrap());
        assayd(&["init", "joiner", "--chain-id", "assay-next", "--home", joiner, "--genesis", genesis])
    };
    std::fs::copy(&document, &bare).unwrap();
    let (status, answer) = init(&bare);
    assert_eq!((status, answer["error"]["name"].as_str()), (2, Some("genesis_models")), "{answer}");
    assert!(!joiner.exists(), "a refused init leaves nothing behind");
    assert_eq!(init(&document).0, 0);
    assert_eq!(std::fs::read_dir(joiner.join("config/genesis.models")).unwrap().count(), 1);

    for home in &homes {
        done(&["unsafe-reset", "--home", home.to_str().unwrap(), "--yes", "--reset-signing-state"]);
        std::fs::copy(&document, home.join("config/genesis.json")).unwrap();
    }
    // A node without the files says what it lacks.
    let node = network.node(0);
    ok(node.start());
    assert_eq!(ok(node.wait_end(PATIENCE)).code(), Some(70));
    let log = std::fs::read_to_string(node.log()).unwrap();
    assert!(log.contains("genesis.models") && log.contains(&model.to_string()), "{log}");
    for home in &homes {
        let models = home.join("config/genesis.models");
        std::fs::create_dir(&models).unwrap();
        for (name, bytes) in &first.1 {
            std::fs::write(models.join(name), bytes).unwrap();
        }
    }
    ok(network.start_all());
    assert_eq!(ok(client.status()).chain_id, "assay-next");
    assert_eq!(held(&client), before);
    let now = ok(client.model(&model)).unwrap();
    assert_eq!((now.record.manifest, now.record.deposit), (info.record.manifest, info.record.deposit));
    assert_eq!(outcome(&client, &sender, model), output, "another output");
    ok(network.agreed_root(PATIENCE));
    ok(network.stop());
}
