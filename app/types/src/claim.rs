//! The first transaction of every block: what its proposer says that the block does.
//!
//! A validator that executes the block and finds anything else votes against it; so a wrong machine is named before a
//! vote is counted, and the root after a block stands in the block itself. A claim is no transaction of an account: it
//! begins with bytes that no signed transaction can begin with, pays nothing, and is taken from nobody but a proposer.

use crate::codec::{self, CodecError};
use crate::hash::{AppHash, PlanHash, TxHash};
use crate::limits::MAX_TX_BYTES;
use crate::receipt::Outcome;
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};
use std::fmt;

/// What a claim begins with. A signed transaction begins with the length of its chain id, which is far below what
/// these bytes are as a number.
const PREFIX: &[u8; 8] = b"claim v1";

/// What came of a piece of work that a block asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum JobOutcome {
    /// A plan was run.
    Inference(Outcome) = 0,
    /// A model was compiled: to this plan, or not at all.
    Compilation(Option<PlanHash>) = 1,
}

impl fmt::Display for JobOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            JobOutcome::Inference(Outcome::Output(hash)) => write!(f, "output {hash}"),
            JobOutcome::Inference(Outcome::Failed) => f.write_str("a failed run"),
            JobOutcome::Compilation(Some(plan)) => write!(f, "plan {plan}"),
            JobOutcome::Compilation(None) => f.write_str("no plan"),
        }
    }
}

/// The proposer's statement.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Claim {
    /// The block's height.
    pub height: u64,
    /// The engine that models are sealed with at this height.
    pub engine: u32,
    /// Units of all transactions together.
    pub units: u64,
    /// One for each inference and compilation that ran, in the order of the transactions and of their messages; also
    /// of a transaction that failed later on.
    pub outcomes: Vec<JobOutcome>,
    /// The state root after the block.
    pub state_root: AppHash,
}

impl Claim {
    /// Bytes of a claim with so many outcomes, at most.
    pub const fn most_bytes(outcomes: usize) -> usize {
        PREFIX.len() + 8 + 4 + 8 + 4 + outcomes * 34 + 32
    }

    /// Whether bytes mean to be a claim.
    pub fn is_claim(bytes: &[u8]) -> bool {
        bytes.starts_with(PREFIX)
    }

    /// The claim's bytes, as they stand in a block.
    pub fn encode(&self) -> Vec<u8> {
        [PREFIX.as_slice(), &codec::encode(self)].concat()
    }

    /// Decodes a claim.
    ///
    /// # Errors
    /// [`CodecError`] when the bytes are not the one encoding of a claim.
    pub fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        match bytes.strip_prefix(PREFIX) {
            Some(rest) => codec::decode(rest, MAX_TX_BYTES),
            None => Err(CodecError::Malformed("it does not begin as a claim does".into())),
        }
    }

    /// SHA-256 of the bytes, as CometBFT names it.
    pub fn hash(&self) -> TxHash {
        TxHash::of(&self.encode())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::OutputHash;
    use crate::tx::SignedTx;
    use proptest::prelude::*;

    fn claim() -> Claim {
        Claim {
            height: 7,
            engine: 1,
            units: 1234,
            outcomes: vec![
                JobOutcome::Inference(Outcome::Output(OutputHash([1; 32]))),
                JobOutcome::Inference(Outcome::Failed),
                JobOutcome::Compilation(Some(PlanHash([2; 32]))),
                JobOutcome::Compilation(None),
            ],
            state_root: AppHash([3; 32]),
        }
    }

    #[test]
    fn a_claim_has_its_pinned_bytes() {
        let [output, plan, root] = ["01", "02", "03"].map(|byte| byte.repeat(32));
        let expected = [
            "636c61696d207631",
            "0700000000000000",
            "01000000",
            "d204000000000000",
            "04000000",
            "0000",
            &output,
            "0001",
            "0101",
            &plan,
            "0100",
            &root,
        ];
        assert_eq!(hex::encode(claim().encode()), expected.concat());
        assert!(claim().encode().len() <= Claim::most_bytes(4));
    }

    #[test]
    fn no_signed_transaction_is_a_claim_and_no_claim_a_transaction() {
        let bytes = claim().encode();
        assert!(Claim::is_claim(&bytes));
        assert!(SignedTx::decode(&bytes).is_err());
        // The first four bytes are the length of a chain id, and longer than any transaction.
        let length = u32::from_le_bytes(*PREFIX.first_chunk().unwrap()) as usize;
        assert!(length > MAX_TX_BYTES);
    }

    proptest! {
        #[test]
        fn what_decodes_is_the_claim_that_was_encoded(at in 0..200usize, bit in 0..8u8) {
            let mut bytes = claim().encode();
            prop_assert_eq!(Claim::decode(&bytes), Ok(claim()));
            let at = at % bytes.len();
            bytes[at] ^= 1 << bit;
            if let Ok(other) = Claim::decode(&bytes) {
                prop_assert_eq!(other.encode(), bytes);
            }
        }
    }
}
