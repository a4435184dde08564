//! Keys, signatures and the rule by which a signature is good.
//!
//! Two kinds of key, told apart by a tag: ed25519 by the rule of ZIP-215 (every implementation of it agrees on every
//! signature, valid or not), and secp256k1 ECDSA over the 32-byte sign hash with a low s. A public key in hand is
//! only bytes until [`PublicKey::verify`] is asked.

use crate::address::Address;
use crate::hash::SignHash;
use borsh::{BorshDeserialize, BorshSerialize};
use k256::ecdsa::signature::hazmat::{PrehashSigner, PrehashVerifier};
use std::fmt;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// A public key with its kind; the borsh tag is the key type's number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum PublicKey {
    /// ed25519, verified by ZIP-215.
    Ed25519([u8; 32]) = 0,
    /// secp256k1, a compressed point.
    Secp256k1([u8; 33]) = 1,
}

/// A signature: 64 bytes, whose meaning the key's kind gives (ed25519: R and s; secp256k1: r and s, big-endian).
#[derive(Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Signature(pub [u8; 64]);

/// Why a key or a signature is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The bytes are no key of this kind.
    #[error("the bytes are no key of this kind")]
    Malformed,
    /// The signature is not of this key over this hash.
    #[error("the signature does not verify")]
    BadSignature,
}

impl PublicKey {
    /// The kind's number, as in the encoding.
    pub fn tag(&self) -> u8 {
        match self {
            PublicKey::Ed25519(_) => 0,
            PublicKey::Secp256k1(_) => 1,
        }
    }

    /// The kind's name.
    pub fn kind(&self) -> &'static str {
        match self {
            PublicKey::Ed25519(_) => "ed25519",
            PublicKey::Secp256k1(_) => "secp256k1",
        }
    }

    /// The key's bytes, without the tag.
    pub fn bytes(&self) -> &[u8] {
        match self {
            PublicKey::Ed25519(bytes) => bytes,
            PublicKey::Secp256k1(bytes) => bytes,
        }
    }

    /// The account that this key owns.
    pub fn address(&self) -> Address {
        Address::of(self)
    }

    /// Checks a signature over a sign hash.
    ///
    /// # Errors
    /// [`KeyError`] when the key is no key, or the signature is not its own.
    pub fn verify(&self, hash: &SignHash, signature: &Signature) -> Result<(), KeyError> {
        match self {
            PublicKey::Ed25519(bytes) => {
                let key =
                    ed25519_zebra::VerificationKey::try_from(*bytes).map_err(|_| KeyError::Malformed)?;
                let signature = ed25519_zebra::Signature::from(signature.0);
                key.verify(&signature, hash.as_bytes()).map_err(|_| KeyError::BadSignature)
            }
            PublicKey::Secp256k1(bytes) => {
                let key =
                    k256::ecdsa::VerifyingKey::from_sec1_bytes(bytes).map_err(|_| KeyError::Malformed)?;
                let signature =
                    k256::ecdsa::Signature::from_slice(&signature.0).map_err(|_| KeyError::BadSignature)?;
                // A high s would give every signature a twin, and every transaction a second hash.
                if signature.normalize_s() != signature {
                    return Err(KeyError::BadSignature);
                }
                key.verify_prehash(hash.as_bytes(), &signature).map_err(|_| KeyError::BadSignature)
            }
        }
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind(), hex::encode(self.bytes()))
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signature({})", hex::encode(self.0))
    }
}

/// A secret key; its bytes are wiped when it is dropped, and it never prints itself.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub enum SecretKey {
    /// The 32-byte seed of an ed25519 key.
    Ed25519([u8; 32]),
    /// A secp256k1 scalar, big-endian.
    Secp256k1([u8; 32]),
}

impl SecretKey {
    /// The public key.
    ///
    /// # Errors
    /// [`KeyError::Malformed`] when a secp256k1 scalar is zero or not below the group's order.
    pub fn public_key(&self) -> Result<PublicKey, KeyError> {
        match self {
            SecretKey::Ed25519(seed) => {
                let key = ed25519_zebra::SigningKey::from(*seed);
                Ok(PublicKey::Ed25519(ed25519_zebra::VerificationKey::from(&key).into()))
            }
            SecretKey::Secp256k1(scalar) => {
                let key = k256::ecdsa::SigningKey::from_slice(scalar).map_err(|_| KeyError::Malformed)?;
                let point = key.verifying_key().to_sec1_point(true);
                let bytes = point.as_bytes().try_into().map_err(|_| KeyError::Malformed)?;
                Ok(PublicKey::Secp256k1(bytes))
            }
        }
    }

    /// Signs a sign hash, deterministically.
    ///
    /// # Errors
    /// As [`SecretKey::public_key`].
    pub fn sign(&self, hash: &SignHash) -> Result<Signature, KeyError> {
        match self {
            SecretKey::Ed25519(seed) => {
                let key = ed25519_zebra::SigningKey::from(*seed);
                Ok(Signature(key.sign(hash.as_bytes()).into()))
            }
            SecretKey::Secp256k1(scalar) => {
                let key = k256::ecdsa::SigningKey::from_slice(scalar).map_err(|_| KeyError::Malformed)?;
                let signature: k256::ecdsa::Signature =
                    key.sign_prehash(hash.as_bytes()).map_err(|_| KeyError::Malformed)?;
                let bytes = signature.normalize_s().to_bytes();
                Ok(Signature(bytes.as_slice().try_into().map_err(|_| KeyError::Malformed)?))
            }
        }
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn both() -> [SecretKey; 2] {
        [SecretKey::Ed25519([7; 32]), SecretKey::Secp256k1([7; 32])]
    }

    #[test]
    fn a_signature_verifies_and_a_changed_one_does_not() {
        for secret in both() {
            let public = secret.public_key().unwrap();
            let hash = SignHash([9; 32]);
            let signature = secret.sign(&hash).unwrap();
            assert_eq!(public.verify(&hash, &signature), Ok(()));
            assert_eq!(public.verify(&SignHash([8; 32]), &signature), Err(KeyError::BadSignature));
            for byte in [0, 31, 32, 63] {
                let mut changed = signature;
                changed.0[byte] ^= 1;
                assert!(public.verify(&hash, &changed).is_err());
            }
        }
    }

    #[test]
    fn the_twin_of_a_secp256k1_signature_is_refused() {
        let secret = SecretKey::Secp256k1([7; 32]);
        let hash = SignHash([9; 32]);
        let signature = k256::ecdsa::Signature::from_slice(&secret.sign(&hash).unwrap().0).unwrap();
        let (r, s) = signature.split_scalars();
        let twin = k256::ecdsa::Signature::from_scalars(r.to_bytes(), (-s).to_bytes()).unwrap();
        let twin = Signature(twin.to_bytes().as_slice().try_into().unwrap());
        assert_eq!(secret.public_key().unwrap().verify(&hash, &twin), Err(KeyError::BadSignature));
    }

    #[test]
    fn bytes_that_are_no_key_are_refused() {
        let hash = SignHash([9; 32]);
        let key = PublicKey::Secp256k1([0; 33]);
        assert_eq!(key.verify(&hash, &Signature([1; 64])), Err(KeyError::Malformed));
        assert_eq!(SecretKey::Secp256k1([0; 32]).public_key(), Err(KeyError::Malformed));
    }
}
