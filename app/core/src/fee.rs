//! The fee and the nonce: taken from every admitted transaction, whatever becomes of its messages.

use crate::account;
use crate::admit::Admitted;
use crate::fatal::Fatal;
use assay_store::{Overlay, Read, ReadExt};
use assay_types::account::Account;
use assay_types::amount::Amount;
use assay_types::path;

fn overflow() -> Fatal {
    Fatal::Invariant("an admitted transaction overdraws, or overflows the fee pool or the nonce".into())
}

/// The account after it has paid a fee and used a nonce.
pub(crate) fn charged(account: Account, fee: Amount) -> Result<Account, Fatal> {
    let balance = account.balance.checked_sub(fee).ok_or_else(overflow)?;
    let nonce = account.nonce.checked_add(1).ok_or_else(overflow)?;
    Ok(Account { balance, nonce })
}

/// Fees taken so far.
pub(crate) fn pool(state: &dyn Read) -> Result<Amount, Fatal> {
    state.read(path::FEE_POOL)?.ok_or(Fatal::NoChain)
}

/// Takes the fee and the nonce of a transaction that was admitted on this very state.
pub(crate) fn take(state: &mut Overlay<'_>, admitted: &Admitted) -> Result<(), Fatal> {
    let payer = admitted.payer();
    let account = charged(admitted.account(), admitted.fee())?;
    account::put(state, &payer, &account);
    let pool = pool(state)?.checked_add(admitted.fee()).ok_or_else(overflow)?;
    state.write(path::FEE_POOL.to_vec(), &pool);
    Ok(())
}
