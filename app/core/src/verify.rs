//! Transactions whose signature was checked, remembered by the hash of their bytes.
//!
//! Whether bytes are a well-signed transaction of this chain does not depend on state, so the answer is kept
//! from CheckTx to the block. Only good ones are kept: a stream of bad ones costs its senders' bandwidth and
//! no memory.

use crate::recent::Recent;
use assay_types::claim::Claim;
use assay_types::error::Rejected;
use assay_types::hash::TxHash;
use assay_types::tx::VerifiedTx;
use std::sync::{Arc, Mutex, PoisonError};

/// Bytes of transactions that are remembered.
const LIMIT_BYTES: u64 = 32 * 1024 * 1024;

/// What a transaction takes in memory besides its bytes, about.
const OVERHEAD_BYTES: u64 = 512;

/// See the module.
pub(crate) struct Verifier {
    known: Mutex<Recent<TxHash, Arc<VerifiedTx>>>,
}

impl Verifier {
    pub fn new() -> Self {
        Self { known: Mutex::new(Recent::new(LIMIT_BYTES)) }
    }

    /// Decodes and verifies a transaction's bytes.
    ///
    /// # Errors
    /// As [`VerifiedTx::from_bytes`], and [`Rejected::ClaimFromOutside`]: the one claim of a block is read
    /// before its transactions are.
    pub fn verify(&self, bytes: &[u8], chain_id: &str) -> Result<Arc<VerifiedTx>, Rejected> {
        if Claim::is_claim(bytes) {
            return Err(Rejected::ClaimFromOutside);
        }
        let hash = TxHash::of(bytes);
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(&hash);
        // One process serves one chain, but a test may start it twice.
        if let Some(known) = known.filter(|known| known.tx().chain_id == chain_id) {
            return Ok(known);
        }
        let verified = Arc::new(VerifiedTx::from_bytes(bytes, chain_id)?);
        let weight = verified.byte_len().saturating_add(OVERHEAD_BYTES);
        self.known.lock().unwrap_or_else(PoisonError::into_inner).put(hash, verified.clone(), weight);
        Ok(verified)
    }
}
