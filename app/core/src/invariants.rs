//! What must hold after every block, checked by tests and by whoever doubts a state.

use crate::fatal::Fatal;
use crate::fee;
use assay_store::{Read, ReadExt};
use assay_types::account::Account;
use assay_types::amount::Amount;
use assay_types::path;

/// Before every account's record.
const ACCOUNTS: &[u8] = b"account/";

/// Accounts read at a time.
const PAGE: usize = 1024;

/// Checks that the balances and the fee pool add up to the supply. It reads every account.
///
/// # Errors
/// [`Fatal::Invariant`] with both figures when they do not, or when the store fails.
pub fn check_supply(state: &dyn Read) -> Result<(), Fatal> {
    let supply: Amount = state.read(path::SUPPLY)?.ok_or(Fatal::NoChain)?;
    let overflow = || Fatal::Invariant("the balances add up to more than an amount can hold".into());
    let mut sum = fee::pool(state)?;
    let mut after: Option<Vec<u8>> = None;
    loop {
        let page = state.scan(ACCOUNTS, after.as_deref(), PAGE)?;
        for (key, _) in &page {
            let account: Account = state.read(key)?.unwrap_or_default();
            sum = sum.checked_add(account.balance).ok_or_else(overflow)?;
        }
        match page.last() {
            Some((key, _)) => after = Some(key.clone()),
            None => break,
        }
    }
    if sum != supply {
        return Err(Fatal::Invariant(format!(
            "balances and fees are {sum} uasy, and the supply is {supply}"
        )));
    }
    Ok(())
}
