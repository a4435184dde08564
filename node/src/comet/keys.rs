//! CometBFT's key files: the node's identity, the key that signs votes, and what was signed last.
//!
//! Both keys are ed25519. A file is written once and never overwritten: a second `priv_validator_state.json`
//! could make a validator sign twice. Only who resets a node and asks for it ([`forget_votes`]) gets a new one.

use crate::home::{Home, replace, write_new};
use assay_types::key::{PublicKey, SecretKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::json;
use std::io;
use std::path::Path;
use tendermint::{account, node};

/// A key file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// The file does not read or write.
    #[error("{path}: {error}")]
    Io {
        /// The file.
        path: String,
        /// Why.
        error: io::Error,
    },
    /// The file holds no ed25519 key in CometBFT's JSON.
    #[error("{path} holds no ed25519 key in CometBFT's JSON: {why}")]
    Malformed {
        /// The file.
        path: String,
        /// Why.
        why: String,
    },
}

/// The public half of one of CometBFT's keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublicHalf([u8; 32]);

impl PublicHalf {
    /// The key's bytes.
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The id in the peer-to-peer network: hex in lower case.
    pub fn node_id(&self) -> String {
        node::Id::new(self.digest()).to_string()
    }

    /// The validator's address: hex in upper case.
    pub fn address(&self) -> String {
        account::Id::new(self.digest()).to_string()
    }

    /// The key in CometBFT's JSON.
    pub fn to_json(&self) -> serde_json::Value {
        json!({"type": "tendermint/PubKeyEd25519", "value": STANDARD.encode(self.0)})
    }

    /// The first 20 bytes of SHA-256: addresses and node ids alike.
    fn digest(&self) -> [u8; 20] {
        let mut short = [0; 20];
        short.copy_from_slice(&assay_types::hash::TxHash::of(&self.0).0[..20]);
        short
    }
}

struct KeyPair {
    public: PublicHalf,
    /// CometBFT's JSON of the secret half: the seed and the public key, base64.
    secret: serde_json::Value,
}

impl KeyPair {
    fn of(seed: [u8; 32]) -> io::Result<Self> {
        let secret = SecretKey::Ed25519(seed);
        let Ok(PublicKey::Ed25519(public)) = secret.public_key() else {
            return Err(io::Error::other("an ed25519 seed gave no ed25519 key"));
        };
        let pair = [seed, public].concat();
        let secret = json!({"type": "tendermint/PrivKeyEd25519", "value": STANDARD.encode(pair)});
        Ok(Self { public: PublicHalf(public), secret })
    }

    fn random() -> io::Result<Self> {
        let mut seed = [0; 32];
        rand::fill(&mut seed);
        Self::of(seed)
    }
}

/// What a home's keys say to the outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    /// The node's key.
    pub node: PublicHalf,
    /// The validator's key.
    pub validator: PublicHalf,
}

/// Writes new keys into a home that has none.
///
/// # Errors
/// [`KeyFileError::Io`], also when one of the files is there already.
pub fn create(home: &Home) -> Result<Identity, KeyFileError> {
    let generated = KeyPair::random().and_then(|node| Ok((node, KeyPair::random()?)));
    let (node, validator) = generated.map_err(|error| failed(&home.node_key(), error))?;
    write(&home.node_key(), &json!({"priv_key": node.secret}))?;
    let key = json!({
        "address": validator.public.address(),
        "pub_key": validator.public.to_json(),
        "priv_key": validator.secret,
    });
    write(&home.validator_key(), &key)?;
    write(&home.validator_state(), &nothing_signed())?;
    Ok(Identity { node: node.public, validator: validator.public })
}

/// What a validator that has signed nothing has signed last.
fn nothing_signed() -> serde_json::Value {
    json!({"height": "0", "round": 0, "step": 0})
}

/// Forgets what was signed last. On a chain that goes on, the validator can then sign twice.
///
/// # Errors
/// [`KeyFileError::Io`].
pub fn forget_votes(home: &Home) -> Result<(), KeyFileError> {
    let path = home.validator_state();
    replace(&path, &format!("{:#}\n", nothing_signed())).map_err(|error| failed(&path, error))
}

