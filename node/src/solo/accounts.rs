//! The accounts that have money on a chain for development.
//!
//! Their secrets are the SHA-256 of a text that stands here: everybody knows them. They are for play money only.

use assay_types::address::Address;
use assay_types::amount::Amount;
use assay_types::hash::TxHash;
use assay_types::key::SecretKey;

/// How many there are.
const COUNT: usize = 10;
/// What each has at the start: a million ASY.
const FUNDS: Amount = Amount(1_000_000_000_000);

/// An account whose secret everybody knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DevAccount {
    /// Its address.
    pub address: Address,
    /// What it has at the start.
    pub balance: Amount,
    /// The seed of its ed25519 key.
    pub seed: [u8; 32],
}

impl DevAccount {
    /// Its key.
    pub fn secret(&self) -> SecretKey {
        SecretKey::Ed25519(self.seed)
    }
}

/// The accounts, always the same.
pub fn dev_accounts() -> Vec<DevAccount> {
    let account = |index| {
        let seed = TxHash::of(format!("assay dev account {index}").as_bytes()).0;
        let key = SecretKey::Ed25519(seed).public_key().ok()?;
        Some(DevAccount { address: key.address(), balance: FUNDS, seed })
    };
    (0..COUNT).filter_map(account).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_accounts_are_ten_and_stay_the_same() {
        let accounts = dev_accounts();
        assert_eq!(accounts.len(), COUNT);
        let seed = "d037ae8a1f4e11754535fd51f71de6183662de59f3a7c19331517898632dc687";
        assert_eq!(hex::encode(accounts[0].seed), seed);
        assert!(
            accounts
                .iter()
                .all(|account| account.secret().public_key().unwrap().address() == account.address)
        );
    }
}
