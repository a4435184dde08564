//! A key at work: quoting fees, signing, submitting, waiting.
//!
//! Fees are known before anything is signed: they follow from the messages' bytes and units and the prices
//! now. The limit that is signed is the fee plus a quarter, for prices may rise before the transaction is in
//! a block; the chain takes the exact fee.

use crate::client::Client;
use crate::error::{Error, Result};
use assay_types::amount::Amount;
use assay_types::api::TxInfo;
use assay_types::error::Rejected;
use assay_types::key::{PublicKey, SecretKey, Signature};
use assay_types::limits::MAX_TX_BYTES;
use assay_types::message::{Infer, Message};
use assay_types::params::{self, Params};
use assay_types::tx::Tx;
use std::time::Duration;

/// How long a command waits for one transaction.
pub const WAIT: Duration = Duration::from_secs(60);
/// Heights during which a transaction may be included.
const VALID_FOR: u64 = 1000;
/// Bytes of an encoded signature behind the transaction.
const SIGNATURE_BYTES: usize = std::mem::size_of::<Signature>();

/// What a transaction costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quote {
    /// Units.
    pub units: u64,
    /// Bytes, signature included.
    pub bytes: u64,
    /// The exact fee at the prices of now.
    pub fee: Amount,
    /// The limit to sign.
    pub max_fee: Amount,
}

/// What a chain asks of every transaction, read once per command.
#[derive(Debug, Clone)]
pub struct Chain {
    /// The chain's id.
    pub chain_id: String,
    /// The parameters, with the prices of now.
    pub params: Params,
    /// The latest height.
    pub height: u64,
}

impl Chain {
    /// Asks a node.
    ///
    /// # Errors
    /// When the node cannot be reached.
    pub fn read(client: &Client) -> Result<Self> {
        let status = client.status()?;
        let fees = client.fees()?;
        let params = Params { unit_price: fees.unit_price, byte_price: fees.byte_price, ..client.params()? };
        Ok(Self { chain_id: status.chain_id, params, height: status.heights.chain })
    }

    /// The transaction of some messages, not signed yet.
    pub fn tx(&self, key: PublicKey, nonce: u64, max_fee: Amount, messages: Vec<Message>) -> Tx {
        let valid_until_height = self.height.saturating_add(VALID_FOR);
        Tx { chain_id: self.chain_id.clone(), key, nonce, valid_until_height, max_fee, messages }
    }

    /// What some messages cost, and the limit to sign: the user's, or the fee plus a quarter.
    ///
    /// # Errors
    /// What `infer_units` answers; when the transaction is too large, or the user's limit is below the fee.
    pub fn quote(
        &self,
        key: PublicKey,
        messages: &[Message],
        user_limit: Option<Amount>,
        infer_units: impl FnMut(&Infer) -> Result<u64, Rejected>,
    ) -> Result<Quote> {
        // Every number in a transaction has a fixed width, so this one is as long as the one that is signed.
        let draft = self.tx(key, 0, Amount::ZERO, messages.to_vec());
        let len = assay_types::codec::encode(&draft).len() + SIGNATURE_BYTES;
        if len > MAX_TX_BYTES {
            return Err(Rejected::TxTooLong { len: len as u64, limit: MAX_TX_BYTES as u64 }.into());
        }
        let units = params::tx_units(messages, infer_units)?;
        if units > self.params.max_block_units {
            return Err(Rejected::TooManyUnits.into());
        }
        let fee = self.params.fee(len as u64, units);
        let max_fee = user_limit.unwrap_or(Amount(fee.0 + fee.0.div_ceil(4)));
        if max_fee < fee {
            return Err(Rejected::FeeTooLow { needed: fee, max_fee }.into());
        }
        Ok(Quote { units, bytes: len as u64, fee, max_fee })
    }
}

/// A key, a node and a chain.
pub struct Wallet<'a> {
    /// The node.
    pub client: &'a Client,
    /// The chain.
    pub chain: Chain,
    /// The key's public half.
    pub key: PublicKey,
    secret: SecretKey,
}

impl<'a> Wallet<'a> {
    /// Puts a key to work.
    ///
    /// # Errors
    /// When the secret is no key.
    pub fn new(client: &'a Client, chain: Chain, secret: SecretKey) -> Result<Self> {
        let key = secret.public_key().map_err(|error| Error::Internal(error.to_string()))?;
        Ok(Self { client, chain, key, secret })
    }

