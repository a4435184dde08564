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

    fn any_outcome() -> impl Strategy<Value = JobOutcome> {
        let digest = any::<[u8; 32]>;
        prop_oneof![
            digest().prop_map(|hash| JobOutcome::Inference(Outcome::Output(OutputHash(hash)))),
            Just(JobOutcome::Inference(Outcome::Failed)),
            digest().prop_map(|hash| JobOutcome::Compilation(Some(PlanHash(hash)))),
            Just(JobOutcome::Compilation(None)),
        ]
    }

    fn any_claim() -> impl Strategy<Value = Claim> {
        let outcomes = proptest::collection::vec(any_outcome(), 0..40);
        (any::<u64>(), any::<u32>(), any::<u64>(), outcomes, any::<[u8; 32]>()).prop_map(
            |(height, engine, units, outcomes, root)| Claim {
                height,
                engine,
                units,
                outcomes,
                state_root: AppHash(root),
            },
        )
    }

    /// Bytes as a proposer may send them: any at all, any after the prefix, and claims that were cut, grown, hit by
    /// bits, given another count of outcomes, or joined with a part of another.
    fn any_bytes() -> impl Strategy<Value = Vec<u8>> {
        use proptest::sample::Index;
        let noise = || proptest::collection::vec(any::<u8>(), 0..300);
        let bits = proptest::collection::vec((any::<Index>(), 0..8u8), 1..6);
        prop_oneof![
            noise(),
            noise().prop_map(|bytes| [PREFIX.as_slice(), &bytes].concat()),
            (any_claim(), any::<Index>()).prop_map(|(claim, end)| {
                let bytes = claim.encode();
                bytes[..end.index(bytes.len() + 1)].to_vec()
            }),
            (any_claim(), noise()).prop_map(|(claim, more)| [claim.encode(), more].concat()),
            (any_claim(), bits).prop_map(|(claim, bits)| {
                let mut bytes = claim.encode();
                for (at, bit) in bits {
                    let at = at.index(bytes.len());
                    bytes[at] ^= 1 << bit;
                }
                bytes
            }),
            (any_claim(), any::<u32>()).prop_map(|(claim, count)| {
                let mut bytes = claim.encode();
                bytes[28..32].copy_from_slice(&count.to_le_bytes());
                bytes
            }),
            (any_claim(), any_claim(), any::<Index>(), any::<Index>()).prop_map(
                |(one, other, end, start)| {
                    let (one, other) = (one.encode(), other.encode());
                    [&one[..end.index(one.len() + 1)], &other[start.index(other.len() + 1)..]].concat()
                }
            ),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None, ..Default::default() })]

        #[test]
        fn bytes_that_decode_are_the_one_encoding_of_a_claim_and_nothing_else(bytes in any_bytes()) {
            if let Ok(claim) = Claim::decode(&bytes) {
                prop_assert_eq!(claim.encode(), bytes.clone());
                prop_assert!(Claim::is_claim(&bytes) && SignedTx::decode(&bytes).is_err());
                prop_assert!(bytes.len() <= Claim::most_bytes(claim.outcomes.len()));
            }
        }
    }

    proptest! {
        #[test]
        fn every_claim_decodes_to_itself(claim in any_claim()) {
            prop_assert_eq!(Claim::decode(&claim.encode()), Ok(claim));
        }

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
