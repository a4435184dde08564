//! CheckTx: may a transaction wait in the mempool?
//!
//! It is asked the same questions as in a block, against the committed state and the accounts as they will be
//! after the transactions that wait already, which are in [`waiting`](crate::waiting). It takes no model's time
//! and waits for no block: this state has a lock of its own, and signatures are checked outside of it.

use crate::account;
use crate::admit::Admitted;
use crate::ahead::Work;
use crate::block::Parent;
use crate::engine::Engine;
use crate::fatal::{Failure, Fatal, split};
use crate::verify::Verifier;
use crate::waiting::Lines;
use assay_types::address::Address;
use assay_types::amount::Amount;
use assay_types::error::Rejected;
use assay_types::hash::TxHash;
use assay_types::message::Message;
use assay_types::tx::{Tx, VerifiedTx};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A transaction that may wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// Its hash.
    pub tx_hash: TxHash,
    /// The account that signed.
    pub payer: Address,
    /// Its nonce.
    pub nonce: u64,
    /// What it would pay in the next block, the tip included.
    pub fee: Amount,
    /// How much of the fee is the tip.
    pub tip: Amount,
    /// Its units.
    pub units: u64,
    /// What it will want computed, if it runs anything that is not known yet.
    pub work: Option<Work>,
}

impl Checked {
    fn of(engine: &Engine, parent: &Parent, admitted: &Admitted) -> Self {
        Self {
            tx_hash: admitted.hash(),
            payer: admitted.payer(),
            nonce: admitted.tx().nonce,
            fee: admitted.fee(),
            tip: admitted.tip(),
            units: admitted.units(),
            work: Work::of(engine, parent, admitted),
        }
    }
}

/// The committed state, and what waits.
struct State {
    parent: Arc<Parent>,
    waiting: Lines,
}

/// The state of CheckTx, under its own lock.
pub(crate) struct Check {
    state: Mutex<Option<State>>,
}

impl Check {
    /// The state of CheckTx; nothing passes before the first [`Check::reset`].
    pub fn new() -> Self {
        Self { state: Mutex::new(None) }
    }

    fn lock(&self) -> MutexGuard<'_, Option<State>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The committed state.
    ///
    /// # Errors
    /// [`Fatal::NoChain`] before there is one.
    pub fn parent(&self) -> Result<Arc<Parent>, Fatal> {
        self.lock().as_ref().map(|state| state.parent.clone()).ok_or(Fatal::NoChain)
    }

    /// Starts again from what is committed; consensus then rechecks what waits.
    pub fn reset(&self, parent: Parent) {
        let parent = Arc::new(parent);
        let mut state = self.lock();
        let mut waiting = state.take().map(|state| state.waiting).unwrap_or_default();
        waiting.reset();
        *state = Some(State { parent, waiting });
    }

    /// Forgets everything; nothing passes before the next [`Check::reset`].
    pub fn clear(&self) {
        *self.lock() = None;
    }

    /// The nonce that an account's next transaction must carry, if transactions of it wait.
    pub fn next_nonce(&self, address: &Address) -> Option<u64> {
        let state = self.lock();
        state.as_ref().and_then(|state| state.waiting.next_nonce(address))
    }

    /// Checks a transaction's bytes, and counts it in if it may wait.
    pub fn check(
        &self,
        verifier: &Verifier,
        engine: &Engine,
        bytes: &[u8],
    ) -> Result<Result<Checked, Rejected>, Fatal> {
        let chain_id = match self.lock().as_ref() {
            Some(state) => state.parent.chain.chain_id.clone(),
            None => return Err(Fatal::NoChain),
        };
        let verified = match verifier.verify(bytes, &chain_id) {
            Ok(verified) => verified,
            Err(rejected) => return Ok(Err(rejected)),
        };
        let (admitted, parent) = {
            let mut lock = self.lock();
            let state = lock.as_mut().ok_or(Fatal::NoChain)?;
            (state.admit(verified)?, state.parent.clone())
        };
        Ok(admitted.map(|admitted| Checked::of(engine, &parent, &admitted)))
    }
}

impl State {
    fn admit(&mut self, verified: Arc<VerifiedTx>) -> Result<Result<Admitted, Rejected>, Fatal> {
        let admitted = split(self.try_admit(verified.clone()))?;
        // A copy says nothing of the one that waits.
        if admitted.as_ref().is_err_and(|rejected| *rejected != Rejected::WaitsAlready) {
            self.waiting.refused(&verified);
        }
        Ok(admitted)
    }

    fn try_admit(&mut self, verified: Arc<VerifiedTx>) -> Result<Admitted, Failure> {
        let payer = verified.payer();
        let account = match self.waiting.account(&payer) {
            Some(account) => account,
            None => account::get(&self.parent.view, &payer)?,
        };
        let place = self.waiting.place(&account, &verified)?;
        let left = self.waiting.left(&payer, account, place);
        let admitted = Admitted::new(&self.parent.view, &self.parent, &left, verified)?;
        self.waiting.put(account, place, &admitted, sent(admitted.tx()))?;
        Ok(admitted)
    }
}

/// What a transaction's transfers move away, so that money is not promised twice.
fn sent(tx: &Tx) -> Amount {
    let amounts = tx.messages.iter().map(|message| match message {
        Message::Transfer(transfer) => transfer.amount,
        _ => Amount::ZERO,
    });
    amounts.fold(Amount::ZERO, |sum, amount| sum.checked_add(amount).unwrap_or(Amount(u128::MAX)))
}
