//! What storage asks of the layer above it.

use crate::format::run::MemRun;
use anabranch_model::ShardKey;
use anabranch_model::retention::RetentionClass;

/// Records of a shard that are deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeletedRange {
    /// The shard.
    pub shard: ShardKey,
    /// Index of the first one, and that after the last one.
    pub indices: (u64, u64),
    /// Arrival time of the last one, epoch milliseconds.
    pub last_ms: u64,
}

impl DeletedRange {
    /// From one run of the shard to another.
    pub(crate) fn of(shard: ShardKey, first: &MemRun, last: &MemRun) -> Self {
        let indices = (first.first_index, last.end_index());
        Self { shard, indices, last_ms: last.arrival_ms }
    }
}

/// Why records are deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deletion {
    /// They have expired, or their shard is gone: nobody can read them.
    Unreadable,
    /// They are the oldest ones, and the memory for records is full.
    MemoryFull,
}

/// The machines of a cell, as storage needs them. Called from the maintenance thread.
pub trait Host: Send + Sync + 'static {
    /// The class whose segment gets the shard's records. `None`: the shard is gone.
    fn retention_class(&self, shard: ShardKey) -> Option<RetentionClass>;

    /// Arrival time in epoch milliseconds below which the shard's records are expired.
    /// `None`: the shard is gone.
    fn trim_horizon_ms(&self, shard: ShardKey) -> Option<u64>;

    /// Counts up whenever shards have gone, so that segments may have no reader any more.
    fn dropped_shards(&self) -> u64;

    /// These records are deleted, and why: for the log.
    fn deleting(&self, why: Deletion, ranges: &[DeletedRange]);

    /// The machines' state and the number of a command: it holds all up to this one, and maybe more.
    fn snapshot(&self) -> (u64, Vec<u8>);
}