/// The secret halves of a home's keys in every form in which they may be written down; for what must not hold them.
pub fn secrets(home: &Home) -> Vec<Vec<u8>> {
    let mut secrets = Vec::new();
    for path in [home.node_key(), home.validator_key()] {
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let Ok(file) = serde_json::from_str::<KeyFile>(&text) else { continue };
        if let Ok(pair) = STANDARD.decode(&file.priv_key.value)
            && let Some(seed) = pair.get(..32)
        {
            secrets.extend([hex::encode(seed).into_bytes(), hex::encode_upper(seed).into_bytes()]);
            // The base64 of the seed alone has, but for its end, the letters that the pair's begins with.
            secrets.extend([STANDARD.encode(seed).as_bytes()[..42].to_vec(), seed.to_vec()]);
        }
        secrets.push(file.priv_key.value.into_bytes());
    }
    secrets.retain(|secret| secret.len() >= 32);
    // The longest first: what is part of another is then gone with it.
    secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    secrets
}

/// Reads the public halves of a home's keys.
///
/// # Errors
/// [`KeyFileError`].
pub fn identity(home: &Home) -> Result<Identity, KeyFileError> {
    Ok(Identity { node: read(&home.node_key())?, validator: read(&home.validator_key())? })
}

#[derive(Deserialize)]
struct KeyFile {
    priv_key: TypedKey,
}

#[derive(Deserialize)]
struct TypedKey {
    #[serde(rename = "type")]
    kind: String,
    value: String,
}

fn read(path: &Path) -> Result<PublicHalf, KeyFileError> {
    let malformed = |why: String| KeyFileError::Malformed { path: path.display().to_string(), why };
    let text = std::fs::read_to_string(path).map_err(|error| failed(path, error))?;
    let file: KeyFile = serde_json::from_str(&text).map_err(|error| malformed(error.to_string()))?;
    if file.priv_key.kind != "tendermint/PrivKeyEd25519" {
        return Err(malformed("the key is of another kind".into()));
    }
    let pair = STANDARD.decode(&file.priv_key.value).map_err(|_| malformed("the key is no base64".into()))?;
    let public = pair.get(32..).and_then(|half| half.try_into().ok());
    public.map(PublicHalf).ok_or_else(|| malformed("the key has not 64 bytes".into()))
}

fn write(path: &Path, json: &serde_json::Value) -> Result<(), KeyFileError> {
    write_new(path, &format!("{json:#}\n")).map_err(|error| failed(path, error))
}

fn failed(path: &Path, error: io::Error) -> KeyFileError {
    KeyFileError::Io { path: path.display().to_string(), error }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_the_ones_that_cometbft_would_derive() {
        // What `cometbft init` wrote for this seed.
        let secret = STANDARD
            .decode(
                "yNRFLQDNJ2N8YjO1TZr5HX4+IFR/VkxEBRMH+pPngovn5HX0KNqDMm/XTvnGdzrmanrSHT8d/zsaBBm+a/NbVQ==",
            )
            .unwrap();
        let pair = KeyPair::of(secret[..32].try_into().unwrap()).unwrap();
        assert_eq!(pair.public.address(), "F610353579C413F63DFA75C8E48041061A1FB006");
        assert_eq!(pair.public.node_id(), "f610353579c413f63dfa75c8e48041061a1fb006");
        assert_eq!(pair.public.to_json()["value"], "5+R19CjagzJv1075xnc65mp60h0/Hf87GgQZvmvzW1U=");
        assert_eq!(pair.secret["value"], STANDARD.encode(secret));
    }

    #[test]
    fn written_keys_read_back_and_are_not_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::new(folder.path());
        home.create().unwrap();
        let created = create(&home).unwrap();
        assert_eq!(identity(&home).unwrap(), created);
        assert!(matches!(create(&home), Err(KeyFileError::Io { .. })));
        assert_eq!(identity(&home).unwrap(), created);
    }

    #[test]
    fn a_damaged_key_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key.json");
        for text in [
            "",
            "{}",
            r#"{"priv_key":{"type":"tendermint/PrivKeySecp256k1","value":""}}"#,
            r#"{"priv_key":{"type":"tendermint/PrivKeyEd25519","value":"AAAA"}}"#,
            r#"{"priv_key":{"type":"tendermint/PrivKeyEd25519","value":"%"}}"#,
        ] {
            std::fs::write(&path, text).unwrap();
            assert!(matches!(read(&path), Err(KeyFileError::Malformed { .. })), "{text}");
        }
    }
}
