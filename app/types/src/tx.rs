//! A transaction, stage by stage: [`SignedTx`] is what decodes strictly, [`VerifiedTx`] what is signed well, meant
//! for this chain, and within the stateless limits. There is no other way to either.

use crate::address::Address;
use crate::amount::Amount;
use crate::codec::{self, CodecError};
use crate::error::Rejected;
use crate::hash::{SignHash, TxHash};
use crate::key::{KeyError, PublicKey, SecretKey, Signature};
use crate::limits::{MAX_CHAIN_ID_BYTES, MAX_MESSAGES, MAX_TX_BYTES};
use crate::message::Message;
use borsh::{BorshDeserialize, BorshSerialize};

/// What an account asks of the chain. Its messages succeed or fail together; the fee and the nonce are taken
/// either way.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Tx {
    /// The chain that it is meant for.
    pub chain_id: String,
    /// The key of the account that signs and pays.
    pub key: PublicKey,
    /// The number of transactions that the account has had.
    pub nonce: u64,
    /// The last height at which it may be in a block.
    pub valid_until_height: u64,
    /// The most that the account will pay, the tip included; it pays the exact fee.
    pub max_fee: Amount,
    /// What it pays above the price of its units and bytes for coming earlier, as far as `max_fee` leaves room.
    pub tip: Amount,
    /// 1 to [`MAX_MESSAGES`] messages.
    pub messages: Vec<Message>,
}

impl Tx {
    /// What the signature covers.
    pub fn sign_hash(&self) -> SignHash {
        SignHash::of(&codec::encode(self))
    }

    /// Signs it.
    ///
    /// # Errors
    /// [`KeyError`] when the secret is no key.
    pub fn sign(self, secret: &SecretKey) -> Result<SignedTx, KeyError> {
        let signature = secret.sign(&self.sign_hash())?;
        Ok(SignedTx { tx: self, signature })
    }

    /// The account that signs and pays.
    pub fn payer(&self) -> Address {
        self.key.address()
    }
}

/// A transaction that decoded strictly, its signature not yet checked.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct SignedTx {
    tx: Tx,
    signature: Signature,
}

impl SignedTx {
    /// Decodes a transaction's bytes.
    ///
    /// # Errors
    /// [`Rejected::TxTooLong`], [`Rejected::TxMalformed`] or [`Rejected::TxNotCanonical`].
    pub fn decode(bytes: &[u8]) -> Result<Self, Rejected> {
        codec::decode(bytes, MAX_TX_BYTES).map_err(|error| match error {
            CodecError::TooLong { len, limit } => {
                Rejected::TxTooLong { len: len as u64, limit: limit as u64 }
            }
            CodecError::Malformed(why) => Rejected::TxMalformed(why),
            CodecError::NotCanonical => Rejected::TxNotCanonical,
        })
    }

    /// The transaction's bytes.
    pub fn encode(&self) -> Vec<u8> {
        codec::encode(self)
    }

    /// The transaction, unverified.
    pub fn tx(&self) -> &Tx {
        &self.tx
    }

    /// Checks everything that needs no state: the limits, the chain id, each message, the signature.
    ///
    /// # Errors
    /// [`Rejected`] naming the rule; the cheap checks come first.
    pub fn verify(self, chain_id: &str) -> Result<VerifiedTx, Rejected> {
        let bytes = self.encode();
        self.verified(chain_id, TxHash::of(&bytes), bytes.len())
    }

    /// As [`SignedTx::verify`], for the bytes that it was decoded from: no other bytes decode to it.
    fn verified(self, chain_id: &str, hash: TxHash, bytes: usize) -> Result<VerifiedTx, Rejected> {
        let tx = &self.tx;
        if tx.chain_id.len() > MAX_CHAIN_ID_BYTES || tx.chain_id != chain_id {
            return Err(Rejected::WrongChainId { expected: chain_id.into() });
        }
        if tx.messages.is_empty() || tx.messages.len() > MAX_MESSAGES {
            return Err(Rejected::MessageCount(tx.messages.len() as u64));
        }
        for message in &tx.messages {
            message.check()?;
        }
        tx.key.verify(&tx.sign_hash(), &self.signature).map_err(|error| match error {
            KeyError::Malformed => Rejected::BadPublicKey,
            KeyError::BadSignature => Rejected::BadSignature,
        })?;
        Ok(VerifiedTx { hash, bytes: bytes as u64, payer: tx.payer(), tx: self.tx })
    }
}

/// A transaction that is signed well, for this chain, and within the stateless limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedTx {
    hash: TxHash,
    bytes: u64,
    payer: Address,
    tx: Tx,
}

impl VerifiedTx {
    /// Decodes and verifies a transaction's bytes.
    ///
    /// # Errors
    /// As [`SignedTx::decode`] and [`SignedTx::verify`].
    pub fn from_bytes(bytes: &[u8], chain_id: &str) -> Result<Self, Rejected> {
        SignedTx::decode(bytes)?.verified(chain_id, TxHash::of(bytes), bytes.len())
    }

    /// SHA-256 of the bytes.
    pub fn hash(&self) -> TxHash {
        self.hash
    }

    /// The account that signs and pays.
    pub fn payer(&self) -> Address {
        self.payer
    }

    /// Number of bytes.
    pub fn byte_len(&self) -> u64 {
        self.bytes
    }

    /// The transaction.
    pub fn tx(&self) -> &Tx {
        &self.tx
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::Address;
    use crate::message::Transfer;

    #[test]
    fn a_transaction_has_its_pinned_bytes() {
        let secret = SecretKey::Ed25519([7; 32]);
        let tx = Tx {
            chain_id: "c".into(),
            key: secret.public_key().unwrap(),
            nonce: 1,
            valid_until_height: 2,
            max_fee: Amount(3),
            tip: Amount(4),
            messages: vec![Message::Transfer(Transfer { to: Address([5; 32]), amount: Amount(6) })],
        };
        let amount = |value: &str| format!("{value}{}", "00".repeat(15));
        let expected = [
            "01000000",
            "63",
            "00ea4a6c63e29c520abef5507b132ec5f9954776aebebe7b92421eea691446d22c",
            "0100000000000000",
            "0200000000000000",
            &amount("03"),
            &amount("04"),
            "01000000",
            "00",
            &"05".repeat(32),
            &amount("06"),
        ];
        assert_eq!(hex::encode(codec::encode(&tx)), expected.concat());
        let bytes = tx.sign(&secret).unwrap().encode();
        assert!(VerifiedTx::from_bytes(&bytes, "c").is_ok());
    }

    #[test]
    fn what_was_verified_says_the_same_of_itself_from_its_bytes_and_decoded() {
        for secret in [SecretKey::Ed25519([7; 32]), SecretKey::Secp256k1([8; 32])] {
            let key = secret.public_key().unwrap();
            let tx = Tx {
                chain_id: "c".into(),
                key,
                nonce: 1,
                valid_until_height: 2,
                max_fee: Amount(3),
                tip: Amount(4),
                messages: vec![Message::Transfer(Transfer { to: Address([5; 32]), amount: Amount(6) })],
            };
            let bytes = tx.sign(&secret).unwrap().encode();
            let verified = VerifiedTx::from_bytes(&bytes, "c").unwrap();
            assert_eq!(SignedTx::decode(&bytes).unwrap().verify("c").as_ref(), Ok(&verified));
            let said = (verified.hash(), verified.byte_len(), verified.payer());
            assert_eq!(said, (TxHash::of(&bytes), bytes.len() as u64, key.address()));
        }
    }
}
