//! Consensus parameters, and the units of a transaction.
//!
//! Every price is known before anything runs: the units of a transaction follow from its messages, the records of the
//! models that it names and the hot set before the block, the fee from its units and bytes
//! ([`Prices::fee`]).

use crate::amount::Amount;
use crate::error::Rejected;
use crate::fees::Prices;
use crate::limits::{MAX_BLOCK_BYTES, MAX_VALUE_BYTES};
use crate::message::Message;
use crate::receipt::RECEIPT_ID_BYTES;
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// Units of checking and storing any transaction.
pub const TX_UNITS: u64 = 200_000;
/// Units of a message that touches a record or two.
pub const RECORD_UNITS: u64 = 20_000;
/// Units per byte of a chunk: hashing it and writing it.
pub const CHUNK_UNITS_PER_BYTE: u64 = 2;
/// Fuel of the sandbox that costs one unit.
pub const FUEL_PER_UNIT: u64 = 8;

/// What [`Params::max_block_inferences`] may be at most: the list of a block's receipts is one value of the tree.
pub const MAX_BLOCK_INFERENCES: u32 = 7_000;

const _: () = assert!(4 + MAX_BLOCK_INFERENCES as usize * RECEIPT_ID_BYTES <= MAX_VALUE_BYTES);

/// The consensus parameters in state.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// The prices of the first block.
    pub initial_prices: Prices,
    /// What no price falls below.
    pub min_prices: Prices,
    /// A price changes by at most one part in this many from one block to the next.
    pub price_change_divisor: u32,
    /// Bytes of the transactions of one block, each with its protobuf field; at most CometBFT's `block.max_bytes`.
    pub max_block_bytes: u64,
    /// Units of one block; one unit is about a nanosecond of one core of the reference machine.
    pub max_block_units: u64,
    /// Inferences of one block.
    pub max_block_inferences: u32,
    /// Bytes of plans that the hot set holds.
    pub hot_set_bytes: u64,
    /// Blocks after which a receipt leaves the state.
    pub receipt_blocks: u64,
    /// uasy that a publisher deposits for every byte of a model's file, until the model is retired.
    pub deposit_per_byte: u64,
    /// Blocks from a model's retirement until its chunks are deleted, unless another model has them too.
    pub chunk_delay_blocks: u64,
}

impl Params {
    /// What a publisher deposits for a file of `size` bytes.
    pub fn deposit(&self, size: u64) -> Amount {
        Amount(u128::from(size) * u128::from(self.deposit_per_byte))
    }
}

impl Default for Params {
    fn default() -> Self {
        let prices = Prices { unit_price: 1_000, byte_price: 100_000 };
        Self {
            initial_prices: prices,
            min_prices: prices,
            price_change_divisor: 8,
            max_block_bytes: MAX_BLOCK_BYTES as u64,
            max_block_units: 1_000_000_000,
            max_block_inferences: 1_000,
            hot_set_bytes: 512 * 1024 * 1024,
            receipt_blocks: 2_592_000,
            deposit_per_byte: 1,
            chunk_delay_blocks: 100_000,
        }
    }
}

/// Units of a transaction. `infer_units` is asked for each inference in order, and answers the units of running the
/// model, with those of loading it where this inference pays for that.
///
/// # Errors
/// What `infer_units` answers, and [`Rejected::TooManyUnits`] when the sum overflows.
pub fn tx_units(
    messages: &[Message],
    mut infer_units: impl FnMut(&crate::message::Infer) -> Result<u64, Rejected>,
) -> Result<u64, Rejected> {
    let mut total = TX_UNITS;
    for message in messages {
        let units = match message {
            Message::Transfer(_) | Message::PublishModel(_) | Message::RetireModel(_) => RECORD_UNITS,
            Message::UploadChunk(chunk) => RECORD_UNITS + CHUNK_UNITS_PER_BYTE * chunk.bytes.len() as u64,
            Message::SealModel(seal) => RECORD_UNITS + seal.max_fuel.div_ceil(FUEL_PER_UNIT),
            Message::Infer(infer) => {
                RECORD_UNITS.checked_add(infer_units(infer)?).ok_or(Rejected::TooManyUnits)?
            }
        };
        total = total.checked_add(units).ok_or(Rejected::TooManyUnits)?;
    }
    Ok(total)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::Address;
    use crate::hash::ModelId;
    use crate::message::{Infer, Transfer};

    #[test]
    fn a_transaction_has_the_units_of_its_messages_and_its_own() {
        let transfer = Message::Transfer(Transfer { to: Address([1; 32]), amount: Amount(1) });
        let infer =
            Message::Infer(Infer { model: ModelId([1; 32]), inputs: vec![], expect_output_hash: None });
        let units = tx_units(&[transfer, infer.clone(), infer], |_| Ok(7));
        assert_eq!(units, Ok(TX_UNITS + 3 * RECORD_UNITS + 14));
    }

    #[test]
    fn a_deposit_follows_from_the_size_and_cannot_overflow() {
        let mut params = Params::default();
        assert_eq!(params.deposit(1_000), Amount(1_000));
        params.deposit_per_byte = u64::MAX;
        assert_eq!(params.deposit(u64::MAX).0, u128::from(u64::MAX) * u128::from(u64::MAX));
    }

    #[test]
    fn units_that_overflow_are_too_many() {
        let infer =
            Message::Infer(Infer { model: ModelId([1; 32]), inputs: vec![], expect_output_hash: None });
        assert_eq!(tx_units(&[infer], |_| Ok(u64::MAX)), Err(Rejected::TooManyUnits));
    }
}
