//! What the tests of this crate share: a state machine over an empty store, whose compiler is never asked, and a
//! chain without CometBFT on top of it.

use crate::abci::Fatal;
use crate::app::AbciApp;
use crate::refusals::Refusals;
use crate::solo::{Clock, DevAccount, Signer, Solo, dev_accounts};
use crate::speculation::Ahead;
use assay_compiler::{Compilation, HostError, PlanCache};
use assay_core::{App, Compile, Engine};
use assay_exec::Isa;
use assay_genesis::{GenesisAccount, GenesisDoc, GenesisEngine, GenesisState, Validator, engines, networks};
use assay_store::Store;
use assay_types::amount::Amount;
use assay_types::hash::CompilerHash;
use assay_types::message::{Message, Transfer};
use assay_types::params::Params;
use assay_types::tensor::InputShape;
use assay_types::tx::Tx;
use std::path::Path;
use std::sync::Arc;
use tendermint::Time;
use tendermint::private_key::PrivateKey;

struct Idle(CompilerHash);

impl Compile for Idle {
    fn hash(&self) -> CompilerHash {
        self.0
    }

    fn compile(&self, _: &[u8], _: &[InputShape], _: u64) -> Result<Compilation, HostError> {
        Err(HostError::Resources("a compiler"))
    }
}

/// A state machine in a folder, before genesis.
pub(crate) fn app(folder: &Path) -> App {
    let engine = GenesisEngine::of(engines::LATEST).unwrap();
    let idle: Box<dyn Compile> = Box::new(Idle(engine.compiler));
    let plans = PlanCache::new(folder.join("plans"));
    let engine = Engine::with(vec![(engine.number, idle)], plans, Isa::Reference);
    App::open(Store::open(&folder.join("app.db")).unwrap(), engine).unwrap()
}

/// Starts the chain `c-1` with these accounts.
pub(crate) fn genesis(app: &App, accounts: Vec<GenesisAccount>) {
    let engine = GenesisEngine::of(engines::LATEST).unwrap();
    let state = GenesisState::new(accounts, engine, networks::params("local").unwrap());
    app.init_chain("c-1", &serde_json::to_vec(&state).unwrap()).unwrap();
}

/// When the chains of tests start, in seconds since 1970.
pub(crate) const START: i64 = 1_790_000_000;

/// That many seconds after 1970.
pub(crate) fn at(seconds: i64) -> Time {
    Time::from_unix_timestamp(seconds, 0).unwrap()
}

fn key() -> PrivateKey {
    PrivateKey::Ed25519([7u8; 32][..].try_into().unwrap())
}

/// The one validator.
pub(crate) fn signer() -> Signer {
    Signer::new(&key(), 10).unwrap()
}

/// The genesis of the chain `solo-1`, whose development accounts have money.
pub(crate) fn document() -> GenesisDoc {
    document_of(networks::params("local").unwrap())
}

/// The same with other parameters.
pub(crate) fn document_of(params: Params) -> GenesisDoc {
    let account = |dev: DevAccount| GenesisAccount::new(dev.address, dev.balance);
    let accounts = dev_accounts().into_iter().map(account).collect();
    let engine = GenesisEngine::of(engines::LATEST).unwrap();
    let state = GenesisState::new(accounts, engine, params);
    let public = key().public_key().to_bytes().try_into().unwrap();
    let validator = Validator::new("solo", &public, 10);
    GenesisDoc::new("solo-1", &at(START).to_rfc3339(), vec![validator], state).unwrap()
}

/// Opens a chain in a folder.
pub(crate) fn try_solo(folder: &Path, app: &Arc<App>, doc: &GenesisDoc, clock: Clock) -> Result<Solo, Fatal> {
    let handler = AbciApp::new(app.clone(), Refusals::default(), Ahead::default(), folder.into());
    Solo::open(Arc::new(handler), doc, signer(), &folder.join("solo.blocks"), clock)
}

/// A chain whose clock stands still.
pub(crate) fn solo(folder: &Path, app: &Arc<App>) -> Solo {
    try_solo(folder, app, &document(), Box::new(|| at(START))).unwrap()
}

/// A transfer to nobody in particular on such a chain, that may come up to height 100.
pub(crate) fn transfer(from: &DevAccount, nonce: u64) -> Vec<u8> {
    transfer_until(from, nonce, 100)
}

/// The same that may come up to another height.
pub(crate) fn transfer_until(from: &DevAccount, nonce: u64, valid_until_height: u64) -> Vec<u8> {
    let transfer = Transfer { to: dev_accounts()[9].address, amount: Amount(5) };
    let (chain_id, key) = ("solo-1".into(), from.secret().public_key().unwrap());
    let (max_fee, messages) = (Amount(1_000_000), vec![Message::Transfer(transfer)]);
    let tip = Amount::ZERO;
    Tx { chain_id, key, nonce, valid_until_height, max_fee, tip, messages }
        .sign(&from.secret())
        .unwrap()
        .encode()
}
