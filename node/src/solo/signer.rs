//! The one validator: its key, and the precommit that makes a block final.

use super::block::Invalid;
use std::path::Path;
use tendermint::block::{self, Commit, CommitSig, Header, Round};
use tendermint::private_key::PrivateKey;
use tendermint::validator::{Info, Set};
use tendermint::vote::{self, Vote};
use tendermint::{Signature, Time, account};

/// The validator. Its key is wiped when it is dropped.
pub struct Signer {
    key: ed25519_zebra::SigningKey,
    validators: Set,
    address: account::Id,
}

impl Signer {
    /// Reads CometBFT's `priv_validator_key.json`.
    ///
    /// # Errors
    /// What is wrong with the file, in words.
    pub fn read(path: &Path, power: u64) -> Result<Self, String> {
        #[derive(serde::Deserialize)]
        struct KeyFile {
            priv_key: PrivateKey,
        }
        let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
        let file: KeyFile = serde_json::from_str(&text).map_err(|error| error.to_string())?;
        Self::new(&file.priv_key, power)
    }

    /// The validator with a key, all of the chain's power being its own.
    ///
    /// # Errors
    /// When the key is not of ed25519, or the power beyond what CometBFT counts.
    pub fn new(key: &PrivateKey, power: u64) -> Result<Self, String> {
        let secret = key.ed25519_signing_key().ok_or("the key is not of ed25519")?;
        let secret = <[u8; 32]>::try_from(secret.as_bytes()).map_err(|_| "the key has not 32 bytes")?;
        let power = vote::Power::try_from(power).map_err(|error| error.to_string())?;
        let info = Info::new(key.public_key(), power);
        let address = info.address;
        let validators = Set::with_proposer(vec![info], address).map_err(|error| error.to_string())?;
        Ok(Self { key: secret.into(), validators, address })
    }

    /// Its address.
    pub fn address(&self) -> account::Id {
        self.address
    }

    /// The set of validators: it alone.
    pub fn validators(&self) -> &Set {
        &self.validators
    }

    /// Signs a block: the commit of round 0.
    pub(super) fn commit(&self, header: &Header, id: block::Id, time: Time) -> Result<Commit, Invalid> {
        let vote = Vote {
            vote_type: vote::Type::Precommit,
            height: header.height,
            round: Round::from(0u8),
            block_id: Some(id),
            timestamp: Some(time),
            validator_address: self.address,
            validator_index: vote::ValidatorIndex::try_from(0u32)?,
            signature: None,
            extension: Vec::new(),
            extension_signature: None,
        };
        let bytes = vote.into_signable_vec(header.chain_id.clone());
        let signature: [u8; 64] = self.key.sign(&bytes).into();
        let signature = CommitSig::BlockIdFlagCommit {
            validator_address: self.address,
            timestamp: time,
            signature: Signature::new(signature)?,
        };
        let (height, round) = (header.height, Round::from(0u8));
        Ok(Commit { height, round, block_id: id, signatures: vec![signature] })
    }
}
