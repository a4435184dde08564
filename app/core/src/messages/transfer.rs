//! Moving money.

use crate::account;
use crate::execute::Call;
use crate::fatal::{Failure, Fatal};
use assay_store::Overlay;
use assay_types::error::Rejected;
use assay_types::message::Transfer;

pub(super) fn execute(
    transfer: &Transfer,
    state: &mut Overlay<'_>,
    call: &mut Call<'_>,
) -> Result<(), Failure> {
    let from = call.admitted.payer();
    let mut sender = account::get(state, &from)?;
    let (needed, balance) = (transfer.amount, sender.balance);
    sender.balance = balance.checked_sub(needed).ok_or(Rejected::InsufficientBalance { needed, balance })?;
    account::put(state, &from, &sender);
    // Read only now: the receiver may be the sender.
    let mut receiver = account::get(state, &transfer.to)?;
    let sum = receiver.balance.checked_add(needed);
    receiver.balance = sum.ok_or_else(|| Fatal::Invariant("a balance above the supply".into()))?;
    account::put(state, &transfer.to, &receiver);
    call.event(
        "transfer",
        [("from", from.to_string()), ("to", transfer.to.to_string()), ("amount", needed.to_string())],
    );
    Ok(())
}
