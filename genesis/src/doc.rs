//! CometBFT's genesis document, with our app state in it.
//!
//! The form is that of CometBFT 0.38 (and 0.40 reads it): 64-bit numbers as strings, ed25519 validators only,
//! vote extensions off, blocks of at most 4 MiB. A document in hand passed [`GenesisDoc::validate`]: it is
//! built by [`GenesisDoc::new`] or read by [`GenesisDoc::from_json`], and both check.

use crate::state::{GenesisError, GenesisState};
use assay_types::limits::{MAX_BLOCK_BYTES, MAX_CHAIN_ID_BYTES};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;

/// The version of the state machine that new chains start with; CometBFT's `version.app`.
pub const APP_VERSION: u64 = 1;

/// CometBFT's bound on the sum of all voting power: 2^63 / 8.
pub const MAX_TOTAL_POWER: u64 = (i64::MAX / 8) as u64;

/// The name by which CometBFT's JSON calls an ed25519 key.
const KEY_TYPE: &str = "tendermint/PubKeyEd25519";

/// Numbers that CometBFT writes as strings.
mod text {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};
    use std::fmt::Display;
    use std::str::FromStr;

    pub fn serialize<T: Display, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(value)
    }

    pub fn deserialize<'de, T: FromStr<Err: Display>, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<T, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// CometBFT's `consensus_params.block`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockParams {
    /// Bytes of a block.
    #[serde(with = "text")]
    pub max_bytes: i64,
    /// Gas of a block: -1, for units are ours to count.
    #[serde(with = "text")]
    pub max_gas: i64,
}

/// CometBFT's `consensus_params.evidence`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvidenceParams {
    /// Blocks for which evidence counts.
    #[serde(with = "text")]
    pub max_age_num_blocks: i64,
    /// Nanoseconds for which evidence counts.
    #[serde(with = "text")]
    pub max_age_duration: i64,
    /// Bytes of evidence in a block.
    #[serde(with = "text")]
    pub max_bytes: i64,
}

/// CometBFT's `consensus_params.validator`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ValidatorParams {
    /// Kinds of key that a validator may have.
    pub pub_key_types: Vec<String>,
}

/// CometBFT's `consensus_params.version`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VersionParams {
    /// The version of the state machine.
    #[serde(with = "text")]
    pub app: u64,
}

/// CometBFT's `consensus_params.abci`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AbciParams {
    /// 0: never.
    #[serde(with = "text")]
    pub vote_extensions_enable_height: i64,
}

/// CometBFT's `consensus_params`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsensusParams {
    /// Blocks.
    pub block: BlockParams,
    /// Evidence.
    pub evidence: EvidenceParams,
    /// Validators.
    pub validator: ValidatorParams,
    /// Version.
    pub version: VersionParams,
    /// ABCI.
    pub abci: AbciParams,
}

impl Default for ConsensusParams {
    fn default() -> Self {
        Self {
            block: BlockParams { max_bytes: MAX_BLOCK_BYTES as i64, max_gas: -1 },
            evidence: EvidenceParams {
                max_age_num_blocks: 100_000,
                max_age_duration: 48 * 3600 * 1_000_000_000,
                max_bytes: 1024 * 1024,
            },
            validator: ValidatorParams { pub_key_types: vec!["ed25519".into()] },
            version: VersionParams { app: APP_VERSION },
            abci: AbciParams { vote_extensions_enable_height: 0 },
        }
    }
}

/// A public key in CometBFT's JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PubKey {
    /// Its kind.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its bytes, base64.
    pub value: String,
}

/// A validator that the chain starts with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Validator {
    /// The first 20 bytes of the key's SHA-256, hex in upper case.
    pub address: String,
    /// Its key.
    pub pub_key: PubKey,
    /// Its voting power.
    #[serde(with = "text")]
    pub power: u64,
    /// Its name for people.
    pub name: String,
}

