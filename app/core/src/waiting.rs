//! What waits in the mempool, account by account, in the order of nonces and without a gap.
//!
//! CometBFT keeps the transactions; this is what the application remembers of them between two commits, bounded
//! for all accounts and for each, so that nobody's flood is somebody else's loss. A transaction may take the
//! place of one with the same nonce if it pays a tenth more. CometBFT cannot be told to drop the old one, so the
//! new one's hash is remembered: the old one fails its next check, and in a proposal it comes second.
//!
//! After a commit everything that waits is checked anew, in the order of arrival, into empty lines. A transaction
//! that won its nonce arrived after the ones behind it, so its place is held for it until it comes. What is
//! remembered of replacements lives on as long as the winner is seen again after each commit.

use crate::admit::Admitted;
use assay_types::account::Account;
use assay_types::address::Address;
use assay_types::amount::Amount;
use assay_types::error::Rejected;
use assay_types::hash::TxHash;
use assay_types::tx::VerifiedTx;
use std::collections::BTreeMap;

/// Transactions that wait: more than CometBFT's mempool holds.
pub(crate) const MAX_WAITING: usize = 16_384;
/// Transactions of one account that wait.
pub(crate) const MAX_WAITING_OF_ONE: usize = 256;
/// Bytes of the transactions of one account that wait.
pub(crate) const MAX_WAITING_BYTES_OF_ONE: u64 = 8 * 1024 * 1024;
/// A replacement pays one part in this many more than what it replaces.
const REPLACEMENT_PART: u128 = 10;

/// A transaction that waits.
#[derive(Debug, Clone, Copy)]
struct Waiting {
    hash: TxHash,
    fee: Amount,
    /// The fee, and what the transaction moves away.
    cost: Amount,
    bytes: u64,
    /// Whether its place is held for it, and it has not come yet.
    held: bool,
}

/// An account's line.
#[derive(Debug)]
struct Line {
    /// The committed account.
    account: Account,
    /// The first has the account's nonce.
    txs: Vec<Waiting>,
}

/// The transaction that won a nonce, and whether it was seen since the last commit.
#[derive(Debug)]
struct Winner {
    waiting: Waiting,
    seen: bool,
}

/// Where a transaction stands in its account's line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place(usize);

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    lines: BTreeMap<Address, Line>,
    count: usize,
    winners: BTreeMap<(Address, u64), Winner>,
}

impl Lines {
    /// Forgets what waits, for it will be checked anew; of replacements only those whose winner is gone.
    pub fn reset(&mut self) {
        self.lines.clear();
        self.count = 0;
        self.winners.retain(|_, winner| std::mem::take(&mut winner.seen));
    }

    /// The committed account of a line.
    pub fn account(&self, payer: &Address) -> Option<Account> {
        self.lines.get(payer).map(|line| line.account)
    }

    /// The nonce that an account's next transaction must carry, if transactions of it wait.
    pub fn next_nonce(&self, payer: &Address) -> Option<u64> {
        self.lines.get(payer).map(|line| line.account.nonce.saturating_add(line.txs.len() as u64))
    }

    fn line(&self, payer: &Address) -> &[Waiting] {
        self.lines.get(payer).map_or(&[], |line| &line.txs)
    }

    /// Finds a transaction's place in the line of its account, of which `account` is the committed record.
    ///
    /// # Errors
    /// [`Rejected`] when it has none: a nonce used, waiting or ahead of a gap, a place lost, or a full line.
    pub fn place(&mut self, account: &Account, verified: &VerifiedTx) -> Result<Place, Rejected> {
        let (payer, got) = (verified.payer(), verified.tx().nonce);
        self.hold(account, payer, got);
        let line = self.line(&payer);
        let expected = account.nonce.saturating_add(line.len() as u64);
        let Some(at) = got.checked_sub(account.nonce) else {
            return Err(Rejected::NonceTooLow { expected, got });
        };
        let place = usize::try_from(at).ok().filter(|&place| place <= line.len());
        let place = place.ok_or(Rejected::NonceTooHigh { expected, got })?;
        match line.get(place) {
            Some(old) if old.hash == verified.hash() && !old.held => Err(Rejected::WaitsAlready),
            Some(old) if old.hash != verified.hash() && old.held => Err(Rejected::Replaced),
            old => self.room(line, old, verified).map(|()| Place(place)),
        }
    }

