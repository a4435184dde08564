//! Account addresses: 32 bytes, shown as bech32m with the prefix `assay`.

use crate::key::PublicKey;
use bech32::{Bech32m, Hrp};
use borsh::{BorshDeserialize, BorshSerialize};
use std::fmt;
use std::str::FromStr;

/// The human-readable prefix of an address.
pub const PREFIX: &str = "assay";

const CONTEXT: &str = "assay v1 address";

/// Bytes of an address's text: the prefix and its separator, 52 letters of address, 6 of checksum.
const TEXT_BYTES: usize = PREFIX.len() + 1 + 52 + 6;

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

    /// Its text. A block writes several for every transaction, as keys of the state and in events, so this is done
    /// here: it takes a tenth of the time of the crate that reads addresses, and is tested against it.
    pub(crate) fn text(&self) -> [u8; TEXT_BYTES] {
        let mut text = [b'1'; TEXT_BYTES];
        let (prefix, rest) = text.split_at_mut(PREFIX.len());
        prefix.copy_from_slice(PREFIX.as_bytes());
        let mut letters = rest.iter_mut().skip(1);
        let mut checksum = AFTER_PREFIX;
        let mut put = |value: u32| {
            checksum = step(checksum, value);
            if let Some(letter) = letters.next() {
                *letter = LETTERS[(value & 31) as usize];
            }
        };
        // Five bytes are eight letters; the last two are four, the last of which ends in zeros.
        for part in self.0.chunks(5) {
            let bits = part.iter().fold(0u64, |bits, byte| (bits << 8) | u64::from(*byte));
            let bits = bits << (40 - 8 * part.len());
            for letter in 0..(part.len() * 8).div_ceil(5) {
                put((bits >> (35 - 5 * letter)) as u32 & 31);
            }
        }
        let sum = (0..6).fold(checksum, |sum, _| step(sum, 0)) ^ BECH32M;
        for (at, letter) in letters.enumerate() {
            *letter = LETTERS[(sum >> (25 - 5 * at) & 31) as usize];
        }
        text
    }
}

/// The letters of bech32, by value.
const LETTERS: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";
/// What bech32m (BIP-350) adds to the checksum.
const BECH32M: u32 = 0x2bc8_30a3;
/// What the five bits that leave the checksum of BIP-173 add to it, for each of their values.
const LEAVING: [u32; 32] = {
    let generator: [u32; 5] = [0x3b6a_57b2, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3];
    let mut table = [0; 32];
    let mut value = 0;
    while value < 32 {
        let mut bit = 0;
        while bit < 5 {
            if value >> bit & 1 == 1 {
                table[value] ^= generator[bit];
            }
            bit += 1;
        }
        value += 1;
    }
    table
};
/// The checksum after the prefix.
const AFTER_PREFIX: u32 = {
    let prefix = PREFIX.as_bytes();
    let (mut sum, mut at) = (1, 0);
    while at < prefix.len() {
        sum = step(sum, (prefix[at] >> 5) as u32);
        at += 1;
    }
    sum = step(sum, 0);
    at = 0;
    while at < prefix.len() {
        sum = step(sum, (prefix[at] & 31) as u32);
        at += 1;
    }
    sum
};

/// The checksum after five more bits.
const fn step(sum: u32, value: u32) -> u32 {
    ((sum & 0x1ff_ffff) << 5) ^ value ^ LEAVING[(sum >> 25 & 31) as usize]
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&self.text()).map_err(|_| fmt::Error)?)
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
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_text_is_that_of_bech32m(bytes: [u8; 32]) {
            let expected = bech32::encode::<Bech32m>(Hrp::parse_unchecked(PREFIX), &bytes).unwrap();
            prop_assert_eq!(Address(bytes).to_string(), expected);
        }
    }

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
