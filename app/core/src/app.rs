//! The application that consensus drives.
//!
//! Calls on the consensus connection are serial: prepare, process, finalize, commit share one lock. CheckTx
//! has its own, and readers have none, so neither waits for a block that executes. Which of the calls may come
//! when is in [`blocks`](crate::blocks).

use crate::block::{BlockInput, BlockResult, Parent};
use crate::blocks::Blocks;
use crate::chain;
use crate::check::{Check, Checked};
use crate::engine::Engine;
use crate::fatal::Fatal;
use crate::genesis::{self, First, InitError};
use crate::imported::{self, ModelFiles, NoFiles};
use crate::proposal::{self, Verdict};
use crate::prune::Pruner;
use crate::reader::Reader;
use crate::stage::Fingerprint;
use crate::verify::Verifier;
use assay_store::Store;
use assay_store::snapshot::Restored;
use assay_types::error::Rejected;
use assay_types::hash::AppHash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What is committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Info {
    /// The last committed height; 0 before the first block.
    pub height: u64,
    /// The root at that height; `None` before genesis.
    pub app_hash: Option<AppHash>,
    /// The version of the state machine.
    pub app_version: u64,
}

/// What a commit wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Committed {
    /// The height.
    pub height: u64,
    /// The root after it.
    pub app_hash: AppHash,
}

/// The parts that the application and its readers share.
pub(crate) struct Shared {
    pub store: Store,
    pub engine: Engine,
    pub check: Check,
    pub verifier: Verifier,
}

impl Shared {
    /// Goes on with a state that this process has not written.
    fn go_on(&self) -> Result<(), Fatal> {
        let view = self.store.view();
        let found = chain::chain(&view)?.app_version;
        if found != chain::APP_VERSION {
            return Err(Fatal::OtherVersion { found, supported: chain::APP_VERSION });
        }
        for record in chain::engines(&view)? {
            self.engine.check(&record)?;
        }
        self.committed()
    }

    /// Goes on from what is committed now.
    fn committed(&self) -> Result<(), Fatal> {
        let parent = Parent::of(&self.store)?;
        self.engine.keep(parent.hot.plans());
        self.check.reset(parent);
        Ok(())
    }
}

/// The state machine.
pub struct App {
    shared: Arc<Shared>,
    blocks: Mutex<Blocks>,
}

impl App {
    /// Opens the application over a store, new or old.
    ///
    /// # Errors
    /// [`Fatal`] when the store fails, or holds a chain of another app version or of an engine that is not given.
    pub fn open(store: Store, engine: Engine) -> Result<App, Fatal> {
        let shared = Shared { store, engine, check: Check::new(), verifier: Verifier::new() };
        if shared.store.version().is_some() {
            shared.go_on()?;
        }
        Ok(App { shared: Arc::new(shared), blocks: Mutex::new(Blocks::default()) })
    }

