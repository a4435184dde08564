//! Consensus parameters, and the fee that follows from them.
//!
//! Every price is known before anything runs: the units of a transaction follow from its messages and the records
//! of the models that it names, the fee from its units and bytes.

use crate::amount::Amount;
use crate::error::Rejected;
use crate::message::Message;
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// Prices are in uasy per this many units or bytes.
pub const PRICE_SCALE: u128 = 1_000_000;

/// Units of checking and storing any transaction.
pub const TX_UNITS: u64 = 200_000;
/// Units of a message that touches a record or two.
pub const RECORD_UNITS: u64 = 20_000;
/// Units per byte of a chunk: hashing it and writing it.
pub const CHUNK_UNITS_PER_BYTE: u64 = 2;
/// Fuel of the sandbox that costs one unit.
pub const FUEL_PER_UNIT: u64 = 8;

/// The consensus parameters in state.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// uasy per million units.
    pub unit_price: u64,
    /// uasy per million bytes of transaction.
    pub byte_price: u64,
    /// Units of one block; one unit is about a nanosecond of one core of the reference machine.
    pub max_block_units: u64,
    /// Inferences of one block.
    pub max_block_inferences: u32,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            unit_price: 1_000,
            byte_price: 100_000,
            max_block_units: 1_000_000_000,
            max_block_inferences: 1_000,
        }
    }
}

impl Params {
    /// The fee of a transaction: each part rounded up, in uasy. It cannot overflow: 2^64 times 2^64 fits.
    pub fn fee(&self, bytes: u64, units: u64) -> Amount {
        let units = u128::from(units) * u128::from(self.unit_price);
        let bytes = u128::from(bytes) * u128::from(self.byte_price);
        Amount(units.div_ceil(PRICE_SCALE) + bytes.div_ceil(PRICE_SCALE))
    }
}

/// Units of a transaction, given the units of one inference of each model that it names.
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

    #[test]
    fn a_fee_is_rounded_up_part_by_part() {
        let params = Params { unit_price: 1, byte_price: 1, ..Params::default() };
        assert_eq!(params.fee(1, 1), Amount(2));
        assert_eq!(params.fee(1_000_000, 1_000_001), Amount(3));
        assert_eq!(params.fee(0, 0), Amount(0));
    }

    #[test]
    fn the_largest_fee_does_not_overflow() {
        let params = Params { unit_price: u64::MAX, byte_price: u64::MAX, ..Params::default() };
        assert!(params.fee(u64::MAX, u64::MAX) > Amount(1 << 100));
    }
}
