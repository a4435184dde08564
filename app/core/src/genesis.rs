//! InitChain: the state at version 0.

use crate::chain::{APP_VERSION, ChainRecord, EngineRecord};
use crate::engine::Engine;
use crate::fatal::Fatal;
use crate::hot::HotSet;
use crate::imported::{self, ModelFiles};
use assay_genesis::{GenesisError, GenesisModel, GenesisState};
use assay_store::Changes;
use assay_types::account::Account;
use assay_types::codec;
use assay_types::hash::{ModelId, PlanHash};
use assay_types::limits::MAX_CHAIN_ID_BYTES;
use assay_types::path;

/// Why a chain does not start.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// A chain id that no transaction could carry.
    #[error("the chain id has {0} bytes where 1 to {MAX_CHAIN_ID_BYTES} are allowed; fix the genesis file")]
    ChainId(usize),
    /// The app state is not sound.
    #[error("the genesis file's app_state: {0}")]
    Genesis(#[from] GenesisError),
    /// The file of a model that the chain starts with.
    #[error(
        "the file of model {model}, which the genesis file names: {reason}; \
         it belongs into the folder config/genesis.models, and comes with the genesis file"
    )]
    ModelFile {
        /// The model.
        model: ModelId,
        /// What is wrong.
        reason: String,
    },
    /// A model that compiles to another plan than the genesis file says.
    #[error(
        "model {model} compiles to {found}, and the genesis file says {named}; use the chain's own genesis file"
    )]
    ModelPlan {
        /// The model.
        model: ModelId,
        /// What the file says.
        named: PlanHash,
        /// The plan here, or why there is none.
        found: String,
    },
    /// The engine is not given, or the store failed.
    #[error(transparent)]
    Fatal(#[from] Fatal),
}

/// A chain's first state, and the models whose bytes go beside it.
pub(crate) struct First {
    pub changes: Changes,
    pub models: Vec<GenesisModel>,
}

/// The writes that make a chain's first state.
pub(crate) fn first(
    engine: &Engine,
    chain_id: &str,
    app_state: &[u8],
    files: &dyn ModelFiles,
) -> Result<First, InitError> {
    if chain_id.is_empty() || chain_id.len() > MAX_CHAIN_ID_BYTES {
        return Err(InitError::ChainId(chain_id.len()));
    }
    let state = GenesisState::from_json(app_state)?;
    state.check()?;
    let record = EngineRecord {
        number: state.engine.number,
        compiler: state.engine.compiler,
        opcode_set: state.engine.opcode_set,
        price_table: state.engine.price_table,
    };
    engine.check(&record)?;
    let chain = ChainRecord { chain_id: chain_id.into(), engine: record.number, app_version: APP_VERSION };
    let mut changes = Changes::default();
    let mut put = |key: Vec<u8>, value: Vec<u8>| changes.writes.insert(key, Some(value));
    put(path::CHAIN.to_vec(), codec::encode(&chain));
    put(path::engine(record.number), codec::encode(&record));
    put(path::PARAMS.to_vec(), codec::encode(&state.params));
    put(path::SUPPLY.to_vec(), codec::encode(&state.supply()?));
    put(path::FEE_MARKET.to_vec(), codec::encode(&state.params.initial_prices));
    put(path::HOT_SET.to_vec(), codec::encode(&HotSet::default()));
    put(path::FEE_POOL.to_vec(), codec::encode(&state.fee_pool));
    put(path::DEPOSITS.to_vec(), codec::encode(&state.deposits()?));
    for account in &state.accounts {
        let record = Account { balance: account.balance, nonce: account.nonce };
        put(path::account(&account.address), codec::encode(&record));
    }
    imported::records(&mut changes, engine, record.number, &state.models, files)?;
    Ok(First { changes, models: state.models })
}
