//! Reading what is committed: for the gateway, the explorer, the tests.
//!
//! A reader takes no lock that a block holds. Each answer is of one committed state; two answers may be of
//! two.

use crate::ahead::{self, Work};
use crate::app::Shared;
use crate::block::Parent;
use crate::chain::{self, EngineRecord};
use crate::fatal::{Failure, Fatal, split};
use crate::hot::HotSet;
use crate::market::Used;
use crate::run::Run;
use crate::unproven::Unproven;
use crate::{account, index, model};
use assay_store::{FamilySize, Proven, Read, ReadExt, View};
use assay_types::account::Account;
use assay_types::address::Address;
use assay_types::api::{EngineInfo, Fees, Fullness, MessageInfo, ModelInfo, ModelPage, Simulated, TxInfo};
use assay_types::claim::Claim;
use assay_types::codec;
use assay_types::error::Rejected;
use assay_types::fees;
use assay_types::hash::{ModelId, TxHash};
use assay_types::limits::MAX_OUTPUT_BYTES;
use assay_types::model::{ModelRecord, ModelState};
use assay_types::params::Params;
use assay_types::path;
use assay_types::receipt::{MessageOutput, Receipt, TxData};
use assay_types::tensor::{self, NamedTensor};
use assay_types::tx::SignedTx;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::ops::RangeInclusive;
use std::sync::Arc;

/// Models of one page.
const MAX_PAGE: usize = 1000;

/// A transaction that is in a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundTx {
    /// What became of it.
    pub info: TxInfo,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// What the state after a height's block has under a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProvenAt {
    /// The height.
    pub height: u64,
    /// The heights whose state this node keeps.
    pub kept: RangeInclusive<u64>,
    /// Value, proof and root.
    pub proven: Proven,
}

/// Answers about what is committed. Cheap to clone.
#[derive(Clone)]
pub struct Reader {
    shared: Arc<Shared>,
}

impl Reader {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// One committed state, for several questions that belong together.
    pub fn view(&self) -> View {
        self.shared.store.view()
    }

    /// The last committed height; `None` before genesis.
    pub fn height(&self) -> Option<u64> {
        self.shared.store.version()
    }

