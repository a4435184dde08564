//! Admission: may a transaction be in a block at this height, and what does it cost?
//!
//! The rules are the same in CheckTx, in a proposal and in a decided block; only the account differs, which
//! in CheckTx is the one after the transactions that wait already. An [`Admitted`] can pay its fee.

use crate::fatal::Failure;
use crate::model;
use assay_store::Read;
use assay_types::account::Account;
use assay_types::address::Address;
use assay_types::amount::Amount;
use assay_types::error::Rejected;
use assay_types::hash::TxHash;
use assay_types::message::Message;
use assay_types::params::{Params, tx_units};
use assay_types::tx::{Tx, VerifiedTx};
use std::sync::Arc;

/// A transaction that may be in a block.
#[derive(Debug, Clone)]
pub(crate) struct Admitted {
    verified: Arc<VerifiedTx>,
    payer: Address,
    fee: Amount,
    units: u64,
    inferences: u32,
}

impl Admitted {
    /// Checks a transaction against a state, for a block of a height; `account` is the payer's.
    ///
    /// # Errors
    /// The [`Rejected`] of the first rule that it breaks.
    pub fn new(
        state: &dyn Read,
        params: &Params,
        height: u64,
        account: &Account,
        verified: Arc<VerifiedTx>,
    ) -> Result<Self, Failure> {
        let tx = verified.tx();
        if height > tx.valid_until_height {
            return Err(Rejected::Expired { valid_until: tx.valid_until_height, height }.into());
        }
        check_nonce(tx.nonce, account.nonce)?;
        let units = units(state, tx)?;
        let inferences = inferences(tx);
        if units > params.max_block_units || inferences > params.max_block_inferences {
            return Err(Rejected::TooManyUnits.into());
        }
        let fee = params.fee(verified.byte_len(), units);
        if fee > tx.max_fee {
            return Err(Rejected::FeeTooLow { needed: fee, max_fee: tx.max_fee }.into());
        }
        if fee > account.balance {
            return Err(Rejected::InsufficientBalance { needed: fee, balance: account.balance }.into());
        }
        Ok(Self { payer: tx.payer(), fee, units, inferences, verified })
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

    pub fn fee(&self) -> Amount {
        self.fee
    }

    pub fn units(&self) -> u64 {
        self.units
    }
}

fn check_nonce(got: u64, expected: u64) -> Result<(), Rejected> {
    match got.cmp(&expected) {
        std::cmp::Ordering::Less => Err(Rejected::NonceTooLow { expected, got }),
        std::cmp::Ordering::Greater => Err(Rejected::NonceTooHigh { expected, got }),
        std::cmp::Ordering::Equal => Ok(()),
    }
}

/// The units of a transaction: static, from its messages and the records of the models that it runs.
fn units(state: &dyn Read, tx: &Tx) -> Result<u64, Failure> {
    let mut fatal = None;
    let units = tx_units(&tx.messages, |infer| {
        let found = model::get(state, &infer.model);
        match found.and_then(|record| Ok(record.runnable()?.units)) {
            Ok(units) => Ok(units),
            Err(Failure::Rejected(rejected)) => Err(rejected),
            Err(Failure::Fatal(error)) => {
                fatal = Some(error);
                Err(Rejected::ModelUnknown)
            }
        }
    });
    match fatal {
        Some(fatal) => Err(fatal.into()),
        None => Ok(units?),
    }
}

fn inferences(tx: &Tx) -> u32 {
    let count = tx.messages.iter().filter(|message| matches!(message, Message::Infer(_))).count();
    u32::try_from(count).unwrap_or(u32::MAX)
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
        let units = self.units.checked_sub(admitted.units).ok_or(Rejected::TooManyUnits)?;
        let inferences = self.inferences.checked_sub(admitted.inferences).ok_or(Rejected::TooManyUnits)?;
        Ok(Self { units, inferences })
    }
}
