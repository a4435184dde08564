//! The story that `make demo` tells: a real network, a real model, ten inferences, and a proof that needs no network.
//!
//! Every step checks what it shows, and the first that does not hold ends the demo under its name. The prose goes to
//! standard error. What is shown is read back from the chain, not from the program that sent it.

mod samples;
mod steps;
mod tamper;

use crate::binaries::Binaries;
use crate::error::Error;
use crate::network::Network;
use crate::wallet::Wallet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// What the demo is to do.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// End after the last step instead of keeping the network up.
    pub once: bool,
    /// A folder to keep everything in; `None` takes a temporary one.
    pub dir: Option<PathBuf>,
}

/// A step that did not hold.
#[derive(Debug, thiserror::Error)]
#[error("step {number} ({title}) did not hold: {error}")]
pub struct Failed {
    number: usize,
    title: &'static str,
    error: Box<Error>,
}

impl Failed {
    fn new(number: usize, title: &'static str, error: Error) -> Self {
        Self { number, title, error: Box::new(error) }
    }

    /// For what fails before the first step.
    fn before(error: Error) -> Self {
        Self::new(0, "get ready", error)
    }
}

/// What the steps hand on to each other.
struct Demo {
    folder: PathBuf,
    binaries: Binaries,
    wallet: Wallet,
    network: Option<Network>,
    model: String,
    inferences: Vec<String>,
    interrupted: Arc<AtomicBool>,
}

impl Demo {
    /// An error once Ctrl-C was pressed.
    fn go_on(&self) -> Result<(), Error> {
        match self.interrupted.load(Ordering::SeqCst) {
            true => Err(Error::Claim("interrupted".into())),
            false => Ok(()),
        }
    }

    fn network(&mut self) -> Result<&mut Network, Error> {
        self.network.as_mut().ok_or_else(|| Error::Claim("the network is not running".into()))
    }

    fn model_file(&self) -> PathBuf {
        self.folder.join("digits.onnx")
    }

    fn receipt(&self) -> PathBuf {
        self.folder.join("receipt.assay")
    }

    fn genesis(&self) -> PathBuf {
        self.folder.join("genesis.json")
    }
}

type StepBody = fn(&mut Demo) -> Result<Vec<String>, Error>;

const STEPS: [(&str, StepBody); 9] = [
    ("create a key", steps::create_key),
    ("start four validators", steps::start_network),
    ("publish the model", steps::publish),
    ("run ten inferences", steps::infer),
    ("compare the four nodes", steps::compare),
    ("measure their memory", steps::measure),
    ("write a receipt, stop every process", steps::write_receipt),
    ("verify the receipt offline", steps::verify),
    ("flip one bit of it, verify again", steps::tamper),
];

/// Runs the demo.
///
/// # Errors
/// [`Failed`] naming the first step that did not hold.
pub fn run(options: &Options) -> Result<(), Failed> {
    let interrupted = Arc::new(AtomicBool::new(false));
    let flag = interrupted.clone();
    ctrlc::set_handler(move || flag.store(true, Ordering::SeqCst))
        .map_err(|error| Failed::before(Error::Claim(format!("cannot catch Ctrl-C: {error}"))))?;

    let binaries = Binaries::find().map_err(Failed::before)?;
    let (folder, temporary) = folder(options.dir.as_deref()).map_err(Failed::before)?;
    say(&format!("Assay demo, in {}\n", folder.display()));
    let wallet = Wallet::new(&binaries.assay, folder.join("wallet"));
    let (model, inferences) = (String::new(), Vec::new());
    let mut demo = Demo { folder, binaries, wallet, network: None, model, inferences, interrupted };
    let told = tell(&mut demo).and_then(|()| match options.once {
        true => Ok(()),
        false => stay_up(&mut demo),
    });
    drop(demo.network.take());
    if let (Err(_), Some(temporary)) = (&told, temporary) {
        // The logs are worth more than the space.
        say(&format!("everything is left in {}", temporary.keep().display()));
    }
    told
}

fn folder(wanted: Option<&Path>) -> Result<(PathBuf, Option<tempfile::TempDir>), Error> {
    let Some(dir) = wanted else {
        let temporary = tempfile::Builder::new().prefix("assay-demo-").tempdir();
        let temporary = temporary.map_err(Error::io("cannot create a folder in", std::env::temp_dir()))?;
        return Ok((temporary.path().into(), Some(temporary)));
    };
    std::fs::create_dir_all(dir).map_err(Error::io("cannot create", dir))?;
    if std::fs::read_dir(dir).map_err(Error::io("cannot read", dir))?.next().is_some() {
        return Err(Error::Claim(format!("{} is not empty: give a new folder", dir.display())));
    }
    Ok((dir.canonicalize().map_err(Error::io("cannot read", dir))?, None))
}

fn tell(demo: &mut Demo) -> Result<(), Failed> {
    let started = Instant::now();
    for (index, (title, body)) in STEPS.into_iter().enumerate() {
        let number = index + 1;
        let begun = Instant::now();
        whisper(&format!("{number}/{} {title} ... ", STEPS.len()));
        match demo.go_on().and_then(|()| body(demo)) {
            Ok(details) => {
                say(&format!("\u{2713} {:.1} s", begun.elapsed().as_secs_f32()));
                details.iter().for_each(|line| say(&format!("      {line}")));
            }
            Err(error) => {
                say("\u{2717}");
                return Err(Failed::new(number, title, error));
            }
        }
    }
    say(&format!("\nevery step held, in {:.0} s", started.elapsed().as_secs_f32()));
    Ok(())
}

/// Starts the network again on the state that it stopped with, and leaves it to the user.
fn stay_up(demo: &mut Demo) -> Result<(), Failed> {
    let failed = |error| Failed::new(STEPS.len() + 1, "stay up", error);
    let (assay, home) = (demo.binaries.assay.display().to_string(), demo.wallet.home().display().to_string());
    let (model, scan) = (demo.model.clone(), demo.folder.join("scan-3.npz").display().to_string());
    let interrupted = demo.interrupted.clone();
    let network = demo.network().map_err(failed)?;
    network.start_all().map_err(failed)?;
    say("\nthe network is up again; its gateways:");
    for node in network.nodes() {
        say(&format!("  {}  {}/v1/status", node.name(), node.gateway().url()));
    }
    let url = network.nodes().first().map_or("", |node| node.gateway().url());
    say("try:");
    say(&format!("  {assay} --node {url} model show {model}"));
    let key = format!("--home {home} --keyring test --from demo");
    say(&format!("  {assay} --node {url} {key} infer {model} --inputs {scan}"));
    say("Ctrl-C ends it");
    while !interrupted.load(Ordering::SeqCst) {
        for node in network.nodes_mut() {
            node.check_alive().map_err(failed)?;
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    say("\nstopping");
    network.stop().map_err(failed)
}

fn say(line: &str) {
    // Whoever closed standard error does not want to know.
    let _ = writeln!(std::io::stderr(), "{line}");
}

fn whisper(text: &str) {
    let mut stderr = std::io::stderr();
    let _ = write!(stderr, "{text}").and_then(|()| stderr.flush());
}
