//! What the verifier trusts beforehand: a genesis document, or one header by its hash.
//!
//! With a genesis the chain id must be its own and the header's validators must be its validators; a chain
//! whose validators have changed since needs the hash of the header, from somebody who is trusted.

use super::parts::{self, Parts};
use super::{Finding, ensure};
use serde_json::Value;
use std::str::FromStr;
use tendermint::validator::Set;

/// A trust anchor.
#[derive(Debug, Clone)]
pub enum Trust {
    /// The validators of a genesis document.
    Genesis {
        /// Its chain id.
        chain_id: String,
        /// Its validators.
        validators: Box<Set>,
        /// Where it came from, for people.
        source: String,
    },
    /// The hash of the header at a height.
    Header {
        /// The height.
        height: u64,
        /// The hash.
        hash: [u8; 32],
    },
    /// None; what to say about it.
    Missing(String),
}

impl Trust {
    /// Reads a genesis document's chain id and validators.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn from_genesis(json: &Value, source: &str) -> Result<Self, String> {
        let chain_id = json.get("chain_id").and_then(Value::as_str).ok_or("the genesis has no chain_id")?;
        let validators = json.get("validators").ok_or("the genesis has no validators")?;
        let validators =
            parts::validators(validators).map_err(|why| format!("the genesis's validators: {why}"))?;
        Ok(Trust::Genesis {
            chain_id: chain_id.into(),
            validators: Box::new(validators),
            source: source.into(),
        })
    }

    pub(super) fn check(&self, parts: &Parts) -> Finding {
        let header = &parts.header.header;
        match self {
            Trust::Missing(why) => Err(why.clone()),
            Trust::Header { height, hash } => {
                let got = header.height.value();
                ensure(got == *height, || {
                    format!("the header is of height {got}: give the hash of that one, --trust {got}:HASH")
                })?;
                let found = header.hash();
                ensure(found.as_bytes() == hash, || {
                    format!("the header of height {got} has the hash {found}, not the trusted one")
                })?;
                Ok(format!("the trusted header of height {got}"))
            }
            Trust::Genesis { chain_id, validators, source } => {
                let chain = header.chain_id.as_str();
                ensure(chain == chain_id, || {
                    format!("the header is of chain {chain}, {source} of {chain_id}")
                })?;
                ensure(validators.hash() == header.validators_hash, || {
                    let got = header.height.value();
                    format!(
                        "the validators of height {got} are not those of {source}: give the hash of that \
                         header, --trust {got}:HASH"
                    )
                })?;
                Ok(format!("the {} validators of {source}", validators.validators().len()))
            }
        }
    }
}

impl FromStr for Trust {
    type Err = String;

    /// Reads `HEIGHT:HASH`.
    fn from_str(text: &str) -> Result<Self, String> {
        let parsed = text.split_once(':').and_then(|(height, hash)| {
            let mut bytes = [0; 32];
            hex::decode_to_slice(hash, &mut bytes).ok()?;
            Some(Trust::Header { height: height.parse().ok()?, hash: bytes })
        });
        parsed.ok_or_else(|| "write HEIGHT:HASH, the hash in 64 hexadecimal digits".into())
    }
}
