//! The application's part of genesis: who has how much, which engine compiles models, at what prices.
//!
//! [`GenesisState::check`] is what any chain needs; [`GenesisState::validate`] also asks that the engine is
//! one of those that this build carries. Neither looks at validators: those are in CometBFT's document.

use crate::engines;
use crate::models::GenesisModel;
use assay_types::address::Address;
use assay_types::amount::Amount;
use assay_types::hash::{CompilerHash, ModelId};
use assay_types::limits::{CHUNK_BYTES, MAX_BLOCK_BYTES, MAX_TX_BYTES};
use assay_types::params::{CHUNK_UNITS_PER_BYTE, MAX_BLOCK_INFERENCES, Params, RECORD_UNITS, TX_UNITS};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Bytes of an app state's JSON.
pub const MAX_STATE_BYTES: usize = 64 * 1024 * 1024;

/// Units that a block must at least have: below it, no chunk of a model fits a block.
pub const MIN_BLOCK_UNITS: u64 = TX_UNITS + RECORD_UNITS + CHUNK_UNITS_PER_BYTE * CHUNK_BYTES as u64;

/// Units that a block may at most have: about a minute of one core.
pub const MAX_BLOCK_UNITS: u64 = 60_000_000_000;

/// Bytes that a block must at least have: the largest transaction, the smallest claim, and their protobuf fields.
pub const MIN_BLOCK_BYTES: u64 = MAX_TX_BYTES as u64 + 4096;

/// Bytes of plans that the hot set may at most hold: 64 GiB.
pub const MAX_HOT_SET_BYTES: u64 = 64 << 30;

/// Blocks that a delay may at most have.
const MAX_BLOCKS: u64 = 1_000_000_000;

/// The nonce that an account may at most start with: no chain counts the other half up.
const MAX_NONCE: u64 = 1 << 63;

/// uasy that a byte may at most cost as a deposit.
const MAX_DEPOSIT_PER_BYTE: u64 = 1_000_000_000_000;

/// What [`Params::price_change_divisor`] may be.
const PRICE_CHANGE_DIVISORS: std::ops::RangeInclusive<u32> = 2..=1024;

/// An account and its first balance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GenesisAccount {
    /// The account.
    pub address: Address,
    /// Its money.
    pub balance: Amount,
    /// The nonce that its first transaction must carry: that of an exported chain goes on.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub nonce: u64,
}

impl GenesisAccount {
    /// An account that has sent nothing yet.
    pub fn new(address: Address, balance: Amount) -> Self {
        Self { address, balance, nonce: 0 }
    }
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

fn is_nothing(amount: &Amount) -> bool {
    *amount == Amount::ZERO
}

/// The engine that models are sealed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GenesisEngine {
    /// Its number.
    pub number: u32,
    /// The digest of its compiler blob.
    pub compiler: CompilerHash,
    /// The opcode set of its plans.
    pub opcode_set: u16,
    /// The price table of its plans.
    pub price_table: u16,
}

/// The app state of a genesis document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GenesisState {
    /// Accounts, each at most once.
    pub accounts: Vec<GenesisAccount>,
    /// The engine.
    pub engine: GenesisEngine,
    /// The consensus parameters.
    pub params: Params,
    /// Fees that an exported chain has taken.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub fee_pool: Amount,
    /// Models of an exported chain, each at most once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub models: Vec<GenesisModel>,
}

