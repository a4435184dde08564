//! A key at work: quoting fees, signing, submitting, waiting.
//!
//! Fees are known before anything is signed: they follow from the messages' bytes and units and the prices of
//! the next block. The limit that is signed is twice the fee, for prices rise by up to an eighth with each full
//! block, and a model may have to be loaded again until the transaction is in one; and the tip on top. The chain
//! takes the exact fee.

use crate::client::Client;
use crate::error::{Error, Result};
use assay_types::amount::Amount;
use assay_types::api::{ModelInfo, TxInfo};
use assay_types::error::Rejected;
use assay_types::fees::Prices;
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
    /// The exact fee at the prices of the next block, the tip included.
    pub fee: Amount,
    /// How much of it is the tip.
    pub tip: Amount,
    /// The limit to sign.
    pub max_fee: Amount,
}

impl Quote {
    /// What a transaction offers that was quoted so.
    pub fn offer(&self) -> Offer {
        Offer { max_fee: self.max_fee, tip: self.tip }
    }
}

/// What a transaction offers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Offer {
    /// The limit, the tip included.
    pub max_fee: Amount,
    /// The tip.
    pub tip: Amount,
}

/// What the user says of fees.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Terms {
    /// The limit, the tip included; `None` leaves it to the wallet.
    pub max_fee: Option<Amount>,
    /// The tip.
    pub tip: Amount,
}

/// What running a model costs in units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunPrice {
    /// Units of the run.
    pub units: u64,
    /// Units of loading the model, if it is not hot.
    pub load_units: u64,
    /// Whether it is hot.
    pub hot: bool,
}

impl RunPrice {
    /// What the model in a record of the chain costs.
    ///
    /// # Errors
    /// [`Rejected`] when it cannot be run.
    pub fn of(model: &ModelInfo) -> Result<Self, Rejected> {
        let compiled = model.record.runnable()?;
        Ok(Self { units: compiled.units, load_units: compiled.load_units, hot: model.hot })
    }

    /// Units in the next block.
    pub fn now(&self) -> u64 {
        if self.hot { self.units } else { self.at_most() }
    }

    /// Units if the model must be loaded.
    fn at_most(&self) -> u64 {
        self.units.saturating_add(self.load_units)
    }
}

