//! `assay keys`.

use super::args::Keys;
use super::context::{Context, Terminal};
use super::reply::{Lines, Reply, table};
use crate::error::{Error, Result};
use crate::keys::{Backend, KeyInfo, KeyType, from_hex, from_mnemonic, new_mnemonic, path_of};
use assay_types::address::Address;
use assay_types::key::SecretKey;
use serde::Serialize;
use std::io::{IsTerminal, Read};
use zeroize::Zeroizing;

#[derive(Serialize)]
struct Shown<'a> {
    name: &'a str,
    address: Address,
    public_key: String,
    #[serde(rename = "type")]
    kind: KeyType,
    keyring: Backend,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mnemonic: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    secret_key: Option<&'a str>,
}

impl<'a> Shown<'a> {
    fn of(info: &'a KeyInfo) -> Self {
        Self {
            name: &info.name,
            address: info.address(),
            public_key: hex::encode(info.public.bytes()),
            kind: info.kind(),
            keyring: info.backend,
            path: None,
            mnemonic: None,
            secret_key: None,
        }
    }

    fn reply(&self) -> Result<Reply> {
        let lines = Lines::new()
            .add("name", self.name)
            .add("address", self.address)
            .add("public key", &self.public_key)
            .add("type", kind_name(self.kind))
            .add_some("path", self.path.as_ref())
            .add_some("words", self.mnemonic)
            .add_some("secret key", self.secret_key);
        Reply::new(self, lines.text())
    }
}

fn kind_name(kind: KeyType) -> &'static str {
    match kind {
        KeyType::Ed25519 => "ed25519",
        KeyType::Secp256k1 => "secp256k1",
    }
}

/// Runs a command.
pub fn run(context: &Context, command: Keys) -> Result<Reply> {
    let keyring = context.keyring();
    let backend = context.global.keyring.unwrap_or(Backend::File);
    match command {
        Keys::Add { name, kind, words, account } => {
            let words = new_mnemonic(words)?;
            let secret = from_mnemonic(&words, kind, account)?;
            let info = keyring.add(&name, backend, &secret, &mut Terminal)?;
            warn_unprotected(context, backend);
            context.say("write the words down: they are shown this once, and they are the key");
            let path = Some(path_of(kind, account));
            Shown { mnemonic: Some(&words), path, ..Shown::of(&info) }.reply()
        }
        Keys::Import { name, kind, account } => {
            let (secret, path) = read_secret(kind, account)?;
            let info = keyring.add(&name, backend, &secret, &mut Terminal)?;
            warn_unprotected(context, backend);
            Shown { path, ..Shown::of(&info) }.reply()
        }
        Keys::List => list(context),
        Keys::Show { name } => Shown::of(&context.key(&name)?).reply(),
        Keys::Export { name } => {
            let info = context.key(&name)?;
            context.confirm(&format!("Show the secret key of {name} on this screen?"))?;
            let secret = keyring.unlock(&info, &mut Terminal)?;
            let (SecretKey::Ed25519(bytes) | SecretKey::Secp256k1(bytes)) = &secret;
            let digits = Zeroizing::new(hex::encode(bytes));
            Shown { secret_key: Some(&digits), ..Shown::of(&info) }.reply()
        }
        Keys::Delete { name } => {
            let info = context.key(&name)?;
            context
                .confirm(&format!("Delete key {name} ({})? Only its words bring it back.", info.address()))?;
            keyring.delete(&info)?;
            Shown::of(&info).reply()
        }
    }
}

fn list(context: &Context) -> Result<Reply> {
    let keys = context.keyring().list()?;
    let keys: Vec<_> = keys
        .iter()
        .filter(|key| context.global.keyring.is_none_or(|only| key.backend == only))
        .map(Shown::of)
        .collect();
    let row =
        |key: &Shown<'_>| vec![key.name.to_owned(), kind_name(key.kind).into(), key.address.to_string()];
    let text = table(&["name", "type", "address"], keys.iter().map(row).collect());
    Reply::new(&serde_json::json!({ "keys": keys }), text)
}

fn warn_unprotected(context: &Context, backend: Backend) {
    if backend == Backend::Test {
        context
            .say("warning: --keyring test keeps the secret unprotected on disk; use it for play money only");
    }
}

/// Words or hexadecimal digits, from the terminal without echo or from a pipe.
fn read_secret(kind: KeyType, account: u32) -> Result<(SecretKey, Option<String>)> {
    let unreadable = |error: std::io::Error| Error::input(format!("stdin: {error}"), "pipe the words in");
    let text = if std::io::stdin().is_terminal() {
        rpassword::prompt_password("Words, or 64 hexadecimal digits: ")
            .map(Zeroizing::new)
            .map_err(unreadable)?
    } else {
        let mut text = Zeroizing::new(String::with_capacity(1024));
        std::io::stdin().lock().take(4096).read_to_string(&mut text).map_err(unreadable)?;
        text
    };
    if text.trim().contains(char::is_whitespace) {
        return Ok((from_mnemonic(&text, kind, account)?, Some(path_of(kind, account))));
    }
    Ok((from_hex(&text, kind)?, None))
}
