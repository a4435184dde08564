//! Accounts: one record each, absent until somebody pays into it.

use crate::fatal::Fatal;
use assay_store::{Overlay, Read, ReadExt};
use assay_types::account::Account;
use assay_types::address::Address;
use assay_types::path;

/// An account's record; zeros for one never seen.
pub(crate) fn get(state: &dyn Read, address: &Address) -> Result<Account, Fatal> {
    Ok(state.read(&path::account(address))?.unwrap_or_default())
}

/// Sets an account's record.
pub(crate) fn put(state: &mut Overlay<'_>, address: &Address, account: &Account) {
    state.write(path::account(address), account);
}