/// Why a starting state is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GenesisError {
    /// More bytes than an app state may have.
    #[error("the app state has {0} bytes, more than {MAX_STATE_BYTES}; list fewer accounts")]
    TooLong(usize),
    /// Not the JSON of an app state.
    #[error("the app state is malformed: {0}; build it with `assayd init` or `assayd testnet init`")]
    Malformed(String),
    /// An account listed twice.
    #[error("account {0} is listed twice; add its balances up")]
    DuplicateAccount(Address),
    /// A nonce that no account comes to.
    #[error("account {0} has a nonce of more than 2^63")]
    BadNonce(Address),
    /// A model listed twice.
    #[error("model {0} is listed twice")]
    DuplicateModel(ModelId),
    /// A model that nobody could have published.
    #[error("model {model}: {rule}")]
    BadModel {
        /// Which one.
        model: ModelId,
        /// What it breaks.
        rule: String,
    },
    /// Balances that add up to more than an amount can hold.
    #[error("balances, deposits and fees add up to more than 2^128 uasy")]
    SupplyOverflow,
    /// A parameter outside its range.
    #[error("parameter {name}: {rule}")]
    BadParam {
        /// Which one.
        name: &'static str,
        /// What it must be.
        rule: &'static str,
    },
    /// An engine that this build does not carry.
    #[error("engine {0} is unknown to this build; run the version of assayd that the chain was made for")]
    UnknownEngine(u32),
    /// An engine of a known number, but another one.
    #[error(
        "engine {number} is another one in this build: its {what} differs; \
         run the version of assayd that the chain was made for"
    )]
    OtherEngine {
        /// Its number.
        number: u32,
        /// What differs.
        what: &'static str,
    },
    /// The engine that this build carries is damaged.
    #[error(transparent)]
    Artifact(#[from] engines::EngineError),
}

impl GenesisEngine {
    /// The engine of a number that this build carries.
    ///
    /// # Errors
    /// [`GenesisError::UnknownEngine`], or [`GenesisError::Artifact`] when its manifest does not read.
    pub fn of(number: u32) -> Result<Self, GenesisError> {
        let artifact = engines::artifact(number).ok_or(GenesisError::UnknownEngine(number))?;
        let manifest = artifact.manifest()?;
        Ok(Self {
            number,
            compiler: manifest.compiler_hash,
            opcode_set: manifest.opcode_set,
            price_table: manifest.price_table,
        })
    }

    fn validate(&self) -> Result<(), GenesisError> {
        let known = Self::of(self.number)?;
        let other = |what| Err(GenesisError::OtherEngine { number: self.number, what });
        if self.compiler != known.compiler {
            return other("compiler");
        }
        if self.opcode_set != known.opcode_set {
            return other("opcode set");
        }
        if self.price_table != known.price_table {
            return other("price table");
        }
        Ok(())
    }
}

fn check_params(params: &Params) -> Result<(), GenesisError> {
    let bad = |name, rule| Err(GenesisError::BadParam { name, rule });
    let (initial, min) = (&params.initial_prices, &params.min_prices);
    if min.unit_price == 0 {
        return bad("min_prices.unit_price", "it must be above zero, or computation may come to be free");
    }
    if min.byte_price == 0 {
        return bad("min_prices.byte_price", "it must be above zero, or storage may come to be free");
    }
    if initial.unit_price < min.unit_price {
        return bad("initial_prices.unit_price", "it must not be below min_prices.unit_price");
    }
    if initial.byte_price < min.byte_price {
        return bad("initial_prices.byte_price", "it must not be below min_prices.byte_price");
    }
    if !PRICE_CHANGE_DIVISORS.contains(&params.price_change_divisor) {
        return bad("price_change_divisor", "it must be 2 to 1024: a price changes by a half to a 1024th");
    }
    if params.max_block_bytes < MIN_BLOCK_BYTES {
        return bad("max_block_bytes", "it must leave room for the largest transaction and a claim");
    }
    if params.max_block_bytes > MAX_BLOCK_BYTES as u64 {
        return bad("max_block_bytes", "it must be at most 4194304");
    }
    if params.hot_set_bytes > MAX_HOT_SET_BYTES {
        return bad(
            "hot_set_bytes",
            "it must be at most 68719476736: every validator keeps as much in memory",
        );
    }
    if params.max_block_units < MIN_BLOCK_UNITS {
        return bad("max_block_units", "it must leave room for a transaction with one chunk of a model");
    }
    if params.max_block_units > MAX_BLOCK_UNITS {
        return bad("max_block_units", "it must be at most 60000000000, about a minute of one core");
    }
    if params.max_block_inferences == 0 {
        return bad("max_block_inferences", "it must be at least 1");
    }
    if params.max_block_inferences > MAX_BLOCK_INFERENCES {
        return bad(
            "max_block_inferences",
            "it must be at most 7000: a block's receipts are listed in one record",
        );
    }
    check_storage(params)
}