    /// Holds the places of those at the end of a line, up to a nonce, that won theirs and have not come yet.
    fn hold(&mut self, account: &Account, payer: Address, up_to: u64) {
        let end = self.next_nonce(&payer).unwrap_or(account.nonce);
        // A nonce without a winner ends it, so it takes no longer than what is remembered.
        for nonce in end..=up_to {
            let Some(winner) = self.winners.get(&(payer, nonce)) else { break };
            let line = self.lines.entry(payer).or_insert(Line { account: *account, txs: Vec::new() });
            line.txs.push(Waiting { held: true, ..winner.waiting });
            self.count += 1;
        }
    }

    /// Checks that a line may take a transaction, in the place of an old one or at its end.
    fn room(&self, line: &[Waiting], old: Option<&Waiting>, verified: &VerifiedTx) -> Result<(), Rejected> {
        let (waiting, bytes) = (line.len(), line.iter().map(|tx| tx.bytes).sum::<u64>());
        let freed = old.map_or(0, |old| old.bytes);
        let after = bytes.saturating_sub(freed).saturating_add(verified.byte_len());
        let long = old.is_none() && waiting >= MAX_WAITING_OF_ONE;
        if long || after > MAX_WAITING_BYTES_OF_ONE {
            return Err(Rejected::TooManyWaiting { waiting: waiting as u64, bytes });
        }
        if old.is_none() && self.count >= MAX_WAITING {
            return Err(Rejected::MempoolFull { waiting: self.count as u64 });
        }
        Ok(())
    }

    /// The account as a transaction in a place may use it: without the money that the others of the line cost.
    pub fn left(&self, payer: &Address, account: Account, Place(place): Place) -> Account {
        let others = self.line(payer).iter().enumerate().filter(|(at, _)| *at != place);
        let left = others.fold(account.balance.0, |left, (_, tx)| left.saturating_sub(tx.cost.0));
        let nonce = account.nonce.saturating_add(place as u64);
        Account { balance: Amount(left), nonce }
    }

    /// Puts an admitted transaction into its place; `sent` is what it moves away besides its fee.
    ///
    /// # Errors
    /// [`Rejected::ReplacementTooCheap`] when the place is taken, and this one does not pay enough more.
    pub fn put(
        &mut self,
        account: Account,
        Place(place): Place,
        admitted: &Admitted,
        sent: Amount,
    ) -> Result<(), Rejected> {
        let (payer, fee, hash) = (admitted.payer(), admitted.fee(), admitted.hash());
        let cost = fee.checked_add(sent).unwrap_or(Amount(u128::MAX));
        let waiting = Waiting { hash, fee, cost, bytes: admitted.bytes(), held: false };
        let line = self.lines.entry(payer).or_insert(Line { account, txs: Vec::new() });
        match line.txs.get_mut(place) {
            Some(old) if old.hash == hash => {
                *old = waiting;
                self.winners.insert((payer, admitted.tx().nonce), Winner { waiting, seen: true });
            }
            Some(old) => {
                let needed = Amount(old.fee.0.saturating_add(old.fee.0.div_ceil(REPLACEMENT_PART)));
                if fee < needed {
                    return Err(Rejected::ReplacementTooCheap { needed, fee });
                }
                *old = waiting;
                self.winners.insert((payer, admitted.tx().nonce), Winner { waiting, seen: true });
            }
            None => {
                line.txs.push(waiting);
                self.count += 1;
            }
        }
        Ok(())
    }

    /// Forgets that a transaction had won its nonce, when it may not wait any more; what stands behind its place
    /// has a gap before it.
    pub fn refused(&mut self, verified: &VerifiedTx) {
        let (payer, nonce, hash) = (verified.payer(), verified.tx().nonce, verified.hash());
        if self.winners.get(&(payer, nonce)).is_none_or(|winner| winner.waiting.hash != hash) {
            return;
        }
        self.winners.remove(&(payer, nonce));
        let Some(line) = self.lines.get_mut(&payer) else { return };
        if let Some(place) = line.txs.iter().position(|tx| tx.hash == hash && tx.held) {
            self.count -= line.txs.len() - place;
            line.txs.truncate(place);
        }
    }
}
