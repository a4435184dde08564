//! A running node: what is started in which order, what is watched, and how everything stops.
//!
//! Order of starting: engine, self-test, store, consensus if it is in this process, gateway, ABCI server, CometBFT.
//! Order of stopping: consensus, ABCI server, gateway, store; so nobody is asked who is gone already. Nothing is
//! restarted: if one part fails, all stop with its reason. The state is safe at every instant, for only a commit
//! writes.

use crate::abci::{Listen, Server};
use crate::app::AbciApp;
use crate::comet::child::Comet;
use crate::comet::rpc::Rpc;
use crate::comet::{config as comet_config, keys};
use crate::config::Config;
use crate::consensus::Driver;
use crate::engine::Compilers;
use crate::error::{Error, Result};
use crate::faults::Faults;
use crate::gateway::{About, Gateway};
use crate::home::{self, Home};
use crate::model_files::Folder;
use crate::refusals::Refusals;
use crate::retention::{Forgetting, Retention};
use crate::snapshots::{self, Snapshots};
use crate::solo::{Pace, Pacemaker, Signer, Solo};
use crate::speculation::Speculation;
use crate::stop::{Stop, Stopper};
use crate::{metrics, open, selftest};
use assay_core::App;
use assay_genesis::GenesisDoc;
use assay_store::snapshot;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

const POLL: Duration = Duration::from_millis(100);
/// How long open answers of the gateway may take when the node stops.
const EDGE_PATIENCE: Duration = Duration::from_secs(2);

/// How CometBFT is run.
#[derive(Debug, Clone)]
pub enum Consensus {
    /// As a child: this program, and CometBFT's.
    Child {
        /// This program.
        assayd: PathBuf,
        /// CometBFT.
        binary: PathBuf,
    },
    /// By somebody else, who connects to the ABCI address.
    External,
}

/// What a node is started with.
#[derive(Debug, Clone)]
pub struct Options {
    /// Its home.
    pub home: Home,
    /// Its settings.
    pub config: Config,
    /// What it gets wrong on purpose: for tests only.
    pub faults: Faults,
}

/// Runs a node until it is asked to stop or a part of it fails. Call it on the main thread.
///
/// # Errors
/// What kept it from starting, or the reason why it stopped.
pub fn run(options: &Options, compilers: Compilers, consensus: &Consensus) -> Result<()> {
    let (stopper, stops) = Stopper::new();
    let parts = Parts::open(options, compilers)?;
    let rpc = Rpc::new(options.config.comet.rpc)
        .map_err(|error| Error::input("rpc", error, "check comet.rpc in config/assayd.toml"))?;
    let edges = Edges::start(&options.config, &parts, Arc::new(rpc), &stopper)?;
    let forgetting = parts.forget(&stopper)?;
    let listen = listen(&options.home, &options.config)?;
    let mut server = Server::start(&listen, parts.handler.clone(), stopper).map_err(|error| {
        Error::failed("abci", format!("{listen}: {error}"), "stop the other node on this home")
    })?;
    tracing::info!(address = %server.address(), "the application waits for CometBFT");
    let mut comet = start_comet(options, consensus, &server)?;
    let why = watch(comet.as_mut(), &stops);
    tracing::info!(%why, "the node stops");
    if let Some(comet) = &mut comet {
        match comet.stop() {
            Ok(true) => {}
            Ok(false) => tracing::warn!("CometBFT did not end by itself and was killed"),
            Err(error) => tracing::warn!(%error, "CometBFT could not be stopped"),
        }
    }
    server.shutdown();
    forgetting.stop();
    parts.snapshots.stop();
    parts.speculation.stop();
    edges.stop();
    if why.is_orderly() { Ok(()) } else { Err(stopped(&why)) }
}

/// Runs one validator in this process, without CometBFT, until it is asked to stop or a part of it fails. `ready` is
/// told where the gateway listens, if it does.
///
/// # Errors
/// What kept it from starting, or the reason why it stopped.
pub fn run_solo(
    options: &Options,
    compilers: Compilers,
    pace: Pace,
    ready: impl FnOnce(Option<SocketAddr>),
) -> Result<()> {
    let (stopper, stops) = Stopper::new();
    let parts = Parts::open(options, compilers)?;
    let solo = open_solo(options, &parts)?;
    let edges = Edges::start(&options.config, &parts, Arc::new(solo.clone()), &stopper)?;
    let forgetting = parts.forget(&stopper)?;
    let mut pacemaker = Pacemaker::start(&solo, pace, stopper)
        .map_err(|error| Error::failed("thread", error, "check the machine's limits on threads"))?;
    ready(edges.gateway);
    let why = watch(None, &stops);
    tracing::info!(%why, "the node stops");
    pacemaker.stop();
    forgetting.stop();
    parts.snapshots.stop();
    parts.speculation.stop();
    edges.stop();
    if why.is_orderly() { Ok(()) } else { Err(stopped(&why)) }
}

