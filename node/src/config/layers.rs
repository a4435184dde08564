//! The layers of the settings, put over each other before anything is read from them.

use super::Config;
use std::path::{Path, PathBuf};
use toml::{Table, Value};

/// Bytes of a settings file.
const MAX_FILE_BYTES: u64 = 1024 * 1024;
/// Variables with our prefix that are no settings.
const NO_SETTINGS: [&str; 3] = ["ASSAYD_HOME", "ASSAYD_COMETBFT", "ASSAYD_BIN"];

/// Settings that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file does not read.
    #[error("{path}: {error}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// The file is no TOML.
    #[error("{origin}: {message}")]
    Syntax {
        /// The file, or the flag.
        origin: String,
        /// Where and why.
        message: String,
    },
    /// A key that does not exist.
    #[error("{origin}: there is no setting {key:?}; did you mean {nearest:?}?")]
    UnknownKey {
        /// The file, or the flag.
        origin: String,
        /// The key, with its section.
        key: String,
        /// The most similar key that exists.
        nearest: String,
    },
    /// A value that its key does not take.
    #[error("{origin}: {message}")]
    BadValue {
        /// Where it came from.
        origin: String,
        /// Which key and why.
        message: String,
    },
}

/// Reads the settings.
///
/// `env` is looked up as `ASSAYD_<SECTION>_<KEY>`; `flags` are `section.key=value` and count most.
///
/// # Errors
/// [`ConfigError`] naming the file, the variable or the flag at fault.
pub fn load(
    file: Option<&Path>,
    env: impl Fn(&str) -> Option<String>,
    flags: &[String],
) -> Result<Config, ConfigError> {
    let defaults = to_table(&Config::default())?;
    let mut merged = defaults.clone();
    if let Some(path) = file {
        let origin = path.display().to_string();
        let table = read(path)?;
        refuse_unknown(&table, &defaults, &origin)?;
        overlay(&mut merged, table);
        // Reading it alone first puts the blame for a bad value where it belongs.
        build(&merged, &origin)?;
    }
    for key in leaves(&defaults) {
        let name = variable(&key);
        if let Some(text) = env(&name) {
            set(&mut merged, &defaults, &key, &text, &name)?;
        }
    }
    apply(&mut merged, &defaults, flags)?;
    whole(&merged)
}

/// The variable that sets a key.
fn variable(key: &str) -> String {
    format!("ASSAYD_{}", key.replace('.', "_").to_uppercase())
}

/// Those of the variables that look like settings and are none, each with the nearest one that is.
pub fn unknown_variables(names: impl Iterator<Item = String>) -> Vec<(String, String)> {
    let keys = to_table(&Config::default()).map(|table| leaves(&table)).unwrap_or_default();
    let known: Vec<String> = keys.iter().map(|key| variable(key)).collect();
    let stray = |name: &String| {
        name.starts_with("ASSAYD_") && !known.contains(name) && !NO_SETTINGS.contains(&name.as_str())
    };
    let nearest = |name: &str| known.iter().min_by_key(|other| distance(name, other)).cloned();
    names.filter(stray).filter_map(|name| nearest(&name).map(|near| (name, near))).collect()
}

/// Lays flags over settings.
///
/// # Errors
/// As [`load`].
pub fn over(base: Config, flags: &[String]) -> Result<Config, ConfigError> {
    let defaults = to_table(&Config::default())?;
    let mut merged = to_table(&base)?;
    apply(&mut merged, &defaults, flags)?;
    whole(&merged)
}

fn apply(merged: &mut Table, defaults: &Table, flags: &[String]) -> Result<(), ConfigError> {
    for flag in flags {
        let origin = format!("--set {flag}");
        let (key, text) = flag.split_once('=').ok_or_else(|| ConfigError::BadValue {
            origin: origin.clone(),
            message: "write it as section.key=value".into(),
        })?;
        set(merged, defaults, key.trim(), text.trim(), &origin)?;
    }
    Ok(())
}

fn to_table(config: &Config) -> Result<Table, ConfigError> {
    Table::try_from(config)
        .map_err(|error| ConfigError::Syntax { origin: "the defaults".into(), message: error.to_string() })
}

fn read(path: &Path) -> Result<Table, ConfigError> {
    let failed = |error| ConfigError::Read { path: path.into(), error };
    if std::fs::metadata(path).map_err(failed)?.len() > MAX_FILE_BYTES {
        return Err(failed(std::io::Error::other("more than 1 MiB is no settings file")));
    }
    let text = std::fs::read_to_string(path).map_err(failed)?;
    text.parse().map_err(|error: toml::de::Error| ConfigError::Syntax {
        origin: path.display().to_string(),
        message: error.to_string().trim_end().into(),
    })
}

fn build(table: &Table, origin: &str) -> Result<Config, ConfigError> {
    Config::deserialize_from(table.clone()).map_err(|error| ConfigError::BadValue {
        origin: origin.into(),
        message: error.to_string().trim_end().into(),
    })
}

impl Config {
    fn deserialize_from(table: Table) -> Result<Self, toml::de::Error> {
        let config: Self = table.try_into()?;
        config.check().map_err(<toml::de::Error as serde::de::Error>::custom)?;
        Ok(config)
    }

