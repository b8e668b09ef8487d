//! How far a shard was read.

use std::cmp::Ordering;
use std::fmt;

/// Digits that a sequence number has at most; the service's have 56.
pub const SEQUENCE_DIGITS_MAX: usize = 128;

/// A sequence number as any service may give it: decimal digits, ordered as a number.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SequenceDigits(Box<str>);

impl SequenceDigits {
    /// Reads 1 to [`SEQUENCE_DIGITS_MAX`] decimal digits. Zeros in front are left out.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let is_number = (1..=SEQUENCE_DIGITS_MAX).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_digit());
        let significant = text.trim_start_matches('0');
        let digits = if significant.is_empty() { "0" } else { significant };
        is_number.then(|| Self(digits.into()))
    }

    /// The digits, without zeros in front.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Ord for SequenceDigits {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.len().cmp(&other.0.len()).then_with(|| self.0.cmp(&other.0))
    }
}

impl PartialOrd for SequenceDigits {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// A user record: the record in the shard, and its place in that record if it is an aggregate.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The record in the shard.
    pub sequence: SequenceDigits,
    /// Index within the aggregate; 0 for a record that is none.
    pub sub_sequence: u64,
}

/// How far a shard was read: what comes after it is still to be read.
///
/// The order is the library's, and total: sentinels before all records, the end after them.
/// A row does not have the time that [`Checkpoint::AtTimestamp`] stands for: it is a setting.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Checkpoint {
    /// Nothing was read; to be read from a time on.
    AtTimestamp,
    /// Nothing was read; to be read from the oldest record on.
    TrimHorizon,
    /// Nothing was read; to be read from the newest record on.
    Latest,
    /// Everything up to this user record, with it.
    Read(Place),
    /// Everything, and nothing will come.
    ShardEnd,
}

impl Checkpoint {
    /// Up to a record, and one user record in it.
    #[must_use]
    pub fn read(sequence: SequenceDigits, sub_sequence: u64) -> Self {
        Self::Read(Place { sequence, sub_sequence })
    }

    /// Reads what a row has. A sentinel's sub-sequence number means nothing.
    ///
    /// `None` if the text is neither a sentinel nor a number.
    #[must_use]
    pub fn parse(text: &str, sub_sequence: u64) -> Option<Self> {
        Some(match text {
            "AT_TIMESTAMP" => Self::AtTimestamp,
            "TRIM_HORIZON" => Self::TrimHorizon,
            "LATEST" => Self::Latest,
            "SHARD_END" => Self::ShardEnd,
            digits => Self::read(SequenceDigits::parse(digits)?, sub_sequence),
        })
    }

    /// The text of a row.
    #[must_use]
    pub fn text(&self) -> &str {
        match self {
            Self::AtTimestamp => "AT_TIMESTAMP",
            Self::TrimHorizon => "TRIM_HORIZON",
            Self::Latest => "LATEST",
            Self::Read(place) => place.sequence.as_str(),
            Self::ShardEnd => "SHARD_END",
        }
    }

    /// The sub-sequence number of a row: 0 with a sentinel.
    #[must_use]
    pub fn sub_sequence(&self) -> u64 {
        match self {
            Self::Read(place) => place.sub_sequence,
            _ => 0,
        }
    }

    /// Whether a child that stands here has begun, so that its parent is not needed any more.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        !matches!(self, Self::TrimHorizon | Self::AtTimestamp)
    }
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(place) => write!(f, "{}:{}", place.sequence.as_str(), place.sub_sequence),
            sentinel => f.write_str(sentinel.text()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_checkpoint() -> impl Strategy<Value = Checkpoint> {
        prop_oneof![
            Just(Checkpoint::AtTimestamp),
            Just(Checkpoint::TrimHorizon),
            Just(Checkpoint::Latest),
            Just(Checkpoint::ShardEnd),
            (0u128..2000, 0u64..3).prop_map(|(number, sub)| {
                let digits = SequenceDigits::parse(&number.to_string()).expect("digits");
                Checkpoint::read(digits, sub)
            }),
            (any::<u128>(), any::<u64>()).prop_map(|(number, sub)| {
                let digits = SequenceDigits::parse(&number.to_string()).expect("digits");
                Checkpoint::read(digits, sub)
            }),
        ]
    }

    /// The order by the library's rule: sentinels are small numbers, the end is above all.
    fn rank(checkpoint: &Checkpoint) -> (i8, u128, u64) {
        match checkpoint {
            Checkpoint::AtTimestamp => (-3, 0, 0),
            Checkpoint::TrimHorizon => (-2, 0, 0),
            Checkpoint::Latest => (-1, 0, 0),
            Checkpoint::Read(place) => {
                (0, place.sequence.as_str().parse().expect("a number"), place.sub_sequence)
            }
            Checkpoint::ShardEnd => (1, 0, 0),
        }
    }

    proptest! {
        #[test]
        fn the_order_is_that_of_numbers(a in any_checkpoint(), b in any_checkpoint()) {
            prop_assert_eq!(a.cmp(&b), rank(&a).cmp(&rank(&b)));
        }

        #[test]
        fn what_is_written_is_read_again(checkpoint in any_checkpoint()) {
            let read = Checkpoint::parse(checkpoint.text(), checkpoint.sub_sequence());
            prop_assert_eq!(read, Some(checkpoint));
        }
    }

    #[test]
    fn zeros_in_front_change_nothing() {
        assert_eq!(Checkpoint::parse("0007", 1), Checkpoint::parse("7", 1));
        assert_eq!(Checkpoint::parse("000", 0), Checkpoint::parse("0", 0));
    }

    #[test]
    fn refuses_what_is_no_position() {
        let long = "1".repeat(SEQUENCE_DIGITS_MAX + 1);
        for text in ["", " 1", "-1", "1.0", "trim_horizon", "SHARD_ENDED", long.as_str()] {
            assert_eq!(Checkpoint::parse(text, 0), None, "{text}");
        }
        assert_eq!(Checkpoint::parse("SHARD_END", 7), Some(Checkpoint::ShardEnd));
    }
}