impl Validator {
    /// A validator with an ed25519 key.
    pub fn new(name: impl Into<String>, key: &[u8; 32], power: u64) -> Self {
        Self {
            address: address(key),
            pub_key: PubKey { kind: KEY_TYPE.into(), value: STANDARD.encode(key) },
            power,
            name: name.into(),
        }
    }

    fn check(&self) -> Result<(), DocError> {
        let bad = |rule| DocError::BadValidator { name: self.name.chars().take(60).collect(), rule };
        if self.pub_key.kind != KEY_TYPE {
            return Err(bad("its key is not of ed25519"));
        }
        let key = STANDARD.decode(&self.pub_key.value).ok().and_then(|key| <[u8; 32]>::try_from(key).ok());
        let key = key.ok_or_else(|| bad("its key is not 32 bytes of base64"))?;
        if self.address != address(&key) {
            return Err(bad("its address is not its key's"));
        }
        if self.power == 0 {
            return Err(bad("its power is zero"));
        }
        Ok(())
    }
}

/// CometBFT's address of an ed25519 key.
fn address(key: &[u8; 32]) -> String {
    hex::encode_upper(&Sha256::digest(key)[..20])
}

/// CometBFT's genesis document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GenesisDoc {
    /// When the chain starts, RFC 3339 in UTC.
    pub genesis_time: String,
    /// The chain's id.
    pub chain_id: String,
    /// The first block's height: 1.
    #[serde(with = "text")]
    pub initial_height: i64,
    /// CometBFT's parameters.
    pub consensus_params: ConsensusParams,
    /// The first validators.
    pub validators: Vec<Validator>,
    /// Empty: the application gives it at InitChain.
    pub app_hash: String,
    /// The application's part.
    pub app_state: GenesisState,
}

/// Why a genesis document is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DocError {
    /// Not the JSON of a genesis document.
    #[error("the genesis document is malformed: {0}")]
    Malformed(String),
    /// A chain id that CometBFT or a path could not carry.
    #[error("chain id {0:?}: use 1 to {MAX_CHAIN_ID_BYTES} letters, digits, dots, dashes and underscores")]
    ChainId(String),
    /// A time that is not RFC 3339 in UTC.
    #[error("genesis time {0:?}: write it like 2026-01-31T12:00:00Z")]
    Time(String),
    /// A field with a value that this state machine does not support.
    #[error("{field}: {rule}")]
    Unsupported {
        /// The field's path.
        field: &'static str,
        /// What it must be.
        rule: &'static str,
    },
    /// No validators.
    #[error("there are no validators; a chain needs at least one")]
    NoValidators,
    /// A validator that breaks a rule.
    #[error("validator {name:?}: {rule}")]
    BadValidator {
        /// Its name.
        name: String,
        /// The rule.
        rule: &'static str,
    },
    /// More voting power than CometBFT counts.
    #[error("the voting power adds up to more than {MAX_TOTAL_POWER}")]
    TotalPower,
    /// The app state is not sound.
    #[error(transparent)]
    State(#[from] GenesisError),
}

/// Whether a text looks like `2026-01-31T12:00:00Z`, with or without a fraction of a second.
fn is_utc_time(text: &str) -> bool {
    let pattern = "dddd-dd-ddTdd:dd:dd";
    let Some((head, tail)) = text.split_at_checked(pattern.len()) else { return false };
    let fits = head.bytes().zip(pattern.bytes()).all(|(byte, rule)| match rule {
        b'd' => byte.is_ascii_digit(),
        other => byte == other,
    });
    let fraction = tail.strip_suffix('Z').is_some_and(|rest| {
        rest.is_empty()
            || rest.strip_prefix('.').is_some_and(|digits| {
                (1..=9).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
            })
    });
    fits && fraction
}

impl GenesisDoc {
    /// Builds a document with our consensus parameters, and checks it.
    ///
    /// # Errors
    /// As [`GenesisDoc::validate`].
    pub fn new(
        chain_id: &str,
        genesis_time: &str,
        validators: Vec<Validator>,
        app_state: GenesisState,
    ) -> Result<Self, DocError> {
        let doc = Self {
            genesis_time: genesis_time.into(),
            chain_id: chain_id.into(),
            initial_height: 1,
            consensus_params: ConsensusParams::default(),
            validators,
            app_hash: String::new(),
            app_state,
        };
        doc.validate()?;
        Ok(doc)
    }

