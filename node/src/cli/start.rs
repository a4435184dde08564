//! `start`: settings, log, the program of CometBFT, then the node.

use super::args::StartArgs;
use super::{env, logging};
use crate::comet::locate;
use crate::config::{self, Config};
use crate::engine;
use crate::error::{Error, Result};
use crate::faults::Faults;
use crate::node::{self, Consensus, Options};
use std::path::{Path, PathBuf};

pub(super) fn start(args: &StartArgs) -> Result<()> {
    let home = args.home.home();
    let path = home.config();
    if !path.is_file() {
        let message = format!("there is no home at {}", home.root().display());
        return Err(Error::input(
            "no_home",
            message,
            "create one with `assayd init`, or name it with --home",
        ));
    }
    if home.solo_blocks().exists() {
        let message = format!("{} is the home of a chain without CometBFT", home.root().display());
        return Err(Error::input(
            "dev_home",
            message,
            "run it with `assayd dev --home`, or name another home",
        ));
    }
    let config = settings(&path, &args.settings.set)?;
    let consensus = if args.external_comet {
        Consensus::External
    } else {
        let binary = comet_binary(&config, args.cometbft.as_deref())?;
        let assayd = std::env::current_exe()
            .map_err(|error| Error::internal("exe", error, "start assayd by its full path"))?;
        Consensus::Child { assayd, binary }
    };
    abort_on_panic();
    let faults = Faults { engine: args.faulty_engine, proposals: args.lying_proposals.clone() };
    let compilers = engine::load(&engine::cache_folder(env), &mut |line| eprintln!("{line}"))?;
    node::run(&Options { home, config, faults }, compilers, &consensus)
}

/// The program of CometBFT: the one that is named, or set, or found.
pub(super) fn comet_binary(config: &Config, named: Option<&Path>) -> Result<PathBuf> {
    let named = named.or_else(|| {
        let set = Path::new(&config.comet.binary);
        (!config.comet.binary.is_empty()).then_some(set)
    });
    locate::locate(named, env).map_err(|error| Error::input("no_comet", &error, error.hint()))
}

/// Reads a home's settings.
pub(super) fn config(path: &Path, set: &[String]) -> Result<Config> {
    config::load(Some(path), env, set)
        .map_err(|error| Error::input("bad_config", error, "correct the setting; see docs/operators.md"))
}

/// Reads a home's settings, and starts the log.
pub(super) fn settings(path: &Path, set: &[String]) -> Result<Config> {
    let config = self::config(path, set)?;
    logging::start(&config.log)?;
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    for (name, nearest) in config::unknown_variables(names) {
        tracing::warn!("the variable {name} sets nothing; did you mean {nearest}?");
    }
    Ok(config)
}

/// A thread that panicked leaves the node half alive: better none at all. The state is as the last commit
/// left it.
pub(super) fn abort_on_panic() {
    let print = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        print(panic);
        eprintln!("the node ends at once; report the lines above, then start it again");
        std::process::abort();
    }));
}