/// What a chain asks of every transaction, read once per command.
#[derive(Debug, Clone)]
pub struct Chain {
    /// The chain's id.
    pub chain_id: String,
    /// The parameters.
    pub params: Params,
    /// The prices of the next block.
    pub prices: Prices,
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
        let (params, prices) = (client.params()?, client.fees()?.next);
        Ok(Self { chain_id: status.chain_id, params, prices, height: status.heights.chain })
    }

    /// The transaction of some messages, not signed yet.
    pub fn tx(&self, key: PublicKey, nonce: u64, offer: Offer, messages: Vec<Message>) -> Tx {
        let valid_until_height = self.height.saturating_add(VALID_FOR);
        let Offer { max_fee, tip } = offer;
        Tx { chain_id: self.chain_id.clone(), key, nonce, valid_until_height, max_fee, tip, messages }
    }

    /// What some messages cost, and the limit to sign: the user's, or twice the fee and the tip.
    ///
    /// # Errors
    /// What `price` answers; when the transaction is too large, or the user's limit is below the fee.
    pub fn quote(
        &self,
        key: PublicKey,
        messages: &[Message],
        terms: Terms,
        price: impl Fn(&Infer) -> Result<RunPrice, Rejected>,
    ) -> Result<Quote> {
        // Every number in a transaction has a fixed width, so this one is as long as the one that is signed.
        let draft = self.tx(key, 0, Offer::default(), messages.to_vec());
        let len = assay_types::codec::encode(&draft).len() + SIGNATURE_BYTES;
        if len > MAX_TX_BYTES {
            return Err(Rejected::TxTooLong { len: len as u64, limit: MAX_TX_BYTES as u64 }.into());
        }
        let units = params::tx_units(messages, |infer| Ok(price(infer)?.now()))?;
        if units > self.params.max_block_units {
            return Err(Rejected::TooManyUnits.into());
        }
        let base = self.prices.fee(len as u64, units);
        let sum = |base: Amount| {
            base.checked_add(terms.tip).ok_or(Rejected::FeeTooLow {
                needed: Amount(u128::MAX),
                max_fee: terms.max_fee.unwrap_or_default(),
            })
        };
        let fee = sum(base)?;
        let max_fee = match terms.max_fee {
            Some(limit) if limit < fee => {
                return Err(Rejected::FeeTooLow { needed: fee, max_fee: limit }.into());
            }
            Some(limit) => limit,
            None => {
                let cold = params::tx_units(messages, |infer| Ok(price(infer)?.at_most()))?;
                let most = self.prices.fee(len as u64, cold);
                sum(most.checked_add(most).unwrap_or(most))?
            }
        };
        Ok(Quote { units, bytes: len as u64, fee, tip: terms.tip, max_fee })
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
    pub fn sign(&self, nonce: u64, offer: Offer, messages: Vec<Message>) -> Result<Vec<u8>> {
        for message in &messages {
            message.check()?;
        }
        let tx = self.chain.tx(self.key, nonce, offer, messages);
        let signed = tx.sign(&self.secret).map_err(|error| Error::Internal(error.to_string()))?;
        Ok(signed.encode())
    }

    /// Signs and submits messages in one transaction, and waits until it is in a block.
    ///
    /// # Errors
    /// When it is rejected, by the mempool or in the block, or is in no block in time.
    pub fn execute(&self, quote: &Quote, messages: Vec<Message>) -> Result<TxInfo> {
        let tx = self.sign(self.next_nonce()?, quote.offer(), messages)?;
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
    use assay_types::hash::ModelId;
    use assay_types::message::Transfer;

    fn chain() -> Chain {
        let params = Params::default();
        let prices = params.initial_prices;
        Chain { chain_id: "assay-test-1".into(), params, prices, height: 10 }
    }

    fn key() -> PublicKey {
        SecretKey::Ed25519([7; 32]).public_key().unwrap()
    }

    fn transfer() -> Vec<Message> {
        vec![Message::Transfer(Transfer { to: Address([1; 32]), amount: Amount(5) })]
    }

    fn infer() -> Vec<Message> {
        vec![Message::Infer(Infer { model: ModelId([1; 32]), inputs: vec![], expect_output_hash: None })]
    }

    fn no_model(_: &Infer) -> Result<RunPrice, Rejected> {
        Err(Rejected::ModelUnknown)
    }

    #[test]
    fn a_quote_is_the_exact_size_and_fee_of_the_signed_transaction() {
        for secret in [SecretKey::Ed25519([7; 32]), SecretKey::Secp256k1([7; 32])] {
            let client = Client::new("http://127.0.0.1:9").unwrap();
            let wallet = Wallet::new(&client, chain(), secret).unwrap();
            let quote = wallet.chain.quote(wallet.key, &transfer(), Terms::default(), no_model).unwrap();
            let bytes = wallet.sign(u64::MAX, quote.offer(), transfer()).unwrap();
            assert_eq!(bytes.len() as u64, quote.bytes);
            let units = params::TX_UNITS + params::RECORD_UNITS;
            assert_eq!(quote.fee, chain().prices.fee(quote.bytes, units));
            assert!(assay_types::tx::VerifiedTx::from_bytes(&bytes, "assay-test-1").is_ok());
        }
    }

    #[test]
    fn a_limit_below_the_fee_is_refused_before_signing() {
        let quote = |max_fee, tip| chain().quote(key(), &transfer(), Terms { max_fee, tip }, no_model);
        let error = quote(Some(Amount(1)), Amount::ZERO).unwrap_err();
        assert_eq!((error.name(), error.exit_code()), ("fee_too_low", 1));
        let plain = quote(None, Amount::ZERO).unwrap();
        assert_eq!((plain.max_fee.0, plain.tip), (2 * plain.fee.0, Amount::ZERO));
        let tipped = quote(None, Amount(7)).unwrap();
        assert_eq!((tipped.fee.0, tipped.max_fee.0), (plain.fee.0 + 7, plain.max_fee.0 + 7));
        assert_eq!(quote(Some(plain.fee), Amount(7)).unwrap_err().name(), "fee_too_low");
        assert_eq!(quote(Some(tipped.fee), Amount(7)).unwrap().max_fee, tipped.fee);
        assert_eq!(quote(None, Amount(u128::MAX)).unwrap_err().name(), "fee_too_low");
    }

    #[test]
    fn a_cold_model_is_paid_for_and_a_hot_one_may_come_to_be_cold() {
        let quote = |hot| {
            let price = RunPrice { units: 5_000_000, load_units: 70_000_000, hot };
            chain().quote(key(), &infer(), Terms::default(), move |_| Ok(price)).unwrap()
        };
        let (hot, cold) = (quote(true), quote(false));
        assert_eq!(cold.units - hot.units, 70_000_000);
        assert_eq!(cold.fee.0 - hot.fee.0, 70_000);
        assert_eq!((cold.max_fee.0, hot.max_fee.0), (2 * cold.fee.0, 2 * cold.fee.0));
    }

    #[test]
    fn a_limit_covers_five_full_blocks() {
        let quote = chain().quote(key(), &transfer(), Terms::default(), no_model).unwrap();
        let mut dear = chain();
        for block in 0.. {
            let fee = dear.prices.fee(quote.bytes, quote.units);
            if fee > quote.max_fee {
                assert_eq!(block, 6);
                break;
            }
            let rise = |price| assay_types::fees::next_price(price, 1, 100, 100, 8);
            let Prices { unit_price, byte_price } = dear.prices;
            dear.prices = Prices { unit_price: rise(unit_price), byte_price: rise(byte_price) };
        }
    }

    #[test]
    fn more_units_than_a_block_has_are_refused_before_signing() {
        let mut chain = chain();
        chain.params.max_block_units = 1000;
        let quote = chain.quote(key(), &transfer(), Terms::default(), no_model);
        assert_eq!(quote.unwrap_err().name(), "too_many_units");
    }
}
