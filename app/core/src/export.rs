//! A state as the genesis of another chain.
//!
//! What goes along is what people have: balances, nonces, sealed models with their deposits, the fees taken, the
//! parameters, the engine. The supply is the same. What stays behind belongs to the chain that ends: receipts, the
//! index, the prices and the hot set (both begin anew), models that are retired, and models whose upload is not
//! complete; the deposits of these are given back.
//!
//! The export is a function of the state at its height, so every node's is the same, to the byte.

use crate::chain::{ChainRecord, EngineRecord};
use crate::fatal::Fatal;
use assay_genesis::{GenesisAccount, GenesisEngine, GenesisModel, GenesisState};
use assay_store::{StoreError, View};
use assay_types::account::Account;
use assay_types::address::Address;
use assay_types::amount::Amount;
use assay_types::codec;
use assay_types::hash::{AppHash, ModelId};
use assay_types::limits::MAX_VALUE_BYTES;
use assay_types::model::{ModelRecord, ModelState};
use assay_types::params::Params;
use assay_types::path;
use borsh::{BorshDeserialize, BorshSerialize};
use std::collections::BTreeMap;

/// Before every account's record.
const ACCOUNTS: &[u8] = b"account/";

/// What a state gives to another chain, and what not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exported {
    /// The height.
    pub height: u64,
    /// The root after it.
    pub app_hash: AppHash,
    /// The chain that it is of.
    pub chain_id: String,
    /// What another chain can start from.
    pub state: GenesisState,
    /// What stays behind.
    pub left_out: LeftOut,
}

/// What an export leaves behind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// Receipts in the state.
    pub receipts: u64,
    /// Models that are retired.
    pub retired: u64,
    /// Models whose upload is not complete.
    pub uploads: u64,
    /// Deposits that are given back for these.
    pub given_back: Amount,
}

/// Why a state is not exported.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// A model that another engine than the chain's has compiled.
    #[error("model {model} is of engine {engine}, and the chain's is {chain}: have it sealed again first")]
    OtherEngine {
        /// The model.
        model: ModelId,
        /// Its engine.
        engine: u32,
        /// The chain's.
        chain: u32,
    },
    /// The state is damaged, or of another version.
    #[error(transparent)]
    Fatal(#[from] Fatal),
}

impl From<StoreError> for ExportError {
    fn from(error: StoreError) -> Self {
        Self::Fatal(error.into())
    }
}

/// The records of a state that matter, as they are come across.
#[derive(Default)]
struct Found {
    accounts: BTreeMap<Address, Account>,
    models: BTreeMap<ModelId, ModelRecord>,
    engines: BTreeMap<u32, EngineRecord>,
    chain: Option<ChainRecord>,
    params: Option<Params>,
    fee_pool: Amount,
    supply: Amount,
    receipts: u64,
}

