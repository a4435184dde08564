//! Prices: the fee that follows from them, and how a block moves them.
//!
//! Units and bytes have a price each. A block that uses more than half of its budget makes the next one dearer, one
//! that uses less makes it cheaper, as EIP-1559 does; a change is bounded and there is a floor. Whole numbers only, in
//! 128 bits, and every rounding is up.

use crate::amount::Amount;
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// Prices are in uasy per this many units or bytes.
pub const PRICE_SCALE: u128 = 1_000_000;

/// The prices of a block: the record at `fee-market` is that of the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prices {
    /// uasy per million units.
    pub unit_price: u64,
    /// uasy per million bytes of transaction.
    pub byte_price: u64,
}

impl Prices {
    /// What a transaction must pay, without a tip: each part rounded up, in uasy. It cannot overflow: 2^64 times 2^64
    /// fits, and is divided before the parts are added.
    pub fn fee(&self, bytes: u64, units: u64) -> Amount {
        let units = u128::from(units) * u128::from(self.unit_price);
        let bytes = u128::from(bytes) * u128::from(self.byte_price);
        Amount(units.div_ceil(PRICE_SCALE) + bytes.div_ceil(PRICE_SCALE))
    }
}

/// The half of a budget at which a price stays as it is; at least 1.
pub fn target(budget: u64) -> u64 {
    (budget / 2).max(1)
}

/// The price after a block that used so much of a budget:
///
/// ```text
/// target = max(1, floor(budget / 2))
/// change = ceil(price * min(|used - target|, target) / (target * divisor))
/// next   = max(floor, price + change)   when used > target, at most 2^64 - 1
///          max(floor, price - change)   else
/// ```
///
/// So a full block raises a price by one part in `divisor`, an empty one lowers it by as much, and neither by less than
/// 1; a price that no block supports reaches its floor.
pub fn next_price(price: u64, floor: u64, used: u64, budget: u64, divisor: u32) -> u64 {
    let target = target(budget);
    let off = used.abs_diff(target).min(target);
    // Two factors below 2^64, and a divisor between 1 and 2^96.
    let change =
        (u128::from(price) * u128::from(off)).div_ceil(u128::from(target) * u128::from(divisor.max(1)));
    let change = u64::try_from(change).unwrap_or(u64::MAX);
    let moved = if used > target { price.saturating_add(change) } else { price.saturating_sub(change) };
    moved.max(floor)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_fee_is_rounded_up_part_by_part() {
        let prices = Prices { unit_price: 1, byte_price: 1 };
        assert_eq!(prices.fee(1, 1), Amount(2));
        assert_eq!(prices.fee(1_000_000, 1_000_001), Amount(3));
        assert_eq!(prices.fee(0, 0), Amount(0));
    }

    #[test]
    fn the_largest_fee_does_not_overflow() {
        let prices = Prices { unit_price: u64::MAX, byte_price: u64::MAX };
        assert!(prices.fee(u64::MAX, u64::MAX) > Amount(1 << 100));
    }

    #[test]
    fn prices_move_as_they_are_pinned() {
        // price, floor, used, budget, divisor, next
        let rows = [
            (1_000, 1, 50, 100, 8, 1_000),
            (1_000, 1, 100, 100, 8, 1_125),
            (1_000, 1, 0, 100, 8, 875),
            (1_000, 1, 75, 100, 8, 1_063),
            (1_000, 1, 25, 100, 8, 937),
            (1_000, 1, 51, 100, 8, 1_003),
            (1_000, 1_000, 0, 100, 8, 1_000),
            (1_000, 990, 0, 100, 8, 990),
            (1, 1, 100, 100, 8, 2),
            (2, 1, 0, 100, 8, 1),
            (u64::MAX, 1, 100, 100, 8, u64::MAX),
            (u64::MAX, 1, 0, 100, 8, u64::MAX - (1 << 61)),
            (1_000, 1, 3, 3, 8, 1_125),
            (1_000, 1, 0, 0, 8, 875),
            (1_000, 1, 100, 100, 0, 2_000),
        ];
        for (price, floor, used, budget, divisor, next) in rows {
            let got = next_price(price, floor, used, budget, divisor);
            assert_eq!(got, next, "{price} {floor} {used} {budget} {divisor}");
        }
    }

    #[test]
    fn a_price_that_nobody_supports_reaches_its_floor() {
        let mut price = u64::MAX;
        for _ in 0..400 {
            price = next_price(price, 3, 0, 1_000, 8);
        }
        assert_eq!(price, 3);
    }

    proptest! {
        #[test]
        fn a_price_moves_by_a_bounded_part_and_never_below_its_floor(
            (price, floor) in any::<(u64, u64)>(), (used, budget) in any::<(u64, u64)>(), divisor in 1..2_000u32,
        ) {
            let price = price.max(floor);
            let next = next_price(price, floor, used, budget, divisor);
            prop_assert!(next >= floor);
            prop_assert!(next.abs_diff(price) <= price.div_ceil(u64::from(divisor)));
            let target = target(budget);
            prop_assert!(used <= target || next > price || price == u64::MAX || price == 0);
            prop_assert!(used >= target || next < price || price == floor);
            prop_assert!(used != target || next == price);
        }

        #[test]
        fn a_fuller_block_never_makes_a_cheaper_one(
            price in any::<u64>(), used in any::<u64>(), more in any::<u64>(), budget in any::<u64>(),
        ) {
            let (less, more) = (used.min(more), used.max(more));
            let next = |used| next_price(price, 1, used, budget, 8);
            prop_assert!(next(less) <= next(more));
        }
    }
}
