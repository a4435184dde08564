//! The `solo` driver: one validator in this process, without CometBFT.
//!
//! It makes the calls that CometBFT makes, in the same order and to the same [`Handler`] (CheckTx, then per height
//! PrepareProposal, ProcessProposal, FinalizeBlock, Commit, and a recheck of what waits), and signs real blocks:
//! a light client cannot tell its headers from those of a CometBFT network with one validator. Block times are
//! CometBFT's too: the time of a block is that at which the one before was signed, and always later.
//!
//! It decides nothing about the state, and has no peers: whoever trusts its chain trusts its key.
//!
//! Invariants:
//! - A block is in the journal before the application commits it, and never replaced.
//! - CheckTx never runs between a commit and the recheck that follows.

mod accounts;
mod block;
mod journal;
mod mempool;
mod pace;
#[cfg(test)]
mod recorded;
mod serve;
mod signer;
#[cfg(test)]
mod tests;

pub use accounts::{DevAccount, dev_accounts};
pub use pace::{Pace, Pacemaker};
pub use serve::Next;
pub use signer::Signer;

use crate::abci::{Call, Fatal, Handler, Order};
use assay_genesis::GenesisDoc;
use assay_types::hash::TxHash;
use block::{Fixed, Parent};
use journal::{Journal, Record};
use mempool::Mempool;
use prost::bytes::Bytes;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tendermint::block::{Block, Header};
use tendermint::{AppHash, Time};
use tendermint_proto::v0_38::abci::request::Value as Ask;
use tendermint_proto::v0_38::abci::response::Value as Answer;
use tendermint_proto::v0_38::abci::response_process_proposal::ProposalStatus;
use tendermint_proto::v0_38::abci::{
    CheckTxType, CommitInfo, ExecTxResult, RequestCheckTx, RequestCommit, RequestFinalizeBlock, RequestInfo,
    RequestInitChain, RequestPrepareProposal, RequestProcessProposal, Validator, ValidatorUpdate, VoteInfo,
};
use tendermint_proto::v0_38::types::BlockIdFlag;

/// How much later than its block a vote is signed at least.
const LEAST_STEP: Duration = Duration::from_millis(1);

/// Where the time comes from.
pub type Clock = Box<dyn Fn() -> Time + Send + Sync>;

/// A block that was committed.
#[derive(Debug, Clone, PartialEq)]
pub struct Produced {
    /// Its header.
    pub header: Header,
    /// Its transactions, the claim first.
    pub txs: Vec<Vec<u8>>,
    /// What each gave.
    pub results: Vec<ExecTxResult>,
    /// The state root after it: the next header's app hash.
    pub app_hash: AppHash,
    /// Transactions that waited and may not any more.
    pub dropped: usize,
}

/// The driver. Cheap to clone; the clones are one.
#[derive(Clone)]
pub struct Solo(Arc<Inner>);

struct Inner {
    handler: Arc<dyn Handler>,
    fixed: Fixed,
    signer: Signer,
    clock: Clock,
    journal: Journal,
    mempool: Mutex<Mempool>,
    /// Held while a block is made.
    tip: Mutex<Tip>,
    wake: pace::Wake,
}

/// Where the chain is.
struct Tip {
    parent: Parent,
    order: Order,
}

