//! Any bytes: a claim that decodes encodes to the same bytes, is no transaction, and is as long as it may be.
#![no_main]

use assay_types::claim::Claim;
use assay_types::tx::SignedTx;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(claim) = Claim::decode(bytes) {
        assert_eq!(claim.encode(), bytes);
        assert!(Claim::is_claim(bytes) && SignedTx::decode(bytes).is_err());
        assert!(bytes.len() <= Claim::most_bytes(claim.outcomes.len()));
    }
});
