//! The fee market: the prices of the next block, in state, moved at the end of every block.
//!
//! All transactions of a block pay the prices that the state before it holds, so a price is known before
//! anything is signed. Units and bytes are those that the block's transactions paid for: the claim, for which
//! nobody pays, counts for neither.

use crate::fatal::Fatal;
use assay_store::{Overlay, Read, ReadExt};
use assay_types::fees::{Prices, next_price};
use assay_types::params::Params;
use assay_types::path;
use borsh::{BorshDeserialize, BorshSerialize};

/// What a block used, and at which prices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(crate) struct Used {
    pub prices: Prices,
    /// Units of its transactions.
    pub units: u64,
    /// Bytes of its transactions.
    pub bytes: u64,
}

/// The prices of the next block.
pub(crate) fn prices(state: &dyn Read) -> Result<Prices, Fatal> {
    state.read(path::FEE_MARKET)?.ok_or(Fatal::NoChain)
}

/// The prices after a block.
pub(crate) fn next(params: &Params, used: &Used) -> Prices {
    let (now, min, divisor) = (&used.prices, &params.min_prices, params.price_change_divisor);
    Prices {
        unit_price: next_price(now.unit_price, min.unit_price, used.units, params.max_block_units, divisor),
        byte_price: next_price(now.byte_price, min.byte_price, used.bytes, params.max_block_bytes, divisor),
    }
}

/// Moves the prices after a block; prices that stay are not written.
pub(crate) fn update(state: &mut Overlay<'_>, params: &Params, used: &Used) {
    let next = next(params, used);
    if next != used.prices {
        state.write(path::FEE_MARKET.to_vec(), &next);
    }
}
