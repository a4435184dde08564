use super::*;
use std::path::PathBuf;

fn no_env(_: &str) -> Option<String> {
    None
}

fn file(folder: &tempfile::TempDir, text: &str) -> PathBuf {
    let path = folder.path().join("assayd.toml");
    std::fs::write(&path, text).unwrap();
    path
}

#[test]
fn a_written_file_reads_back_as_the_same_settings() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = Config { moniker: "a \"b\" \\ c".into(), ..Config::default() };
    config.comet.persistent_peers = vec!["ab12@127.0.0.1:26656".into(), "cd@[::1]:1".into()];
    config.gateway.cors_origins = vec!["https://example.org".into()];
    config.log.format = LogFormat::Json;
    for config in [config, Config::default()] {
        let path = file(&folder, &render(&config));
        assert_eq!(load(Some(&path), no_env, &[]).unwrap(), config);
    }
}

#[test]
fn every_setting_stands_in_the_written_file() {
    let written: toml::Table = render(&Config::default()).parse().unwrap();
    assert_eq!(written, toml::Table::try_from(Config::default()).unwrap());
}

#[test]
fn flags_count_more_than_the_environment_and_that_more_than_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(&folder, "moniker = \"file\"\n[gateway]\ntimeout_s = 5\nsimulations = 3\n");
    let env = |name: &str| match name {
        "ASSAYD_MONIKER" => Some("env".into()),
        "ASSAYD_GATEWAY_TIMEOUT_S" => Some("6".into()),
        "ASSAYD_COMET_SEEDS" => Some("a@h:1, b@h:2".into()),
        _ => None,
    };
    let config = load(Some(&path), env, &["gateway.timeout_s=7".into(), "comet.pex=false".into()]).unwrap();
    assert_eq!((config.moniker.as_str(), config.gateway.simulations), ("env", 3));
    assert_eq!((config.gateway.timeout_s, config.comet.pex), (7, false));
    assert_eq!(config.comet.seeds, ["a@h:1", "b@h:2"]);
    assert_eq!(config.metrics, Config::default().metrics);
}

#[test]
fn an_unknown_key_is_refused_with_the_nearest_one() {
    let folder = tempfile::tempdir().unwrap();
    for (text, nearest) in [
        ("[gateway]\nlisen = \"127.0.0.1:1\"\n", "gateway.listen"),
        ("monicker = \"x\"\n", "moniker"),
        ("[comet]\ntimeout_comit_ms = 3\n", "comet.timeout_commit_ms"),
    ] {
        let error = load(Some(&file(&folder, text)), no_env, &[]).unwrap_err();
        assert!(
            matches!(&error, ConfigError::UnknownKey { nearest: hint, .. } if hint == nearest),
            "{error}"
        );
    }
    let error = load(None, no_env, &["gatway.listen=1".into()]).unwrap_err();
    assert!(matches!(error, ConfigError::UnknownKey { .. }));
}

#[test]
fn a_bad_value_is_refused_with_where_it_came_from() {
    let folder = tempfile::tempdir().unwrap();
    for text in [
        "moniker = \"\"",
        "[gateway]\nlisten = \"nowhere\"",
        "[gateway]\nsimulations = 0",
        "[comet]\nseeds = [\"no peer\"]",
        "[comet]\nseeds = [\"a@h:1\\n[p2p]\"]",
        "[log]\nformat = \"xml\"",
        "[abci]\nlisten = \"http://x\"",
        "moniker = ",
    ] {
        let error = load(Some(&file(&folder, text)), no_env, &[]).unwrap_err();
        assert!(error.to_string().contains("assayd.toml"), "{error}");
    }
    let env = |name: &str| (name == "ASSAYD_GATEWAY_TIMEOUT_S").then(|| "soon".to_string());
    assert!(load(None, env, &[]).unwrap_err().to_string().contains("ASSAYD_GATEWAY_TIMEOUT_S"));
}

#[test]
fn state_sync_is_complete_or_refused_whatever_the_order() {
    let hash = format!("state_sync.trust_hash={}", "AB".repeat(32));
    let all = [
        "state_sync.enabled=true",
        "state_sync.rpc_servers=a:1,http://b:2",
        "state_sync.trust_height=7",
        &hash,
    ];
    for skip in 0..=all.len() {
        let mut flags: Vec<String> = all.map(String::from).to_vec();
        flags.rotate_left(skip % all.len());
        if skip < all.len() {
            flags.remove(0);
        }
        let config = load(None, no_env, &flags);
        assert_eq!(config.is_ok(), skip == 0 || skip == all.len(), "without {:?}: {config:?}", all.get(skip));
    }
    for wrong in [
        "state_sync.rpc_servers=a",
        "state_sync.rpc_servers=a:1 b:2",
        "state_sync.trust_period_h=0",
        "state_sync.discovery_s=1",
        "state_sync.trust_height=-1",
        "snapshots.keep=0",
    ] {
        assert!(load(None, no_env, &[wrong.into()]).is_err(), "{wrong}");
    }
}

#[test]
fn a_variable_that_sets_nothing_is_noticed() {
    let names = ["PATH", "ASSAYD_HOME", "ASSAYD_GATEWAY_LISTEN", "ASSAYD_GATEWAY_LISEN"].map(String::from);
    let found = unknown_variables(names.into_iter());
    assert_eq!(found, [("ASSAYD_GATEWAY_LISEN".to_string(), "ASSAYD_GATEWAY_LISTEN".to_string())]);
}