fn open_solo(options: &Options, parts: &Parts) -> Result<Solo> {
    let Parts { genesis, handler, .. } = parts;
    let path = options.home.validator_key();
    let power = genesis.validators.first().map_or(0, |validator| validator.power);
    let signer = Signer::read(&path, power).map_err(|error| {
        Error::input(
            "keys",
            format!("{}: {error}", path.display()),
            "restore the key file, or use a new home",
        )
    })?;
    let clock = Box::new(tendermint::Time::now);
    Solo::open(handler.clone(), genesis, signer, &options.home.solo_blocks(), clock).map_err(|error| {
        Error::failed("solo", error, "use another home, or none for a chain that is thrown away")
    })
}

/// What every node has, whatever drives it.
struct Parts {
    app: Arc<App>,
    handler: Arc<AbciApp>,
    speculation: Speculation,
    retention: Retention,
    snapshots: Arc<Snapshots>,
    about: About,
    genesis: GenesisDoc,
}

impl Parts {
    fn open(options: &Options, compilers: Compilers) -> Result<Self> {
        let (about, genesis) = about(&options.home, &options.config)?;
        check_machine(&selftest::run())?;
        let app = Arc::new(open::state(options, compilers)?);
        let speculation = Speculation::start(&app.reader());
        let data = options.home.root().join("data");
        let handler = AbciApp::new(app.clone(), about.refusals.clone(), speculation.ahead(), data);
        let retention = Retention::new(options.config.state.kept());
        let folder = about.snapshots.clone();
        let (state, spec) = (options.home.store(), snapshots::spec(&genesis.chain_id));
        let snapshots = Arc::new(Snapshots::start(folder, state, spec, &options.config.snapshots));
        let handler = handler.with_retention(retention.clone()).with_faults(options.faults.clone());
        let handler = handler.with_snapshots(snapshots.clone());
        let handler = handler.with_model_files(Folder::new(options.home.genesis_models()));
        Ok(Self { app, handler: Arc::new(handler), speculation, retention, snapshots, about, genesis })
    }

    fn forget(&self, stopper: &Stopper) -> Result<Forgetting> {
        Forgetting::start(&self.app, &self.retention, stopper.clone())
            .map_err(|error| Error::failed("thread", error, "check the machine's limits on threads"))
    }
}

fn stopped(why: &Stop) -> Error {
    let hint = match why {
        Stop::Comet(_) => "see data/comet.log in the node's home",
        Stop::Edge(_) => "check the addresses in config/assayd.toml",
        Stop::Asked(_) | Stop::Fatal(_) => "see the lines above; the state is as the last commit left it",
    };
    match why {
        Stop::Fatal(_) => Error::internal("fatal", why, hint),
        _ => Error::failed("stopped", why, hint),
    }
}

/// Reads what the home says about the node, and checks its genesis document.
fn about(home: &Home, config: &Config) -> Result<(About, GenesisDoc)> {
    let path = home.genesis();
    let genesis = std::fs::read_to_string(&path).map_err(|error| {
        let hint = "create a home with `assayd init`, or name another with --home";
        Error::input("no_home", format!("{}: {error}", path.display()), hint)
    })?;
    let doc = GenesisDoc::from_json(genesis.as_bytes()).map_err(|error| {
        Error::input("genesis", format!("{}: {error}", path.display()), "use the chain's own genesis file")
    })?;
    let identity = keys::identity(home)
        .map_err(|error| Error::input("keys", error, "restore the key files, or create a new home"))?;
    let (moniker, node_id) = (config.moniker.clone(), identity.node.node_id());
    let (refusals, snapshots) = (Refusals::default(), snapshot::Folder::new(home.snapshots()));
    Ok((About { moniker, node_id, genesis, refusals, snapshots }, doc))
}

/// A machine that computes other bits than the others must not vote.
fn check_machine(report: &selftest::Report) -> Result<()> {
    match report.failures().next() {
        None => Ok(()),
        Some(failure) => {
            let message = format!("this machine fails its self-test: {failure}");
            Err(Error::internal(
                "selftest",
                message,
                "run `assayd selftest`; do not validate on this machine",
            ))
        }
    }
}

fn listen(home: &Home, config: &Config) -> Result<Listen> {
    match config.abci.listen.as_str() {
        "unix" => Ok(Listen::Unix(home.socket())),
        text => text.parse().map_err(|error| Error::input("abci", error, "set abci.listen")),
    }
}

