//! An account's record in state.

use crate::amount::Amount;
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// What an account has, and the nonce that its next transaction must carry.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
pub struct Account {
    /// Money.
    pub balance: Amount,
    /// The number of transactions taken so far, and so the next one's nonce.
    pub nonce: u64,
}
