//! The keys of the state tree: readable paths, built here and nowhere else.
//!
//! Changing one changes every app hash; the tests pin them.

use crate::address::Address;
use crate::hash::{ChunkHash, ModelId, TxHash};

/// An account's record: `account/<address>`.
pub fn account(address: &Address) -> Vec<u8> {
    [b"account/".as_slice(), &address.text()].concat()
}

/// A model's record: `model/<id>`.
pub fn model(id: &ModelId) -> Vec<u8> {
    [MODELS, &hex_text(&id.0)].concat()
}

/// Before every model's record.
pub const MODELS: &[u8] = b"model/";

/// A chunk's length and how often models name it, its bytes being in the blob store: `blob/<hash>`.
pub fn blob(hash: &ChunkHash) -> Vec<u8> {
    format!("blob/{hash}").into_bytes()
}

/// The record of an inference: `receipt/<tx hash>/<message index>`.
pub fn receipt(tx: &TxHash, index: u32) -> Vec<u8> {
    [b"receipt/".as_slice(), &hex_text(&tx.0), b"/", index.to_string().as_bytes()].concat()
}

/// Which receipts a block wrote: `receipts-at/<height>`.
pub fn receipts_at(height: u64) -> Vec<u8> {
    format!("receipts-at/{height:020}").into_bytes()
}

/// A retired model whose chunks are still counted: `retired/<height>/<model id>`.
pub fn retired(height: u64, model: &ModelId) -> Vec<u8> {
    format!("retired/{height:020}/{model}").into_bytes()
}

/// Before every such model, in the order of their retirements.
pub const RETIRED: &[u8] = b"retired/";

/// An engine's record: `engine/<n>`.
pub fn engine(number: u32) -> Vec<u8> {
    format!("engine/{number}").into_bytes()
}

/// The consensus parameters.
pub const PARAMS: &[u8] = b"params";
/// The chain's own record: its id and the engine that new models are sealed with.
pub const CHAIN: &[u8] = b"chain";
/// All money there is.
pub const SUPPLY: &[u8] = b"supply";
/// The prices of the next block.
pub const FEE_MARKET: &[u8] = b"fee-market";
/// The models that everybody keeps in memory.
pub const HOT_SET: &[u8] = b"hot-set";
/// Fees taken so far.
pub const FEE_POOL: &[u8] = b"fee-pool";
/// What publishers have deposited.
pub const DEPOSITS: &[u8] = b"deposits";
/// The last retired model whose chunks have been given back.
pub const CLEARED: &[u8] = b"cleared";

/// A digest as keys have it. A block makes thousands of them, for which `hex::encode` is too slow.
fn hex_text(digest: &[u8; 32]) -> [u8; 64] {
    let mut text = [0; 64];
    // Two letters for each byte: there is room.
    let _ = hex::encode_to_slice(digest, &mut text);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_the_pinned_ones() {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let zeros = "0".repeat(64);
        assert_eq!(
            text(account(&Address([0; 32]))),
            "account/assay1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqs4hw3a"
        );
        assert_eq!(text(model(&ModelId([0; 32]))), format!("model/{zeros}"));
        assert_eq!(text(blob(&ChunkHash([0; 32]))), format!("blob/{zeros}"));
        assert_eq!(text(receipt(&TxHash([0; 32]), 3)), format!("receipt/{zeros}/3"));
        assert_eq!(text(receipts_at(7)), "receipts-at/00000000000000000007");
        assert_eq!(text(retired(7, &ModelId([0; 32]))), format!("retired/00000000000000000007/{zeros}"));
        assert_eq!(text(engine(1)), "engine/1");
        let fixed = [PARAMS, CHAIN, SUPPLY, FEE_MARKET, HOT_SET, FEE_POOL, DEPOSITS, CLEARED];
        let names = ["params", "chain", "supply", "fee-market", "hot-set", "fee-pool", "deposits", "cleared"];
        assert_eq!(fixed.map(|key| text(key.to_vec())), names);
    }
}
