//! Blocks as consensus sees them: what goes in, what comes out, and the state before.

use crate::chain::{self, ChainRecord};
use crate::fatal::Fatal;
use crate::hot::HotSet;
use crate::market;
use assay_store::{Memo, Store};
use assay_types::amount::Amount;
use assay_types::claim::Claim;
use assay_types::error::Rejected;
use assay_types::fees::Prices;
use assay_types::hash::AppHash;
use assay_types::params::Params;

/// A decided block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockInput {
    /// Its height.
    pub height: u64,
    /// Its transactions, the claim first.
    pub txs: Vec<Vec<u8>>,
}

/// What a block gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockResult {
    /// One result per transaction, in order; the first is the claim's.
    pub tx_results: Vec<TxResult>,
    /// The state root after the block.
    pub app_hash: AppHash,
}

/// What a transaction gave. Code, data and units are consensus; the rest is for people and programs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TxResult {
    /// 0, or the stable number of the rejection.
    pub code: u32,
    /// The canonical bytes of a [`TxData`](assay_types::receipt::TxData); empty when there are no outputs.
    pub data: Vec<u8>,
    /// The rejection in words; empty when there is none.
    pub log: String,
    /// The fee taken, the tip included.
    pub fee: Amount,
    /// How much of it is the tip.
    pub tip: Amount,
    /// Units paid for.
    pub units: u64,
    /// Events.
    pub events: Vec<Event>,
}

impl TxResult {
    /// The result of a block's claim, for which nobody pays.
    pub(crate) fn claim(claim: &Claim) -> Self {
        let attributes = [
            ("outcomes", claim.outcomes.len().to_string()),
            ("units", claim.units.to_string()),
            ("state_root", claim.state_root.to_string()),
        ];
        Self {
            code: 0,
            data: Vec::new(),
            log: String::new(),
            fee: Amount::ZERO,
            tip: Amount::ZERO,
            units: 0,
            events: vec![Event::new("claim", attributes)],
        }
    }

    /// The result of a transaction that is in a decided block, but not admissible: nothing is taken from
    /// anybody.
    pub(crate) fn not_admitted(rejected: &Rejected) -> Self {
        Self {
            code: rejected.code(),
            data: Vec::new(),
            log: rejected.to_string(),
            fee: Amount::ZERO,
            tip: Amount::ZERO,
            units: 0,
            events: Vec::new(),
        }
    }
}

/// Something that happened, for whoever subscribes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// What.
    pub kind: String,
    /// Names and values, and whether to index them.
    pub attributes: Vec<(String, String, bool)>,
}

impl Event {
    /// An event whose attributes are all worth indexing.
    pub(crate) fn new<const N: usize>(kind: &str, attributes: [(&str, String); N]) -> Self {
        let attributes = attributes.map(|(name, value)| (name.to_owned(), value, true)).into();
        Self { kind: kind.into(), attributes }
    }
}

/// The state before a block.
pub(crate) struct Parent {
    /// It remembers what it was asked: CheckTx asks for the records that a block needs before the block comes.
    pub view: Memo,
    pub chain: ChainRecord,
    pub params: Params,
    /// What its transactions pay.
    pub prices: Prices,
    /// The models that its transactions need not pay the loading of.
    pub hot: HotSet,
    /// The height of the block that comes next.
    pub next: u64,
}

impl Parent {
    /// What is committed now.
    pub fn of(store: &Store) -> Result<Self, Fatal> {
        let view = store.view();
        let (version, _) = view.tip()?.ok_or(Fatal::NoChain)?;
        let next = version.checked_add(1).ok_or_else(|| Fatal::Invariant("no height is left".into()))?;
        let (chain, params) = (chain::chain(&view)?, chain::params(&view)?);
        let (prices, hot) = (market::prices(&view)?, HotSet::of(&view)?);
        let view = Memo::new(view);
        Ok(Self { view, chain, params, prices, hot, next })
    }

    /// Refuses any height but the next.
    pub fn expect(&self, call: &'static str, got: u64) -> Result<(), Fatal> {
        if got == self.next { Ok(()) } else { Err(Fatal::OutOfOrder { call, expected: self.next, got }) }
    }
}
