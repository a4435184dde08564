//! From words to a key: BIP-39, then SLIP-10 for ed25519 or BIP-32 for secp256k1.
//!
//! ed25519 has hardened steps only, so its path is `m/44'/118'/A'/0'`; secp256k1 has the path that Cosmos
//! wallets use, `m/44'/118'/A'/0/0`. A is the account, 0 unless asked for.

use crate::error::{Error, Result};
use assay_types::key::SecretKey;
use bip39::Mnemonic;
use hmac::{Hmac, Mac};
use k256::elliptic_curve::sec1::ToSec1Point;
use rand::TryRng;
use sha2::Sha512;
use zeroize::Zeroizing;

/// The kinds of key.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "lowercase")]
#[value(rename_all = "lower")]
pub enum KeyType {
    /// ed25519, the default.
    #[default]
    Ed25519,
    /// secp256k1, as in Cosmos wallets.
    Secp256k1,
}

const HARDENED: u32 = 1 << 31;
const PURPOSE: u32 = 44;
const COIN: u32 = 118;

/// The derivation path of an account, as text.
pub fn path_of(kind: KeyType, account: u32) -> String {
    match kind {
        KeyType::Ed25519 => format!("m/{PURPOSE}'/{COIN}'/{account}'/0'"),
        KeyType::Secp256k1 => format!("m/{PURPOSE}'/{COIN}'/{account}'/0/0"),
    }
}

/// New words from the operating system's randomness.
///
/// # Errors
/// When `words` is neither 12 nor 24, or the system has no randomness to give.
pub fn new_mnemonic(words: u8) -> Result<Zeroizing<String>> {
    let bytes = match words {
        12 => 16,
        24 => 32,
        other => return Err(Error::input(format!("{other} words"), "use --words 12 or --words 24")),
    };
    let mut entropy = Zeroizing::new(vec![0u8; bytes]);
    rand::rngs::SysRng
        .try_fill_bytes(&mut entropy)
        .map_err(|error| Error::Internal(format!("the system gave no randomness: {error}")))?;
    let mnemonic = Mnemonic::from_entropy(&entropy).map_err(|error| Error::Internal(error.to_string()))?;
    Ok(Zeroizing::new(mnemonic.to_string()))
}

/// The key of an account under words.
///
/// # Errors
/// When the words are no BIP-39 mnemonic (a word that is not in the list, a checksum that does not match), or
/// the account is not below 2^31.
pub fn from_mnemonic(words: &str, kind: KeyType, account: u32) -> Result<SecretKey> {
    if account >= HARDENED {
        return Err(Error::input(format!("account {account}"), "an account is a number below 2147483648"));
    }
    let words = Zeroizing::new(words.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase());
    let mnemonic = Mnemonic::parse_in_normalized(bip39::Language::English, &words).map_err(|error| {
        Error::input(format!("the words are no mnemonic: {error}"), "check the spelling and the order")
    })?;
    let seed = Zeroizing::new(mnemonic.to_seed_normalized(""));
    let hardened = [PURPOSE | HARDENED, COIN | HARDENED, account | HARDENED];
    match kind {
        KeyType::Ed25519 => {
            Ok(SecretKey::Ed25519(*slip10_ed25519(&*seed, &[&hardened[..], &[HARDENED]].concat())?))
        }
        KeyType::Secp256k1 => {
            Ok(SecretKey::Secp256k1(*bip32_secp256k1(&*seed, &[&hardened[..], &[0, 0]].concat())?))
        }
    }
}

/// The key of 64 hexadecimal digits.
///
/// # Errors
/// When they are not, or are no secp256k1 scalar.
pub fn from_hex(text: &str, kind: KeyType) -> Result<SecretKey> {
    let mut bytes = Zeroizing::new([0u8; 32]);
    hex::decode_to_slice(text.trim(), &mut *bytes).map_err(|_| {
        Error::input("a secret key is 64 hexadecimal digits", "paste the words or the digits")
    })?;
    let secret = match kind {
        KeyType::Ed25519 => SecretKey::Ed25519(*bytes),
        KeyType::Secp256k1 => SecretKey::Secp256k1(*bytes),
    };
    let known = secret.public_key().is_ok();
    if !known {
        return Err(Error::input("the digits are no secp256k1 key", "check the digits and --type"));
    }
    Ok(secret)
}

type Half = Zeroizing<[u8; 32]>;

/// HMAC-SHA512 over the parts, in two halves.
fn mac(key: &[u8], parts: &[&[u8]]) -> Result<(Half, Half)> {
    let mut mac = Hmac::<Sha512>::new_from_slice(key).map_err(|error| Error::Internal(error.to_string()))?;
    for part in parts {
        mac.update(part);
    }
    let output = Zeroizing::new(<[u8; 64]>::from(mac.finalize().into_bytes()));
    let (mut left, mut right) = (Half::default(), Half::default());
    left.copy_from_slice(&output[..32]);
    right.copy_from_slice(&output[32..]);
    Ok((left, right))
}

