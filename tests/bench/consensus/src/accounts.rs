//! Accounts with money, and transactions that they have signed beforehand.

use crate::Result;
use assay_types::address::Address;
use assay_types::amount::Amount;
use assay_types::key::{PublicKey, SecretKey};
use assay_types::message::Message;
use assay_types::tx::Tx;

/// What each account begins with, and the most that each pays for a transaction.
pub const MONEY: Amount = Amount(1_000_000_000_000_000_000_000_000);
const MAX_FEE: Amount = Amount(1_000_000_000_000_000_000);

struct Account {
    secret: SecretKey,
    key: PublicKey,
    nonce: u64,
}

/// Accounts, and where the nonce of each is.
pub struct Accounts {
    list: Vec<Account>,
    chain_id: String,
}

impl Accounts {
    /// So many accounts of a chain, whose secrets everybody knows.
    pub fn new(count: usize, chain_id: &str) -> Result<Self> {
        let account = |number: usize| {
            let mut seed = [0x5a; 32];
            seed[..8].copy_from_slice(&(number as u64).to_le_bytes());
            let secret = SecretKey::Ed25519(seed);
            let key = secret.public_key()?;
            Ok(Account { secret, key, nonce: 0 })
        };
        let list = (0..count).map(account).collect::<Result<_>>()?;
        Ok(Self { list, chain_id: chain_id.to_owned() })
    }

    /// What genesis gives them.
    pub fn money(&self) -> Vec<(Address, Amount)> {
        self.list.iter().map(|account| (account.key.address(), MONEY)).collect()
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.list.len()
    }

    /// The address of one.
    pub fn address(&self, account: usize) -> Address {
        self.list[account].key.address()
    }

    /// The key of one, for somebody else who signs.
    pub fn secret(&self, account: usize) -> SecretKey {
        self.list[account].secret.clone()
    }

    /// Goes on from a nonce, after somebody else signed.
    pub fn set_nonce(&mut self, account: usize, nonce: u64) {
        self.list[account].nonce = nonce;
    }

    /// The next transaction of an account.
    pub fn sign(&mut self, account: usize, message: Message) -> Result<Vec<u8>> {
        let account = &mut self.list[account];
        let tx = Tx {
            chain_id: self.chain_id.clone(),
            key: account.key,
            nonce: account.nonce,
            valid_until_height: u64::MAX,
            max_fee: MAX_FEE,
            tip: Amount::ZERO,
            messages: vec![message],
        };
        account.nonce += 1;
        Ok(tx.sign(&account.secret)?.encode())
    }

    /// Takes the nonces that the chain knows, after a load that was not taken whole.
    pub fn settle(&mut self, next_nonce: impl Fn(&Address) -> Result<u64>) -> Result<()> {
        for account in &mut self.list {
            account.nonce = next_nonce(&account.key.address())?;
        }
        Ok(())
    }

    /// Lanes of transactions: the accounts of a lane take turns, so that nonces come in order.
    pub fn lanes(
        &mut self,
        lanes: usize,
        each: usize,
        mut message: impl FnMut(&Self, usize, usize) -> Message,
    ) -> Result<Vec<Vec<Vec<u8>>>> {
        let share = self.count() / lanes;
        let mut made = vec![];
        for lane in 0..lanes {
            let mut txs = Vec::with_capacity(each);
            for number in 0..each {
                let account = lane * share + number % share;
                let message = message(self, account, lane * each + number);
                txs.push(self.sign(account, message)?);
            }
            made.push(txs);
        }
        Ok(made)
    }
}
