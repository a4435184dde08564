//! What a real CometBFT made, for comparison.

use super::*;
use serde_json::Value;
use tendermint::block::Commit;
use tendermint::private_key::PrivateKey;

/// Three blocks of a real CometBFT v0.38.26, with their commits, and what each gave.
pub(super) fn recorded() -> (PrivateKey, Vec<(Block, Commit, Vec<ExecTxResult>)>) {
    let json: Value = serde_json::from_str(include_str!("cometbft.json")).unwrap();
    let read = |block: &Value| {
        let results = block["results"].as_array().unwrap().iter().map(|result| ExecTxResult {
            code: u32::try_from(result["code"].as_u64().unwrap()).unwrap(),
            gas_wanted: result["gas_wanted"].as_str().unwrap().parse().unwrap(),
            gas_used: result["gas_used"].as_str().unwrap().parse().unwrap(),
            ..Default::default()
        });
        let of = |part: &str| block[part].clone();
        let commit: Commit = serde_json::from_value(of("commit")).unwrap();
        (serde_json::from_value(of("block")).unwrap(), commit, results.collect())
    };
    let blocks = json["blocks"].as_array().unwrap().iter().map(read).collect();
    (serde_json::from_value(json["key"].clone()).unwrap(), blocks)
}