    /// What the types cannot say.
    fn check(&self) -> Result<(), String> {
        let single = |text: &str| !text.chars().any(char::is_control);
        if self.moniker.is_empty() || self.moniker.len() > 64 || !single(&self.moniker) {
            return Err("moniker: use 1 to 64 bytes without control characters".into());
        }
        if self.abci.listen != "unix" {
            self.abci
                .listen
                .parse::<crate::abci::Listen>()
                .map_err(|error| format!("abci.listen: {error}"))?;
        }
        let peers = self.comet.persistent_peers.iter().chain(&self.comet.seeds);
        for peer in peers {
            if !single(peer) || peer.contains(',') || !peer.contains('@') || !peer.contains(':') {
                return Err(format!("comet: {peer:?} is no peer; write it as id@host:port"));
            }
        }
        if !(1..=600_000).contains(&self.comet.timeout_commit_ms) {
            return Err("comet.timeout_commit_ms: use 1 to 600000".into());
        }
        if !(10..=1_000_000_000).contains(&self.state.retain_heights) {
            return Err(
                "state.retain_heights: use 10 to 1000000000, or state.archive = true to keep all".into()
            );
        }
        if !(1..=1000).contains(&self.snapshots.keep) {
            return Err("snapshots.keep: use 1 to 1000".into());
        }
        self.state_sync.check()?;
        let gateway = &self.gateway;
        let ranges = [("timeout_s", gateway.timeout_s), ("simulations", gateway.simulations.into())];
        for (name, value) in ranges.into_iter().chain([("connections", gateway.connections.into())]) {
            if !(1..=100_000).contains(&value) {
                return Err(format!("gateway.{name}: use 1 to 100000"));
            }
        }
        Ok(())
    }
}

/// The settings, once all layers are there.
fn whole(table: &Table) -> Result<Config, ConfigError> {
    let config = build(table, "the settings")?;
    let wrong = |message| ConfigError::BadValue { origin: "the settings".into(), message };
    config.state_sync.complete().map_err(wrong)?;
    Ok(config)
}

/// Lays a table over another, section by section.
fn overlay(base: &mut Table, over: Table) {
    for (key, value) in over {
        match (base.get_mut(&key), value) {
            (Some(Value::Table(base)), Value::Table(over)) => overlay(base, over),
            (_, value) => {
                base.insert(key, value);
            }
        }
    }
}

/// The paths of all values: `section.key`.
fn leaves(table: &Table) -> Vec<String> {
    let mut paths = Vec::new();
    for (key, value) in table {
        match value {
            Value::Table(section) => paths.extend(leaves(section).iter().map(|leaf| format!("{key}.{leaf}"))),
            _ => paths.push(key.clone()),
        }
    }
    paths
}

fn refuse_unknown(table: &Table, defaults: &Table, origin: &str) -> Result<(), ConfigError> {
    let known = leaves(defaults);
    match leaves(table).into_iter().find(|key| !known.contains(key)) {
        Some(key) => Err(unknown(&key, &known, origin)),
        None => Ok(()),
    }
}

fn unknown(key: &str, known: &[String], origin: &str) -> ConfigError {
    let nearest = known.iter().min_by_key(|other| distance(key, other)).cloned().unwrap_or_default();
    ConfigError::UnknownKey { origin: origin.into(), key: key.chars().take(80).collect(), nearest }
}

/// Sets a key from text, which is read as the kind of value that the key's default is.
fn set(table: &mut Table, defaults: &Table, key: &str, text: &str, origin: &str) -> Result<(), ConfigError> {
    let known = leaves(defaults);
    if !known.iter().any(|other| other == key) {
        return Err(unknown(key, &known, origin));
    }
    let (section, leaf) = key.split_once('.').map_or((None, key), |(section, leaf)| (Some(section), leaf));
    let (Some(target), Some(kinds)) = (child(table, section), defaults_of(defaults, section)) else {
        return Err(unknown(key, &known, origin));
    };
    let bad = |what| ConfigError::BadValue { origin: origin.into(), message: format!("{key} takes {what}") };
    let value = match kinds.get(leaf) {
        Some(Value::Boolean(_)) => Value::Boolean(text.parse().map_err(|_| bad("true or false"))?),
        Some(Value::Integer(_)) => Value::Integer(text.parse().map_err(|_| bad("a whole number"))?),
        Some(Value::Array(_)) => {
            let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
            Value::Array(items.map(|item| Value::String(item.into())).collect())
        }
        _ => Value::String(text.into()),
    };
    target.insert(leaf.into(), value);
    build(table, origin).map(drop)
}

fn child<'a>(table: &'a mut Table, section: Option<&str>) -> Option<&'a mut Table> {
    match section {
        None => Some(table),
        Some(section) => table.get_mut(section)?.as_table_mut(),
    }
}

fn defaults_of<'a>(table: &'a Table, section: Option<&str>) -> Option<&'a Table> {
    match section {
        None => Some(table),
        Some(section) => table.get(section)?.as_table(),
    }
}

/// How many letters differ: the edit distance of two keys.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().take(200).enumerate() {
        let mut corner = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let above = row[j + 1];
            row[j + 1] = (corner + usize::from(x != *y)).min(above + 1).min(row[j] + 1);
            corner = above;
        }
    }
    row[b.len()]
}
