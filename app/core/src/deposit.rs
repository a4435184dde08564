//! Deposits: money of publishers that is held while the bytes of their models are stored.

use crate::account;
use crate::fatal::{Failure, Fatal};
use assay_store::{Overlay, Read, ReadExt};
use assay_types::address::Address;
use assay_types::amount::Amount;
use assay_types::error::Rejected;
use assay_types::path;

fn overflow() -> Fatal {
    Fatal::Invariant("deposits and balances are more than the supply, or less than nothing".into())
}

/// All deposits.
pub(crate) fn held(state: &dyn Read) -> Result<Amount, Fatal> {
    state.read(path::DEPOSITS)?.ok_or(Fatal::NoChain)
}

/// Takes a deposit from an account.
///
/// # Errors
/// [`Rejected::InsufficientBalance`].
pub(crate) fn take(state: &mut Overlay<'_>, from: &Address, needed: Amount) -> Result<(), Failure> {
    let mut payer = account::get(state, from)?;
    let balance = payer.balance;
    payer.balance = balance.checked_sub(needed).ok_or(Rejected::InsufficientBalance { needed, balance })?;
    account::put(state, from, &payer);
    let held = held(state)?.checked_add(needed).ok_or_else(overflow)?;
    state.write(path::DEPOSITS.to_vec(), &held);
    Ok(())
}

/// Gives a deposit back.
pub(crate) fn give_back(state: &mut Overlay<'_>, to: &Address, amount: Amount) -> Result<(), Fatal> {
    let held = held(state)?.checked_sub(amount).ok_or_else(overflow)?;
    state.write(path::DEPOSITS.to_vec(), &held);
    let mut owner = account::get(state, to)?;
    owner.balance = owner.balance.checked_add(amount).ok_or_else(overflow)?;
    account::put(state, to, &owner);
    Ok(())
}
