//! `config/assayd.toml` as it is written for a new home: every key with its meaning.

use super::{Config, LogFormat};
use toml::Value;

fn text(value: impl ToString) -> String {
    Value::String(value.to_string()).to_string()
}

fn list(values: &[String]) -> String {
    Value::Array(values.iter().map(|value| Value::String(value.clone())).collect()).to_string()
}

/// Writes settings as a commented file.
pub fn render(config: &Config) -> String {
    let Config { moniker, log, abci, comet, gateway, metrics } = config;
    let format = match log.format {
        LogFormat::Text => "text",
        LogFormat::Json => "json",
    };
    let mut lines = vec![
        "# Settings of assayd. A variable ASSAYD_<SECTION>_<KEY> counts more than this file, a flag"
            .to_string(),
        "# (--set section.key=value) more than both. CometBFT's config.toml is written from here at".into(),
        "# every start: change settings here, not there.".into(),
    ];
    let mut key = |name: &str, value: String, comments: &[&str]| {
        lines.push(String::new());
        lines.extend(comments.iter().map(|comment| format!("# {comment}")));
        match name.strip_prefix('[') {
            Some(_) => lines.push(name.to_string()),
            None => lines.push(format!("{name} = {value}")),
        }
    };
    let none = String::new;
    key("moniker", text(moniker), &["The node's name for people."]);

    key("[log]", none(), &[]);
    key(
        "level",
        text(&log.level),
        &["error, warn, info, debug, trace, or by module: info,assayd::abci=debug."],
    );
    key("format", text(format), &["text for people, json for machines."]);

    key("[abci]", none(), &[]);
    let listen =
        ["unix: a socket in the home. Or unix:///path, or tcp://127.0.0.1:26658 for a CometBFT elsewhere."];
    key("listen", text(&abci.listen), &listen);

    key("[comet]", none(), &[]);
    key(
        "binary",
        text(&comet.binary),
        &["The cometbft program, v0.38.26; empty: look in the cache and on PATH."],
    );
    key(
        "rpc",
        text(comet.rpc),
        &["Where CometBFT's RPC listens. It has no access control: keep it on loopback."],
    );
    key("p2p", text(comet.p2p), &["Where CometBFT listens for peers; 0.0.0.0:26656 on a public network."]);
    key(
        "external_address",
        text(&comet.external_address),
        &["The host:port that peers are told; empty: none."],
    );
    key("persistent_peers", list(&comet.persistent_peers), &["Peers to stay connected with: id@host:port."]);
    key("seeds", list(&comet.seeds), &["Nodes to ask for peers: id@host:port."]);
    key("pex", comet.pex.to_string(), &["Exchange peers' addresses with other nodes."]);
    let strict = ["Refuse addresses that are not routable; false for a network on one machine."];
    key("addr_book_strict", comet.addr_book_strict.to_string(), &strict);
    let duplicate = ["Allow several peers at one IP address; true for a network on one machine."];
    key("allow_duplicate_ip", comet.allow_duplicate_ip.to_string(), &duplicate);
    key(
        "timeout_commit_ms",
        comet.timeout_commit_ms.to_string(),
        &["Milliseconds from a commit to the next block."],
    );
    key("log_level", text(&comet.log_level), &["CometBFT's own log level, for data/comet.log."]);

    key("[gateway]", none(), &[]);
    key("enabled", gateway.enabled.to_string(), &["Serve the REST API under /v1."]);
    key(
        "listen",
        text(gateway.listen),
        &["Where. Put a proxy with TLS in front of it before it faces the world."],
    );
    let cors = ["Web origins that may call it from a browser, such as https://example.org; \"*\" for any."];
    key("cors_origins", list(&gateway.cors_origins), &cors);
    key("timeout_s", gateway.timeout_s.to_string(), &["Seconds that an answer may take."]);
    key("simulations", gateway.simulations.to_string(), &["Dry runs of models at once."]);
    key("connections", gateway.connections.to_string(), &["Connections at once."]);

    key("[metrics]", none(), &[]);
    key("enabled", metrics.enabled.to_string(), &["Serve Prometheus metrics at /metrics."]);
    key("listen", text(metrics.listen), &["Where."]);
    lines.join("\n") + "\n"
}
