//! Executing an admitted transaction: the fee and the nonce, then its messages, all or nothing.
//!
//! The messages run on an overlay of their own. When one fails, the overlay is dropped with everything that
//! the ones before it did; the fee and the nonce stay taken, and the result carries the number of the
//! rejection.

use crate::admit::Admitted;
use crate::block::{Event, TxResult};
use crate::chain::ChainRecord;
use crate::engine::Engine;
use crate::fatal::{Fatal, split};
use crate::job::Job;
use crate::{fee, messages};
use assay_store::{Changes, Overlay};
use assay_types::claim::JobOutcome;
use assay_types::codec;
use assay_types::hash::{ModelId, PlanHash};
use assay_types::message::Message;
use assay_types::params::Params;
use assay_types::receipt::TxData;

/// What a block's transactions have in common.
pub(crate) struct Context<'a> {
    pub engine: &'a Engine,
    pub chain: &'a ChainRecord,
    pub params: &'a Params,
    pub height: u64,
}

/// A message's surroundings, and what it leaves besides its writes.
pub(crate) struct Call<'a> {
    pub context: &'a Context<'a>,
    pub admitted: &'a Admitted,
    /// The message's index in the transaction.
    pub index: u32,
    /// The outputs of the transaction so far.
    pub data: TxData,
    /// The events of the transaction so far.
    pub events: Vec<Event>,
    /// What ran so far.
    pub jobs: Vec<Job>,
    /// What a rejection's words leave out. For people only.
    pub note: String,
}

impl Call<'_> {
    /// Adds an event with indexed attributes.
    pub fn event<const N: usize>(&mut self, kind: &str, attributes: [(&str, String); N]) {
        self.events.push(Event::new(kind, attributes));
    }

    /// Notes that a job has run.
    pub fn ran(&mut self, model: ModelId, engine: u32, plan: Option<PlanHash>, outcome: JobOutcome) {
        let (tx_hash, message) = (self.admitted.hash(), self.index);
        self.jobs.push(Job { tx_hash, message, model, engine, plan, outcome });
    }
}

/// Takes an admitted transaction's fee and nonce and runs its messages. What ran is added to `jobs`, also when
/// the transaction fails after it.
pub(crate) fn execute(
    context: &Context<'_>,
    block: &mut Overlay<'_>,
    admitted: &Admitted,
    jobs: &mut Vec<Job>,
) -> Result<TxResult, Fatal> {
    fee::take(block, admitted)?;
    let mut call = Call {
        context,
        admitted,
        index: 0,
        data: TxData::default(),
        events: Vec::new(),
        jobs: Vec::new(),
        note: String::new(),
    };
    let mut result = TxResult {
        code: 0,
        data: Vec::new(),
        log: String::new(),
        fee: admitted.fee(),
        tip: admitted.tip(),
        units: admitted.units(),
        events: vec![Event::new(
            "tx",
            [
                ("payer", admitted.payer().to_string()),
                ("fee", admitted.fee().to_string()),
                ("tip", admitted.tip().to_string()),
            ],
        )],
    };
    match split(run(&mut call, block, &admitted.tx().messages))? {
        Ok(changes) => {
            block.absorb(changes);
            result.events.append(&mut call.events);
            if !call.data.outputs.is_empty() {
                result.data = codec::encode(&call.data);
            }
        }
        Err(rejected) => {
            result.code = rejected.code();
            result.log = format!("message {}: {rejected}", call.index);
            if !call.note.is_empty() {
                result.log = format!("{}: {}", result.log, call.note);
            }
        }
    }
    jobs.append(&mut call.jobs);
    Ok(result)
}

/// Runs all messages and gives what they wrote, or the failure of the first that fails.
fn run(
    call: &mut Call<'_>,
    block: &Overlay<'_>,
    messages: &[Message],
) -> Result<Changes, crate::fatal::Failure> {
    let mut overlay = Overlay::new(block);
    for (index, message) in (0..).zip(messages) {
        call.index = index;
        messages::execute(message, &mut overlay, call)?;
    }
    Ok(overlay.into_changes())
}
