//! One node: `assayd` and the CometBFT that it runs as a child.
//!
//! The two are started together, and killed or stopped one at a time. Whatever happens, dropping a [`Node`] ends
//! both.

use crate::error::Error;
use crate::log;
use crate::ports::PORTS_PER_NODE;
use crate::process::Handle;
use assay::client::Client;
use rustix::process::Signal;
use std::ffi::{OsStr, OsString};
use std::fs::OpenOptions;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// How long a clean stop may take before the processes are killed.
pub const STOP_LIMIT: Duration = Duration::from_secs(15);
/// How long a node may take until its gateway answers: the first one on a machine makes the engine's machine code,
/// half a minute on two idle cores.
pub const START_LIMIT: Duration = Duration::from_secs(180);
const POLL: Duration = Duration::from_millis(100);
const LOG_LINES: usize = 25;

/// A node's ports, counted from the first of its run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ports {
    /// CometBFT's peer-to-peer port.
    pub p2p: u16,
    /// CometBFT's RPC.
    pub rpc: u16,
    /// The gateway.
    pub gateway: u16,
    /// The metrics, when they are served.
    pub metrics: u16,
}

impl Ports {
    /// The ports of the node at an index, as `assayd testnet init --starting-port` deals them.
    pub fn of(starting: u16, index: usize) -> Self {
        let first = starting + PORTS_PER_NODE * index as u16;
        Self { p2p: first, rpc: first + 1, gateway: first + 2, metrics: first + 3 }
    }
}

struct Running {
    assayd: Child,
    handle: Handle,
    // Found when it is first seen, and kept: once `assayd` is dead, nobody is its parent.
    comet: Option<Handle>,
}

/// A node of a network.
pub struct Node {
    name: String,
    home: PathBuf,
    log: PathBuf,
    binary: PathBuf,
    ports: Ports,
    flags: Vec<String>,
    variables: Vec<(String, String)>,
    under: Vec<OsString>,
    gateway: Client,
    running: Option<Running>,
    orphan: Option<Handle>,
}

impl Node {
    pub(crate) fn new(name: String, dir: &Path, binary: PathBuf, ports: Ports) -> Result<Self, Error> {
        let gateway = Client::new(&format!("http://127.0.0.1:{}", ports.gateway))?;
        let (home, log) = (dir.join("homes").join(&name), dir.join(format!("{name}.log")));
        let (flags, variables, under) = Default::default();
        let (running, orphan) = (None, None);
        Ok(Self { name, home, log, binary, ports, flags, variables, under, gateway, running, orphan })
    }

    /// The name, `node0` and so on.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The folder of its configuration and data.
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// CometBFT's genesis document.
    pub fn genesis(&self) -> PathBuf {
        self.home.join("config/genesis.json")
    }

    /// What both processes print.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Its ports.
    pub fn ports(&self) -> Ports {
        self.ports
    }

    /// Its gateway.
    pub fn gateway(&self) -> &Client {
        &self.gateway
    }

    /// Flags that `assayd start` gets from the next start on.
    pub fn set_flags(&mut self, flags: &[&str]) {
        self.flags = flags.iter().map(|flag| (*flag).to_owned()).collect();
    }

    /// Variables that both processes get from the next start on, beside those of this process.
    pub fn set_variables(&mut self, variables: &[(&str, &str)]) {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        self.variables = variables.iter().map(owned).collect();
    }

    /// The words before `assayd start` from the next start on: a program that becomes the one that the rest names, as
    /// `nsenter` does.
    pub fn run_under(&mut self, words: &[&OsStr]) {
        self.under = words.iter().map(|word| (*word).to_owned()).collect();
    }

    /// Starts the processes and returns at once; [`Node::wait_ready`] waits.
    ///
    /// # Errors
    /// [`Error::Io`] when the program or its log cannot be opened; nothing when it runs already.
    pub fn start(&mut self) -> Result<(), Error> {
        if self.running.is_some() {
            return Ok(());
        }
        self.end_orphan();
        let open = OpenOptions::new().create(true).append(true).open(&self.log);
        let out = open.map_err(Error::io("cannot open", &self.log))?;
        let err = out.try_clone().map_err(Error::io("cannot open", &self.log))?;
        let mut words = self.under.iter().map(OsString::as_os_str).chain([self.binary.as_os_str()]);
        let mut command = Command::new(words.next().unwrap_or(self.binary.as_os_str()));
        let child = command
            .args(words)
            .args(["start", "--home"])
            .arg(&self.home)
            .args(&self.flags)
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(err)
            // A group of its own: Ctrl-C in the terminal reaches us alone, and we stop the nodes in order.
            .process_group(0)
            .spawn()
            .map_err(Error::io("cannot start", &self.binary))?;
        let Some(handle) = Handle::of(child.id()) else {
            return Err(self.not_running("assayd"));
        };
        self.running = Some(Running { assayd: child, handle, comet: None });
        Ok(())
    }

