//! A chain in a temporary directory, and the accounts and transactions that the tests use.

use super::toy::{FUEL, Gate, Toy};
use crate::block::Parent;
use crate::stage::Computed;
use crate::walk::execute_all;
use crate::{App, BlockInput, BlockResult, Engine, Fatal, TxResult, invariants};
use assay_compiler::PlanCache;
use assay_exec::Isa;
use assay_genesis::{GenesisAccount, GenesisEngine, GenesisState};
use assay_plan::OPCODE_SET;
use assay_store::{Read, Store};
use assay_types::address::Address;
use assay_types::amount::Amount;
use assay_types::claim::Claim;
use assay_types::hash::{CompilerHash, ModelId};
use assay_types::key::SecretKey;
use assay_types::message::{Infer, Message, PublishModel, SealModel, Transfer, UploadChunk};
use assay_types::model::Manifest;
use assay_types::params::Params;
use assay_types::tensor::{NamedTensor, Tensor};
use assay_types::tx::Tx;
use std::collections::BTreeMap;
use tempfile::TempDir;

pub const CHAIN_ID: &str = "assay-test";
pub const FUNDS: Amount = Amount(1_000_000_000_000);

/// Somebody with a key.
#[derive(Clone)]
pub struct Who(pub SecretKey);

impl Who {
    pub fn alice() -> Self {
        Self(SecretKey::Ed25519([1; 32]))
    }

    pub fn bob() -> Self {
        Self(SecretKey::Secp256k1([2; 32]))
    }

    /// Has no money.
    pub fn carol() -> Self {
        Self(SecretKey::Ed25519([3; 32]))
    }

    pub fn address(&self) -> Address {
        self.0.public_key().unwrap().address()
    }

    /// A transaction before it is signed.
    pub fn tx(&self, nonce: u64, messages: Vec<Message>) -> Tx {
        Tx {
            chain_id: CHAIN_ID.into(),
            key: self.0.public_key().unwrap(),
            nonce,
            valid_until_height: 1_000,
            max_fee: FUNDS,
            tip: Amount::ZERO,
            messages,
        }
    }

    /// The bytes of a signed transaction.
    pub fn sign(&self, nonce: u64, messages: Vec<Message>) -> Vec<u8> {
        self.sealed(self.tx(nonce, messages))
    }

    /// Signs a transaction.
    pub fn sealed(&self, tx: Tx) -> Vec<u8> {
        tx.sign(&self.0).unwrap().encode()
    }
}

pub fn pay(to: &Who, amount: u128) -> Message {
    Message::Transfer(Transfer { to: to.address(), amount: Amount(amount) })
}

pub fn manifest(file: &[u8]) -> Manifest {
    Manifest::of(file, vec![])
}

pub fn id(file: &[u8]) -> ModelId {
    manifest(file).id()
}

pub fn publish(file: &[u8]) -> Message {
    Message::PublishModel(PublishModel {
        manifest: manifest(file),
        name: "toy".into(),
        version: "1".into(),
        description: String::new(),
    })
}

pub fn upload(file: &[u8], index: u32) -> Message {
    let bytes = file.chunks(assay_types::limits::CHUNK_BYTES).nth(index as usize).unwrap().to_vec();
    Message::UploadChunk(UploadChunk { model: id(file), index, bytes })
}

pub fn seal(file: &[u8]) -> Message {
    Message::SealModel(SealModel { model: id(file), max_fuel: FUEL })
}

pub fn named(name: &str, tensor: Tensor) -> NamedTensor {
    NamedTensor { name: name.into(), tensor }
}

pub fn floats(name: &str, values: &[f32]) -> NamedTensor {
    named(name, Tensor::from_f32(vec![values.len() as u32], values).unwrap())
}

pub fn ints(name: &str, values: &[i64]) -> NamedTensor {
    named(name, Tensor::from_i64(vec![values.len() as u32], values).unwrap())
}

pub fn infer(file: &[u8], inputs: Vec<NamedTensor>) -> Message {
    Message::Infer(Infer { model: id(file), inputs, expect_output_hash: None })
}

pub const NEG: &[u8] = b"neg";

/// An inference that works once [`NEG`] is sealed.
pub fn infer_neg() -> Message {
    infer(NEG, vec![floats("x", &[1.0, 2.0, 3.0, 4.0])])
}

pub fn genesis() -> GenesisState {
    let account = |who: Who| GenesisAccount::new(who.address(), FUNDS);
    let engine =
        GenesisEngine { number: 1, compiler: CompilerHash([7; 32]), opcode_set: OPCODE_SET, price_table: 1 };
    GenesisState::new(vec![account(Who::alice()), account(Who::bob())], engine, Params::default())
}

/// Every entry of a state.
pub type Dump = BTreeMap<Vec<u8>, Vec<u8>>;

pub struct Chain {
    pub dir: TempDir,
    pub app: App,
}

pub fn open(dir: &TempDir, toy: Toy) -> App {
    open_with(dir, toy, |engine| engine)
}

