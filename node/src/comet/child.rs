//! CometBFT as a child process.
//!
//! The child runs in a process group of its own, so that a Ctrl-C in the terminal reaches only us and we stop
//! it in the right order. It must not outlive us, whatever kills us: between fork and exec it asks the kernel
//! for a SIGKILL at our death. Asking in the child of a fork needs unsafe code here, so the child is first
//! this program itself (`assayd comet exec`), which asks and then becomes CometBFT.

use super::log::{self, Tail};
use crate::home::Home;
use rustix::process::{Pid, Signal, kill_process, set_parent_process_death_signal};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long CometBFT may take to end by itself.
const STOP_PATIENCE: Duration = Duration::from_secs(8);
const POLL: Duration = Duration::from_millis(50);

/// A running CometBFT; dropping it kills it.
#[derive(Debug)]
pub struct Comet {
    child: Child,
    tail: Tail,
    copier: Option<JoinHandle<()>>,
}

impl Comet {
    /// Starts CometBFT on a home whose files are written. `assayd` is this program.
    ///
    /// Call it on a thread that lives as long as CometBFT shall: the kernel takes that thread's end for our
    /// death.
    ///
    /// # Errors
    /// When the program does not start.
    pub fn start(assayd: &Path, binary: &Path, home: &Home) -> io::Result<Self> {
        let mut child = Command::new(assayd)
            .args(["comet", "exec", "--parent"])
            .arg(std::process::id().to_string())
            .arg("--")
            .arg(binary)
            .arg("start")
            .arg("--home")
            .arg(home.root())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .process_group(0)
            .spawn()?;
        let tail = Tail::default();
        let copier = child.stdout.take().map(|output| copy_output(output, home, &tail)).transpose()?;
        Ok(Self { child, tail, copier })
    }

    /// The child's process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Why CometBFT ended, or its consensus, without which it would sit there for ever; `None` while it runs.
    ///
    /// # Errors
    /// When the kernel does not say.
    pub fn ended(&mut self) -> io::Result<Option<String>> {
        let Some(status) = self.child.try_wait()? else {
            return Ok(self.tail.failure().map(|line| format!("its consensus has ended: {line}")));
        };
        // Its last words may still be on their way.
        self.join();
        Ok(Some(self.reason(status)))
    }

    fn reason(&self, status: ExitStatus) -> String {
        // Who was killed from outside had no say in it.
        match self.tail.last_error().filter(|_| status.code().is_some()) {
            Some(line) => format!("{status}; its last error: {line}"),
            None => status.to_string(),
        }
    }

    fn join(&mut self) {
        if let Some(copier) = self.copier.take() {
            let _ = copier.join();
        }
    }

    /// Asks CometBFT to end, waits, and kills it when it does not. Says whether it ended by itself.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn stop(&mut self) -> io::Result<bool> {
        if self.child.try_wait()?.is_some() {
            return Ok(true);
        }
        let pid = Pid::from_child(&self.child);
        kill_process(pid, Signal::TERM)?;
        let deadline = Instant::now() + STOP_PATIENCE;
        while self.child.try_wait()?.is_none() {
            if Instant::now() >= deadline {
                self.kill()?;
                return Ok(false);
            }
            std::thread::sleep(POLL);
        }
        self.join();
        Ok(true)
    }

    fn kill(&mut self) -> io::Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        self.join();
        Ok(())
    }
}

impl Drop for Comet {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = self.kill();
        }
    }
}

fn copy_output(output: std::process::ChildStdout, home: &Home, tail: &Tail) -> io::Result<JoinHandle<()>> {
    let (path, tail) = (home.comet_log(), tail.clone());
    std::thread::Builder::new().name("comet-log".into()).spawn(move || {
        if let Err(error) = log::copy(output, &path, &tail) {
            tracing::warn!(%error, path = %path.display(), "CometBFT's log cannot be kept");
        }
    })
}

/// Becomes another program that dies with the process `parent`. Returns only when that fails.
pub fn become_dying_with(parent: u32, program: &Path, args: &[String]) -> io::Error {
    if let Err(error) = set_parent_process_death_signal(Some(Signal::KILL)) {
        return error.into();
    }
    // A parent that died before we asked sends no signal any more.
    let current = rustix::process::getppid().map(Pid::as_raw_nonzero).map(i32::from);
    if current.and_then(|pid| u32::try_from(pid).ok()) != Some(parent) {
        return io::Error::other("the parent is gone");
    }
    // Both outputs go where the first one goes: into the log.
    match io::stdout().as_fd().try_clone_to_owned() {
        Ok(stderr) => Command::new(program).args(args).stderr(stderr).exec(),
        Err(error) => error,
    }
}
