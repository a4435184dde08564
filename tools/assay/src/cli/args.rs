//! What may be typed. The names are fixed: scripts and other programs rely on them.

use crate::keys::{Backend, KeyType};
use assay_types::amount::Amount;
use assay_types::hash::{ModelId, OutputHash, TxHash};
use assay_types::limits::MAX_RANK;
use assay_types::tensor::InputShape;
use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;

/// The wallet and developer tool of Assay.
#[derive(Debug, Parser)]
#[command(name = "assay", version, about, disable_help_subcommand = true)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

/// What every command takes.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// The gateway of a node.
    #[arg(
        long,
        global = true,
        value_name = "URL",
        env = "ASSAY_NODE",
        default_value = "http://127.0.0.1:1317"
    )]
    pub node: String,
    /// Where keys and caches are kept [default: ~/.assay].
    #[arg(long, global = true, value_name = "DIR", env = "ASSAY_HOME", hide_env_values = true)]
    pub home: Option<PathBuf>,
    /// Print one JSON object on stdout, for programs.
    #[arg(long, global = true)]
    pub json: bool,
    /// The key that signs and pays [default: the only one there is].
    #[arg(long, global = true, value_name = "KEY", env = "ASSAY_FROM")]
    pub from: Option<String>,
    /// Do not ask before spending or deleting.
    #[arg(long, short = 'y', global = true)]
    pub yes: bool,
    /// The most that the command may spend on fees, tip included, like 2500 (uasy) or 1.5asy [default: twice
    /// the fee of now, which covers five full blocks in a row, each an eighth dearer than the one before; the
    /// chain takes the exact fee].
    #[arg(long, global = true, value_name = "AMOUNT")]
    pub max_fee: Option<Amount>,
    /// What each transaction pays above its price for coming earlier.
    #[arg(long, global = true, value_name = "AMOUNT", default_value = "0")]
    pub tip: Amount,
    /// How keys are protected [default: file for a new key, else whatever the key has].
    #[arg(long, global = true, value_enum, value_name = "BACKEND", env = "ASSAY_KEYRING")]
    pub keyring: Option<Backend>,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make and keep keys.
    #[command(subcommand)]
    Keys(Keys),
    /// Send money.
    #[command(after_help = "Examples:\n  $ assay send assay1... 1.5asy --from alice\n  \
            $ assay send bob 2500 --yes --json")]
    Send(Send),
    /// Look into, run, publish and find models.
    #[command(subcommand)]
    Model(Model),
    /// Run a model on the chain.
    #[command(after_help = "Examples:\n  $ assay infer digits --inputs digit.npz --dry-run\n  \
        $ assay infer 3f0c... --inputs digit.npz --output out.npz --receipt digit.assay --from alice")]
    Infer(Infer),
    /// Fetch the proof of an inference as one file.
    #[command(after_help = "Examples:\n  $ assay receipt 9B2E... --output digit.assay")]
    Receipt(Receipt),
    /// Check a receipt file, offline.
    #[command(after_help = "Examples:\n  $ assay verify digit.assay --genesis genesis.json\n  \
        $ assay verify digit.assay --trust 1042:5f1c... --model digits.onnx")]
    Verify(Verify),
    /// Read the chain.
    #[command(subcommand)]
    Query(Query),
}

#[derive(Debug, Subcommand)]
pub enum Keys {
    /// Make a new key and show its words, once.
    #[command(
        after_help = "Examples:\n  $ assay keys add alice\n  $ assay keys add demo --keyring test --json"
    )]
    Add {
        name: String,
        /// The kind of key.
        #[arg(long = "type", value_enum, default_value_t)]
        kind: KeyType,
        /// How many words: 12 or 24.
        #[arg(long, default_value_t = 24, value_name = "N")]
        words: u8,
        /// Which account of the words.
        #[arg(long, default_value_t = 0, value_name = "N")]
        account: u32,
    },
    /// List the keys.
    #[command(after_help = "Examples:\n  $ assay keys list")]
    List,
    /// Show a key's address.
    #[command(after_help = "Examples:\n  $ assay keys show alice\n  $ assay keys show alice --json")]
    Show { name: String },
    /// Take a key from words, or from 64 hexadecimal digits, given on stdin.
    #[command(after_help = "Examples:\n  $ assay keys import alice\n  \
            $ assay keys import alice --type secp256k1 < words.txt")]
    Import {
        name: String,
        /// The kind of key.
        #[arg(long = "type", value_enum, default_value_t)]
        kind: KeyType,
        /// Which account of the words.
        #[arg(long, default_value_t = 0, value_name = "N")]
        account: u32,
    },
    /// Show a key's secret: 64 hexadecimal digits that `keys import` reads.
    #[command(after_help = "Examples:\n  $ assay keys export alice")]
    Export { name: String },
    /// Delete a key. Without its words it is gone.
    #[command(after_help = "Examples:\n  $ assay keys delete old")]
    Delete { name: String },
}

