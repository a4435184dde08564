//! `assay query`: what the gateway says, as it says it.

use super::args::Query;
use super::context::{Context, asy};
use super::reply::{Lines, Reply, table};
use crate::error::{Error, Result};
use assay_types::api::{Block, Status, TxInfo};
use assay_types::claim::Claim;

/// Runs a command.
pub fn run(context: &Context, command: Query) -> Result<Reply> {
    let client = context.client()?;
    match command {
        Query::Account { account } => {
            let account = client.account(&context.address(&account)?)?;
            let lines = Lines::new()
                .add("address", account.address)
                .add("balance", format!("{} ({} uasy)", asy(account.balance), account.balance))
                .add("nonce", account.nonce);
            Reply::new(&account, lines.text())
        }
        Query::Tx { tx_hash } => {
            let found = client.tx(&tx_hash)?.ok_or_else(|| {
                Error::failed(
                    "tx_unknown",
                    format!("transaction {tx_hash} is in no block"),
                    "check the hash, or wait",
                )
            })?;
            Reply::new(&found, tx(&found))
        }
        Query::Block { height } => {
            let height = match height.as_str() {
                "latest" => None,
                digits => Some(digits.parse().map_err(|_| {
                    Error::input(format!("{digits:?} is no height"), "give a number, or latest")
                })?),
            };
            let found = client.block(height)?;
            Reply::new(&found, block(&found))
        }
        Query::Params => {
            let params = client.params()?;
            let lines = Lines::new()
                .add("unit price", format!("{} uasy per million units", params.unit_price))
                .add("byte price", format!("{} uasy per million bytes", params.byte_price))
                .add("units of a block", params.max_block_units)
                .add("inferences of a block", params.max_block_inferences);
            Reply::new(&params, lines.text())
        }
        Query::Validators => {
            let found = client.validators()?;
            let rows = found.validators.iter().map(|validator| {
                vec![validator.address.clone(), validator.power.to_string(), validator.public_key.clone()]
            });
            Reply::new(&found, table(&["address", "power", "public key"], rows.collect()))
        }
        Query::Fees => {
            let fees = client.fees()?;
            let lines = Lines::new()
                .add("unit price", format!("{} uasy per million units", fees.unit_price))
                .add("byte price", format!("{} uasy per million bytes", fees.byte_price));
            Reply::new(&fees, lines.text())
        }
        Query::Status => {
            let found = client.status()?;
            Reply::new(&found, status(&found))
        }
    }
}

/// What a claim states, in a few words.
fn claim(claim: &Claim) -> String {
    let (outcomes, units, root) = (claim.outcomes.len(), claim.units, claim.state_root);
    format!("{outcomes} outcomes, {units} units, root {root}")
}

fn tx(found: &TxInfo) -> String {
    if let Some(made) = &found.claim {
        let lines = Lines::new().add("transaction", found.tx_hash).add("height", found.height);
        return lines.add("claim", claim(made)).text();
    }
    let kinds: Vec<_> = found.messages.iter().map(|message| message.kind.as_str()).collect();
    Lines::new()
        .add("transaction", found.tx_hash)
        .add("height", found.height)
        .add(
            "result",
            if found.code == 0 { "ok".into() } else { format!("{} {}", found.code, found.message) },
        )
        .add_some("payer", found.payer)
        .add("fee", asy(found.fee))
        .add("units", found.units)
        .add("messages", kinds.join(", "))
        .text()
}

fn block(found: &Block) -> String {
    let mut text = Lines::new()
        .add("height", found.height)
        .add("hash", &found.hash)
        .add("time", &found.time)
        .add("proposer", &found.proposer)
        .add("app hash", found.app_hash)
        .add_some("claim", found.claim.as_ref().map(claim))
        .add("transactions", found.txs.len().saturating_sub(usize::from(found.claim.is_some())))
        .text();
    for (place, hash) in found.txs.iter().enumerate() {
        let note = if place == 0 && found.claim.is_some() { " (the claim)" } else { "" };
        text.push_str(&format!("  {hash}{note}\n"));
    }
    text
}

fn status(found: &Status) -> String {
    Lines::new()
        .add("chain", &found.chain_id)
        .add("node", format!("{} ({})", found.moniker, found.node_id))
        .add("height", found.heights.application)
        .add("app hash", found.app_hash)
        .add("peers", found.peers)
        .add("syncing", if found.syncing { "yes" } else { "no" })
        .add("assayd", &found.version)
        .add("CometBFT", &found.comet_version)
        .add("kernels", &found.kernels)
        .text()
}