    /// The nonce of the next transaction, those in the mempool counted.
    ///
    /// # Errors
    /// When the node cannot be reached.
    pub fn next_nonce(&self) -> Result<u64> {
        Ok(self.client.account(&self.key.address())?.next_nonce)
    }

    /// Refuses early when the account cannot pay.
    ///
    /// # Errors
    /// [`Rejected::InsufficientBalance`], with what is there.
    pub fn require_balance(&self, needed: Amount) -> Result<()> {
        let balance = self.client.account(&self.key.address())?.balance;
        if balance < needed {
            return Err(Rejected::InsufficientBalance { needed, balance }.into());
        }
        Ok(())
    }

    /// Signs messages under a nonce.
    ///
    /// # Errors
    /// When the secret is no key, or the chain's stateless checks would refuse the transaction.
    pub fn sign(&self, nonce: u64, max_fee: Amount, messages: Vec<Message>) -> Result<Vec<u8>> {
        for message in &messages {
            message.check()?;
        }
        let tx = self.chain.tx(self.key, nonce, max_fee, messages);
        let signed = tx.sign(&self.secret).map_err(|error| Error::Internal(error.to_string()))?;
        Ok(signed.encode())
    }

    /// Signs and submits messages in one transaction, and waits until it is in a block.
    ///
    /// # Errors
    /// When it is rejected, by the mempool or in the block, or is in no block in time.
    pub fn execute(&self, quote: &Quote, messages: Vec<Message>) -> Result<TxInfo> {
        let tx = self.sign(self.next_nonce()?, quote.max_fee, messages)?;
        let hash = self.client.submit(&tx)?;
        accepted(self.client.wait(&hash, WAIT)?)
    }
}

/// A transaction in a block as success or the error that it is.
///
/// # Errors
/// [`Error::Rejected`] when its code is not 0.
pub fn accepted(info: TxInfo) -> Result<TxInfo> {
    if info.code == 0 {
        return Ok(info);
    }
    let hint = Rejected::describe(info.code).map_or("", |(_, hint)| hint);
    Err(Error::Rejected {
        code: info.code,
        name: info.name,
        message: format!("{} (transaction {}, fee {} uasy taken)", info.message, info.tx_hash, info.fee),
        hint: hint.into(),
        tx_hash: Some(info.tx_hash),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use assay_types::address::Address;
    use assay_types::message::Transfer;

    fn chain() -> Chain {
        Chain { chain_id: "assay-test-1".into(), params: Params::default(), height: 10 }
    }

    fn transfer() -> Vec<Message> {
        vec![Message::Transfer(Transfer { to: Address([1; 32]), amount: Amount(5) })]
    }

    #[test]
    fn a_quote_is_the_exact_size_and_fee_of_the_signed_transaction() {
        for secret in [SecretKey::Ed25519([7; 32]), SecretKey::Secp256k1([7; 32])] {
            let client = Client::new("http://127.0.0.1:9").unwrap();
            let wallet = Wallet::new(&client, chain(), secret).unwrap();
            let quote = wallet.chain.quote(wallet.key, &transfer(), None, |_| Ok(0)).unwrap();
            let bytes = wallet.sign(u64::MAX, quote.max_fee, transfer()).unwrap();
            assert_eq!(bytes.len() as u64, quote.bytes);
            let units = params::TX_UNITS + params::RECORD_UNITS;
            assert_eq!(quote.fee, Params::default().fee(quote.bytes, units));
            assert!(assay_types::tx::VerifiedTx::from_bytes(&bytes, "assay-test-1").is_ok());
        }
    }

    #[test]
    fn a_limit_below_the_fee_is_refused_before_signing() {
        let key = SecretKey::Ed25519([7; 32]).public_key().unwrap();
        let error = chain().quote(key, &transfer(), Some(Amount(1)), |_| Ok(0)).unwrap_err();
        assert_eq!((error.name(), error.exit_code()), ("fee_too_low", 1));
        let quote = chain().quote(key, &transfer(), None, |_| Ok(0)).unwrap();
        assert_eq!(quote.max_fee.0, quote.fee.0 + quote.fee.0.div_ceil(4));
    }

    #[test]
    fn more_units_than_a_block_has_are_refused_before_signing() {
        let key = SecretKey::Ed25519([7; 32]).public_key().unwrap();
        let mut chain = chain();
        chain.params.max_block_units = 1000;
        assert_eq!(chain.quote(key, &transfer(), None, |_| Ok(0)).unwrap_err().name(), "too_many_units");
    }
}
