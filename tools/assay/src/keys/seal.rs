//! A secret under a password: argon2id makes the key, ChaCha20-Poly1305 seals.
//!
//! The clear part of the key file is bound in as associated data, so that a file whose name or public key was
//! changed does not open. What a file asks of argon2id is bounded before a byte is allocated.

use crate::error::{Error, Result};
use argon2::{Algorithm, Argon2, Params, Version};
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{ChaCha20Poly1305, Key, Nonce};
use rand::TryRng;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

const MAX_MEMORY_KIB: u32 = 1024 * 1024;
const MAX_PASSES: u32 = 16;
const MAX_LANES: u32 = 16;

/// What argon2id costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cost {
    /// Memory in KiB.
    pub memory_kib: u32,
    /// Passes over it.
    pub passes: u32,
    /// Lanes.
    pub lanes: u32,
}

impl Default for Cost {
    /// The second recommendation of RFC 9106: 64 MiB, 3 passes, 4 lanes.
    fn default() -> Self {
        Self { memory_kib: 64 * 1024, passes: 3, lanes: 4 }
    }
}

/// A sealed secret, as in the key file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sealed {
    /// What argon2id costs.
    pub argon2id: Cost,
    /// 16 bytes, hex.
    pub salt: String,
    /// 12 bytes, hex.
    pub nonce: String,
    /// The ChaCha20-Poly1305 ciphertext and tag, hex.
    pub ciphertext: String,
}

/// Seals a secret.
///
/// # Errors
/// When the cost is out of bounds or the system has no randomness to give.
pub fn seal(secret: &[u8; 32], bound: &[u8], password: &str, cost: Cost) -> Result<Sealed> {
    let (mut salt, mut nonce) = ([0u8; 16], [0u8; 12]);
    for bytes in [&mut salt[..], &mut nonce[..]] {
        rand::rngs::SysRng
            .try_fill_bytes(bytes)
            .map_err(|error| Error::Internal(format!("the system gave no randomness: {error}")))?;
    }
    let cipher = cipher(password, &salt, cost)?;
    let ciphertext = cipher
        .encrypt(&Nonce::from(nonce), Payload { msg: secret, aad: bound })
        .map_err(|_| Error::Internal("sealing the key failed".into()))?;
    Ok(Sealed {
        argon2id: cost,
        salt: hex::encode(salt),
        nonce: hex::encode(nonce),
        ciphertext: hex::encode(ciphertext),
    })
}

/// Opens a sealed secret; `None` when the password is wrong or the file was changed (nobody can tell which).
///
/// # Errors
/// When the file's parts are malformed or out of bounds.
pub fn open(sealed: &Sealed, bound: &[u8], password: &str) -> Result<Option<Zeroizing<[u8; 32]>>> {
    let malformed =
        || Error::input("the key file is malformed", "restore it from a backup, or import the words");
    let mut salt = [0u8; 16];
    let mut nonce = [0u8; 12];
    hex::decode_to_slice(&sealed.salt, &mut salt).map_err(|_| malformed())?;
    hex::decode_to_slice(&sealed.nonce, &mut nonce).map_err(|_| malformed())?;
    let ciphertext = hex::decode(&sealed.ciphertext).map_err(|_| malformed())?;
    let cipher = cipher(password, &salt, sealed.argon2id)?;
    let Ok(plain) = cipher.decrypt(&Nonce::from(nonce), Payload { msg: &ciphertext, aad: bound }) else {
        return Ok(None);
    };
    let plain = Zeroizing::new(plain);
    let secret: [u8; 32] = plain.as_slice().try_into().map_err(|_| malformed())?;
    Ok(Some(Zeroizing::new(secret)))
}

fn cipher(password: &str, salt: &[u8], cost: Cost) -> Result<ChaCha20Poly1305> {
    let Cost { memory_kib, passes, lanes } = cost;
    let bounded = memory_kib <= MAX_MEMORY_KIB && passes <= MAX_PASSES && lanes <= MAX_LANES;
    let params = bounded.then(|| Params::new(memory_kib, passes, lanes, Some(32)).ok()).flatten();
    let params = params.ok_or_else(|| {
        Error::input("the key file asks for an argon2id cost out of bounds", "restore it from a backup")
    })?;
    let mut key = Zeroizing::new([0u8; 32]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(password.as_bytes(), salt, &mut *key)
        .map_err(|error| Error::Internal(format!("argon2id: {error}")))?;
    Ok(ChaCha20Poly1305::new(&Key::from(*key)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHEAP: Cost = Cost { memory_kib: 8, passes: 1, lanes: 1 };

    #[test]
    fn a_sealed_secret_opens_with_its_password_only() {
        let sealed = seal(&[7; 32], b"name", "right", CHEAP).unwrap();
        assert_eq!(*open(&sealed, b"name", "right").unwrap().unwrap(), [7; 32]);
        assert!(open(&sealed, b"name", "wrong").unwrap().is_none());
        assert!(open(&sealed, b"other", "right").unwrap().is_none());
    }

    #[test]
    fn every_flipped_bit_of_the_ciphertext_is_noticed() {
        let sealed = seal(&[7; 32], b"name", "right", CHEAP).unwrap();
        let bytes = hex::decode(&sealed.ciphertext).unwrap();
        for index in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[index] ^= 1;
            let changed = Sealed { ciphertext: hex::encode(changed), ..sealed.clone() };
            assert!(open(&changed, b"name", "right").unwrap().is_none());
        }
    }

    #[test]
    fn a_cost_out_of_bounds_is_refused_before_memory_is_taken() {
        let sealed = seal(&[7; 32], b"name", "right", CHEAP).unwrap();
        for cost in
            [Cost { memory_kib: u32::MAX, ..CHEAP }, Cost { passes: 17, ..CHEAP }, Cost { lanes: 0, ..CHEAP }]
        {
            assert!(open(&Sealed { argon2id: cost, ..sealed.clone() }, b"name", "right").is_err());
        }
    }
}
