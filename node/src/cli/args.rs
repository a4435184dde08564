//! What can be typed.

use super::offline_args::{DebugCommand, ExportStateArgs, ResetArgs, RollbackArgs};
use crate::faults::Lie;
use crate::home::Home;
use assay_types::address::Address;
use assay_types::amount::Amount;
use assay_types::hash::AppHash;
use clap::{Args, Parser, Subcommand, value_parser};
use std::path::PathBuf;

/// The full node of the Assay chain: runs the state machine, CometBFT and the REST gateway.
#[derive(Debug, Parser)]
#[command(name = "assayd", version, max_term_width = 100)]
pub(super) struct Cli {
    /// Print one JSON object on stdout.
    #[arg(long, global = true)]
    pub json: bool,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Create a home: keys, settings, genesis.
    #[command(
        after_help = "Examples:\n  $ assayd init alice --chain-id assay-1 --account assay1...=1000000\n  \
                            $ assayd init bob --chain-id assay-1 --genesis genesis.json\n  \
                            $ assayd init carol --chain-id assay-1 --genesis genesis.json \\\n      \
                            --state-sync a.example:26657,b.example:26657 --trust 12000:5f0c..."
    )]
    Init(InitArgs),
    /// Networks on this machine.
    Testnet {
        #[command(subcommand)]
        command: TestnetCommand,
    },
    /// Run the node, with CometBFT as a child.
    #[command(
        after_help = "Examples:\n  $ assayd start\n  $ assayd start --home /srv/assay --set log.format=json"
    )]
    Start(StartArgs),
    /// Run one validator in this process, without CometBFT, with accounts that have money.
    #[command(after_help = "Examples:\n  $ assayd dev\n  $ assayd dev --home chain --block-time 1000\n\n\
                      A block is made as soon as a transaction waits, and another one that signs its root; with\n\
                      --block-time, one in every interval. Without --home, the chain is gone when the node stops.")]
    Dev(DevArgs),
    /// Snapshots of the state: new nodes start from them.
    #[command(visible_alias = "snapshot")]
    Snapshots {
        #[command(subcommand)]
        command: SnapshotsCommand,
    },
    /// Write the state of a height as the genesis of another chain, with the files of its models beside it.
    #[command(after_help = "Examples:\n  $ assayd export --output genesis.json\n  \
                      $ assayd export --height 12000 --chain-id assay-2 --output assay-2.json\n\n\
                      The node must be stopped. Balances, nonces, sealed models and the supply go along; receipts,\n\
                      retired models and unfinished uploads do not: see docs/runbooks/upgrade.md.")]
    Export(ExportStateArgs),
    /// Take the last height back, in the state and in CometBFT; the next start executes its block again.
    #[command(
        after_help = "Examples:\n  $ assayd rollback\n  $ assayd rollback --home /srv/assay --yes --json\n\n\
                      The node must be stopped. It can be done again, as far back as versions are kept: see\n\
                      docs/runbooks/mismatch.md."
    )]
    Rollback(RollbackArgs),
    /// Remove the state, the blocks and the snapshots; keep the keys, the settings and the genesis.
    #[command(after_help = "Examples:\n  $ assayd unsafe-reset --yes\n  \
                      $ assayd unsafe-reset --yes --keep-addr-book --keep-snapshots\n\n\
                      What was signed last is kept too, so that the validator does not sign twice when the node has\n\
                      caught up again. --reset-signing-state forgets it: only for a chain that begins anew.")]
    UnsafeReset(ResetArgs),
    /// What a developer needs when a node computes something else than the others.
    Debug {
        #[command(subcommand)]
        command: DebugCommand,
    },
    /// Say how a running node is doing.
    Status(StatusArgs),
    /// Check that this machine computes the right bits.
    Selftest,
    /// Say which version this is.
    Version {
        /// Say everything.
        #[arg(long)]
        long: bool,
    },
    /// CometBFT's keys and ids.
    Comet {
        #[command(subcommand)]
        command: CometCommand,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum TestnetCommand {
    /// Create the homes of validators that form a network on loopback.
    #[command(after_help = "Example:\n  $ assayd testnet init --validators 4 --output net\n  \
                            $ for i in 0 1 2 3; do assayd start --home net/node$i & done")]
    Init(TestnetArgs),
}

#[derive(Debug, Subcommand)]
pub(super) enum SnapshotsCommand {
    /// List them, the latest first; also while the node runs.
    List(HomeArgs),
    /// Make one of the last committed state. A running node makes its own, every snapshots.interval blocks.
    #[command(after_help = "Example:\n  $ assayd snapshots create --home /srv/assay")]
    Create(HomeArgs),
    /// Remove one; also while the node runs.
    #[command(after_help = "Example:\n  $ assayd snapshots delete 12000")]
    Delete(SnapshotArgs),
    /// Write one into one file, to be carried away; also while the node runs.
    #[command(after_help = "Example:\n  $ assayd snapshots export 12000 --output assay-12000.snapshot")]
    Export(ExportArgs),
    /// Make the state of a home from a snapshot: one of its own by height, or a file. The home must have none.
    #[command(after_help = "Examples:\n  $ assayd snapshots restore 12000\n  \
                      $ assayd snapshots restore assay-12000.snapshot --app-hash 5f0c...\n\n\
                      Interrupted, it goes on where it was when it is started again. CometBFT's own data must be\n\
                      at that height or above: see docs/runbooks/restore.md.")]
    Restore(RestoreArgs),
}

#[derive(Debug, Subcommand)]
pub(super) enum CometCommand {
    /// Print the node's id in the peer-to-peer network.
    ShowNodeId(HomeArgs),
    /// Print the public key that verifies the validator's votes.
    ShowValidator(HomeArgs),
    /// Print the validator's address.
    ShowAddress(HomeArgs),
    /// Become a program that dies with its parent; `start` uses it.
    #[command(hide = true)]
    Exec(ExecArgs),
}

#[derive(Debug, Args)]
pub(super) struct HomeArgs {
    /// The node's home [default: ~/.assay].
    #[arg(long, env = "ASSAYD_HOME", value_name = "DIR")]
    pub home: Option<PathBuf>,
}

impl HomeArgs {
    /// The home that is meant.
    pub(super) fn home(&self) -> Home {
        let default = || std::env::home_dir().unwrap_or_default().join(".assay");
        let home = self.home.clone().unwrap_or_else(default);
        // CometBFT gets the same paths, and may have another working directory.
        Home::new(std::path::absolute(&home).unwrap_or(home))
    }
}

#[derive(Debug, Args)]
pub(super) struct Settings {
    /// A setting of assayd.toml; may be repeated.
    #[arg(long = "set", value_name = "SECTION.KEY=VALUE")]
    pub set: Vec<String>,
}

#[derive(Debug, Args)]
pub(super) struct InitArgs {
    /// The node's name for people.
    pub moniker: String,
    /// The chain's id.
    #[arg(long, value_name = "ID")]
    pub chain_id: String,
    #[command(flatten)]
    pub home: HomeArgs,
    /// The genesis document of an existing chain; without it, a chain with this node as its validator.
    #[arg(long, value_name = "FILE", conflicts_with = "accounts")]
    pub genesis: Option<PathBuf>,
    /// An account of a new chain and its money in uasy; may be repeated.
    #[arg(long = "account", value_name = "ADDRESS=AMOUNT", value_parser = account)]
    pub accounts: Vec<(Address, Amount)>,
    /// Start from a snapshot of the peers' state; two or more CometBFT RPCs to check it with.
    #[arg(long, value_name = "RPC,RPC", value_delimiter = ',', requires_all = ["trust", "genesis"])]
    pub state_sync: Vec<String>,
    /// A block to trust, from somebody you trust: `assayd status` of a node prints one.
    #[arg(long, value_name = "HEIGHT:HASH", value_parser = trust, requires = "state_sync")]
    pub trust: Option<(u64, String)>,
    #[command(flatten)]
    pub settings: Settings,
}

#[derive(Debug, Args)]
pub(super) struct TestnetArgs {
    /// How many validators.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = value_parser!(u16).range(1..=100))]
    pub validators: u16,
    /// The folder for the homes: node0, node1 and so on.
    #[arg(long, value_name = "DIR")]
    pub output: PathBuf,
    /// The first port: node i uses P+10i for peers, P+10i+1 for CometBFT's RPC, P+10i+2 for its gateway.
    #[arg(long, value_name = "P", default_value_t = 26600, value_parser = value_parser!(u16).range(1..))]
    pub starting_port: u16,
    /// The chain's id.
    #[arg(long, value_name = "ID", default_value = "assay-local-1")]
    pub chain_id: String,
    /// An account and its money in uasy; may be repeated.
    #[arg(long = "account", value_name = "ADDRESS=AMOUNT", value_parser = account)]
    pub accounts: Vec<(Address, Amount)>,
    #[command(flatten)]
    pub settings: Settings,
}

#[derive(Debug, Args)]
pub(super) struct StartArgs {
    #[command(flatten)]
    pub home: HomeArgs,
    /// The cometbft program.
    #[arg(long, env = "ASSAYD_COMETBFT", value_name = "FILE")]
    pub cometbft: Option<PathBuf>,
    /// Only serve ABCI; somebody else runs CometBFT.
    #[arg(long)]
    pub external_comet: bool,
    /// Get a bit of every output wrong: for tests of networks with a broken machine. It has no variable and no
    /// setting, so that it cannot be left on.
    #[arg(long, hide = true)]
    pub faulty_engine: bool,
    /// Propose these lies in turn, and vote for everything: for tests, likewise.
    #[arg(long, hide = true, value_enum, value_delimiter = ',', value_name = "KIND,...")]
    pub lying_proposals: Vec<Lie>,
    #[command(flatten)]
    pub settings: Settings,
}

#[derive(Debug, Args)]
pub(super) struct DevArgs {
    /// Where to keep the chain; without it, it is thrown away.
    #[arg(long, value_name = "DIR")]
    pub home: Option<PathBuf>,
    /// Milliseconds from block to block; without it, a block is made when one is needed.
    #[arg(long, value_name = "MS", value_parser = value_parser!(u64).range(1..=600_000))]
    pub block_time: Option<u64>,
    #[command(flatten)]
    pub settings: Settings,
}

#[derive(Debug, Args)]
pub(super) struct SnapshotArgs {
    /// Its height.
    pub height: u64,
    #[command(flatten)]
    pub home: HomeArgs,
}

#[derive(Debug, Args)]
pub(super) struct ExportArgs {
    /// Its height.
    pub height: u64,
    /// The file, which must not exist.
    #[arg(long, value_name = "FILE")]
    pub output: PathBuf,
    #[command(flatten)]
    pub home: HomeArgs,
}

#[derive(Debug, Args)]
pub(super) struct RestoreArgs {
    /// The height of one of the home's snapshots, or a file that `snapshots export` wrote.
    #[arg(value_name = "HEIGHT|FILE")]
    pub from: String,
    /// The root that it must have: the app hash in the header of the next height.
    #[arg(long, value_name = "HEX")]
    pub app_hash: Option<AppHash>,
    /// Restore although CometBFT has no blocks here: to export the state or to look at it, not to go on from it.
    #[arg(long)]
    pub without_blocks: bool,
    #[command(flatten)]
    pub home: HomeArgs,
}

#[derive(Debug, Args)]
pub(super) struct StatusArgs {
    /// The node's gateway [default: that of the home, if one is named; else $ASSAY_NODE].
    #[arg(long, value_name = "URL")]
    pub node: Option<String>,
    /// The node's home [default: $ASSAYD_HOME, or else ~/.assay].
    #[arg(long, value_name = "DIR")]
    pub home: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct ExecArgs {
    /// The process to die with.
    #[arg(long)]
    pub parent: u32,
    /// The program and its arguments.
    #[arg(last = true, required = true)]
    pub command: Vec<String>,
}

fn trust(text: &str) -> Result<(u64, String), String> {
    let (height, hash) = text.split_once(':').ok_or("write it as HEIGHT:HASH")?;
    Ok((height.trim().parse().map_err(|error| format!("{error}"))?, hash.trim().to_owned()))
}

fn account(text: &str) -> Result<(Address, Amount), String> {
    let (address, amount) = text.split_once('=').ok_or("write it as ADDRESS=AMOUNT")?;
    let address = address.trim().parse().map_err(|error| format!("{error}"))?;
    let amount = amount.trim().parse().map_err(|error| format!("{error}"))?;
    Ok((address, amount))
}