impl Solo {
    /// Opens the chain of a genesis document, new or old, and brings the application to its last block.
    ///
    /// # Errors
    /// [`Fatal`] when the document is not of this one validator, the journal or the application fails, or the two do
    /// not belong together.
    pub fn open(
        handler: Arc<dyn Handler>,
        genesis: &GenesisDoc,
        signer: Signer,
        journal: &Path,
        clock: Clock,
    ) -> Result<Self, Fatal> {
        let [validator] = genesis.validators.as_slice() else {
            return Err(Fatal("a chain without CometBFT has exactly one validator".into()));
        };
        if validator.address != signer.address().to_string() {
            return Err(Fatal("the genesis document's validator has another key than this home".into()));
        }
        let params = &genesis.consensus_params;
        let fixed = Fixed {
            chain_id: genesis.chain_id.parse().map_err(fatal)?,
            app_version: params.version.app,
            consensus_hash: block::consensus_hash(params.block.max_bytes, params.block.max_gas),
            max_bytes: u64::try_from(params.block.max_bytes).unwrap_or(0),
        };
        let journal = Journal::open(journal).map_err(in_journal)?;
        let start = Time::parse_from_rfc3339(&genesis.genesis_time).map_err(fatal)?;
        let parent = Parent {
            height: 0,
            time: start,
            commit: None,
            app_hash: AppHash::default(),
            results_hash: block::empty_hash(),
        };
        let (mempool, wake) = (Mutex::default(), pace::Wake::default());
        let tip = Mutex::new(Tip { parent, order: Order::default() });
        let solo = Self(Arc::new(Inner { handler, fixed, signer, clock, journal, mempool, tip, wake }));
        solo.catch_up(genesis, start)?;
        Ok(solo)
    }

    /// Starts the chain, or executes what the application has missed, as CometBFT does when it connects.
    fn catch_up(&self, genesis: &GenesisDoc, start: Time) -> Result<(), Fatal> {
        let mut tip = self.tip();
        let (journal, last) = (&self.0.journal, self.0.journal.height());
        let info = match self.0.handler.handle(Ask::Info(RequestInfo::default()))? {
            Answer::Info(info) => info,
            other => return Err(unexpected(&other)),
        };
        let mut height = u64::try_from(info.last_block_height).map_err(fatal)?;
        let mut app_hash = AppHash::try_from(info.last_block_app_hash).map_err(fatal)?;
        if height > last {
            return Err(Fatal(format!(
                "the state is at height {height}, and its blocks end at {last}; start with a new home"
            )));
        }
        if height == 0 {
            app_hash = self.init_chain(&mut tip, genesis, start)?;
        }
        tip.parent.app_hash = app_hash.clone();
        if let Some(record) = journal.get(height).map_err(in_journal)? {
            self.expect(&record, &app_hash)?;
            tip.parent = record.parent();
        }
        while height < last {
            height = height.saturating_add(1);
            let record = journal.get(height).map_err(in_journal)?;
            let record = record.ok_or_else(|| Fatal(format!("block {height} is not in the journal")))?;
            tracing::info!(height, "a block is executed again");
            let (_, app_hash) = self.finalize(&mut tip, &record.block)?;
            self.expect(&record, &app_hash)?;
            self.ask(&mut tip, Ask::Commit(RequestCommit {}))?;
            tip.parent = record.parent();
        }
        Ok(())
    }

    /// A block of the journal is of this chain, and led to this root.
    fn expect(&self, record: &Record, app_hash: &AppHash) -> Result<(), Fatal> {
        let header = &record.block.header;
        if header.chain_id != self.0.fixed.chain_id {
            return Err(Fatal(format!(
                "the blocks are of the chain {}; start with a new home",
                header.chain_id
            )));
        }
        if record.app_hash != *app_hash {
            return Err(Fatal(format!(
                "the state after block {} is {app_hash}, and was {} when the block was made; report this",
                header.height, record.app_hash
            )));
        }
        Ok(())
    }

    fn init_chain(&self, tip: &mut Tip, genesis: &GenesisDoc, start: Time) -> Result<AppHash, Fatal> {
        let power = i64::try_from(self.0.signer.validators().total_voting_power().value()).map_err(fatal)?;
        let key = self.0.signer.validators().validators().first().map(|info| info.pub_key.into());
        let request = RequestInitChain {
            time: Some(start.into()),
            chain_id: genesis.chain_id.clone(),
            validators: vec![ValidatorUpdate { pub_key: key, power }],
            app_state_bytes: serde_json::to_vec(&genesis.app_state).map_err(fatal)?.into(),
            initial_height: 1,
            ..Default::default()
        };
        match self.ask(tip, Ask::InitChain(request))? {
            Answer::InitChain(answer) => AppHash::try_from(answer.app_hash).map_err(fatal),
            other => Err(unexpected(&other)),
        }
    }

