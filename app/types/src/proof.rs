//! Checking ICS23 proofs against a root: is this key in the state, with this value, or is it not?
//!
//! The root must come from a header that the caller trusts; everything else may come from a stranger. A proof
//! has one encoding here: it is bounded, decodes strictly, and each of its steps has the one form that this
//! chain's tree gives it, so that no flipped bit of it goes unnoticed and nothing that ICS23 allows for other
//! trees gets in.

use crate::hash::AppHash;
use crate::limits::MAX_PROOF_BYTES;
use ics23::commitment_proof::Proof;
use ics23::{
    CommitmentProof, ExistenceProof, HashOp, HostFunctionsManager, InnerOp, InnerSpec, LeafOp, LengthOp,
    NonExistenceProof, ProofSpec,
};
use prost013::Message;
use sha2::{Digest, Sha256};

/// Before a leaf's key and value hashes.
const LEAF_PREFIX: &[u8] = b"JMT::LeafNode";
/// Before an inner node's children. (The spelling is the tree library's.)
const INNER_PREFIX: &[u8] = b"JMT::IntrnalNode";
/// In the place of a child that is not there.
const EMPTY_CHILD: &[u8] = b"SPARSE_MERKLE_PLACEHOLDER_HASH__";
/// Bytes of a child's hash.
const CHILD_BYTES: usize = 32;
/// Steps from a leaf to the root: one for each bit of a key's hash, at most.
const MAX_STEPS: usize = 256;

/// Why a proof proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// More bytes than a proof may have.
    #[error("the proof has {len} bytes, more than {MAX_PROOF_BYTES}")]
    TooLong {
        /// Bytes received.
        len: usize,
    },
    /// Not a proof's bytes.
    #[error("the proof does not decode: {0}")]
    Malformed(String),
    /// Decodes, but is not the one encoding of what it decodes to.
    #[error("the proof is not canonically encoded")]
    NotCanonical,
    /// A proof of absence where one of existence is needed, or the other way round, or several in one.
    #[error("the proof is not {expected}")]
    WrongKind {
        /// What was needed.
        expected: &'static str,
    },
    /// A step that this chain's tree does not have.
    #[error("the proof has {0}, which no proof of this chain's tree has")]
    ForeignShape(&'static str),
    /// The proof is one, but not of this.
    #[error("the proof does not verify: {0}")]
    Refused(&'static str),
}

/// The ICS23 description of this chain's tree: a Jellyfish Merkle tree with SHA-256.
pub fn spec() -> ProofSpec {
    ProofSpec {
        leaf_spec: Some(leaf_op()),
        inner_spec: Some(InnerSpec {
            child_order: vec![0, 1],
            child_size: CHILD_BYTES as i32,
            min_prefix_length: INNER_PREFIX.len() as i32,
            max_prefix_length: INNER_PREFIX.len() as i32,
            empty_child: EMPTY_CHILD.to_vec(),
            hash: HashOp::Sha256.into(),
        }),
        max_depth: 64,
        min_depth: 0,
        prehash_key_before_comparison: true,
    }
}

fn leaf_op() -> LeafOp {
    LeafOp {
        hash: HashOp::Sha256.into(),
        prehash_key: HashOp::Sha256.into(),
        prehash_value: HashOp::Sha256.into(),
        length: LengthOp::NoPrefix.into(),
        prefix: LEAF_PREFIX.to_vec(),
    }
}

/// Checks that the state with this root has this value under this key.
///
/// # Errors
/// [`ProofError`] when the proof does not show it.
pub fn verify_existence(root: &AppHash, key: &[u8], value: &[u8], proof: &[u8]) -> Result<(), ProofError> {
    let proof = decode(proof)?;
    let Some(Proof::Exist(existence)) = &proof.proof else {
        return Err(ProofError::WrongKind { expected: "one proof of existence" });
    };
    check_shape(existence)?;
    if existence.key != key {
        return Err(ProofError::Refused("it is about another key"));
    }
    if existence.value != value {
        return Err(ProofError::Refused("it is about another value"));
    }
    match ics23::verify_membership::<HostFunctionsManager>(&proof, &spec(), &root.0.to_vec(), key, value) {
        true => Ok(()),
        false => Err(ProofError::Refused("it leads to another root")),
    }
}

/// Checks that the state with this root has nothing under this key.
///
/// # Errors
/// [`ProofError`] when the proof does not show it.
pub fn verify_absence(root: &AppHash, key: &[u8], proof: &[u8]) -> Result<(), ProofError> {
    let proof = decode(proof)?;
    let Some(Proof::Nonexist(absence)) = &proof.proof else {
        return Err(ProofError::WrongKind { expected: "one proof of absence" });
    };
    if absence.key != key {
        return Err(ProofError::Refused("it is about another key"));
    }
    for neighbour in absence.left.iter().chain(&absence.right) {
        check_shape(neighbour)?;
    }
    check_parting(absence)?;
    match ics23::verify_non_membership::<HostFunctionsManager>(&proof, &spec(), &root.0.to_vec(), key) {
        true => Ok(()),
        false => Err(ProofError::Refused("its neighbours do not enclose the key under this root")),
    }
}

fn decode(bytes: &[u8]) -> Result<CommitmentProof, ProofError> {
    if bytes.len() > MAX_PROOF_BYTES {
        return Err(ProofError::TooLong { len: bytes.len() });
    }
    let proof = CommitmentProof::decode(bytes).map_err(|error| ProofError::Malformed(error.to_string()))?;
    if proof.encode_to_vec() != bytes {
        return Err(ProofError::NotCanonical);
    }
    Ok(proof)
}

/// Every step must have the form of this tree, and go the way that the key's hash goes.
fn check_shape(existence: &ExistenceProof) -> Result<(), ProofError> {
    if existence.leaf.as_ref() != Some(&leaf_op()) {
        return Err(ProofError::ForeignShape("a leaf of another form"));
    }
    let depth = existence.path.len();
    if depth > MAX_STEPS {
        return Err(ProofError::ForeignShape("more steps than a key's hash has bits"));
    }
    let hash: [u8; 32] = Sha256::digest(&existence.key).into();
    for (index, step) in existence.path.iter().enumerate() {
        // The path goes up from the leaf; bit 0, the first byte's highest, decides below the root.
        let bit = depth - 1 - index;
        let is_right = hash[bit / 8] & (0x80 >> (bit % 8)) != 0;
        let extra = if is_right { (CHILD_BYTES, 0) } else { (0, CHILD_BYTES) };
        let form = (step.prefix.len().checked_sub(INNER_PREFIX.len()), step.suffix.len());
        if step.hash != i32::from(HashOp::Sha256)
            || !step.prefix.starts_with(INNER_PREFIX)
            || form != (Some(extra.0), extra.1)
        {
            return Err(ProofError::ForeignShape("a step of another form"));
        }
    }
    Ok(())
}

/// The paths of two neighbours must part somewhere: the ICS23 verifier walks down from the root until they
/// do, and has no answer (it panics) for paths that do not.
fn check_parting(absence: &NonExistenceProof) -> Result<(), ProofError> {
    let (Some(left), Some(right)) = (&absence.left, &absence.right) else { return Ok(()) };
    let same = |(a, b): &(&InnerOp, &InnerOp)| a.prefix == b.prefix && a.suffix == b.suffix;
    let shared = left.path.iter().rev().zip(right.path.iter().rev()).take_while(same).count();
    if shared == left.path.len().min(right.path.len()) {
        return Err(ProofError::ForeignShape("neighbours whose paths do not part"));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