fn check_storage(params: &Params) -> Result<(), GenesisError> {
    let bad = |name, rule| Err(GenesisError::BadParam { name, rule });
    if !(1..=MAX_BLOCKS).contains(&params.receipt_blocks) {
        return bad("receipt_blocks", "it must be 1 to 1000000000");
    }
    if params.chunk_delay_blocks > MAX_BLOCKS {
        return bad("chunk_delay_blocks", "it must be at most 1000000000");
    }
    if params.deposit_per_byte > MAX_DEPOSIT_PER_BYTE {
        return bad("deposit_per_byte", "it must be at most 1000000000000, a million ASY");
    }
    Ok(())
}

fn sum(mut amounts: impl Iterator<Item = Amount>) -> Result<Amount, GenesisError> {
    let sum = amounts.try_fold(Amount::ZERO, |sum, amount| sum.checked_add(amount));
    sum.ok_or(GenesisError::SupplyOverflow)
}

impl GenesisState {
    /// Reads an app state's JSON; unknown fields are errors.
    ///
    /// # Errors
    /// [`GenesisError::TooLong`] or [`GenesisError::Malformed`]. What it says is not looked at.
    pub fn from_json(json: &[u8]) -> Result<Self, GenesisError> {
        if json.len() > MAX_STATE_BYTES {
            return Err(GenesisError::TooLong(json.len()));
        }
        serde_json::from_slice(json).map_err(|error| GenesisError::Malformed(error.to_string()))
    }

    /// A state with these accounts, and nothing else yet.
    pub fn new(accounts: Vec<GenesisAccount>, engine: GenesisEngine, params: Params) -> Self {
        Self { accounts, engine, params, fee_pool: Amount::ZERO, models: Vec::new() }
    }

    /// What publishers have deposited.
    ///
    /// # Errors
    /// [`GenesisError::SupplyOverflow`].
    pub fn deposits(&self) -> Result<Amount, GenesisError> {
        sum(self.models.iter().map(|model| model.deposit))
    }

    /// All money: the balances, the deposits, and the fees.
    ///
    /// # Errors
    /// [`GenesisError::SupplyOverflow`].
    pub fn supply(&self) -> Result<Amount, GenesisError> {
        let balances = self.accounts.iter().map(|account| account.balance);
        sum(balances.chain([self.fee_pool, self.deposits()?]))
    }

    /// Checks everything but the engine: no account and no model twice, models that could have been published, a
    /// supply that fits, parameters within their ranges.
    ///
    /// # Errors
    /// [`GenesisError`] naming the rule.
    pub fn check(&self) -> Result<(), GenesisError> {
        let mut seen = BTreeSet::new();
        for account in &self.accounts {
            if !seen.insert(account.address) {
                return Err(GenesisError::DuplicateAccount(account.address));
            }
            if account.nonce > MAX_NONCE {
                return Err(GenesisError::BadNonce(account.address));
            }
        }
        let mut seen = BTreeSet::new();
        for model in &self.models {
            model.check()?;
            if !seen.insert(model.id()) {
                return Err(GenesisError::DuplicateModel(model.id()));
            }
        }
        self.supply()?;
        check_params(&self.params)
    }

    /// Checks everything, and that the engine is one that this build carries.
    ///
    /// # Errors
    /// [`GenesisError`] naming the rule.
    pub fn validate(&self) -> Result<(), GenesisError> {
        self.check()?;
        self.engine.validate()
    }
}
