//! Amounts of money: whole `uasy`, checked arithmetic, a text form.
//!
//! 1 ASY is 10^6 uasy. There is no fraction of a uasy, and nothing here wraps or saturates.

use borsh::{BorshDeserialize, BorshSerialize};
use std::fmt;
use std::str::FromStr;

/// uasy in one ASY.
pub const UASY_PER_ASY: u128 = 1_000_000;

/// An amount in uasy.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
pub struct Amount(pub u128);

/// A text that is no amount.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an amount: write 1500000, 1500000uasy or 1.5asy")]
pub struct ParseAmountError(String);

impl Amount {
    /// Nothing.
    pub const ZERO: Amount = Amount(0);

    /// The sum, or `None` on overflow.
    pub fn checked_add(self, other: Amount) -> Option<Amount> {
        self.0.checked_add(other.0).map(Amount)
    }

    /// The difference, or `None` when `other` is more.
    pub fn checked_sub(self, other: Amount) -> Option<Amount> {
        self.0.checked_sub(other.0).map(Amount)
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl FromStr for Amount {
    type Err = ParseAmountError;

    /// Reads whole uasy (`1500`, `1500uasy`) or ASY with at most six decimals (`1.5asy`).
    fn from_str(text: &str) -> Result<Self, ParseAmountError> {
        let error = || ParseAmountError(text.chars().take(60).collect());
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        let lower = text.to_ascii_lowercase();
        if let Some(whole) = lower.strip_suffix("uasy").or_else(|| digits(&lower).then_some(&lower)) {
            return whole.trim_end().parse().map(Amount).map_err(|_| error());
        }
        let number = lower.strip_suffix("asy").ok_or_else(error)?.trim_end();
        let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
        if !digits(whole) || !digits(fraction) || fraction.len() > 6 {
            return Err(error());
        }
        let whole: u128 = whole.parse().map_err(|_| error())?;
        let fraction: u128 = format!("{fraction:0<6}").parse().map_err(|_| error())?;
        let uasy = whole.checked_mul(UASY_PER_ASY).and_then(|uasy| uasy.checked_add(fraction));
        uasy.map(Amount).ok_or_else(error)
    }
}

impl serde::Serialize for Amount {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Amount {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <String as serde::Deserialize>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_units_are_read() {
        assert_eq!("1.5asy".parse(), Ok(Amount(1_500_000)));
        assert_eq!("15uasy".parse(), Ok(Amount(15)));
        assert_eq!("15".parse(), Ok(Amount(15)));
        assert_eq!("2 ASY".parse(), Ok(Amount(2_000_000)));
    }

    #[test]
    fn a_fraction_of_a_uasy_is_refused() {
        for text in [
            "1.0000001asy",
            "1.5",
            "-1",
            "",
            "asy",
            ".5asy",
            "1.asy",
            "340282366920938463463374607431768211455asy",
        ] {
            assert!(text.parse::<Amount>().is_err(), "{text}");
        }
    }
}
