//! What must hold after every block, checked by tests and by whoever doubts a state.

use crate::fatal::Fatal;
use crate::{deposit, fee};
use assay_store::{Read, ReadExt};
use assay_types::account::Account;
use assay_types::amount::Amount;
use assay_types::model::ModelRecord;
use assay_types::path;
use borsh::{BorshDeserialize, BorshSerialize};

/// Before every account's record.
const ACCOUNTS: &[u8] = b"account/";

/// Records read at a time.
const PAGE: usize = 1024;

/// Checks that the balances, the deposits and the fee pool add up to the supply, and that the deposits are those of
/// the models. It reads every account and every model.
///
/// # Errors
/// [`Fatal::Invariant`] with both figures when they do not, or when the store fails.
pub fn check_supply(state: &dyn Read) -> Result<(), Fatal> {
    let supply: Amount = state.read(path::SUPPLY)?.ok_or(Fatal::NoChain)?;
    let (pool, held) = (fee::pool(state)?, deposit::held(state)?);
    let balances = sum(state, ACCOUNTS, |account: &Account| account.balance)?;
    let all = balances.checked_add(pool).and_then(|sum| sum.checked_add(held)).ok_or_else(overflow)?;
    if all != supply {
        return Err(Fatal::Invariant(format!(
            "balances, fees and deposits are {all} uasy, and the supply is {supply}"
        )));
    }
    let deposited = sum(state, path::MODELS, |model: &ModelRecord| model.deposit)?;
    if deposited != held {
        return Err(Fatal::Invariant(format!(
            "models have {deposited} uasy of deposits, and {held} uasy are held"
        )));
    }
    Ok(())
}

fn overflow() -> Fatal {
    Fatal::Invariant("the money adds up to more than an amount can hold".into())
}

/// The sum of what every record under a prefix has.
fn sum<T: BorshSerialize + BorshDeserialize>(
    state: &dyn Read,
    prefix: &[u8],
    amount: impl Fn(&T) -> Amount,
) -> Result<Amount, Fatal> {
    let mut sum = Amount::ZERO;
    let mut after: Option<Vec<u8>> = None;
    loop {
        let page = state.scan(prefix, after.as_deref(), PAGE)?;
        for (key, _) in &page {
            let record: Option<T> = state.read(key)?;
            let record = record.ok_or_else(|| Fatal::Invariant("a record vanished".into()))?;
            sum = sum.checked_add(amount(&record)).ok_or_else(overflow)?;
        }
        match page.last() {
            Some((key, _)) => after = Some(key.clone()),
            None => return Ok(sum),
        }
    }
}
