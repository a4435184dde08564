//! Account addresses: 32 bytes, shown as bech32m with the prefix `assay`.

use crate::key::PublicKey;
use bech32::{Bech32m, Hrp};
use borsh::{BorshDeserialize, BorshSerialize};
use std::fmt;
use std::str::FromStr;

/// The human-readable prefix of an address.
pub const PREFIX: &str = "assay";

const CONTEXT: &str = "assay v1 address";

/// An account's address: BLAKE3 `derive_key` over the key's tag and bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
pub struct Address(pub [u8; 32]);

/// A text that is no address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not an address ({reason}); an address starts with assay1")]
pub struct ParseAddressError {
    text: String,
    reason: String,
}

impl Address {
    /// The address of the account that a key owns.
    pub fn of(key: &PublicKey) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key(CONTEXT);
        hasher.update(&[key.tag()]).update(key.bytes());
        Self(hasher.finalize().into())
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text =
            bech32::encode::<Bech32m>(Hrp::parse_unchecked(PREFIX), &self.0).map_err(|_| fmt::Error)?;
        f.write_str(&text)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Address {
    type Err = ParseAddressError;

    fn from_str(text: &str) -> Result<Self, ParseAddressError> {
        let error = |reason: String| ParseAddressError { text: text.chars().take(100).collect(), reason };
        let checked = bech32::primitives::decode::CheckedHrpstring::new::<Bech32m>(text)
            .map_err(|cause| error(cause.to_string()))?;
        if checked.hrp() != Hrp::parse_unchecked(PREFIX) {
            return Err(error(format!("its prefix is {}", checked.hrp())));
        }
        let bytes: Vec<u8> = checked.byte_iter().collect();
        let bytes = <[u8; 32]>::try_from(bytes).map_err(|_| error("it is not 32 bytes long".into()))?;
        let address = Address(bytes);
        // One address, one text: upper case and odd padding decode, but are not what we print.
        if address.to_string() != text {
            return Err(error("it is not in its usual form".into()));
        }
        Ok(address)
    }
}

impl serde::Serialize for Address {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Address {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <String as serde::Deserialize>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_survives_its_text_form() {
        let address = Address::of(&PublicKey::Ed25519([1; 32]));
        let text = address.to_string();
        assert!(text.starts_with("assay1"));
        assert_eq!(text.parse(), Ok(address));
    }

    #[test]
    fn one_changed_letter_or_another_prefix_is_refused() {
        let text = Address([3; 32]).to_string();
        let changed = text.replacen('q', "p", 1);
        assert!(changed == text || changed.parse::<Address>().is_err());
        assert!(text.to_uppercase().parse::<Address>().is_err());
        let other = bech32::encode::<Bech32m>(Hrp::parse_unchecked("cosmos"), &[3; 32]).unwrap();
        assert!(other.parse::<Address>().is_err());
        assert!(text[..text.len() - 1].parse::<Address>().is_err());
    }

    #[test]
    fn the_kind_of_key_is_part_of_the_address() {
        let ed = Address::of(&PublicKey::Ed25519([2; 32]));
        let mut point = [0; 33];
        point[1..].fill(2);
        assert_ne!(ed, Address::of(&PublicKey::Secp256k1(point)));
    }
}
