//! Somebody who never crashes: it executes a node's blocks in this process, over a state of its own, and compares every
//! root with the header that signs it.

use crate::network::ok;
use crate::support::state_machine;
use assay_core::{App, BlockInput};
use assay_netlab::Node;
use assay_types::api::TxInfo;
use assay_types::hash::AppHash;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long a node may take to answer about its blocks.
const PATIENCE: Duration = Duration::from_secs(60);

/// See the module.
pub struct Witness {
    app: App,
    /// The root after each height.
    roots: BTreeMap<u64, AppHash>,
    // Last, so that it is removed last.
    _folder: TempDir,
}

/// What CometBFT's RPC answers; `None` while nobody does, and for what it does not have.
fn ask(rpc: u16, path: &str) -> Option<Value> {
    let mut answer = ureq::get(format!("http://127.0.0.1:{rpc}/{path}")).call().ok()?;
    let answer: Value = answer.body_mut().read_json().ok()?;
    answer.get("result").cloned()
}

fn number(value: &Value) -> u64 {
    value.as_str().unwrap().parse().unwrap()
}

impl Witness {
    /// One at the genesis of a node's chain.
    pub fn of(node: &Node) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let app = state_machine(folder.path());
        let genesis: Value = serde_json::from_slice(&std::fs::read(node.genesis()).unwrap()).unwrap();
        let state = serde_json::to_vec(&genesis["app_state"]).unwrap();
        let root = ok(app.init_chain(genesis["chain_id"].as_str().unwrap(), &state));
        Self { app, roots: BTreeMap::from([(0, root)]), _folder: folder }
    }

    /// Executes what the node has decided since, and compares: each header has the root of the height before, and the
    /// node's own state has the root of its height.
    pub fn follow(&mut self, node: &Node) {
        let end = Instant::now() + PATIENCE;
        let status = loop {
            let status = node.gateway().status();
            if let (Ok(status), Some(_)) = (status, ask(node.ports().rpc, "status")) {
                break status;
            }
            assert!(Instant::now() < end, "{} does not answer", node.name());
            std::thread::sleep(Duration::from_millis(50));
        };
        // Beyond the state's height, so that a header signs its root.
        let height = status.heights.application;
        while self.height() <= height {
            assert!(Instant::now() < end, "there is no block {} of {}", self.height() + 1, node.name());
            if !self.execute(node.ports().rpc) {
                std::thread::sleep(Duration::from_millis(50));
            }
        }
        assert_eq!(self.roots[&height], status.app_hash, "the state of height {height}");
    }

    /// The last height that it executed.
    pub fn height(&self) -> u64 {
        *self.roots.keys().next_back().unwrap()
    }

    /// Executes the next block, if the node has it.
    fn execute(&mut self, rpc: u16) -> bool {
        let height = self.height() + 1;
        let Some(found) = ask(rpc, &format!("block?height={height}")) else { return false };
        let header = &found["block"]["header"];
        assert_eq!(number(&header["height"]), height);
        let signed: AppHash = ok(header["app_hash"].as_str().unwrap().to_lowercase().parse());
        assert_eq!(signed, self.roots[&(height - 1)], "the root after height {}", height - 1);
        let txs = found["block"]["data"]["txs"].as_array().unwrap();
        let txs = txs.iter().map(|tx| STANDARD.decode(tx.as_str().unwrap()).unwrap()).collect();
        ok(self.app.finalize_block(&BlockInput { height, txs }));
        let committed = ok(self.app.commit());
        self.roots.insert(committed.height, committed.app_hash);
        true
    }

    /// Whether it has seen every transaction that was reported, where it was reported, with the same result.
    pub fn has(&self, reported: &[TxInfo]) {
        for info in reported {
            let found = ok(self.app.reader().tx(&info.tx_hash));
            assert_eq!(found.map(|found| found.info).as_ref(), Some(info), "it was reported as committed");
        }
    }
}
