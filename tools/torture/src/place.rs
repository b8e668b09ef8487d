//! Where a record is: its shard and its sequence number. Pure.

use std::fmt;

use anyhow::{Context, Result};

pub(crate) use shards::Shard;

/// Low decimal digits of a sequence number that are kept apart from the others.
const LOW_DIGITS: usize = 28;
const LOW_END: u128 = 10u128.pow(LOW_DIGITS as u32);

/// A sequence number, ordered as a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Sequence {
    high: u128,
    low: u128,
}

impl Sequence {
    pub(crate) fn parse(decimal: &str) -> Result<Self> {
        let split = decimal.len().saturating_sub(LOW_DIGITS);
        let is_decimal = decimal.bytes().all(|byte| byte.is_ascii_digit());
        let (high, low) = decimal.split_at_checked(split).context("no sequence number")?;
        let high = if high.is_empty() { Ok(0) } else { high.parse() };
        let parsed = high.ok().zip(low.parse().ok()).filter(|_| is_decimal);
        let (high, low) = parsed.with_context(|| format!("no sequence number: {decimal:?}"))?;
        Ok(Self { high, low })
    }

    /// Bits that differ between numbers.
    pub(crate) fn digest(self) -> u64 {
        let folded = self.high.wrapping_mul(LOW_END).wrapping_add(self.low);
        (folded >> 64) as u64 ^ folded as u64
    }
}

impl fmt::Display for Sequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.high {
            0 => write!(f, "{}", self.low),
            high => write!(f, "{high}{:028}", self.low),
        }
    }
}

/// Where a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) shard: Shard,
    pub(crate) sequence: Sequence,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}", self.shard, self.sequence)
    }
}

/// Where a record is, as an answer says it.
pub(crate) fn place(shard: &str, sequence: &str) -> Result<Place> {
    let place = Place { shard: Shard::parse(shard)?, sequence: Sequence::parse(sequence)? };
    Some(place).filter(|place| place.sequence.to_string() == sequence).context("zeros in front")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_order_as_numbers_and_print_as_they_came() {
        let texts = [
            "0",
            "7",
            "10",
            "9999999999999999999999999999",
            "10000000000000000000000000000",
            "49590338271490256608559692538361571095921575989136588898",
            "49590338271490256608559692538361571095921575989136588899",
        ];
        let numbers: Vec<_> =
            texts.iter().map(|text| Sequence::parse(text).expect("a number")).collect();
        assert!(numbers.is_sorted_by(|a, b| a < b));
        assert_eq!(numbers.iter().map(ToString::to_string).collect::<Vec<_>>(), texts);
        let digests: std::collections::BTreeSet<_> =
            numbers.iter().map(|number| number.digest()).collect();
        assert_eq!(digests.len(), texts.len());
        for text in ["", "-1", "+1", "1x", "495903382714902566085596925383615710959215759891365+8"]
        {
            assert!(Sequence::parse(text).is_err(), "{text}");
        }
    }
}
