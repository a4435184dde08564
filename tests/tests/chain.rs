//! A chain in this process: the whole node but its sockets, with the real engine and without CometBFT.
//!
//! `chain.block().with(&[tx]).execute()` takes transactions the way that they take on a network: CheckTx, a proposal,
//! its judgement, the decision, the commit, the recheck of what still waits.

use crate::sender::{MAX_FEE, Sender};
use crate::support::state_machine;
use assay_core::Reader;
use assay_genesis::{GenesisAccount, GenesisDoc, GenesisEngine, GenesisState, Validator, engines, networks};
use assay_types::amount::Amount;
use assay_types::message::Message;
use assay_types::params::Params;
use assay_types::tx::Tx;
use assayd::app::AbciApp;
use assayd::consensus::Submission;
use assayd::refusals::Refusals;
use assayd::solo::{Produced, Signer, Solo};
use assayd::speculation::Speculation;
use std::sync::Arc;
use tempfile::TempDir;
use tendermint::Time;
use tendermint::private_key::PrivateKey;

const CHAIN_ID: &str = "assay-solo";
const FUNDS: Amount = Amount(1_000_000_000_000);
const POWER: u64 = 10;

/// A chain. Senders 1 to 4 have money.
pub struct Chain {
    solo: Solo,
    reader: Reader,
    speculation: Option<Speculation>,
    // Last, so that it is removed last.
    _folder: TempDir,
}

impl Chain {
    /// A chain with the parameters of local networks, changed.
    pub fn start(change: impl FnOnce(&mut Params)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        let app = Arc::new(state_machine(path));
        let (reader, speculation) = (app.reader(), Speculation::start(&app.reader()));
        let handler = AbciApp::new(app, Refusals::default(), speculation.ahead(), path.into());
        let key = PrivateKey::Ed25519([1u8; 32][..].try_into().unwrap());
        let public = key.public_key().to_bytes().try_into().unwrap();
        let doc = document(Validator::new("solo", &public, POWER), change);
        let (signer, clock) = (Signer::new(&key, POWER).unwrap(), Box::new(Time::now));
        let solo = Solo::open(Arc::new(handler), &doc, signer, &path.join("solo.blocks"), clock).unwrap();
        Self { solo, reader, speculation: Some(speculation), _folder: folder }
    }

    /// The state.
    pub fn reader(&self) -> &Reader {
        &self.reader
    }

    /// A correct transaction with the sender's nonce, and some more.
    pub fn tx(&self, sender: &Sender, after: u64, messages: Vec<Message>) -> Vec<u8> {
        let nonce = self.reader.account(&sender.address()).unwrap().0.nonce + after;
        let (chain_id, key, valid_until_height) = (CHAIN_ID.into(), sender.key(), self.solo.height() + 100);
        sender.sign(Tx {
            chain_id,
            key,
            nonce,
            valid_until_height,
            max_fee: MAX_FEE,
            tip: Amount::ZERO,
            messages,
        })
    }

    /// Begins a block.
    pub fn block(&self) -> assayd::solo::Next<'_> {
        self.solo.block()
    }

    /// A block of transactions that CheckTx must let wait.
    pub fn good(&self, txs: &[Vec<u8>]) -> Produced {
        let (offers, made) = self.block().with(txs).execute().unwrap();
        assert!(offers.iter().all(|offer| *offer == Submission::Waits), "{offers:?}");
        made
    }

    /// What a sender has.
    pub fn balance(&self, sender: &Sender) -> u128 {
        self.reader.account(&sender.address()).unwrap().0.balance.0
    }

    /// Transactions that wait.
    pub fn waiting(&self) -> usize {
        self.solo.waiting()
    }
}

impl Drop for Chain {
    fn drop(&mut self) {
        if let Some(speculation) = self.speculation.take() {
            speculation.stop();
        }
    }
}

fn document(validator: Validator, change: impl FnOnce(&mut Params)) -> GenesisDoc {
    let account = |seed: u8| GenesisAccount::new(Sender::new(seed).address(), FUNDS);
    let mut params = networks::params("local").unwrap();
    change(&mut params);
    let engine = GenesisEngine::of(engines::LATEST).unwrap();
    let state = GenesisState::new((1..=4).map(account).collect(), engine, params);
    GenesisDoc::new(CHAIN_ID, "2026-01-01T00:00:00Z", vec![validator], state).unwrap()
}