    /// Makes a consensus call, if it may come now.
    fn ask(&self, tip: &mut Tip, request: Ask) -> Result<Answer, Fatal> {
        if let Some(call) = Call::of(&request) {
            tip.order.step(call).map_err(fatal)?;
        }
        self.0.handler.handle(request)
    }

    fn tip(&self) -> MutexGuard<'_, Tip> {
        self.0.tip.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn mempool(&self) -> MutexGuard<'_, Mempool> {
        self.0.mempool.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The last height.
    pub fn height(&self) -> u64 {
        self.0.journal.height()
    }

    /// Transactions that wait.
    pub fn waiting(&self) -> usize {
        self.mempool().len()
    }

    /// Makes a block of what waits, and commits it.
    ///
    /// # Errors
    /// [`Fatal`] when the process has to stop: the application or the journal failed. The state is as the last
    /// commit left it.
    pub fn produce(&self) -> Result<Produced, Fatal> {
        let mut tip = self.tip();
        let txs = self.prepare(&mut tip)?;
        let (fixed, signer) = (&self.0.fixed, &self.0.signer);
        let block = block::build(fixed, &tip.parent, signer, txs).map_err(fatal)?;
        self.process(&mut tip, &block)?;
        let id = block::id(&block).map_err(fatal)?;
        // The next block's time: never earlier, whatever the clock does.
        let least = (block.header.time + LEAST_STEP).map_err(fatal)?;
        let commit = signer.commit(&block.header, id, (self.0.clock)().max(least)).map_err(fatal)?;
        let (results, app_hash) = self.finalize(&mut tip, &block)?;
        let results_hash = block::results_hash(&results);
        let record = Record { block, commit, app_hash: app_hash.clone(), results_hash };
        self.0.journal.push(&record).map_err(in_journal)?;
        let dropped = self.commit(&mut tip, &record.block, &results)?;
        tip.parent = record.parent();
        let Block { header, data: txs, .. } = record.block;
        Ok(Produced { header, txs, results, app_hash, dropped })
    }

    fn prepare(&self, tip: &mut Tip) -> Result<Vec<Vec<u8>>, Fatal> {
        let room = self.0.fixed.room();
        let request = RequestPrepareProposal {
            max_tx_bytes: i64::try_from(room).map_err(fatal)?,
            txs: self.mempool().first(room),
            height: signed(tip.parent.height.saturating_add(1))?,
            time: Some(tip.parent.time.into()),
            next_validators_hash: bytes(self.0.signer.validators().hash().as_bytes()),
            proposer_address: bytes(self.0.signer.address().as_bytes()),
            ..Default::default()
        };
        match self.ask(tip, Ask::PrepareProposal(request))? {
            Answer::PrepareProposal(answer) => Ok(answer.txs.iter().map(|tx| tx.to_vec()).collect()),
            other => Err(unexpected(&other)),
        }
    }

    fn process(&self, tip: &mut Tip, block: &Block) -> Result<(), Fatal> {
        let header = &block.header;
        let request = RequestProcessProposal {
            txs: block.data.iter().map(|tx| bytes(tx)).collect(),
            proposed_last_commit: Some(self.last_commit(tip)),
            hash: bytes(header.hash().as_bytes()),
            height: signed(header.height.value())?,
            time: Some(header.time.into()),
            next_validators_hash: bytes(header.next_validators_hash.as_bytes()),
            proposer_address: bytes(header.proposer_address.as_bytes()),
            ..Default::default()
        };
        match self.ask(tip, Ask::ProcessProposal(request))? {
            Answer::ProcessProposal(answer) if answer.status == ProposalStatus::Accept as i32 => Ok(()),
            Answer::ProcessProposal(_) => {
                Err(Fatal("this node refuses its own proposal; see the log, and report this".into()))
            }
            other => Err(unexpected(&other)),
        }
    }