    /// The bodies of the kernels that this process runs.
    pub fn kernels(&self) -> &'static str {
        self.shared.engine.isa().name()
    }

    /// The chain's id.
    ///
    /// # Errors
    /// [`Fatal`] when the store fails, or before genesis.
    pub fn chain_id(&self) -> Result<String, Fatal> {
        Ok(chain::chain(&self.view())?.chain_id)
    }

    /// The consensus parameters.
    ///
    /// # Errors
    /// [`Fatal`] when the store fails, or before genesis.
    pub fn params(&self) -> Result<Params, Fatal> {
        chain::params(&self.view())
    }

    /// The engines that the chain knows.
    ///
    /// # Errors
    /// [`Fatal`] when the store fails.
    pub fn engines(&self) -> Result<Vec<EngineInfo>, Fatal> {
        let info = |record: EngineRecord| EngineInfo { number: record.number, compiler: record.compiler };
        Ok(chain::engines(&self.view())?.into_iter().map(info).collect())
    }

    /// An account, zeros for one never seen, and the nonce that its next transaction must carry, those that
    /// wait counted.
    ///
    /// # Errors
    /// [`Fatal`] when the store fails.
    pub fn account(&self, address: &Address) -> Result<(Account, u64), Fatal> {
        let account = account::get(&self.view(), address)?;
        let next = self.shared.check.next_nonce(address).unwrap_or(account.nonce);
        Ok((account, next.max(account.nonce)))
    }

    /// A model.
    ///
    /// # Errors
    /// [`Fatal`] when the store fails.
    pub fn model(&self, id: &ModelId) -> Result<Option<ModelInfo>, Fatal> {
        let view = self.view();
        let Some(record) = model::find(&view, id)? else { return Ok(None) };
        Ok(Some(ModelInfo { model_id: *id, hot: HotSet::of(&view)?.contains(id), record }))
    }

    /// Prices, and how full the last block was.
    ///
    /// # Errors
    /// [`Fatal`] when the store fails, or before genesis.
    pub fn fees(&self) -> Result<Fees, Fatal> {
        let parent = self.shared.check.parent()?;
        let Parent { params, prices: next, next: height, .. } = parent.as_ref();
        let height = height.saturating_sub(1);
        // There is no block before the first.
        let used = index::used(&self.shared.store, height)?;
        let Used { prices: now, units, bytes } = used.unwrap_or(Used { prices: *next, units: 0, bytes: 0 });
        let fullness = |used, most| Fullness { used, target: fees::target(most), most };
        Ok(Fees {
            height,
            now,
            next: *next,
            min: params.min_prices,
            change_divisor: params.price_change_divisor,
            units: fullness(units, params.max_block_units),
            bytes: fullness(bytes, params.max_block_bytes),
        })
    }

    /// Loads what of the hot set lies ready on this machine's disk, so that no block has to wait for it.
    ///
    /// # Errors
    /// [`Fatal`] when the store or the machine fails. Nobody needs to stop for it: a block that needs the model
    /// will say so.
    pub fn warm(&self) -> Result<(), Fatal> {
        let view = self.view();
        for id in HotSet::of(&view)?.models() {
            if let Some(record) = model::find(&view, &id)?
                && let Ok(compiled) = record.runnable()
            {
                self.shared.engine.loaded(&view, &record, compiled)?;
            }
        }
        Ok(())
    }

    /// Models of the hot set, and those of them that are ready to run on this machine.
    pub fn hot_models(&self) -> (usize, usize) {
        self.shared.engine.kept()
    }

    /// A page of at most `limit` models above `after`, in the order of their ids.
    ///
    /// # Errors
    /// [`Fatal`] when the store fails.
    pub fn models(&self, after: Option<&ModelId>, limit: usize) -> Result<ModelPage, Fatal> {
        let limit = limit.clamp(1, MAX_PAGE);
        let view = self.view();
        let after = after.map(path::model);
        let found = view.scan(path::MODELS, after.as_deref(), limit.saturating_add(1))?;
        let more = found.len() > limit;
        let hot = HotSet::of(&view)?;
        let mut models = Vec::with_capacity(found.len());
        for (key, _) in found.iter().take(limit) {
            let record: Option<ModelRecord> = view.read(key)?;
            let record = record.ok_or_else(|| Fatal::Invariant("a model's record vanished".into()))?;
            let model_id = record.manifest.id();
            models.push(ModelInfo { model_id, hot: hot.contains(&model_id), record });
        }
        let next = models.last().filter(|_| more).map(|model| model.model_id);
        Ok(ModelPage { models, next })
    }

    /// A model's file, once all of its chunks are there.
    ///
    /// # Errors
    /// [`Fatal`] when the store fails.
    pub fn model_file(&self, id: &ModelId) -> Result<Option<Vec<u8>>, Fatal> {
        let view = self.view();
        let Some(record) = model::find(&view, id)? else { return Ok(None) };
        let chunks = record.manifest.chunks.len();
        let whole = match &record.state {
            ModelState::Uploading { next_chunk } => *next_chunk as usize == chunks,
            ModelState::Sealed(_) => true,
            ModelState::Retired { compiled, stored, .. } => compiled.is_some() && *stored,
        };
        if whole { model::file(&view, &record.manifest).map(Some) } else { Ok(None) }
    }

    /// A transaction that is in a block.
    ///
    /// # Errors
    /// [`Fatal`] when the store fails.
    pub fn tx(&self, hash: &TxHash) -> Result<Option<FoundTx>, Fatal> {
        let Some(entry) = index::tx(&self.shared.store, hash)? else { return Ok(None) };
        let signed = SignedTx::decode(&entry.bytes).ok();
        // A decided block's only claim is its first transaction.
        let claim = if entry.position == 0 { Claim::decode(&entry.bytes).ok() } else { None };
        let name = match entry.code {
            0 => "ok",
            code => Rejected::describe(code).map_or("unknown", |(name, _)| name),
        };
        let outputs = outputs(&entry.data)?;
        let mut messages = Vec::new();
        for (index, message) in (0..).zip(signed.iter().flat_map(|signed| &signed.tx().messages)) {
            let output = outputs.iter().find(|output| output.index == index);
            messages.push(MessageInfo {
                kind: message.kind().into(),
                receipt: entry
                    .receipts
                    .iter()
                    .find(|(at, _)| *at == index)
                    .map(|(_, receipt)| receipt.clone()),
                output: output.map(|output| STANDARD.encode(codec::encode(&output.tensors))),
            });
        }
        let info = TxInfo {
            tx_hash: *hash,
            height: entry.height,
            index: entry.position,
            payer: signed.as_ref().map(|signed| signed.tx().payer()),
            code: entry.code,
            name: name.into(),
            message: entry.log,
            fee: entry.fee,
            tip: entry.tip,
            units: entry.units,
            messages,
            claim,
        };
        Ok(Some(FoundTx { info, bytes: entry.bytes }))
    }

    /// The hashes of a block's transactions, the claim's first.
    ///
    /// # Errors
    /// [`Fatal`] when the store fails.
    pub fn block_txs(&self, height: u64) -> Result<Option<Vec<TxHash>>, Fatal> {
        index::block_txs(&self.shared.store, height)
    }

    /// The receipt of one message, while it is in the state.
    ///
    /// # Errors
    /// [`Fatal`] when the store fails.
    pub fn receipt(&self, tx: &TxHash, index: u32) -> Result<Option<Receipt>, Fatal> {
        Ok(self.view().read(&path::receipt(tx, index))?)
    }

    /// The heights whose state is kept, the oldest and the newest; `None` before genesis.
    ///
    /// # Errors
    /// [`Fatal`] when the store fails.
    pub fn kept(&self) -> Result<Option<RangeInclusive<u64>>, Fatal> {
        Ok(self.view().kept()?)
    }

    /// What every column family of the state takes on this node's disk.
    ///
    /// # Errors
    /// [`Fatal`] when the store fails.
    pub fn disk(&self) -> Result<Vec<FamilySize>, Fatal> {
        Ok(self.shared.store.disk()?)
    }

    /// A key's value after a height's block, or its absence, with the ICS23 proof of either; the last committed
    /// height's if none is named. The root that it proves against stands in the header of the next height.
    ///
    /// No commit waits for it: it reads a snapshot.
    ///
    /// # Errors
    /// [`Fatal`] when the store fails. The inner error is the answer to the asker.
    pub fn prove(&self, key: &[u8], height: Option<u64>) -> Result<Result<ProvenAt, Unproven>, Fatal> {
        let view = self.view();
        let Some(kept) = view.kept()? else { return Ok(Err(Unproven::NoState)) };
        let height = height.unwrap_or(*kept.end());
        match view.prove(key, height) {
            Ok(proven) => Ok(Ok(ProvenAt { height, kept, proven })),
            Err(error) => Ok(Err(Unproven::from_store(error)?)),
        }
    }

    /// Runs a model on inputs without a transaction. It takes the caller's time, as much as the model's units
    /// say.
    ///
    /// # Errors
    /// [`Fatal`] when the store or the machine fails. The inner error is the answer to the sender.
    pub fn simulate(
        &self,
        id: &ModelId,
        inputs: &[NamedTensor],
    ) -> Result<Result<Simulated, Rejected>, Fatal> {
        split(self.try_simulate(id, inputs))
    }

    fn try_simulate(&self, id: &ModelId, inputs: &[NamedTensor]) -> Result<Simulated, Failure> {
        tensor::check_list(inputs).map_err(|error| Rejected::BadTensors(error.to_string()))?;
        let view = self.view();
        let hot = HotSet::of(&view)?.contains(id);
        let (run, compiled) = ahead::run(&view, &self.shared.engine, id, inputs)?;
        let (output_hash, output) = match run {
            Run::Output(tensors) => {
                let output = STANDARD.encode(codec::encode(tensors.as_ref()));
                (Some(tensor::output_hash(&tensors)), Some(output))
            }
            Run::Failed => (None, None),
        };
        let load_units = if hot { 0 } else { compiled.load_units };
        Ok(Simulated { output_hash, output, units: compiled.units, load_units })
    }

    /// Does the work of a waiting transaction ahead of its block. It takes the caller's time, as much as the
    /// transaction's units say.
    ///
    /// # Errors
    /// [`Fatal`] when the store or the machine fails. Nobody needs to stop for it: what is needed will be
    /// computed again, and then it matters.
    pub fn speculate(&self, work: &Work) -> Result<(), Fatal> {
        // A view of its own: these threads are of low priority, and CheckTx must not wait for a lock that one of
        // them holds while it does not run.
        ahead::speculate(&self.view(), &self.shared.engine, work)
    }

    /// How often the outcome of an inference in a block was known before the block was executed, and how often
    /// it was not.
    pub fn lookups(&self) -> (u64, u64) {
        self.shared.engine.lookups()
    }
}

/// The outputs in a transaction's data.
fn outputs(data: &[u8]) -> Result<Vec<MessageOutput>, Fatal> {
    if data.is_empty() {
        return Ok(Vec::new());
    }
    let data: Result<TxData, _> = codec::decode(data, MAX_OUTPUT_BYTES);
    let data = data.map_err(|error| Fatal::Invariant(format!("a result's data does not decode: {error}")))?;
    Ok(data.outputs)
}
