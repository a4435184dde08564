//! `dev`: one validator in this process, on a home that is kept or thrown away.

use super::args::DevArgs;
use super::{create, env, print_json, print_text, start};
use crate::engine;
use crate::error::{Error, Result};
use crate::faults::Faults;
use crate::home::Home;
use crate::node::{self, Options};
use crate::solo::{DevAccount, Pace, dev_accounts};
use assay_genesis::GenesisDoc;
use serde_json::json;
use std::net::SocketAddr;
use std::time::Duration;
use tempfile::TempDir;

/// The id of a chain that `dev` starts.
const CHAIN_ID: &str = "assay-dev-1";

pub(super) fn dev(args: &DevArgs, json: bool) -> Result<()> {
    if let Some(root) = args.home.as_ref().filter(|root| Home::new(*root).comet_blocks().exists()) {
        let message = format!("{} is the home of a node with CometBFT", root.display());
        return Err(Error::input("comet_home", message, "run it with `assayd start`, or name another home"));
    }
    // Before there is a folder to be left behind: it may take long, and nothing catches a signal yet.
    let compilers = engine::load(&engine::cache_folder(env), &mut |line| eprintln!("{line}"))?;
    let scratch = if args.home.is_none() { Some(scratch()?) } else { None };
    let root = args.home.as_deref().or(scratch.as_ref().map(TempDir::path)).unwrap_or(".".as_ref());
    let home = Home::new(std::path::absolute(root).map_err(|error| Error::file(root, &error))?);
    let accounts = dev_accounts();
    if !home.config().is_file() {
        let funded: Vec<_> = accounts.iter().map(|account| (account.address, account.balance)).collect();
        create::dev(&home, CHAIN_ID, &funded)?;
    }
    let config = start::settings(&home.config(), &args.settings.set)?;
    let (chain_id, accounts) = funded(&home, accounts)?;
    let pace = match args.block_time {
        Some(millis) => Pace::Every(Duration::from_millis(millis)),
        None => Pace::WhenNeeded,
    };
    start::abort_on_panic();
    let options = Options { home: home.clone(), config, faults: Faults::default() };
    let kept = scratch.is_none();
    node::run_solo(&options, compilers, pace, |gateway| {
        Ready { chain_id, accounts, gateway, home, kept }.print(json)
    })
}

fn scratch() -> Result<TempDir> {
    let made = tempfile::Builder::new().prefix("assay-dev-").tempdir();
    made.map_err(|error| Error::file(&std::env::temp_dir(), &error))
}

/// The chain's id, and those of the accounts that had money at its start.
fn funded(home: &Home, accounts: Vec<DevAccount>) -> Result<(String, Vec<DevAccount>)> {
    let path = home.genesis();
    let text = std::fs::read(&path).map_err(|error| Error::file(&path, &error))?;
    let genesis =
        GenesisDoc::from_json(&text).map_err(|error| Error::input("genesis", error, "use another home"))?;
    let rich = |account: &DevAccount| {
        genesis.app_state.accounts.iter().any(|funded| funded.address == account.address)
    };
    Ok((genesis.chain_id.clone(), accounts.into_iter().filter(rich).collect()))
}

/// What is said once the node runs.
struct Ready {
    chain_id: String,
    accounts: Vec<DevAccount>,
    gateway: Option<SocketAddr>,
    home: Home,
    kept: bool,
}

impl Ready {
    fn print(&self, json: bool) {
        let gateway = self.gateway.map(|address| format!("http://{address}"));
        let home = self.home.root().display().to_string();
        if json {
            let account = |account: &DevAccount| {
                let secret = hex::encode(account.seed);
                json!({"address": account.address, "balance": account.balance, "secret_key": secret})
            };
            let accounts: Vec<_> = self.accounts.iter().map(account).collect();
            return print_json(&json!({
                "chain_id": self.chain_id, "gateway": gateway, "home": home, "accounts": accounts,
                "genesis": self.home.genesis().display().to_string(),
            }));
        }
        let mut text = format!("chain    {}\n", self.chain_id);
        if let Some(gateway) = &gateway {
            text += &format!("gateway  {gateway}\n");
        }
        text += &format!("home     {home}{}\n", if self.kept { "" } else { " (thrown away at the end)" });
        text += "\nAccounts, and the secret keys that everybody knows: never send real money there.\n";
        for (index, account) in self.accounts.iter().enumerate() {
            let DevAccount { address, balance, seed } = account;
            text += &format!("({index}) {address}  {balance}\n    {}\n", hex::encode(seed));
        }
        if let Some(account) = self.accounts.first() {
            let secret = hex::encode(account.seed);
            text += &format!("\nTo use one:\n  echo {secret} | assay keys import dev --keyring test\n");
        }
        print_text(&(text + "\n"));
    }
}