    fn finalize(&self, tip: &mut Tip, block: &Block) -> Result<(Vec<ExecTxResult>, AppHash), Fatal> {
        let header = &block.header;
        let request = RequestFinalizeBlock {
            txs: block.data.iter().map(|tx| bytes(tx)).collect(),
            decided_last_commit: Some(self.last_commit(tip)),
            hash: bytes(header.hash().as_bytes()),
            height: signed(header.height.value())?,
            time: Some(header.time.into()),
            next_validators_hash: bytes(header.next_validators_hash.as_bytes()),
            proposer_address: bytes(header.proposer_address.as_bytes()),
            ..Default::default()
        };
        match self.ask(tip, Ask::FinalizeBlock(request))? {
            Answer::FinalizeBlock(answer) if answer.tx_results.len() == block.data.len() => {
                Ok((answer.tx_results, AppHash::try_from(answer.app_hash).map_err(fatal)?))
            }
            Answer::FinalizeBlock(_) => Err(Fatal("a block gave another number of results".into())),
            other => Err(unexpected(&other)),
        }
    }

    /// What the application is told of the last commit.
    fn last_commit(&self, tip: &Tip) -> CommitInfo {
        let validator = Validator {
            address: bytes(self.0.signer.address().as_bytes()),
            power: i64::try_from(self.0.signer.validators().total_voting_power().value()).unwrap_or(i64::MAX),
        };
        let flag = BlockIdFlag::Commit as i32;
        let vote = VoteInfo { validator: Some(validator), block_id_flag: flag };
        CommitInfo { round: 0, votes: tip.parent.commit.iter().map(|_| vote.clone()).collect() }
    }

    /// Commits, and checks again what waits; nothing is taken into the mempool meanwhile.
    fn commit(&self, tip: &mut Tip, block: &Block, results: &[ExecTxResult]) -> Result<usize, Fatal> {
        let mut mempool = self.mempool();
        self.ask(tip, Ask::Commit(RequestCommit {}))?;
        let hashes = block.data.iter().map(|tx| TxHash::of(tx));
        let committed: Vec<_> = hashes.zip(results).map(|(hash, result)| (hash, result.code == 0)).collect();
        mempool.committed(&committed);
        mempool.recheck(|tx| Ok(self.check(tx, CheckTxType::Recheck)?.is_ok()))
    }

    /// Asks CheckTx; the inner error is the number and the words of the refusal.
    fn check(&self, tx: &Bytes, kind: CheckTxType) -> Result<Result<(), (u32, String)>, Fatal> {
        let request = RequestCheckTx { tx: tx.clone(), r#type: kind as i32 };
        match self.0.handler.handle(Ask::CheckTx(request))? {
            Answer::CheckTx(answer) if answer.code == 0 => Ok(Ok(())),
            Answer::CheckTx(answer) => Ok(Err((answer.code, answer.log))),
            other => Err(unexpected(&other)),
        }
    }
}

fn bytes(of: &[u8]) -> Bytes {
    Bytes::copy_from_slice(of)
}

fn signed(height: u64) -> Result<i64, Fatal> {
    i64::try_from(height).map_err(|_| Fatal(format!("the height {height} is beyond CometBFT's")))
}

fn fatal(error: impl std::fmt::Display) -> Fatal {
    Fatal(error.to_string())
}

fn in_journal(error: std::io::Error) -> Fatal {
    Fatal(format!("the journal of blocks: {error}; check the disk, or start with a new home"))
}

fn unexpected(answer: &Answer) -> Fatal {
    match answer {
        Answer::Exception(exception) => Fatal(exception.error.clone()),
        _ => Fatal("the application answers another question than it was asked".into()),
    }
}