#[derive(Debug, Args)]
pub struct Send {
    /// An address, or the name of a key.
    pub to: String,
    /// Like 2500, 2500uasy or 1.5asy.
    pub amount: Amount,
}

#[derive(Debug, Args)]
pub struct Profile {
    pub file: PathBuf,
    /// Arrays named as the model's inputs [default: all ones].
    #[arg(long, value_name = "X.npz")]
    pub inputs: Option<PathBuf>,
    /// The bodies to run: reference, avx2, avx512, neon [default: the best that this CPU has].
    #[arg(long, value_name = "NAME")]
    pub isa: Option<String>,
    /// Threads of the whole run; the steps are always timed on one. The bits are the same.
    #[arg(long, default_value_t = 1, value_name = "N")]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=256))]
    pub threads: u16,
    /// How often to run; each step's best time counts.
    #[arg(long, default_value_t = 10, value_name = "N")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub runs: u32,
    #[command(flatten)]
    pub shapes: Shapes,
}

#[derive(Debug, Subcommand)]
pub enum Model {
    /// Say what a model is and what it costs; no node is needed.
    #[command(after_help = "Examples:\n  $ assay model inspect digits.onnx\n  \
        $ assay model inspect net.onnx --shape image=1,3,224,224 --json\n  \
        $ assay model inspect digits.onnx --plan")]
    Inspect {
        file: PathBuf,
        /// List the opcodes of the compiled plan, with their units.
        #[arg(long)]
        plan: bool,
        #[command(flatten)]
        shapes: Shapes,
    },
    /// Run a model in the same sandbox as a validator; no node is needed.
    #[command(after_help = "Examples:\n  $ assay model run digits.onnx --inputs digit.npz\n  \
        $ assay model run digits.onnx --inputs digit.npz --output out.npz --json")]
    Run {
        file: PathBuf,
        /// Arrays named as the model's inputs.
        #[arg(long, value_name = "X.npz")]
        inputs: PathBuf,
        /// Where to write the outputs.
        #[arg(long, value_name = "Y.npz")]
        output: Option<PathBuf>,
        #[command(flatten)]
        shapes: Shapes,
    },
    /// Show where a run's time goes, beside the units that are charged; no node is needed.
    #[command(after_help = "Examples:\n  $ assay model profile digits.onnx\n  \
        $ assay model profile digits.onnx --inputs digit.npz --isa avx2 --runs 50 --json")]
    Profile(Profile),
    /// Upload and seal a model; goes on where it was interrupted.
    #[command(after_help = "Examples:\n  $ assay model publish digits.onnx --name digits --from alice\n  \
        $ assay model publish net.onnx --name net --version 2 --shape image=1,3,224,224 --yes")]
    Publish {
        file: PathBuf,
        /// A name for people.
        #[arg(long)]
        name: String,
        /// A version for people.
        #[arg(long, default_value = "")]
        version: String,
        /// Free text.
        #[arg(long, default_value = "")]
        description: String,
        #[command(flatten)]
        shapes: Shapes,
    },
    /// Seal a model whose chunks are all there (`publish` does this by itself).
    #[command(after_help = "Examples:\n  $ assay model seal 3f0c... --from alice")]
    Seal { model: String },
    /// Withdraw a model: nobody can run it on the chain any more.
    #[command(after_help = "Examples:\n  $ assay model retire 3f0c... --from alice")]
    Retire { model: String },
    /// List the models of the chain.
    #[command(after_help = "Examples:\n  $ assay model list")]
    List {
        /// Start behind this model.
        #[arg(long, value_name = "ID")]
        after: Option<ModelId>,
        /// At most so many.
        #[arg(long, default_value_t = 50, value_name = "N")]
        #[arg(value_parser = clap::value_parser!(u32).range(1..=100))]
        limit: u32,
    },
    /// Show a model: by id, or by a name that only one sealed model has.
    #[command(after_help = "Examples:\n  $ assay model show digits\n  $ assay model show 3f0c... --json")]
    Show { model: String },
    /// Fetch a model's file and check it against its id.
    #[command(after_help = "Examples:\n  $ assay model download digits --output digits.onnx")]
    Download {
        model: String,
        /// Where to write it [default: ID.onnx].
        #[arg(long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
}

#[derive(Debug, Args)]
pub struct Shapes {
    /// The dims of an input that the file leaves open; once for each.
    #[arg(long = "shape", value_name = "NAME=D,D,...", value_parser = parse_shape)]
    pub shapes: Vec<InputShape>,
}

#[derive(Debug, Args)]
pub struct Infer {
    /// A model: its id, or a name that only one sealed model has.
    pub model: String,
    /// Arrays named as the model's inputs.
    #[arg(long, value_name = "X.npz")]
    pub inputs: PathBuf,
    /// Where to write the outputs.
    #[arg(long, value_name = "Y.npz")]
    pub output: Option<PathBuf>,
    /// Where to write the receipt file.
    #[arg(long, value_name = "R.assay", conflicts_with = "dry_run")]
    pub receipt: Option<PathBuf>,
    /// Run it on the node without a transaction: the true output, units and fee.
    #[arg(long)]
    pub dry_run: bool,
    /// Fail unless the output has this hash.
    #[arg(long, value_name = "HASH")]
    pub expect_output_hash: Option<OutputHash>,
    /// Refuse a model that costs more units than this.
    #[arg(long, value_name = "U")]
    pub max_units: Option<u64>,
}

#[derive(Debug, Args)]
pub struct Receipt {
    pub tx_hash: TxHash,
    /// Which message of the transaction.
    #[arg(long, default_value_t = 0, value_name = "I")]
    pub index: u32,
    /// Where to write it [default: TX_HASH-INDEX.assay].
    #[arg(long, value_name = "R.assay")]
    pub output: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct Verify {
    pub file: PathBuf,
    /// A genesis document to trust [default: HOME/config/genesis.json].
    #[arg(long, value_name = "FILE", conflicts_with = "trust")]
    pub genesis: Option<PathBuf>,
    /// A header to trust.
    #[arg(long, value_name = "HEIGHT:HASH")]
    pub trust: Option<String>,
    /// The model, to run the inference again.
    #[arg(long, value_name = "FILE")]
    pub model: Option<PathBuf>,
    /// The compiler, instead of the built-in one.
    #[arg(long, value_name = "FILE")]
    pub engine: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub enum Query {
    /// An account's money and nonce.
    #[command(after_help = "Examples:\n  $ assay query account alice\n  $ assay query account assay1...")]
    Account {
        /// An address, or the name of a key.
        account: String,
    },
    /// A transaction that is in a block.
    #[command(after_help = "Examples:\n  $ assay query tx 9B2E...")]
    Tx { tx_hash: TxHash },
    /// A block.
    #[command(after_help = "Examples:\n  $ assay query block\n  $ assay query block 1042")]
    Block {
        /// A height, or latest.
        #[arg(default_value = "latest")]
        height: String,
    },
    /// The consensus parameters.
    #[command(after_help = "Examples:\n  $ assay query params --json")]
    Params,
    /// The validators.
    #[command(after_help = "Examples:\n  $ assay query validators")]
    Validators,
    /// Prices of the last block and of the next one, how full blocks are, and what no price falls below.
    #[command(after_help = "Examples:\n  $ assay query fees")]
    Fees,
    /// How the node is doing.
    #[command(after_help = "Examples:\n  $ assay query status --node http://127.0.0.1:1317")]
    Status,
}

fn parse_shape(text: &str) -> Result<InputShape, String> {
    let (name, dims) = text.rsplit_once('=').ok_or("write NAME=1,3,224,224")?;
    let dims: Result<Vec<u32>, _> = dims.split(',').map(|dim| dim.trim().parse()).collect();
    let dims = dims.map_err(|_| "write NAME=1,3,224,224")?;
    if name.is_empty() || dims.len() > MAX_RANK || dims.contains(&0) {
        return Err(format!("a name, and 1 to {MAX_RANK} dims above zero"));
    }
    Ok(InputShape { name: name.into(), dims })
}
