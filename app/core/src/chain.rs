//! The chain's own records: its id, its version, its engines, its parameters.

use crate::fatal::Fatal;
use assay_store::{Read, ReadExt};
use assay_types::hash::CompilerHash;
use assay_types::params::Params;
use assay_types::path;
use borsh::{BorshDeserialize, BorshSerialize};

/// The version of this state machine; CometBFT's `version.app`.
pub const APP_VERSION: u64 = assay_genesis::doc::APP_VERSION;

/// Before every engine's record.
const ENGINES: &[u8] = b"engine/";

/// Engines that a chain may have, far above what any will.
const MAX_ENGINES: usize = 1024;

/// The record at `chain`.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct ChainRecord {
    /// The chain's id.
    pub chain_id: String,
    /// The engine that models are sealed with.
    pub engine: u32,
    /// The version of the state machine that the chain runs.
    pub app_version: u64,
}

/// The record at `engine/<n>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct EngineRecord {
    /// Its number.
    pub number: u32,
    /// The digest of its compiler.
    pub compiler: CompilerHash,
    /// The opcode set of its plans.
    pub opcode_set: u16,
    /// The price table of its plans.
    pub price_table: u16,
}

/// The chain's record, which is there from genesis on.
pub(crate) fn chain(state: &dyn Read) -> Result<ChainRecord, Fatal> {
    state.read(path::CHAIN)?.ok_or(Fatal::NoChain)
}

/// The consensus parameters.
pub(crate) fn params(state: &dyn Read) -> Result<Params, Fatal> {
    state.read(path::PARAMS)?.ok_or(Fatal::NoChain)
}

/// Every engine that the chain knows.
pub(crate) fn engines(state: &dyn Read) -> Result<Vec<EngineRecord>, Fatal> {
    let mut engines = Vec::new();
    for (key, _) in state.scan(ENGINES, None, MAX_ENGINES)? {
        let record = state.read(&key)?;
        engines.push(record.ok_or_else(|| Fatal::Invariant("an engine's record vanished".into()))?);
    }
    Ok(engines)
}