/// As [`open`], with something done to the engine.
pub fn open_with(dir: &TempDir, toy: Toy, change: impl FnOnce(Engine) -> Engine) -> App {
    let store = Store::open(&dir.path().join("state")).unwrap();
    let plans = PlanCache::new(dir.path().join("plans"));
    let engine = Engine::with(vec![(1, Box::new(toy))], plans, Isa::Reference);
    App::open(store, change(engine)).unwrap()
}

impl Chain {
    pub fn new() -> Self {
        Self::start(&genesis(), None)
    }

    pub fn start(state: &GenesisState, gate: Option<Gate>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let app = open(&dir, Toy::new(gate));
        app.init_chain(CHAIN_ID, &serde_json::to_vec(state).unwrap()).unwrap();
        Self { dir, app }
    }

    /// Stops the process and starts it again.
    pub fn restart(self) -> Self {
        self.restart_with(Toy::new(None))
    }

    pub fn restart_with(self, toy: Toy) -> Self {
        let Self { dir, app } = self;
        drop(app);
        let app = open(&dir, toy);
        Self { dir, app }
    }

    pub fn next(&self) -> u64 {
        self.app.info().unwrap().height + 1
    }

    /// The claim of a proposer who packs these transactions, whatever they are.
    pub fn claim(&self, txs: &[Vec<u8>]) -> Claim {
        let shared = self.app.shared();
        let parent = Parent::of(&shared.store).unwrap();
        let executed = execute_all(&parent, shared, txs).unwrap();
        Computed::new(&shared.store, executed).unwrap().claim().clone()
    }

    /// The block that a proposer makes of these transactions, whatever they are.
    pub fn claimed(&self, txs: &[Vec<u8>]) -> Vec<Vec<u8>> {
        [&[self.claim(txs).encode()], txs].concat()
    }

    /// Decides a block, claim and all.
    pub fn decide(&self, txs: &[Vec<u8>]) -> Result<BlockResult, Fatal> {
        self.app.finalize_block(&BlockInput { height: self.next(), txs: txs.to_vec() })
    }

    /// Decides a block of these transactions with an honest claim; the claim's result is not among the
    /// results.
    pub fn finalize(&self, txs: &[Vec<u8>]) -> BlockResult {
        let mut result = self.decide(&self.claimed(txs)).unwrap();
        let claim = result.tx_results.remove(0);
        assert_eq!((claim.code, claim.fee, claim.units), (0, Amount::ZERO, 0));
        result
    }

    /// Decides a block of these transactions, and commits it.
    pub fn block(&self, txs: &[Vec<u8>]) -> Vec<TxResult> {
        let result = self.finalize(txs);
        assert_eq!(result.tx_results.len(), txs.len());
        let committed = self.app.commit().unwrap();
        assert_eq!(committed.app_hash, result.app_hash);
        assert_eq!(self.app.info().unwrap().app_hash, Some(result.app_hash));
        invariants::check_supply(&self.app.reader().view()).unwrap();
        result.tx_results
    }

    /// As [`Chain::block`], where every transaction must succeed.
    pub fn good(&self, txs: &[Vec<u8>]) -> Vec<TxResult> {
        let results = self.block(txs);
        for result in &results {
            assert_eq!(result.code, 0, "{}", result.log);
        }
        results
    }

    pub fn nonce(&self, who: &Who) -> u64 {
        self.app.reader().account(&who.address()).unwrap().0.nonce
    }

    pub fn balance(&self, who: &Who) -> Amount {
        self.app.reader().account(&who.address()).unwrap().0.balance
    }

    /// Signs messages with the next nonce in state.
    pub fn sign(&self, who: &Who, messages: Vec<Message>) -> Vec<u8> {
        who.sign(self.nonce(who), messages)
    }

    /// One transaction in a block of its own.
    pub fn send(&self, who: &Who, messages: Vec<Message>) -> TxResult {
        self.block(&[self.sign(who, messages)]).remove(0)
    }

    /// Publishes, uploads and seals a model of Alice's.
    pub fn seal(&self, file: &[u8]) -> ModelId {
        let alice = Who::alice();
        let chunks = manifest(file).chunks.len() as u32;
        let mut txs = vec![publish(file)];
        txs.extend((0..chunks).map(|index| upload(file, index)));
        txs.push(seal(file));
        let nonce = self.nonce(&alice);
        let txs: Vec<Vec<u8>> =
            (nonce..).zip(txs).map(|(nonce, message)| alice.sign(nonce, vec![message])).collect();
        self.good(&txs);
        id(file)
    }

    pub fn dump(&self) -> Dump {
        self.app.reader().view().scan(b"", None, usize::MAX).unwrap().into_iter().collect()
    }
}

/// The keys at which two states differ, as text.
pub fn changed(before: &Dump, after: &Dump) -> Vec<String> {
    let keys: std::collections::BTreeSet<_> = before.keys().chain(after.keys()).collect();
    let differ = keys.into_iter().filter(|key| before.get(*key) != after.get(*key));
    differ.map(|key| String::from_utf8(key.clone()).unwrap()).collect()
}