/// Exports the state of a kept height. It reads all of it; `tell` hears how many records are read.
///
/// # Errors
/// [`ExportError`].
pub fn export(view: &View, height: u64, tell: &mut dyn FnMut(u64)) -> Result<Exported, ExportError> {
    let app_hash = view.root_at(height)?;
    let mut found = read(view, height, tell)?;
    let (chain, params) =
        (found.chain.take().ok_or(Fatal::NoChain)?, found.params.take().ok_or(Fatal::NoChain)?);
    if chain.app_version != crate::APP_VERSION {
        let (found, supported) = (chain.app_version, crate::APP_VERSION);
        return Err(Fatal::OtherVersion { found, supported }.into());
    }
    let engine = *found.engines.get(&chain.engine).ok_or(Fatal::UnknownEngine(chain.engine))?;
    let mut left_out = LeftOut { receipts: found.receipts, ..LeftOut::default() };
    let mut models = Vec::new();
    for (id, record) in std::mem::take(&mut found.models) {
        match &record.state {
            ModelState::Sealed(compiled) if compiled.engine != chain.engine => {
                let (engine, chain) = (compiled.engine, chain.engine);
                return Err(ExportError::OtherEngine { model: id, engine, chain });
            }
            ModelState::Sealed(compiled) => models.push(GenesisModel {
                owner: record.owner,
                name: record.name,
                version: record.version,
                description: record.description,
                manifest: record.manifest,
                deposit: record.deposit,
                plan: compiled.plan,
            }),
            ModelState::Uploading { .. } => {
                left_out.uploads = left_out.uploads.saturating_add(1);
                give_back(&mut found.accounts, &mut left_out, &record)?;
            }
            ModelState::Retired { .. } => {
                left_out.retired = left_out.retired.saturating_add(1);
                give_back(&mut found.accounts, &mut left_out, &record)?;
            }
        }
    }
    let account = |(address, account): (Address, Account)| GenesisAccount {
        address,
        balance: account.balance,
        nonce: account.nonce,
    };
    let engine = GenesisEngine {
        number: engine.number,
        compiler: engine.compiler,
        opcode_set: engine.opcode_set,
        price_table: engine.price_table,
    };
    let accounts = std::mem::take(&mut found.accounts).into_iter().map(account).collect();
    let state =
        GenesisState { fee_pool: found.fee_pool, models, ..GenesisState::new(accounts, engine, params) };
    // What an exported file says is believed by nobody; but this machine should not write a wrong one.
    let supply = state.supply().map_err(|error| Fatal::Invariant(error.to_string()))?;
    if supply != found.supply {
        let why = format!("the exported money is {supply} uasy, and the supply is {}", found.supply);
        return Err(Fatal::Invariant(why).into());
    }
    Ok(Exported { height, app_hash, chain_id: chain.chain_id, state, left_out })
}

fn give_back(
    accounts: &mut BTreeMap<Address, Account>,
    left_out: &mut LeftOut,
    record: &ModelRecord,
) -> Result<(), Fatal> {
    let overflow = || Fatal::Invariant("a balance above the supply".into());
    let owner = accounts.entry(record.owner).or_default();
    owner.balance = owner.balance.checked_add(record.deposit).ok_or_else(overflow)?;
    left_out.given_back = left_out.given_back.checked_add(record.deposit).ok_or_else(overflow)?;
    if *owner == Account::default() {
        accounts.remove(&record.owner);
    }
    Ok(())
}

fn read(view: &View, height: u64, tell: &mut dyn FnMut(u64)) -> Result<Found, Fatal> {
    let (mut found, mut count) = (Found::default(), 0u64);
    let mut walk = view.walk(height)?;
    while let Some(entry) = walk.next_entry()? {
        take(&mut found, &entry.key, &entry.value)?;
        count = count.saturating_add(1);
        tell(count);
    }
    Ok(found)
}

fn take(found: &mut Found, key: &[u8], value: &[u8]) -> Result<(), Fatal> {
    if let Some(address) = key.strip_prefix(ACCOUNTS) {
        found.accounts.insert(named(key, address)?, record(key, value)?);
    } else if let Some(id) = key.strip_prefix(path::MODELS) {
        found.models.insert(named(key, id)?, record(key, value)?);
    } else if key.starts_with(b"engine/") {
        let engine: EngineRecord = record(key, value)?;
        found.engines.insert(engine.number, engine);
    } else if key.starts_with(b"receipt/") {
        found.receipts = found.receipts.saturating_add(1);
    } else if key == path::CHAIN {
        found.chain = Some(record(key, value)?);
    } else if key == path::PARAMS {
        found.params = Some(record(key, value)?);
    } else if key == path::FEE_POOL {
        found.fee_pool = record(key, value)?;
    } else if key == path::SUPPLY {
        found.supply = record(key, value)?;
    }
    Ok(())
}

/// What the last part of a key names.
fn named<T: std::str::FromStr>(key: &[u8], name: &[u8]) -> Result<T, Fatal> {
    let parsed = std::str::from_utf8(name).ok().and_then(|name| name.parse().ok());
    parsed
        .ok_or_else(|| Fatal::Invariant(format!("the key {:?} names nothing", String::from_utf8_lossy(key))))
}

fn record<T: BorshSerialize + BorshDeserialize>(key: &[u8], value: &[u8]) -> Result<T, Fatal> {
    codec::decode(value, MAX_VALUE_BYTES).map_err(|error| {
        let key = String::from_utf8_lossy(key).into_owned();
        StoreError::Record { key, reason: error.to_string() }.into()
    })
}
