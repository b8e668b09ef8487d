//! Shards: their family and their life.

use crate::hash_key::HashKeyRange;
use crate::sequence_number::{INDEX_CLOSED, SequenceNumber};
use crate::shard_id::ShardId;

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
