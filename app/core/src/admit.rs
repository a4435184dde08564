//! Admission: may a transaction be in a block at this height, and what does it cost?
//!
//! It pays its base fee, which its units and bytes have at the block's prices, and of its tip what its limit
//! leaves room for. So a limit below the base fee keeps it out, and prices that rise eat the tip first.
//!
//! The rules are the same in CheckTx, in a proposal and in a decided block; only the account differs, which
//! in CheckTx is the one after the transactions that wait already. An [`Admitted`] can pay its fee.

use crate::block::Parent;
use crate::fatal::Failure;
use crate::model;
use assay_store::Read;
use assay_types::account::Account;
use assay_types::address::Address;
use assay_types::amount::Amount;
use assay_types::error::Rejected;
use assay_types::hash::{PlanHash, TxHash};
use assay_types::message::Message;
use assay_types::params::{Params, tx_units};
use assay_types::tx::{Tx, VerifiedTx};
use std::collections::BTreeSet;
use std::sync::Arc;

/// A transaction that may be in a block.
#[derive(Debug, Clone)]
pub(crate) struct Admitted {
    verified: Arc<VerifiedTx>,
    payer: Address,
    account: Account,
    fee: Amount,
    tip: Amount,
    price: Price,
}

/// What a transaction costs before its tip: static, from its messages, the records of the models that it runs
/// and the hot set before the block.
#[derive(Debug, Clone)]
pub(crate) struct Price {
    /// Units, those of loading included.
    pub units: u64,
    /// The base fee: units and bytes at the block's prices.
    pub base: Amount,
    /// Units of loading, for each inference in order.
    loads: Vec<u64>,
    /// The plans of the inferences, in order.
    plans: Vec<PlanHash>,
}

impl Price {
    /// The price of a transaction in the block after `parent`; the models are those of `state`.
    ///
    /// # Errors
    /// [`Rejected`] when a model cannot be run, or the units overflow.
    pub fn of(state: &dyn Read, parent: &Parent, verified: &VerifiedTx) -> Result<Self, Failure> {
        let (mut fatal, mut loads, mut plans, mut paid) = (None, Vec::new(), Vec::new(), BTreeSet::new());
        let units = tx_units(&verified.tx().messages, |infer| {
            let found = model::get(state, &infer.model);
            match found.and_then(|record| {
                Ok(record.runnable().map(|found| (found.units, found.load_units, found.plan))?)
            }) {
                Ok((units, load, plan)) => {
                    // A transaction loads a model once.
                    let cold = !parent.hot.contains(&infer.model) && paid.insert(infer.model);
                    let load = if cold { load } else { 0 };
                    loads.push(load);
                    plans.push(plan);
                    units.checked_add(load).ok_or(Rejected::TooManyUnits)
                }
                Err(Failure::Rejected(rejected)) => Err(rejected),
                Err(Failure::Fatal(error)) => {
                    fatal = Some(error);
                    Err(Rejected::ModelUnknown)
                }
            }
        });
        if let Some(fatal) = fatal {
            return Err(fatal.into());
        }
        let units = units?;
        Ok(Self { units, base: parent.prices.fee(verified.byte_len(), units), loads, plans })
    }

    /// The tip that is left of what a transaction offers, within its limit.
    ///
    /// # Errors
    /// [`Rejected::FeeTooLow`] when the limit is below the base fee.
    pub fn tip(&self, tx: &Tx) -> Result<Amount, Rejected> {
        let (needed, max_fee) = (self.base, tx.max_fee);
        let room = max_fee.checked_sub(needed).ok_or(Rejected::FeeTooLow { needed, max_fee })?;
        Ok(tx.tip.min(room))
    }

    fn inferences(&self) -> u32 {
        u32::try_from(self.loads.len()).unwrap_or(u32::MAX)
    }
}

impl Admitted {
    /// Checks a transaction for the block after `parent`, on a state; `account` is the payer's.
    ///
    /// # Errors
    /// The [`Rejected`] of the first rule that it breaks.
    pub fn new(
        state: &dyn Read,
        parent: &Parent,
        account: &Account,
        verified: Arc<VerifiedTx>,
    ) -> Result<Self, Failure> {
        let (tx, params, height) = (verified.tx(), &parent.params, parent.next);
        if height > tx.valid_until_height {
            return Err(Rejected::Expired { valid_until: tx.valid_until_height, height }.into());
        }
        check_nonce(tx.nonce, account.nonce)?;
        let price = Price::of(state, parent, &verified)?;
        if price.units > params.max_block_units || price.inferences() > params.max_block_inferences {
            return Err(Rejected::TooManyUnits.into());
        }
        let tip = price.tip(tx)?;
        // The tip is at most what the limit has left above the base.
        let fee = price.base.checked_add(tip).unwrap_or(tx.max_fee);
        if fee > account.balance {
            return Err(Rejected::InsufficientBalance { needed: fee, balance: account.balance }.into());
        }
        Ok(Self { payer: verified.payer(), account: *account, fee, tip, price, verified })
    }

    pub fn tx(&self) -> &Tx {
        self.verified.tx()
    }

    pub fn hash(&self) -> TxHash {
        self.verified.hash()
    }

    pub fn payer(&self) -> Address {
        self.payer
    }

    /// The payer's account as it was admitted with.
    pub fn account(&self) -> Account {
        self.account
    }

    /// What it pays, the tip included.
    pub fn fee(&self) -> Amount {
        self.fee
    }

    /// How much of the fee is the tip.
    pub fn tip(&self) -> Amount {
        self.tip
    }

    /// Units, those of loading included.
    pub fn units(&self) -> u64 {
        self.price.units
    }

    /// Units of loading that the inference at an index among the messages pays for.
    pub fn load_units(&self, index: u32) -> u64 {
        let before = self.tx().messages.iter().take(index as usize);
        let place = before.filter(|message| matches!(message, Message::Infer(_))).count();
        self.price.loads.get(place).copied().unwrap_or(0)
    }

    /// The plans that its inferences run, in order.
    pub fn plans(&self) -> &[PlanHash] {
        &self.price.plans
    }

    /// The transaction as it was verified.
    pub fn verified(&self) -> &Arc<VerifiedTx> {
        &self.verified
    }

    /// Bytes of the transaction.
    pub fn bytes(&self) -> u64 {
        self.verified.byte_len()
    }
}

fn check_nonce(got: u64, expected: u64) -> Result<(), Rejected> {
    match got.cmp(&expected) {
        std::cmp::Ordering::Less => Err(Rejected::NonceTooLow { expected, got }),
        std::cmp::Ordering::Greater => Err(Rejected::NonceTooHigh { expected, got }),
        std::cmp::Ordering::Equal => Ok(()),
    }
}

/// What a block has left.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Budget {
    units: u64,
    inferences: u32,
}

impl Budget {
    /// All of a block.
    pub fn of(params: &Params) -> Self {
        Self { units: params.max_block_units, inferences: params.max_block_inferences }
    }

    /// What is left after a transaction.
    ///
    /// # Errors
    /// [`Rejected::TooManyUnits`] when it does not fit any more.
    pub fn after(&self, admitted: &Admitted) -> Result<Self, Rejected> {
        let units = self.units.checked_sub(admitted.units()).ok_or(Rejected::TooManyUnits)?;
        let inferences =
            self.inferences.checked_sub(admitted.price.inferences()).ok_or(Rejected::TooManyUnits)?;
        Ok(Self { units, inferences })
    }
}
