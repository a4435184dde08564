use super::args::Cli;
use super::*;
use crate::config;
use crate::home::Home;
use assay_genesis::GenesisDoc;
use assay_types::address::Address;
use assay_types::key::PublicKey;
use clap::CommandFactory;

fn assayd(arguments: &[&str]) -> Result<()> {
    let cli = Cli::try_parse_from([&["assayd"], arguments].concat()).unwrap();
    run(&cli)
}

fn of(path: &std::path::Path) -> config::Config {
    config::load(Some(path), |_| None, &[]).unwrap()
}

#[test]
fn the_command_line_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn a_testnet_has_the_promised_ports_and_knows_its_peers() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("net");
    let out = output.to_str().unwrap();
    let address = Address::of(&PublicKey::Ed25519([1; 32]));
    let account = format!("{address}=5000000");
    let flags = ["testnet", "init", "--validators", "3", "--output", out, "--starting-port", "21000"];
    assayd(&[&flags[..], &["--account", &account, "--set", "comet.timeout_commit_ms=250"]].concat()).unwrap();
    let mut genesis = Vec::new();
    for index in 0..3u16 {
        let home = Home::new(output.join(format!("node{index}")));
        let config = of(&home.config());
        let ports = [config.comet.p2p, config.comet.rpc, config.gateway.listen].map(|at| at.port());
        assert_eq!(ports, [0, 1, 2].map(|offset| 21000 + 10 * index + offset));
        assert!(config.comet.p2p.ip().is_loopback() && config.gateway.listen.ip().is_loopback());
        assert_eq!((config.comet.persistent_peers.len(), config.comet.timeout_commit_ms), (2, 250));
        let own = crate::comet::keys::identity(&home).unwrap().node.node_id();
        assert!(config.comet.persistent_peers.iter().all(|peer| !peer.starts_with(&own)));
        genesis.push(std::fs::read(home.genesis()).unwrap());
    }
    assert!(genesis.iter().all(|doc| *doc == genesis[0]));
    let doc = GenesisDoc::from_json(&genesis[0]).unwrap();
    assert_eq!((doc.validators.len(), doc.chain_id.as_str()), (3, "assay-local-1"));
    assert_eq!(doc.app_state.accounts[0].address, address);
    assert!(assayd(&flags).is_err(), "a second init must not overwrite");
}

#[test]
fn a_home_can_start_a_chain_or_join_one() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (folder.path().join("a"), folder.path().join("b"));
    let (first, second) = (first.to_str().unwrap(), second.to_str().unwrap());
    assayd(&["init", "alice", "--chain-id", "c-1", "--home", first]).unwrap();
    let genesis = Home::new(first).genesis();
    let doc = GenesisDoc::from_json(&std::fs::read(&genesis).unwrap()).unwrap();
    assert_eq!(doc.validators[0].name, "alice");
    let path = genesis.to_str().unwrap();
    let wrong =
        assayd(&["init", "bob", "--chain-id", "c-2", "--home", second, "--genesis", path]).unwrap_err();
    assert_eq!(wrong.exit_code(), 2);
    assert!(!std::path::Path::new(second).exists(), "a refused init leaves nothing behind");
    assayd(&["init", "bob", "--chain-id", "c-1", "--home", second, "--genesis", path]).unwrap();
    assert_eq!(std::fs::read(Home::new(second).genesis()).unwrap(), std::fs::read(genesis).unwrap());
    assayd(&["comet", "show-node-id", "--home", second]).unwrap();
}

#[test]
fn wrong_input_is_refused_with_status_2() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("none");
    let home = home.to_str().unwrap();
    for arguments in [
        vec!["start", "--home", home],
        vec!["comet", "show-validator", "--home", home],
        vec!["init", "a", "--chain-id", "not a chain id", "--home", home],
        vec!["testnet", "init", "--output", home, "--starting-port", "65530"],
        vec!["testnet", "init", "--output", home, "--set", "gateway.lisen=1"],
    ] {
        assert_eq!(assayd(&arguments).unwrap_err().exit_code(), 2, "{arguments:?}");
    }
    assert!(
        Cli::try_parse_from(["assayd", "testnet", "init", "--output", "x", "--account", "me=1"]).is_err()
    );
}

#[test]
fn a_home_with_cometbft_and_one_without_refuse_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("home");
    let home = path.to_str().unwrap();
    assayd(&["init", "alice", "--chain-id", "c-1", "--home", home]).unwrap();
    std::fs::create_dir(Home::new(home).comet_blocks()).unwrap();
    let error = assayd(&["dev", "--home", home]).unwrap_err();
    assert!(error.exit_code() == 2 && error.hint().contains("assayd start"), "{error}");
    std::fs::write(Home::new(home).solo_blocks(), "").unwrap();
    let error = assayd(&["start", "--home", home]).unwrap_err();
    assert!(error.exit_code() == 2 && error.hint().contains("assayd dev"), "{error}");
    for flags in [vec!["dev", "--block-time", "0"], vec!["start", "--lying-proposals", "truth"]] {
        assert!(Cli::try_parse_from([vec!["assayd"], flags].concat()).is_err());
    }
}

#[test]
fn a_node_that_does_not_answer_is_a_failure_with_a_hint() {
    // Port 9 of loopback: nobody listens.
    let error = assayd(&["status", "--node", "http://127.0.0.1:9"]).unwrap_err();
    assert_eq!(error.exit_code(), 1);
    assert!(error.hint().contains("--node"));
}

#[test]
fn a_home_without_a_state_has_nothing_to_take_back_to_export_or_to_reset() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("home");
    let home = path.to_str().unwrap();
    for command in ["rollback", "export", "unsafe-reset"] {
        let words: &[&str] = if command == "export" { &[] } else { &["--yes"] };
        let refused = assayd(&[&[command, "--home", home][..], words].concat()).unwrap_err();
        assert_eq!((refused.exit_code(), refused.to_json()["error"]["name"].as_str()), (2, Some("no_home")));
    }
    assayd(&["init", "alice", "--chain-id", "c-1", "--home", home]).unwrap();
    for arguments in [vec!["rollback", "--yes", "--home", home], vec!["export", "--home", home]] {
        let refused = assayd(&arguments).unwrap_err();
        assert_eq!((refused.exit_code(), refused.to_json()["error"]["name"].as_str()), (1, Some("no_state")));
    }
    assert!(!Home::new(home).store().exists(), "looking made a database");
    // There is nothing to remove, and that is no mistake; keys and settings stay.
    let before = std::fs::read(Home::new(home).validator_key()).unwrap();
    assayd(&["unsafe-reset", "--yes", "--home", home]).unwrap();
    assert_eq!(std::fs::read(Home::new(home).validator_key()).unwrap(), before);
    let output = folder.path().join("bundle.tar.gz");
    let words = ["debug", "bundle", "--home", home, "--output", output.to_str().unwrap()];
    assayd(&words).unwrap();
    assert_eq!(crate::debug::Bundle::open(&output).unwrap().state, None);
    for flags in [vec!["debug", "bundle", "--heights", "0"], vec!["export", "--height", "x"], vec!["debug"]] {
        assert!(Cli::try_parse_from([vec!["assayd"], flags].concat()).is_err());
    }
}
