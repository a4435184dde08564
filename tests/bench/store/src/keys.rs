//! The keys of the large state, by number: accounts, as a chain has.

use assay_types::account::Account;
use assay_types::address::Address;
use assay_types::amount::Amount;
use assay_types::{codec, path};
use sha2::{Digest, Sha256};

/// The key of a number.
pub fn key(number: u64) -> Vec<u8> {
    let mut seed = b"bench account ".to_vec();
    seed.extend(number.to_be_bytes());
    path::account(&Address(Sha256::digest(seed).into()))
}

/// A value of it.
pub fn value(number: u64, version: u64) -> Vec<u8> {
    codec::encode(&Account { balance: Amount(u128::from(number) + 1), nonce: version })
}

/// Numbers that look random, the same in every run: splitmix64.
pub struct Numbers(pub u64);

impl Numbers {
    /// The next one below a bound.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % bound.max(1)
    }
}
