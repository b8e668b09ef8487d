//! Shards: their identity, their family and their life.

use crate::hash_key::HashKeyRange;
use crate::sequence_number::{INDEX_CLOSED, SequenceNumber};
use std::fmt;

/// A shard's name within its stream: a number counted from 0 that is never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShardId(pub u32);

impl ShardId {
    /// Reads the id out of a request as the service does.
    ///
    /// The text after the first `-` counts (all of it when there is none), as a decimal in
    /// 0..=2147483647: `0`, `x-0` and `shardId-000000000000` name the same shard.
    #[must_use]
    pub fn parse_lenient(text: &str) -> Option<Self> {
        let digits = text.split_once('-').map_or(text, |(_, rest)| rest);
        let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        let number: u32 = plain.then(|| digits.parse().ok()).flatten()?;
        i32::try_from(number).ok().map(|_| Self(number))
    }

    /// The name in ASCII: `shardId-` and twelve digits. Every stored record is answered with one.
    #[must_use]
    pub fn name(self) -> [u8; SHARD_NAME_BYTES] {
        let mut name = *b"shardId-000000000000";
        let mut rest = self.0;
        for digit in name.iter_mut().rev() {
            if rest == 0 {
                break;
            }
            *digit = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
        name
    }
}

/// Length of a shard's name.
pub const SHARD_NAME_BYTES: usize = 20;

impl fmt::Display for ShardId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&self.name()).expect("ASCII"))
    }
}

/// A shard's identity within a cell, for ever: the number of the stream's incarnation and the
/// shard's index in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShardKey(pub u64);

impl ShardKey {
    /// Joins the two numbers.
    #[must_use]
    pub fn new(stream: u32, shard: ShardId) -> Self {
        Self(u64::from(stream) << 32 | u64::from(shard.0))
    }

    /// The number of the stream's incarnation.
    #[must_use]
    pub fn stream(self) -> u32 {
        (self.0 >> 32) as u32
    }

    /// The shard within the stream.
    #[must_use]
    pub fn shard(self) -> ShardId {
        ShardId(self.0 as u32)
    }
}

/// Where and when a shard was closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closed {
    /// Every record of the shard has a lower index than this.
    pub end_index: u64,
    /// When it was closed, epoch milliseconds.
    pub at_ms: u64,
}

/// One shard of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shard {
    /// The shard's name.
    pub id: ShardId,
    /// The hash keys it owns.
    pub range: HashKeyRange,
    /// Creation time that its sequence numbers carry, epoch seconds. Higher than that of its
    /// parents and than the second in which they were closed, so it may lie in the future.
    pub created_secs: u64,
    /// From when on it was open, epoch milliseconds: right after its parents were closed.
    pub opened_ms: u64,
    /// The shard that was split, or the lower one that was merged.
    pub parent: Option<ShardId>,
    /// The upper one that was merged.
    pub adjacent_parent: Option<ShardId>,
    /// Set once no record can be added any more.
    pub closed: Option<Closed>,
}

impl Shard {
    /// The number of the record with `index` that arrived at `arrival_ms`.
    #[must_use]
    pub fn sequence_number(&self, index: u64, arrival_ms: u64) -> SequenceNumber {
        SequenceNumber::new(self.created_secs, self.id, index, arrival_ms)
    }

    /// The number from which the shard counts.
    #[must_use]
    pub fn starting_sequence_number(&self) -> SequenceNumber {
        self.sequence_number(0, self.created_secs * 1000)
    }

    /// The number that closes the shard; higher than all of its records.
    #[must_use]
    pub fn ending_sequence_number(&self) -> Option<SequenceNumber> {
        self.closed.map(|closed| self.sequence_number(INDEX_CLOSED, closed.at_ms))
    }

    /// Whether it was closed before this time, epoch milliseconds.
    #[must_use]
    pub fn is_closed_before(&self, ms: u64) -> bool {
        self.closed.is_some_and(|closed| closed.at_ms < ms)
    }

    /// Whether records can be added.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.closed.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_ids_as_leniently_as_the_service() {
        for text in ["0", "x-0", "shard-000", "shardId-000000000000"] {
            assert_eq!(ShardId::parse_lenient(text), Some(ShardId(0)), "{text}");
        }
        assert_eq!(ShardId::parse_lenient("shardId-2147483647"), Some(ShardId(2_147_483_647)));
        for text in ["", "-", "x", "shardId-2147483648", "a-b-1", "shardId-+1", "shardId-1 "] {
            assert_eq!(ShardId::parse_lenient(text), None, "{text}");
        }
        assert_eq!(ShardId(7).to_string(), "shardId-000000000007");
    }
}