    fn blocks(&self) -> MutexGuard<'_, Blocks> {
        self.blocks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The parts that tests look at.
    #[cfg(test)]
    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
    }

    /// Executed proposals that are kept.
    #[cfg(test)]
    pub(crate) fn kept(&self) -> usize {
        self.blocks().kept()
    }

    /// What is committed.
    ///
    /// # Errors
    /// [`Fatal`] when the store fails.
    pub fn info(&self) -> Result<Info, Fatal> {
        let tip = self.shared.store.view().tip()?;
        Ok(Info {
            height: tip.map_or(0, |(height, _)| height),
            app_hash: tip.map(|(_, root)| root),
            app_version: chain::APP_VERSION,
        })
    }

    /// Starts a chain. CometBFT repeats the call at every start until there is a block; each time begins
    /// anew.
    ///
    /// # Errors
    /// [`InitError`] when the app state is not sound or its engine is not given, or the store fails.
    pub fn init_chain(&self, chain_id: &str, app_state: &[u8]) -> Result<AppHash, InitError> {
        self.init_chain_with(chain_id, app_state, &NoFiles)
    }

    /// As [`App::init_chain`], for an app state that names models, whose files are there.
    ///
    /// # Errors
    /// As there, and when a file is not the one that is named, or compiles to another plan.
    pub fn init_chain_with(
        &self,
        chain_id: &str,
        app_state: &[u8],
        files: &dyn ModelFiles,
    ) -> Result<AppHash, InitError> {
        let mut blocks = self.blocks();
        let Shared { store, engine, .. } = self.shared.as_ref();
        let First { changes, models } = genesis::first(engine, chain_id, app_state, files)?;
        let root = store.genesis(changes).map_err(Fatal::from)?;
        imported::chunks(store, &models, files)?;
        self.shared.committed()?;
        *blocks = Blocks::default();
        Ok(root)
    }

    /// Goes on with a restored state in place of what there is, which consensus does not know of.
    ///
    /// # Errors
    /// [`Fatal`] when the store fails, or the state is of another app version or of an engine that is not given.
    pub fn adopt(&self, restored: Restored) -> Result<Committed, Fatal> {
        let mut blocks = self.blocks();
        *blocks = Blocks::default();
        self.shared.check.clear();
        let committed = self.shared.store.adopt(restored)?;
        self.shared.go_on()?;
        Ok(Committed { height: committed.version, app_hash: committed.root })
    }

    /// Says whether a transaction may wait in the mempool.
    ///
    /// A recheck asks the same; what it spares is the signature, which the verifier remembers.
    ///
    /// # Errors
    /// [`Fatal`] when the store fails, or before there is a chain. The inner error is the answer to the sender.
    pub fn check_tx(&self, bytes: &[u8]) -> Result<Result<Checked, Rejected>, Fatal> {
        let Shared { check, verifier, engine, .. } = self.shared.as_ref();
        check.check(verifier, engine, bytes)
    }

    /// Packs a block of at most `max_bytes`, as CometBFT counts them, its claim in front.
    ///
    /// # Errors
    /// [`Fatal`] when the store or the machine fails, or for any height but the next.
    pub fn prepare_proposal(
        &self,
        height: u64,
        txs: Vec<Vec<u8>>,
        max_bytes: u64,
    ) -> Result<Vec<Vec<u8>>, Fatal> {
        let mut blocks = self.blocks();
        let parent = self.shared.check.parent()?;
        parent.expect("PrepareProposal", height)?;
        blocks.open();
        let (packed, block) = proposal::prepare(&parent, &self.shared, &txs, max_bytes)?;
        blocks.keep(block);
        Ok(packed)
    }

    /// Judges a proposal; every honest one is accepted.
    ///
    /// # Errors
    /// [`Fatal`] when the store or the machine fails, or for any height but the next.
    pub fn process_proposal(&self, height: u64, txs: &[Vec<u8>]) -> Result<Verdict, Fatal> {
        let mut blocks = self.blocks();
        let parent = self.shared.check.parent()?;
        parent.expect("ProcessProposal", height)?;
        blocks.open();
        if blocks.knows(&Fingerprint::of(height, txs)) {
            return Ok(Verdict::Accept);
        }
        Ok(match proposal::process(&parent, &self.shared, txs)? {
            Ok(block) => {
                blocks.keep(block);
                Verdict::Accept
            }
            Err(refusal) => Verdict::Reject(refusal),
        })
    }

    /// Takes a decided block, executed as a proposal or now, and keeps it for [`App::commit`]. Nothing is
    /// written.
    ///
    /// # Errors
    /// [`Fatal`] when the store or the machine fails, for any height but the next, and when the block is not
    /// what this machine computes: [`Fatal::Divergence`].
    pub fn finalize_block(&self, block: &BlockInput) -> Result<BlockResult, Fatal> {
        let mut blocks = self.blocks();
        let parent = self.shared.check.parent()?;
        parent.expect("FinalizeBlock", block.height)?;
        blocks.open();
        let staged = match blocks.take(&Fingerprint::of(block.height, &block.txs)) {
            Some(staged) => staged,
            None => proposal::decided(&parent, &self.shared, &block.txs)?,
        };
        Ok(blocks.decide(staged))
    }

    /// Writes the finalized block: one synced batch, the only one of a height.
    ///
    /// # Errors
    /// [`Fatal`] when no block is finalized, or the store fails.
    pub fn commit(&self) -> Result<Committed, Fatal> {
        let mut blocks = self.blocks();
        let (staged, index) = blocks.commit()?.into_parts();
        let committed = self.shared.store.commit(staged, index)?;
        self.shared.committed()?;
        Ok(Committed { height: committed.version, app_hash: committed.root })
    }

    /// What forgets the past of this node.
    pub fn pruner(&self) -> Pruner {
        Pruner::new(&self.shared.store)
    }

    /// A handle for those who only ask.
    pub fn reader(&self) -> Reader {
        Reader::new(self.shared.clone())
    }
}
