//! Work that is done before its turn comes: the outcomes that a block, or a waiting transaction, will need.
//!
//! An outcome is a pure function of plan and input, so computing it early, on any thread, in any order, or in
//! vain changes nothing but how long the block takes. That is why a failure here is nobody's business: what
//! fails will fail again where it is needed, which says so.

use crate::admit::Admitted;
use crate::app::Shared;
use crate::block::Parent;
use crate::chain;
use crate::engine::Engine;
use crate::fatal::{Failure, Fatal, split};
use crate::messages::compute;
use crate::model;
use crate::run::{Run, match_inputs};
use assay_store::Read;
use assay_types::error::Rejected;
use assay_types::hash::{InputHash, ModelId, PlanHash};
use assay_types::message::{Message, SealModel};
use assay_types::model::{Compiled, ModelRecord, ModelState};
use assay_types::receipt::TxData;
use assay_types::tensor::{self, NamedTensor};
use assay_types::tx::{Tx, VerifiedTx};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::Builder;

/// Bytes of memory up to which several runs are made at once; larger ones wait for the block's own thread.
const SIDE_BY_SIDE_BYTES: u64 = 64 * 1024 * 1024;

/// What a waiting transaction will want computed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Work(Arc<VerifiedTx>);

impl Work {
    /// `None` when the transaction runs nothing, or nothing whose outcome is not known.
    pub(crate) fn of(engine: &Engine, parent: &Parent, admitted: &Admitted) -> Option<Self> {
        let mut plans = admitted.plans().iter();
        let known = admitted.tx().messages.iter().all(|message| match message {
            Message::Infer(infer) => {
                plans.next().is_some_and(|plan| engine.knows_run(plan, &tensor::input_hash(&infer.inputs)))
            }
            Message::SealModel(seal) => engine.knows_sealing(&seal.model, parent.chain.engine, seal.max_fuel),
            _ => true,
        });
        (!known).then(|| Self(admitted.verified().clone()))
    }

    /// Bytes of the transaction.
    pub fn bytes(&self) -> u64 {
        self.0.byte_len()
    }
}

/// Runs a model on inputs, as a transaction would, with nothing before it.
pub(crate) fn run(
    state: &dyn Read,
    engine: &Engine,
    id: &ModelId,
    inputs: &[NamedTensor],
) -> Result<(Run, Compiled), Failure> {
    let record = model::get(state, id)?;
    let compiled = record.runnable()?;
    match_inputs(&compiled.inputs, inputs)?;
    Ok((compute(engine, state, &record, inputs, &TxData::default())?, compiled.clone()))
}

/// Does the work of a waiting transaction on a committed state, as far as that goes already.
pub(crate) fn speculate(view: &dyn Read, engine: &Engine, work: &Work) -> Result<(), Fatal> {
    let tx = work.0.tx();
    for message in &tx.messages {
        let done = match message {
            Message::Infer(infer) => split(run(view, engine, &infer.model, &infer.inputs))?.map(|_| ()),
            Message::SealModel(seal) => split(compile(view, engine, tx, seal))?,
            _ => Ok(()),
        };
        // The messages after one that fails do not run.
        if done.is_err() {
            break;
        }
    }
    Ok(())
}

/// Compiles a model whose chunks are all there. Only its owner's wish counts, or a stranger could have every
/// waiting model compiled for nothing.
fn compile(view: &dyn Read, engine: &Engine, tx: &Tx, seal: &SealModel) -> Result<(), Failure> {
    let record = model::get(view, &seal.model)?;
    let chunks = record.manifest.chunks.len();
    let whole = matches!(record.state, ModelState::Uploading { next_chunk } if next_chunk as usize == chunks);
    if record.owner != tx.payer() || !whole {
        return Err(Rejected::NotOwner.into());
    }
    let number = chain::chain(view)?.engine;
    match engine.seal(view, number, &seal.model, &record.manifest, seal.max_fuel)? {
        Ok(_) => Ok(()),
        Err(_) => Err(Rejected::DoesNotCompile.into()),
    }
}

/// What the state before a block says of its inferences.
pub(crate) struct Ahead<'a> {
    parent: &'a Parent,
    shared: &'a Shared,
    models: BTreeMap<ModelId, Option<Arc<ModelRecord>>>,
}

/// A run that a block will need.
struct Want<'a> {
    record: Arc<ModelRecord>,
    inputs: &'a [NamedTensor],
    plan: PlanHash,
    input: InputHash,
    units: u64,
    bytes: u64,
}