/// SLIP-10 for ed25519; every step of the path is hardened.
fn slip10_ed25519(seed: &[u8], path: &[u32]) -> Result<Half> {
    let (mut key, mut chain) = mac(b"ed25519 seed", &[seed])?;
    for index in path {
        let index = (index | HARDENED).to_be_bytes();
        (key, chain) = mac(&chain[..], &[&[0], &key[..], &index])?;
    }
    Ok(key)
}

/// BIP-32 for secp256k1.
fn bip32_secp256k1(seed: &[u8], path: &[u32]) -> Result<Half> {
    // Chance 2^-127 at every step: BIP-32 says to take the next index, and nobody has ever had to.
    let unlucky = || Error::input("these words give no key on this path", "use another --account");
    let (mut key, mut chain) = mac(b"Bitcoin seed", &[seed])?;
    for index in path {
        let parent = k256::SecretKey::from_slice(&key[..]).map_err(|_| unlucky())?;
        let digits = index.to_be_bytes();
        let (left, right) = if index & HARDENED != 0 {
            mac(&chain[..], &[&[0], &key[..], &digits])?
        } else {
            mac(&chain[..], &[parent.public_key().to_sec1_point(true).as_bytes(), &digits])?
        };
        let tweak = k256::SecretKey::from_slice(&left[..]).map_err(|_| unlucky())?;
        let sum = *tweak.to_nonzero_scalar() + *parent.to_nonzero_scalar();
        let child = Option::<k256::NonZeroScalar>::from(k256::NonZeroScalar::new(sum)).ok_or_else(unlucky)?;
        key.copy_from_slice(&child.to_bytes());
        chain = right;
    }
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEED: &str = "000102030405060708090a0b0c0d0e0f";
    const WORDS: &str =
        "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about";

    #[test]
    fn slip10_gives_the_official_ed25519_keys() {
        let seed = hex::decode(SEED).unwrap();
        let rows: [(&[u32], &str); 3] = [
            (&[], "2b4be7f19ee27bbf30c667b642d5f4aa69fd169872f8fc3059c08ebae2eb19e7"),
            (&[0], "68e0fe46dfb67e368c75379acec591dad19df3cde26e63b93a8e704f1dade7a3"),
            (&[0, 1], "b1d0bad404bf35da785a64ca1ac54b2617211d2777696fbffaf208f746ae84f2"),
        ];
        for (path, expected) in rows {
            assert_eq!(hex::encode(&slip10_ed25519(&seed, path).unwrap()[..]), expected);
        }
    }

    #[test]
    fn bip32_gives_the_official_secp256k1_keys() {
        let seed = hex::decode(SEED).unwrap();
        let rows: [(&[u32], &str); 3] = [
            (&[], "e8f32e723decf4051aefac8e2c93c9c5b214313817cdb01a1494b917c8436b35"),
            (&[HARDENED], "edb2e14f9ee77d26dd93b4ecede8d16ed408ce149b6cd80b0715a2d911a0afea"),
            (&[HARDENED, 1], "3c6cb8d0f6a264c91ea8b5030fadaa8e538b020f0a387421a12de9319dc93368"),
        ];
        for (path, expected) in rows {
            assert_eq!(hex::encode(&bip32_secp256k1(&seed, path).unwrap()[..]), expected);
        }
    }

    #[test]
    fn words_give_the_same_key_whatever_their_spacing_and_case() {
        for kind in [KeyType::Ed25519, KeyType::Secp256k1] {
            let plain = from_mnemonic(WORDS, kind, 0).unwrap().public_key().unwrap();
            let spaced = WORDS.replace(' ', "\n  ").to_uppercase();
            assert_eq!(from_mnemonic(&spaced, kind, 0).unwrap().public_key().unwrap(), plain);
            assert_ne!(from_mnemonic(WORDS, kind, 1).unwrap().public_key().unwrap(), plain);
        }
    }

    #[test]
    fn words_with_a_wrong_checksum_are_refused() {
        let words = WORDS.replace("about", "abandon");
        assert!(matches!(from_mnemonic(&words, KeyType::Ed25519, 0), Err(Error::Input { .. })));
        assert!(matches!(from_mnemonic("", KeyType::Ed25519, 0), Err(Error::Input { .. })));
        assert!(matches!(from_mnemonic(WORDS, KeyType::Ed25519, HARDENED), Err(Error::Input { .. })));
    }

    #[test]
    fn new_words_are_new_and_valid() {
        let (a, b) = (new_mnemonic(24).unwrap(), new_mnemonic(24).unwrap());
        assert_ne!(*a, *b);
        assert_eq!(a.split(' ').count(), 24);
        assert!(from_mnemonic(&a, KeyType::Ed25519, 0).is_ok());
        assert!(new_mnemonic(13).is_err());
    }

    #[test]
    fn digits_that_are_no_scalar_are_refused() {
        assert!(from_hex(&"0".repeat(64), KeyType::Secp256k1).is_err());
        assert!(from_hex(&"f".repeat(64), KeyType::Secp256k1).is_err());
        assert!(from_hex(&"0".repeat(63), KeyType::Ed25519).is_err());
        assert!(from_hex(&"7".repeat(64), KeyType::Ed25519).is_ok());
    }
}