    /// Waits until the gateway answers.
    ///
    /// # Errors
    /// [`Error::NodeDied`] when the node ends meanwhile, [`Error::Timeout`] after `limit`.
    pub fn wait_ready(&mut self, limit: Duration) -> Result<(), Error> {
        self.wait_for("its gateway", limit, |node| match node.gateway.status() {
            Ok(_) => Ok(()),
            Err(error) => Err(error.to_string()),
        })
    }

    /// Waits until the state is at a height or above it.
    ///
    /// # Errors
    /// As [`Node::wait_ready`].
    pub fn wait_height(&mut self, height: u64, limit: Duration) -> Result<(), Error> {
        self.wait_for(&format!("height {height}"), limit, |node| match node.gateway.status() {
            Ok(status) if status.heights.application >= height => Ok(()),
            Ok(status) => Err(format!("last seen at height {}", status.heights.application)),
            Err(error) => Err(error.to_string()),
        })
    }

    fn wait_for(
        &mut self,
        what: &str,
        limit: Duration,
        mut done: impl FnMut(&Self) -> Result<(), String>,
    ) -> Result<(), Error> {
        let end = Instant::now() + limit;
        loop {
            self.check_alive()?;
            let Err(detail) = done(self) else {
                return Ok(());
            };
            if Instant::now() >= end {
                let what = format!("{what} of {}", self.name);
                let tail = log::tail(&self.log, LOG_LINES);
                return Err(Error::Timeout { what, detail, limit, log: self.log.clone(), tail });
            }
            std::thread::sleep(POLL);
        }
    }

    /// Checks that `assayd` runs.
    ///
    /// # Errors
    /// [`Error::NodeDied`] when it ended, [`Error::NotRunning`] when it was never started or was stopped.
    pub fn check_alive(&mut self) -> Result<(), Error> {
        let Some(running) = &mut self.running else {
            return Err(self.not_running("assayd"));
        };
        let Ok(Some(status)) = running.assayd.try_wait() else {
            return Ok(());
        };
        self.orphan = self.running.take().and_then(|running| running.comet);
        let tail = log::tail(&self.log, LOG_LINES);
        let status = status.to_string();
        Err(Error::NodeDied { node: self.name.clone(), status, log: self.log.clone(), tail })
    }

    /// The process of `assayd`.
    ///
    /// # Errors
    /// [`Error::NotRunning`] when there is none.
    pub fn assayd(&self) -> Result<Handle, Error> {
        let handle = self.running.as_ref().map(|running| running.handle);
        handle.filter(Handle::is_alive).ok_or_else(|| self.not_running("assayd"))
    }

    /// The process of its CometBFT.
    ///
    /// # Errors
    /// [`Error::NotRunning`] when there is none, or not yet.
    pub fn comet(&mut self) -> Result<Handle, Error> {
        let found = self.running.as_mut().and_then(|running| {
            if !running.comet.is_some_and(|comet| comet.is_alive()) {
                running.comet = running.handle.children("cometbft").first().copied();
            }
            running.comet
        });
        found.ok_or_else(|| self.not_running("cometbft"))
    }

    /// Kills `assayd` at once, and waits until its CometBFT has noticed and ended by itself.
    ///
    /// # Errors
    /// [`Error::NotRunning`], and [`Error::Timeout`] when CometBFT stays.
    pub fn kill_assayd(&mut self, limit: Duration) -> Result<(), Error> {
        let comet = self.comet()?;
        self.assayd()?.signal(Signal::KILL);
        if let Some(mut running) = self.running.take() {
            // Only the killed process's status; the kill itself is what was asked for.
            let _ = running.assayd.wait();
        }
        self.orphan = Some(comet);
        self.gone_or_timeout(comet, "the end of CometBFT after its application was killed", limit)
    }