/// Writes CometBFT's settings, also for one that somebody else starts on this home, and starts ours.
fn start_comet(options: &Options, consensus: &Consensus, server: &Server) -> Result<Option<Comet>> {
    let path = options.home.comet_config();
    let data = options.home.root().join("data");
    let text = comet_config::render(&options.config, server.address(), &data);
    home::replace(&path, &text).map_err(|error| Error::file(&path, &error))?;
    let Consensus::Child { assayd, binary } = consensus else {
        tracing::info!("start CometBFT with --home {}", options.home.root().display());
        return Ok(None);
    };
    let comet = Comet::start(assayd, binary, &options.home).map_err(|error| {
        Error::failed("comet", format!("{}: {error}", binary.display()), "name another with --cometbft")
    })?;
    tracing::info!(pid = comet.id(), binary = %binary.display(), "CometBFT starts");
    Ok(Some(comet))
}

/// Waits for the first reason to stop.
fn watch(mut comet: Option<&mut Comet>, stops: &Receiver<Stop>) -> Stop {
    loop {
        match stops.recv_timeout(POLL) {
            Ok(why) => return why,
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Stop::Fatal("nobody is left to serve".into()),
        }
        match comet.as_mut().map(|comet| comet.ended()) {
            Some(Ok(Some(why))) => return Stop::Comet(why),
            Some(Err(error)) => return Stop::Comet(error.to_string()),
            Some(Ok(None)) | None => {}
        }
    }
}

/// The parts that outsiders talk to, with the only async runtime of the node.
struct Edges {
    runtime: Runtime,
    stop: watch::Sender<bool>,
    /// Where the gateway listens.
    gateway: Option<SocketAddr>,
}

impl Edges {
    fn start(config: &Config, parts: &Parts, consensus: Arc<dyn Driver>, stopper: &Stopper) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .map_err(|error| Error::failed("runtime", error, "check the machine's limits on threads"))?;
        let (stop, stopped) = watch::channel(false);
        runtime.spawn(signals(stopper.clone()));
        let inside = runtime.enter();
        if config.metrics.enabled {
            let listen = config.metrics.listen;
            metrics::serve(listen).map_err(|error| taken("metrics", listen, &error))?;
            tracing::info!("metrics: http://{listen}/metrics");
        }
        let mut listens = None;
        if config.gateway.enabled {
            let gateway = Gateway::new(parts.app.reader(), consensus, parts.about.clone(), &config.gateway);
            let listen = config.gateway.listen;
            let (address, serving) = runtime
                .block_on(gateway.serve(&config.gateway, asked(stopped)))
                .map_err(|error| taken("gateway", listen, &error))?;
            let stopper = stopper.clone();
            runtime.spawn(async move {
                if let Err(error) = serving.await {
                    stopper.now(Stop::Edge(format!("the gateway failed: {error}")));
                }
            });
            tracing::info!("gateway: http://{address}/v1/status");
            listens = Some(address);
        }
        drop(inside);
        Ok(Self { runtime, stop, gateway: listens })
    }

    fn stop(self) {
        // Nobody listening means that nothing is served.
        let _ = self.stop.send(true);
        self.runtime.shutdown_timeout(EDGE_PATIENCE);
    }
}

fn taken(name: &'static str, listen: std::net::SocketAddr, error: &dyn std::fmt::Display) -> Error {
    Error::failed(
        name,
        format!("{listen}: {error}"),
        format!("choose another with --set {name}.listen=HOST:PORT"),
    )
}

async fn asked(mut stop: watch::Receiver<bool>) {
    // The sender going away is as good as being asked.
    let _ = stop.wait_for(|stop| *stop).await;
}

/// The first signal stops the node in order, the second at once.
async fn signals(stopper: Stopper) {
    let (Ok(mut term), Ok(mut int)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        tracing::warn!("signals cannot be received; stop the node with SIGKILL");
        return;
    };
    for orderly in [true, false] {
        let name = tokio::select! {
            _ = term.recv() => "SIGTERM",
            _ = int.recv() => "SIGINT",
        };
        if orderly {
            stopper.now(Stop::Asked(name));
        } else {
            tracing::warn!("{name} again: the node ends at once");
            std::process::abort();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_that_fails_its_self_test_does_not_validate_and_says_why() {
        assert!(check_machine(&selftest::run()).is_ok());
        let error = check_machine(&selftest::run_with(&selftest::with_a_wrong_answer())).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("this machine fails its self-test") && text.contains("is right"), "{text}");
    }
}
