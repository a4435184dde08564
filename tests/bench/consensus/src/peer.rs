//! CometBFT's own key-value store in Go, behind the same CometBFT with the same settings.

use crate::Result;
use assay_netlab::Node;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The store and its CometBFT; dropping it ends both.
pub struct KeyValueStore {
    children: Vec<Child>,
    port: u16,
}

/// How the store is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behind {
    /// A socket, as our application is.
    Socket,
    /// No process boundary at all: compiled into CometBFT.
    Builtin,
}

impl KeyValueStore {
    /// Starts it with the settings of one of our nodes, which must have run once, in a folder of its own.
    pub fn start(programs: &Path, ours: &Node, folder: &Path, port: u16, behind: Behind) -> Result<Self> {
        let home = folder.join("home");
        for part in ["config", "data"] {
            std::fs::create_dir_all(home.join(part))?;
        }
        for file in ["config.toml", "genesis.json", "priv_validator_key.json", "node_key.json"] {
            std::fs::copy(ours.home().join("config").join(file), home.join("config").join(file))?;
        }
        // Nothing signed yet.
        let state = r#"{"height": "0", "round": 0, "step": 0}"#;
        std::fs::write(home.join("data/priv_validator_state.json"), state)?;
        let mut store = Self { children: vec![], port };
        let socket = format!("unix://{}", folder.join("app.sock").display());
        if behind == Behind::Socket {
            let mut command = Command::new(programs.join("abci-cli"));
            store.spawn(command.args(["kvstore", "--address", &socket]), folder.join("kvstore.log"))?;
        }
        let mut command = Command::new(programs.join("cometbft"));
        command.arg("start").arg("--home").arg(&home);
        command.args(["--proxy_app", if behind == Behind::Builtin { "kvstore" } else { &socket }]);
        command.args(["--rpc.laddr", &format!("tcp://127.0.0.1:{port}")]);
        command.args(["--p2p.laddr", &format!("tcp://127.0.0.1:{}", port + 1)]);
        store.spawn(&mut command, folder.join("cometbft.log"))?;
        let end = Instant::now() + Duration::from_secs(30);
        while crate::rpc::Rpc::at(port).height().unwrap_or(0) < 2 {
            if Instant::now() > end {
                return Err(format!("the key-value store makes no blocks: see {}", folder.display()).into());
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        Ok(store)
    }

    fn spawn(&mut self, command: &mut Command, log: PathBuf) -> Result<()> {
        let log = std::fs::File::create(log)?;
        let child = command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).spawn()?;
        self.children.push(child);
        Ok(())
    }

    /// The port of its RPC.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for KeyValueStore {
    fn drop(&mut self) {
        for child in self.children.iter_mut().rev() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Lanes of `key=value` transactions of a size, no two the same.
pub fn lanes(lanes: usize, each: usize, bytes: usize, round: usize) -> Vec<Vec<Vec<u8>>> {
    let tx = |lane: usize, number: usize| {
        let mut tx = format!("r{round}l{lane}n{number}=").into_bytes();
        tx.resize(bytes.max(tx.len() + 1), b'v');
        tx
    };
    (0..lanes).map(|lane| (0..each).map(|number| tx(lane, number)).collect()).collect()
}