    /// Kills CometBFT at once, and waits until its `assayd` has noticed and ended; its status.
    ///
    /// # Errors
    /// [`Error::NotRunning`], and [`Error::Timeout`] when `assayd` stays.
    pub fn kill_comet(&mut self, limit: Duration) -> Result<ExitStatus, Error> {
        let assayd = self.assayd()?;
        self.comet()?.signal(Signal::KILL);
        self.wait_exit(assayd, limit)
    }

    /// Waits until a node that has a reason to stop has done so; its status.
    ///
    /// # Errors
    /// [`Error::NotRunning`], and [`Error::Timeout`] when it goes on.
    pub fn wait_end(&mut self, limit: Duration) -> Result<ExitStatus, Error> {
        // Remembers the child while its parent is there.
        let _ = self.comet();
        let Some(assayd) = self.running.as_ref().map(|running| running.handle) else {
            return Err(self.not_running("assayd"));
        };
        self.wait_exit(assayd, limit)
    }

    fn wait_exit(&mut self, assayd: Handle, limit: Duration) -> Result<ExitStatus, Error> {
        self.gone_or_timeout(assayd, "the end of assayd", limit)?;
        let Some(mut running) = self.running.take() else {
            return Err(self.not_running("assayd"));
        };
        self.orphan = running.comet;
        running.assayd.wait().map_err(Error::io("cannot wait for", &self.binary))
    }

    fn gone_or_timeout(&self, process: Handle, what: &str, limit: Duration) -> Result<(), Error> {
        if process.wait_gone(limit) {
            return Ok(());
        }
        let what = format!("{what}, {}", self.name);
        let detail = format!("process {} still runs", process.pid());
        let tail = log::tail(&self.log, LOG_LINES);
        Err(Error::Timeout { what, detail, limit, log: self.log.clone(), tail })
    }

    /// Asks the node to stop, and waits until both processes are gone; its status.
    ///
    /// # Errors
    /// [`Error::NotRunning`], and [`Error::Timeout`] after [`STOP_LIMIT`]: then both are killed.
    pub fn stop(&mut self) -> Result<ExitStatus, Error> {
        self.ask_to_stop()?;
        self.finish_stop()
    }

    /// The first half of [`Node::stop`]: asks, and does not wait.
    ///
    /// # Errors
    /// [`Error::NotRunning`].
    pub fn ask_to_stop(&mut self) -> Result<(), Error> {
        let assayd = self.assayd()?;
        // Remembers the child before its parent is asked to end; a node may have none yet.
        let _ = self.comet();
        assayd.signal(Signal::TERM);
        Ok(())
    }

    /// The second half of [`Node::stop`]: waits.
    ///
    /// # Errors
    /// As [`Node::stop`].
    pub fn finish_stop(&mut self) -> Result<ExitStatus, Error> {
        let Some(assayd) = self.running.as_ref().map(|running| running.handle) else {
            return Err(self.not_running("assayd"));
        };
        let status = self.wait_exit(assayd, STOP_LIMIT);
        let comet_gone = self.orphan.is_none_or(|comet| comet.wait_gone(STOP_LIMIT));
        if status.is_err() || !comet_gone {
            self.kill();
        }
        status
    }

    /// Kills both processes at once.
    pub fn kill(&mut self) {
        // Before the parent dies: afterwards nobody can tell whose child CometBFT was.
        let comet = self.comet().ok();
        if let Some(mut running) = self.running.take() {
            running.handle.signal(Signal::KILL);
            let _ = running.assayd.wait();
        }
        self.orphan = comet.or(self.orphan);
        self.end_orphan();
    }

    fn end_orphan(&mut self) {
        if let Some(orphan) = self.orphan.take() {
            orphan.signal(Signal::KILL);
            orphan.wait_gone(STOP_LIMIT);
        }
    }

    /// The most memory that `assayd` and its CometBFT have had resident, in bytes.
    ///
    /// # Errors
    /// [`Error::NotRunning`] when one of them is not there.
    pub fn peak_memory(&mut self) -> Result<(u64, u64), Error> {
        let comet = self.comet()?;
        let assayd = self.assayd()?.peak_memory().ok_or_else(|| self.not_running("assayd"))?;
        let comet = comet.peak_memory().ok_or_else(|| self.not_running("cometbft"))?;
        Ok((assayd, comet))
    }

    fn not_running(&self, what: &'static str) -> Error {
        Error::NotRunning { node: self.name.clone(), what }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.kill();
    }
}
