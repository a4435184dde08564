//! Any bytes: a transaction that decodes encodes to the same bytes, and verifying it never panics.
#![no_main]

use assay_types::tx::SignedTx;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(tx) = SignedTx::decode(bytes) {
        assert_eq!(tx.encode(), bytes);
        let chain_id = tx.tx().chain_id.clone();
        if let Ok(verified) = tx.verify(&chain_id) {
            assert_eq!(verified.byte_len(), bytes.len() as u64);
        }
    }
});