    /// Reads a document and checks it.
    ///
    /// # Errors
    /// [`DocError::Malformed`], or as [`GenesisDoc::validate`].
    pub fn from_json(json: &[u8]) -> Result<Self, DocError> {
        let doc: Self =
            serde_json::from_slice(json).map_err(|error| DocError::Malformed(error.to_string()))?;
        doc.validate()?;
        Ok(doc)
    }

    /// The document's text, indented for people.
    ///
    /// # Errors
    /// [`DocError::Malformed`], which no document in hand gives.
    pub fn to_json(&self) -> Result<String, DocError> {
        let text =
            serde_json::to_string_pretty(self).map_err(|error| DocError::Malformed(error.to_string()))?;
        Ok(text + "\n")
    }

    /// Checks everything that this state machine relies on.
    ///
    /// # Errors
    /// [`DocError`] naming the rule.
    pub fn validate(&self) -> Result<(), DocError> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
        let len = self.chain_id.len();
        if len == 0 || len > MAX_CHAIN_ID_BYTES || !self.chain_id.bytes().all(plain) {
            return Err(DocError::ChainId(self.chain_id.chars().take(60).collect()));
        }
        if !is_utc_time(&self.genesis_time) {
            return Err(DocError::Time(self.genesis_time.chars().take(60).collect()));
        }
        self.check_consensus()?;
        if self.validators.is_empty() {
            return Err(DocError::NoValidators);
        }
        let mut seen = BTreeSet::new();
        let mut power: u64 = 0;
        for validator in &self.validators {
            validator.check()?;
            if !seen.insert(&validator.address) {
                let name = validator.name.chars().take(60).collect();
                return Err(DocError::BadValidator { name, rule: "its key is listed twice" });
            }
            power = power.saturating_add(validator.power);
        }
        if power > MAX_TOTAL_POWER {
            return Err(DocError::TotalPower);
        }
        Ok(self.app_state.validate()?)
    }

    fn check_consensus(&self) -> Result<(), DocError> {
        let params = &self.consensus_params;
        let bytes = params.block.max_bytes;
        let rules = [
            (self.initial_height == 1, "initial_height", "it must be \"1\""),
            (self.app_hash.is_empty(), "app_hash", "it must be empty: the application gives it at InitChain"),
            (
                (1..=MAX_BLOCK_BYTES as i64).contains(&bytes),
                "consensus_params.block.max_bytes",
                "it must be \"1\" to \"4194304\"",
            ),
            (
                u64::try_from(bytes).is_ok_and(|bytes| self.app_state.params.max_block_bytes <= bytes),
                "app_state.params.max_block_bytes",
                "it must not be more than consensus_params.block.max_bytes",
            ),
            (
                params.block.max_gas == -1,
                "consensus_params.block.max_gas",
                "it must be \"-1\": units are counted by the application",
            ),
            (
                (0..=bytes).contains(&params.evidence.max_bytes),
                "consensus_params.evidence.max_bytes",
                "it must not be more than a block",
            ),
            (
                params.validator.pub_key_types == ["ed25519"],
                "consensus_params.validator.pub_key_types",
                "it must be [\"ed25519\"]",
            ),
            (
                params.version.app == APP_VERSION,
                "consensus_params.version.app",
                "it must be the version of this state machine, \"1\"",
            ),
            (
                params.abci.vote_extensions_enable_height == 0,
                "consensus_params.abci.vote_extensions_enable_height",
                "it must be \"0\": this chain has no vote extensions",
            ),
        ];
        for (holds, field, rule) in rules {
            if !holds {
                return Err(DocError::Unsupported { field, rule });
            }
        }
        Ok(())
    }
}
