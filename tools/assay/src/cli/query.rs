//! `assay query`: what the gateway says, as it says it.

use super::args::Query;
use super::context::{Context, asy};
use super::reply::{Lines, Reply, table};
use crate::error::{Error, Result};
use assay_types::amount::Amount;
use assay_types::api::{Block, Fees, Fullness, Status, TxInfo};
use assay_types::claim::Claim;
use assay_types::fees::Prices;

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
                .add("first prices", prices(&params.initial_prices))
                .add("least prices", prices(&params.min_prices))
                .add("price change", format!("at most 1/{} per block", params.price_change_divisor))
                .add("bytes of a block", params.max_block_bytes)
                .add("units of a block", params.max_block_units)
                .add("inferences of a block", params.max_block_inferences)
                .add("bytes of the hot set", params.hot_set_bytes)
                .add("deposit per byte", asy(Amount(params.deposit_per_byte.into())))
                .add("receipts stay for", format!("{} blocks", params.receipt_blocks))
                .add("chunks stay for", format!("{} blocks after retirement", params.chunk_delay_blocks));
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
            let found = client.fees()?;
            Reply::new(&found, fees(&found))
        }
        Query::Status => {
            let found = client.status()?;
            Reply::new(&found, status(&found))
        }
    }
}

fn prices(prices: &Prices) -> String {
    let Prices { unit_price, byte_price } = prices;
    format!("{unit_price} uasy per million units, {byte_price} uasy per million bytes")
}

fn fees(found: &Fees) -> String {
    let part = |full: &Fullness| {
        let percent = u128::from(full.used) * 100 / u128::from(full.most.max(1));
        format!("{} of {} ({percent}%; prices rise above {})", full.used, full.most, full.target)
    };
    Lines::new()
        .add("height", found.height)
        .add("prices of that block", prices(&found.now))
        .add("prices of the next", prices(&found.next))
        .add("least prices", prices(&found.min))
        .add("units used", part(&found.units))
        .add("bytes used", part(&found.bytes))
        .text()
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
        .add("tip", asy(found.tip))
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
