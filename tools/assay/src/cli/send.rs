//! `assay send`.

use super::args::Send;
use super::context::{Context, asy, fee};
use super::reply::{Lines, Reply};
use crate::error::Result;
use assay_types::amount::Amount;
use assay_types::api::TxInfo;
use assay_types::error::Rejected;
use assay_types::hash::TxHash;
use assay_types::message::{Message, Transfer};
use serde::Serialize;

/// A transaction that is in a block.
#[derive(Serialize)]
pub struct Sent {
    tx_hash: TxHash,
    height: u64,
    code: u32,
    fee: Amount,
}

impl Sent {
    /// The answer of a command that sent one transaction.
    pub fn reply(info: &TxInfo) -> Result<Reply> {
        let sent = Sent { tx_hash: info.tx_hash, height: info.height, code: info.code, fee: info.fee };
        let lines = Lines::new()
            .add("transaction", sent.tx_hash)
            .add("height", sent.height)
            .add("fee", asy(sent.fee));
        Reply::new(&sent, lines.text())
    }
}

/// Runs the command.
pub fn run(context: &Context, command: Send) -> Result<Reply> {
    let to = context.address(&command.to)?;
    let client = context.client()?;
    let wallet = context.wallet(&client)?;
    let messages = vec![Message::Transfer(Transfer { to, amount: command.amount })];
    messages.iter().try_for_each(Message::check)?;
    let terms = context.terms();
    let quote = wallet.chain.quote(wallet.key, &messages, terms, |_| Err(Rejected::ModelUnknown))?;
    wallet.require_balance(command.amount.checked_add(quote.fee).unwrap_or(Amount(u128::MAX)))?;
    context.confirm(&format!("Send {} to {to}, for {}?", asy(command.amount), fee(&quote)))?;
    Sent::reply(&wallet.execute(&quote, messages)?)
}