impl<'a> Ahead<'a> {
    pub fn new(parent: &'a Parent, shared: &'a Shared) -> Self {
        Self { parent, shared, models: BTreeMap::new() }
    }

    fn model(&mut self, id: &ModelId) -> Result<Option<Arc<ModelRecord>>, Fatal> {
        if let Some(known) = self.models.get(id) {
            return Ok(known.clone());
        }
        let found = model::find(&self.parent.view, id)?.map(Arc::new);
        self.models.insert(*id, found.clone());
        Ok(found)
    }

    /// The run of an inference, when the state before the block already says that it can be made.
    fn want<'b>(&mut self, model: &ModelId, inputs: &'b [NamedTensor]) -> Result<Option<Want<'b>>, Fatal> {
        let Some(record) = self.model(model)? else { return Ok(None) };
        let Ok(compiled) = record.runnable() else { return Ok(None) };
        if match_inputs(&compiled.inputs, inputs).is_err() {
            return Ok(None);
        }
        let (plan, units, bytes) = (compiled.plan, compiled.units, compiled.memory_bytes);
        let input = tensor::input_hash(inputs);
        Ok(Some(Want { record: record.clone(), inputs, plan, input, units, bytes }))
    }

    /// Whether everything that a transaction runs is known already.
    pub fn knows(&mut self, tx: &Tx) -> Result<bool, Fatal> {
        let engine = &self.shared.engine;
        for message in &tx.messages {
            let known = match message {
                Message::Infer(infer) => match self.want(&infer.model, &infer.inputs)? {
                    Some(want) => engine.knows_run(&want.plan, &want.input),
                    // Its model may be sealed in this very block, and then it must stay behind that.
                    None => false,
                },
                Message::SealModel(seal) => {
                    engine.knows_sealing(&seal.model, self.parent.chain.engine, seal.max_fuel)
                }
                _ => true,
            };
            if !known {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Computes the outcomes that a block of these transactions will need and that are not known, several at
    /// once; no more of them than a block may hold.
    pub fn compute(&mut self, txs: &[Arc<VerifiedTx>]) -> Result<(), Fatal> {
        let (mut wants, mut seen) = (Vec::new(), BTreeSet::new());
        let params = &self.parent.params;
        let (mut units, mut inferences) = (0u64, 0u32);
        for message in txs.iter().flat_map(|verified| &verified.tx().messages) {
            let Message::Infer(infer) = message else { continue };
            let Some(want) = self.want(&infer.model, &infer.inputs)? else { continue };
            units = units.saturating_add(want.units);
            inferences = inferences.saturating_add(1);
            if units > params.max_block_units || inferences > params.max_block_inferences {
                break;
            }
            let known = self.shared.engine.looked_up(&want.plan, &want.input);
            if !known && want.bytes <= SIDE_BY_SIDE_BYTES && seen.insert((want.plan, want.input)) {
                wants.push(want);
            }
        }
        self.run_all(&wants);
        Ok(())
    }

    fn run_all(&self, wants: &[Want<'_>]) {
        let threads = self.shared.engine.threads().min(wants.len());
        // One alone is as well made where it is needed.
        if threads < 2 {
            return;
        }
        let (engine, view, next) = (&self.shared.engine, &self.parent.view, AtomicUsize::new(0));
        let work = || {
            while let Some(want) = wants.get(next.fetch_add(1, Ordering::Relaxed)) {
                let _ = compute(engine, view, &want.record, want.inputs, &TxData::default());
            }
        };
        std::thread::scope(|scope| {
            for _ in 1..threads {
                // Without another thread it takes longer; that is all.
                let _ = Builder::new().spawn_scoped(scope, work);
            }
            work();
        });
    }
}

/// Decodes and verifies the transactions of a block, several at once; those that fail are left out, and found
/// again by whoever walks the block.
pub(crate) fn verify(parent: &Parent, shared: &Shared, txs: &[Vec<u8>]) -> Vec<Arc<VerifiedTx>> {
    let one = |bytes: &Vec<u8>| shared.verifier.verify(bytes, &parent.chain.chain_id).ok();
    let threads = shared.engine.threads().min(txs.len()).max(1);
    let each = txs.len().div_ceil(threads).max(1);
    if threads > 1 {
        std::thread::scope(|scope| {
            for part in txs.chunks(each) {
                let _ = Builder::new().spawn_scoped(scope, move || part.iter().filter_map(one).count());
            }
        });
    }
    txs.iter().filter_map(one).collect()
}
