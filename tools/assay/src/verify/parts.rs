//! The parts of a bundle's file, each in its own form; whether they are true is not asked here.

use super::{MAX_BUNDLE_BYTES, ensure};
use assay_types::bundle::{Bundle, FORMAT};
use assay_types::codec;
use assay_types::hash::AppHash;
use assay_types::limits::{MAX_OUTPUT_BYTES, MAX_PROOF_BYTES, MAX_TX_BYTES};
use assay_types::receipt::Receipt;
use assay_types::tensor::{self, NamedTensor};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tendermint::block::signed_header::SignedHeader;
use tendermint::validator::{Info, Set};

/// CometBFT's bound on the number of validators.
const MAX_VALIDATORS: usize = 10_000;
const MAX_RECEIPT_BYTES: usize = 1024;

pub struct Parts {
    pub bundle: Bundle,
    pub header: SignedHeader,
    pub validators: Set,
    pub proof: Vec<u8>,
    pub receipt_bytes: Vec<u8>,
    pub receipt: Receipt,
    pub input: Vec<NamedTensor>,
    pub output: Option<Vec<NamedTensor>>,
}

impl Parts {
    pub fn read(bytes: &[u8]) -> Result<Self, String> {
        if bytes.len() as u64 > MAX_BUNDLE_BYTES {
            return Err(format!("more than {MAX_BUNDLE_BYTES} bytes"));
        }
        let json: Value = serde_json::from_slice(bytes).map_err(|error| format!("not JSON: {error}"))?;
        let bundle = Bundle::deserialize(&json).map_err(|error| format!("not a bundle: {error}"))?;
        // One text for every value: else a digit's case could be changed and nobody would notice.
        ensure_same("the bundle", &bundle, &json)?;
        if bundle.format != FORMAT {
            let format: String = bundle.format.chars().take(40).collect();
            return Err(format!("the format is {format:?}; this version reads {FORMAT:?}"));
        }
        let header = SignedHeader::deserialize(&bundle.signed_header)
            .map_err(|error| format!("signed_header: {error}"))?;
        ensure_same("signed_header", &header, &bundle.signed_header)?;
        let validators = validators(&bundle.validators).map_err(|error| format!("validators: {error}"))?;
        ensure_same("validators", validators.validators(), &bundle.validators)?;
        let proof = unbase64("proof", &bundle.proof, MAX_PROOF_BYTES)?;
        let receipt_bytes = unbase64("receipt", &bundle.receipt, MAX_RECEIPT_BYTES)?;
        let receipt =
            codec::decode(&receipt_bytes, MAX_RECEIPT_BYTES).map_err(|error| format!("receipt: {error}"))?;
        let input = tensors("input", &bundle.input, MAX_TX_BYTES)?;
        let output =
            bundle.output.as_deref().map(|text| tensors("output", text, MAX_OUTPUT_BYTES)).transpose()?;
        Ok(Self { header, validators, proof, receipt_bytes, receipt, input, output, bundle })
    }

    /// The root that the header speaks of.
    pub fn app_hash(&self) -> Result<AppHash, String> {
        let bytes = self.header.header.app_hash.as_bytes();
        bytes.try_into().map(AppHash).map_err(|_| "the header's app hash has not 32 bytes".into())
    }
}

/// What was read must be written in the same way again: nothing was left out, added or spelt differently.
fn ensure_same(what: &str, read: &impl Serialize, json: &Value) -> Result<(), String> {
    let written = serde_json::to_value(read).map_err(|error| format!("{what}: {error}"))?;
    ensure(written == *json, || format!("{what}: not written as a bundle writes it"))
}

/// A list of validators in CometBFT's JSON. An address that is not the key's is refused: votes are found by
/// address.
pub fn validators(json: &Value) -> Result<Set, String> {
    let list = json.as_array().ok_or("not a list")?;
    if list.is_empty() || list.len() > MAX_VALIDATORS {
        return Err(format!("{} validators", list.len()));
    }
    let mut infos = Vec::with_capacity(list.len());
    let mut total = 0u64;
    for json in list {
        let given = Info::deserialize(json).map_err(|error| error.to_string())?;
        let info = Info::new(given.pub_key, given.power);
        if info.address != given.address {
            return Err(format!("the address {} is not its key's", given.address));
        }
        total = total.saturating_add(info.power());
        infos.push(info);
    }
    if total == 0 || total > Set::MAX_TOTAL_VOTING_POWER {
        return Err("the sum of voting power is out of range".into());
    }
    Ok(Set::without_proposer(infos))
}

fn unbase64(what: &str, text: &str, limit: usize) -> Result<Vec<u8>, String> {
    if text.len() / 4 * 3 > limit + 3 {
        return Err(format!("{what}: more than {limit} bytes"));
    }
    BASE64.decode(text).map_err(|error| format!("{what}: {error}"))
}

fn tensors(what: &str, text: &str, limit: usize) -> Result<Vec<NamedTensor>, String> {
    let bytes = unbase64(what, text, limit)?;
    let list = tensor::decode_list(&bytes, limit).map_err(|error| format!("{what}: {error}"))?;
    tensor::check_list(&list).map_err(|error| format!("{what}: {error}"))?;
    Ok(list)
}
